package contract

import "fmt"

// Schema is the subset of JSON Schema that this API needs and that reads the
// same in draft 4 (the draft of API Gateway's models,
// https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html)
// and in 2020-12 (the draft of OpenAPI 3.1).
type Schema struct {
	Type                 string            `json:"type"`
	Description          string            `json:"description,omitempty"`
	Properties           map[string]Schema `json:"properties,omitempty"`
	Required             []string          `json:"required,omitempty"`
	AdditionalProperties *bool             `json:"additionalProperties,omitempty"`
	MinLength            *int              `json:"minLength,omitempty"`
	Minimum              *float64          `json:"minimum,omitempty"`
	Maximum              *float64          `json:"maximum,omitempty"`
}

// The types of JSON values that a Schema may ask for.
const (
	TypeObject = "object"
	TypeString = "string"
	TypeNumber = "number"
)

// Members of the command, and JSON pointers (RFC 6901) to them in a body.
const (
	MemberName        = "name"
	MemberGeolocation = "geolocation"
	MemberLatitude    = "latitude"
	MemberLongitude   = "longitude"

	PointerRoot      = "#"
	PointerName      = PointerRoot + "/" + MemberName
	PointerLatitude  = PointerRoot + "/" + MemberGeolocation + "/" + MemberLatitude
	PointerLongitude = PointerRoot + "/" + MemberGeolocation + "/" + MemberLongitude
)

// What each value of the command must be: the detail of a problem that names it,
// and its description in the schema.
var (
	RuleName = fmt.Sprintf(
		"must be 1 to %d characters after trimming white space, without control characters or U+FFFD", NameMaxCharacters)
	RuleLatitude  = fmt.Sprintf("must be a number between %d and %d", LatitudeMin, LatitudeMax)
	RuleLongitude = fmt.Sprintf("must be a number between %d and %d", LongitudeMin, LongitudeMax)
)

// ProposalSchema returns the JSON schema of the body of ProposeDestination.
//
// It refuses nothing that the function accepts. What JSON Schema cannot say
// exactly is left to the function: the name's length counts after trimming, so a
// maxLength here would refuse a short name with a long margin; duplicate members
// are gone before a validator sees them; and a pattern against control characters
// would mean different things to different engines' regular expressions.
func ProposalSchema() Schema {
	return object("A proposal of a destination.", map[string]Schema{
		MemberName: {Type: TypeString, Description: RuleName, MinLength: new(1)},
		MemberGeolocation: object("Where the destination is, in WGS 84 degrees.", map[string]Schema{
			MemberLatitude:  number(RuleLatitude, LatitudeMin, LatitudeMax),
			MemberLongitude: number(RuleLongitude, LongitudeMin, LongitudeMax),
		}, MemberLatitude, MemberLongitude),
	}, MemberName, MemberGeolocation)
}

// object closes the object: a misspelt member is an error, never dropped data.
func object(description string, properties map[string]Schema, required ...string) Schema {
	return Schema{
		Type:                 TypeObject,
		Description:          description,
		Properties:           properties,
		Required:             required,
		AdditionalProperties: new(false),
	}
}

func number(description string, minimum, maximum float64) Schema {
	return Schema{Type: TypeNumber, Description: description, Minimum: &minimum, Maximum: &maximum}
}
