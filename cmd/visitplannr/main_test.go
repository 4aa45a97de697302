package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/test/check"
)

// asCommand makes this test binary run the command, so that a test can start it as a
// process and send it signals.
const asCommand = "VISITPLANNR_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// ended is what one command line gave.
type ended struct {
	code           int
	stdout, stderr string
}

// visitplannr runs one command line in an environment of its own.
func visitplannr(ctx context.Context, environment map[string]string, args ...string) ended {
	var stdout, stderr bytes.Buffer
	code := run(ctx, cli{
		stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr,
		getenv: func(name string) string { return environment[name] },
	}, args)
	return ended{code, stdout.String(), stderr.String()}
}

func TestHelp(t *testing.T) {
	t.Parallel()

	t.Run("is printed for a command line that is empty, as a mistake", func(t *testing.T) {
		t.Parallel()
		got := visitplannr(t.Context(), nil)
		if got.code != 2 || got.stdout != "" || !strings.Contains(got.stderr, "Usage: visitplannr COMMAND") {
			t.Errorf("got %+v, want exit code 2 and the usage on standard error", got)
		}
	})

	for _, asked := range []string{"help", "-h", "-help", "--help"} {
		t.Run("is output when it is asked for with "+asked, func(t *testing.T) {
			t.Parallel()
			got := visitplannr(t.Context(), nil, asked)
			if got.code != 0 || got.stderr != "" {
				t.Errorf("got %+v, want exit code 0 and nothing on standard error", got)
			}
			for _, command := range commands() {
				if !strings.Contains(got.stdout, command.name) || !strings.Contains(got.stdout, command.summary) {
					t.Errorf("%q does not tell of %s", got.stdout, command.name)
				}
			}
		})
	}

	for _, command := range commands() {
		for _, asked := range []string{"-h", "--help"} {
			t.Run("of "+command.name+" is output when it is asked for with "+asked, func(t *testing.T) {
				t.Parallel()
				got := visitplannr(t.Context(), nil, command.name, asked)
				if got.code != 0 || got.stderr != "" || !strings.HasPrefix(got.stdout, "Usage: visitplannr "+command.name) || !strings.Contains(got.stdout, "\nFlags:\n") {
					t.Errorf("got %+v, want exit code 0 and the usage and flags on standard output", got)
				}
				if !strings.Contains(got.stdout, command.args) {
					t.Errorf("%q does not tell of its arguments %s", got.stdout, command.args)
				}
			})
		}
	}
}

func TestWrongCommandLines(t *testing.T) {
	t.Parallel()

	for what, c := range map[string]struct {
		args []string
		want string // on standard error
	}{
		"names a command that does not exist":           {[]string{"locale"}, `"locale"`},
		"names a flag that does not exist":              {[]string{"local", "-adr", "x"}, "-adr"},
		"refuses an argument where none is wanted":      {[]string{"local", "now"}, `nothing after the flags, not ["now"]`},
		"names an argument that is missing":             {[]string{"stream"}, "NAME after the flags, not []"},
		"names a setting that does not exist":           {[]string{"local", "-c", "stgae=prod"}, `"stgae" is "prod", but there is no such setting`},
		"says which values a setting may have":          {[]string{"local", "-c", "validation=none"}, "gateway or function"},
		"refuses a setting without a value":             {[]string{"local", "-c", "stage"}, `"stage" is not of the form key=value`},
		"names a function that does not exist":          {[]string{"event", "-function", "none"}, `"none"; it can be propose-destination`},
		"names an unknown format of logs":               {[]string{"local", "-logs", "xml"}, `-logs is "xml"`},
		"refuses an empty address":                      {[]string{"local", "-dynamodb-addr", ""}, "-dynamodb-addr must be a host:port"},
		"names a fault that does not exist":             {[]string{"local", "-faults", "lost=1"}, `-faults: there is no fault "lost"`},
		"asks for a client to certify":                  {[]string{"certify", "--"}, "COMMAND is missing"},
		"says that a client to certify comes after --":  {[]string{"certify", "client"}, "must be -- COMMAND"},
		"refuses a timeout of 0":                        {[]string{"certify", "-timeout", "0s", "--", "client"}, "-timeout is 0s"},
		"names a scenario that does not exist":          {[]string{"certify", "-only", "429,none", "--", "client"}, `-only: there is no scenario "none"`},
		"refuses a concurrency of 0":                    {[]string{"local", "-concurrency", "0"}, "-concurrency is 0"},
		"names a malformed stream name":                 {[]string{"stream", "brockholes"}, `"brockholes"`},
		"refuses a proposal without a name":             {[]string{"propose", "-latitude", "1", "-longitude", "2"}, "-name is missing"},
		"refuses a proposal without a latitude":         {[]string{"propose", "-name", "B", "-longitude", "2"}, "-latitude is missing"},
		"refuses a longitude out of range":              {[]string{"propose", "-name", "B", "-latitude", "1", "-longitude", "181"}, "-longitude must be"},
		"refuses a URL without a scheme":                {[]string{"propose", "-name", "B", "-latitude", "1", "-longitude", "2", "-url", "localhost:3000"}, `-url is "localhost:3000"`},
		"signs nothing over plain HTTP":                 {[]string{"propose", "-name", "B", "-latitude", "1", "-longitude", "2", "-url", "http://api.example/destination"}, "a signed request over plain HTTP"},
		"refuses to sign and not to sign at once":       {[]string{"propose", "-name", "B", "-latitude", "1", "-longitude", "2", "-sign", "-unsigned"}, "exclude each other"},
		"refuses a file together with a name":           {[]string{"propose", "-file", "x", "-name", "B"}, "-file cannot be combined with -name"},
		"names a key that the API would refuse":         {[]string{"propose", "-name", "B", "-latitude", "1", "-longitude", "2", "-key", "a b"}, `-key is "a b"`},
		"refuses a header without a colon":              {[]string{"event", "-header", "Accept"}, `"Accept"`},
		"refuses to wait for no time between two reads": {[]string{"events", "-follow", "-every", "0s"}, "-every is 0s"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			got := visitplannr(t.Context(), nil, c.args...)
			if got.code != 2 || got.stdout != "" || !strings.Contains(got.stderr, c.want) {
				t.Errorf("%q gave %+v, want exit code 2 and %q on standard error", c.args, got, c.want)
			}
			if !strings.Contains(got.stderr, " -h' for help") || strings.Contains(got.stderr, "\nFlags:\n") {
				t.Errorf("%q gave %q, want it to point to the help, not to print it", c.args, got.stderr)
			}
		})
	}
}

func TestCtrlCEndsReadingFromATerminal(t *testing.T) {
	t.Parallel()
	input, open := io.Pipe()
	t.Cleanup(func() { _ = open.Close() })
	for _, args := range [][]string{{"invoke", "-"}, {"event", "-body", "-"}, {"propose", "-file", "-"}} {
		ctx, interrupt := context.WithCancel(t.Context())
		interrupt()
		var stdout, stderr bytes.Buffer
		code := run(ctx, cli{stdin: input, stdout: &stdout, stderr: &stderr, getenv: func(string) string { return "" }}, args)
		if code != 1 || stdout.Len() > 0 || !strings.Contains(stderr.String(), "interrupted") {
			t.Errorf("%q: got exit code %d, %q and %q; want 1 and that it was interrupted", args, code, &stdout, &stderr)
		}
	}
}

func TestLocalSaysWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	taken := check.Value(net.Listen("tcp", "127.0.0.1:0"))(t)
	t.Cleanup(func() { _ = taken.Close() })

	for outcome, c := range map[string]struct {
		endpoint string // AWS_ENDPOINT_URL_DYNAMODB
		args     []string
		want     []string
	}{
		"an address of the API that is taken": {
			"", []string{"-addr", taken.Addr().String()}, []string{taken.Addr().String(), "in use", "-addr"}},
		"an address of the engine that is taken": {
			"", []string{"-addr", "127.0.0.1:0", "-dynamodb-addr", taken.Addr().String()}, []string{taken.Addr().String(), "in use", "-dynamodb-addr"}},
		"an address without a port": {
			"", []string{"-addr", "127.0.0.1"}, []string{"-addr", "missing port"}},
		"an endpoint without a scheme": {
			"127.0.0.1:8000", []string{"-addr", "127.0.0.1:0"}, []string{dynamo.EnvEndpoint, `"127.0.0.1:8000"`, "http://127.0.0.1:8000"}},
		"an endpoint of another scheme": {
			"ftp://user:secret@127.0.0.1", []string{"-addr", "127.0.0.1:0"}, []string{dynamo.EnvEndpoint, `"127.0.0.1", which is not a URL`}},
		"an endpoint whose port is not a number": {
			"http://127.0.0.1:http", []string{"-addr", "127.0.0.1:0"}, []string{dynamo.EnvEndpoint}},
		"AWS, before which no faults are injected": {
			"http://dynamodb.eu-west-1.amazonaws.com", []string{"-faults", "down=0.1"}, []string{"-faults", "not AWS", "unset " + dynamo.EnvEndpoint}},
		"an engine that does not answer": {
			"http://user:secret@127.0.0.1:1", []string{"-addr", "127.0.0.1:0"}, []string{"no DynamoDB engine answers", " at http://127.0.0.1:1:", "unset " + dynamo.EnvEndpoint}},
	} {
		t.Run("names "+outcome, func(t *testing.T) {
			t.Parallel()
			// The engine gets 10 seconds to come up; half a second is enough here.
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			got := visitplannr(ctx, map[string]string{dynamo.EnvEndpoint: c.endpoint}, append([]string{"local"}, c.args...)...)
			if got.code != 1 || got.stdout != "" || strings.Contains(got.stderr, "secret") {
				t.Errorf("got %+v, want exit code 1, no banner and no password", got)
			}
			for _, want := range c.want {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("%q does not say %q", got.stderr, want)
				}
			}
		})
	}
}

// sampleBody is a proposal that is accepted.
var sampleBody = contract.ProposeDestination.SampleBody()

func TestLocalNamesTheSettingsWithoutEffect(t *testing.T) {
	t.Parallel()
	for outcome, c := range map[string]struct {
		given settingFlags
		want  []string
		not   []string
	}{
		"none by default":                          {settingFlags{}, nil, []string{"capacity", "stage"}},
		"those that were given":                    {settingFlags{"capacity": "on-demand", "validation": "gateway"}, []string{"capacity"}, []string{"validation", "delivery"}},
		"all of a stage that was given":            {settingFlags{"stage": "prod"}, []string{"capacity", "delivery", "removal"}, []string{"validation", "stage"}},
		"each once, of a stage and one of its own": {settingFlags{"stage": "prod", "capacity": "on-demand"}, []string{"capacity", "delivery"}, nil},
	} {
		t.Run(outcome, func(t *testing.T) {
			t.Parallel()
			got := withoutEffect(c.given)
			for _, want := range c.want {
				if !slices.Contains(got, want) {
					t.Errorf("got %q, want %s among them", got, want)
				}
			}
			for _, not := range c.not {
				if slices.Contains(got, not) {
					t.Errorf("got %q, %s among them", got, not)
				}
			}
			if len(slices.Compact(slices.Sorted(slices.Values(got)))) != len(got) {
				t.Errorf("got %q, one of them twice", got)
			}
		})
	}
}
