// Command visitplannr, at the module's root, is the CDK app: it reads the
// configuration, builds the functions, composes the stack and synthesizes it. The CDK's
// command line (npx cdk synth, diff, deploy) runs it, as cdk.json says.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"visitplannr/internal/contract"
	"visitplannr/internal/gobuild"
	"visitplannr/internal/settings"
	"visitplannr/stacks"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	quit := stacks.QuietNode()
	err := run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "visitplannr:", err)
	}
	quit()
	if err != nil {
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root, err := gobuild.ModuleRoot(".")
	if err != nil {
		return err
	}
	if err := stacks.CheckNode(); err != nil {
		return err
	}
	endpoints := contract.Endpoints()

	// The functions are built while the CDK's library starts in Node. The processor is
	// not known yet, so they are built for the default.
	type built struct {
		assets stacks.Assets
		err    error
	}
	build := make(chan built, 1)
	go func() {
		assets, err := stacks.BuildAssets(ctx, root, endpoints, settings.ARM64)
		build <- built{assets, err}
	}()

	app := awscdk.NewApp(&awscdk.AppProps{
		BuiltinCloudFormationValidation: jsii.Bool(stacks.ValidatesTemplates(os.Getenv)),
	})
	config, err := settings.Load(stacks.Context(app))
	if err != nil {
		return err
	}
	b := <-build
	if b.err == nil && config.Architecture != settings.ARM64 {
		b.assets, b.err = stacks.BuildAssets(ctx, root, endpoints, config.Architecture)
	}
	if b.err != nil {
		return b.err
	}
	stacks.NewStack(app, config, endpoints, b.assets)
	app.Synth(nil)
	return nil
}
