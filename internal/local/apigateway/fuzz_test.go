package apigateway

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"visitplannr/internal/contract"
	"visitplannr/test/check"
	"visitplannr/test/corpus"
)

// FuzzGateway sends requests as they come over the wire through both modes of the
// gateway to the real function. No answer is our fault, each is success or a
// problem, and the two modes agree on what becomes an event.
func FuzzGateway(f *testing.F) {
	for _, body := range corpus.Bodies() {
		if len(body.Bytes) < 1000 {
			f.Add(fmt.Appendf(nil, "POST /destination HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body.Bytes), body.Bytes))
		}
	}
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /destination?a=1&a=2 HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nIdempotency-Key: \"k\"\r\nContent-Length: 2\r\n\r\n{}",
		"POST /destination HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"POST /destination HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{}",
	} {
		f.Add([]byte(request))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		stored := map[bool]int{}
		statuses := map[bool]int{}
		for _, validateBodies := range []bool{true, false} {
			request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
			if err != nil {
				t.Skip("net/http answers it by itself")
			}
			request.RemoteAddr = "192.0.2.1:4711"
			function := newFunction()
			api := check.Value(New(Config{Endpoints: contract.Endpoints(), Functions: only(function.invoker()), ValidateBodies: validateBodies, Logger: slog.New(slog.DiscardHandler)}))(t)
			recorder := httptest.NewRecorder()
			api.ServeHTTP(recorder, request)
			status := recorder.Code
			stored[validateBodies], statuses[validateBodies] = len(function.store.all()), status
			if accepted := status == http.StatusOK; accepted != (stored[validateBodies] == 1) {
				t.Errorf("status %d, and %d events stored", status, stored[validateBodies])
			}
			if status == http.StatusOK {
				continue
			}
			if status < 400 || status > 499 {
				t.Errorf("got status %d: %s", status, recorder.Body)
			}
			body := recorder.Body.String()
			if status == http.StatusBadRequest && body == render(api.responses[contract.GatewayDefault4XX], recorder.Header().Get(contract.HeaderRequestID)) {
				continue // a body that breaks off; the one problem here without a status
			}
			problem := parseProblem(t, status, recorder.Header().Get("Content-Type"), body)
			if want := contract.Instance(recorder.Header().Get(contract.HeaderRequestID)); problem.Instance != want {
				t.Errorf("got instance %s, want %s", problem.Instance, want)
			}
		}
		if stored[true] != stored[false] {
			t.Errorf("validation by the gateway answers %d, by the function %d", statuses[true], statuses[false])
		}
	})
}
