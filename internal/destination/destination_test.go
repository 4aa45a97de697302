package destination_test

import (
	"errors"
	"math"
	"strings"
	"testing"

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
		"keeps markup, which is text like any":     {"<b>&amp;\"'", "<b>&amp;\"'"},
		"takes one character":                      {"x", "x"},
		"takes 200 characters":                     {strings.Repeat("x", 200), strings.Repeat("x", 200)},
		"counts code points, not bytes":            {strings.Repeat("🦆", 200), strings.Repeat("🦆", 200)},
		"counts after trimming":                    {"  " + strings.Repeat("x", 200) + "  ", strings.Repeat("x", 200)},
		"trims control characters that are spaces": {"\u0085Brockholes\v", "Brockholes"},
	} {
		t.Run(outcome, func(t *testing.T) {
			t.Parallel()
			name, err := destination.NewName(c.text)
			if err != nil || name.String() != c.want {
				t.Errorf("NewName(%q) = %q, %v; want %q", c.text, name, err, c.want)
			}
		})
	}

	for outcome, text := range map[string]string{
		"refuses nothing":                          "",
		"refuses white space alone":                " \t\r\n\u00a0\u3000",
		"refuses 201 characters":                   strings.Repeat("x", 201),
		"refuses a NUL":                            "Brock\x00holes",
		"refuses a line break within":              "Brock\nholes",
		"refuses an escape":                        "\x1b[31mBrockholes",
		"refuses DEL":                              "Brockholes\x7f",
		"refuses C1 controls":                      "Brock\u0085holes",
		"refuses broken UTF-8":                     "Brock\xffholes",
		"refuses a surrogate in UTF-8":             "Brock\xed\xa0\x80holes",
		"refuses what stands for broken text":      "Brock\ufffdholes",
		"refuses a cut character at the end":       "Caf\xc3",
		"refuses control characters without limit": strings.Repeat("\x01", 100000),
	} {
		t.Run(outcome, func(t *testing.T) {
			t.Parallel()
			name, err := destination.NewName(text)
			if !errors.Is(err, destination.ErrName) {
				t.Errorf("NewName(%.40q) = %q, %v; want ErrName", text, name, err)
			}
		})
	}
}

func TestParseDegrees(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0", 10000)

	for outcome, c := range map[string]struct {
		decimal string
		want    float64
	}{
		"takes a decimal":                               {"53.77", 53.77},
		"takes the upper bound":                         {"90", 90},
		"takes the lower bound":                         {"-90", -90},
		"takes an exponent":                             {"9e1", 90},
		"takes an exponent in capitals":                 {"9.0E+1", 90},
		"takes the bound with zeros after it":           {"90.0000000000000000000000000", 90},
		"takes the bound with ten thousand zeros":       {"90." + long, 90},
		"takes the bound by a long way round":           {"0." + long + "9e10002", 90},
		"takes less than the bound that rounds to it":   {"89.99999999999999999999", 90},
		"takes more than the lower bound, likewise":     {"-89.99999999999999999999", -90},
		"rounds to the nearest float64":                 {"0.1000000000000000055511151231257827", 0.1},
		"keeps a millionth":                             {"-0.000001", -0.000001},
		"keeps the smallest angle that means something": {"1e-15", 1e-15},
	} {
		t.Run(outcome, func(t *testing.T) {
			t.Parallel()
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
			t.Parallel()
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
		"refuses nothing":                                    "",
		"refuses infinity":                                   "Inf",
		"refuses not a number":                               "NaN",
		"refuses the next float64 above":                     "90.00000000000001421085471520200371742248535156250",
		"refuses an exponent that makes it just too large":   "9.0000000000000000000001e1",
		"refuses a bound written with a comma":               "90,0",
		"refuses a bound of the longitude as well: too much": "180",
	} {
		t.Run(outcome, func(t *testing.T) {
			t.Parallel()
			if latitude, err := destination.ParseLatitude(decimal); !errors.Is(err, destination.ErrLatitude) {
				t.Errorf("ParseLatitude(%.40s) = %v, %v; want ErrLatitude", decimal, latitude.Degrees(), err)
			}
		})
	}

	t.Run("bounds longitudes at 180", func(t *testing.T) {
		t.Parallel()
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
