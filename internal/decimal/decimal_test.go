package decimal

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"testing"
)

func TestNormalize(t *testing.T) {
	t.Parallel()
	zeros, nines := strings.Repeat("0", 15000), strings.Repeat("9", 15000)
	for number, want := range map[string]string{
		"0":                            "0",
		"-0.000e7":                     "0",
		"0e999999999999999999999":      "0",
		"53.77":                        "0.5377e2",
		"-2.63":                        "-0.263e1",
		"90":                           "0.9e2",
		"9.0E+01":                      "0.9e2",
		"0.009e4":                      "0.9e2",
		"9" + zeros + "e-14999":        "0.9e2",
		"0." + zeros + "9e15002":       "0.9e2",
		"90." + zeros + "1":            "0.90" + zeros[:798] + "1e2",
		"89." + nines:                  "0.89" + nines[:798] + "1e2",
		"-1" + nines + "e-15000":       "-0.1" + nines[:799] + "1e1",
		"1e-399":                       "0.1e-398",
		"1e-402":                       "0",
		"-1e-1000001":                  "0",
		"1" + zeros + "e-100000":       "0",
		"1e400":                        "1e400",
		"-1e1000001":                   "-1e400",
		"0." + zeros + "9e100000":      "1e400",
		"1e99999999999999999999999999": "1e400",
		"1e-9999999999999999999999999": "0",

		// No JSON numbers.
		"": "", "-": "", "+1": "", "01": "", ".5": "", "1.": "", "1e": "", "1e+": "", "1ex": "", "1e1.5": "", "1.2.3": "", "--1": "",
		"NaN": "", "Inf": "", "-Infinity": "", "0x1F": "", "0x1p4": "", "1_0": "", "1e1_0": "", " 1": "", "1 ": "", "\uff11": "",
	} {
		if got := Normalize(number); got != want {
			t.Errorf("%.40s (%d characters): got %s, want %s", number, len(number), got, want)
		}
	}
}

// ParseFloat must find the float64 nearest to the exact value, which math/big
// knows, whatever the spelling.
func FuzzNormalize(f *testing.F) {
	for _, number := range []string{"0", "-0", "90", "1E1", "0.1e1", "1e-300", "90.00000000000000000001", "123456789012345678901234567890",
		"1.00000000000000011102230246251565404236316680908203125", "1.00000000000000011102230246251565404236316680908203124"} { // around halfway
		f.Add(number, uint16(0))
		f.Add(number, uint16(900))
	}
	f.Fuzz(func(t *testing.T, number string, shift uint16) {
		var exponent int
		if mantissa, text, found := strings.Cut(strings.ToLower(number), "e"); found {
			var err error
			if exponent, err = strconv.Atoi(text); err != nil || exponent < -2000 || exponent > 2000 {
				t.Skip("math/big would take too long")
			}
			number = mantissa
		}
		// The same value with its point moved by many digits.
		moved := number + strings.Repeat("0", int(shift%12000))
		if !strings.Contains(number, ".") {
			exponent -= int(shift % 12000)
		}
		moved += "e" + strconv.Itoa(exponent)
		if !json.Valid([]byte(moved)) {
			if got := Normalize(moved); got != "" {
				t.Errorf("%q is no number: got %q", moved, got)
			}
			return
		}
		rat, ok := new(big.Rat).SetString(moved)
		if !ok {
			t.Skip("a JSON document, and no number")
		}
		want, _ := rat.Float64()
		got, _ := strconv.ParseFloat(Normalize(moved), 64)
		if got != want {
			t.Errorf("%.60s (%d characters): got %v, want %v", moved, len(moved), got, want)
		}
	})
}
