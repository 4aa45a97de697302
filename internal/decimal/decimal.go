// Package decimal rewrites JSON numbers so that the standard library parses them
// correctly.
package decimal

import (
	"errors"
	"strconv"
	"strings"
)

const (
	// beyond is a power of ten that no float64 reaches, in either direction.
	beyond = 400

	// enough digits decide how a number rounds: no number halfway between two float64
	// values has more than 767. Beyond that it only matters whether any digit is not
	// zero.
	enough = 800
)

// Normalize returns a short spelling of a JSON number (RFC 8259, section 6): an
// optional minus, 0.digits without superfluous zeros, and an exponent. It rounds to the
// same float64 as the number, and compares the same with every number of at most 800
// digits. A number closer to zero than any float64 becomes 0; a larger one than any
// float64 becomes 1e400 or -1e400. Text that is not a JSON number becomes "", which no
// parser takes for a number, whatever other spellings it knows.
//
// It is needed because strconv.ParseFloat misreads some long numbers without an error:
// it reads at most 800 digits before the exponent, and 5 digits of the exponent
// (https://go.dev/issue/42436). math/big reads all, but takes seconds for a million
// digits and gigabytes for 1e999999999.
func Normalize(number string) string {
	sign, whole, fraction, exponent, ok := split(number)
	if !ok {
		return ""
	}
	all := whole + fraction
	digits := strings.TrimLeft(all, "0")
	exponent += len(whole) - (len(all) - len(digits))
	digits = strings.TrimRight(digits, "0")
	if len(digits) > enough {
		digits = digits[:enough] + "1" // the digits cut off are not all zero
	}
	switch {
	case digits == "" || exponent < -beyond:
		return "0"
	case exponent > beyond:
		return sign + "1e" + strconv.Itoa(beyond)
	}
	return sign + "0." + digits + "e" + strconv.Itoa(exponent)
}

// split takes a JSON number apart.
func split(number string) (sign, whole, fraction string, exponent int, ok bool) {
	mantissa := number
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		mantissa = number[:i]
		var err error
		// Out of range, Atoi returns the largest or smallest int.
		if exponent, err = strconv.Atoi(number[i+1:]); err != nil && !errors.Is(err, strconv.ErrRange) {
			return "", "", "", 0, false
		}
		// The digits of a body cannot outweigh an exponent clamped here.
		exponent = max(-1<<30, min(exponent, 1<<30))
	}
	if rest, negative := strings.CutPrefix(mantissa, "-"); negative {
		sign, mantissa = "-", rest
	}
	whole, fraction, pointed := strings.Cut(mantissa, ".")
	ok = isDigits(whole) && (whole == "0" || whole[0] != '0') && (!pointed || isDigits(fraction))
	return sign, whole, fraction, exponent, ok
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
