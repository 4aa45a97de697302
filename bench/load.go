package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore"
)

// load is what clients of an API, editors who propose, measure.
type load struct {
	url      string    // of the route
	receipts bool      // answers are receipts; otherwise only their statuses are checked
	from     time.Time // answers to what was sent before are checked and not timed

	mu         sync.Mutex
	took       []float64         // milliseconds
	sent       map[string]string // name by event id
	wrong      int
	firstWrong string
}

func newLoad(url string, receipts bool) *load {
	return &load{url: url, receipts: receipts, sent: map[string]string{}}
}

// run has that many clients send proposals, each one at a time, for a duration, after a
// warm-up of a tenth of it. It returns the answers per second.
func (l *load) run(ctx context.Context, clients int, duration time.Duration) (perSecond float64) {
	ctx, cancel := context.WithTimeout(ctx, duration+duration/10)
	defer cancel()
	l.from = time.Now().Add(duration / 10)
	var running sync.WaitGroup
	for range clients {
		running.Go(func() {
			connection := &http.Transport{MaxConnsPerHost: 1}
			defer connection.CloseIdleConnections()
			l.client(ctx, connection, rand.Text(), math.MaxInt)
		})
	}
	running.Wait()
	return float64(len(l.took)) / time.Since(l.from).Seconds()
}

func (l *load) blame(format string, arguments ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong++
	if l.firstWrong == "" {
		l.firstWrong = fmt.Sprintf(format, arguments...)
	}
}

// keep records which proposal got an event. No two may get the same.
func (l *load) keep(id, name string) {
	l.mu.Lock()
	other, taken := l.sent[id]
	l.sent[id] = name
	l.mu.Unlock()
	if taken {
		l.blame("event %s was given to %q and to %q", id, other, name)
	}
}

// client is one editor, with a name that is unique in this table. It sends proposals
// until ctx ends, up to a maximum.
func (l *load) client(ctx context.Context, transport http.RoundTripper, editor string, proposals int) {
	for i := 0; i < proposals && ctx.Err() == nil; i++ {
		name, key := fmt.Sprintf("%s, proposal %d", editor, i), ""
		if i%8 == 7 {
			key = fmt.Sprintf("%s-proposal-%d", editor, i)
		}
		first, replayed, ok := l.propose(transport, name, key)
		if !ok || !l.receipts {
			continue
		}
		if replayed {
			l.blame("the first proposal of key %q was called a replay", key)
		}
		if first.StreamName != "destination-"+first.EventID {
			l.blame("stream %s does not have the id of its event %s", first.StreamName, first.EventID)
		}
		l.keep(first.EventID, name)
		if key == "" {
			continue
		}
		if second, replayed, ok := l.propose(transport, name, key); ok && (!replayed || second != first) {
			l.blame("key %s: got %+v (replayed: %t) after %+v", key, second, replayed, first)
		}
	}
}

// propose sends one proposal. It finishes even when the time is up, so that the table
// can be compared with the receipts.
func (l *load) propose(transport http.RoundTripper, name, key string) (receipt contract.Receipt, replayed, ok bool) {
	body := fmt.Sprintf(`{"name":%q,"geolocation":{"latitude":53.77,"longitude":-2.63}}`, name)
	request, err := http.NewRequest(http.MethodPost, l.url, strings.NewReader(body))
	if err != nil {
		l.blame("%v", err)
		return receipt, false, false
	}
	request.Header.Set("Content-Type", contract.MediaTypeJSON)
	request.Header.Set("Accept", contract.MediaTypeJSON)
	if key != "" {
		request.Header.Set(contract.HeaderIdempotencyKey, key)
	}
	began := time.Now()
	response, err := transport.RoundTrip(request)
	if err != nil {
		l.blame("%v", err)
		return receipt, false, false
	}
	answer, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if took := time.Since(began); !began.Before(l.from) {
		l.mu.Lock()
		l.took = append(l.took, milliseconds(took))
		l.mu.Unlock()
	}
	if err != nil || response.StatusCode != http.StatusOK {
		l.blame("%s: %s (%v)", response.Status, answer, err)
		return receipt, false, false
	}
	if !l.receipts {
		return receipt, false, true
	}
	if err := json.Unmarshal(answer, &receipt); err != nil {
		l.blame("%s is no receipt: %v", answer, err)
		return receipt, false, false
	}
	return receipt, response.Header.Get(contract.HeaderIdempotencyReplayed) == "true", true
}

// compare checks that exactly the events of the receipts are stored.
func (l *load) compare(stored iter.Seq2[eventstore.Event, error]) error {
	count := 0
	for event, err := range stored {
		if err != nil {
			return fmt.Errorf("read the table: %w", err)
		}
		count++
		var data struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(event.Data, &data); err != nil {
			return fmt.Errorf("event %s: %w", event.ID, err)
		}
		if name, found := l.sent[event.ID.String()]; !found {
			l.blame("event %s (%q) is stored and nobody has its receipt", event.ID, data.Name)
		} else if name != data.Name {
			l.blame("event %s holds %q, its receipt went to %q", event.ID, data.Name, name)
		}
	}
	if lost := len(l.sent) - count; lost > 0 {
		l.blame("%d events have a receipt and are not stored", lost)
	}
	return nil
}
