package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-lambda-go/events"

	"visitplannr/internal/contract"
	"visitplannr/internal/httpapi"
)

// An endpoint that greets somebody: its schema, its operation, and what clients get.
func ExampleNew() {
	endpoint := contract.Endpoint{
		Function: "greet", Method: "POST", Path: "/greetings",
		Body: new(contract.Object("Somebody to greet.", map[string]contract.Schema{
			"name": {Type: contract.TypeString, Description: "must be a name", Example: "Ada"},
		})),
	}
	handler := httpapi.New(endpoint, httpapi.Operation[string]{
		Decode: func(r *httpapi.Request) string {
			return httpapi.Leaf(r, "#/name", func(name string) (string, error) {
				if name == "" {
					return "", errors.New("must not be empty")
				}
				return name, nil
			})
		},
		Do: func(_ context.Context, name string) (httpapi.Answer, error) {
			return httpapi.Answer{JSON: map[string]string{"greeting": "Hello, " + name}}, nil
		},
	}, httpapi.Config{Output: io.Discard})

	for _, body := range []string{`{"name":"Ada"}`, `{"name":"","nickname":"A"}`} {
		response, _ := handler.Handle(context.Background(), events.APIGatewayProxyRequest{
			Body: body, RequestContext: events.APIGatewayProxyRequestContext{RequestID: "8c9a2f3e-0a1b-4c5d-8e6f-708192a3b4c5"},
		})
		fmt.Println(response.StatusCode, response.Body)
	}
	// Output:
	// 200 {"greeting":"Hello, Ada"}
	// 400 {"type":"urn:visitplannr:problem:invalid-body","title":"Invalid body","status":400,"detail":"The body has 2 problems; see errors.","instance":"urn:uuid:8c9a2f3e-0a1b-4c5d-8e6f-708192a3b4c5","errors":[{"pointer":"#/nickname","detail":"is not a known member"},{"pointer":"#/name","detail":"must not be empty"}]}
}
