package faults_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"visitplannr/internal/local/faults"
	"visitplannr/test/check"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                     "",
		"throttled=0.1, lost-reply=.02,slow=0": "throttled=0.1,lost-reply=0.02",
		"down=0.7,dropped=0.2,crash=0.1":       "down=0.7,dropped=0.2,crash=0.1",
		"denied=1":                             "denied=1",
	} {
		if got, err := faults.Parse(text); err != nil || got.String() != want {
			t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"lostreply=0.1":          `no fault "lostreply": choose among throttled, internal-error, down, lost-reply, dropped,`,
		"called invalid=0.1":     `no fault "called invalid"`,
		"crash after=0.1":        `no fault "crash after"`,
		"slow=0.1,":              `no fault ""`,
		"slow":                   `the rate of slow is "": it must be a number from 0 to 1`,
		"slow=1.1":               `"1.1"`,
		"slow=-0.1":              `"-0.1"`,
		"slow=NaN":               `"NaN"`,
		"slow=10%":               `"10%"`,
		"slow=0.5,down=0.51":     "sum to more than 1",
		"slow=0.1,down=0,slow=0": "slow is given twice",
	} {
		if got, err := faults.Parse(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %q, %v; want one line with %s", text, got, err, want)
		}
	}
}

func TestEachFaultIsALineOfTheLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var tried []string
	proxy := faults.New(3, faults.Spec{{Kind: faults.DropAfter, Rate: 1}})
	err := proxy.Serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), faults.Hooks{
		RequestID: "Cause", Tried: func(id string) { tried = append(tried, id) }, Log: slog.New(slog.NewJSONHandler(&log, nil)),
	})
	check.OK(t, err)
	put := func(body string) {
		request := check.Value(http.NewRequestWithContext(t.Context(), http.MethodPost, proxy.URL(), strings.NewReader(body)))(t)
		request.Header.Set("X-Amz-Target", "DynamoDB_20120810.PutItem")
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
		}
	}
	put(`{"Item":{"Cause":{"S":"request 1"}}}`)
	put(`{"Item":{}}`)
	proxy.Set(nil)
	put(`{"Item":{"Cause":{"S":"request 2"}}}`)
	check.OK(t, proxy.Close())

	var got []string
	for line := range strings.Lines(log.String()) {
		var said struct {
			Msg, Faults, RequestID, Fault, Operation string
			Seed                                     int
			ReachedTable                             bool
		}
		check.OK(t, json.Unmarshal([]byte(line), &said))
		got = append(got, strings.Join([]string{said.Msg, said.Faults, said.RequestID, said.Fault, said.Operation}, "|"))
		if said.Fault != "" && !said.ReachedTable || said.Faults != "" && said.Seed != 3 {
			t.Errorf("got %s", line)
		}
	}
	want := []string{"faults are on|lost-reply=1|||", "fault injected||request 1|lost-reply|PutItem", "fault injected||unknown|lost-reply|PutItem", "faults are off||||"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !slices.Equal(tried, []string{"request 1", "request 2"}) {
		t.Errorf("tried for %q, want both requests that have an id", tried)
	}
}
