package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/google/uuid"

	"visitplannr/internal/client"
	"visitplannr/internal/contract"
	"visitplannr/internal/destination"
	"visitplannr/internal/local"
	"visitplannr/internal/local/guard"
	"visitplannr/internal/terminal"
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
what it says, however that is written: if one fails, send the file again and nothing is
stored twice. Each receipt is printed on one line.`

// proposeAttempts bounds how often one proposal is sent.
const proposeAttempts = 5

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
		return c.misuse(set, "-url is %q, which is not a URL such as http://%s%s", target[strings.LastIndex(target, "@")+1:], defaultAPI, contract.ProposeDestination.Path)
	}
	signs := alwaysSign || !unsigned && !guard.IsThisMachine(endpoint.Hostname())
	if signs && endpoint.Scheme != "https" && !guard.IsThisMachine(endpoint.Hostname()) {
		return c.misuse(set, "-url is %q: anybody on the network could read a signed request over plain HTTP and send it again; use https, or -unsigned", endpoint.Redacted())
	}
	var body []byte
	if file == "" {
		var err error
		if body, err = proposalBody(name, latitude, longitude); err != nil {
			return c.misuse(set, "%v", err)
		}
		if key == "" {
			key = uuid.NewString()
		} else if !validKey.MatchString(key) {
			return c.misuse(set, "-key is %q; it must be 1 to %d visible ASCII characters", key, contract.IdempotencyKeyMaxBytes)
		}
	}
	sign, err := signer(ctx, endpoint, signs)
	if err != nil {
		return err
	}
	api := client.Client{Endpoint: target, Sign: sign}
	if file != "" {
		return c.proposeFile(ctx, file, api)
	}
	return c.proposeOne(ctx, api, key, body)
}

// proposeOne sends a proposal and prints the answer. Its error says what to do.
func (c *cli) proposeOne(ctx context.Context, api client.Client, key string, body []byte) error {
	done := c.doing("Proposing")
	answer, err := c.send(ctx, api, key, body)
	done()
	if err == nil {
		return printRaw(c.stdout, answer.Body)
	}
	if answer.Status != 0 && answer.Status != http.StatusOK {
		_ = printRaw(c.stderr, answer.Body)
	}
	if advice := adviceOn(answer.Status); advice != "" {
		return fmt.Errorf("%w; %s", err, advice)
	}
	if errors.Is(err, errNothingListens) {
		return err
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
	var proposal destination.Proposal
	var err error
	if proposal.Name, err = destination.NewName(name); err != nil {
		return nil, fmt.Errorf("-name %w", err)
	}
	if proposal.Latitude, err = destination.ParseLatitude(latitude); err != nil {
		return nil, fmt.Errorf("-latitude %w, written as in JSON (53.77, -2.63, 5e1); it is %q", err, latitude)
	}
	if proposal.Longitude, err = destination.ParseLongitude(longitude); err != nil {
		return nil, fmt.Errorf("-longitude %w, written as in JSON (53.77, -2.63, 5e1); it is %q", err, longitude)
	}
	return proposal.JSON(), nil
}

// adviceOn says what to do about an answer that sending again does not change. For
// others, which may have been stored or may be later, it is empty.
func adviceOn(status int) string {
	switch {
	case status == http.StatusForbidden:
		return "sign as a principal that may invoke the API ('aws sts get-caller-identity' says which you are)"
	case status == http.StatusNotFound:
		return "check the URL; an API that asks for signatures answers an unsigned request like that too"
	case status == http.StatusTooManyRequests || status < 400 || status >= 500:
		return ""
	default:
		return "correct the proposal: it would be refused again"
	}
}

// errNothingListens says that no program on this machine could take the request.
var errNothingListens = errors.New("nothing listens there: start 'visitplannr local', then propose again")

// retried are the statuses after which a proposal is sent again at once.
var retried = []int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable}

// send sends a proposal until it gets a final answer. It returns no error only with a
// receipt.
func (c *cli) send(ctx context.Context, api client.Client, key string, body []byte) (client.Answer, error) {
	for attempt := 1; ; attempt++ {
		got, err := api.Propose(ctx, key, body)
		var network *net.OpError
		endpoint, _ := parseHTTP(api.Endpoint)
		if ctx.Err() == nil && errors.As(err, &network) && network.Op == "dial" && guard.IsThisMachine(endpoint.Hostname()) {
			return got, fmt.Errorf("%w: %w", errNothingListens, err)
		}
		if final := err == nil && !slices.Contains(retried, got.Status); final || attempt == proposeAttempts || ctx.Err() != nil {
			if err == nil {
				_, err = got.Receipt()
			}
			return got, err
		}
		reason := http.StatusText(got.Status)
		if err != nil {
			reason = c.shown(c.stderr, err.Error())
		}
		pause := time.Second
		if seconds, err := strconv.Atoi(got.Header.Get("Retry-After")); err == nil && seconds > 0 {
			pause = time.Duration(min(seconds, 60)) * time.Second
		}
		fmt.Fprintf(c.stderr, "attempt %d of %d: %s; trying again in %v\n", attempt, proposeAttempts, reason, pause)
		if err := c.sleep(ctx, pause); err != nil {
			return client.Answer{}, err
		}
	}
}

// signer returns a function that signs requests for API Gateway, nil unless signs is
// set:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-use-postman-to-call-api.html
func signer(ctx context.Context, endpoint *url.URL, signs bool) (func(context.Context, *http.Request, []byte) error, error) {
	if !signs {
		return nil, nil
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
	if region == "" && guard.IsThisMachine(endpoint.Hostname()) {
		region = local.Region
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

// parseHTTP returns the URL in text, and whether it is an HTTP URL with a host.
func parseHTTP(text string) (*url.URL, bool) {
	parsed, err := url.Parse(text)
	return parsed, err == nil && parsed.Host != "" && (parsed.Scheme == "http" || parsed.Scheme == "https")
}

// printRaw prints an answer, indented if it is JSON.
func printRaw(w io.Writer, body []byte) error {
	var indented bytes.Buffer
	if json.Indent(&indented, body, "", "  ") == nil {
		body = indented.Bytes()
	}
	_, err := fmt.Fprintln(w, terminal.EscapeLines(string(bytes.TrimSpace(body))))
	return err
}

// shown returns a text that others wrote, such as an error that quotes an answer, as it
// may be printed to w.
func (c *cli) shown(w io.Writer, text string) string {
	text = terminal.EscapeLines(text)
	if terminal.Is(w) {
		return terminal.IsolateQuoted(text)
	}
	return text
}
