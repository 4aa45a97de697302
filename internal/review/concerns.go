package review

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Template is a CloudFormation template, as far as a review looks into it.
type Template struct {
	Resources map[string]map[string]any
}

// ParseTemplate reads a template's JSON.
func ParseTemplate(text []byte) (Template, error) {
	var t Template
	if err := json.Unmarshal(text, &t); err != nil {
		return Template{}, fmt.Errorf("template: %w", err)
	}
	return t, nil
}

// A Change is one value of a resource that differs.
type Change struct {
	ID     string // of the resource
	Type   string // of the resource
	Path   string // of the value, such as Properties.Timeout; "" for the whole resource
	Before any    // nil: there was none
	After  any    // nil: there is none

	partOfNew bool // a value of a resource that was not there
}

// String returns the change as one line.
func (c Change) String() string {
	where := c.Type + " " + c.ID
	switch {
	case c.Path == "" && c.Before == nil:
		return "+ " + where
	case c.Path == "" && c.After == nil:
		return "- " + where
	}
	path := strings.TrimPrefix(c.Path, "Properties.")
	b, bIsList := c.Before.([]any)
	a, aIsList := c.After.([]any)
	if bIsList && aIsList {
		return fmt.Sprintf("~ %s %s: without %s, with %s", where, path, short(without(b, a)), short(without(a, b)))
	}
	return fmt.Sprintf("~ %s %s: %s -> %s", where, path, short(c.Before), short(c.After))
}

// without returns the elements of list that are not in other.
func without(list, other []any) []any {
	return slices.DeleteFunc(slices.Clone(list), func(v any) bool {
		return slices.ContainsFunc(other, func(o any) bool { return reflect.DeepEqual(v, o) })
	})
}

func short(v any) string {
	if v == nil {
		return "none"
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	const enough = 400
	if len(text) > enough {
		return string(text[:enough]) + "…"
	}
	return string(text)
}

// Changes lists what differs between two templates, by resource and then by
// path. Lists of the same length are compared element by element; others are one
// value each, and so is whatever a function such as Ref computes. A resource that
// is gone is one change; one that is new is one, and one more for each value.
func Changes(before, after Template) []Change {
	var changes []Change
	ids := slices.Collect(maps.Keys(before.Resources))
	for id := range after.Resources {
		if _, both := before.Resources[id]; !both {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		b, a := before.Resources[id], after.Resources[id]
		kind, _ := a["Type"].(string)
		if a == nil {
			kind, _ = b["Type"].(string)
		}
		if a == nil || b == nil {
			changes = append(changes, Change{ID: id, Type: kind, Before: whole(b), After: whole(a)})
		}
		if a == nil {
			continue
		}
		compare(b, a, "", func(path string, before, after any) {
			if path != "Type" {
				changes = append(changes, Change{id, kind, path, before, after, b == nil})
			}
		})
	}
	return changes
}

func whole(resource map[string]any) any {
	if resource == nil {
		return nil
	}
	return resource
}

func compare(before, after any, path string, differ func(path string, before, after any)) {
	if b, a, ok := alike(before, after); ok {
		for i := range b {
			compare(b[i], a[i], fmt.Sprint(path, ".", i), differ)
		}
		return
	}
	b, bIsMap := before.(map[string]any)
	a, aIsMap := after.(map[string]any)
	if !(bIsMap || aIsMap) || bIsMap && computed(b) || aIsMap && computed(a) || bIsMap != aIsMap && before != nil && after != nil {
		if !reflect.DeepEqual(before, after) {
			differ(path, before, after)
		}
		return
	}
	keys := slices.Collect(maps.Keys(b))
	for key := range a {
		if _, both := b[key]; !both {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		compare(b[key], a[key], strings.TrimPrefix(path+"."+key, "."), differ)
	}
}

// alike returns two lists when they have the same length.
func alike(before, after any) (b, a []any, ok bool) {
	b, bIsList := before.([]any)
	a, aIsList := after.([]any)
	return b, a, bIsList && aIsList && len(b) == len(a)
}

// computed tells a CloudFormation function, such as Ref or Fn::GetAtt.
func computed(m map[string]any) bool {
	for key := range m {
		return len(m) == 1 && (key == "Ref" || strings.HasPrefix(key, "Fn::"))
	}
	return false
}

// concern is a kind of change that a reviewer must not overlook.
type concern struct {
	title string
	types *regexp.Regexp // of resources
	paths *regexp.Regexp // of values; nil: any, and the resource itself
	ofNew bool           // whether a value of a new resource counts too
}

// concerns are in the order in which a reviewer should worry. A change belongs to
// the first that takes it.
var concerns = []concern{
	{title: "Who may do what", types: regexp.MustCompile(`^AWS::(IAM|Lambda::(Permission|Url)|S3::BucketPolicy|SNS::TopicPolicy|SQS::QueuePolicy)`), ofNew: true},
	{title: "Who may do what", types: anything, ofNew: true,
		paths: regexp.MustCompile(`(?i)(PolicyDocument|KeyPolicy|ResourcePolicy|^Properties\.(Policy|Role)\b|RoleArn)`)},
	{title: "Who may call the API, and with what", types: regexp.MustCompile(`^AWS::(ApiGateway::(RequestValidator|Authorizer|Account)|WAFv2::)`)},
	{title: "Who may call the API, and with what", types: anything, ofNew: true,
		paths: regexp.MustCompile(`(AuthorizationType|AuthorizerId|ApiKeyRequired|RequestValidatorId|RequestModels|EndpointConfiguration|Access-Control-|CORS_ORIGINS)`)},
	{title: "Who may call the API, and with what", types: regexp.MustCompile(`^AWS::ApiGateway::(Model|Method)$`),
		paths: regexp.MustCompile(`^(Properties\.Schema\b.*|)$`)},
	{title: "What happens to stored data", types: anything,
		paths: regexp.MustCompile(`^(DeletionPolicy|UpdateReplacePolicy)$|DeletionProtection|PointInTimeRecovery|RetentionInDays|KeySchema|AttributeDefinitions|^Properties\.(TableName|LogGroupName)$`)},
	{title: "What happens to stored data", types: regexp.MustCompile(`^AWS::(DynamoDB|Logs|S3|Backup)::`), paths: regexp.MustCompile(`^$`)},
	{title: "Encryption", types: regexp.MustCompile(`^AWS::KMS::`)},
	{title: "Encryption", types: anything, paths: regexp.MustCompile(`(?i)(kms|encrypt|SSESpecification|SecureTransport)`)},
	{title: "Limits and capacity", types: anything,
		paths: regexp.MustCompile(`(MethodSettings|ReservedConcurrentExecutions|ProvisionedThroughput|BillingMode|(Min|Max)Capacity|Properties\.(Timeout|MemorySize))`)},
	{title: "Alarms, logs and rollback", types: regexp.MustCompile(`^AWS::(CloudWatch::Alarm|SNS::|CodeDeploy::)`)},
	{title: "Alarms, logs and rollback", types: anything, paths: regexp.MustCompile(`(AccessLogSetting|LoggingConfig|Tracing|UpdatePolicy)`)},
}

var anything = regexp.MustCompile(``)

// Group is the changes of one concern.
type Group struct {
	Title   string
	Changes []Change
}

// Concerns returns the changes that bear on security or safety, the gravest
// first. What is left is for the ordinary diff to show.
func Concerns(changes []Change) []Group {
	var groups []Group
	for _, c := range changes {
		for _, concern := range concerns {
			if !concern.types.MatchString(c.Type) || concern.paths != nil && !concern.paths.MatchString(c.Path) || c.partOfNew && !concern.ofNew {
				continue
			}
			groups = add(groups, concern.title, c)
			break
		}
	}
	order := func(g Group) int {
		return slices.IndexFunc(concerns, func(c concern) bool { return c.title == g.Title })
	}
	slices.SortStableFunc(groups, func(a, b Group) int { return order(a) - order(b) })
	return groups
}

func add(groups []Group, title string, c Change) []Group {
	i := slices.IndexFunc(groups, func(g Group) bool { return g.Title == title })
	if i < 0 {
		return append(groups, Group{title, []Change{c}})
	}
	groups[i].Changes = append(groups[i].Changes, c)
	return groups
}
