// Command visitplannr, at the module's root, is the CDK app: it reads the
// configuration, builds the functions, composes the stack and synthesizes it. The CDK's
// command line (npx cdk synth, diff, deploy) runs it, as cdk.json says.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"visitplannr/internal/contract"
	"visitplannr/internal/gobuild"
	"visitplannr/internal/settings"
	"visitplannr/stacks"
)

func main() {
	// Each of these would otherwise end the program before it removes its folder.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	start := time.Now()
	err := run(ctx)
	if err == nil {
		stacks.AwaitIndex(ctx, start)
	}
	jsii.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, "visitplannr:", err)
		os.Exit(1)
	}
}

// run builds into a folder of its own, so that syntheses of one checkout do not meet.
// The folder is gone when run returns: the CDK has copied what it needs by then.
func run(ctx context.Context) (err error) {
	root, err := gobuild.ModuleRoot(".")
	if err != nil {
		return err
	}
	if err := stacks.CheckNode(); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "visitplannr-synth-")
	if err != nil {
		return fmt.Errorf("make a folder to build the functions in: %w", err)
	}
	building, cancel := context.WithCancel(ctx)
	var build sync.WaitGroup
	defer func() {
		cancel()
		build.Wait()
		err = errors.Join(err, os.RemoveAll(folder))
	}()

	// The functions are built while the CDK's library starts in Node. The processor is
	// not known yet, so they are built for the default.
	endpoints := contract.Endpoints()
	var assets stacks.Assets
	var failed error
	build.Go(func() {
		assets, failed = stacks.BuildAssets(building, root, folder, endpoints, settings.ARM64)
	})

	defer func() {
		if failure := recover(); failure != nil { // jsii reports what the CDK refuses, and Node's end, as a panic
			if bug, ok := failure.(runtime.Error); ok {
				panic(bug)
			}
			err = fmt.Errorf("synthesize: %v", failure)
		}
		if ctx.Err() != nil {
			err = fmt.Errorf("nothing is synthesized: %w", context.Cause(ctx))
		}
	}()
	app, err := stacks.NewApp(awscdk.AppProps{})
	if err != nil {
		return err
	}
	config, err := settings.Load(stacks.Context(app))
	if err != nil {
		return err
	}
	build.Wait()
	if failed == nil && config.Architecture != settings.ARM64 {
		assets, failed = stacks.BuildAssets(building, root, folder, endpoints, config.Architecture)
	}
	if failed != nil {
		return failed
	}
	stacks.NewStack(app, config, endpoints, assets)
	app.Synth(nil)
	return nil
}
