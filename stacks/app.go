package stacks

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

// Context returns what the command line and cdk.json told the app.
func Context(app awscdk.App) map[string]any {
	context, _ := app.Node().GetAllContext(nil).(map[string]any)
	return context
}

// CheckNode returns an error that says what to do if Node is missing. The CDK's library
// runs in Node and would panic without it. Call it before the first construct.
func CheckNode() error {
	if _, err := exec.LookPath(cmp.Or(os.Getenv("JSII_NODE"), "node")); err != nil {
		return fmt.Errorf("the CDK's library runs in Node: install version 20 or later, or name its binary in JSII_NODE: %w", err)
	}
	return nil
}

// QuietNode suppresses two meaningless messages on the standard error of Node, where
// the CDK's library runs. Call it before the first construct. Call the function it
// returns at the end, when everything else has been printed.
//
// The first says on every run that Node 20 is past its end of life. It is not
// suppressed if the user has set the variable. The second is "waitid: no child
// processes": jsii waits for Node twice in parallel, and complains if the wrong call
// returns first.
//
// The returned function also waits, once after an installation and for at most 20
// seconds, until jsii has written the index that speeds up later starts.
func QuietNode() (stop func()) {
	start := time.Now()
	const variable = "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION"
	if _, set := os.LookupEnv(variable); !set {
		os.Setenv(variable, "20") // the release to silence; "1" does not work
		// jsii copied the environment before main ran. After Close it copies it again
		// on first use.
		jsii.Close()
	}
	return func() {
		enough := time.Now().Add(20 * time.Second)
		awaitIndex(packageCache(), start, func() bool {
			time.Sleep(50 * time.Millisecond)
			return time.Now().Before(enough)
		})
		if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
			os.Stderr = null
		}
		jsii.Close()
	}
}
