package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigateway"
	"github.com/aws/jsii-runtime-go"

	"visitplannr/internal/contract"
	"visitplannr/internal/settings"
)

// allowPreflight answers a browser that asks whether a page may send the method
// (https://fetch.spec.whatwg.org/#http-cors-protocol). Credentials of the browser
// itself, such as cookies, are never allowed: requests are signed.
func allowPreflight(resource awsapigateway.Resource, method string, c settings.Config) {
	resource.AddCorsPreflight(&awsapigateway.CorsOptions{
		AllowOrigins: jsii.Strings(c.CORSOrigins...),
		AllowMethods: jsii.Strings(method),
		AllowHeaders: jsii.Strings("Accept", "Content-Type", contract.HeaderIdempotencyKey,
			"Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256"),
		MaxAge: awscdk.Duration_Hours(jsii.Number(1)),
	})
}

// corsHeaders let a page read the gateway's own answers; the function's answers
// carry the headers that the function gives them.
//
// The gateway cannot choose among origins here, so when there are several any
// page may read these answers. They are fixed texts of a public contract, and say
// nothing about what is stored.
func corsHeaders(c settings.Config) map[string]*string {
	headers := map[string]*string{}
	switch len(c.CORSOrigins) {
	case 0:
		return headers
	case 1:
		headers["Access-Control-Allow-Origin"] = literal(c.CORSOrigins[0])
	default:
		headers["Access-Control-Allow-Origin"] = literal("*")
	}
	headers["Access-Control-Expose-Headers"] = literal("Retry-After")
	return headers
}
