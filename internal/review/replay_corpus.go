package review

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"visitplannr/internal/contract"
)

// request is one request of a replay.
type request struct {
	name, method, path, body string
	header                   http.Header
	by                       signer
	unknown                  string         // the endpoint or member that the old state does not have
	stored                   map[string]any // an item that is in the table before; nil: none
}

// signer is who signs a request where it must be signed.
type signer int

const (
	editor   signer = iota
	nobody          // without a signature
	stranger        // who may not call the API
	forger          // who has a wrong secret
)

// operation is what a state's description says of an endpoint.
type operation struct {
	method, path string
	body         bool
	sample       string          // the body of its example
	members      map[string]bool // of its body, as JSON pointers
}

// operations reads a description, by "POST /path".
func operations(description []byte) (map[string]operation, error) {
	var document map[string]any
	if err := yaml.Unmarshal(description, &document); err != nil {
		return nil, fmt.Errorf("description of the API: %w", err)
	}
	found := map[string]operation{}
	paths, _ := document["paths"].(map[string]any)
	for path, item := range paths {
		methods, _ := item.(map[string]any)
		for method, described := range methods {
			if at(described, "responses") == nil { // what all methods share
				continue
			}
			o := operation{method: strings.ToUpper(method), path: strings.NewReplacer("{", "", "}", "").Replace(path), members: map[string]bool{}}
			if media, ok := at(described, "requestBody", "content", contract.MediaTypeJSON).(map[string]any); ok {
				o.body = true
				addMembers(document, media["schema"], "#", o.members)
				sample, _ := json.Marshal(at(media, "examples", "sample", "value")) // it came from YAML
				o.sample = string(sample)
			}
			found[o.method+" "+path] = o
		}
	}
	return found, nil
}

// at returns what is at a path of nested objects, or nil.
func at(value any, path ...string) any {
	for _, name := range path {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}

func addMembers(document, schema any, pointer string, members map[string]bool) {
	if ref, ok := at(schema, "$ref").(string); ok {
		schema = at(document, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	properties, _ := at(schema, "properties").(map[string]any)
	for name, property := range properties {
		members[pointer+"/"+name] = true
		addMembers(document, property, pointer+"/"+name, members)
	}
}

// news returns the first member of a body that only the new state has.
func news(body any, pointer string, old, work map[string]bool) string {
	object, _ := body.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		p := pointer + "/" + name
		if work[p] && !old[p] {
			return p
		}
		if found := news(object[name], p, old, work); found != "" {
			return found
		}
	}
	return ""
}

// corpus returns the requests for the endpoints of either state. The bodies and the stored
// events are those that the tests of the new state keep as data, below dir; the error says
// what of that is missing.
func corpus(dir string, descriptions [2][]byte) (list []request, err error) {
	old, err := operations(descriptions[0])
	work, err2 := operations(descriptions[1])
	var bodies []struct {
		Title, Verdict string
		Body           any
	}
	var goldens []struct {
		What, Key, Body string
		Item            map[string]any
	}
	err = errors.Join(err, err2, readAll(&bodies, dir, "test/corpus/bodies.json", "internal/contract/corpus/bodies.json"), // where they once were
		readAll(&goldens, dir, "test/e2e/testdata/events/*.json"))

	all := map[string]operation{}
	maps.Copy(all, old)
	maps.Copy(all, work)
	for _, route := range slices.Sorted(maps.Keys(all)) {
		o, path := all[route], strings.Fields(route)[1]
		unknown := func(body string) string {
			var value any
			_ = json.Unmarshal([]byte(body), &value) // a body that is not JSON has no members
			if _, known := old[route]; !known {
				return "the endpoint " + route
			} else if member := news(value, "#", old[route].members, o.members); member != "" {
				return "the member " + member + " of " + route
			}
			return ""
		}
		sample := o.sample
		if known := old[route].sample; known != "" && unknown(sample) != "" {
			sample = known // or a key would be used in the new state alone
		}
		add := func(name string, edits ...func(*request)) {
			q := request{name: route + ", " + name, method: o.method, path: o.path, body: sample, header: http.Header{"Accept": {contract.MediaTypeJSON}}}
			if o.body {
				q.header.Set("Content-Type", contract.MediaTypeJSON)
			}
			for _, edit := range edits {
				edit(&q)
			}
			q.unknown = unknown(q.body)
			list = append(list, q)
		}
		header := func(name string, values ...string) func(*request) {
			return func(q *request) { q.header[name] = values }
		}
		key := func(values ...string) func(*request) { return header(contract.HeaderIdempotencyKey, values...) }
		body := func(text string) func(*request) { return func(q *request) { q.body = text } }
		by := func(s signer) func(*request) { return func(q *request) { q.by = s } }
		to := func(method, path string) func(*request) { return func(q *request) { q.method, q.path = method, path } }

		for _, example := range []string{o.sample, old[route].sample} {
			add(fmt.Sprintf("the example %.100s", example), body(example))
		}
		for _, accept := range []string{"", "*/*", "text/plain", "text/html", "application/json;q=0", "text/plain;q=0.5, application/json"} {
			add("Accept: "+accept, header("Accept", accept))
		}
		for _, by := range []func(*request){by(nobody), by(stranger), by(forger)} {
			add("without a right signature", by)
		}
		for _, origin := range []string{switches()["corsOrigins"], "https://other.example"} {
			add("from a page of "+origin, header("Origin", origin))
			add("a preflight of "+origin, to(http.MethodOptions, o.path), by(nobody), header("Origin", origin), header("Access-Control-Request-Method", o.method))
		}
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			if _, has := all[method+" "+path]; !has {
				add("as "+method, to(method, o.path))
			}
		}
		for _, wrong := range []string{o.path + "/", "/" + o.path, o.path + "/more", strings.ToUpper(o.path), o.path + "?a=1&a=2", o.path + "%2F", "/there-is-no-such-path"} {
			add("at "+wrong, to(o.method, wrong))
		}
		if !o.body {
			continue
		}
		for _, kind := range []string{"", "text/plain", "application/json; charset=utf-8", "APPLICATION/JSON", "application/problem+json", "application/x-www-form-urlencoded", "no type"} {
			add("Content-Type: "+kind, header("Content-Type", kind))
		}
		for _, k := range []string{"k", "k", `"k"`, "", `"`, "a b", "é", strings.Repeat("k", 255), strings.Repeat("k", 256)} {
			add(fmt.Sprintf("the key %.10q", k), key(k))
		}
		add("two keys", key("k", "l"))
		reused := 0
		for _, b := range bodies {
			add(fmt.Sprintf("the body %q", b.Title), body(spell(b.Body)))
			if b.Verdict == "accepted" && reused < 5 {
				reused++
				add(fmt.Sprintf("a used key and the body %q", b.Title), key("k"), body(spell(b.Body)))
			}
		}
		for _, g := range goldens {
			if g.Key != "" {
				add(fmt.Sprintf("a retry of the stored event %q", g.What), key(g.Key), body(g.Body), func(q *request) { q.stored = g.Item })
			}
		}
	}
	return list, err
}

// readAll appends the elements of the JSON files that match the patterns below dir.
func readAll[T any](list *[]T, dir string, patterns ...string) (err error) {
	var files []string
	for _, pattern := range patterns {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		files = append(files, found...)
	}
	if files == nil {
		return fmt.Errorf("not replayed: there is no %s", patterns[0])
	}
	for _, file := range files {
		var elements []T
		text, failed := os.ReadFile(file)
		if failed == nil {
			failed = json.Unmarshal(text, &elements)
		}
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("not replayed: %s: %w", file, failed))
		}
		*list = append(*list, elements...)
	}
	return err
}

// spell returns a body of the corpus: a string, a list of them, {"base64": …} or
// {"text": …, "times": …}.
func spell(body any) (text string) {
	switch body := body.(type) {
	case string:
		return body
	case []any:
		for _, part := range body {
			text += spell(part)
		}
		return text
	}
	if encoded, ok := at(body, "base64").(string); ok {
		decoded, _ := base64.StdEncoding.DecodeString(encoded)
		return string(decoded)
	}
	text, _ = at(body, "text").(string)
	times, _ := at(body, "times").(float64)
	return strings.Repeat(text, max(0, int(times)))
}
