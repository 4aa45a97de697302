package review

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Template holds the resources of a CloudFormation template, by logical ID.
type Template map[string]any

// ParseTemplate reads a template's JSON.
func ParseTemplate(text []byte) (Template, error) {
	var t struct{ Resources Template }
	if err := json.Unmarshal(text, &t); err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	return t.Resources, nil
}

// kind returns a resource's type, or "" for one that is not in the template.
func (t Template) kind(id string) string {
	kind, _ := at(t[id], "Type").(string)
	return kind
}

// A Change is one value of a resource that differs.
type Change struct {
	ID     string `json:"id"`               // of the resource
	Type   string `json:"type"`             // of the resource
	Path   string `json:"path"`             // to the value, such as Properties.Timeout; "" for the whole resource
	Before any    `json:"before,omitempty"` // nil: there was none
	After  any    `json:"after,omitempty"`  // nil: there is none

	With []Change `json:"with,omitempty"` // what is new and there for this new function alone
}

func (c Change) isNew() bool  { return c.Path == "" && c.Before == nil }
func (c Change) isGone() bool { return c.Path == "" && c.After == nil }

// String returns the change as one line. For a new resource the line says what it
// permits and exposes.
func (c Change) String() string {
	where := c.Type + " " + c.ID
	switch {
	case c.isNew():
		parts, bare := []string{where + c.exposes()}, map[string]int{}
		for _, w := range c.With {
			if text := w.exposes(); text != "" {
				parts = append(parts, strings.TrimPrefix(w.Type, "AWS::")+text)
			} else {
				bare[strings.TrimPrefix(w.Type, "AWS::")]++
			}
		}
		for _, kind := range slices.Sorted(maps.Keys(bare)) {
			parts = append(parts, fmt.Sprint(bare[kind], " ", kind))
		}
		return "+ " + strings.Join(parts, "; ")
	case c.isGone():
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

// exposes says what a new resource permits and exposes.
func (c Change) exposes() string {
	var values []string
	for _, v := range c.values() {
		if v.concern(true) >= 0 && !(companions.MatchString(c.Type) && own.MatchString(v.Path)) {
			values = append(values, strings.TrimPrefix(v.Path, "Properties.")+" "+short(v.After))
		}
	}
	if values == nil {
		return ""
	}
	return ": " + strings.Join(values, ", ")
}

// companions are types that come with a function, and own are their values that only say so.
var (
	companions = regexp.MustCompile(`^AWS::(IAM::(Role|Policy)|Lambda::(Alias|Permission|Version)|Logs::LogGroup|CloudWatch::Alarm|CodeDeploy::.*|ApiGateway::(Method|Model|Resource))$`)
	own        = regexp.MustCompile(`^Properties\.(FunctionName|Roles)$`)
)

// gather makes one change of each new function and its companions.
func gather(changes []Change) []Change {
	linked := func(a, b Change) bool {
		return slices.Contains(references(a.After), b.ID) || slices.Contains(references(b.After), a.ID)
	}
	with, taken := map[string][]Change{}, map[string]bool{}
	for _, function := range changes {
		if !function.isNew() || function.Type != "AWS::Lambda::Function" {
			continue
		}
		found := []Change{function}
		for i := 0; i < len(found); i++ {
			for _, c := range changes {
				if c.isNew() && !taken[c.ID] && companions.MatchString(c.Type) && linked(found[i], c) {
					taken[c.ID] = true
					found = append(found, c)
				}
			}
		}
		with[function.ID] = found[1:]
	}
	rest := slices.DeleteFunc(slices.Clone(changes), func(c Change) bool { return taken[c.ID] })
	for i, c := range rest {
		rest[i].With = with[c.ID]
	}
	return rest
}

// values returns the values of a new resource.
func (c Change) values() []Change {
	var values []Change
	compare(nil, c.After, "", func(path string, _, after any) {
		values = append(values, Change{ID: c.ID, Type: c.Type, Path: path, After: after})
	})
	return values
}

// without returns the elements of list that are not in other.
func without(list, other []any) []any {
	return slices.DeleteFunc(slices.Clone(list), func(v any) bool {
		return slices.ContainsFunc(other, func(o any) bool { return reflect.DeepEqual(v, o) })
	})
}

// Changes lists what differs between two templates, by resource and then by path. Lists
// of the same length are compared element by element. Lists of different lengths,
// policy statements and functions such as Ref are compared as a whole. A new or removed
// resource is one change.
func Changes(before, after Template) []Change {
	var changes []Change
	for _, id := range keys(before, after) {
		b, a := before[id], after[id]
		kind := cmp.Or(after.kind(id), before.kind(id))
		if a == nil || b == nil {
			changes = append(changes, Change{ID: id, Type: kind, Before: b, After: a})
			continue
		}
		compare(b, a, "", func(path string, before, after any) {
			changes = append(changes, Change{ID: id, Type: kind, Path: path, Before: before, After: after})
		})
	}
	return changes
}

// keys returns the keys of two maps, sorted.
func keys[V any](a, b map[string]V) []string {
	all := map[string]V{}
	maps.Copy(all, a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

func compare(before, after any, path string, differ func(path string, before, after any)) {
	listBefore, wasList := before.([]any)
	if list, isList := after.([]any); wasList && isList && len(list) == len(listBefore) {
		for i := range list {
			compare(listBefore[i], list[i], fmt.Sprint(path, ".", i), differ)
		}
		return
	}
	b, bIsMap := before.(map[string]any)
	a, aIsMap := after.(map[string]any)
	if !(bIsMap || aIsMap) || bIsMap && atomic(b) || aIsMap && atomic(a) || bIsMap != aIsMap && before != nil && after != nil {
		if !reflect.DeepEqual(before, after) {
			differ(path, before, after)
		}
		return
	}
	for _, key := range keys(b, a) {
		compare(b[key], a[key], strings.TrimPrefix(path+"."+key, "."), differ)
	}
}

// atomic reports whether a value only makes sense as a whole: a CloudFormation function
// such as Ref or Fn::GetAtt, or a policy statement.
func atomic(m map[string]any) bool {
	if _, isStatement := m["Effect"]; isStatement {
		return true
	}
	for key := range m {
		return len(m) == 1 && (key == "Ref" || strings.HasPrefix(key, "Fn::"))
	}
	return false
}

// concern is a kind of change that a reviewer must not miss.
type concern struct {
	title string
	types *regexp.Regexp // of resources
	paths *regexp.Regexp // of values; nil: any, and the resource itself
	but   *regexp.Regexp // paths that do not count; nil: all do
	ofNew bool           // whether a value of a new resource counts too
}

// concerns are ordered by gravity. A change belongs to the first that matches.
var concerns = []concern{
	{title: "Who may do what", types: regexp.MustCompile(`^AWS::(IAM|Lambda::(Permission|LayerVersionPermission|Url)|S3::BucketPolicy|SNS::TopicPolicy|SQS::QueuePolicy)`), ofNew: true},
	{title: "Who may do what", types: anything, ofNew: true,
		paths: regexp.MustCompile(`(?i)(PolicyDocument|KeyPolicy|ResourcePolicy|^Properties\.(Policy|Role)\b|RoleArn)`)},
	{title: "Who may call the API, and with what", types: regexp.MustCompile(`^AWS::(ApiGateway::(RequestValidator|Authorizer|Account)|WAFv2::)`)},
	{title: "Who may call the API, and with what", types: anything, ofNew: true,
		paths: regexp.MustCompile(`(AuthorizationType|AuthorizerId|ApiKeyRequired|^Properties\.HttpMethod$|RequestValidatorId|RequestModels|EndpointConfiguration|Access-Control-|CORS_ORIGINS)`)},
	{title: "Who may call the API, and with what", types: regexp.MustCompile(`^AWS::ApiGateway::(Model|Method)$`),
		paths: regexp.MustCompile(`^(Properties\.(Schema|MethodResponses|Integration\.IntegrationResponses)\b.*|)$`)},
	{title: "What happens to stored data", types: anything, ofNew: true, // a stream and its readers
		paths: regexp.MustCompile(`(StreamSpecification|EventSourceArn|SelfManagedEventSource)`)},
	{title: "What happens to stored data", types: regexp.MustCompile(`^AWS::Lambda::EventSourceMapping$`)},
	{title: "What happens to stored data", types: anything,
		paths: regexp.MustCompile(`^(DeletionPolicy|UpdateReplacePolicy)$|DeletionProtection|PointInTimeRecovery|RetentionInDays|KeySchema|AttributeDefinitions|^Properties\.(TableName|LogGroupName)$`)},
	{title: "What happens to stored data", types: regexp.MustCompile(`^AWS::(DynamoDB|Logs|S3|Backup)::`), paths: regexp.MustCompile(`^$`)},
	{title: "What code runs, and in which environment", types: regexp.MustCompile(`^AWS::Lambda::(Function|LayerVersion)$`), ofNew: true,
		but:   tuning,
		paths: regexp.MustCompile(`^Properties\.(Layers|Environment|Runtime|Handler|Content|CodeSigningConfigArn|VpcConfig|FileSystemConfigs)\b`)},
	{title: "What code runs, and in which environment", types: regexp.MustCompile(`^AWS::Lambda::(Function|LayerVersion)$`), paths: regexp.MustCompile(`^$`)},
	{title: "Encryption", types: regexp.MustCompile(`^AWS::KMS::`)},
	{title: "Encryption", types: anything, paths: regexp.MustCompile(`(?i)(kms|encrypt|SSESpecification|SecureTransport|SecurityPolicy)`)},
	{title: "Limits and capacity", types: anything,
		paths: regexp.MustCompile(`(MethodSettings|ReservedConcurrentExecutions|ProvisionedThroughput|BillingMode|(Min|Max)Capacity|Properties\.(Timeout|MemorySize)|\.GO(MEMLIMIT|GC|MAXPROCS)$)`)},
	{title: "Alarms, logs and rollback", types: regexp.MustCompile(`^AWS::(CloudWatch::Alarm|SNS::|CodeDeploy::)`)},
	{title: "Alarms, logs and rollback", types: anything, paths: regexp.MustCompile(`(AccessLogSetting|LoggingConfig|Tracing|UpdatePolicy)`)},
}

var (
	anything = regexp.MustCompile(``)

	// tuning matches variables that Go's runtime reads, which choose no code.
	tuning = regexp.MustCompile(`\.GO(MEMLIMIT|GC|MAXPROCS)$`)

	// harmless matches values that add nothing to the line of their resource.
	harmless = regexp.MustCompile(`^(Type|Metadata.*|DependsOn.*)$|PolicyDocument\.Version$|PolicyName$|[dD]escription$`)
)

// concern returns the index of the concern that the change belongs to, or -1.
func (c Change) concern(partOfNew bool) int {
	if harmless.MatchString(c.Path) {
		return -1
	}
	return slices.IndexFunc(concerns, func(k concern) bool {
		return k.types.MatchString(c.Type) && (k.paths == nil || k.paths.MatchString(c.Path)) && (k.but == nil || !k.but.MatchString(c.Path)) && (k.ofNew || !partOfNew)
	})
}

// gravest returns the index of the change's concern, or -1. A new resource is placed by
// the gravest of its values.
func (c Change) gravest() int {
	gravest := c.concern(false)
	if c.isNew() {
		for _, part := range append([]Change{c}, c.With...) {
			for _, v := range part.values() {
				if i := v.concern(true); i >= 0 && (gravest < 0 || i < gravest) {
					gravest = i
				}
			}
		}
	}
	return gravest
}

// Concerns returns the changes that affect security or safety, gravest first, and then
// the others.
func Concerns(changes []Change) []Finding {
	var found []Finding
	for _, c := range changes {
		f := Finding{Kind: Other, Title: "Other changes", Text: "   " + c.String(), Change: &c}
		if i := c.gravest(); i >= 0 {
			f.Kind, f.Title = Concern, "!! "+concerns[i].title
		}
		found = append(found, f)
	}
	rank := func(f Finding) int {
		return slices.IndexFunc(concerns, func(k concern) bool { return f.Title == "!! "+k.title })
	}
	slices.SortStableFunc(found, func(a, b Finding) int { // what holds events first
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), rank(a)-rank(b), strings.Count(b.Change.Type, "DynamoDB")-strings.Count(a.Change.Type, "DynamoDB"))
	})
	return found
}
