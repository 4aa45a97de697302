// Package settings defines the settings of a stage, one row each: key, meaning, allowed
// values, the default in each stage, and the effect on a developer's machine. The stack
// and the local run use the same rows, so the local run can be any stage.
package settings

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Stage is one deployment of the whole system, with its own settings.
type Stage string

// The stages. Each is a separate stack, so both can live in one account.
const (
	Dev  Stage = "dev"
	Prod Stage = "prod"
)

// StackName is the name of the stage's stack. It is unique in an account and region,
// and so are the names derived from it.
func (s Stage) StackName() string { return "visitplannr-" + string(s) }

// CDKBootstrapVersion is the lowest version of the CDK's bootstrap stack that can deploy a
// stage: https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
const CDKBootstrapVersion = 6

// Access says who may call the API.
type Access string

// IAM requires a signature (AWS Signature Version 4) by a principal that may invoke the
// API; Open accepts a request from anybody.
const (
	IAM  Access = "iam"
	Open Access = "open"
)

// Validation says who judges a request's body first.
type Validation string

// ByGateway refuses a malformed body without running the function, which costs nothing;
// ByFunction leaves it to the function, whose problem names every error.
const (
	ByGateway  Validation = "gateway"
	ByFunction Validation = "function"
)

// Capacity says how the table is billed.
type Capacity string

// Provisioned scales between two bounds and is paid by the hour; OnDemand is paid by
// the request. docs/cost.md says which is cheaper when.
const (
	Provisioned Capacity = "provisioned"
	OnDemand    Capacity = "on-demand"
)

// Removal says what happens to stored data when the stack is deleted.
type Removal string

// Destroy deletes the data with the stack; Retain leaves it in the account.
const (
	Destroy Removal = "destroy"
	Retain  Removal = "retain"
)

// Delivery says how a new version of a function is released.
type Delivery string

// Direct replaces the code at once (and allows hotswap); Canary first sends the new
// version a share of the requests, and rolls it back if an alarm rings.
const (
	Direct Delivery = "direct"
	Canary Delivery = "canary"
)

// Architecture is the processor that a function runs on, as Lambda names it.
type Architecture string

// ARM64 costs less for the same work; X86 is for hosts and emulators without it.
const (
	ARM64 Architecture = "arm64"
	X86   Architecture = "x86_64"
)

// GOARCH is the architecture as the go command names it.
func (a Architecture) GOARCH() string {
	if a == X86 {
		return "amd64"
	}
	return "arm64"
}

// Config holds every setting of a stage. The rows in table.go say what each means;
// docs/configuration.md is generated from them.
type Config struct {
	Stage               Stage
	Access              Access
	Validation          Validation
	CORSOrigins         []string
	ThrottleRate        float64 // requests a second; Unlimited only in the local run
	ThrottleBurst       int     // requests
	AccessLogs          bool
	EventsTable         string // an existing one; empty: the stack creates one
	Capacity            Capacity
	CapacityMin         int // read and write units
	CapacityMax         int // read and write units
	PointInTimeRecovery bool
	DeletionProtection  bool
	Removal             Removal
	Architecture        Architecture
	MemoryMiB           int
	ReservedConcurrency int // 0: none reserved
	LogRetentionDays    int
	AlarmEmail          string // empty: nobody is notified, and synthesis warns; Nobody: without the warning
	Delivery            Delivery
}

// Unlimited is the default ThrottleRate of a local run. No stage can have it.
const Unlimited = 0

// Nobody is the AlarmEmail of a stage whose alarms notify nobody, on purpose.
const Nobody = "nobody"

// ConfigError says which setting is wrong and what is allowed.
type ConfigError struct {
	Key     string
	Value   string
	Allowed string // empty: there is no such setting
}

func (e *ConfigError) Error() string {
	if e.Allowed == "" {
		return fmt.Sprintf("setting %q is %q, but there is no such setting: remove it, or choose one of %s (see docs/configuration.md)",
			e.Key, e.Value, strings.Join(keys(), ", "))
	}
	return fmt.Sprintf("setting %q is %q, which is not allowed: it must be %s (set it with -c %s=…; see docs/configuration.md)",
		e.Key, e.Value, e.Allowed, e.Key)
}

// Load reads a stage's settings from the context of a CDK app: the values of -c on the
// command line and of "context" in cdk.json. What the context does not set has the
// stage's default; the default stage is dev.
//
// It reports all wrong settings at once, as a joined list of *ConfigError. A key that
// is neither ours nor the CDK's is an error too, so that a misspelt setting is not
// silently ignored.
func Load(context map[string]any) (Config, error) { return load(context, false) }

// LoadLocal reads the settings of a local run from the values of -c, which mean the
// same as for Load. Without a stage the run is dev with access=open and
// throttleRate=unlimited, a value that only a local run accepts.
func LoadLocal(given map[string]string) (Config, error) {
	context := map[string]any{}
	if _, named := given[stageSetting.Key]; !named {
		context["access"], context["throttleRate"] = string(Open), unlimited
	}
	for key, value := range given {
		context[key] = value
	}
	return load(context, true)
}

func load(context map[string]any, local bool) (Config, error) {
	c := Config{Stage: Dev}
	var errs []error
	if value, given := context[stageSetting.Key]; given {
		if err := stageSetting.set(&c, value, local); err != nil {
			// The other defaults depend on the stage, so nothing else can be checked.
			return Config{}, err
		}
	}
	for _, s := range settings {
		var value any = s.defaultFor(c.Stage)
		if given, ok := context[s.Key]; ok {
			value = given
		}
		if err := s.set(&c, value, local); err != nil {
			errs = append(errs, err)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(context)) {
		if !slices.Contains(keys(), key) && !ownedByCDK(key) {
			errs = append(errs, &ConfigError{Key: key, Value: text(context[key])})
		}
	}
	if len(errs) == 0 {
		errs = append(errs, c.contradictions()...)
	}
	if err := errors.Join(errs...); err != nil {
		return Config{}, err
	}
	return c, nil
}

// contradictions returns errors between settings that are valid on their own.
func (c Config) contradictions() []error {
	var errs []error
	if c.CapacityMin > c.CapacityMax {
		errs = append(errs, &ConfigError{"capacityMax", strconv.Itoa(c.CapacityMax),
			fmt.Sprintf("at least capacityMin, %d", c.CapacityMin)})
	}
	if c.ReservedConcurrency > 0 && c.ReservedConcurrency < c.ThrottleBurst {
		errs = append(errs, &ConfigError{"reservedConcurrency", strconv.Itoa(c.ReservedConcurrency),
			fmt.Sprintf("0 or at least throttleBurst, %d: otherwise Lambda refuses part of a burst that the API admits, and editors get a 500", c.ThrottleBurst)})
	}
	if c.DeletionProtection && c.Removal == Destroy {
		errs = append(errs, &ConfigError{"removal", string(c.Removal),
			string(Retain) + " while deletionProtection is true: otherwise deleting the stack fails halfway"})
	}
	return errs
}

// ownedByCDK reports whether the CDK's command line, feature flags or lookups write the
// context key: all of theirs contain a colon, except those listed.
func ownedByCDK(key string) bool {
	return strings.Contains(key, ":") || slices.Contains([]string{"cli-telemetry", "acknowledged-issue-numbers"}, key)
}

// text returns a context value as -c would have given it. JSON in cdk.json may
// also hold booleans, numbers and lists.
func text(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		parts := make([]string, len(v))
		for i, part := range v {
			parts[i] = text(part)
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(value)
}
