package propose_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"visitplannr/internal/contract"
)

func TestContentType(t *testing.T) {
	t.Parallel()

	for _, declared := range []string{
		"application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8",
		"APPLICATION/JSON", "Application/Json ; Charset=\"utf-8\"", "application/json; charset=iso-8859-1", "",
	} {
		t.Run(fmt.Sprintf("%q is JSON", declared), func(t *testing.T) {
			a := newAPI(t, memory())
			wantOK(t, a.propose(brockholes, map[string]string{"Content-Type": declared}))
		})
	}

	for _, declared := range []string{
		"text/plain", "text/json", "application/xml", "application/x-www-form-urlencoded", "application/json-patch+json",
		"application/problem+json", "application/jsonp", "json", "*/*", "application/json, text/plain", "application/json application/json", ";",
	} {
		t.Run(fmt.Sprintf("%q is not JSON", declared), func(t *testing.T) {
			a := newAPI(t, memory())
			p := wantProblem(t, a.propose(brockholes, map[string]string{"Content-Type": declared}), contract.ProblemUnsupportedMediaType)
			if !strings.Contains(p.Detail, fmt.Sprintf("%q", declared)) || !strings.Contains(p.Detail, "application/json") {
				t.Errorf("detail %q does not say what was sent and what to send", p.Detail)
			}
		})
	}

	t.Run("none at all counts as JSON", func(t *testing.T) {
		a := newAPI(t, memory())
		event := a.event(brockholes, nil)
		event.MultiValueHeaders = nil
		wantOK(t, a.handle(event))
	})

	t.Run("an endless one is not repeated in full", func(t *testing.T) {
		a := newAPI(t, memory())
		p := wantProblem(t, a.propose(brockholes, map[string]string{"Content-Type": strings.Repeat("é", 5000)}), contract.ProblemUnsupportedMediaType)
		if len(p.Detail) > 1000 {
			t.Errorf("detail has %d bytes", len(p.Detail))
		}
	})
}

func TestHeaders(t *testing.T) {
	t.Parallel()

	for _, name := range []string{"Idempotency-Key", "idempotency-key", "IDEMPOTENCY-KEY", "iDEMPOTENCY-kEY"} {
		t.Run("are found as "+name, func(t *testing.T) {
			a := newAPI(t, memory())
			wantOK(t, a.propose(brockholes, map[string]string{name: "k"}))
			if got := a.propose(brockholes, map[string]string{name: "k"}).Headers[contract.HeaderIdempotencyReplayed]; got != "true" {
				t.Errorf("%s = %q, want true", contract.HeaderIdempotencyReplayed, got)
			}
		})
	}

	t.Run("are found in the single-value form alone", func(t *testing.T) {
		a := newAPI(t, memory())
		event := a.event(brockholes, nil)
		event.MultiValueHeaders = nil
		event.Headers = map[string]string{"content-type": "application/json", "accept": "application/json"}
		if got := a.handle(event).Headers["Content-Type"]; got != contract.MediaTypeJSON {
			t.Errorf("Content-Type = %q, want %q", got, contract.MediaTypeJSON)
		}
	})

	t.Run("have all values of the multi-value form, not the last alone", func(t *testing.T) {
		a := newAPI(t, memory())
		event := a.event(brockholes, nil)
		event.MultiValueHeaders["Accept"] = []string{"application/json", "image/png"}
		event.Headers = map[string]string{"Accept": "image/png"}
		if got := a.handle(event).Headers["Content-Type"]; got != contract.MediaTypeJSON {
			t.Errorf("Content-Type = %q, want %q", got, contract.MediaTypeJSON)
		}
	})

	t.Run("have the values of all spellings of their name", func(t *testing.T) {
		for range 20 { // maps have no order
			a := newAPI(t, memory())
			event := a.event(brockholes, nil)
			event.MultiValueHeaders["Idempotency-Key"] = []string{"one"}
			event.MultiValueHeaders["idempotency-key"] = []string{"two"}
			wantProblem(t, a.handle(event), contract.ProblemInvalidKey)
		}
	})
}

func TestContentNegotiation(t *testing.T) {
	t.Parallel()
	const text, receipt = contract.MediaTypeText, contract.MediaTypeJSON

	for _, c := range []struct{ accept, want string }{
		{"", text},
		{"*/*", text},
		{"text/plain", text},
		{"text/*", text},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", text}, // a browser
		{"application/json", receipt},
		{"APPLICATION/JSON", receipt},
		{"application/json; charset=utf-8", receipt},
		{"application/json, text/plain, */*", receipt}, // axios
		{"application/json, */*", receipt},
		{"*/*, application/json", receipt},
		{"application/*", receipt},
		{"application/*, text/*", text},
		{"application/json;q=0.5", receipt},
		{"application/json;q=0.5, text/plain;q=0.4", receipt},
		{"application/json;q=0.4, text/plain;q=0.5", text},
		{"application/json;q=0.5, text/plain;q=0.5", receipt},
		{"application/json;q=0.5, */*", text},
		{"application/json, text/plain;q=0.9", receipt},
		{"text/plain, application/json;q=0.9", text},
		{"application/json;q=0", text},
		{"application/json;q=0, */*", text},
		{"text/plain;q=0, */*", receipt},
		{"application/json;q=2", text},    // no weight
		{"application/json;q=-1", text},   // no weight
		{"application/json;q=NaN", text},  // no weight
		{"application/json;q=high", text}, // no weight
		{"image/png", text},
		{"image/png, application/json", receipt},
		{"application/problem+json", text},
		{"application/json;;;, text/plain", text},
		{",,,", text},
		{"application", text},
		{"/json", text},
	} {
		t.Run(fmt.Sprintf("%q gets %s", c.accept, c.want), func(t *testing.T) {
			a := newAPI(t, memory())
			headers := map[string]string{}
			if c.accept != "" {
				headers["Accept"] = c.accept
			}
			response := a.propose(brockholes, headers)
			if got := response.Headers["Content-Type"]; response.StatusCode != 200 || got != c.want {
				t.Errorf("got %d %q, want 200 %q", response.StatusCode, got, c.want)
			}
		})
	}

	t.Run("a problem is a problem whatever is accepted", func(t *testing.T) {
		a := newAPI(t, memory())
		wantProblem(t, a.propose(`{}`, map[string]string{"Accept": "text/plain"}), contract.ProblemInvalidBody)
	})
}

func TestIdempotencyKeyForms(t *testing.T) {
	t.Parallel()

	for outcome, value := range map[string]string{
		"takes one character":                     "k",
		"takes a UUID":                            "8e03978e-40d5-43dd-bc93-6894a57f9324",
		"takes all visible ASCII":                 "!#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~",
		"takes 255 characters":                    strings.Repeat("k", 255),
		"takes a quoted string":                   `"8e03978e-40d5-43dd-bc93-6894a57f9324"`,
		"takes a quoted string of 255 characters": `"` + strings.Repeat("k", 255) + `"`,
		"takes escapes in a quoted string":        `"a\"b\\c"`,
		"counts escapes once":                     `"` + strings.Repeat(`\"`, 255) + `"`,
		"takes a quote within a plain key":        `a"b`,
	} {
		t.Run(outcome, func(t *testing.T) {
			a := newAPI(t, memory())
			wantOK(t, a.propose(brockholes, map[string]string{"Idempotency-Key": value}))
			again := a.propose(brockholes, map[string]string{"Idempotency-Key": value})
			wantOK(t, again)
			if again.Headers[contract.HeaderIdempotencyReplayed] != "true" {
				t.Error("the same key again is not a replay")
			}
		})
	}

	for outcome, value := range map[string]string{
		"refuses an empty key":                 "",
		"refuses an empty quoted string":       `""`,
		"refuses 256 characters":               strings.Repeat("k", 256),
		"refuses 256 characters in quotes":     `"` + strings.Repeat("k", 256) + `"`,
		"refuses white space":                  "a b",
		"refuses white space around":           " a",
		"refuses white space in quotes":        `"a b"`,
		"refuses control characters":           "a\x00b",
		"refuses DEL":                          "a\x7f",
		"refuses other letters than ASCII":     "schlüssel",
		"refuses an open quote":                `"abc`,
		"refuses text after the quote":         `"abc"d`,
		"refuses parameters":                   `"abc";v=1`,
		"refuses other escapes":                `"a\n"`,
		"refuses an escape at the end":         `"abc\`,
		"refuses an escaped quote at the end":  `"abc\"`,
		"refuses two keys joined in one value": "one, two",
	} {
		t.Run(outcome, func(t *testing.T) {
			a := newAPI(t, memory())
			p := wantProblem(t, a.propose(brockholes, map[string]string{"Idempotency-Key": value}), contract.ProblemInvalidKey)
			if len(value) > 2 && strings.Contains(p.Detail, value) {
				t.Errorf("detail %q repeats the key", p.Detail)
			}
		})
	}

	t.Run("refuses two keys", func(t *testing.T) {
		for _, values := range [][]string{{"one", "two"}, {"one", "one"}, {"", "one"}} {
			a := newAPI(t, memory())
			event := a.event(brockholes, nil)
			event.MultiValueHeaders["Idempotency-Key"] = values
			wantProblem(t, a.handle(event), contract.ProblemInvalidKey)
		}
	})

	t.Run("takes both forms of one key for the same", func(t *testing.T) {
		for plain, quoted := range map[string]string{"abc": `"abc"`, `a"b\c`: `"a\"b\\c"`} {
			a := newAPI(t, memory())
			wantOK(t, a.propose(brockholes, map[string]string{"Idempotency-Key": plain}))
			if a.propose(brockholes, map[string]string{"Idempotency-Key": quoted}).Headers[contract.HeaderIdempotencyReplayed] != "true" {
				t.Errorf("%s and %s are different keys", plain, quoted)
			}
		}
	})

	t.Run("takes keys that differ in case for different ones", func(t *testing.T) {
		a := newAPI(t, memory())
		wantOK(t, a.propose(brockholes, map[string]string{"Idempotency-Key": "k"}))
		wantOK(t, a.propose(elsewhere, map[string]string{"Idempotency-Key": "K"}))
	})
}

func TestBody(t *testing.T) {
	t.Parallel()

	t.Run("is decoded when the gateway sends it in base64", func(t *testing.T) {
		a := newAPI(t, memory())
		event := a.event(base64.StdEncoding.EncodeToString([]byte(brockholes)), nil)
		event.IsBase64Encoded = true
		wantOK(t, a.handle(event))
	})

	t.Run("that is called base64 and is not gets 400", func(t *testing.T) {
		a := newAPI(t, memory())
		event := a.event(brockholes, nil)
		event.IsBase64Encoded = true
		wantProblem(t, a.handle(event), contract.ProblemInvalidRequest)
	})

	t.Run("of 16 KiB is read and one byte more gets 413", func(t *testing.T) {
		padded := func(size int) string { return brockholes + strings.Repeat(" ", size-len(brockholes)) }
		a := newAPI(t, memory())
		wantOK(t, a.propose(padded(contract.BodyMaxBytes), nil))
		p := wantProblem(t, a.propose(padded(contract.BodyMaxBytes+1), nil), contract.ProblemTooLarge)
		if !strings.Contains(p.Detail, "16385") || !strings.Contains(p.Detail, "16384") {
			t.Errorf("detail %q does not say how many bytes there are and may be", p.Detail)
		}
	})

	t.Run("is measured after base64", func(t *testing.T) {
		a := newAPI(t, memory())
		event := a.event(base64.StdEncoding.EncodeToString([]byte(brockholes+strings.Repeat(" ", 16000))), nil)
		event.IsBase64Encoded = true
		wantOK(t, a.handle(event))
	})

	for outcome, body := range map[string]string{
		"may have white space around":           "\n\t " + brockholes + "\r\n",
		"may have its members in any order":     `{"geolocation":{"longitude":-2.63,"latitude":53.77},"name":"Brockholes"}`,
		"may write numbers with exponents":      `{"name":"B","geolocation":{"latitude":5.377E1,"longitude":-263e-2}}`,
		"may be on the edge of the world":       `{"name":"B","geolocation":{"latitude":-90,"longitude":180}}`,
		"may escape characters and names":       `{"n\u0061me":"\u0042\ud83e\udd86","geolocation":{"latitude":1,"longitude":2}}`,
		"may have white space around the name":  `{"name":"  Brockholes\n","geolocation":{"latitude":1,"longitude":2}}`,
		"may have the longest name, in escapes": `{"name":"` + strings.Repeat(`\ud83e\udd86`, 200) + `","geolocation":{"latitude":1,"longitude":2}}`,
	} {
		t.Run(outcome, func(t *testing.T) {
			wantOK(t, newAPI(t, memory()).propose(body, nil))
		})
	}

	const (
		geo      = `"geolocation":{"latitude":1,"longitude":2}`
		notKnown = "is not a known member"
		twice    = "appears more than once"
		missing  = "is missing"
	)
	at := func(pointer, detail string) contract.FieldError {
		return contract.FieldError{Pointer: pointer, Detail: detail}
	}
	name := at("#/name", contract.RuleName)
	latitude := at("#/geolocation/latitude", contract.RuleLatitude)
	longitude := at("#/geolocation/longitude", contract.RuleLongitude)
	for outcome, c := range map[string]struct {
		body string
		want []contract.FieldError
	}{
		"names what is missing":                   {`{}`, []contract.FieldError{at("#/geolocation", missing), at("#/name", missing)}},
		"names what is missing within":            {`{"name":"B","geolocation":{}}`, []contract.FieldError{at("#/geolocation/latitude", missing), at("#/geolocation/longitude", missing)}},
		"names everything that is wrong at once":  {`{"nmae":1,"name":" ","name":"x","geolocation":{"latitude":91,"longitude":"2","altitude":3}}`, []contract.FieldError{at("#/nmae", notKnown), at("#/name", twice), longitude, at("#/geolocation/altitude", notKnown), name, latitude}},
		"names a misspelt member":                 {`{"name":"B","Geolocation":{},` + geo + `}`, []contract.FieldError{at("#/Geolocation", notKnown)}},
		"names a duplicate":                       {`{"name":"B","name":"B",` + geo + `}`, []contract.FieldError{at("#/name", twice)}},
		"names a duplicate that is escaped":       {`{"name":"B","\u006eame":"C",` + geo + `}`, []contract.FieldError{at("#/name", twice)}},
		"names a duplicate within":                {`{"name":"B","geolocation":{"latitude":1,"latitude":1,"longitude":2}}`, []contract.FieldError{at("#/geolocation/latitude", twice)}},
		"names a root that is no object":          {`[]`, []contract.FieldError{at("#", "must be an object")}},
		"names a root that is null":               {`null`, []contract.FieldError{at("#", "must be an object")}},
		"names a name that is no string":          {`{"name":5,` + geo + `}`, []contract.FieldError{at("#/name", "must be a string")}},
		"names a name that is null":               {`{"name":null,` + geo + `}`, []contract.FieldError{at("#/name", "must be a string")}},
		"names a geolocation that is no object":   {`{"name":"B","geolocation":[1,2]}`, []contract.FieldError{at("#/geolocation", "must be an object")}},
		"names a latitude that is a string":       {`{"name":"B","geolocation":{"latitude":"1","longitude":2}}`, []contract.FieldError{latitude}},
		"names a latitude that is just too large": {`{"name":"B","geolocation":{"latitude":90.00000000000000000001,"longitude":2}}`, []contract.FieldError{latitude}},
		"names numbers beyond float64":            {`{"name":"B","geolocation":{"latitude":1e400,"longitude":-1e400}}`, []contract.FieldError{latitude, longitude}},
		"names a name that is blank":              {`{"name":"\t",` + geo + `}`, []contract.FieldError{name}},
		"names a name that is too long":           {`{"name":"` + strings.Repeat("x", 201) + `",` + geo + `}`, []contract.FieldError{name}},
		"names a name with a control character":   {`{"name":"a\u0000b",` + geo + `}`, []contract.FieldError{name}},
		"escapes a pointer":                       {`{"a/b~c%d é":1,"name":"B",` + geo + `}`, []contract.FieldError{at("#/a~1b~0c%25d%20%C3%A9", notKnown)}},
		"names a member without a name":           {`{"":1,"name":"B",` + geo + `}`, []contract.FieldError{at("#/", notKnown)}},
		"does not look into unknown members":      {`{"x":{"y":{"name":1}},"name":"B",` + geo + `}`, []contract.FieldError{at("#/x", notKnown)}},
	} {
		t.Run(outcome, func(t *testing.T) {
			p := wantProblem(t, newAPI(t, memory()).propose(c.body, nil), contract.ProblemInvalidBody)
			if !reflect.DeepEqual(p.Errors, c.want) {
				t.Errorf("errors of %s\n got %+v\nwant %+v", c.body, p.Errors, c.want)
			}
		})
	}

	for outcome, c := range map[string]struct{ body, detail string }{
		"that is empty gets told so":                    {"", "The body is empty."},
		"of white space gets told so":                   {" \r\n", "The body is empty."},
		"that ends too early gets told so":              {`{"name":"B"`, "it ends too early"},
		"that ends within a string gets told so":        {`{"name":"B`, "it ends too early"},
		"that is no JSON gets told where":               {"{\n  \"name\": oops}", "line 2, byte 11"},
		"with a trailing comma gets told where":         {`{"name":"B",}`, "line 1, byte 12"},
		"with a second value gets told where":           {brockholes + "{}", "line 1, byte"},
		"with text after it gets told where":            {brockholes + " x", "line 1, byte"},
		"with a byte order mark gets told where":        {"\ufeff" + brockholes, "line 1, byte 1"},
		"that is not UTF-8 gets told where":             {"{\"name\":\"\xff\"}", "line 1, byte"},
		"with a lone surrogate gets told where":         {`{"name":"\ud83e"}`, "line 1, byte"},
		"with a comment gets told where":                {"{/* */}", "line 1, byte 2"},
		"with a bare control character gets told where": {"{\"name\":\"a\nb\"}", "byte"},
		"with a leading zero gets told where":           {`{"name":"B","geolocation":{"latitude":01,"longitude":2}}`, "line 1, byte"},
		"with NaN gets told where":                      {`{"name":"B","geolocation":{"latitude":NaN,"longitude":2}}`, "line 1, byte"},
		"nested as deep as it gets is answered":         {strings.Repeat("[", contract.BodyMaxBytes), "not valid JSON"},
		"nested in objects is answered":                 {strings.Repeat(`{"a":`, 3000), "not valid JSON"},
	} {
		t.Run(outcome, func(t *testing.T) {
			p := wantProblem(t, newAPI(t, memory()).propose(c.body, nil), contract.ProblemInvalidBody)
			if !strings.Contains(p.Detail, c.detail) || len(p.Errors) != 0 {
				t.Errorf("detail %q, errors %v; want one with %q, and none", p.Detail, p.Errors, c.detail)
			}
		})
	}

	t.Run("full of problems gets the first twenty", func(t *testing.T) {
		var body strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&body, `"x%d":0,`, i)
		}
		p := wantProblem(t, newAPI(t, memory()).propose("{"+body.String()+`"name":"B",`+geo+"}", nil), contract.ProblemInvalidBody)
		if len(p.Errors) != 21 || p.Errors[20].Pointer != "#" {
			t.Errorf("got %d errors ending in %+v, want 20 and one that says there are more", len(p.Errors), p.Errors[len(p.Errors)-1])
		}
	})

	t.Run("with an endless member name gets it cut", func(t *testing.T) {
		body := `{"` + strings.Repeat("é", 4000) + `":1,"name":"B",` + geo + `}`
		response := newAPI(t, memory()).propose(body, nil)
		wantProblem(t, response, contract.ProblemInvalidBody)
		if len(response.Body) > 1500 {
			t.Errorf("answer has %d bytes", len(response.Body))
		}
		if !json.Valid([]byte(response.Body)) {
			t.Errorf("answer is not JSON: %q", response.Body)
		}
	})
}
