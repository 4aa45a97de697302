package httpapi_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"visitplannr/internal/contract"
)

func TestContentTypeAndEncoding(t *testing.T) {
	t.Parallel()
	for name, values := range map[string][]string{
		"Content-Type":     {"application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8", "APPLICATION/JSON", "Application/Json ; Charset=\"utf-8\"", "application/json; charset=iso-8859-1", ""},
		"Content-Encoding": {"identity", "IDENTITY", ""},
	} {
		for _, value := range values {
			t.Run(fmt.Sprintf("%s: %q is read", name, value), func(t *testing.T) {
				wantOK(t, newAPI(t, memory()).post(brockholes, map[string]string{name: value}))
			})
		}
	}
	for name, values := range map[string][]string{
		"Content-Type": {"text/plain", "text/json", "application/xml", "application/x-www-form-urlencoded", "application/json-patch+json", "application/problem+json", "application/jsonp",
			"json", "*/*", "application/json, text/plain", "application/json application/json", ";"},
		"Content-Encoding": {"gzip", "br", "identity, gzip"},
	} {
		for _, value := range values {
			t.Run(fmt.Sprintf("%s: %q is refused, and the detail says what was sent and what to send", name, value), func(t *testing.T) {
				p := wantProblem(t, newAPI(t, memory()).post(brockholes, map[string]string{name: value}), contract.ProblemUnsupportedMediaType)
				if !strings.Contains(p.Detail, fmt.Sprintf("%q", value)) || !strings.Contains(p.Detail, map[string]string{"Content-Type": "application/json", "Content-Encoding": "without Content-Encoding"}[name]) {
					t.Errorf("detail %q", p.Detail)
				}
			})
		}
	}

	t.Run("no header at all counts as JSON", func(t *testing.T) {
		a := newAPI(t, memory())
		event := a.event(brockholes, nil)
		event.MultiValueHeaders = nil
		wantOK(t, a.handle(event))
	})

	t.Run("an endless type is not repeated in full", func(t *testing.T) {
		p := wantProblem(t, newAPI(t, memory()).post(brockholes, map[string]string{"Content-Type": strings.Repeat("é", 5000)}), contract.ProblemUnsupportedMediaType)
		if len(p.Detail) > 1000 {
			t.Errorf("detail has %d bytes", len(p.Detail))
		}
	})
}

func TestContentNegotiation(t *testing.T) {
	t.Parallel()
	for want, accepted := range map[string][]string{
		contract.MediaTypeText: {
			"", "*/*", "text/plain", "text/*", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/*, text/*", "application/json;q=0.4, text/plain;q=0.5",
			"application/json;q=0.5, */*", "text/plain, application/json;q=0.9", "application/json;q=0", "application/json;q=0, */*", "application/json;q=2", "application/json;q=-1",
			"application/json;q=NaN", "application/json;q=high", "image/png", "application/problem+json", "application/json;;;, text/plain", ",,,", "application",
			"/json",
		},
		contract.MediaTypeJSON: {
			"application/json", "APPLICATION/JSON", "application/json; charset=utf-8", "application/json, text/plain, */*", "application/json, */*", "*/*, application/json",
			"application/*", "application/json;q=0.5", "application/json;q=0.5, text/plain;q=0.4", "application/json;q=0.5, text/plain;q=0.5", "application/json, text/plain;q=0.9",
			"text/plain;q=0, */*", "image/png, application/json",
		},
	} {
		for _, accept := range accepted {
			t.Run(fmt.Sprintf("%q gets %s", accept, want), func(t *testing.T) {
				if response := newAPI(t, memory()).post(brockholes, map[string]string{"Accept": accept}); response.StatusCode != http.StatusOK || response.Headers["Content-Type"] != want {
					t.Errorf("got %d %q, want 200 %q", response.StatusCode, response.Headers["Content-Type"], want)
				}
			})
		}
	}

	t.Run("a problem is a problem whatever is accepted", func(t *testing.T) {
		wantProblem(t, newAPI(t, memory()).post(`{}`, map[string]string{"Accept": "text/plain"}), contract.ProblemInvalidBody)
	})
}

func TestHeadersHaveSeveralForms(t *testing.T) {
	t.Parallel()
	const asked, others = "application/json", "image/png"
	for outcome, c := range map[string]struct {
		single map[string]string
		multi  map[string][]string
	}{
		"the single-value form alone is read":                       {map[string]string{"content-type": "application/json", "accept": asked}, nil},
		"all values of the multi-value form are read, not the last": {map[string]string{"Accept": others}, map[string][]string{"Accept": {asked, others}}},
		"all spellings of a name are read":                          {nil, map[string][]string{"Accept": {others}, "aCCEPT": {asked}, "ACCEPT": {others}}},
	} {
		t.Run(outcome, func(t *testing.T) {
			a := newAPI(t, memory())
			event := a.event(brockholes, nil)
			event.Headers, event.MultiValueHeaders = c.single, c.multi
			if got := a.handle(event).Headers["Content-Type"]; got != contract.MediaTypeJSON {
				t.Errorf("Content-Type = %q, want %q", got, contract.MediaTypeJSON)
			}
		})
	}
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	visible, long := "!#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~", strings.Repeat("k", 255)
	for outcome, c := range map[string]struct{ first, again string }{
		"one character":     {"k", "k"},
		"a UUID":            {"8e03978e-40d5-43dd-bc93-6894a57f9324", `"8e03978e-40d5-43dd-bc93-6894a57f9324"`},
		"all visible ASCII": {visible, visible},
		"255 characters, with quotes and without": {long, `"` + long + `"`},
		"escapes, which count once":               {`"` + strings.Repeat(`\"`, 255) + `"`, `"` + strings.Repeat(`\"`, 255) + `"`},
		"escapes and what they stand for":         {`a"b\c`, `"a\"b\\c"`},
	} {
		t.Run("the same key again is a replay: "+outcome, func(t *testing.T) {
			a := newAPI(t, memory())
			wantOK(t, a.post(brockholes, map[string]string{"Idempotency-Key": c.first}))
			if again := a.post(brockholes, map[string]string{"iDEMPOTENCY-kEY": c.again}); !isReplay(again) {
				t.Errorf("got %d %v %s, want a replay", again.StatusCode, again.Headers, again.Body)
			}
		})
	}

	t.Run("keys that differ in case are different", func(t *testing.T) {
		a := newAPI(t, memory())
		wantOK(t, a.post(brockholes, map[string]string{"Idempotency-Key": "k"}))
		wantOK(t, a.post(elsewhere, map[string]string{"Idempotency-Key": "K"}))
	})

	for outcome, values := range map[string][]string{
		"an empty key":                 {""},
		"an empty quoted string":       {`""`},
		"256 characters":               {long + "k"},
		"256 characters in quotes":     {`"` + long + `k"`},
		"white space":                  {"a b"},
		"white space around":           {" a"},
		"white space in quotes":        {`"a b"`},
		"control characters":           {"a\x00b"},
		"DEL":                          {"a\x7f"},
		"other letters than ASCII":     {"schlüssel"},
		"an open quote":                {`"abc`},
		"text after the quote":         {`"abc"d`},
		"parameters":                   {`"abc";v=1`},
		"other escapes":                {`"a\n"`},
		"an escape at the end":         {`"abc\`},
		"an escaped quote at the end":  {`"abc\"`},
		"two keys joined in one value": {"one, two"},
		"two keys":                     {"one", "two"},
		"one key twice":                {"one", "one"},
		"a key behind an empty one":    {"", "one"},
	} {
		t.Run("is refused: "+outcome, func(t *testing.T) {
			a := newAPI(t, memory())
			event := a.event(brockholes, nil)
			event.MultiValueHeaders["Idempotency-Key"] = values
			p := wantProblem(t, a.handle(event), contract.ProblemInvalidKey)
			if len(values[0]) > 2 && strings.Contains(p.Detail, values[0]) {
				t.Errorf("detail %q repeats the key", p.Detail)
			}
		})
	}

	t.Run("is refused: one key in each of two spellings of the name", func(t *testing.T) {
		a := newAPI(t, memory())
		event := a.event(brockholes, nil)
		event.MultiValueHeaders["Idempotency-Key"], event.MultiValueHeaders["idempotency-key"] = []string{"one"}, []string{"two"}
		wantProblem(t, a.handle(event), contract.ProblemInvalidKey)
	})
}

func TestBodySizeAndForm(t *testing.T) {
	t.Parallel()
	padded := func(size int) string { return brockholes + strings.Repeat(" ", size-len(brockholes)) }
	base64Of := func(body string) string { return base64.StdEncoding.EncodeToString([]byte(body)) }
	for outcome, c := range map[string]struct {
		body     string
		inBase64 bool
		want     contract.ProblemType
	}{
		"16 KiB are read": {padded(contract.BodyMaxBytes), false, contract.ProblemType{}},
		"base64 is decoded, and 16 KiB count before it":        {base64Of(padded(contract.BodyMaxBytes)), true, contract.ProblemType{}},
		"one byte more is too large":                           {padded(contract.BodyMaxBytes + 1), false, contract.ProblemTooLarge},
		"one byte more, in base64, is too large":               {base64Of(padded(contract.BodyMaxBytes + 1)), true, contract.ProblemTooLarge},
		"what is called base64 and is something else gets 400": {brockholes, true, contract.ProblemInvalidRequest},
	} {
		t.Run(outcome, func(t *testing.T) {
			a := newAPI(t, memory())
			event := a.event(c.body, nil)
			event.IsBase64Encoded = c.inBase64
			response := a.handle(event)
			if c.want.Status == 0 {
				wantOK(t, response)
			} else if p := wantProblem(t, response, c.want); c.want == contract.ProblemTooLarge && (!strings.Contains(p.Detail, "16385") || !strings.Contains(p.Detail, "16384")) {
				t.Errorf("detail %q does not say how many bytes there are and may be", p.Detail)
			}
		})
	}
}

// The corpus says which bodies are refused, and where; these say what an editor reads.
func TestBodiesThatDoNotFitTheSchemaSayWhere(t *testing.T) {
	t.Parallel()
	const geo, unknown, twice, missing = `"geolocation":{"latitude":1,"longitude":2}`, " is not a known member", " appears more than once", " is missing"
	for body, want := range map[string][]string{
		`{}`:                            {"#/geolocation" + missing, "#/name" + missing},
		`{"name":"B","geolocation":{}}`: {"#/geolocation/latitude" + missing, "#/geolocation/longitude" + missing},
		`{"nmae":1,"name":" ","name":"x","geolocation":{"latitude":"1","longitude":2,"altitude":3}}`: {"#/nmae" + unknown, "#/name" + twice, "#/geolocation/latitude " + ruleNumber, "#/geolocation/altitude" + unknown, "#/name " + ruleName},
		`{"name":"B","Geolocation":{},` + geo + `}`:                                                  {"#/Geolocation" + unknown},
		`{"name":"B","\u006eame":"C",` + geo + `}`:                                                   {"#/name" + twice},
		`{"name":"B","geolocation":{"latitude":1,"latitude":1,"longitude":2}}`:                       {"#/geolocation/latitude" + twice},
		`[]`:                               {"# must be an object"},
		`null`:                             {"# must be an object"},
		`{"name":5,` + geo + `}`:           {"#/name must be a string"},
		`{"name":null,` + geo + `}`:        {"#/name must be a string"},
		`{"name":"B","geolocation":[1,2]}`: {"#/geolocation must be an object"},
		`{"a/b~c%d é":1,"name":"B",` + geo + `}`:        {"#/a~1b~0c%25d%20%C3%A9" + unknown},
		`{"":1,"name":"B",` + geo + `}`:                 {"#/" + unknown},
		`{"x":{"y":{"name":1}},"name":"B",` + geo + `}`: {"#/x" + unknown}, // what is in it does not matter
	} {
		t.Run(body, func(t *testing.T) {
			var got []string
			for _, e := range wantProblem(t, newAPI(t, memory()).post(body, nil), contract.ProblemInvalidBody).Errors {
				got = append(got, e.Pointer+" "+e.Detail)
			}
			if !slices.Equal(got, want) {
				t.Errorf("\n got %q\nwant %q", got, want)
			}
		})
	}

	t.Run("the first twenty are told of many", func(t *testing.T) {
		var body strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&body, `"x%d":0,`, i)
		}
		p := wantProblem(t, newAPI(t, memory()).post("{"+body.String()+`"name":"B",`+geo+"}", nil), contract.ProblemInvalidBody)
		if len(p.Errors) != 21 || p.Errors[20].Pointer != "#" {
			t.Errorf("got %d errors ending in %+v, want 20 and one that says there are more", len(p.Errors), p.Errors[len(p.Errors)-1])
		}
	})

	t.Run("an endless member name is cut", func(t *testing.T) {
		response := newAPI(t, memory()).post(`{"`+strings.Repeat("é", 4000)+`":1,"name":"B",`+geo+`}`, nil)
		wantProblem(t, response, contract.ProblemInvalidBody)
		if len(response.Body) > 1500 {
			t.Errorf("answer has %d bytes", len(response.Body))
		}
	})
}

func TestMalformedBodiesSayWhere(t *testing.T) {
	t.Parallel()
	const whole = `{"name":"A","geolocation":{"latitude":1,"longitude":2}}` // 55 bytes
	for body, want := range map[string]string{
		"":                             "The body is empty.",
		" \r\n":                        "The body is empty.",
		"{":                            "it ends too early.",
		`{"name":"A"`:                  "it ends too early.",
		`{"name":"A`:                   "it ends too early.",
		`{"name":tru`:                  "it ends too early.",
		`{"name":"A",`:                 "it ends too early.",
		"Brockholes":                   "from line 1, byte 1.",
		"\ufeff" + whole:               "from line 1, byte 1.",
		"{/* */}":                      "from line 1, byte 2.",
		"{\"name\":\n  'A'}":           "from line 2, byte 3.",
		"{\r\n\"name\":\r\n\r\n,":      "from line 4, byte 1.",
		`{"name":"Café","x":.5}`:       "from line 1, byte 21.", // é has two bytes
		`{"name":"Café","x":01}`:       "from line 1, byte 22.",
		"{\"name\":\"Caf\xe9\"}":       "from line 1, byte 13.",
		"{\"name\":\"a\nb\"}":          "from line 1, byte 11.",
		`{"name":"a\ud800"}`:           "from line 1, byte 11.",
		`{"name":"A",}`:                "from line 1, byte 12.",
		whole + whole:                  "from line 1, byte 56.",
		whole + " \t true":             "from line 1, byte 59.",
		whole + "\n\n" + whole:         "from line 3, byte 1.",
		whole + "\n\n x":               "from line 3, byte 2.",
		whole + "}":                    "from line 1, byte 56.",
		strings.Repeat("[", 16<<10):    "not valid JSON",
		strings.Repeat(`{"a":`, 3000):  "not valid JSON",
		strings.Repeat(" ", 100) + "x": "from line 1, byte 101.",
	} {
		t.Run(fmt.Sprintf("%.40q", body), func(t *testing.T) {
			refused := wantProblem(t, newAPI(t, memory()).post(body, nil), contract.ProblemInvalidBody)
			if len(refused.Errors) != 0 || !strings.Contains(refused.Detail, want) {
				t.Errorf("got %q, %v; want it to say %q, and no errors", refused.Detail, refused.Errors, want)
			}
			for _, leak := range []string{"jsontext", "invalid character", "EOF", "offset"} {
				if strings.Contains(refused.Detail, leak) {
					t.Errorf("got %q, which has the parser's own words", refused.Detail)
				}
			}
		})
	}
}
