package stacks

// EnvValidation is the CDK's own variable, and the command line's option
// --no-validation sets it.
const EnvValidation = "CDK_VALIDATION"

// ValidatesTemplates reports whether the CDK checks the templates that it has
// written against CloudFormation's schemas: CDK_VALIDATION=true or false says so,
// and where it is silent they are checked where CI is set. The check takes longer
// than the synthesis, and CloudFormation makes it again at deployment
// (docs/adr/0017).
//
// What it finds fails the synthesis: cdk.json makes it strict.
func ValidatesTemplates(getenv func(string) string) bool {
	if value := getenv(EnvValidation); value != "" {
		return value == "true"
	}
	return getenv("CI") != ""
}
