package apigateway

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/uuid"
)

// InProcess runs a function's handler in this process. Event and answer cross in
// JSON, so that what the handler sees is exactly what it sees in Lambda.
type InProcess struct {
	Handle  func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error)
	Timeout time.Duration // of one invocation, as the stack sets it
}

// Invoke implements Invoker. It decodes and encodes for itself because the
// Invoke of lambda.NewHandler shares one output buffer among its callers. A panic
// ends the invocation, as in Lambda, and not the connection.
func (f InProcess) Invoke(ctx context.Context, event []byte) (answer []byte, err error) {
	defer func() {
		if recovered := recover(); recovered != nil {
			answer, err = nil, fmt.Errorf("panic: %v\n%s", recovered, debug.Stack())
		}
	}()
	var request events.APIGatewayProxyRequest
	if err := json.Unmarshal(event, &request); err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: uuid.NewString()})
	response, err := f.Handle(ctx, request)
	if err != nil {
		return nil, err
	}
	return json.Marshal(response)
}
