package stacks

import (
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigateway"
	"github.com/aws/jsii-runtime-go"

	"visitplannr/internal/contract"
	"visitplannr/internal/settings"
)

// answerWithProblems turns each of the gateway's own answers into a problem of the
// contract, with the headers that a web page needs to read it.
func answerWithProblems(rest awsapigateway.RestApi, c settings.Config) {
	for _, g := range contract.GatewayResponses() {
		headers := corsHeaders(c)
		headers["Content-Type"] = literal(contract.MediaTypeProblem)
		if g.Problem.RetryAfter > 0 {
			headers["Retry-After"] = literal(strconv.Itoa(g.Problem.RetryAfter))
		}
		options := &awsapigateway.GatewayResponseOptions{
			Type:            awsapigateway.ResponseType_Of(jsii.String(g.Type)),
			ResponseHeaders: &headers,
			// The gateway uses this type's template for every answer.
			Templates: &map[string]*string{contract.MediaTypeJSON: jsii.String(g.Template())},
		}
		if !g.KeepsStatus() {
			options.StatusCode = jsii.String(strconv.Itoa(g.Problem.Status))
		}
		rest.AddGatewayResponse(jsii.String(g.Type), options)
	}
}

// literal quotes a header's value for the gateway, which takes an unquoted value for an
// expression.
func literal(value string) *string { return jsii.String("'" + value + "'") }
