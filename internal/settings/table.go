package settings

import (
	"cmp"
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Setting is one key that changes a stage.
type Setting struct {
	Key     string
	Meaning string
	Allowed string
	Dev     string // the default in stage dev, written as for -c
	Prod    string // the default in stage prod
	Local   string // what it does in the local run, or why it does nothing there: "no: …", "not yet: …"

	// Review is a value that neither stage has by default, with which a review sees what
	// is behind the setting. Apart is one that hides what another setting's Review shows.
	// Both are empty where the defaults of the two stages are all there is.
	Review, Apart string

	parse func(c *Config, text string, local bool) bool
}

// Variants are the settings with which a review looks at a stage besides its own: every
// optional part switched on, and the same with the values that hide one.
func Variants() []map[string]string {
	on, apart := map[string]string{}, map[string]string{}
	for _, s := range settings {
		if s.Review != "" {
			on[s.Key] = s.Review
		}
		if value := cmp.Or(s.Apart, s.Review); value != "" {
			apart[s.Key] = value
		}
	}
	return []map[string]string{on, apart}
}

func (s Setting) review(value string) Setting {
	s.Review = value
	return s
}

func (s Setting) apart(value string) Setting {
	s.Apart = value
	return s
}

// HasLocalEffect reports whether the setting changes the local run.
func (s Setting) HasLocalEffect() bool {
	return !strings.HasPrefix(s.Local, "no: ") && !strings.HasPrefix(s.Local, "not yet: ")
}

// stageSetting comes first: the defaults of the others depend on it.
var stageSetting = choice("stage", "Which stage to synthesize: stack `visitplannr-<stage>`.",
	"dev", "dev", "sets the defaults of all other settings", func(c *Config) *Stage { return &c.Stage }, Dev, Prod)

const (
	noTable = "no: the embedded engine has no capacity, no backups and no protection"
	noCloud = "no: only AWS has it"
)

// settings lists every other setting, in the order of the documentation.
var settings = []Setting{
	choice("access", "Who may call the API: principals whose signed request IAM allows, or anybody.",
		"iam", "iam", "the same, for the principals printed at the start", func(c *Config) *Access { return &c.Access }, IAM, Open).apart("open"),
	choice("validation", "Who checks a body first: the gateway (a malformed body never starts the function) or the function (its problem names every error).",
		"function", "function", "the same", func(c *Config) *Validation { return &c.Validation }, ByGateway, ByFunction).review("gateway"),
	row("corsOrigins", "Web origins whose pages may call the API, separated by commas.",
		"a list of origins, each as a browser sends it, such as https://example.org or http://[::1]:5173 (no path, no default port, in lower case, in Punycode), or empty for none", "", "", "the same", parseOrigins).review("https://review.example").apart("https://review.example,http://localhost:5173"),
	row("throttleRate", "Requests per second that the API accepts from all callers together.",
		"a number from 0.1 to 10000", "10", "50", "the same; only here it can be `unlimited`", parseRate).review("200"),
	whole("throttleBurst", "Requests that may arrive at once before the rate applies.",
		"20", "100", "the same", func(c *Config) *int { return &c.ThrottleBurst }, 1, 5_000).review("300"),
	flag("accessLogs", "Whether the API logs each request. The account needs API Gateway's log role first: see docs/runbook.md.",
		"true", "true", "no: the local gateway logs what it refuses", func(c *Config) *bool { return &c.AccessLogs }).apart("false"),
	row("eventsTable", "Name of an existing table that holds the events, such as a restored one. The stack then creates no table and leaves this one's capacity and protection as they are.",
		"a table's name, or empty", "", "", "no: `-table` names it", parseTable).apart("events-restored"),
	choice("capacity", "How the table is billed: by provisioned capacity that scales itself, or by request.",
		"provisioned", "on-demand", noTable, func(c *Config) *Capacity { return &c.Capacity }, Provisioned, OnDemand),
	whole("capacityMin", "Provisioned read and write units at rest.",
		"5", "5", noTable, func(c *Config) *int { return &c.CapacityMin }, 1, 40_000).review("6"),
	whole("capacityMax", "Provisioned read and write units at most.",
		"20", "100", noTable, func(c *Config) *int { return &c.CapacityMax }, 1, 40_000).review("60"),
	flag("pointInTimeRecovery", "Whether the table can be restored to any second of the last 35 days.",
		"false", "true", noTable, func(c *Config) *bool { return &c.PointInTimeRecovery }),
	flag("deletionProtection", "Whether the table and the stack refuse to be deleted.",
		"false", "true", noTable, func(c *Config) *bool { return &c.DeletionProtection }),
	choice("removal", "What happens to the table and the logs when the stack is deleted.",
		"destroy", "retain", noCloud, func(c *Config) *Removal { return &c.Removal }, Destroy, Retain),
	choice("architecture", "The processor of a function.",
		"arm64", "arm64", "no: functions are built for this machine", func(c *Config) *Architecture { return &c.Architecture }, ARM64, X86).apart("x86_64"),
	whole("memoryMiB", "Memory of a function, in MiB; its share of CPU grows with it.",
		"256", "512", "no: a process here has this machine's memory and processors", func(c *Config) *int { return &c.MemoryMiB }, 128, 10_240).review("1024"),
	whole("reservedConcurrency", "Concurrent executions reserved for each function, which are also its maximum; 0 reserves none.",
		"0", "100", "no: requests wait for one of `-concurrency` processes", func(c *Config) *int { return &c.ReservedConcurrency }, 0, 1_000).review("300"),
	oneOfNumbers("logRetentionDays", "How long logs are kept, in days.",
		"14", "365", noCloud, func(c *Config) *int { return &c.LogRetentionDays }, retentionDays...).review("30"),
	row("alarmEmail", "Address that alarms notify. Its owner must confirm it once.",
		"an e-mail address, `nobody`, or empty for nobody and a warning", "", "", noCloud, parseEmail).review("review@example.org"),
	choice("delivery", "How a new version of a function is released: at once, or as a canary that alarms roll back.",
		"direct", "canary", "no: a new build serves as soon as it starts", func(c *Config) *Delivery { return &c.Delivery }, Direct, Canary),
}

// retentionDays are the periods that CloudWatch Logs accepts
// (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html).
var retentionDays = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// All returns every setting, the stage first.
func All() []Setting { return append([]Setting{stageSetting}, settings...) }

func keys() []string {
	var keys []string
	for _, s := range All() {
		keys = append(keys, s.Key)
	}
	return keys
}

func (s Setting) defaultFor(stage Stage) string {
	if stage == Prod {
		return s.Prod
	}
	return s.Dev
}

func (s Setting) set(c *Config, value any, local bool) error {
	t := text(value)
	if !s.parse(c, strings.TrimSpace(t), local) {
		return &ConfigError{Key: s.Key, Value: t, Allowed: s.Allowed}
	}
	return nil
}

func row(key, meaning, allowed, dev, prod, local string, parse func(c *Config, text string, local bool) bool) Setting {
	return Setting{Key: key, Meaning: meaning, Allowed: allowed, Dev: dev, Prod: prod, Local: local, parse: parse}
}

func choice[T ~string](key, meaning, dev, prod, local string, field func(*Config) *T, values ...T) Setting {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = string(v)
	}
	return row(key, meaning, strings.Join(names, " or "), dev, prod, local, func(c *Config, t string, _ bool) bool {
		*field(c) = T(t)
		return slices.Contains(names, t)
	})
}

func flag(key, meaning, dev, prod, local string, field func(*Config) *bool) Setting {
	return row(key, meaning, "true or false", dev, prod, local, func(c *Config, t string, _ bool) bool {
		*field(c) = t == "true"
		return t == "true" || t == "false"
	})
}

func whole(key, meaning, dev, prod, local string, field func(*Config) *int, minimum, maximum int) Setting {
	allowed := fmt.Sprintf("a whole number from %d to %d", minimum, maximum)
	return row(key, meaning, allowed, dev, prod, local, func(c *Config, t string, _ bool) bool {
		n, err := strconv.Atoi(t)
		*field(c) = n
		return err == nil && minimum <= n && n <= maximum
	})
}

func oneOfNumbers(key, meaning, dev, prod, local string, field func(*Config) *int, values ...int) Setting {
	allowed := strings.ReplaceAll(strings.Trim(fmt.Sprint(values), "[]"), " ", ", ")
	return row(key, meaning, "one of "+allowed, dev, prod, local, func(c *Config, t string, _ bool) bool {
		n, err := strconv.Atoi(t)
		*field(c) = n
		return err == nil && slices.Contains(values, n)
	})
}

// unlimited is the throttleRate that only a local run accepts.
const unlimited = "unlimited"

func parseRate(c *Config, t string, local bool) bool {
	if t == unlimited && local {
		c.ThrottleRate = Unlimited
		return true
	}
	rate, err := strconv.ParseFloat(t, 64)
	c.ThrottleRate = rate
	return err == nil && 0.1 <= rate && rate <= 10_000 // excludes NaN
}

func parseEmail(c *Config, t string, _ bool) bool {
	c.AlarmEmail = t
	if t == "" || t == Nobody {
		return true
	}
	address, err := mail.ParseAddress(t)
	return err == nil && address.Address == t
}

// tableName is DynamoDB's rule for one
// (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html).
var tableName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,255}$`)

func parseTable(c *Config, t string, _ bool) bool {
	c.EventsTable = t
	return t == "" || tableName.MatchString(t)
}
