// Command floor is a Lambda function that does nothing: the least that a Go
// function on the same runtime library can cost. The benchmark measures the
// product against it.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		return events.APIGatewayProxyResponse{StatusCode: 200, Body: "OK"}, nil
	})
}
