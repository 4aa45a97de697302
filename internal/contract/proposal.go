package contract

import (
	"fmt"
	"net/http"
)

// ProposeDestination takes an editor's proposal and stores it as an event.
var ProposeDestination = Endpoint{
	Function:     "propose-destination",
	Method:       http.MethodPost,
	Path:         "/destination",
	Summary:      "Propose a destination: 200 means that the proposal is durably stored, as an event.",
	Body:         new(proposalSchema()),
	TableActions: []string{"PutItem"},
	TakesKey:     true,
	Text:         StatusOK,
	Answer:       receiptSchema(),
}

// Limits of a proposal.
const (
	// NameMaxCharacters bounds a destination's name, in Unicode code points, after
	// trimming white space.
	NameMaxCharacters = 200

	LatitudeMin, LatitudeMax   = -90, 90   // degrees, WGS 84
	LongitudeMin, LongitudeMax = -180, 180 // degrees, WGS 84
)

// JSON pointers to the leaves of a proposal.
const (
	PointerName      = PointerRoot + "/name"
	PointerLatitude  = PointerRoot + "/geolocation/latitude"
	PointerLongitude = PointerRoot + "/geolocation/longitude"
)

// The rule of each value of a proposal. It is the detail in a problem about that value,
// and its description in the schema.
var (
	RuleName = fmt.Sprintf(
		"must be 1 to %d characters after trimming white space, at least one of them visible "+
			"(a mark, a default ignorable code point of Unicode or U+2800 is not), without control characters or U+FFFD", NameMaxCharacters)
	RuleLatitude  = fmt.Sprintf("must be a number between %d and %d", LatitudeMin, LatitudeMax)
	RuleLongitude = fmt.Sprintf("must be a number between %d and %d", LongitudeMin, LongitudeMax)
)

// proposalSchema is the body of ProposeDestination.
//
// It refuses nothing that the function accepts. The function checks what JSON Schema
// cannot express exactly: the name's length counts after trimming, so a maxLength here
// would refuse a short name in much white space; duplicate members are gone before a
// validator sees them; and regular expression engines differ on a pattern against
// control characters.
func proposalSchema() Schema {
	return Object("A proposal of a destination.", map[string]Schema{
		"name": {Type: TypeString, Description: RuleName, MinLength: new(1), Example: "Brockholes", DocPattern: namePattern},
		"geolocation": Object("Where the destination is, in WGS 84 degrees. Numbers are kept as IEEE 754 doubles: "+
			"53.1234567890123456789 becomes 53.123456789012344, and what is below 1e-15 becomes 0. "+
			"Two requests with one key are the same when these are.", map[string]Schema{
			"latitude":  degrees(RuleLatitude, LatitudeMin, LatitudeMax, 53.77),
			"longitude": degrees(RuleLongitude, LongitudeMin, LongitudeMax, -2.63),
		}),
	})
}

// namePattern is RuleName without the length, as far as the regular expressions of ECMA
// 262 and RE2 agree. It refuses no name that the function accepts. It leaves some white
// space beyond ASCII, C1 controls, U+FFFD and names without a visible character to the
// function.
const namePattern = `^\s*[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?\s*$`

func degrees(rule string, minimum, maximum, example float64) Schema {
	return Schema{Type: TypeNumber, Description: rule, Minimum: &minimum, Maximum: &maximum, Example: example}
}

// Receipt is the success answer for a client that asks for JSON: where the
// proposal is stored.
type Receipt struct {
	Status        string `json:"status"`
	StreamName    string `json:"streamName"`
	EventID       string `json:"eventId"`
	CorrelationID string `json:"correlationId"`
	Timestamp     string `json:"timestamp"`
}

// receiptSchema describes a Receipt.
func receiptSchema() Schema {
	const id = "019ad0f4-0a3c-7c51-8f0e-5b1d2a9c7e64"
	uuid := func(description string) Schema {
		return Schema{Type: TypeString, Format: "uuid", Description: description, Example: id}
	}
	return Object("Where the proposal is stored.", map[string]Schema{
		"status":        {Type: TypeString, Const: StatusOK, Example: StatusOK},
		"streamName":    {Type: TypeString, Description: "The stream that the proposal opened.", Example: "destination-" + id},
		"eventId":       uuid("The event that records the proposal."),
		"correlationId": uuid("What all that follows from the proposal carries."),
		"timestamp": {Type: TypeString, Format: "date-time", Example: "2026-11-23T09:00:00.000Z",
			Description: "When the proposal was recorded, in UTC, to the millisecond."},
	})
}
