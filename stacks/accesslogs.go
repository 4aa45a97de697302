package stacks

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigateway"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
)

// accessLogFields are what an operator needs to know about a request: which one it was,
// who sent it, how it ended, and where an error came from. The variables are listed in
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html
//
// Three are left out because they quote what the client sent, which could break the
// line's JSON or forge a line: the User-Agent header;
// $context.error.validationErrorString, which holds the body's member names; and
// $context.error.message, which after a bad signature quotes the Authorization header.
// A client may choose $context.requestId, but only a UUID: ADR 26.
// $context.integration.error quotes how the function ended, not a request.
var accessLogFields = []struct{ name, variable string }{
	{"requestId", "$context.requestId"},
	{"extendedRequestId", "$context.extendedRequestId"},
	{"xrayTraceId", "$context.xrayTraceId"},
	{"requestTime", "$context.requestTime"},
	{"sourceIp", "$context.identity.sourceIp"},
	{"userArn", "$context.identity.userArn"},
	{"httpMethod", "$context.httpMethod"},
	{"resourcePath", "$context.resourcePath"},
	{"protocol", "$context.protocol"},
	{"status", "$context.status"},
	{"responseLength", "$context.responseLength"},
	{"responseLatency", "$context.responseLatency"},
	{"integrationStatus", "$context.integration.status"},
	{"integrationLatency", "$context.integration.latency"},
	{"integrationError", "$context.integration.error"},
	{"integrationRequestId", "$context.integration.requestId"},
	{"errorType", "$context.error.responseType"},
}

// logRequests makes the stage write one line of JSON per request. The permission to
// write comes from the account: see docs/adr/0010.
func logRequests(options *awsapigateway.StageOptions, group awslogs.LogGroup) {
	var members []string
	for _, f := range accessLogFields {
		// Quote every value, even numbers: API Gateway writes "-" for a missing one.
		members = append(members, fmt.Sprintf("%q:%q", f.name, f.variable))
	}
	options.AccessLogDestination = awsapigateway.NewLogGroupLogDestination(group)
	options.AccessLogFormat = awsapigateway.AccessLogFormat_Custom(jsii.String("{" + strings.Join(members, ",") + "}"))
}
