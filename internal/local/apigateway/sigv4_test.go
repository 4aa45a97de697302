package apigateway

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"visitplannr/internal/contract"
)

var (
	editor   = Principal{"AKIAEDITOR", "editor-secret", "arn:aws:iam::111122223333:user/editor", true}
	stranger = Principal{"AKIASTRANGER", "stranger-secret", "arn:aws:iam::111122223333:user/stranger", false}
	signedAt = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
)

// signed returns a request that a client with the principal's secret signed.
func signed(t *testing.T, p Principal) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:3000/destination?b=2&a=%20x", strings.NewReader(goodBody))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", "a  key")
	hash := sha256.Sum256([]byte(goodBody))
	err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: p.AccessKeyID, SecretAccessKey: p.SecretAccessKey},
		r, hex.EncodeToString(hash[:]), "execute-api", "eu-west-1", signedAt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	wrongSecret := editor
	wrongSecret.SecretAccessKey = "guessed"
	unknown := Principal{AccessKeyID: "AKIAUNKNOWN", SecretAccessKey: "x"}
	const incomplete, invalid = "IncompleteSignatureException", "InvalidSignatureException"
	edit := func(old, new string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
		}
	}
	for name, test := range map[string]struct {
		by           Principal
		change       func(*http.Request)
		body         string // "": as it was signed
		after        time.Duration
		responseType string
		errorType    string
	}{
		"right":                                  {by: editor},
		"right, with headers that nobody signed": {by: editor, change: func(r *http.Request) { r.Header.Set("Accept", "text/plain") }},
		"right, 5 minutes late":                  {by: editor, after: 5 * time.Minute},
		"none":                                   {by: editor, change: func(r *http.Request) { r.Header.Del("Authorization") }, responseType: contract.GatewayMissingToken},
		"expired":                                {by: editor, after: 5*time.Minute + time.Second, responseType: contract.GatewayInvalidSignature, errorType: invalid},
		"from the future":                        {by: editor, after: -6 * time.Minute, responseType: contract.GatewayInvalidSignature, errorType: invalid},
		"wrong secret":                           {by: wrongSecret, responseType: contract.GatewayInvalidSignature, errorType: invalid},
		"unknown key":                            {by: unknown, responseType: contract.GatewayInvalidSignature, errorType: "UnrecognizedClientException"},
		"not allowed":                            {by: stranger, responseType: contract.GatewayAccessDenied},
		"another body":                           {by: editor, body: `{}`, responseType: contract.GatewayInvalidSignature, errorType: invalid},
		"another method":                         {by: editor, change: func(r *http.Request) { r.Method = http.MethodPut }, responseType: contract.GatewayInvalidSignature, errorType: invalid},
		"another host":                           {by: editor, change: func(r *http.Request) { r.Host = "example.org" }, responseType: contract.GatewayInvalidSignature, errorType: invalid},
		"another path":                           {by: editor, change: func(r *http.Request) { r.URL.Path = "/other" }, responseType: contract.GatewayInvalidSignature, errorType: invalid},
		"another query":                          {by: editor, change: func(r *http.Request) { r.URL.RawQuery = "a=1" }, responseType: contract.GatewayInvalidSignature, errorType: invalid},
		"a signed header changed":                {by: editor, change: func(r *http.Request) { r.Header.Set("Idempotency-Key", "b") }, responseType: contract.GatewayInvalidSignature, errorType: invalid},
		"an amz header added":                    {by: editor, change: func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "b") }, responseType: contract.GatewayInvalidSignature, errorType: invalid},
		"another day in the scope":               {by: editor, change: edit("20261124", "20261123"), responseType: contract.GatewayInvalidSignature, errorType: invalid},
		"another service":                        {by: editor, change: edit("execute-api", "s3"), responseType: contract.GatewayInvalidSignature, errorType: incomplete},
		"no host signed":                         {by: editor, change: edit("host;", ""), responseType: contract.GatewayInvalidSignature, errorType: incomplete},
		"no date":                                {by: editor, change: func(r *http.Request) { r.Header.Del("X-Amz-Date") }, responseType: contract.GatewayInvalidSignature, errorType: incomplete},
		"a bearer token":                         {by: editor, change: func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, responseType: contract.GatewayInvalidSignature, errorType: incomplete},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := signed(t, test.by)
			if test.change != nil {
				test.change(r)
			}
			body := goodBody
			if test.body != "" {
				body = test.body
			}
			p, refused := authorize([]Principal{editor, stranger}, r, []byte(body), signedAt.Add(test.after))
			if test.responseType == "" {
				if refused != nil {
					t.Fatalf("refused: %v", refused.cause)
				}
				if p != editor {
					t.Errorf("got principal %v, want %v", p, editor)
				}
				return
			}
			if refused == nil {
				t.Fatalf("got principal %v, want %s", p, test.responseType)
			}
			if refused.responseType != test.responseType || refused.errorType != test.errorType {
				t.Errorf("got %s, %s: %v; want %s, %s", refused.responseType, refused.errorType, refused.cause, test.responseType, test.errorType)
			}
		})
	}
}

func TestEventNamesTheCaller(t *testing.T) {
	t.Parallel()
	got := events.APIGatewayRequestIdentity{SourceIP: "127.0.0.1"}
	Principal{}.identify(&got)
	if want := (events.APIGatewayRequestIdentity{SourceIP: "127.0.0.1"}); got != want {
		t.Errorf("nobody: got %+v, want %+v", got, want)
	}
	editor.identify(&got)
	want := events.APIGatewayRequestIdentity{SourceIP: "127.0.0.1", AccountID: "111122223333", AccessKey: "AKIAEDITOR",
		UserArn: "arn:aws:iam::111122223333:user/editor", Caller: "AIDAEDITOR", User: "AIDAEDITOR"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// FuzzAuthorization: whatever a client claims, the answer is a refusal.
func FuzzAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIAEDITOR/20261124/eu-west-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=00", "20261124T120000Z")
	f.Add("AWS4-HMAC-SHA256 =,;", "")
	f.Fuzz(func(t *testing.T, authorization, date string) {
		r := httptest.NewRequest(http.MethodPost, "/destination", nil)
		r.Header.Set("Authorization", authorization)
		r.Header.Set("X-Amz-Date", date)
		if p, refused := authorize([]Principal{editor, stranger}, r, nil, signedAt); refused == nil {
			t.Errorf("%q passes as %v", authorization, p)
		}
	})
}
