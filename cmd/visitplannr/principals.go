package main

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"visitplannr/internal/local/apigateway"
	"visitplannr/internal/local/console"
	"visitplannr/internal/settings"
)

// localPrincipals can sign requests to a local API with access=iam. Their secrets work
// nowhere else; the functions have other ones. They are the same in every run, so a
// client's configuration stays valid.
func localPrincipals() []apigateway.Principal {
	user := func(name, key string, allowed bool) apigateway.Principal {
		return apigateway.Principal{AccessKeyID: key, SecretAccessKey: "local-secret-of-" + name,
			ARN: "arn:aws:iam::000000000000:user/" + name, Allowed: allowed}
	}
	return []apigateway.Principal{
		user("editor", "AKIALOCALEDITOR", true),
		user("another-editor", "AKIALOCALANOTHER", true),
		user("visitor", "AKIALOCALVISITOR", false),
	}
}

// signers returns the banner's lines about who can sign, or "" for an open API.
func signers(access settings.Access) string {
	if access != settings.IAM {
		return ""
	}
	var text strings.Builder
	label := "Signers"
	for _, p := range localPrincipals() {
		note := ""
		if !p.Allowed {
			note = " (may not call the API)"
		}
		fmt.Fprintf(&text, "  %-8s  %s %s%s\n", label, p.AccessKeyID, p.SecretAccessKey, note)
		label = ""
	}
	return text.String()
}

// curlSignature returns the curl options that sign as a principal.
func curlSignature(p apigateway.Principal) string {
	return fmt.Sprintf("--aws-sigv4 aws:amz:%s:execute-api --user %s:%s", localRegion, p.AccessKeyID, p.SecretAccessKey)
}

// pageSigners returns the principals that the page can sign as.
func pageSigners(access settings.Access) []console.Signer {
	if access != settings.IAM {
		return nil
	}
	var all []console.Signer
	for _, p := range localPrincipals() {
		credentials := aws.Credentials{AccessKeyID: p.AccessKeyID, SecretAccessKey: p.SecretAccessKey}
		all = append(all, console.Signer{
			Name: p.ARN[strings.LastIndex(p.ARN, "/")+1:],
			Curl: curlSignature(p),
			Sign: func(r *http.Request, body []byte) error {
				return signFor(r.Context(), credentials, r, body, "execute-api", localRegion)
			},
		})
	}
	return all
}
