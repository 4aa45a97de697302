package apigateway

import "visitplannr/internal/contract"

// refusal says which of its own answers the gateway gives, and why.
type refusal struct {
	responseType string // one of contract.GatewayResponses
	errorType    string // what clients see in x-amzn-ErrorType; empty: that of the response type
	cause        error
}

// errorTypes are the names that API Gateway gives its own failures.
var errorTypes = map[string]string{
	contract.GatewayBadRequestBody:     "BadRequestException",
	contract.GatewayDefault4XX:         "BadRequestException",
	contract.GatewayDefault5XX:         "InternalServerErrorException",
	contract.GatewayIntegrationFailure: "InternalServerErrorException",
	contract.GatewayIntegrationTimeout: "InternalServerErrorException",
	contract.GatewayMissingToken:       "MissingAuthenticationTokenException",
	contract.GatewayRequestTooLarge:    "RequestTooLargeException",
	contract.GatewayThrottled:          "TooManyRequestsException",
}
