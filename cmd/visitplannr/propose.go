package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/google/uuid"

	"visitplannr/internal/contract"
	"visitplannr/internal/destination"
)

const aboutPropose = `Proposes a destination to the local or a deployed API and prints the receipt.

Every proposal is sent with an Idempotency-Key: the one in -key, or a random one. It
is sent up to 5 times if the API asks for a retry (429, 502, 503) or does not answer. It is
stored once, however often it is sent.

A request to another machine is signed with AWS Signature Version 4, with the region
and credentials of the AWS tools; a request to this machine is signed only with -sign.
A request to another machine over plain HTTP is never signed.

  visitplannr propose -stack visitplannr-dev -name Brockholes -latitude 53.77 -longitude -2.63

With -file, many proposals are sent one after another, each with a key derived from
its content: if one fails, send the file again and nothing is stored twice. Each
receipt is printed on one line.`

// Bounds of sending one proposal.
const (
	proposeAttempts = 5
	proposeTimeout  = 35 * time.Second // of one attempt: API Gateway gives up after 29
	maxAnswerBytes  = 1 << 20
)

// validKey is the contract's rule. It is checked before sending, because retrying does
// not fix an invalid key.
var validKey = regexp.MustCompile(contract.IdempotencyKeyPattern)

func runPropose(ctx context.Context, c *cli, args []string) error {
	var name, latitude, longitude, key, target, stack, file string
	var unsigned, alwaysSign bool
	set := c.flags(aboutPropose)
	set.StringVar(&name, "name", "", "the destination's `name`")
	set.StringVar(&latitude, "latitude", "", "`degrees` north, from -90 to 90")
	set.StringVar(&longitude, "longitude", "", "`degrees` east, from -180 to 180")
	set.StringVar(&key, "key", "", "the Idempotency-Key; use the same one to retry the same proposal (default: a random one)")
	set.StringVar(&target, "url", "http://"+defaultAPI+contract.ProposeDestination.Path, "`URL` of the endpoint")
	set.StringVar(&stack, "stack", "", "find the URL in the outputs of the deployed stack of that `name`")
	set.StringVar(&file, "file", "", "propose every destination in `FILE`, a JSON list of bodies as in testdata/destinations.json; - reads standard input")
	set.BoolVar(&alwaysSign, "sign", false, "sign requests to this machine too, for 'visitplannr local -c access=iam'")
	set.BoolVar(&unsigned, "unsigned", false, "do not sign: for an API deployed with access=open")
	if err := c.parse(set, args, 0); err != nil {
		return err
	}
	if alwaysSign && unsigned {
		return c.misuse(set, "-sign and -unsigned exclude each other")
	}
	if file != "" && (name+latitude+longitude+key != "") {
		return c.misuse(set, "-file cannot be combined with -name, -latitude, -longitude or -key")
	}
	if stack != "" {
		deployed, err := findStack(ctx, stack)
		if err != nil {
			return err
		}
		target = strings.TrimSuffix(deployed.apiURL, "/") + contract.ProposeDestination.Path
	}
	endpoint, ok := parseHTTP(target)
	if !ok {
		return c.misuse(set, "-url is %q, which is not a URL such as http://%s%s", target, defaultAPI, contract.ProposeDestination.Path)
	}
	signs := alwaysSign || !unsigned && !isLoopback(endpoint.Hostname())
	if signs && endpoint.Scheme != "https" && !isLoopback(endpoint.Hostname()) {
		return c.misuse(set, "-url is %q: anybody on the network could read a signed request over plain HTTP and send it again; use https, or -unsigned", target)
	}
	if file != "" {
		return c.proposeFile(ctx, file, endpoint, signs)
	}
	body, err := proposalBody(name, latitude, longitude)
	if err != nil {
		return c.misuse(set, "%v", err)
	}
	if key == "" {
		key = uuid.NewString()
	} else if !validKey.MatchString(key) {
		return c.misuse(set, "-key is %q; it must be 1 to %d visible ASCII characters", key, contract.IdempotencyKeyMaxBytes)
	}
	sign, err := signer(ctx, endpoint, signs)
	if err != nil {
		return err
	}
	answer, err := send(ctx, c, endpoint, key, body, sign)
	if err == nil && answer.status == http.StatusOK {
		return printRaw(c.stdout, answer.body)
	}
	if err == nil {
		_ = printRaw(c.stderr, answer.body)
		err = answer.problem()
		if answer.status < http.StatusInternalServerError {
			return err // nothing was stored
		}
	}
	return fmt.Errorf("%w; to try again without storing it twice, add -key %s", err, key)
}

// proposalBody checks the flags by the domain's rules and encodes them.
func proposalBody(name, latitude, longitude string) ([]byte, error) {
	for _, flag := range [][2]string{{"-name", name}, {"-latitude", latitude}, {"-longitude", longitude}} {
		if flag[1] == "" {
			return nil, fmt.Errorf("%s is missing", flag[0])
		}
	}
	parsedName, err := destination.NewName(name)
	if err != nil {
		return nil, fmt.Errorf("-name %w", err)
	}
	lat, err := destination.ParseLatitude(latitude)
	if err != nil {
		return nil, fmt.Errorf("-latitude %w", err)
	}
	lon, err := destination.ParseLongitude(longitude)
	if err != nil {
		return nil, fmt.Errorf("-longitude %w", err)
	}
	return json.Marshal(map[string]any{
		"name":        parsedName.String(),
		"geolocation": map[string]float64{"latitude": lat.Degrees(), "longitude": lon.Degrees()},
	})
}

type answer struct {
	status     int
	retryAfter string
	body       []byte
}

func (a answer) problem() error {
	return fmt.Errorf("the API answered %d %s", a.status, http.StatusText(a.status))
}

// notReceived says that an answer of 200 confirms nothing, as that of a login page does.
func (a answer) notReceived() error {
	var receipt contract.Receipt
	if a.status != http.StatusOK || json.Unmarshal(a.body, &receipt) == nil && receipt.StreamName != "" {
		return nil
	}
	return fmt.Errorf("the answer is 200 and no receipt: check that the URL is that of the API; it begins %.60q", a.body)
}

// send sends the proposal until it gets a final answer.
func send(ctx context.Context, c *cli, endpoint *url.URL, key string, body []byte, sign signFunc) (answer, error) {
	client := &http.Client{Timeout: proposeTimeout}
	for attempt := 1; ; attempt++ {
		got, err := sendOnce(ctx, client, endpoint, key, body, sign)
		again := err != nil || slices.Contains([]int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable}, got.status)
		if !again || attempt == proposeAttempts || ctx.Err() != nil {
			return got, errors.Join(err, got.notReceived())
		}
		reason := http.StatusText(got.status)
		if err != nil {
			reason = err.Error()
		}
		pause := time.Second
		if seconds, err := strconv.Atoi(got.retryAfter); err == nil && seconds > 0 {
			pause = time.Duration(min(seconds, 60)) * time.Second
		}
		fmt.Fprintf(c.stderr, "attempt %d of %d: %s; trying again in %v\n", attempt, proposeAttempts, reason, pause)
		if err := c.sleep(ctx, pause); err != nil {
			return answer{}, err
		}
	}
}

func sendOnce(ctx context.Context, client *http.Client, endpoint *url.URL, key string, body []byte, sign signFunc) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, contract.ProposeDestination.Method, endpoint.String(), bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", contract.MediaTypeJSON)
	request.Header.Set("Accept", contract.MediaTypeJSON)
	request.Header.Set(contract.HeaderIdempotencyKey, key)
	if err := sign(ctx, request, body); err != nil {
		return answer{}, err
	}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	got := answer{status: response.StatusCode, retryAfter: response.Header.Get("Retry-After")}
	if got.body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes)); err != nil {
		return answer{}, fmt.Errorf("read answer: %w", err)
	}
	return got, nil
}

// signFunc signs a request with the given body.
type signFunc func(ctx context.Context, request *http.Request, body []byte) error

// signer returns a function that signs requests for API Gateway, or does nothing unless
// signs is set:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-use-postman-to-call-api.html
func signer(ctx context.Context, endpoint *url.URL, signs bool) (signFunc, error) {
	if !signs {
		return func(context.Context, *http.Request, []byte) error { return nil }, nil
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("read AWS configuration: %w", err)
	}
	region := cfg.Region
	// The region in an execute-api host name is more reliable than the environment's.
	if labels := strings.Split(endpoint.Hostname(), "."); len(labels) >= 5 && labels[1] == "execute-api" {
		region = labels[2]
	}
	if region == "" && isLoopback(endpoint.Hostname()) {
		region = localRegion
	}
	if region == "" {
		return nil, errors.New("no AWS region to sign for: set AWS_REGION")
	}
	// Before the first attempt, because missing credentials do not appear on a retry.
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("no AWS credentials to sign with (try 'aws sts get-caller-identity', or -unsigned): %w", err)
	}
	return func(ctx context.Context, request *http.Request, body []byte) error {
		return signFor(ctx, credentials, request, body, "execute-api", region)
	}, nil
}

// printRaw prints an answer, indented if it is JSON.
func printRaw(w io.Writer, body []byte) error {
	var indented bytes.Buffer
	if json.Indent(&indented, body, "", "  ") == nil {
		body = indented.Bytes()
	}
	_, err := fmt.Fprintf(w, "%s\n", bytes.TrimSpace(body))
	return err
}
