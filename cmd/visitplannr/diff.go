package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"visitplannr/internal/gobuild"
	"visitplannr/internal/review"
	"visitplannr/internal/settings"
)

func runDiff(ctx context.Context, c *cli, args []string) error {
	given := settingFlags{}
	set := c.flags(`Shows what the work tree, or the commit, branch or tag HEAD, changes in the deployed
stacks, compared with BASE. What is replaced, what breaks clients and what affects
security or safety comes first, then all changes as cdk diff shows them. Changes that
stages share are shown once. Both states are synthesized and run on this machine, and
get the same requests, whose answers are compared; no AWS account is needed. It can
run in a git hook: it writes nothing into the repository.`)
	stages := set.String("stages", "dev,prod", "stages to compare, separated by commas")
	format := set.String("format", "text", "text, markdown for a comment on a pull request, or json (docs/review.md)")
	set.Var(given, "c", "a setting for both states, as `KEY=VALUE`; may be repeated")
	if err := c.parse(set, args, 1, 2); err != nil {
		return err
	}
	render, known := map[string]func(*review.Report) string{
		"text": (*review.Report).Text, "markdown": (*review.Report).Markdown, "json": (*review.Report).JSON,
	}[*format]
	if !known {
		return c.misuse(set, "-format is %q; it must be text, markdown or json", *format)
	}
	if _, named := given["stage"]; named {
		return c.misuse(set, "name stages with -stages, not with -c stage=…")
	}
	o := review.Options{Base: set.Arg(0), Head: set.Arg(1)}
	for stage := range strings.SplitSeq(*stages, ",") {
		context := map[string]any{"stage": stage}
		for key, value := range given {
			context[key] = value
		}
		var wrong *settings.ConfigError
		config, err := settings.Load(context)
		switch {
		case errors.As(err, &wrong) && wrong.Key == "stage":
			return c.misuse(set, "-stages names %q; each must be %s", stage, wrong.Allowed)
		case err != nil:
			return c.misuse(set, "stage %s: %v", stage, err)
		case !slices.Contains(o.Stages, string(config.Stage)):
			o.Stages = append(o.Stages, string(config.Stage))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		o.Context = append(o.Context, key+"="+given[key])
	}
	var err error
	if o.Root, err = gobuild.ModuleRoot("."); err != nil {
		return err
	}
	done := c.doing("Synthesizing both states (some minutes the first time)")
	o.Replay, o.Doing = true, c.doing
	report, err := review.Diff(ctx, o)
	done()
	if err != nil {
		return err
	}
	_, err = io.WriteString(c.stdout, render(report))
	return err
}
