package review

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"visitplannr/internal/settings"
)

// replayed is what a replay finds.
type replayed struct {
	Behaviour
	descriptions [2][]byte // of the API, as the local runs serve them; nil where there is no run
}

// replay sends the same requests, one after the other, to local runs of two states, and
// compares what they answer and store. Its error is that of ctx: whatever else fails is
// a finding.
func replay(ctx context.Context, both [2]state, doing func(string) (done func())) (r replayed, err error) {
	found, unknown := map[string]*Difference{}, map[string]int{}
	for _, given := range []map[string]string{nil, switches()} {
		done := doing("Starting local runs of both states" + with(given))
		runs, failed := start(ctx, both, given)
		for lacks := new(unknownSetting); errors.As(errors.Join(failed[:]...), lacks); runs, failed = start(ctx, both, given) {
			end(runs)
			r.NotReplayed = append(r.NotReplayed, fmt.Sprintf("not replayed with %s set: one of the two has no such setting", string(*lacks)))
			delete(given, string(*lacks)) // it is on in neither
		}
		defer end(runs)
		done()
		for i, err := range failed {
			switch {
			case errors.Is(err, errBefore):
				r.NotReplayed = append(r.NotReplayed, fmt.Sprintf("not replayed%s: %s %v", with(given), both[i].name, err))
			case err != nil:
				r.Failed = append(r.Failed, fmt.Sprintf("%s DOES NOT START%s: %v", both[i].name, with(given), err))
			case r.descriptions[i] == nil:
				r.descriptions[i] = runs[i].description
			}
			if r.descriptions[i] == nil {
				r.NotReplayed = append(r.NotReplayed, fmt.Sprintf("the API's description of %s is the file that it has committed", both[i].name))
			}
		}
		if failed != [2]error{} {
			break
		}
		requests, err := corpus(both[1].dir, r.descriptions)
		if err != nil {
			r.NotReplayed = append(r.NotReplayed, err.Error())
		}
		done = doing(fmt.Sprintf("Sending %d requests to both%s", len(requests), with(given)))
		var answers [2][]answer
		for _, q := range requests {
			for i, run := range runs {
				answers[i] = append(answers[i], run.send(ctx, q))
			}
		}
		var events [2]map[any][]any
		for i, run := range runs {
			events[i], failed[i] = run.events(ctx)
		}
		if err := errors.Join(failed[:]...); err != nil {
			r.NotReplayed = append(r.NotReplayed, fmt.Sprintf("what was stored%s was not compared: %v", with(given), err))
			events = [2]map[any][]any{}
		}
		for i := range both {
			answers[i] = withEvents(answers[i], events[i])
		}
		done()
		for i, q := range append(requests, request{name: "(what is stored without a request)"}) {
			switch key, d := differ(answers[0][i], answers[1][i]); {
			case d == nil && i < len(requests):
				r.Alike++
			case d == nil:
			case q.unknown != "":
				unknown[q.unknown]++
			case found[key] == nil:
				d.Request, d.With = q.name, strings.TrimPrefix(with(given), " with ")
				found[key] = d
			default:
				found[key].More++
			}
		}
	}
	for _, what := range slices.Sorted(maps.Keys(unknown)) {
		r.NotReplayed = append(r.NotReplayed, fmt.Sprintf("%s could not know %s (requests: %d)", both[0].name, what, unknown[what]))
	}
	for _, key := range slices.SortedFunc(maps.Keys(found), func(x, y string) int {
		return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(found[y].More, found[x].More), cmp.Compare(x, y))
	}) {
		r.Different = append(r.Different, *found[key])
	}
	return r, ctx.Err()
}

// switches are the settings that change a local run, each with a value that the run does
// not have otherwise. Throttling is left out, because it depends on the time.
func switches() map[string]string {
	values := map[string]string{}
	for _, s := range settings.All()[1:] {
		if s.HasLocalEffect() && !strings.HasPrefix(s.Key, "throttle") {
			values[s.Key] = cmp.Or(s.Review, s.Dev)
		}
	}
	return values
}

// with names settings as part of a sentence.
func with(given map[string]string) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(given)) {
		all = append(all, key+"="+given[key])
	}
	if all == nil {
		return ""
	}
	return " with " + strings.Join(all, ", ")
}

// answer is what a request leads to: its status, headers and body, and stored events.
type answer struct {
	id   string // that the gateway gave the request
	tree map[string]any
}

var (
	index = regexp.MustCompile(`\.\d+\b`)
	// A UUID of version 8 is made from what the client sends, so it must be the same.
	chance = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-79a-f][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	clock  = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?`)
	digit  = regexp.MustCompile(`\d`)
)

// comparable returns a tree without what each run has of its own. An id becomes a name
// that tells which ids are equal, and a time keeps its form.
func comparable(tree map[string]any, request string) (same map[string]any) {
	text, _ := json.Marshal(tree) // it is made of what JSON can hold
	names := map[string]string{request: "<request>"}
	text = chance.ReplaceAllFunc(text, func(id []byte) []byte {
		if names[string(id)] == "" {
			names[string(id)] = fmt.Sprintf("<id %d>", len(names))
		}
		return []byte(names[string(id)])
	})
	text = clock.ReplaceAllFunc(text, func(t []byte) []byte { return digit.ReplaceAll(t, []byte("0")) })
	_ = json.Unmarshal(text, &same)
	return same
}

// differ returns nil for two answers that are alike. The key is equal for pairs that
// differ alike; it begins with 0 where the status differs, and otherwise with 1.
func differ(before, after answer) (key string, d *Difference) {
	b, a := comparable(before.tree, before.id), comparable(after.tree, after.id)
	status := [2]string{fmt.Sprint(b["status"]), fmt.Sprint(a["status"])}
	keys := []string{"1"}
	if status[0] != status[1] {
		keys[0] = fmt.Sprint("0", status)
	}
	if problem(b) != problem(a) { // what they have of each other's members says nothing
		b["body"], a["body"] = words(b["body"], false), words(a["body"], false)
	}
	d = &Difference{Before: status[0], After: status[1]}
	compare(b, a, "", func(path string, b, a any) {
		name, key := index.ReplaceAllString(path, ""), ""
		other, _ := b.([]any)
		list, ok := a.([]any)
		switch {
		case path == "status":
			return
		case path == "events":
			key = fmt.Sprint(len(other), len(list))
		case strings.HasPrefix(path, "events."): // each has data of its own
		default:
			key = words(b, true) + words(a, true)
		}
		if ok { // of another length
			b, a = without(other, list), without(list, other)
		}
		keys = append(keys, name+key)
		before, after := window(words(b, true), words(a, true))
		d.Before, d.After = d.Before+", "+name+" "+before, d.After+", "+name+" "+after
	})
	if len(keys) == 1 && status[0] == status[1] {
		return "", nil
	}
	slices.Sort(keys[1:])
	return strings.Join(slices.Compact(keys), "\n"), d
}

func problem(tree map[string]any) bool { return at(tree, "body", "type") != nil }

// window returns of two texts what is around their first difference.
func window(b, a string) (string, string) {
	x, y := []rune(b), []rune(a)
	from := 0
	for from < min(len(x), len(y)) && x[from] == y[from] {
		from++
	}
	from = max(0, from-60)
	cut := func(text []rune) string {
		const width = 160
		more := map[bool]string{true: "…"}
		return more[from > 0] + string(text[from:min(len(text), from+width)]) + more[len(text) > from+width]
	}
	return cut(x), cut(y)
}
