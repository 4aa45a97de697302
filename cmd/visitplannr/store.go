package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"visitplannr/internal/eventstore/dynamo"
)

// Names that AWS would give to a deployed stack.
const (
	defaultTable    = "visitplannr-events"
	defaultAPI      = "127.0.0.1:3000"
	defaultDynamoDB = "127.0.0.1:8000"
	localRegion     = "us-east-1" // any that the SDK knows: for others it compiles regular expressions on each request
	localCredential = "local"
)

// database is a DynamoDB endpoint with the region and credentials for it.
type database struct {
	endpoint    string
	region      string
	credentials aws.Credentials
}

// openDatabase finds region and credentials for an endpoint. A local engine accepts
// any; for others they are those of the AWS tools.
func openDatabase(ctx context.Context, endpoint string) (database, error) {
	parsed, ok := parseHTTP(endpoint)
	if !ok {
		return database{}, fmt.Errorf("%s is %q, which is not a URL such as http://127.0.0.1:8000", dynamo.EnvEndpoint, endpoint)
	}
	if isLoopback(parsed.Hostname()) {
		return database{endpoint: endpoint, region: localRegion, credentials: aws.Credentials{
			AccessKeyID: localCredential, SecretAccessKey: localCredential, Source: "local engine",
		}}, nil
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return database{}, fmt.Errorf("read AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return database{}, fmt.Errorf("no AWS region for %s: set AWS_REGION", endpoint)
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return database{}, fmt.Errorf("no AWS credentials for %s (try 'aws sts get-caller-identity'): %w", endpoint, err)
	}
	return database{endpoint: endpoint, region: cfg.Region, credentials: credentials}, nil
}

// parseHTTP returns the URL in text, and whether it is an HTTP URL with a host.
func parseHTTP(text string) (*url.URL, bool) {
	parsed, err := url.Parse(text)
	return parsed, err == nil && parsed.Host != "" && (parsed.Scheme == "http" || parsed.Scheme == "https")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// isAWS reports whether the endpoint is DynamoDB itself, where only the stack creates
// tables.
func (d database) isAWS() bool {
	parsed, err := url.Parse(d.endpoint)
	return err == nil && (strings.HasSuffix(parsed.Hostname(), ".amazonaws.com") ||
		strings.HasSuffix(parsed.Hostname(), ".api.aws") || strings.HasSuffix(parsed.Hostname(), ".amazonaws.com.cn"))
}

// store returns the event store in a table of the database.
func (d database) store(table string) *dynamo.Store {
	return dynamo.New(dynamo.Connect(d.endpoint, d.region, d.credentials), table)
}
