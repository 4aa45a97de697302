package apigateway

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"visitplannr/internal/contract"
)

// Principal is a user who can sign requests to the API.
type Principal struct {
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
	ARN             string `json:"arn"`     // arn:aws:iam::ACCOUNT:user/NAME
	Allowed         bool   `json:"allowed"` // whether a policy lets them invoke the API
}

// identify sets the caller in a proxy event. An open API has none.
func (p Principal) identify(identity *events.APIGatewayRequestIdentity) {
	if parts := strings.Split(p.ARN, ":"); len(parts) > 4 {
		identity.AccountID = parts[4]
	}
	identity.AccessKey, identity.UserArn = p.AccessKeyID, p.ARN
	// AWS sets both to the user's unique id, which begins with AIDA.
	identity.Caller = strings.Replace(p.AccessKeyID, "AKIA", "AIDA", 1)
	identity.User = identity.Caller
}

const (
	// maxSkew is how far the time of a signature may differ from the gateway's
	// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html).
	maxSkew = 5 * time.Minute

	signingAlgorithm = "AWS4-HMAC-SHA256"
	signingTime      = "20060102T150405Z"
	signingDate      = "20060102"

	// service is what signatures of requests to an API are scoped to.
	service = "execute-api"
)

// region is what a region's name is made of. A signature may be for any region, also for
// one that AWS does not have, as AWS_REGION names it on many developers' machines.
var region = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// authorize finds who signed a request with Signature Version 4, in the Authorization
// header but not in a query string, by
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
// No client's signer is of use here: each leaves out headers that another client signs.
//
// The gateway response of each answer follows
// https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html,
// and that of a malformed header ADR 8. The error types are those that clients see in
// x-amzn-ErrorType.
func authorize(principals []Principal, r *http.Request, body []byte, now time.Time) (Principal, *gatewayResponse) {
	if strings.Join(r.Header.Values("Authorization"), "") == "" {
		return Principal{}, &gatewayResponse{responseType: contract.GatewayMissingToken, cause: fmt.Errorf("%s is not signed", r.URL.Path)}
	}
	claim, err := parseAuthorization(r.Header)
	if err != nil {
		return Principal{}, malformed(err)
	}
	invalid := func(errorType, format string, args ...any) (Principal, *gatewayResponse) {
		return Principal{}, &gatewayResponse{responseType: contract.GatewayInvalidSignature, errorType: errorType, cause: fmt.Errorf(format, args...)}
	}
	if err := claim.check(r.Header, now); err != nil {
		return invalid("InvalidSignatureException", "%w", err)
	}
	i := slices.IndexFunc(principals, func(p Principal) bool { return p.AccessKeyID == claim.accessKeyID })
	if i < 0 {
		return invalid("UnrecognizedClientException", "no principal has the access key %q", claim.accessKeyID)
	}
	canonical, err := canonicalRequest(r, claim.signedHeaders, body)
	if err != nil {
		return invalid("InvalidSignatureException", "%w", err)
	}
	expected := claim.sign(principals[i].SecretAccessKey, canonical)
	if subtle.ConstantTimeCompare([]byte(expected), []byte(claim.signature)) != 1 {
		return invalid("InvalidSignatureException", "the signature is not that of the secret of %s over this request", principals[i].ARN)
	}
	if !principals[i].Allowed {
		return Principal{}, &gatewayResponse{responseType: contract.GatewayAccessDenied, cause: fmt.Errorf("%s may not invoke the API", principals[i].ARN)}
	}
	return principals[i], nil
}

// malformed is the answer to an Authorization header that cannot be read.
func malformed(err error) *gatewayResponse {
	return &gatewayResponse{responseType: contract.GatewayDefault4XX, status: http.StatusForbidden,
		errorType: "IncompleteSignatureException", cause: fmt.Errorf("malformed Authorization: %w", err)}
}

// claim is what a request says about its signature.
type claim struct {
	accessKeyID, date, region, service, terminator string // the credential
	signedHeaders                                  []string
	signature                                      string
	at                                             time.Time
}

var errParameters = errors.New("its parameters are not Credential=…, SignedHeaders=… and Signature=…, each once")

// parseAuthorization reads the Authorization header and the time that goes with it. AWS
// separates the header's parameters by commas, spaces or both: its error messages quote
// what follows a space as a parameter of its own.
func parseAuthorization(h http.Header) (claim, error) {
	values := h.Values("Authorization")
	if len(values) != 1 {
		return claim{}, fmt.Errorf("there are %d of these headers", len(values))
	}
	words := strings.FieldsFunc(values[0], func(c rune) bool { return c == ',' || c == ' ' || c == '\t' })
	if len(words) == 0 || words[0] != signingAlgorithm {
		return claim{}, fmt.Errorf("the algorithm is not %s", signingAlgorithm)
	}
	parameters := map[string]string{}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		_, again := parameters[name]
		if again || value == "" || !slices.Contains([]string{"Credential", "SignedHeaders", "Signature"}, name) {
			return claim{}, errParameters // without the word: errors are logged, and it may be a secret
		}
		parameters[name] = value
	}
	if len(parameters) != 3 {
		return claim{}, errParameters
	}
	scope := strings.Split(parameters["Credential"], "/")
	if len(scope) != 5 || scope[0] == "" {
		return claim{}, fmt.Errorf("the credential is not KEY/DATE/REGION/%s/aws4_request", service)
	}
	at, err := signedTime(h)
	if err != nil {
		return claim{}, fmt.Errorf("X-Amz-Date, or else Date: %w", err)
	}
	return claim{scope[0], scope[1], scope[2], scope[3], scope[4],
		strings.Split(parameters["SignedHeaders"], ";"), parameters["Signature"], at}, nil
}

// signedTime returns the time of a signature: that of X-Amz-Date or, without it, of
// Date, which may be in the format of either header.
func signedTime(h http.Header) (time.Time, error) {
	if values := h.Values("X-Amz-Date"); len(values) > 0 {
		return time.Parse(signingTime, strings.Join(values, ","))
	}
	at, err := time.Parse(signingTime, h.Get("Date"))
	if err != nil {
		at, err = http.ParseTime(h.Get("Date"))
	}
	return at, err
}

// check returns an error if the claim cannot hold for a request with these headers,
// whatever its signature is.
func (c claim) check(h http.Header, now time.Time) error {
	if date := c.at.Format(signingDate); c.date != date {
		return fmt.Errorf("the credential's date is %q, the request's %s", c.date, date)
	}
	if !region.MatchString(c.region) || c.service != service || c.terminator != "aws4_request" {
		return fmt.Errorf("the credential is scoped to %s/%s/%s, want a region, %s and aws4_request", c.region, c.service, c.terminator, service)
	}
	if skew := now.Sub(c.at).Abs(); skew > maxSkew {
		return fmt.Errorf("signature expired: it was made %v from now, at %v", skew.Round(time.Second), c.at)
	}
	for i, name := range c.signedHeaders {
		if name != strings.ToLower(name) || i > 0 && name <= c.signedHeaders[i-1] {
			return fmt.Errorf("SignedHeaders is %s, want names in lower case, sorted, each once", strings.Join(c.signedHeaders, ";"))
		}
	}
	if !slices.Contains(c.signedHeaders, "host") {
		return errors.New("the header Host is not signed")
	}
	// Nobody may add a header that changes the meaning of a signed request. This one has
	// none: the hash is that of the body that came.
	for name := range h {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") && lower != "x-amz-content-sha256" && !slices.Contains(c.signedHeaders, lower) {
			return fmt.Errorf("header %s is not signed", name)
		}
	}
	return nil
}

// sign returns the signature that a secret gives a canonical request.
func (c claim) sign(secret, canonical string) string {
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	scope := []string{c.date, c.region, c.service, c.terminator}
	key := []byte("AWS4" + secret)
	for _, part := range scope {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, strings.Join([]string{signingAlgorithm, c.at.Format(signingTime),
		strings.Join(scope, "/"), hash([]byte(canonical))}, "\n")))
}

// canonicalRequest returns what a client signs: the request as it came over the wire,
// with exactly these headers.
func canonicalRequest(r *http.Request, signedHeaders []string, body []byte) (string, error) {
	target, _, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(target, "/") { // a whole URL, as to a proxy
		target = cmp.Or(r.URL.EscapedPath(), "/")
	}
	lines := []string{r.Method, canonicalPath(target), canonicalQuery(r.URL.RawQuery)}
	for _, name := range signedHeaders {
		values := signedValues(r, name)
		if len(values) == 0 {
			return "", fmt.Errorf("header %s is signed and was not sent", name)
		}
		for i, value := range values {
			values[i] = strings.Join(strings.FieldsFunc(value, isASCIISpace), " ")
		}
		lines = append(lines, name+":"+strings.Join(values, ","))
	}
	return strings.Join(append(lines, "", strings.Join(signedHeaders, ";"), hash(body)), "\n"), nil
}

// signedValues returns the values of a header, among them those that net/http keeps
// elsewhere than in r.Header.
func signedValues(r *http.Request, name string) []string {
	values := slices.Clone(r.Header.Values(name))
	switch {
	case name == "host":
		return []string{r.Host}
	case name == "transfer-encoding":
		return slices.Clone(r.TransferEncoding)
	case name == "content-length" && values == nil && r.ContentLength >= 0:
		return []string{strconv.FormatInt(r.ContentLength, 10)}
	}
	return values
}

func isASCIISpace(c rune) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// canonicalPath normalizes a path and encodes it again, although it came encoded, as
// every service but S3 does.
func canonicalPath(sent string) string {
	clean := path.Clean(sent)
	if strings.HasSuffix(sent, "/") && clean != "/" {
		clean += "/"
	}
	return strings.ReplaceAll(uriEncode(clean), "%2F", "/")
}

// canonicalQuery encodes each name and value in one way and sorts them.
func canonicalQuery(sent string) string {
	var pairs [][]string
	for pair := range strings.SplitSeq(sent, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		pairs = append(pairs, []string{encodeAgain(name), encodeAgain(value)})
	}
	slices.SortFunc(pairs, slices.Compare)
	var canonical []string
	for _, pair := range pairs {
		canonical = append(canonical, strings.Join(pair, "="))
	}
	return strings.Join(canonical, "&")
}

func encodeAgain(text string) string {
	if decoded, err := url.QueryUnescape(text); err == nil {
		text = decoded
	}
	return uriEncode(text)
}

// uriEncode encodes all bytes but the unreserved characters of RFC 3986, section 2.3.
func uriEncode(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
