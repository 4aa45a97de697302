package local

import "visitplannr/internal/local/apigateway"

// Principals can sign requests to an API with access=iam. Their secrets work nowhere
// else; the functions have other ones. They are the same in every run, so a client's
// configuration stays valid.
func Principals() []apigateway.Principal {
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
