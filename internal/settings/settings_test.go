package settings_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"visitplannr/internal/settings"
	"visitplannr/test/check"
	"visitplannr/test/generated"
)

// The defaults are in the rows alone, so no number of them stands here.
func TestConfigOfAStage(t *testing.T) {
	t.Parallel()
	ofRows := func(stage string) settings.Config {
		context := map[string]any{}
		for _, s := range settings.All() {
			context[s.Key] = map[string]string{"dev": s.Dev, "prod": s.Prod}[stage]
		}
		context["stage"] = stage
		return check.Value(settings.Load(context))(t)
	}
	dev, prod := ofRows("dev"), ofRows("prod")
	if !prod.PointInTimeRecovery || !prod.DeletionProtection || prod.Removal != settings.Retain || prod.Access != settings.IAM || prod.Delivery != settings.Canary {
		t.Errorf("prod is %+v, which does not protect what it holds", prod)
	}
	other := prod
	other.Access, other.Validation, other.CORSOrigins = settings.Open, settings.ByGateway, []string{"https://example.org", "http://localhost:5173"}
	other.ThrottleRate, other.ThrottleBurst, other.AccessLogs = 0.5, 1, false
	other.EventsTable, other.Capacity, other.CapacityMin, other.CapacityMax = "events-restored", settings.Provisioned, 1, 2
	other.PointInTimeRecovery, other.DeletionProtection, other.Removal = false, false, settings.Destroy
	other.Architecture, other.MemoryMiB, other.ReservedConcurrency, other.LogRetentionDays = settings.X86, 129, 3, 1
	other.AlarmEmail, other.Delivery = "ops@example.org", settings.Direct
	for _, c := range []struct {
		name    string
		context map[string]any
		want    settings.Config
	}{
		{"dev when nothing is said", nil, dev},
		{"dev", map[string]any{"stage": "dev"}, dev},
		{"prod", map[string]any{"stage": "prod"}, prod},
		{"the CDK's own keys are not ours", map[string]any{
			"aws:cdk:bundling-stacks": []any{"*"}, "@aws-cdk/core:checkSecretUsage": true, "cli-telemetry": false}, dev},
		{"every setting can be overridden", map[string]any{
			"stage": "prod", "access": "open", "validation": "gateway",
			"corsOrigins": "https://example.org, http://localhost:5173", "throttleRate": "0.5", "throttleBurst": "1",
			"accessLogs": "false", "eventsTable": "events-restored", "capacity": "provisioned", "capacityMin": "1", "capacityMax": "2",
			"pointInTimeRecovery": "false", "deletionProtection": "false", "removal": "destroy", "architecture": "x86_64", "memoryMiB": "129",
			"reservedConcurrency": "3", "logRetentionDays": "1", "alarmEmail": "ops@example.org", "delivery": "direct"}, other},
		{"cdk.json may use JSON's own types", map[string]any{
			"stage": "prod", "access": "open", "validation": "gateway",
			"corsOrigins": []any{"https://example.org", "http://localhost:5173"}, "throttleRate": 0.5, "throttleBurst": 1.0,
			"accessLogs": false, "eventsTable": "events-restored", "capacity": "provisioned", "capacityMin": 1.0, "capacityMax": 2.0,
			"pointInTimeRecovery": false, "deletionProtection": false, "removal": "destroy", "architecture": "x86_64", "memoryMiB": 129.0,
			"reservedConcurrency": 3.0, "logRetentionDays": 1.0, "alarmEmail": "ops@example.org", "delivery": "direct"}, other},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := check.Value(settings.Load(c.context))(t)
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("\n got %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestWrongConfigNamesKeyValueAndWhatIsAllowed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ key, value, allowed string }{
		{"stage", "nonsense", "dev or prod"},
		{"stage", "", "dev or prod"},
		{"stage", "Prod", "dev or prod"},
		{"stgae", "prod", "there is no such setting"},
		{"access", "public", "iam or open"},
		{"validation", "none", "gateway or function"},
		{"corsOrigins", "*", "https://example.org"},
		{"corsOrigins", "https://a.example,,https://b.example", "https://example.org"},
		{"throttleRate", "0", "from 0.1 to 10000"},
		{"throttleRate", "unlimited", "from 0.1 to 10000"},
		{"throttleRate", "NaN", "from 0.1 to 10000"},
		{"throttleRate", "+Inf", "from 0.1 to 10000"},
		{"throttleBurst", "1.5", "from 1 to 5000"},
		{"accessLogs", "yes", "true or false"},
		{"capacity", "ondemand", "provisioned or on-demand"},
		{"capacityMin", "0", "from 1 to 40000"},
		{"capacityMin", "-5", "from 1 to 40000"},
		{"capacityMax", "1", "at least capacityMin, "},
		{"pointInTimeRecovery", "1", "true or false"},
		{"deletionProtection", "TRUE", "true or false"},
		{"removal", "snapshot", "destroy or retain"},
		{"memoryMiB", "64", "from 128 to 10240"},
		{"memoryMiB", "256MiB", "from 128 to 10240"},
		{"reservedConcurrency", "-1", "from 0 to 1000"},
		{"reservedConcurrency", "1", "at least throttleBurst, "},
		{"logRetentionDays", "10", "7, 14, 30"},
		{"eventsTable", "ab", "a table's name"},
		{"eventsTable", "arn:aws:dynamodb:eu-west-1:000000000000:table/events", "a table's name"},
		{"alarmEmail", "ops", "an e-mail address"},
		{"alarmEmail", "Ops <ops@example.org>", "an e-mail address"},
		{"delivery", "linear", "direct or canary"},
	} {
		t.Run(c.key+"="+c.value, func(t *testing.T) {
			_, err := settings.Load(map[string]any{c.key: c.value})
			if _, ok := errors.AsType[*settings.ConfigError](err); !ok {
				t.Fatalf("got %v, want a ConfigError", err)
			}
			message := err.Error()
			for _, part := range []string{`"` + c.key + `"`, `"` + c.value + `"`, c.allowed} {
				if !strings.Contains(message, part) {
					t.Errorf("got %q, want it to contain %s", message, part)
				}
			}
			if strings.Contains(message, "\n") {
				t.Errorf("got %q, want one line", message)
			}
		})
	}

	t.Run("all wrong settings are named at once", func(t *testing.T) {
		_, err := settings.Load(map[string]any{"access": "x", "memoryMiB": "y", "stgae": "z"})
		if err == nil || strings.Count(err.Error(), "\n") != 2 {
			t.Errorf("got %v, want three lines", err)
		}
	})
	t.Run("deletion protection and a table that is destroyed contradict each other", func(t *testing.T) {
		_, err := settings.Load(map[string]any{"stage": "prod", "removal": "destroy"})
		if err == nil || !strings.Contains(err.Error(), "deletionProtection") {
			t.Errorf("got %v, want an error that names deletionProtection", err)
		}
	})
}

// docs/configuration.md holds the table of settings between two marks, and it is
// the stack's own table.
func TestTableOfSettingsIsUpToDate(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	table.WriteString("| Key | Meaning | Allowed | dev | prod | In the local run |\n|---|---|---|---|---|---|\n")
	for _, s := range settings.All() {
		for _, cell := range []string{"`" + s.Key + "`", s.Meaning, s.Allowed, code(s.Dev), code(s.Prod), s.Local} {
			table.WriteString("| " + cell + " ")
		}
		table.WriteString("|\n")
	}
	generated.CheckPart(t, "../../docs/configuration.md", "settings", table.String())
}

func code(value string) string {
	if value == "" {
		return "none"
	}
	return "`" + value + "`"
}

func TestSettingsOfTheLocalRun(t *testing.T) {
	t.Parallel()
	dev := check.Value(settings.Load(nil))(t)
	relaxed := dev
	relaxed.Access, relaxed.ThrottleRate = settings.Open, settings.Unlimited
	signed := relaxed
	signed.Access = settings.IAM
	prod := check.Value(settings.Load(map[string]any{"stage": "prod", "validation": "gateway"}))(t)
	for outcome, c := range map[string]struct {
		given map[string]string
		want  settings.Config
	}{
		"are dev's without obstacles where no stage is named": {nil, relaxed},
		"can be overridden one by one":                        {map[string]string{"access": "iam"}, signed},
		"are exactly those of the stage that is named":        {map[string]string{"stage": "dev"}, dev},
		"are those of prod, with what is overridden":          {map[string]string{"stage": "prod", "validation": "gateway"}, prod},
	} {
		t.Run(outcome, func(t *testing.T) {
			got, err := settings.LoadLocal(c.given)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("\n got %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
	t.Run("name what is wrong as the stack does", func(t *testing.T) {
		_, here := settings.LoadLocal(map[string]string{"stgae": "prod", "memoryMiB": "1"})
		_, there := settings.Load(map[string]any{"stgae": "prod", "memoryMiB": "1"})
		if here == nil || here.Error() != there.Error() {
			t.Errorf("got  %v\nwant %v", here, there)
		}
	})
}

// Whoever adds a setting says what it does on a developer's machine, and how a review sees
// what is behind it.
func TestEachSettingSaysWhatItDoesLocallyAndInAReview(t *testing.T) {
	t.Parallel()
	for _, s := range settings.All() {
		if s.Local == "" || s.Meaning == "" || s.Allowed == "" {
			t.Errorf("setting %s lacks a meaning, what is allowed, or what it does in the local run", s.Key)
		}
		seen := []string{s.Dev + " or " + s.Prod, s.Prod + " or " + s.Dev}
		for _, value := range []string{s.Review, s.Apart} {
			if value != "" && (value == s.Dev || value == s.Prod) {
				t.Errorf("setting %s is reviewed with %s, the default of a stage, which shows nothing new", s.Key, value)
			}
		}
		if s.Review+s.Apart == "" && s.Key != "stage" && (s.Dev == s.Prod || !slices.Contains(seen, s.Allowed)) {
			t.Errorf("setting %s lacks a value that neither stage has by default: diff would not see what is behind it", s.Key)
		}
	}
	for _, variant := range settings.Variants() {
		for _, stage := range []string{"dev", "prod"} {
			context := map[string]any{"stage": stage}
			for key, value := range variant {
				context[key] = value
			}
			if _, err := settings.Load(context); err != nil {
				t.Errorf("the stage %s does not allow what it is reviewed with: %v", stage, err)
			}
		}
	}
}

// A setting that no code reads would be without effect, silently.
func TestEachSettingIsReadByTheStackOrTheLocalRun(t *testing.T) {
	t.Parallel()
	var code strings.Builder
	for _, pattern := range []string{"../../stacks/*.go", "../../cmd/visitplannr/*.go", "environment.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %d files", pattern, err, len(files))
		}
		for _, file := range files {
			text := check.Value(os.ReadFile(file))(t)
			if !strings.HasSuffix(file, "_test.go") {
				code.Write(text)
			}
		}
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[settings.Config]()) {
		if !regexp.MustCompile(`\.` + field.Name + `\b`).MatchString(code.String()) {
			t.Errorf("no code reads the setting %s", field.Name)
		}
	}
}

// Browsers make of the refused ones something else, or nothing:
// https://url.spec.whatwg.org/#url-parsing.
func TestOriginsAreThoseThatBrowsersSend(t *testing.T) {
	t.Parallel()
	for origin, want := range map[string]bool{
		"https://example.org": true, "http://localhost:5173": true, "http://example.org:443": true, "https://example.org:80": true,
		"https://xn--llanfair-e1a.example": true, "https://a_b.example": true, "https://a--b.example.": true, "http://localhost": true,
		"http://127.0.0.1:3000": true, "http://[::1]:5173": true, "http://[2001:db8::1]": true, "https://[::ffff:7f00:1]": true,
		"https://a.example:65535": true, "https://1.example": true, "https://0x.example": true,

		"https://a.example:443": false, "http://a.example:80": false, "http://a.example:": false, "http://a.example:0": false,
		"http://a.example:080": false, "http://a.example:08080": false, "http://a.example:65536": false, "http://a.example:-1": false, "http://a.example:x": false,
		"https://.": false, "https://..": false, "https://a..example": false, "https://.a.example": false, "https://a.example..": false, "https://": false, "https:///": false,
		"https://Example.org": false, "HTTPS://example.org": false, "http://[::FFFF:7f00:1]": false, "https://llŷn.example": false, "https://ｅxample.org": false,
		"https://example.org/": false, "https://example.org/x": false, "https://example.org?": false, "https://example.org?x": false, "https://example.org#": false, "https://example.org#x": false,
		"https://user@example.org": false, "https://user:pw@example.org": false, "https://@example.org": false,
		"http://127.1": false, "http://2130706433": false, "http://0x7f.0.0.1": false, "http://0177.0.0.1": false, "http://127.0.0.1.": false, "http://1.2.3.256": false,
		"http://1.2.3.4.5": false, "http://a.1": false, "http://a.0x": false, "http://a.0x1f.": false,
		"http://[0:0:0:0:0:0:0:1]": false, "http://[::01]": false, "http://[::ffff:127.0.0.1]": false, "http://[::1%25lo]": false, "http://[::1": false, "http://::1": false, "http://[127.0.0.1]": false, "http://[]": false,
		"https://%65xample.org": false, "https://*.example.org": false, "https://it's.example": false, "https://a b.example": false, "https://a$b": false, "https:\\\\example.org": false,
		"*": false, "null": false, "example.org": false, "//example.org": false, "https:example.org": false, "https:/example.org": false, "file://x": false, "file://": false,
		"ftp://example.org": false, "chrome-extension://abc": false, "javascript:1": false,
	} {
		c, err := settings.Load(map[string]any{"corsOrigins": origin})
		if accepted := err == nil && slices.Equal(c.CORSOrigins, []string{origin}); accepted != want {
			t.Errorf("%s: got %v, %v; want it accepted: %t", origin, c.CORSOrigins, err, want)
		}
	}
}
