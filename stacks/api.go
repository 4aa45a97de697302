package stacks

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigateway"
	"github.com/aws/jsii-runtime-go"

	"visitplannr/internal/contract"
	"visitplannr/internal/settings"
)

// api is the REST API that editors call.
type api struct {
	rest      awsapigateway.RestApi
	validator awsapigateway.RequestValidator // nil: the function validates
	config    settings.Config
}

// newAPI creates an API without routes: each route decides who may call it.
func newAPI(stack awscdk.Stack, c settings.Config) api {
	options := &awsapigateway.StageOptions{
		StageName:            jsii.String(string(c.Stage)),
		ThrottlingRateLimit:  jsii.Number(c.ThrottleRate),
		ThrottlingBurstLimit: jsii.Number(c.ThrottleBurst),
		TracingEnabled:       jsii.Bool(true),
	}
	if c.AccessLogs {
		logRequests(options, newLogGroup(stack, c, "api-logs"))
	}
	a := api{config: c, rest: awsapigateway.NewRestApi(stack, jsii.String("api"), &awsapigateway.RestApiProps{
		RestApiName:   jsii.String(apiName(c)),
		Description:   stack.TemplateOptions().Description(),
		EndpointTypes: &[]awsapigateway.EndpointType{awsapigateway.EndpointType_REGIONAL},
		// API Gateway's role for writing logs is shared by the whole account and
		// region, so this stack does not set it (docs/adr/0010).
		CloudWatchRole: jsii.Bool(false),
		DeployOptions:  options,
	})}
	// TLS 1.2 or 1.3. Without a policy a Regional API accepts TLS 1.0. CloudFormation
	// requires AWS's own policy names, for which the CDK has no constants, and an
	// access mode with them. STRICT refuses requests that come through another kind of
	// endpoint, or whose Host differs from the name in the TLS handshake.
	// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-security-policies-list.html
	cfn := a.rest.Node().DefaultChild().(awsapigateway.CfnRestApi)
	cfn.SetSecurityPolicy(jsii.String("SecurityPolicy_TLS13_1_2_PQ_2025_09"))
	cfn.SetEndpointAccessMode(jsii.String("STRICT"))

	// The CDK's own output has a generated name; ours has a fixed one.
	a.rest.Node().TryRemoveChild(jsii.String("Endpoint"))

	if c.Validation == settings.ByGateway {
		a.validator = a.rest.AddRequestValidator(jsii.String("body"), &awsapigateway.RequestValidatorOptions{
			ValidateRequestBody:       jsii.Bool(true),
			ValidateRequestParameters: jsii.Bool(true), // none is required yet
		})
	}
	answerWithProblems(a.rest, c)
	return a
}

// apiName is also the name of the API's metrics in CloudWatch.
func apiName(c settings.Config) string { return c.Stage.StackName() }

// route leads an endpoint's method and path to its function, and lets that method
// and path, and nothing else, invoke it.
func (a api) route(e contract.Endpoint, f function) {
	resource := a.rest.Root().ResourceForPath(jsii.String(e.Path))
	options := &awsapigateway.MethodOptions{AuthorizationType: awsapigateway.AuthorizationType_IAM}
	if a.config.Access == settings.Open {
		options.AuthorizationType = awsapigateway.AuthorizationType_NONE
	}
	if e.Body != nil {
		model := a.rest.AddModel(jsii.String(e.Function+"-body"), &awsapigateway.ModelOptions{
			ContentType: jsii.String(contract.MediaTypeJSON),
			Description: jsii.String("Body of " + e.Route()),
			Schema:      jsonSchema(*e.Body, awsapigateway.JsonSchemaVersion_DRAFT4),
		})
		// Even without a validator, the gateway's OpenAPI export of the API shows the
		// model.
		options.RequestModels = &map[string]awsapigateway.IModel{contract.MediaTypeJSON: model}
		options.RequestValidator = a.validator
	}
	resource.AddMethod(jsii.String(e.Method), awsapigateway.NewLambdaIntegration(f.target(), &awsapigateway.LambdaIntegrationOptions{
		// A second permission would only serve the console's test button.
		AllowTestInvoke: jsii.Bool(false),
	}), options)
	if len(a.config.CORSOrigins) > 0 {
		allowPreflight(resource, e.Method, a.config)
	}
}

// jsonSchema converts the contract's schema to the CDK's type. version belongs to the
// outermost schema only.
func jsonSchema(s contract.Schema, version awsapigateway.JsonSchemaVersion) *awsapigateway.JsonSchema {
	out := &awsapigateway.JsonSchema{Schema: version, Type: awsapigateway.JsonSchemaType(strings.ToUpper(s.Type))}
	if s.Description != "" {
		out.Description = jsii.String(s.Description)
	}
	if s.Properties != nil {
		properties := map[string]*awsapigateway.JsonSchema{}
		for name, property := range s.Properties {
			properties[name] = jsonSchema(property, "")
		}
		out.Properties = &properties
	}
	if s.Required != nil {
		out.Required = jsii.Strings(s.Required...)
	}
	if s.AdditionalProperties != nil {
		out.AdditionalProperties = *s.AdditionalProperties
	}
	if s.MinLength != nil {
		out.MinLength = jsii.Number(*s.MinLength)
	}
	out.Minimum, out.Maximum = s.Minimum, s.Maximum
	return out
}
