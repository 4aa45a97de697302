package dynamo

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"
)

// Names of the environment variables that NewClient reads: those that Lambda
// sets, and the SDK's own for another endpoint.
const (
	EnvEndpoint = "AWS_ENDPOINT_URL_DYNAMODB"

	envEndpointAll  = "AWS_ENDPOINT_URL"
	envRegion       = "AWS_REGION"
	envAccessKey    = "AWS_ACCESS_KEY_ID"
	envSecretKey    = "AWS_SECRET_ACCESS_KEY"
	envSessionToken = "AWS_SESSION_TOKEN"
)

// The retries of one call. The caller's context bounds them all together.
const (
	maxAttempts    = 10
	attemptTimeout = 3 * time.Second // DynamoDB answers in milliseconds or not at all
	firstBackoff   = 25 * time.Millisecond
	maxBackoff     = time.Second
)

// NewClient returns a client configured by environment variables alone, as Lambda sets
// them: AWS_REGION, the credentials, and AWS_ENDPOINT_URL_DYNAMODB (or
// AWS_ENDPOINT_URL) for an engine other than AWS. The SDK's config package would read
// these and more, but adds 2 MB of binary and a millisecond to every cold start. getenv
// is os.Getenv outside tests.
//
// It fails without a region or credentials.
func NewClient(getenv func(string) string) (*dynamodb.Client, error) {
	region := getenv(envRegion)
	if region == "" {
		return nil, fmt.Errorf("%s is not set: Lambda sets it; elsewhere name the region of the table", envRegion)
	}
	credentials := aws.Credentials{
		AccessKeyID:     getenv(envAccessKey),
		SecretAccessKey: getenv(envSecretKey),
		SessionToken:    getenv(envSessionToken),
		Source:          "environment",
	}
	if !credentials.HasKeys() {
		return nil, fmt.Errorf("%s and %s are not set: Lambda sets them; elsewhere export those of a principal that may use the table",
			envAccessKey, envSecretKey)
	}
	return Connect(cmp.Or(getenv(EnvEndpoint), getenv(envEndpointAll)), region, credentials), nil
}

// Connect returns a client for an endpoint, or for AWS's own for the region if it is
// empty.
func Connect(endpoint, region string, credentials aws.Credentials) *dynamodb.Client {
	return dynamodb.New(clientOptions(endpoint, region, credentials))
}

// clientOptions returns the options that all clients of a store share: retries with short
// pauses, within the time that the caller's context leaves, and an HTTP client that
// keeps connections.
func clientOptions(endpoint, region string, credentials aws.Credentials) dynamodb.Options {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = transport.MaxIdleConns // all go to one host
	transport.DialTLSContext = dialTLS(&net.Dialer{})      // attemptTimeout bounds it
	options := dynamodb.Options{
		Region:      region,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil }),
		HTTPClient:  inMemory{transport},
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = maxAttempts
			o.Backoff = retry.BackoffDelayerFunc(backoff)
			o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
				return aws.BoolTernary(fromElsewhere(err))
			}))
		}),
		DisableValidateResponseChecksum: true, // checkAnswer does it; the SDK only logs what it finds
	}
	if endpoint != "" {
		options.BaseEndpoint = &endpoint
	}
	return options
}

// inMemory is an HTTP client that reads answers into memory before it returns them, and
// refuses those that are not DynamoDB's. A truncated or foreign answer is then a failed
// attempt like any other. And the SDK closes a request only after net/http has finished
// with it: closing it while a fast server's answer is being read costs the connection,
// one time in twenty on a local engine.
//
// It does not use http.Client, which follows redirects: DynamoDB sends none, and a
// signed request should not follow any.
type inMemory struct {
	transport http.RoundTripper
}

// Do implements the SDK's HTTPClient. It fails if the whole answer does not arrive
// within attemptTimeout.
func (c inMemory) Do(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(request.Context(), attemptTimeout)
	defer cancel()
	response, err := c.transport.RoundTrip(request.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", request.Method, request.URL.Redacted(), err)
	}
	content, err := readWhole(response.Body)
	if err == nil && request.Method == http.MethodPost { // else it is Warm's
		err = checkAnswer(request, response, content)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: read answer: %w", request.Method, request.URL.Redacted(), err)
	}
	response.Body = io.NopCloser(bytes.NewReader(content))
	return response, nil
}

// maxBody bounds what is read into memory, far above the 1 MB of DynamoDB's largest
// answer to a query.
const maxBody = 16 << 20

// readWhole returns what body holds, and closes it. It fails above maxBody.
func readWhole(body io.ReadCloser) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if err := errors.Join(err, body.Close()); err != nil {
		return nil, err
	}
	if len(content) > maxBody {
		return nil, fmt.Errorf("the body has more than %d bytes", maxBody)
	}
	return content, nil
}

// fromElsewhere reports whether an error is an answer that DynamoDB did not write, or
// that did not arrive whole. It is then unknown whether the request was carried out, as
// after a lost connection; every request of a store may be repeated.
func fromElsewhere(err error) bool {
	var (
		unreadable *smithy.DeserializationError
		api        smithy.APIError
	)
	return errors.As(err, &unreadable) || errors.As(err, &api) && api.ErrorCode() == noCode
}

// noCode is what the SDK calls the code of a failure that has none. All of DynamoDB's
// have one.
const noCode = "UnknownError"

// backoff doubles with each attempt and is jittered over its upper half, so that
// clients throttled together do not retry together.
func backoff(attempt int, _ error) (time.Duration, error) {
	pause := min(firstBackoff<<min(attempt, 10), maxBackoff)
	return pause/2 + rand.N(pause/2), nil
}

// warmTimeout is how long a start may wait for a connection.
const warmTimeout = time.Second

// Warm opens a connection to the client's endpoint, so that the first write does not
// wait for DNS, TCP and TLS. It requests the endpoint's health page, which needs no
// permission, and takes a second at most. A failure can be ignored: the first write
// opens a connection of its own.
func Warm(ctx context.Context, client *dynamodb.Client) error {
	ctx, cancel := context.WithTimeout(ctx, warmTimeout)
	defer cancel()
	options := client.Options()
	url := "https://dynamodb." + options.Region + ".amazonaws.com/"
	if options.BaseEndpoint != nil {
		url = *options.BaseEndpoint
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("warm %s: %w", url, err)
	}
	response, err := options.HTTPClient.Do(request)
	if err != nil {
		return fmt.Errorf("warm: %w", err)
	}
	return response.Body.Close()
}
