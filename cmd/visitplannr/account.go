package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
)

// account is an AWS account in one region, reached with the AWS tools' credentials.
//
// It calls the few operations it needs directly. The SDK's clients for these services
// have hundreds, and everybody who runs this command would compile them.
type account struct {
	region      string
	credentials aws.Credentials
	base        *string // AWS_ENDPOINT_URL
}

// openAccount finds the region and the credentials that the AWS tools use.
func openAccount(ctx context.Context) (account, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return account{}, fmt.Errorf("read AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return account{}, errors.New("no AWS region is set: set AWS_REGION")
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return account{}, fmt.Errorf("no AWS credentials (sign in with 'aws sso login' or 'aws configure'): %w", err)
	}
	return account{cfg.Region, credentials, cfg.BaseEndpoint}, nil
}

// identity says whose credentials are in use.
type identity struct {
	Account string `xml:"GetCallerIdentityResult>Account"`
	ARN     string `xml:"GetCallerIdentityResult>Arn"`
}

func (a account) identity(ctx context.Context) (identity, error) {
	var answer identity
	err := a.query(ctx, "sts", "sts:GetCallerIdentity", url.Values{"Action": {"GetCallerIdentity"}, "Version": {"2011-06-15"}}, &answer)
	if _, ok := errors.AsType[*awsError](err); ok {
		return identity{}, fmt.Errorf("AWS rejects them, sign in again: %w", err)
	}
	return answer, err
}

// stack is a CloudFormation stack
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html).
type stack struct {
	Status  string                                    `xml:"DescribeStacksResult>Stacks>member>StackStatus"`
	Outputs []struct{ OutputKey, OutputValue string } `xml:"DescribeStacksResult>Stacks>member>Outputs>member"`
}

func (a account) stack(ctx context.Context, name string) (stack, error) {
	var answer stack
	err := a.query(ctx, "cloudformation", "cloudformation:DescribeStacks", url.Values{"Action": {"DescribeStacks"}, "Version": {"2010-05-15"}, "StackName": {name}}, &answer)
	return answer, err
}

func (s stack) output(key string) string {
	for _, o := range s.Outputs {
		if o.OutputKey == key {
			return o.OutputValue
		}
	}
	return ""
}

func (a account) endpoint(service string) string {
	if a.base != nil {
		return strings.TrimSuffix(*a.base, "/")
	}
	suffix := ""
	if strings.HasPrefix(a.region, "cn-") {
		suffix = ".cn"
	}
	return "https://" + service + "." + a.region + ".amazonaws.com" + suffix
}

// The three protocols of AWS's services. permission is the IAM action that the call
// needs; the result is decoded into answer. The error is an *awsError when the service
// refuses.

func (a account) query(ctx context.Context, service, permission string, parameters url.Values, answer any) error {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	return a.call(ctx, http.MethodPost, service, permission, "/", header, []byte(parameters.Encode()), func(text []byte) error { return xml.Unmarshal(text, answer) })
}

func (a account) json(ctx context.Context, service, permission, target string, input, answer any) error {
	body, err := json.Marshal(input)
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {target}}
	return a.call(ctx, http.MethodPost, service, permission, "/", header, body, func(text []byte) error { return json.Unmarshal(text, answer) })
}

func (a account) rest(ctx context.Context, service, permission, path string, answer any) error {
	header := http.Header{"Accept": {"application/json"}} // API Gateway's default is HAL
	return a.call(ctx, http.MethodGet, service, permission, path, header, nil, func(text []byte) error { return json.Unmarshal(text, answer) })
}

// Bounds of one call.
const (
	awsTimeout     = 30 * time.Second
	maxAnswerBytes = 1 << 20
)

func (a account) call(ctx context.Context, method, service, permission, path string, header http.Header, body []byte, decode func([]byte) error) error {
	ctx, cancel := context.WithTimeout(ctx, awsTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, a.endpoint(service)+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header = header
	if err := signFor(ctx, a.credentials, request, body, service, a.region); err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("no answer (check the network, and that %s is a region): %w", a.region, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		return fmt.Errorf("read the answer to %s: %w", permission, err)
	}
	if response.StatusCode != http.StatusOK {
		return awsErrorOf(response, text, permission)
	}
	if err := decode(text); err != nil {
		return fmt.Errorf("decode the answer to %s: %w", permission, err)
	}
	return nil
}

// awsError is a service's error answer.
type awsError struct {
	status                    int
	code, message, permission string
}

func (e *awsError) Error() string {
	switch {
	case e.status == http.StatusForbidden || strings.HasPrefix(e.code, "AccessDenied"):
		return fmt.Sprintf("you need the permission %s (%s: %s)", e.permission, e.code, e.message)
	case e.message == "":
		return fmt.Sprintf("%s: the answer is %d %s", e.permission, e.status, e.code)
	}
	return e.message
}

// awsErrorOf reads an error in XML or JSON: AWS's services use both.
func awsErrorOf(response *http.Response, text []byte, permission string) *awsError {
	e := &awsError{status: response.StatusCode, permission: permission}
	var asXML struct {
		Code    string `xml:"Error>Code"`
		Message string `xml:"Error>Message"`
	}
	var asJSON struct {
		Type    string `json:"__type"`
		Message string `json:"message"` // or Message: encoding/json ignores case
	}
	if xml.Unmarshal(text, &asXML) == nil && asXML.Code+asXML.Message != "" {
		e.code, e.message = asXML.Code, asXML.Message
		return e
	}
	_ = json.Unmarshal(text, &asJSON) // any other body has no code
	e.code, e.message = asJSON.Type, asJSON.Message
	if e.code == "" {
		e.code = response.Header.Get("X-Amzn-Errortype")
	}
	e.code, _, _ = strings.Cut(e.code[strings.LastIndexByte(e.code, '#')+1:], ":")
	return e
}

// signFor signs a request with the given body for an AWS service.
func signFor(ctx context.Context, credentials aws.Credentials, request *http.Request, body []byte, service, region string) error {
	hash := sha256.Sum256(body)
	return v4.NewSigner().SignHTTP(ctx, credentials, request, hex.EncodeToString(hash[:]), service, region, time.Now())
}
