package acceptance

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"visitplannr/internal/contract"
	"visitplannr/test/check"
)

// A target is a system that the suite can be run against.
type target struct {
	name string // its column in docs/acceptance.md

	// lacks says what the target cannot show, and why. A behaviour that needs one of
	// these is not tried there; the table shows the reason.
	lacks map[need]string
}

// with returns reasons changed by others; an empty one takes a reason away.
func with(reasons, changes map[need]string) map[need]string {
	changed := maps.Clone(reasons)
	maps.Copy(changed, changes)
	return changed
}

// A need is what a behaviour takes beyond the API's answers.
type need string

// The needs. Those that a probe serves are checked: a target has the probe, or a
// reason why not.
const (
	storedEvents      need = "reading the table"
	logLines          need = "reading the function's log"
	rolePolicy        need = "asking what the function's role may do"
	invocation        need = "asking by which routes the API may invoke the function"
	signing           need = "an API that asks for signatures"
	openAccess        need = "an API that is open to all"
	verifying         need = "signatures that are verified"
	anotherEditor     need = "a second principal who may call the API"
	stranger          need = "a principal who may not call the API"
	strangerProblem   need = "the gateway response for one who may not"
	webPages          need = "an allowed web origin"
	ownLimits         need = "the stage's own rate limit"
	functionValidates need = "a function that judges bodies first"
	noLimits          need = "no rate limit, and a table to throw away"
	gatewayID         need = "the request's id in the header of the function's answers"
	headerLimit       need = "API Gateway's limit on headers"
	awsItself         need = "AWS, and not what stands for it"
	accessLog         need = "reading the API's access log"
	metrics           need = "reading metrics"
)

// principal is somebody who signs requests.
type principal struct {
	accessKeyID, secret, token string
}

// system is a target that runs.
type system struct {
	base   string // URL of the stage; ends in a slash
	host   string // the Host header, where it is not the URL's
	region string // that signatures are for

	editor, other, stranger *principal // nil: requests are not signed, or there is none
	origin                  string     // of a web page that may call the API

	// The probes. nil: the target lacks it.
	items     func(t *testing.T) []map[string]any      // every item of the table, in DynamoDB's JSON
	lines     func(t *testing.T, text string) []string // lines of the function's log that contain text
	allowed   func(t *testing.T, action string) bool   // whether the function's role may do it to the table
	mayInvoke func(t *testing.T, route string) bool    // whether the API may invoke the function by a route such as POST/destination
	limited   *system                                  // the same with the stage's own limits

	// What only AWS has.
	arn       string                                   // of the editor
	accesses  func(t *testing.T, text string) []string // lines of the access log that contain text
	published func(t *testing.T, m metric) bool        // whether CloudWatch has values of the last minutes
	watched   []metric                                 // by alarms and the dashboard

	scarce      bool                   // Lambda may refuse what the stage admits
	badGateway  atomic.Int32           // answers of 502
	unavailable atomic.Int32           // answers of 503
	refused     atomic.Pointer[answer] // one of these
}

// A metric is named by its namespace and dimensions too.
type metric struct {
	namespace, name string
	dimensions      [][2]string // name and value
}

// check compares what a system supplies with what its target lacks.
func (s *system) check(t *testing.T, lacks map[need]string) {
	t.Helper()
	for n, supplied := range map[need]bool{
		storedEvents: s.items != nil, logLines: s.lines != nil, rolePolicy: s.allowed != nil, invocation: s.mayInvoke != nil, ownLimits: s.limited != nil,
		signing: s.editor != nil, openAccess: s.editor == nil, anotherEditor: s.other != nil, stranger: s.stranger != nil,
		webPages: s.origin != "",
	} {
		if reason := lacks[n]; supplied == (reason != "") {
			t.Errorf("the target supplies %s: %t; its reason for lacking it: %q", n, supplied, reason)
		}
	}
}

// request is one to the API. The zero value, but for a body, is a proposal as an
// editor sends it.
type request struct {
	method, path string // "": those of a proposal
	body         string
	headers      map[string]string // besides Content-Type; an empty value leaves a header out
	as           *principal        // nil: the editor
	unsigned     bool
	change       func(*http.Request) // after the signature
	at           time.Time           // of the signature; zero: now
	impatient    bool                // does not wait for Retry-After
	client       *http.Client        // nil: the suite's
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// How often a request is sent because the API asks for it again: above the rate
// limit until it has room, of a failing store a few times.
var attempts = map[int]int{http.StatusTooManyRequests: 20, http.StatusBadGateway: 4, http.StatusServiceUnavailable: 4}

var httpClient = &http.Client{Timeout: 40 * time.Second} // API Gateway gives up after 29 s

// send sends a request, and again after the time in Retry-After as often as the API
// asks for that. It may be used by many goroutines.
func (s *system) send(ctx context.Context, r request) (answer, error) {
	for attempt := 1; ; attempt++ {
		got, err := s.sendOnce(ctx, r)
		if err != nil {
			return answer{}, err
		}
		switch got.status {
		case http.StatusBadGateway:
			s.badGateway.Add(1)
			s.refused.Store(&got)
		case http.StatusServiceUnavailable:
			s.unavailable.Add(1)
			s.refused.Store(&got)
		}
		if r.impatient || attempt >= attempts[got.status] {
			return got, nil
		}
		seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
		if err != nil {
			return answer{}, fmt.Errorf("status %d has Retry-After %q, want seconds", got.status, got.header.Get("Retry-After"))
		}
		select {
		case <-ctx.Done():
			return answer{}, ctx.Err()
		case <-time.After(time.Duration(seconds) * time.Second):
		}
	}
}

func (s *system) sendOnce(ctx context.Context, r request) (answer, error) {
	route := contract.ProposeDestination
	if r.method == "" {
		r.method = route.Method
	}
	if r.path == "" {
		r.path = route.Path
	}
	httpRequest, err := http.NewRequestWithContext(ctx, r.method, s.base+strings.TrimPrefix(r.path, "/"), strings.NewReader(r.body))
	if err != nil {
		return answer{}, err
	}
	httpRequest.Host = s.host
	httpRequest.Header.Set("Content-Type", contract.MediaTypeJSON)
	for name, value := range r.headers {
		httpRequest.Header.Set(name, value)
		if value == "" {
			httpRequest.Header.Del(name)
		}
	}
	by := s.editor
	if r.as != nil {
		by = r.as
	}
	if by != nil && !r.unsigned {
		at := r.at
		if at.IsZero() {
			at = time.Now()
		}
		if err := sign(ctx, httpRequest, *by, "execute-api", s.region, r.body, at); err != nil {
			return answer{}, err
		}
	}
	if r.change != nil {
		r.change(httpRequest)
	}
	return exchange(cmp.Or(r.client, httpClient), httpRequest)
}

func sign(ctx context.Context, r *http.Request, by principal, service, region, body string, at time.Time) error {
	hash := sha256.Sum256([]byte(body))
	return v4.NewSigner().SignHTTP(ctx, aws.Credentials{AccessKeyID: by.accessKeyID, SecretAccessKey: by.secret, SessionToken: by.token},
		r, hex.EncodeToString(hash[:]), service, region, at)
}

func exchange(client *http.Client, r *http.Request) (answer, error) {
	response, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body)}, err
}

// An awsAPI is where a target's AWS, or what stands for it, is asked.
type awsAPI struct {
	endpoint func(service string) string
	region   string
	by       principal
}

// call asks a service that speaks AWS JSON for an operation, such as
// DynamoDB_20120810.Scan, and decodes its answer.
func (a awsAPI) call(ctx context.Context, service, operation, version string, input, output any) error {
	body, err := json.Marshal(input)
	if err != nil {
		return err
	}
	got, err := a.post(ctx, service, string(body), http.Header{
		"Content-Type": {"application/x-amz-json-" + version}, "X-Amz-Target": {operation},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	return json.Unmarshal(got, output)
}

// query asks a service of the query protocol, such as IAM, and returns its XML.
func (a awsAPI) query(ctx context.Context, service string, parameters url.Values) (string, error) {
	got, err := a.post(ctx, service, parameters.Encode(), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	if err != nil {
		return "", fmt.Errorf("%s: %w", parameters.Get("Action"), err)
	}
	return string(got), nil
}

func (a awsAPI) post(ctx context.Context, service, body string, header http.Header) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.endpoint(service)+"/", bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, err
	}
	r.Header = header
	if err := sign(ctx, r, a.by, service, a.region, body, time.Now()); err != nil {
		return nil, err
	}
	got, err := exchange(httpClient, r)
	if err == nil && got.status != http.StatusOK {
		err = fmt.Errorf("status %d: %s", got.status, got.body)
	}
	return []byte(got.body), err
}

// get asks a service of REST, and decodes its JSON.
func (a awsAPI) get(t *testing.T, service, path string, into any) {
	t.Helper()
	r := check.Value(http.NewRequestWithContext(t.Context(), http.MethodGet, a.endpoint(service)+path, nil))(t)
	check.OK(t, sign(t.Context(), r, a.by, service, a.region, "", time.Now()))
	got, err := exchange(httpClient, r)
	if err == nil && got.status != http.StatusOK {
		err = fmt.Errorf("status %d", got.status)
	}
	if err == nil {
		err = json.Unmarshal([]byte(got.body), into)
	}
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", service, path, err, got.body)
	}
}

// items returns a probe that reads a whole table.
func (a awsAPI) items(table string) func(t *testing.T) []map[string]any {
	return func(t *testing.T) []map[string]any {
		t.Helper()
		var all []map[string]any
		input := map[string]any{"TableName": table, "ConsistentRead": true}
		for {
			var page struct {
				Items            []map[string]any
				LastEvaluatedKey map[string]any
			}
			check.OK(t, a.call(t.Context(), "dynamodb", "DynamoDB_20120810.Scan", "1.0", input, &page))
			all = append(all, page.Items...)
			if len(page.LastEvaluatedKey) == 0 {
				return all
			}
			input["ExclusiveStartKey"] = page.LastEvaluatedKey
		}
	}
}

// errNever is what eventually returns when nothing came.
var errNever = errors.New("it did not happen in time")

// eventually asks until the answer is there: what a request causes may come after
// its answer. It asks less and less often, since AWS counts the questions.
func eventually(ctx context.Context, within time.Duration, happened func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for pause := 50 * time.Millisecond; !happened(); pause = min(2*pause, 10*time.Second) {
		select {
		case <-ctx.Done():
			return errNever
		case <-time.After(pause):
		}
	}
	return nil
}
