package contract

import "encoding/json"

// GatewayResponse is an answer that API Gateway gives without calling the function: its
// type in
// https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
// and the problem that replaces the gateway's own body.
type GatewayResponse struct {
	Type    string
	Problem ProblemType
}

// KeepsStatus reports whether the gateway's own status must stay. The two defaults
// cover many statuses; setting a status would replace them all.
func (g GatewayResponse) KeepsStatus() bool {
	return g.Type == GatewayDefault4XX || g.Type == GatewayDefault5XX
}

// GatewayRequestID is the variable that API Gateway replaces by the request's id in a
// response template. Our templates use no other: the gateway escapes nothing, and an id
// is a UUID also where the client chose it. All variables:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html
const GatewayRequestID = "$context.requestId"

// Template returns the response template that the stack configures for g: its problem,
// with a variable for the request's id. If the response keeps the gateway's status, the
// body has no status, because no variable holds it.
func (g GatewayResponse) Template() string {
	problem := g.Problem.Problem(GatewayRequestID, "")
	if g.KeepsStatus() {
		problem.Status = 0
	}
	template, err := json.Marshal(problem)
	if err != nil {
		panic(err) // a problem can always be encoded
	}
	return string(template)
}

// The types of gateway response that the local gateway gives as well.
const (
	GatewayAccessDenied       = "ACCESS_DENIED"
	GatewayBadRequestBody     = "BAD_REQUEST_BODY"
	GatewayInvalidSignature   = "INVALID_SIGNATURE"
	GatewayMissingToken       = "MISSING_AUTHENTICATION_TOKEN"
	GatewayRequestTooLarge    = "REQUEST_TOO_LARGE"
	GatewayThrottled          = "THROTTLED"
	GatewayIntegrationFailure = "INTEGRATION_FAILURE"
	GatewayIntegrationTimeout = "INTEGRATION_TIMEOUT"
	GatewayDefault4XX         = "DEFAULT_4XX"
	GatewayDefault5XX         = "DEFAULT_5XX"
)

// GatewayResponses lists every type of response that a REST API can give.
func GatewayResponses() []GatewayResponse {
	return []GatewayResponse{
		{GatewayAccessDenied, ProblemForbidden},
		{"API_CONFIGURATION_ERROR", ProblemInternal},
		{"AUTHORIZER_CONFIGURATION_ERROR", ProblemInternal},
		{"AUTHORIZER_FAILURE", ProblemInternal},
		{GatewayBadRequestBody, ProblemInvalidBody},
		{"BAD_REQUEST_PARAMETERS", ProblemInvalidRequest},
		{"EXPIRED_TOKEN", ProblemForbidden},
		// Its function crashed, and may have stored the event, or was throttled.
		{GatewayIntegrationFailure, ProblemUnavailable},
		{GatewayIntegrationTimeout, ProblemUnavailable},
		{"INVALID_API_KEY", ProblemForbidden},
		{GatewayInvalidSignature, ProblemForbidden},
		{GatewayMissingToken, ProblemNotFound},
		{"QUOTA_EXCEEDED", ProblemRateLimited},
		{GatewayRequestTooLarge, ProblemTooLarge},
		{"RESOURCE_NOT_FOUND", ProblemNotFound},
		{GatewayThrottled, ProblemRateLimited},
		{"UNAUTHORIZED", ProblemForbidden},
		{"UNSUPPORTED_MEDIA_TYPE", ProblemUnsupportedMediaType},
		{"WAF_FILTERED", ProblemForbidden},
		{GatewayDefault4XX, ProblemInvalidRequest},
		{GatewayDefault5XX, ProblemUnavailable},
	}
}
