package stacks

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

// NewApp creates the CDK app whose result depends on its own settings alone. Its error
// says that the report of an earlier synthesis cannot be removed.
func NewApp(props awscdk.AppProps) (awscdk.App, error) {
	props.BuiltinCloudFormationValidation = jsii.Bool(ValidatesTemplates(os.Getenv))
	// --no-staging would leave the templates with the paths of a folder that is removed
	// after the synthesis, so the assets are always copied.
	props.PostCliContext = &map[string]any{"aws:cdk:disable-asset-staging": false}
	app := awscdk.NewApp(&props)

	// The CDK writes its report only when it found something, and its command line
	// reads whatever report is there.
	report := filepath.Join(*app.Outdir(), "validation-report.json")
	if err := os.Remove(report); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove what an earlier synthesis found: %w", err)
	}
	return app, nil
}

// Context returns what the command line and cdk.json told the app.
func Context(app awscdk.App) map[string]any {
	context, _ := app.Node().GetAllContext(nil).(map[string]any)
	return context
}

// CheckNode returns an error that says what to do if Node is missing. The CDK's library
// runs in Node and would panic without it. Call it before the first construct.
func CheckNode() error {
	if _, err := exec.LookPath(cmp.Or(os.Getenv("JSII_NODE"), "node")); err != nil {
		return fmt.Errorf("the CDK's library runs in Node: install version 22 or later, or name its binary in JSII_NODE: %w", err)
	}
	return nil
}
