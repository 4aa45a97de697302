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

// CheckNode says what to do when there is no Node, in which the CDK's library
// runs: the library itself would panic. Call it before the first construct.
func CheckNode() error {
	if _, err := exec.LookPath(cmp.Or(os.Getenv("JSII_NODE"), "node")); err != nil {
		return fmt.Errorf("the CDK's library runs in Node: install version 20 or later, or name its binary in JSII_NODE: %w", err)
	}
	return nil
}

// QuietNode keeps two messages that mean nothing off the standard error output of
// Node, where the CDK's library runs. Call it before the first construct, and the
// function it returns after the last, when everything else has been printed.
//
// The first is that Node 20 is past its end of life, on every run, unless the
// user has set the variable to a value of their own. The other says that "waitid:
// no child processes": jsii waits for Node twice at once, and complains when the
// wrong one is first.
//
// The function that it returns also waits, once after an installation and for 20
// seconds at most, until jsii has written what makes all later starts faster.
func QuietNode() (stop func()) {
	start := time.Now()
	const variable = "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION"
	if _, set := os.LookupEnv(variable); !set {
		os.Setenv(variable, "20") // the release to be silent about; "1" is not enough
		// jsii has copied the environment before main ran. Closed, it copies it
		// again when it is first used.
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
