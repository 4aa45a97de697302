package review

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"visitplannr/internal/contract"
	"visitplannr/internal/gobuild"
)

// localRun is a process of a state's command 'visitplannr local -json', and what it says.
type localRun struct {
	API, DynamoDB, Table, Description string
	Signers                           []struct {
		AccessKeyID, SecretAccessKey string
		Allowed                      bool
	}
	description []byte // what is at Description
	client      http.Client
	stop        func()
}

// errBefore says that a state cannot be replayed.
var errBefore = errors.New("is from before 'visitplannr local -json'")

// unknownSetting is the key of a setting that a state does not have.
type unknownSetting string

func (s unknownSetting) Error() string { return "there is no setting " + string(s) }

// start starts both states with some settings.
func start(ctx context.Context, both [2]state, given map[string]string) (runs [2]*localRun, failed [2]error) {
	var started sync.WaitGroup
	for i, s := range both {
		started.Go(func() { runs[i], failed[i] = s.serve(ctx, given) })
	}
	started.Wait()
	return runs, failed
}

func end(runs [2]*localRun) {
	for _, r := range runs {
		if r != nil {
			r.stop()
		}
	}
}

// serve builds the state's command line, unless it is built, and starts a local run. It
// returns once that serves. The run ends with ctx, and with this process, whichever way
// that ends: its standard input is closed then.
func (s state) serve(ctx context.Context, given map[string]string) (_ *localRun, err error) {
	const pkg = "cmd/visitplannr"
	command := filepath.Join(s.out, "visitplannr.exe") // the ending that Windows needs
	if _, err := os.Stat(filepath.Join(s.dir, pkg)); err != nil {
		return nil, errBefore
	}
	if _, err := os.Stat(command); err != nil {
		if err := gobuild.Here(ctx, s.dir, pkg, command); err != nil {
			return nil, err
		}
	}
	args := []string{"local", "-json", "-logs", "json", "-addr", "127.0.0.1:0", "-dynamodb-addr", "127.0.0.1:0"}
	for key, value := range given {
		args = append(args, "-c", key+"="+value)
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := s.command(ctx, command, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	cmd.Cancel = func() error { return stdin.Close() }
	r := &localRun{client: http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	r.stop = func() {
		r.client.CloseIdleConnections()
		cancel()
		_ = cmd.Wait() // it was told to end
	}
	err = errors.Join(err, err2, cmd.Start())
	if err == nil && json.NewDecoder(stdout).Decode(r) != nil {
		err = whyNot(cmd.Wait(), &stderr)
	}
	if err == nil {
		_, _, r.description, err = r.call(ctx, http.MethodGet, r.Description, "", nil, nobody)
	}
	if err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

var (
	noSuchSetting = regexp.MustCompile(`setting "(\w+)" is .*there is no such setting`)
	noSuchFlag    = regexp.MustCompile(`flag provided but not defined|there is no command`)
	atTheEnd      = regexp.MustCompile(`(?ms)^visitplannr local: (.*)`)
	routine       = regexp.MustCompile(`(?m)^.*"level":"INFO".*\n`)
)

// whyNot returns why a command ended before it served, by what it wrote: its own reason,
// and the first line of a function's panic or of its log.
func whyNot(exit error, stderr fmt.Stringer) error {
	said := routine.ReplaceAllString(stderr.String(), "")
	if key := noSuchSetting.FindStringSubmatch(said); key != nil {
		return unknownSetting(key[1])
	}
	if noSuchFlag.MatchString(said) {
		return errBefore
	}
	first, _, _ := strings.Cut(said, "\n")
	if reason := atTheEnd.FindStringSubmatch(said); reason != nil {
		return fmt.Errorf("%s (%.300s)", strings.TrimSpace(reason[1]), first)
	}
	return fmt.Errorf("%w (%.300s)", exit, first)
}

// call sends a request, signed where requests must be signed, and returns the answer.
func (r *localRun) call(ctx context.Context, method, url, body string, header http.Header, by signer) (int, http.Header, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	request.Header = header.Clone()
	for _, s := range r.Signers {
		if by == nobody || s.Allowed == (by == stranger) {
			continue
		}
		if by == forger {
			s.SecretAccessKey += "?"
		}
		hash := sha256.Sum256([]byte(body))
		if err := v4.NewSigner().SignHTTP(ctx, aws.Credentials{AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretAccessKey},
			request, hex.EncodeToString(hash[:]), "execute-api", "eu-west-1", time.Now()); err != nil {
			return 0, nil, nil, err
		}
		break
	}
	response, err := r.client.Do(request)
	if err != nil {
		return 0, nil, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, answer, err
}

// dynamoDB calls an operation of the run's engine, which looks at no signature.
func (r *localRun) dynamoDB(ctx context.Context, operation string, in map[string]any, out any) error {
	in["TableName"] = r.Table
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	status, _, answer, err := r.call(ctx, http.MethodPost, r.DynamoDB, string(body), http.Header{"X-Amz-Target": {"DynamoDB_20120810." + operation},
		"Authorization": {"AWS4-HMAC-SHA256 Credential=replay/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=none"}}, nobody)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s: status %d", operation, status)
	}
	return errors.Join(err, json.Unmarshal(answer, out))
}

// send sends a request and returns what is answered.
func (r *localRun) send(ctx context.Context, q request) answer {
	if q.stored != nil {
		if err := r.dynamoDB(ctx, "PutItem", map[string]any{"Item": q.stored}, &struct{}{}); err != nil {
			return answer{tree: map[string]any{"status": err.Error()}}
		}
	}
	status, header, text, err := r.call(ctx, q.method, r.API+q.path, q.body, q.header, q.by)
	if err != nil {
		return answer{tree: map[string]any{"status": "no answer"}} // the reason names ports
	}
	headers := map[string]any{}
	for name, values := range header {
		switch name {
		case "Date", "Content-Length", "X-Amz-Apigw-Id", "X-Amzn-Trace-Id": // each answer has its own
			headers[name] = "any"
		default:
			headers[name] = strings.Join(values, ", ")
		}
	}
	var body any
	if json.Unmarshal(text, &body) != nil {
		body = string(text)
	}
	return answer{header.Get(contract.HeaderRequestID), map[string]any{"status": status, "headers": headers, "body": body}}
}

// events returns what is stored, by the request that caused it.
func (r *localRun) events(ctx context.Context) (map[any][]any, error) {
	byRequest := map[any][]any{}
	for in := map[string]any{"ConsistentRead": true}; ; {
		var page struct {
			Items            []map[string]any
			LastEvaluatedKey any
		}
		if err := r.dynamoDB(ctx, "Scan", in, &page); err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			event, _ := plain(map[string]any{"M": item}).(map[string]any)
			byRequest[event["CausationId"]] = append(byRequest[event["CausationId"]], event)
		}
		if in["ExclusiveStartKey"] = page.LastEvaluatedKey; page.LastEvaluatedKey == nil {
			return byRequest, nil
		}
	}
}

// withEvents adds to each answer the events that its request has stored, and one answer
// with all other events.
func withEvents(answers []answer, byRequest map[any][]any) []answer {
	for _, a := range answers {
		a.tree["events"] = append([]any{}, byRequest[a.id]...)
		delete(byRequest, a.id)
	}
	rest := slices.Concat(slices.Collect(maps.Values(byRequest))...)
	slices.SortFunc(rest, func(x, y any) int { return strings.Compare(inWords(x), inWords(y)) })
	return append(answers, answer{tree: map[string]any{"status": "stored", "events": rest}})
}

// inWords returns an event without its own ids and times.
func inWords(event any) string { return words(comparable(map[string]any{"": event}, ""), true) }

// plain returns a value of DynamoDB's JSON without the types of strings and maps.
func plain(typed any) any {
	value, _ := typed.(map[string]any)
	if text, ok := value["S"]; ok {
		return text
	}
	members, ok := value["M"].(map[string]any)
	if !ok {
		return typed
	}
	all := map[string]any{}
	for name, member := range members {
		all[name] = plain(member)
	}
	return all
}
