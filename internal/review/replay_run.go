package review

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
	"os"
	"os/exec"
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
	end         func()
}

// errBefore says that a state cannot be replayed.
var errBefore = errors.New("is from before 'visitplannr local -json'")

// unknownSetting is the key of a setting that a state does not have.
type unknownSetting string

func (s unknownSetting) Error() string { return "there is no setting " + string(s) }

var noSuchSetting = regexp.MustCompile(`setting "(\w+)" is .*there is no such setting`)

// commandSays is before the error that the command ends with.
const commandSays = "visitplannr local: "

// start starts both states with some settings.
func start(ctx context.Context, both [2]states, given map[string]string) (runs [2]*localRun, failed [2]error) {
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
			r.end()
		}
	}
}

// serve builds the state's command line, unless it is built, and starts a local run. It
// returns once that serves. The run ends with ctx, and with this process, whichever way
// that ends: its standard input is closed then.
func (s states) serve(ctx context.Context, given map[string]string) (_ *localRun, err error) {
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
	if err := errors.Join(err, err2, cmd.Start()); err != nil {
		cancel()
		return nil, err
	}
	r := &localRun{client: http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	r.end = func() {
		r.client.CloseIdleConnections()
		cancel()
		_ = cmd.Wait() // it was told to end
	}
	if json.NewDecoder(stdout).Decode(r) != nil {
		err := cmd.Wait()
		cancel()
		said := strings.TrimSpace(stderr.String())
		var exit *exec.ExitError
		if key := noSuchSetting.FindStringSubmatch(said); key != nil {
			return nil, unknownSetting(key[1])
		}
		if errors.As(err, &exit) && exit.ExitCode() == 2 { // a wrong command line
			return nil, errBefore
		}
		first, _, _ := strings.Cut(said, "\n") // of a panic, or the log entry of an error
		reason := strings.TrimPrefix(said[max(0, strings.LastIndex(said, commandSays)):], commandSays)
		return nil, fmt.Errorf("%s (%.300s)", cmp.Or(reason, fmt.Sprint(err)), first)
	}
	response, err := r.client.Get(r.Description)
	if err == nil {
		defer response.Body.Close()
		r.description, err = io.ReadAll(response.Body)
	}
	if err != nil {
		r.end()
		return nil, fmt.Errorf("it does not serve its description: %w", err)
	}
	return r, nil
}

// ownHeaders are those whose values no two answers share.
var ownHeaders = []string{"Date", "Content-Length", "X-Amz-Apigw-Id", "X-Amzn-Trace-Id"}

// send sends a request and returns what is answered.
func (r *localRun) send(ctx context.Context, q request) answer {
	if q.stored != nil {
		if err := r.dynamoDB(ctx, "PutItem", map[string]any{"TableName": r.Table, "Item": q.stored}, &struct{}{}); err != nil {
			return answer{tree: map[string]any{"status": err.Error()}}
		}
	}
	status, header, body, err := r.do(ctx, q)
	if err != nil {
		return answer{tree: map[string]any{"status": "no answer"}} // the reason names ports
	}
	headers := map[string]any{}
	for name, values := range header {
		if headers[name] = strings.Join(values, ", "); slices.Contains(ownHeaders, name) {
			headers[name] = "its own"
		}
	}
	a := answer{header.Get(contract.HeaderRequestID), map[string]any{"status": status, "headers": headers}}
	var value any
	if json.Unmarshal(body, &value) != nil {
		value = string(body)
	}
	a.tree["body"] = value
	return a
}

func (r *localRun) do(ctx context.Context, q request) (status int, header http.Header, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, q.method, r.API+q.path, strings.NewReader(q.body))
	if err != nil {
		return 0, nil, nil, err
	}
	request.Header = q.header.Clone()
	for _, s := range r.Signers {
		if q.by == nobody || s.Allowed == (q.by == stranger) {
			continue
		}
		if q.by == forger {
			s.SecretAccessKey += "?"
		}
		hash := sha256.Sum256([]byte(q.body))
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
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, response.Header, body, err
}

// dynamoDB calls an operation of the run's engine, which looks at no signature.
func (r *localRun) dynamoDB(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.DynamoDB, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header = http.Header{"X-Amz-Target": {"DynamoDB_20120810." + operation}, "Content-Type": {"application/x-amz-json-1.0"},
		"Authorization": {"AWS4-HMAC-SHA256 Credential=replay/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=none"}}
	response, err := r.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", operation, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(out)
}

// addEvents adds to each answer the events that its request has stored, and one answer
// with all other events.
func (r *localRun) addEvents(ctx context.Context, answers *[]answer) error {
	byRequest := map[any][]any{}
	in := map[string]any{"TableName": r.Table, "ConsistentRead": true}
	for {
		var page struct {
			Items            []map[string]any
			LastEvaluatedKey any
		}
		if err := r.dynamoDB(ctx, "Scan", in, &page); err != nil {
			return err
		}
		for _, item := range page.Items {
			event, _ := plain(map[string]any{"M": item}).(map[string]any)
			byRequest[event["CausationId"]] = append(byRequest[event["CausationId"]], event)
		}
		if page.LastEvaluatedKey == nil {
			break
		}
		in["ExclusiveStartKey"] = page.LastEvaluatedKey
	}
	for _, a := range *answers {
		a.tree["events"] = append([]any{}, byRequest[a.id]...)
		delete(byRequest, a.id)
	}
	rest := slices.Concat(slices.Collect(maps.Values(byRequest))...)
	slices.SortFunc(rest, func(x, y any) int { return strings.Compare(inWords(x), inWords(y)) })
	*answers = append(*answers, answer{tree: map[string]any{"events": rest}})
	return nil
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
