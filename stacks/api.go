package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigateway"
	"github.com/aws/jsii-runtime-go"
)

// api is the REST API that editors call.
type api struct {
	rest   awsapigateway.RestApi
	config Config
}

// newAPI makes an API without routes.
func newAPI(stack awscdk.Stack, c Config) api {
	rest := awsapigateway.NewRestApi(stack, jsii.String("api"), &awsapigateway.RestApiProps{
		RestApiName:   jsii.String(StackName(c.Stage)),
		Description:   stack.TemplateOptions().Description(),
		EndpointTypes: &[]awsapigateway.EndpointType{awsapigateway.EndpointType_REGIONAL},
		// The role with which API Gateway writes logs is one for the whole account
		// and region. It is not this stack's to take (docs/adr/0010).
		CloudWatchRole: jsii.Bool(false),
		DeployOptions: &awsapigateway.StageOptions{
			StageName:            jsii.String(string(c.Stage)),
			ThrottlingRateLimit:  jsii.Number(c.ThrottleRate),
			ThrottlingBurstLimit: jsii.Number(c.ThrottleBurst),
			TracingEnabled:       jsii.Bool(true),
		},
	})
	// The CDK's own output has a generated name; ours has a known one.
	rest.Node().TryRemoveChild(jsii.String("Endpoint"))
	return api{rest, c}
}

// route leads an endpoint's method and path to its function.
func (a api) route(e Endpoint, f function) {
	resource := a.rest.Root().ResourceForPath(jsii.String(e.Route.Path))
	resource.AddMethod(jsii.String(e.Route.Method),
		awsapigateway.NewLambdaIntegration(f.lambda, &awsapigateway.LambdaIntegrationOptions{
			// The console's test button is no reason for a second permission.
			AllowTestInvoke: jsii.Bool(false),
		}),
		&awsapigateway.MethodOptions{AuthorizationType: a.authorization()})
}

func (a api) authorization() awsapigateway.AuthorizationType {
	if a.config.Access == Open {
		return awsapigateway.AuthorizationType_NONE
	}
	return awsapigateway.AuthorizationType_IAM
}
