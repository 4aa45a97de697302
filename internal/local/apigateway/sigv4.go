package apigateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"visitplannr/internal/contract"
)

// Principal is a user who can sign requests to the API.
type Principal struct {
	AccessKeyID     string
	SecretAccessKey string
	ARN             string // arn:aws:iam::ACCOUNT:user/NAME
	Allowed         bool   // whether a policy lets them invoke the API
}

// identify sets the caller in a proxy event. An open API has none.
func (p Principal) identify(identity *events.APIGatewayRequestIdentity) {
	if p == (Principal{}) {
		return
	}
	if parts := strings.Split(p.ARN, ":"); len(parts) > 4 {
		identity.AccountID = parts[4]
	}
	identity.AccessKey, identity.UserArn = p.AccessKeyID, p.ARN
	// AWS sets both to the user's unique id, which begins with AIDA.
	identity.Caller = strings.Replace(p.AccessKeyID, "AKIA", "AIDA", 1)
	identity.User = identity.Caller
}

// maxSkew is how far the time of a signature may differ from the gateway's
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html).
const maxSkew = 5 * time.Minute

// service is what signatures of requests to an API are scoped to.
const service = "execute-api"

// authorize finds who signed a request by signing it again with the SDK's signer. It
// accepts signatures in the Authorization header, for any region, but not in a query
// string.
//
// The gateway response of each answer follows
// https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html;
// the error types are those that clients see in x-amzn-ErrorType.
func authorize(principals []Principal, r *http.Request, body []byte, now time.Time) (Principal, *refusal) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return Principal{}, &refusal{responseType: contract.GatewayMissingToken, cause: fmt.Errorf("%s is not signed", r.URL.Path)}
	}
	invalid := func(errorType, format string, args ...any) (Principal, *refusal) {
		return Principal{}, &refusal{responseType: contract.GatewayInvalidSignature, errorType: errorType, cause: fmt.Errorf(format, args...)}
	}
	claim, err := parseAuthorization(header)
	if err != nil {
		return invalid("IncompleteSignatureException", "Authorization: %w", err)
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return invalid("IncompleteSignatureException", "X-Amz-Date: %w", err)
	}
	i := slices.IndexFunc(principals, func(p Principal) bool { return p.AccessKeyID == claim.accessKeyID })
	if i < 0 {
		return invalid("UnrecognizedClientException", "no principal has the access key %q", claim.accessKeyID)
	}
	if skew := now.Sub(at).Abs(); skew > maxSkew {
		return invalid("InvalidSignatureException", "signature expired: it was made %v from now, at %v", skew.Round(time.Second), at)
	}
	if date := at.Format("20060102"); claim.date != date {
		return invalid("InvalidSignatureException", "the scope's date is %q, X-Amz-Date's is %s", claim.date, date)
	}
	// Nobody may add a header that changes the meaning of a signed request.
	for name := range r.Header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") && !slices.Contains(claim.signedHeaders, lower) {
			return invalid("InvalidSignatureException", "header %s is not signed", name)
		}
	}
	expected, err := signature(principals[i], claim, r, body, at)
	if err != nil {
		return invalid("InvalidSignatureException", "sign again: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(expected), []byte(claim.signature)) != 1 {
		return invalid("InvalidSignatureException", "the signature is not that of the secret of %s over this request", principals[i].ARN)
	}
	if !principals[i].Allowed {
		return Principal{}, &refusal{responseType: contract.GatewayAccessDenied, cause: fmt.Errorf("%s may not invoke the API", principals[i].ARN)}
	}
	return principals[i], nil
}

// claim is what an Authorization header says about its signature.
type claim struct {
	accessKeyID, date, region, signature string
	signedHeaders                        []string // lower-case names
}

// parseAuthorization reads the header of
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func parseAuthorization(header string) (claim, error) {
	parameters, found := strings.CutPrefix(header, "AWS4-HMAC-SHA256 ")
	if !found {
		return claim{}, errors.New("the algorithm is not AWS4-HMAC-SHA256")
	}
	values := map[string]string{}
	for parameter := range strings.SplitSeq(parameters, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		values[name] = value
	}
	scope := strings.Split(values["Credential"], "/")
	if len(scope) != 5 || scope[3] != service || scope[4] != "aws4_request" {
		return claim{}, fmt.Errorf("the credential is %q, want KEY/DATE/REGION/%s/aws4_request", values["Credential"], service)
	}
	signed := strings.Split(values["SignedHeaders"], ";")
	if !slices.Contains(signed, "host") || values["Signature"] == "" {
		return claim{}, errors.New("no signature over the header host")
	}
	return claim{scope[0], scope[1], scope[2], values["Signature"], signed}, nil
}

// signature returns the principal's correct signature for the request.
func signature(p Principal, c claim, r *http.Request, body []byte, at time.Time) (string, error) {
	again := r.Clone(r.Context())
	again.Header = http.Header{}
	for _, name := range c.signedHeaders {
		if values := r.Header.Values(name); len(values) > 0 {
			again.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
		}
	}
	again.ContentLength = 0 // the signer signs the length if it is set
	if slices.Contains(c.signedHeaders, "content-length") {
		again.ContentLength = int64(len(body))
	}
	hash := sha256.Sum256(body)
	credentials := aws.Credentials{AccessKeyID: p.AccessKeyID, SecretAccessKey: p.SecretAccessKey}
	if err := v4.NewSigner().SignHTTP(r.Context(), credentials, again, hex.EncodeToString(hash[:]), service, c.region, at); err != nil {
		return "", err
	}
	_, made, _ := strings.Cut(again.Header.Get("Authorization"), "Signature=")
	return made, nil
}
