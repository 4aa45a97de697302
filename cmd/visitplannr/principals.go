package main

import (
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"visitplannr/internal/local"
	"visitplannr/internal/local/apigateway"
	"visitplannr/internal/local/console"
)

// signers returns the banner's lines about who can sign, or "" for an open API.
func signers(principals []apigateway.Principal) string {
	var text strings.Builder
	label := "Signers"
	for _, p := range principals {
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
	return fmt.Sprintf("--aws-sigv4 aws:amz:%s:execute-api --user %s:%s", local.Region, p.AccessKeyID, p.SecretAccessKey)
}

// pageSigners returns principals as the page can sign as them.
func pageSigners(principals []apigateway.Principal) []console.Signer {
	var all []console.Signer
	for _, p := range principals {
		credentials := aws.Credentials{AccessKeyID: p.AccessKeyID, SecretAccessKey: p.SecretAccessKey}
		all = append(all, console.Signer{
			Name: path.Base(p.ARN),
			Curl: curlSignature(p),
			Sign: func(r *http.Request, body []byte) error {
				return signFor(r.Context(), credentials, r, body, "execute-api", local.Region)
			},
		})
	}
	return all
}
