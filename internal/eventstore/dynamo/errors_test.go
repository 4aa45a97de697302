package dynamo

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"visitplannr/internal/eventstore"
	"visitplannr/internal/local/faults"
	"visitplannr/test/check"
	"visitplannr/test/enginetest"
)

// impatient returns a client that makes one attempt.
func impatient(t *testing.T, endpoint string) *dynamodb.Client {
	t.Helper()
	options := clientOptions(endpoint, "eu-west-1", aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"})
	options.Retryer = aws.NopRetryer{}
	return dynamodb.New(options)
}

// kinds are the errors of package eventstore that stand for a failing store.
var kinds = []error{
	eventstore.ErrThrottled, eventstore.ErrTimeout, eventstore.ErrUnavailable,
	eventstore.ErrRefused, eventstore.ErrNoTable, eventstore.ErrForbidden,
}

// wantOnly checks that an error is one of the kinds and none of the others.
func wantOnly(t *testing.T, err, want error) {
	t.Helper()
	for _, kind := range kinds {
		if errors.Is(err, kind) != (kind == want) {
			t.Errorf("got %v, want an error that is %v alone", err, want)
			return
		}
	}
}

func TestFailuresAreToldApart(t *testing.T) {
	t.Parallel()

	for kind, want := range map[faults.Kind]error{
		faults.Throttled:          eventstore.ErrThrottled,
		faults.InternalError:      eventstore.ErrUnavailable,
		faults.InternalErrorAfter: eventstore.ErrUnavailable,
		faults.Unavailable:        eventstore.ErrUnavailable,
		faults.BadGateway:         eventstore.ErrUnavailable,
		faults.EmptyOK:            eventstore.ErrUnavailable,
		faults.PageOK:             eventstore.ErrUnavailable,
		faults.ForeignOK:          eventstore.ErrUnavailable,
		faults.DropBefore:         eventstore.ErrUnavailable,
		faults.DropAfter:          eventstore.ErrUnavailable,
		faults.Cut:                eventstore.ErrUnavailable,
		faults.Invalid:            eventstore.ErrRefused,
		faults.NoTable:            eventstore.ErrNoTable,
		faults.Denied:             eventstore.ErrForbidden,
	} {
		t.Run(fmt.Sprintf("%s is %v", kind, want), func(t *testing.T) {
			engine := enginetest.Embedded.Start(t)
			table := newTable(t, clientOf(t, engine)).table
			proxy := enginetest.Behind(t, engine, faults.Always(kind))
			store := New(impatient(t, proxy.URL()), table)
			event := brockholes(t)
			wantOnly(t, store.Open(t.Context(), event), want)
			wantOnly(t, store.CheckTable(t.Context()), want)
			for _, err := range store.Stream(t.Context(), event.StreamName) {
				wantOnly(t, err, want)
			}
			for _, err := range store.All(t.Context()) {
				wantOnly(t, err, want)
			}
		})
	}

	for want, codes := range map[error][]string{
		eventstore.ErrNoTable:   {"ResourceNotFoundException"},
		eventstore.ErrThrottled: {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"},
		eventstore.ErrForbidden: {
			"AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException", "MissingAuthenticationTokenException",
			"IncompleteSignature", "ExpiredTokenException", "NotAuthorized", "OptInRequired", "InvalidClientTokenId",
		},
		eventstore.ErrRefused: {"ValidationException", "SerializationException", "ItemCollectionSizeLimitExceededException", "UnheardOf"},
	} {
		for _, code := range codes {
			t.Run(fmt.Sprintf("code %s is %v", code, want), func(t *testing.T) {
				wantOnly(t, openAt(t, http.StatusBadRequest, code), want)
			})
		}
	}
	for want, codes := range map[error][]string{
		eventstore.ErrUnavailable: {"InternalServerError", "InternalFailure", "ServiceUnavailable", "ServiceUnavailableException", "UnheardOf"},
		eventstore.ErrTimeout:     {"RequestTimeout"},
		eventstore.ErrThrottled:   {"ThrottlingException"},
	} {
		for _, code := range codes {
			t.Run(fmt.Sprintf("code %s with status 503 is %v", code, want), func(t *testing.T) {
				wantOnly(t, openAt(t, http.StatusServiceUnavailable, code), want)
			})
		}
	}

	t.Run("a wrong signature's message, which repeats the session token, is not told", func(t *testing.T) {
		err := openAt(t, http.StatusBadRequest, "InvalidSignatureException")
		if strings.Contains(err.Error(), message) || !strings.Contains(err.Error(), "InvalidSignatureException") {
			t.Errorf("got %v, want the code without %q", err, message)
		}
	})

	t.Run("any other failure's message is told", func(t *testing.T) {
		if err := openAt(t, http.StatusBadRequest, "ValidationException"); !strings.Contains(err.Error(), message) {
			t.Errorf("got %v, want one with %q", err, message)
		}
	})

	t.Run("an address where nobody listens is unavailable", func(t *testing.T) {
		wantOnly(t, New(impatient(t, "http://127.0.0.1:1"), "events").Open(t.Context(), brockholes(t)), eventstore.ErrUnavailable)
	})

	t.Run("what cannot be stored is not sent", func(t *testing.T) {
		event := brockholes(t)
		event.Type = ""
		err := New(impatient(t, "http://127.0.0.1:1"), "events").Open(t.Context(), event)
		wantOnly(t, err, nil)
		if !errors.Is(err, eventstore.ErrInvalid) {
			t.Errorf("got %v, want ErrInvalid", err)
		}
	})
}

// message is the text of those failures. Nobody may match on it.
const message = "x-amz-security-token:T0KEN"

// openAt opens a stream at a store that fails with a status and code.
func openAt(t *testing.T, status int, code string) error {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":%q}`, code, message)
	}))
	t.Cleanup(server.Close)
	return New(impatient(t, server.URL), "events").Open(t.Context(), brockholes(t))
}

func TestRetries(t *testing.T) {
	t.Parallel()

	t.Run("pause longer and longer, up to a second, each time by chance", func(t *testing.T) {
		for attempt := range 70 {
			most := maxBackoff
			if attempt < 6 {
				most = min(firstBackoff<<attempt, maxBackoff)
			}
			seen := map[time.Duration]bool{}
			for range 20 {
				pause, err := backoff(attempt, nil)
				if err != nil || pause < most/2 || pause > most {
					t.Fatalf("backoff(%d) = %v, %v; want %v to %v", attempt, pause, err, most/2, most)
				}
				seen[pause] = true
			}
			if len(seen) < 2 {
				t.Errorf("backoff(%d) is always the same", attempt)
			}
		}
	})

	t.Run("are not made after an error that they cannot fix", func(t *testing.T) {
		for _, kind := range []faults.Kind{faults.Invalid, faults.NoTable, faults.Denied} {
			engine := enginetest.Embedded.Start(t)
			proxy := enginetest.Behind(t, engine, faults.Always(kind))
			_ = New(clientOf(t, proxy.URL()), "events").Open(t.Context(), brockholes(t))
			if asked := proxy.Counts("PutItem")[kind]; asked != 1 {
				t.Errorf("%s: asked %d times, want once", kind, asked)
			}
		}
	})
}

func TestNewClient(t *testing.T) {
	t.Parallel()
	environment := func(changes ...string) func(string) string {
		all := map[string]string{envRegion: "eu-west-1", envAccessKey: "key", envSecretKey: "S3CRET", envSessionToken: "T0KEN"}
		for i := 0; i < len(changes); i += 2 {
			all[changes[i]] = changes[i+1]
		}
		return func(name string) string { return all[name] }
	}

	for _, missing := range []string{envRegion, envAccessKey, envSecretKey} {
		t.Run("names "+missing+" when it is not set, and no secret", func(t *testing.T) {
			_, err := NewClient(environment(missing, ""))
			if err == nil || !strings.Contains(err.Error(), missing) || strings.Contains(err.Error(), "S3CRET") {
				t.Errorf("got %v, want an error that names %s", err, missing)
			}
		})
	}

	for outcome, c := range map[string]struct {
		getenv func(string) string
		want   string
	}{
		"goes to AWS by default":                    {environment(), ""},
		"goes to the endpoint of DynamoDB":          {environment(EnvEndpoint, "http://127.0.0.1:1"), "http://127.0.0.1:1"},
		"goes to the endpoint of all services":      {environment(envEndpointAll, "http://127.0.0.1:2"), "http://127.0.0.1:2"},
		"goes to that of DynamoDB before the other": {environment(envEndpointAll, "http://127.0.0.1:2", EnvEndpoint, "http://127.0.0.1:1"), "http://127.0.0.1:1"},
	} {
		t.Run(outcome, func(t *testing.T) {
			client := check.Value(NewClient(c.getenv))(t)
			options := client.Options()
			if got := aws.ToString(options.BaseEndpoint); got != c.want || options.Region != "eu-west-1" {
				t.Errorf("endpoint %q in %s, want %q in eu-west-1", got, options.Region, c.want)
			}
			credentials, err := options.Credentials.Retrieve(t.Context())
			if err != nil || credentials.AccessKeyID != "key" || credentials.SecretAccessKey != "S3CRET" || credentials.SessionToken != "T0KEN" {
				t.Errorf("credentials of %s, %v; want those of the environment", credentials.AccessKeyID, err)
			}
		})
	}
}

func TestWarm(t *testing.T) {
	t.Parallel()

	t.Run("opens the connection that the first write uses", func(t *testing.T) {
		var connections atomic.Int32
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", mediaType)
			_, _ = io.WriteString(w, `{}`)
		}))
		server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				connections.Add(1)
			}
		}
		server.Start()
		t.Cleanup(server.Close)
		client := clientOf(t, server.URL)
		check.OK(t, Warm(t.Context(), client))
		check.OK(t, New(client, "events").Open(t.Context(), brockholes(t)))
		if got := connections.Load(); got != 1 {
			t.Errorf("%d connections, want 1", got)
		}
	})

	t.Run("tells that the store does not answer", func(t *testing.T) {
		if err := Warm(t.Context(), clientOf(t, "http://127.0.0.1:1")); err == nil {
			t.Error("got no error")
		}
	})
}
