package local

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"visitplannr/internal/eventstore/dynamo"
)

// Region is that of everything local. It can be any that the SDK knows: for others it
// compiles regular expressions on each request.
const Region = "us-east-1"

// credential is the access key id and the secret of whoever reads a local table.
const credential = "local"

// engineTimeout is how long an engine may take to answer at the start.
const engineTimeout = 10 * time.Second

// A Database is a DynamoDB endpoint with the region and the credentials for it.
type Database struct {
	Endpoint    string // a URL without user information
	Region      string
	Credentials aws.Credentials

	aws bool // DynamoDB itself, where only the stack creates tables
}

// OpenDatabase finds region and credentials for the URL of an engine. They are the
// developer's own only for AWS, over https: no other host gets them, wherever it is.
func OpenDatabase(ctx context.Context, endpoint string) (Database, error) {
	parsed, err := ParseEngine(endpoint)
	if err != nil {
		return Database{}, err
	}
	endpoint = parsed.String()
	if parsed.Scheme != "https" || !IsAWS(endpoint) {
		return Database{Endpoint: endpoint, Region: Region, Credentials: aws.Credentials{
			AccessKeyID: credential, SecretAccessKey: credential, Source: "local engine",
		}}, nil
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return Database{}, fmt.Errorf("read AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return Database{}, fmt.Errorf("no AWS region for %s: set AWS_REGION", endpoint)
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return Database{}, fmt.Errorf("no AWS credentials for %s (try 'aws sts get-caller-identity'): %w", endpoint, err)
	}
	return Database{endpoint, cfg.Region, credentials, true}, nil
}

// ParseEngine returns the URL of a DynamoDB engine. It drops user information: requests
// to DynamoDB are signed, so it has no effect, and it must not be printed.
func ParseEngine(text string) (*url.URL, error) {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Hostname() == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return nil, fmt.Errorf("%s is %q, which is not a URL such as http://127.0.0.1:8000",
			dynamo.EnvEndpoint, text[strings.LastIndex(text, "@")+1:])
	}
	parsed.User = nil
	return parsed, nil
}

// IsAWS reports whether a URL's host is AWS's own, below one of its domains
// (https://docs.aws.amazon.com/general/latest/gr/ddb.html).
func IsAWS(endpoint string) bool {
	parsed, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	host := strings.TrimSuffix(strings.ToLower(parsed.Hostname()), ".")
	return slices.ContainsFunc([]string{".amazonaws.com", ".api.aws", ".amazonaws.com.cn"},
		func(domain string) bool { return strings.HasSuffix(host, domain) })
}

// Store returns the event store in a table of the database.
func (d Database) Store(table string) *dynamo.Store {
	return dynamo.New(dynamo.Connect(d.Endpoint, d.Region, d.Credentials), table)
}

// prepare creates the table on an engine; on AWS it checks that the table exists.
func (d Database) prepare(ctx context.Context, store *dynamo.Store, table string) error {
	ctx, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	var err error
	if d.aws {
		err = store.CheckTable(ctx)
	} else {
		_, err = store.CreateTable(ctx)
	}
	if err != nil {
		return fmt.Errorf("table %s at %s: %w", table, d.Endpoint, err)
	}
	return nil
}

// functionKeyID is the access key id of a function's own credentials on a local engine.
func functionKeyID(function string) string { return credential + "-" + function }

// environment adds to a function's variables what it needs to reach the database, and
// nothing of the developer's own environment. On a local engine each function has its
// own credentials.
func (d Database) environment(function string, variables map[string]string) []string {
	if !d.aws {
		d.Credentials.AccessKeyID = functionKeyID(function)
	}
	env := []string{
		dynamo.EnvEndpoint + "=" + d.Endpoint,
		"AWS_REGION=" + d.Region,
		"AWS_ACCESS_KEY_ID=" + d.Credentials.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + d.Credentials.SecretAccessKey,
		"AWS_SESSION_TOKEN=" + d.Credentials.SessionToken,
	}
	for name, value := range variables {
		env = append(env, name+"="+value)
	}
	return env
}
