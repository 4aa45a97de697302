package apigateway

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"visitplannr/internal/contract"
)

// gatewayResponse says which of its own answers the gateway sends, and why.
type gatewayResponse struct {
	responseType string // one of contract.GatewayResponses
	errorType    string // what clients see in x-amzn-ErrorType; empty: that of the response type
	status       int    // 0: that of the response type
	cause        error
}

// errorTypes are the names that API Gateway gives its own failures.
var errorTypes = map[string]string{
	contract.GatewayAccessDenied:       "AccessDeniedException",
	contract.GatewayBadRequestBody:     "BadRequestException",
	contract.GatewayDefault4XX:         "BadRequestException",
	contract.GatewayDefault5XX:         "InternalServerErrorException",
	contract.GatewayIntegrationFailure: "InternalServerErrorException",
	contract.GatewayIntegrationTimeout: "InternalServerErrorException",
	contract.GatewayMissingToken:       "MissingAuthenticationTokenException",
	contract.GatewayRequestTooLarge:    "RequestTooLargeException",
	contract.GatewayThrottled:          "TooManyRequestsException",
}

// headerExtendedID carries the request's other id, which AWS Support asks for.
const headerExtendedID = "x-amz-apigw-id"

// extendedID returns a new one, which looks like API Gateway's.
func extendedID() string {
	random := uuid.New()
	return base64.StdEncoding.EncodeToString(random[:11])
}

// requestID returns the client's id for a request, if it is a UUID, or else a new one:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-access-logging.html
func requestID(r *http.Request) string {
	if given := r.Header.Values(contract.HeaderRequestID); len(given) == 1 && isUUID.MatchString(given[0]) {
		return given[0]
	}
	return uuid.NewString()
}

var isUUID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// render returns the body that API Gateway makes from a response's template.
func render(response contract.GatewayResponse, requestID string) string {
	return strings.ReplaceAll(response.Template(), contract.GatewayRequestID, requestID)
}

// headerBytes is the size of a request's headers: names, values, and what ends and
// separates them.
func headerBytes(r *http.Request) int {
	size := len("Host: \r\n") + len(r.Host)
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(": \r\n") + len(value)
		}
	}
	return size
}
