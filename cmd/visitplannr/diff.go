package main

import (
	"context"
	"strings"

	"visitplannr/internal/gobuild"
	"visitplannr/internal/review"
)

func runDiff(ctx context.Context, c *cli, args []string) error {
	var settings list
	set := c.flags(`Show what the work tree changes in the deployed stack, against the commit,
branch or tag BASE: what bears on security or safety first, then all changes as
cdk diff shows them. Both are synthesized here, without an AWS account.`)
	stages := set.String("stages", "dev,prod", "stages to compare, separated by commas")
	set.Var(&settings, "c", "a setting for both, as `KEY=VALUE`; may be repeated")
	if err := c.parse(set, args, 1); err != nil {
		return err
	}
	root, err := gobuild.ModuleRoot(".")
	if err != nil {
		return err
	}
	return review.Diff(ctx, review.Options{
		Root:    root,
		Base:    set.Arg(0),
		Stages:  strings.Split(*stages, ","),
		Context: settings,
	}, c.stdout)
}

// list is a flag that may be repeated.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }
