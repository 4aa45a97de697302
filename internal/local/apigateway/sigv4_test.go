package apigateway

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"visitplannr/internal/contract"
	"visitplannr/internal/program"
	"visitplannr/test/check"
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
	check.OK(t, err)
	return r
}

const scope = "20261124/eu-west-1/execute-api/aws4_request"

// again signs a request that has been changed, with exactly these headers and for this
// scope. The suite below holds what it uses to AWS's values.
func again(t *testing.T, r *http.Request, signedHeaders, scope string) {
	t.Helper()
	if r.Header.Get("Date") == "" {
		r.Header.Set("X-Amz-Date", signedAt.Format(signingTime))
	}
	parts := strings.Split(scope, "/")
	c := claim{date: parts[0], region: parts[1], service: parts[2], terminator: parts[3], at: signedAt}
	canonical := check.Value(canonicalRequest(r, strings.Split(signedHeaders, ";"), []byte(goodBody)))(t)
	r.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		signingAlgorithm, editor.AccessKeyID, scope, signedHeaders, c.sign(editor.SecretAccessKey, canonical)))
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	wrongSecret := editor
	wrongSecret.SecretAccessKey = "guessed"
	const incomplete, invalid, unrecognized, denied, missing = "IncompleteSignatureException", "InvalidSignatureException",
		"UnrecognizedClientException", "AccessDeniedException", "MissingAuthenticationTokenException"
	edit := func(old, new string) func(*testing.T, *http.Request) {
		return func(t *testing.T, r *http.Request) {
			t.Helper()
			was := r.Header.Get("Authorization")
			if !strings.Contains(was, old) {
				t.Fatalf("there is no %q in %q", old, was)
			}
			r.Header.Set("Authorization", strings.Replace(was, old, new, 1))
		}
	}
	set := func(name string, values ...string) func(*testing.T, *http.Request) {
		return func(_ *testing.T, r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
	}
	signing := func(name, value string) func(*testing.T, *http.Request) {
		return func(t *testing.T, r *http.Request) {
			t.Helper()
			r.Header.Set(name, value)
			headers := []string{"host", "x-amz-date", strings.ToLower(name)}
			slices.Sort(headers)
			again(t, r, strings.Join(headers, ";"), scope)
		}
	}
	signedFor := func(scope, signedHeaders string) func(*testing.T, *http.Request) {
		return func(t *testing.T, r *http.Request) { again(t, r, signedHeaders, scope) }
	}
	for name, test := range map[string]struct {
		by     Principal
		change func(*testing.T, *http.Request)
		body   string // "": as it was signed
		after  time.Duration
		want   string // the error type; "": accepted
	}{
		"accepts what the SDK signs":                    {by: editor},
		"accepts headers that nobody signed":            {by: editor, change: set("Accept", "text/plain")},
		"accepts a signature of 5 minutes ago":          {by: editor, after: 5 * time.Minute},
		"accepts a signed User-Agent":                   {change: signing("User-Agent", "curl/8")},
		"accepts a signed X-Amzn-Trace-Id":              {change: signing("X-Amzn-Trace-Id", "Root=1-67891233-abcdef012345678912345678")},
		"accepts a signed Expect":                       {change: signing("Expect", "100-continue")},
		"accepts a signed Content-Length":               {change: signing("Content-Length", strconv.Itoa(len(goodBody)))},
		"accepts a signed hash of the body":             {change: signing("X-Amz-Content-Sha256", hash([]byte(goodBody)))},
		"accepts a hash of the body that nobody signed": {by: editor, change: set("X-Amz-Content-Sha256", hash([]byte(goodBody)))},
		"accepts the time in Date": {change: func(t *testing.T, r *http.Request) {
			r.Header.Del("X-Amz-Date")
			r.Header.Set("Date", signedAt.Format(http.TimeFormat))
			again(t, r, "date;host", scope)
		}},
		"accepts the time in Date in the other format": {change: func(t *testing.T, r *http.Request) {
			r.Header.Del("X-Amz-Date")
			r.Header.Set("Date", signedAt.Format(signingTime))
			again(t, r, "date;host", scope)
		}},
		"accepts parameters behind commas alone":    {by: editor, change: edit(", SignedHeaders", ",SignedHeaders")},
		"accepts parameters behind spaces and tabs": {by: editor, change: edit(", SignedHeaders", " \t SignedHeaders")},
		"accepts parameters in another order": {by: editor, change: func(_ *testing.T, r *http.Request) {
			a, b, _ := strings.Cut(r.Header.Get("Authorization"), ", ")
			r.Header.Set("Authorization", signingAlgorithm+" "+b+", "+strings.TrimPrefix(a, signingAlgorithm+" "))
		}},
		"refuses no signature":       {by: editor, change: set("Authorization"), want: missing},
		"refuses an empty header":    {by: editor, change: set("Authorization", ""), want: missing},
		"refuses a header of spaces": {by: editor, change: set("Authorization", "  "), want: incomplete},
		"refuses two headers":        {by: editor, change: func(_ *testing.T, r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, want: incomplete},
		"refuses an empty header before a right one": {by: editor, change: func(_ *testing.T, r *http.Request) {
			r.Header["Authorization"] = []string{"", r.Header.Get("Authorization")}
		}, want: incomplete},
		"refuses another algorithm":                   {by: editor, change: edit("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"), want: incomplete},
		"refuses a bearer token":                      {by: editor, change: set("Authorization", "Bearer x"), want: incomplete},
		"refuses text behind the signature":           {by: editor, change: func(_ *testing.T, r *http.Request) { r.Header.Set("Authorization", r.Header.Get("Authorization")+" x") }, want: incomplete},
		"refuses a parameter that it does not know":   {by: editor, change: edit(", Signature", ", X=1, Signature"), want: incomplete},
		"refuses a parameter that comes twice":        {by: editor, change: edit(", Signature", ", Signature=0, Signature"), want: incomplete},
		"refuses a missing parameter":                 {by: editor, change: edit("SignedHeaders=", "Signature="), want: incomplete},
		"refuses another parameter for a missing one": {by: editor, change: edit("SignedHeaders=", "Headers="), want: incomplete},
		"refuses two parameters": {by: editor, change: func(_ *testing.T, r *http.Request) {
			a, _, _ := strings.Cut(r.Header.Get("Authorization"), ", SignedHeaders=")
			r.Header.Set("Authorization", a+", Signature=0")
		}, want: incomplete},
		"refuses an empty signature": {by: editor, change: func(_ *testing.T, r *http.Request) {
			a, _, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			r.Header.Set("Authorization", a+"Signature=")
		}, want: incomplete},
		"refuses a space inside a parameter":          {by: editor, change: edit("Credential=", "Credential= "), want: incomplete},
		"refuses a credential of four parts":          {by: editor, change: edit("/aws4_request", ""), want: incomplete},
		"refuses a credential of six parts":           {by: editor, change: edit("/aws4_request", "/aws4_request/"), want: incomplete},
		"refuses a credential without a key":          {by: editor, change: edit("AKIAEDITOR", ""), want: incomplete},
		"refuses no date":                             {by: editor, change: set("X-Amz-Date"), want: incomplete},
		"refuses two dates":                           {by: editor, change: set("X-Amz-Date", "20261124T120000Z", "20261124T120000Z"), want: incomplete},
		"refuses a date in another format":            {by: editor, change: set("X-Amz-Date", "2026-11-24T12:00:00Z"), want: incomplete},
		"refuses an expired signature":                {by: editor, after: 5*time.Minute + time.Second, want: invalid},
		"refuses a signature from the future":         {by: editor, after: -5*time.Minute - time.Second, want: invalid},
		"refuses a wrong secret":                      {by: wrongSecret, want: invalid},
		"refuses a key that nobody has":               {by: Principal{AccessKeyID: "AKIAUNKNOWN", SecretAccessKey: "x"}, want: unrecognized},
		"refuses who may not invoke the API":          {by: stranger, want: denied},
		"refuses another body":                        {by: editor, body: `{}`, want: invalid},
		"refuses another method":                      {by: editor, change: func(_ *testing.T, r *http.Request) { r.Method = http.MethodPut }, want: invalid},
		"refuses another host":                        {by: editor, change: func(_ *testing.T, r *http.Request) { r.Host = "example.org" }, want: invalid},
		"refuses another path":                        {by: editor, change: func(_ *testing.T, r *http.Request) { r.URL.Path = "/other" }, want: invalid},
		"refuses another query":                       {by: editor, change: func(_ *testing.T, r *http.Request) { r.URL.RawQuery += "&;" }, want: invalid},
		"refuses another value of a signed header":    {by: editor, change: set("Idempotency-Key", "b"), want: invalid},
		"refuses a second value of a signed header":   {by: editor, change: set("Idempotency-Key", "a  key", "b"), want: invalid},
		"refuses a signed header that was not sent":   {by: editor, change: set("Idempotency-Key"), want: invalid},
		"refuses an amz header that nobody signed":    {by: editor, change: set("X-Amz-Security-Token", "b"), want: invalid},
		"refuses another date in the credential":      {change: signedFor("20261123/eu-west-1/execute-api/aws4_request", "host;x-amz-date"), want: invalid},
		"refuses another region":                      {by: editor, change: edit("eu-west-1", "eu-west-2"), want: invalid},
		"refuses an empty region":                     {change: signedFor("20261124//execute-api/aws4_request", "host;x-amz-date"), want: invalid},
		"refuses a region in upper case":              {change: signedFor("20261124/EU-WEST-1/execute-api/aws4_request", "host;x-amz-date"), want: invalid},
		"refuses a region that is not one":            {change: signedFor("20261124/eu_west_1/execute-api/aws4_request", "host;x-amz-date"), want: invalid},
		"refuses another service":                     {change: signedFor("20261124/eu-west-1/s3/aws4_request", "host;x-amz-date"), want: invalid},
		"refuses another end of the credential":       {change: signedFor("20261124/eu-west-1/execute-api/aws5_request", "host;x-amz-date"), want: invalid},
		"refuses a signature without the host":        {change: signedFor(scope, "x-amz-date"), want: invalid},
		"refuses signed headers in another order":     {change: signedFor(scope, "x-amz-date;host"), want: invalid},
		"refuses a signed header that is named twice": {change: signedFor(scope, "host;host;x-amz-date"), want: invalid},
		"refuses a signed header that was not sent, although its value was empty": {change: func(t *testing.T, r *http.Request) {
			signing("Idempotency-Key", "")(t, r)
			r.Header.Del("Idempotency-Key")
		}, want: invalid},
		"refuses signed headers in upper case": {change: signedFor(scope, "Content-Type;host;x-amz-date"), want: invalid},
		"refuses a signature that is right at the start": {by: editor, change: func(_ *testing.T, r *http.Request) {
			a := r.Header.Get("Authorization")
			r.Header.Set("Authorization", a[:len(a)-1]+"g")
		}, want: invalid},
		"refuses a signature in upper case": {by: editor, change: func(_ *testing.T, r *http.Request) {
			a, b, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			r.Header.Set("Authorization", a+"Signature="+strings.ToUpper(b))
		}, want: invalid},
	} {
		t.Run(name, func(t *testing.T) {
			r := signed(t, cmp.Or(test.by, editor))
			if test.change != nil {
				test.change(t, r)
			}
			p, refused := authorize([]Principal{editor, stranger}, r, []byte(cmp.Or(test.body, goodBody)), signedAt.Add(test.after))
			if test.want == "" {
				if refused != nil || p != editor {
					t.Fatalf("got principal %v and %+v, want %v", p, refused, editor)
				}
				return
			}
			if refused == nil {
				t.Fatalf("got principal %v, want %s", p, test.want)
			}
			responseType := map[string]string{incomplete: contract.GatewayDefault4XX, denied: contract.GatewayAccessDenied, missing: contract.GatewayMissingToken}[test.want]
			if responseType = cmp.Or(responseType, contract.GatewayInvalidSignature); refused.responseType != responseType {
				t.Errorf("got %s (%v), want %s", refused.responseType, refused.cause, responseType)
			}
			if got := cmp.Or(refused.errorType, errorTypes[refused.responseType]); got != test.want {
				t.Errorf("got %s (%v), want %s", got, refused.cause, test.want)
			}
		})
	}
}

// The requests and signatures are AWS's, under the Apache License 2.0:
// https://github.com/awslabs/aws-c-auth/tree/main/tests/aws-signing-test-suite/v4
func TestSignaturesAreThoseOfAWSsTestSuite(t *testing.T) {
	t.Parallel()
	const unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for name, test := range map[string]struct{ target, headers, signed, signature string }{
		"get-vanilla":                     {"/", "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		"get-relative-normalized":         {"/example1/example2/../..", "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		"get-slash-normalized":            {"//", "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		"get-slashes-normalized":          {"//example//", "", "host;x-amz-date", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
		"get-slash-pointless-dot":         {"/./example", "", "host;x-amz-date", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
		"get-utf8":                        {"/ሴ", "", "host;x-amz-date", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
		"get-unreserved":                  {"/" + unreserved, "", "host;x-amz-date", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
		"get-vanilla-query-unreserved":    {"/?" + unreserved + "=" + unreserved, "", "host;x-amz-date", "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
		"get-vanilla-query-order-encoded": {"/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1", "", "host;x-amz-date", "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
		"get-vanilla-query-order-key":     {"/?Param2=value2&Param1=value1", "", "host;x-amz-date", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		"get-vanilla-utf8-query":          {"/?ሴ=bar", "", "host;x-amz-date", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
		"get-vanilla-with-session-token": {"/", "X-Amz-Security-Token:6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267\n",
			"host;x-amz-date;x-amz-security-token", "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"},
		"get-header-key-duplicate":   {"/", "My-Header1:value2\nMy-Header1:value2\nMy-Header1:value1\n", "host;my-header1;x-amz-date", "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
		"get-header-value-order":     {"/", "My-Header1:value4\nMy-Header1:value1\nMy-Header1:value3\nMy-Header1:value2\n", "host;my-header1;x-amz-date", "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
		"get-header-value-multiline": {"/", "My-Header1:value1\n  value2\n     value3\n", "host;my-header1;x-amz-date", "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd"},
		"get-header-value-trim":      {"/", "My-Header1: value1\nMy-Header2: \"a   b   c\"\n", "host;my-header1;my-header2;x-amz-date", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + test.target + " HTTP/1.1\nHost:example.amazonaws.com\n" + test.headers +
				"X-Amz-Date:20150830T123600Z\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, " +
				"SignedHeaders=" + test.signed + ", Signature=" + test.signature + "\n\n")))
			check.OK(t, err)
			claimed := check.Value(parseAuthorization(r.Header))(t)
			canonical := check.Value(canonicalRequest(r, claimed.signedHeaders, nil))(t)
			if got := claimed.sign("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", canonical); got != claimed.signature {
				t.Errorf("got signature %s, want %s; the canonical request is\n%s", got, claimed.signature, canonical)
			}
		})
	}
}

// What the suite leaves out, from the page that authorize names.
func TestCanonicalPathAndQuery(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		"/a%20b%2Fc": "/a%2520b%252Fc", "/a+b": "/a%2Bb", "/a/": "/a/", "/destination//": "/destination/",
	} {
		if got := canonicalPath(sent); got != want {
			t.Errorf("the path %s: got %s, want %s", sent, got, want)
		}
	}
	for sent, want := range map[string]string{
		"a=2&a=1&a": "a=&a=1&a=2", "a=b=c": "a=b%3Dc", "b&&a=": "a=&b=", "a=%7e%2f": "a=~%2F", "a=x+y&a=x%20y": "a=x%20y&a=x%20y", "a=%zz;b": "a=%25zz%3Bb", "": "",
	} {
		if got := canonicalQuery(sent); got != want {
			t.Errorf("the query %s: got %s, want %s", sent, got, want)
		}
	}
}

// Spaces in a value become one, those around it none, and values that come in several
// headers stand behind commas. net/http keeps some headers elsewhere.
func TestCanonicalHeaders(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "http://h/", strings.NewReader("body"))
	r.Header["A"] = []string{"  x \t y!  z\t", "", "w"}
	r.TransferEncoding = []string{"chunked"}
	got, err := canonicalRequest(r, []string{"a", "content-length", "host", "transfer-encoding"}, []byte("body"))
	if want := "POST\n/\n\na:x y! z,,w\ncontent-length:4\nhost:h\ntransfer-encoding:chunked\n\na;content-length;host;transfer-encoding\n" + hash([]byte("body")); err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	r.Header.Set("Content-Length", "5")
	if got, err := canonicalRequest(r, []string{"content-length"}, nil); err != nil || !strings.Contains(got, "\ncontent-length:5\n") {
		t.Errorf("got %q, %v; want the header as it was sent", got, err)
	}
	r.Header.Del("Content-Length")
	r.ContentLength = -1
	if got, err := canonicalRequest(r, []string{"content-length"}, nil); err == nil {
		t.Errorf("got %q for a length that was not sent, want an error", got)
	}
	r.ContentLength = 0
	if got, err := canonicalRequest(r, []string{"b"}, nil); err == nil {
		t.Errorf("got %q for a header that was not sent, want an error", got)
	}
	if got, err := canonicalRequest(r, []string{"content-length"}, nil); err != nil || !strings.Contains(got, "\ncontent-length:0\n") {
		t.Errorf("got %q, %v; want a length of 0", got, err)
	}
}

// curl signs a header that it is given without a value, and does not send it.
func TestCurlLinesOfTheDocumentationWorkWithEveryKindOfKey(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil && os.Getenv("CI") == "" {
		t.Skip("curl is not installed")
	}
	const local, deployed = "http://127.0.0.1:3000/destination", "https://ID.execute-api.REGION.amazonaws.com/dev/destination"
	served := map[bool]string{}
	for signed, principals := range map[bool][]Principal{false: nil, true: {editor}} {
		served[signed] = serve(t, Config{Endpoints: contract.Endpoints(), Functions: only(newFunction().invoker()), Principals: principals}).URL + "/destination"
	}
	for page, urls := range map[string][]string{"README.md": {local}, "docs/api.md": {local, deployed}, "docs/runbook.md": {"$(output ApiUrl)destination"}} {
		text := check.Value(os.ReadFile("../../../" + page))(t)
		lines := regexp.MustCompile(`(?m)^(?:\$ )?(curl (?:.*\\\n)*.*)`).FindAllStringSubmatch(string(text), -1)
		if len(lines) != len(urls) {
			t.Fatalf("%s has the lines %q, want one to each of %q", page, lines, urls)
		}
		for i, url := range urls {
			line := lines[i][1]
			if !strings.Contains(line, url) {
				t.Fatalf("%s: the line is %q, want one to %s", page, line, url)
			}
			line = strings.NewReplacer(url, served[url != local], ":REGION:", ":eu-west-1:").Replace(line)
			for _, token := range []string{"", "a token"} {
				command := program.Command(t.Context(), "", "sh", "-uc", line)
				command.Env = append(command.Env, "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID="+editor.AccessKeyID,
					"AWS_SECRET_ACCESS_KEY="+editor.SecretAccessKey, "AWS_SESSION_TOKEN="+token)
				if output, err := command.Output(); err != nil || !strings.HasSuffix(string(output), "OK") {
					t.Errorf("%s, with the token %q: got %s (%v), want OK", page, token, output, err)
				}
			}
		}
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
