package review

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// status is what happens to a resource, gravest last.
type status int

const (
	same status = iota
	changed
	added
	gone
	mayBeReplaced
	replaced
)

func (s status) String() string {
	return [...]string{"the same", "changed", "new", "gone", "may be replaced", "replaced"}[s]
}

// stackDiff is what changes in the stack of one stage.
type stackDiff struct {
	view
	before, after Template
	changes       []Change
	all           []Finding         // what cdk diff shows; empty: no difference
	status        map[string]status // by logical ID, of resources that change
	because       map[string]string // by logical ID, the properties that make CloudFormation replace it
}

// compareStacks compares a view of two states. It leaves out changes that were seen in the
// same stage, and adds those that it shows.
func compareStacks(ctx context.Context, old, work state, v view, seen map[string]bool) (d stackDiff, err error) {
	stack := "visitplannr-" + v.stage
	before, err := read(old.assembly(v), stack)
	if err != nil {
		return d, err
	}
	after, err := read(work.assembly(v), stack)
	if err != nil {
		return d, err
	}
	d = stackDiff{view: v, before: before.template, after: after.template,
		changes: Changes(before.template, after.template), status: map[string]status{}, because: map[string]string{}}
	if before.protected != after.protected {
		d.changes = append(d.changes, Change{ID: stack, Type: "AWS::CloudFormation::Stack", Path: "DeletionProtection",
			Before: before.protected, After: after.protected})
	}
	d.changes = slices.DeleteFunc(d.changes, func(c Change) bool {
		key, again := c.key()
		again = v.set != nil && (again || seen[key])
		seen[key] = true
		return again
	})
	for _, c := range d.changes {
		switch {
		case alwaysReplaced.MatchString(c.Type) || c.ID == stack:
		case c.isGone():
			d.status[c.ID] = gone
		case c.isNew():
			d.status[c.ID] = added
		default:
			d.status[c.ID] = changed
		}
	}
	if bytes.Equal(before.text, after.text) || v.set != nil && len(d.status) == 0 {
		return d, nil
	}
	output, err := work.run(ctx, "diff", "--no-color", "--app", work.assembly(v),
		"--template", filepath.Join(old.assembly(v), stack+".template.json"), stack)
	if err != nil {
		return d, fmt.Errorf("cdk diff of %s: %w\n%s", stack, err, output)
	}
	d.readCDK(output, before.notes)
	return d, nil
}

// contents matches what the CDK derives from the contents of something else, which is
// compared itself.
var contents = regexp.MustCompile(`[0-9A-F]{8}[0-9a-f]{32}|[0-9a-f]{32,}`)

// key is equal for the same change in another view. It also says whether the change is
// one of derived names alone.
func (c Change) key() (key string, derived bool) {
	value := func(v any) string { return contents.ReplaceAllString(words(v, true), "*") }
	before, after := value(c.Before), value(c.After)
	return strings.Join([]string{contents.ReplaceAllString(c.ID, "*"), c.Path, before, after}, "\n"),
		before == after || alwaysReplaced.MatchString(c.Type)
}

// alwaysReplaced are the types that the CDK replaces whenever their content changes. That is
// intended and needs no attention.
var alwaysReplaced = regexp.MustCompile(`^AWS::(ApiGateway::Deployment|Lambda::Version)$`)

var (
	replacing = regexp.MustCompile(`^\[~\] .* (\S+) (replace|may be replaced)\n`)
	warning   = regexp.MustCompile(`^WARNING (.*) \(Annotation\)$`)
	cause     = regexp.MustCompile(`(?m)^ .─ \[.\] (\S+) \((?:requires|may cause) replacement\)$`)
)

// readCDK splits the output of cdk diff by resource and reads which are replaced. The
// CDK's command line contains CloudFormation's specification, which says what cannot be
// changed in place. It repeats no warning that the old state's notes hold.
func (d *stackDiff) readCDK(output, notes string) {
	title, fresh, told := "", true, false
	add := func(text string) {
		d.all = append(d.all, Finding{Stages: []string{d.stage}, Title: title, Text: text})
	}
	for text := range strings.SplitSeq(output, "\n") {
		switch {
		case text == "" || strings.HasPrefix(text, "Stack ") || strings.Contains(text, "Number of stacks with differences"):
			fresh = true
			continue
		case told && strings.HasPrefix(text, " "):
			continue
		case warning.MatchString(text) && strings.Contains(notes, strings.TrimSuffix(words(warning.FindStringSubmatch(text)[1], true), `"`)): // what follows names how to acknowledge it
			told = true
			continue
		case strings.HasPrefix(text, "["):
			add(text)
		case fresh && !strings.HasPrefix(text, " "):
			title = text
		case len(d.all) == 0 || d.all[len(d.all)-1].Title != title:
			add(text)
		default:
			d.all[len(d.all)-1].Text += "\n" + text
		}
		fresh, told = false, false
	}
	for _, resource := range d.all {
		found := replacing.FindStringSubmatch(resource.Text)
		if found == nil {
			continue
		}
		id := found[1]
		if d.set != nil && d.status[id] == same {
			continue // seen without the variant
		}
		d.status[id] = mayBeReplaced
		if found[2] == "replace" {
			d.status[id] = replaced
		}
		var properties []string
		for _, property := range cause.FindAllStringSubmatch(resource.Text, -1) {
			properties = append(properties, property[1])
		}
		d.because[id] = strings.Join(properties, ", ")
	}
}

// headline counts what happens to the resources.
func (d stackDiff) headline() string {
	var count [replaced + 1]int
	for _, s := range d.status {
		count[s]++
	}
	var parts []string
	for s, n := range slices.Backward(count[:]) {
		if n > 0 {
			parts = append(parts, fmt.Sprint(n, " ", status(s)))
		}
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, ", ")
	case len(d.all)+len(d.changes) > 0:
		return "no resource changes"
	}
	return "no changes"
}

// losses is what is lost with each type of resource that holds data.
var losses = []struct {
	types *regexp.Regexp
	what  string
}{
	{regexp.MustCompile(`^AWS::DynamoDB::(Global)?Table$`), "its events"},
	{regexp.MustCompile(`^AWS::Logs::LogGroup$`), "its log entries"},
	{regexp.MustCompile(`^AWS::(S3::Bucket|SQS::Queue|Kinesis::Stream|Backup::BackupVault|EFS::FileSystem|RDS::DB(Instance|Cluster)|SecretsManager::Secret|KMS::Key)$`), "its contents"},
}

// hasURL are types whose URL clients use; the URL ends with the resource.
var hasURL = regexp.MustCompile(`^AWS::(ApiGateway::RestApi|ApiGatewayV2::Api|Lambda::Url)$`)

// loss says that a resource is replaced or removed, and what is lost with it. It is ""
// for a resource that stays or whose removal loses nothing.
func (d stackDiff) loss(id string) string {
	before, kind := d.before[id], d.before.kind(id)
	verb, kept := "REPLACES", keeps(at(before, "UpdateReplacePolicy")) && keeps(at(d.after[id], "UpdateReplacePolicy"))
	switch d.status[id] {
	case added, changed:
		return ""
	case mayBeReplaced:
		verb = "MAY REPLACE"
	case gone:
		verb, kept = "REMOVES", keeps(at(before, "DeletionPolicy"))
	}
	text := fmt.Sprintf("%s %s %s", verb, kind, id)
	if why := d.because[id]; why != "" {
		text += " (" + why + ")"
	}
	for _, h := range losses {
		switch {
		case !h.types.MatchString(kind):
		case kept:
			return text + ": " + h.what + " stay behind, outside the stack"
		default:
			return text + ": " + h.what + " are deleted"
		}
	}
	if hasURL.MatchString(kind) {
		return text + ": its URL stops working, and clients need a new one"
	}
	if d.status[id] == gone {
		return ""
	}
	return text
}

// keeps reports whether a policy keeps a resource or its contents. Without such a
// policy a replaced or removed resource is deleted
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatereplacepolicy.html).
func keeps(policy any) bool {
	return policy == "Retain" || policy == "RetainExceptOnCreate" || policy == "Snapshot"
}

// findings returns what a reviewer must not miss, gravest first.
func (d stackDiff) findings() []Finding {
	var list []Finding
	stages := []string{d.stage}
	told := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(d.status)) {
		if text := d.loss(id); text != "" {
			told[id] = true
			list = append(list, Finding{Kind: Lost, Stages: stages, With: d.with, Text: text})
		}
	}
	slices.SortStableFunc(list, func(a, b Finding) int { // those that hold data first
		return strings.Count(b.Text, ": ") - strings.Count(a.Text, ": ")
	})
	for _, f := range Concerns(gather(d.changes)) {
		if f.Kind == Other && d.set == nil || f.Change.isGone() && told[f.Change.ID] {
			continue // cdk diff shows it, or it was told above
		}
		f.Stages, f.With = stages, d.with
		list = append(list, f)
	}
	return list
}
