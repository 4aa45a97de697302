package main

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/local/dynamodb"
	"visitplannr/test/check"
)

// complete is an environment as Lambda and the stack make it, on an engine.
func complete(t *testing.T) map[string]string {
	t.Helper()
	e := check.Value(dynamodb.Start("127.0.0.1:0", dynamodb.Options{}))(t)
	t.Cleanup(func() { check.OK(t, e.Close(context.Background())) })
	return map[string]string{
		contract.EnvEventsTable:    "events",
		"AWS_REGION":               "eu-west-1",
		"AWS_ACCESS_KEY_ID":        "local",
		"AWS_SECRET_ACCESS_KEY":    "local",
		"AWS_LAMBDA_FUNCTION_NAME": "propose-destination",
		dynamo.EnvEndpoint:         e.URL(),
	}
}

func getenv(environment map[string]string) func(string) string {
	return func(name string) string { return environment[name] }
}

func TestBuild(t *testing.T) {
	t.Parallel()

	t.Run("makes a function that stores proposals", func(t *testing.T) {
		environment := complete(t)
		client := check.Value(dynamo.NewClient(getenv(environment)))(t)
		store := dynamo.New(client, environment[contract.EnvEventsTable])
		check.Value(store.CreateTable(t.Context()))(t)
		handler := check.Value(build(getenv(environment)))(t)
		for event, err := range store.All(t.Context()) {
			t.Errorf("before any proposal: stored %v, %v; want nothing", event, err)
		}
		response, err := handler.Handle(t.Context(), events.APIGatewayProxyRequest{
			Body: `{"name":"Brockholes","geolocation":{"latitude":53.77,"longitude":-2.63}}`,
		})
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("got %d %s, %v; want 200", response.StatusCode, response.Body, err)
		}
		stored := 0
		for _, err := range store.All(t.Context()) {
			check.OK(t, err)
			stored++
		}
		if stored != 1 {
			t.Errorf("%d events stored, want 1", stored)
		}
	})

	for _, missing := range []string{contract.EnvEventsTable, "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Run("names "+missing+" when it is not set, and who sets it", func(t *testing.T) {
			environment := complete(t)
			delete(environment, missing)
			handler, err := build(getenv(environment))
			if err == nil || !strings.Contains(err.Error(), missing) || !strings.Contains(err.Error(), "sets") {
				t.Errorf("got %v, %v; want an error that names %s and who sets it", handler, err, missing)
			}
		})
	}

	t.Run("tells no secret when another variable is missing", func(t *testing.T) {
		environment := complete(t)
		environment["AWS_SECRET_ACCESS_KEY"] = "S3CRET"
		delete(environment, "AWS_ACCESS_KEY_ID")
		if _, err := build(getenv(environment)); err == nil || strings.Contains(err.Error(), "S3CRET") {
			t.Errorf("got %v, want an error without the secret", err)
		}
	})

	// An engine that is down when the function starts may be up for the first request.
	t.Run("does not need the store to answer yet", func(t *testing.T) {
		environment := complete(t)
		for _, endpoint := range []string{"http://127.0.0.1:1", "http://[::1]:namedport"} {
			unreachable := maps.Clone(environment)
			unreachable[dynamo.EnvEndpoint] = endpoint
			if _, err := build(getenv(unreachable)); err != nil {
				t.Errorf("build with %s: %v", endpoint, err)
			}
		}
	})

	t.Run("lets the configured origins read answers", func(t *testing.T) {
		environment := complete(t)
		environment[contract.EnvCORSOrigins] = "https://editors.example,https://admin.example"
		handler := check.Value(build(getenv(environment)))(t)
		for origin, want := range map[string]string{
			"https://editors.example": "https://editors.example",
			"https://admin.example":   "https://admin.example",
			"https://other.example":   "",
		} {
			response, err := handler.Handle(t.Context(), events.APIGatewayProxyRequest{Headers: map[string]string{"origin": origin}})
			if got := response.Headers["Access-Control-Allow-Origin"]; err != nil || got != want {
				t.Errorf("origin %s: Access-Control-Allow-Origin is %q, %v; want %q", origin, got, err, want)
			}
		}
	})
}
