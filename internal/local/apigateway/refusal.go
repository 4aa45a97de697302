package apigateway

import (
	"encoding/base64"
	"net/http"

	"github.com/google/uuid"

	"visitplannr/internal/contract"
)

// refusal says which of its own answers the gateway sends, and why.
type refusal struct {
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

// extendedID derives one from a request's id that looks like API Gateway's.
func extendedID(id string) string {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return id // a test's
	}
	return base64.StdEncoding.EncodeToString(parsed[:11])
}

// headerBytes is the size of a request's line and header values.
func headerBytes(r *http.Request) int {
	size := len(r.Method) + len(r.RequestURI) + len(r.Proto) + len(r.Host)
	for _, values := range r.Header {
		for _, value := range values {
			size += len(value)
		}
	}
	return size
}
