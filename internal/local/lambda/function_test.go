//go:build unix

package lambda_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	runtime "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// event asks for one thing.
type event struct {
	Do   string
	Text string `json:",omitempty"`
	Size int    `json:",omitempty"`
	Meet string `json:",omitempty"` // an address to meet the test at first, if set
}

// answer tells what the function saw.
type answer struct {
	Text      string
	PID       int
	Env       []string
	Dir       string
	RequestID string
	ARN       string
	TraceID   string
	Deadline  time.Time
}

// function is a Lambda function that behaves, well or badly, as its event asks for. The
// variable START makes it misbehave before it is ready.
func function() {
	switch os.Getenv("START") {
	case "exit":
		for i := range 30 {
			fmt.Fprintln(os.Stderr, "line", i)
		}
		fmt.Fprint(os.Stderr, "no table name")
		os.Exit(3)
	case "hang":
		fmt.Fprintln(os.Stderr, "looking for the table")
		select {}
	case "post error":
		post := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/init/error"
		response, err := http.Post(post, "application/json", strings.NewReader(`{"errorMessage":"no table","errorType":"Config.Missing"}`))
		fmt.Fprintln(os.Stderr, "posted", response.Status, err)
		os.Exit(1)
	case "meet":
		meet(os.Getenv("MEET"))
	}
	runtime.Start(handle)
}

func handle(ctx context.Context, event event) (any, error) {
	if event.Meet != "" {
		meet(event.Meet)
	}
	switch event.Do {
	case "echo":
		return seen(ctx, event), nil
	case "fail":
		return nil, errors.New(event.Text)
	case "panic":
		panic(event.Text)
	case "exit":
		os.Exit(7)
	case "start child": // which meets the test instead of us
		child := exec.Command(os.Args[0]) //nolint:forbidigo // its environment follows
		child.Env = []string{"START=meet", "MEET=" + event.Text}
		return nil, errors.Join(child.Start(), child.Wait())
	case "log":
		for range event.Size {
			fmt.Fprintln(os.Stdout, "out "+event.Text)
			fmt.Fprintln(os.Stderr, "err "+event.Text)
		}
		return seen(ctx, event), nil
	case "answer with size":
		return reader{strings.NewReader(strings.Repeat("x", event.Size))}, nil
	case "break off":
		return reader{io.MultiReader(strings.NewReader("half of an"), broken{})}, nil
	}
	return nil, fmt.Errorf("unknown thing to do: %q", event.Do)
}

func seen(ctx context.Context, event event) answer {
	invocation, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	dir, _ := os.Getwd()
	return answer{
		Text:      event.Text,
		PID:       os.Getpid(),
		Env:       os.Environ(), //nolint:forbidigo // what the process got
		Dir:       dir,
		RequestID: invocation.AwsRequestID,
		ARN:       invocation.InvokedFunctionArn,
		TraceID:   os.Getenv("_X_AMZN_TRACE_ID"),
		Deadline:  deadline,
	}
}

// meet tells the test that we are here, and who we are, and stays until the test
// lets us go. The test sees our end as the end of the connection.
func meet(address string) {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(connection, os.Getpid())
	_, _ = io.Copy(io.Discard, connection)
}

// reader is a response sent as it is read, because it cannot be made JSON.
type reader struct{ io.Reader }

func (reader) MarshalJSON() ([]byte, error) { return nil, errors.New("not JSON") }

// broken fails when it is read.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the store went away") }
