package destination_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"unicode"

	"visitplannr/internal/contract"
	"visitplannr/internal/destination"
)

func TestNewName(t *testing.T) {
	t.Parallel()

	for outcome, c := range map[string]struct{ text, want string }{
		"keeps a name":                             {"Brockholes", "Brockholes"},
		"trims white space":                        {" \t\r\n Brockholes \n", "Brockholes"},
		"trims white space beyond ASCII":           {"\u00a0\u2003Brockholes\u3000", "Brockholes"},
		"keeps white space within":                 {"Day  Trip", "Day  Trip"},
		"keeps accents as they are written":        {"Caf\u00e9 Cafe\u0301", "Caf\u00e9 Cafe\u0301"},
		"keeps astral characters":                  {"🦆 park", "🦆 park"},
		"keeps joined emoji":                       {"👩\u200d👧", "👩\u200d👧"},
		"keeps what is invisible beside a letter":  {"\u200b\u3164x\u200d\u2800\ufe0f", "\u200b\u3164x\u200d\u2800\ufe0f"},
		"keeps direction marks beside a letter":    {"\u202eא\u200f", "\u202eא\u200f"},
		"takes a sign that prepends to numbers":    {"\u0600", "\u0600"},
		"takes an annotation's anchor":             {"\ufff9", "\ufff9"},
		"takes a joiner of hieroglyphs":            {"\U00013430", "\U00013430"},
		"takes a private character":                {"\ue000", "\ue000"},
		"keeps markup, which is text like any":     {"<b>&amp;\"'", "<b>&amp;\"'"},
		"takes one character":                      {"x", "x"},
		"takes 200 characters":                     {strings.Repeat("x", 200), strings.Repeat("x", 200)},
		"counts code points, not bytes":            {strings.Repeat("🦆", 200), strings.Repeat("🦆", 200)},
		"counts after trimming":                    {"  " + strings.Repeat("x", 200) + "  ", strings.Repeat("x", 200)},
		"trims control characters that are spaces": {"\u0085Brockholes\v", "Brockholes"},
	} {
		t.Run(outcome, func(t *testing.T) {
			name, err := destination.NewName(c.text)
			if err != nil || name.String() != c.want {
				t.Errorf("NewName(%q) = %q, %v; want %q", c.text, name, err, c.want)
			}
		})
	}

	for outcome, text := range map[string]string{
		"refuses an empty name":                     "",
		"refuses white space alone":                 " \t\r\n\u00a0\u3000",
		"refuses marks alone":                       "\u0301\u0903\u20dd",
		"refuses an empty Braille pattern alone":    "\u2800",
		"refuses invisible characters of all kinds": "\u200b \u2060\u0301\u2800\ufe0f",
		"refuses 201 characters":                    strings.Repeat("x", 201),
		"refuses a NUL":                             "Brock\x00holes",
		"refuses a line break within":               "Brock\nholes",
		"refuses an escape":                         "\x1b[31mBrockholes",
		"refuses DEL":                               "Brockholes\x7f",
		"refuses C1 controls":                       "Brock\u0085holes",
		"refuses broken UTF-8":                      "Brock\xffholes",
		"refuses a surrogate in UTF-8":              "Brock\xed\xa0\x80holes",
		"refuses U+FFFD":                            "Brock\ufffdholes",
		"refuses a cut character at the end":        "Caf\xc3",
		"refuses control characters without limit":  strings.Repeat("\x01", 100000),
	} {
		t.Run(outcome, func(t *testing.T) {
			name, err := destination.NewName(text)
			if !errors.Is(err, destination.ErrName) {
				t.Errorf("NewName(%.40q) = %q, %v; want ErrName", text, name, err)
			}
		})
	}
}

// A first and a last character of each range of Default_Ignorable_Code_Point:
// https://www.unicode.org/Public/15.0.0/ucd/DerivedCoreProperties.txt. Each alone is no
// name; the characters around the ranges, as far as they show something, are.
func TestNamesOfDefaultIgnorableCharactersAreRefused(t *testing.T) {
	t.Parallel()
	if unicode.Version != "15.0.0" {
		t.Errorf("package unicode has the tables of Unicode %s: compare isDefaultIgnorable and this list with that version", unicode.Version)
	}
	for _, c := range []rune{
		0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180D, 0x180E, 0x180F, 0x200B, 0x200F, 0x202A, 0x202E,
		0x2060, 0x2064, 0x2065, 0x2066, 0x206F, 0x3164, 0xFE00, 0xFE0F, 0xFEFF, 0xFFA0, 0xFFF0, 0xFFF8, 0x1BCA0, 0x1BCA3,
		0x1D173, 0x1D17A, 0xE0000, 0xE0001, 0xE0002, 0xE001F, 0xE0020, 0xE007F, 0xE0080, 0xE00FF, 0xE0100, 0xE01EF, 0xE01F0, 0xE0FFF,
	} {
		if name, err := destination.NewName(string(c)); !errors.Is(err, destination.ErrName) {
			t.Errorf("NewName(%U) = %q, %v; want ErrName", c, name, err)
		}
	}
	for _, c := range []rune{0x00AE, 0x061B, 0x115E, 0x1161, 0x17B3, 0x2010, 0x2070, 0x3163, 0x3165, 0xFE10, 0xFFA1, 0xFFEE, 0x06DD, 0x110BD, 0x1D15E, 0xE1000} {
		if _, err := destination.NewName(string(c)); err != nil {
			t.Errorf("NewName(%U): %v; want a name", c, err)
		}
	}
}

func TestParseDegrees(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0", 10000)

	for outcome, c := range map[string]struct {
		decimal string
		want    float64
	}{
		"takes a decimal":                                 {"53.77", 53.77},
		"takes the upper bound":                           {"90", 90},
		"takes the lower bound":                           {"-90", -90},
		"takes an exponent":                               {"9e1", 90},
		"takes an exponent in capitals":                   {"9.0E+1", 90},
		"takes the bound with zeros after it":             {"90.0000000000000000000000000", 90},
		"takes the bound with ten thousand zeros":         {"90." + long, 90},
		"takes the bound with many zeros and an exponent": {"0." + long + "9e10002", 90},
		"takes less than the bound that rounds to it":     {"89.99999999999999999999", 90},
		"takes more than the lower bound, likewise":       {"-89.99999999999999999999", -90},
		"rounds to the nearest float64":                   {"0.1000000000000000055511151231257827", 0.1},
		"keeps a millionth":                               {"-0.000001", -0.000001},
		"keeps the smallest angle that means something":   {"1e-15", 1e-15},
	} {
		t.Run(outcome, func(t *testing.T) {
			latitude, err := destination.ParseLatitude(c.decimal)
			if err != nil || latitude.Degrees() != c.want {
				t.Errorf("ParseLatitude(%.40s) = %v, %v; want %v", c.decimal, latitude.Degrees(), err, c.want)
			}
		})
	}

	for outcome, decimal := range map[string]string{
		"writes zero as 0":                             "0",
		"writes -0 as 0":                               "-0",
		"writes -0.0e5 as 0":                           "-0.0e5",
		"writes what DynamoDB could not hold as 0":     "1e-300",
		"writes a negative one of that kind as 0":      "-1e-300",
		"writes the smallest float64 as 0":             "4.9e-324",
		"writes what is below float64 as 0":            "1e-400",
		"writes what is below float64 as 0, not -0":    "-1e-400",
		"writes a huge negative exponent as 0 at once": "1e-999999999",
	} {
		t.Run(outcome, func(t *testing.T) {
			latitude, err := destination.ParseLatitude(decimal)
			if err != nil || latitude.Degrees() != 0 || math.Signbit(latitude.Degrees()) {
				t.Errorf("ParseLatitude(%s) = %v, %v; want 0 without a sign", decimal, latitude.Degrees(), err)
			}
		})
	}

	for outcome, decimal := range map[string]string{
		"refuses more than the bound":                        "90.1",
		"refuses more than the bound, however little":        "90.00000000000000000001",
		"refuses less than the lower bound, likewise":        "-90.00000000000000000001",
		"refuses more after ten thousand zeros":              "90." + long + "1",
		"refuses more than float64":                          "1e400",
		"refuses less than float64":                          "-1e400",
		"refuses a huge exponent at once":                    "1e999999999",
		"refuses what is not a number":                       "north",
		"refuses an empty text":                              "",
		"refuses infinity":                                   "Inf",
		"refuses not a number":                               "NaN",
		"refuses the next float64 above":                     "90.00000000000001421085471520200371742248535156250",
		"refuses an exponent that makes it just too large":   "9.0000000000000000000001e1",
		"refuses a bound written with a comma":               "90,0",
		"refuses Go's digits with an underscore":             "1_0",
		"refuses Go's hexadecimal numbers":                   "0x1p4",
		"refuses a plus sign":                                "+1",
		"refuses a fraction without a whole part":            ".5",
		"refuses a leading zero":                             "07",
		"refuses white space before a number":                " 1",
		"refuses a bound of the longitude as well: too much": "180",
	} {
		t.Run(outcome, func(t *testing.T) {
			if latitude, err := destination.ParseLatitude(decimal); !errors.Is(err, destination.ErrLatitude) {
				t.Errorf("ParseLatitude(%.40s) = %v, %v; want ErrLatitude", decimal, latitude.Degrees(), err)
			}
		})
	}

	t.Run("bounds longitudes at 180", func(t *testing.T) {
		for _, decimal := range []string{"180", "-180", "1.8e2", "179.99999999999999999999"} {
			if longitude, err := destination.ParseLongitude(decimal); err != nil || math.Abs(longitude.Degrees()) != 180 {
				t.Errorf("ParseLongitude(%s) = %v, %v; want ±180", decimal, longitude.Degrees(), err)
			}
		}
		for _, decimal := range []string{"180.00000000000000000001", "-180.00000000000000000001", "181", "1e400", "east"} {
			if longitude, err := destination.ParseLongitude(decimal); !errors.Is(err, destination.ErrLongitude) {
				t.Errorf("ParseLongitude(%s) = %v, %v; want ErrLongitude", decimal, longitude.Degrees(), err)
			}
		}
	})
}

func TestErrorsAreTheRule(t *testing.T) {
	t.Parallel()
	for err, rule := range map[error]string{
		destination.ErrName:      contract.RuleName,
		destination.ErrLatitude:  contract.RuleLatitude,
		destination.ErrLongitude: contract.RuleLongitude,
	} {
		if err.Error() != rule {
			t.Errorf("got %q, want the contract's %q", err, rule)
		}
	}
}
