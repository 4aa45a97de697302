package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigateway"
	"github.com/aws/jsii-runtime-go"

	"visitplannr/internal/contract"
	"visitplannr/internal/settings"
)

// allowPreflight adds the answer to a browser that asks whether a page may use the
// method.
func allowPreflight(resource awsapigateway.Resource, method string, c settings.Config) {
	preflight := contract.PreflightOf(method)
	resource.AddCorsPreflight(&awsapigateway.CorsOptions{
		AllowOrigins: jsii.Strings(c.CORSOrigins...),
		AllowMethods: jsii.Strings(preflight.Methods...),
		AllowHeaders: jsii.Strings(preflight.Headers...),
		MaxAge:       awscdk.Duration_Seconds(jsii.Number(preflight.MaxAge.Seconds())),
	})
}

// corsHeaders returns the CORS headers of the gateway's own answers.
func corsHeaders(c settings.Config) map[string]*string {
	headers := map[string]*string{}
	for name, value := range contract.GatewayCORSHeaders(c.CORSOrigins) {
		headers[name] = literal(value)
	}
	return headers
}
