package contract

// GatewayResponse is an answer that API Gateway gives without asking the
// function: its type in
// https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
// and the problem that replaces the gateway's own body.
type GatewayResponse struct {
	Type    string
	Problem ProblemType
}

// KeepsStatus tells that the gateway's own status must stay. The two defaults
// stand for many statuses, and to set one would turn them all into it.
func (g GatewayResponse) KeepsStatus() bool {
	return g.Type == GatewayDefault4XX || g.Type == GatewayDefault5XX
}

// The types of gateway response that the local gateway gives as well.
const (
	GatewayBadRequestBody     = "BAD_REQUEST_BODY"
	GatewayMissingToken       = "MISSING_AUTHENTICATION_TOKEN"
	GatewayRequestTooLarge    = "REQUEST_TOO_LARGE"
	GatewayThrottled          = "THROTTLED"
	GatewayIntegrationFailure = "INTEGRATION_FAILURE"
	GatewayIntegrationTimeout = "INTEGRATION_TIMEOUT"
	GatewayDefault4XX         = "DEFAULT_4XX"
	GatewayDefault5XX         = "DEFAULT_5XX"
)

// GatewayResponses lists every type that a REST API can give.
func GatewayResponses() []GatewayResponse {
	return []GatewayResponse{
		{"ACCESS_DENIED", ProblemForbidden},
		{"API_CONFIGURATION_ERROR", ProblemInternal},
		{"AUTHORIZER_CONFIGURATION_ERROR", ProblemInternal},
		{"AUTHORIZER_FAILURE", ProblemInternal},
		{GatewayBadRequestBody, ProblemInvalidBody},
		{"BAD_REQUEST_PARAMETERS", ProblemInvalidRequest},
		{"EXPIRED_TOKEN", ProblemForbidden},
		{GatewayIntegrationFailure, ProblemUnavailable},
		{GatewayIntegrationTimeout, ProblemUnavailable},
		{"INVALID_API_KEY", ProblemForbidden},
		{"INVALID_SIGNATURE", ProblemForbidden},
		{GatewayMissingToken, ProblemNotFound},
		{"QUOTA_EXCEEDED", ProblemRateLimited},
		{GatewayRequestTooLarge, ProblemTooLarge},
		{"RESOURCE_NOT_FOUND", ProblemNotFound},
		{GatewayThrottled, ProblemRateLimited},
		{"UNAUTHORIZED", ProblemForbidden},
		{"UNSUPPORTED_MEDIA_TYPE", ProblemUnsupportedMediaType},
		{"WAF_FILTERED", ProblemForbidden},
		{GatewayDefault4XX, ProblemInvalidRequest},
		{GatewayDefault5XX, ProblemInternal},
	}
}
