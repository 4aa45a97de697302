package stacks

// EnvValidation is the CDK's own variable; its command line sets it with
// --no-validation.
const EnvValidation = "CDK_VALIDATION"

// ValidatesTemplates reports whether the CDK checks the synthesized templates against
// CloudFormation's schemas. CDK_VALIDATION=true or false decides; if it is not set,
// they are checked if CI is set. The check takes longer than the synthesis, and
// CloudFormation repeats it at deployment (docs/adr/0017).
//
// A finding fails the synthesis, because cdk.json makes it strict.
func ValidatesTemplates(getenv func(string) string) bool {
	if value := getenv(EnvValidation); value != "" {
		return value == "true"
	}
	return getenv("CI") != ""
}
