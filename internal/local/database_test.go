package local

import (
	"os"
	"slices"
	"strings"
	"testing"

	"visitplannr/test/check"
)

// Not parallel: the AWS configuration is the process's environment.
func TestOnlyAWSGetsTheDevelopersCredentials(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "real-secret", "AWS_SESSION_TOKEN": "real-token",
		"AWS_REGION": "eu-west-1", "AWS_PROFILE": "", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	for endpoint, real := range map[string]bool{
		"https://dynamodb.eu-west-1.amazonaws.com":            true,
		"HTTPS://DynamoDB.EU-West-1.AmazonAWS.com":            true,
		"https://dynamodb.eu-west-1.amazonaws.com.:443/":      true,
		"https://123456789012.ddb.eu-west-1.amazonaws.com":    true,
		"https://dynamodb.eu-west-1.api.aws":                  true,
		"https://dynamodb.cn-north-1.amazonaws.com.cn":        true,
		"https://user:pw@dynamodb.eu-west-1.amazonaws.com":    true,
		"http://dynamodb.eu-west-1.amazonaws.com":             false,
		"https://amazonaws.com":                               false,
		"https://amazonaws.com.evil.example":                  false,
		"https://dynamodb.eu-west-1.amazonaws.com.evil.test":  false,
		"https://evilamazonaws.com":                           false,
		"https://evil-api.aws":                                false,
		"https://dynamodb.eu-west-1.amazonaws.com@evil.test":  false,
		"https://evil.test/dynamodb.eu-west-1.amazonaws.com":  false,
		"https://evil.test?x=.amazonaws.com":                  false,
		"https://dynamodb.eu-west-1.amazonaws.com:80@[::1]:1": false,
		"http://0.0.0.0:8000":                                 false,
		"http://[::]:8000":                                    false,
		"http://LOCALHOST:8000":                               false,
		"http://engine.localhost:8000":                        false,
		"http://127.1.2.3:8000":                               false,
		"https://engine.internal:8000":                        false,
		"http://192.0.2.7:8000":                               false,
	} {
		t.Run(endpoint, func(t *testing.T) {
			db := check.Value(OpenDatabase(t.Context(), endpoint))(t)
			env := db.environment("propose-destination", nil)
			if got := strings.Contains(strings.Join(env, "\n"), "real-"); got != real {
				t.Errorf("the function gets the developer's own credentials: %t, want %t", got, real)
			}
			if own := slices.Contains(env, "AWS_ACCESS_KEY_ID=local-propose-destination"); own == real {
				t.Errorf("got %q, want the function's own access key only on engines that are not AWS", env)
			}
			if strings.Contains(db.Endpoint, "@") {
				t.Errorf("the endpoint is %s, want no user information in it", db.Endpoint)
			}
		})
	}
}

func TestAnEnginesURLIsRefusedWithoutItsPassword(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"127.0.0.1:8000", "ftp://user:secret@127.0.0.1", "http://user:secret@", "http://:8000", "http://user:sec%ret@host", "user:secret@host:8000", "http://user:secret@127.0.0.1:http"} {
		_, err := ParseEngine(endpoint)
		if err == nil || !strings.Contains(err.Error(), "AWS_ENDPOINT_URL_DYNAMODB") || strings.Contains(err.Error(), "sec") {
			t.Errorf("%s: got error %v, want one that names the variable and not the password", endpoint, err)
		}
	}
}

func TestFunctionsHaveNoneOfTheSignersCredentials(t *testing.T) {
	t.Parallel()
	for _, p := range Principals() {
		if p.AccessKeyID == functionKeyID("propose-destination") || p.SecretAccessKey == credential {
			t.Errorf("%s has the credentials of a function", p.ARN)
		}
	}
}
