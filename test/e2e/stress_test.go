package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/gobuild"
	"visitplannr/internal/local/faults"
	"visitplannr/internal/local/lambda"
	"visitplannr/test/check"
	"visitplannr/test/enginetest"
)

// docs/reliability.md tells how to run it at full size, and what came out.
var (
	proposals  = flag.Int("proposals", 200, "how many proposals TestNothingLostNothingTwice sends")
	clients    = flag.Int("clients", 16, "how many clients send them side by side")
	seed       = flag.Uint64("seed", 1, "decides which proposals and faults there are")
	engineName = flag.String("engine", enginetest.Embedded.Name, "the engine: embedded or dynoxide")
)

// The bad day: how often each fault meets a write.
var rates = faults.Spec{
	{Kind: faults.Throttled, Rate: 0.06},
	{Kind: faults.InternalError, Rate: 0.02},
	{Kind: faults.InternalErrorAfter, Rate: 0.02},
	{Kind: faults.Unavailable, Rate: 0.01},
	{Kind: faults.BadGateway, Rate: 0.01},
	{Kind: faults.DropBefore, Rate: 0.03},
	{Kind: faults.DropAfter, Rate: 0.03},
	{Kind: faults.Cut, Rate: 0.01},
	{Kind: faults.Slow, Rate: 0.05},
	{Kind: faults.Hang, Rate: 0.002},
	{Kind: faults.Crash, Rate: 0.01},
}

const (
	stressTimeout = 3 * time.Second // of an invocation, so that one that hangs is soon over
	mostAttempts  = 100             // of one client at one proposal
)

// A sending is what one client did with one proposal until it was answered.
type sending struct {
	attempts []answer // the last one alone is no 503
}

// A proposal is sent by one client, or, as after a double click, by two at once.
type proposal struct {
	name      string
	latitude  float64
	longitude float64
	key       string // empty: none
	sendings  []sending
}

func (p *proposal) body() string {
	return fmt.Sprintf(`{"name":%q,"geolocation":{"latitude":%v,"longitude":%v}}`, p.name, p.latitude, p.longitude)
}

// TestNothingLostNothingTwice sends proposals to the real bootstrap, in processes
// that are killed at random, on an engine behind a proxy that injects faults. Each
// client repeats each proposal until it is answered, and then the table has to
// agree with the answers.
func TestNothingLostNothingTwice(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the function")
	}
	if *proposals < 1 || *clients < 1 {
		t.Fatalf("-proposals %d, -clients %d: both must be at least 1", *proposals, *clients)
	}
	s, runtime := stressed(t)
	work := drawProposals()

	began := time.Now()
	queue := make(chan *proposal)
	var group sync.WaitGroup
	for range *clients {
		group.Go(func() {
			for p := range queue {
				p.send(t, s)
			}
		})
	}
	for _, p := range work {
		queue <- p
	}
	close(queue)
	group.Wait()
	took := time.Since(began)
	if err := runtime.Close(); err != nil {
		t.Errorf("close the function: %v", err)
	}

	tally := settle(t, work, s.stored())
	tally.print(t, s, took)
}

// stressed starts the system with the real bootstrap behind the Runtime API.
func stressed(t *testing.T) (*system, *lambda.Runtime) {
	t.Helper()
	i := slices.IndexFunc(enginetest.All(), func(e enginetest.Engine) bool { return e.Name == *engineName })
	if i < 0 {
		t.Fatalf("-engine is %q, and there is no such engine", *engineName)
	}
	s := behindProxy(t, enginetest.All()[i].Start(t), faults.Always(faults.None))

	root := check.Value(gobuild.ModuleRoot("."))(t)
	bootstrap := check.Value(gobuild.Function(t.Context(), root, "propose-destination", filepath.Join(t.TempDir(), "build"), gobuild.Host()))(t)
	var env []string
	for name, value := range environment(s.proxy.URL(), s.table) {
		env = append(env, name+"="+value)
	}
	runtime := check.Value(lambda.New(lambda.Config{Bootstrap: bootstrap, Env: env, Timeout: stressTimeout, Logs: io.Discard}))(t)
	t.Cleanup(func() { _ = runtime.Close() }) // a second time, unless the test broke off
	s.serve(runtime)

	s.proxy.Use(faults.Random(*seed, rates...))
	s.proxy.Kills(runtime.Kill)
	return s, runtime
}

// drawProposals returns proposals with names of their own: two of three with a
// key, and one in ten of those sent twice at once.
func drawProposals() []*proposal {
	random := rand.New(rand.NewPCG(*seed, 2))
	work := make([]*proposal, *proposals)
	for i := range work {
		p := &proposal{
			name:      fmt.Sprintf("Place %d", i),
			latitude:  float64(random.IntN(180_000_001)-90_000_000) / 1e6,
			longitude: float64(random.IntN(360_000_001)-180_000_000) / 1e6,
			sendings:  make([]sending, 1),
		}
		if i%3 != 0 {
			p.key = fmt.Sprintf("key-%d", i)
			if random.IntN(10) == 0 {
				p.sendings = make([]sending, 2)
			}
		}
		work[i] = p
	}
	return work
}

// send sends the proposal until every one of its senders is answered for good.
func (p *proposal) send(t *testing.T, s *system) {
	var group sync.WaitGroup
	for i := range p.sendings {
		group.Go(func() {
			for range mostAttempts {
				got, err := s.post(p.body(), p.key)
				if err != nil {
					t.Errorf("%s: an answer was lost: %v", p.name, err)
					return
				}
				p.sendings[i].attempts = append(p.sendings[i].attempts, got)
				if got.status != http.StatusServiceUnavailable {
					return
				}
			}
			t.Errorf("%s: not answered in %d attempts", p.name, mostAttempts)
		})
	}
	group.Wait()
}

// A tally is what answers and table came to.
type tally struct {
	proposals, keyed, doubled int
	answers                   map[int]int // by status
	replays                   int
	stored                    int
	acknowledged              int // stored events that a 200 stands for
	explained                 int // stored events of an attempt without a key that got 503
	repeated                  int // proposals that needed more than one attempt
}

// settle holds the answers against the table.
func settle(t *testing.T, work []*proposal, events []eventstore.Event) tally {
	t.Helper()
	result := tally{proposals: len(work), answers: map[int]int{}, stored: len(events)}
	byName := map[string][]eventstore.Event{}
	for _, event := range events {
		name := data(t, event).Name
		byName[name] = append(byName[name], event)
	}
	for _, p := range work {
		result.settle(t, p, byName[p.name])
		delete(byName, p.name)
	}
	for name := range byName {
		t.Errorf("%q is stored, and nobody proposed it", name)
	}
	if result.acknowledged+result.explained != result.stored {
		t.Errorf("%d events are acknowledged and %d explained, of %d stored", result.acknowledged, result.explained, result.stored)
	}
	return result
}

func (r *tally) settle(t *testing.T, p *proposal, stored []eventstore.Event) {
	t.Helper()
	if p.key != "" {
		r.keyed++
	}
	if len(p.sendings) > 1 {
		r.doubled++
	}
	causes := map[string]eventstore.Event{} // by the request that stored it
	for _, event := range stored {
		if got := data(t, event); got.Geolocation.Latitude != p.latitude || got.Geolocation.Longitude != p.longitude {
			t.Errorf("%s is stored as %s, want %s", p.name, event.Data, p.body())
		}
		if other, twice := causes[event.CausationID]; twice {
			t.Errorf("%s: request %s is stored twice: %s and %s", p.name, event.CausationID, other.ID, event.ID)
		}
		causes[event.CausationID] = event
	}
	if p.key != "" && len(stored) != 1 {
		t.Errorf("%s has a key and is stored %d times, want once", p.name, len(stored))
		return
	}

	acknowledged := map[eventstore.ID]bool{}
	for _, sending := range p.sendings {
		if len(sending.attempts) > 1 {
			r.repeated++
		}
		for _, got := range sending.attempts {
			r.answers[got.status]++
			event, wrote := causes[got.requestID]
			switch got.status {
			case http.StatusServiceUnavailable:
				if !strings.Contains(got.body, contract.ProblemUnavailable.Type) || !strings.Contains(got.body, contract.Instance(got.requestID)) {
					t.Errorf("%s: 503 with %s, want a problem of the request %s", p.name, got.body, got.requestID)
				}
				if wrote {
					delete(causes, got.requestID)
					if p.key == "" {
						r.explained++
					}
				}
			case http.StatusOK:
				if p.key != "" {
					event = stored[0]
				}
				if p.key == "" && !wrote {
					t.Errorf("%s: request %s was acknowledged and is not stored", p.name, got.requestID)
					continue
				}
				if got.replayed {
					r.replays++
				}
				if got.replayed == wrote {
					t.Errorf("%s: request %s wrote the event: %t, and is called a replay: %t", p.name, got.requestID, wrote, got.replayed)
				}
				if want := receiptOf(event); got.body != want {
					t.Errorf("%s: acknowledged with %s, and stored is %s", p.name, got.body, want)
				}
				acknowledged[event.ID] = true
				delete(causes, got.requestID)
			default:
				t.Errorf("%s: got %d %s, want 200 or 503", p.name, got.status, got.body)
			}
		}
	}
	r.acknowledged += len(acknowledged)
	for request, event := range causes {
		t.Errorf("%s: event %s was caused by request %s, which nobody sent", p.name, event.ID, request)
	}
}

type place struct {
	Name        string
	Geolocation struct{ Latitude, Longitude float64 }
}

func data(t *testing.T, event eventstore.Event) place {
	t.Helper()
	var p place
	if err := json.Unmarshal(event.Data, &p); err != nil {
		t.Errorf("data of %s: %v", event.ID, err)
	}
	return p
}

func receiptOf(e eventstore.Event) string {
	encoded, err := json.Marshal(contract.Receipt{
		Status: contract.StatusOK, StreamName: e.StreamName.String(), EventID: e.ID.String(),
		CorrelationID: e.CorrelationID, Timestamp: e.Timestamp.String(),
	})
	if err != nil {
		return err.Error()
	}
	return string(encoded)
}

func (r *tally) print(t *testing.T, s *system, took time.Duration) {
	t.Helper()
	t.Logf("engine %s, seed %d, %d clients, %v", *engineName, *seed, *clients, took.Round(time.Millisecond))
	t.Logf("%d proposals: %d with a key, of which %d were sent twice at once", r.proposals, r.keyed, r.doubled)
	t.Logf("answers: %d OK, of which %d replays; %d unavailable; %d clients had to repeat", r.answers[200], r.replays, r.answers[503], r.repeated)
	t.Logf("stored: %d events, %d acknowledged, %d of attempts without a key that got 503", r.stored, r.acknowledged, r.explained)
	counts := s.proxy.Counts("PutItem")
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("writes met by fault %q: %d", kind, counts[kind])
	}
	if reads := s.proxy.Counts("GetItem"); len(reads) > 0 {
		t.Logf("reads of the event in the way: %v", reads)
	}
}
