package apigateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"visitplannr/internal/contract"
	"visitplannr/test/check"
)

// unknownMembers is a body of about that size whose members no schema knows.
func unknownMembers(size int) string {
	var body strings.Builder
	body.WriteString(`{"name":"x"`)
	for i := 0; body.Len() < size; i++ {
		fmt.Fprintf(&body, `,"m%d":1`, i)
	}
	return body.String() + "}"
}

func TestLargeBodyThatBreaksTheSchemaIsRefusedInAShortLine(t *testing.T) {
	t.Parallel()
	for title, body := range map[string]string{
		"unknown members":            unknownMembers(5 << 20),
		"unknown members further in": `{"name":"x","geolocation":` + unknownMembers(5<<20) + `}`,
		"a list":                     "[" + strings.Repeat("1,", 2<<20) + "1]",
		"a name of numbers":          `{"name":[` + strings.Repeat("1,", 2<<20) + "1]}",
		"a body that is not JSON":    strings.Repeat("x", 5<<20),
	} {
		t.Run(title, func(t *testing.T) {
			var log bytes.Buffer
			function := &recorder{}
			server := serve(t, Config{Endpoints: contract.Endpoints(), Functions: only(function), ValidateBodies: true,
				Logger: slog.New(slog.NewJSONHandler(&log, nil))})
			response, answer := post(t, server, body)
			if problem := parseProblem(t, response.StatusCode, response.Header.Get("Content-Type"), answer); problem.Type != contract.ProblemInvalidBody.Type {
				t.Errorf("got %+v, want %s", problem, contract.ProblemInvalidBody.Type)
			}
			if function.event != nil {
				t.Error("the function was called")
			}
			if log.Len() > 1000 {
				t.Errorf("logged %d bytes, want at most 1000: %.200s…", log.Len(), log.String())
			}
		})
	}
}

func TestLargeBodyThatKeepsTheSchemaIsLeftToTheFunction(t *testing.T) {
	t.Parallel()
	function := &recorder{}
	server := serve(t, Config{Endpoints: contract.Endpoints(), Functions: only(function), ValidateBodies: true})
	name := strings.Repeat("x", 2*contract.BodyMaxBytes)
	post(t, server, `{"name":"`+name+`","geolocation":{"latitude":1,"longitude":2}}`)
	if function.event == nil {
		t.Error("the function was not called")
	}
}

func TestClientThatDoesNotReadIsLetGo(t *testing.T) {
	t.Parallel()
	answer := fmt.Appendf(nil, `{"statusCode":200,"body":"%s"}`, strings.Repeat("x", 1<<20))
	function := invokerFunc(func(context.Context, []byte) ([]byte, error) { return answer, nil })
	server := serve(t, Config{Endpoints: contract.Endpoints(), Functions: only(function),
		Timeout: time.Millisecond, Patience: 100 * time.Millisecond})
	connection, err := net.Dial("tcp", server.Listener.Addr().String())
	check.OK(t, err)
	defer connection.Close()
	// Answers fill the connection, then requests do, until the gateway closes it.
	check.OK(t, connection.SetWriteDeadline(time.Now().Add(time.Minute)))
	request := []byte("POST /destination HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
	for err == nil {
		_, err = connection.Write(request)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the gateway waits for a client that does not read")
	}
}

// BenchmarkRefuseLargeBody says what a body of 5 MB of unknown members costs.
func BenchmarkRefuseLargeBody(b *testing.B) {
	compiled := check.Value(compile(*contract.ProposeDestination.Body))(b)
	m, body := model{*contract.ProposeDestination.Body, compiled}, []byte(unknownMembers(5<<20))
	for b.Loop() {
		if m.validate(body) == nil {
			b.Fatal("accepted")
		}
	}
}
