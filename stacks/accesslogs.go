package stacks

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigateway"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
)

// accessLogFields are what an operator needs to know of a request: which one it
// was, who sent it, what became of it, and who is to blame. The variables are in
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html
//
// Three are not among them, because they quote what the client sent, which could
// break the line's JSON or forge a line: the User-Agent header,
// $context.error.validationErrorString, with the body's member names, and
// $context.error.message, which of a bad signature even quotes the Authorization
// header.
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

// logRequests lets the stage write one line of JSON for each request. The right
// to write it is the account's to give: see docs/adr/0010.
func logRequests(options *awsapigateway.StageOptions, group awslogs.LogGroup) {
	var members []string
	for _, f := range accessLogFields {
		// Each value is quoted, numbers too: one that is absent is a lone "-".
		members = append(members, fmt.Sprintf("%q:%q", f.name, f.variable))
	}
	options.AccessLogDestination = awsapigateway.NewLogGroupLogDestination(group)
	options.AccessLogFormat = awsapigateway.AccessLogFormat_Custom(jsii.String("{" + strings.Join(members, ",") + "}"))
}
