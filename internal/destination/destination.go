// Package destination is the domain: what a proposal of a destination is, what the
// event that records it says, and when a retried proposal is the same proposal.
package destination

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"visitplannr/internal/contract"
	"visitplannr/internal/decimal"
)

// Errors of the constructors. The text of each is the rule that was broken, to be shown
// to the editor.
var (
	ErrName      = errors.New(contract.RuleName)
	ErrLatitude  = errors.New(contract.RuleLatitude)
	ErrLongitude = errors.New(contract.RuleLongitude)
)

// Name is a destination's name.
type Name struct {
	text string
}

// NewName returns the name in text without surrounding white space, or ErrName. Its
// length is counted in Unicode code points; text must be valid UTF-8. U+FFFD is refused
// because it means that something earlier replaced broken text, and a broken name must
// not become an event. A name of invisible characters alone is refused because an event
// can never be corrected; beside a visible one they are kept as written.
//
// Only new names are checked: a stored one is read as it is.
func NewName(text string) (Name, error) {
	text = strings.TrimSpace(text)
	length := utf8.RuneCountInString(text)
	if length > contract.NameMaxCharacters || !strings.ContainsFunc(text, isVisible) || strings.ContainsFunc(text, isForbidden) {
		return Name{}, ErrName
	}
	return Name{text}, nil
}

// isForbidden reports a control or U+FFFD, which is also how broken UTF-8 reads.
func isForbidden(c rune) bool { return c == utf8.RuneError || unicode.IsControl(c) }

// isVisible reports whether a character shows something by itself. Those that do not
// are white space, controls, marks, default ignorable code points and U+2800, the
// Braille pattern without a dot.
func isVisible(c rune) bool {
	return !unicode.In(c, unicode.White_Space, unicode.Cc, unicode.M) && !isDefaultIgnorable(c) && c != '\u2800'
}

// isDefaultIgnorable reports the property Default_Ignorable_Code_Point, which package
// unicode does not have. This is its derivation, with package unicode's version of the
// tables: https://www.unicode.org/Public/15.0.0/ucd/DerivedCoreProperties.txt
func isDefaultIgnorable(c rune) bool {
	annotation, hieroglyphs := 0xFFF9 <= c && c <= 0xFFFB, 0x13430 <= c && c <= 0x1343F
	return unicode.In(c, unicode.Other_Default_Ignorable_Code_Point, unicode.Cf, unicode.Variation_Selector) &&
		!unicode.In(c, unicode.White_Space, unicode.Prepended_Concatenation_Mark) && !annotation && !hieroglyphs
}

// Latitude is an angle north of the equator, in degrees.
type Latitude struct {
	degrees float64
}

// ParseLatitude returns the latitude in a JSON number, or ErrLatitude if the exact
// number is out of range.
func ParseLatitude(number string) (Latitude, error) {
	degrees, err := parseDegrees(number, contract.LatitudeMin, contract.LatitudeMax, ErrLatitude)
	return Latitude{degrees}, err
}

// Longitude is an angle east of Greenwich, in degrees.
type Longitude struct {
	degrees float64
}

// ParseLongitude returns the longitude in a JSON number, or ErrLongitude if the exact
// number is out of range.
func ParseLongitude(number string) (Longitude, error) {
	degrees, err := parseDegrees(number, contract.LongitudeMin, contract.LongitudeMax, ErrLongitude)
	return Longitude{degrees}, err
}

// negligible is an angle of about a tenth of a nanometre on the ground. Smaller ones
// are stored as zero: they carry no meaning, and DynamoDB refuses numbers below 1E-130.
const negligible = 1e-15

// parseDegrees returns the nearest float64 to a JSON number, or outside unless the number
// itself, not only its rounding, lies in [minimum, maximum].
func parseDegrees(number string, minimum, maximum float64, outside error) (float64, error) {
	number = decimal.Normalize(number)
	degrees, err := strconv.ParseFloat(number, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, outside
	}
	if math.IsNaN(degrees) || degrees < minimum || degrees > maximum {
		return 0, outside
	}
	if degrees == minimum || degrees == maximum {
		// 90.00000000000000000001 rounds to 90 and is still out of range.
		exact, ok := new(big.Rat).SetString(number)
		if !ok || exact.Cmp(new(big.Rat).SetFloat64(minimum)) < 0 || exact.Cmp(new(big.Rat).SetFloat64(maximum)) > 0 {
			return 0, outside
		}
	}
	if math.Abs(degrees) < negligible {
		degrees = 0 // also turns -0 into 0
	}
	return degrees, nil
}

// Proposal is what an editor proposes. The zero value is not a proposal: make
// its parts with NewName, ParseLatitude and ParseLongitude.
type Proposal struct {
	Name      Name
	Latitude  Latitude
	Longitude Longitude
}

// JSON returns the body that proposes p, in its one form: without white space, in this
// order of members, and with no character escaped but " and \. Idempotency keys are
// derived from it, so it must never change.
func (p Proposal) JSON() []byte {
	name := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(p.Name.text) // a name has no other character that needs it
	number := func(degrees float64) []byte {
		text, err := json.Marshal(degrees)
		if err != nil {
			panic(err) // an angle is finite
		}
		return text
	}
	return fmt.Appendf(nil, `{"name":"%s","geolocation":{"latitude":%s,"longitude":%s}}`, name, number(p.Latitude.degrees), number(p.Longitude.degrees))
}
