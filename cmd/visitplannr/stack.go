package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"

	"visitplannr/internal/contract"
)

// deployment is where a deployed stack says that its parts are.
type deployment struct {
	apiURL, table string
	region        string
	endpoint      string // of DynamoDB
	credentials   aws.Credentials
}

// awsTimeout bounds one question to CloudFormation.
const awsTimeout = 30 * time.Second

// findStack reads the outputs of a deployed stack, with the region and credentials
// that the AWS tools use. It asks for the one operation that is needed by itself: the
// SDK's client knows a hundred, which everybody who starts this command would compile.
func findStack(ctx context.Context, name string) (deployment, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return deployment{}, fmt.Errorf("read AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return deployment{}, fmt.Errorf("no AWS region to look for stack %s in: set AWS_REGION", name)
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return deployment{}, fmt.Errorf("no AWS credentials to look for stack %s (try 'aws sts get-caller-identity'): %w", name, err)
	}
	endpoint := func(service string) string {
		if cfg.BaseEndpoint != nil {
			return strings.TrimSuffix(*cfg.BaseEndpoint, "/")
		}
		suffix := ""
		if strings.HasPrefix(cfg.Region, "cn-") {
			suffix = ".cn"
		}
		return "https://" + service + "." + cfg.Region + ".amazonaws.com" + suffix
	}
	d := deployment{region: cfg.Region, endpoint: endpoint("dynamodb"), credentials: credentials}
	ctx, cancel := context.WithTimeout(ctx, awsTimeout)
	defer cancel()
	outputs, err := describeStack(ctx, endpoint("cloudformation"), cfg.Region, credentials, name)
	if err != nil {
		return deployment{}, fmt.Errorf("stack %s in %s: %w", name, cfg.Region, err)
	}
	d.apiURL, d.table = outputs[contract.OutputAPIURL], outputs[contract.OutputEventsTable]
	if d.apiURL == "" || d.table == "" {
		return deployment{}, fmt.Errorf("stack %s in %s has no outputs %s and %s: is it one of visitplannr's?", name, cfg.Region, contract.OutputAPIURL, contract.OutputEventsTable)
	}
	return d, nil
}

// describeStack returns the outputs of a stack
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html).
func describeStack(ctx context.Context, endpoint, region string, credentials aws.Credentials, name string) (map[string]string, error) {
	body := url.Values{"Action": {"DescribeStacks"}, "Version": {"2010-05-15"}, "StackName": {name}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if err := signFor(ctx, credentials, request, []byte(body), "cloudformation", region); err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Outputs []struct{ OutputKey, OutputValue string } `xml:"DescribeStacksResult>Stacks>member>Outputs>member"`
		Message string                                    `xml:"Error>Message"`
	}
	if err := xml.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("CloudFormation's answer, %s: %w", response.Status, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(answer.Message)
	}
	outputs := map[string]string{}
	for _, o := range answer.Outputs {
		outputs[o.OutputKey] = o.OutputValue
	}
	return outputs, nil
}

// signFor signs a request that has the body for a service of AWS.
func signFor(ctx context.Context, credentials aws.Credentials, request *http.Request, body []byte, service, region string) error {
	hash := sha256.Sum256(body)
	return v4.NewSigner().SignHTTP(ctx, credentials, request, hex.EncodeToString(hash[:]), service, region, time.Now())
}
