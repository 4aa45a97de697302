package dynamodb

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// Limits of a number: its significant digits, and the power of ten of its first digit.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
const (
	maxDigits    = 38
	maxMagnitude = 125
	minMagnitude = -130
)

// A number is 0.digits times ten to the power of exponent. Zero has no digits.
type number struct {
	negative bool
	digits   string // the first and the last one are not 0
	exponent int
}

var numeral = regexp.MustCompile(`^([+-]?)([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]+))?$`)

// parseNumber reads a number as DynamoDB does. It accepts more than JSON: +1, .5 and
// 007 are numbers.
func parseNumber(text string) (number, error) {
	if text == "" {
		return number{}, invalid("The parameter cannot be converted to a numeric value")
	}
	parts := numeral.FindStringSubmatch(text)
	if parts == nil || parts[2]+parts[3] == "" {
		return number{}, invalid("The parameter cannot be converted to a numeric value: %s", text)
	}
	n, whole, all := number{negative: parts[1] == "-"}, parts[2], parts[2]+parts[3]
	exponent, _ := strconv.Atoi(parts[4]) // a missing exponent gives 0, one out of range the nearest int
	exponent = max(-1<<30, min(exponent, 1<<30))
	n.digits = strings.TrimLeft(all, "0")
	n.exponent = len(whole) - (len(all) - len(n.digits)) + exponent
	n.digits = strings.TrimRight(n.digits, "0")
	return n.checked()
}

// checked returns the number if DynamoDB can store it.
func (n number) checked() (number, error) {
	switch {
	case n.digits == "":
		return number{}, nil
	case n.exponent-1 > maxMagnitude:
		return number{}, invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
	case n.exponent-1 < minMagnitude:
		return number{}, invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")
	case len(n.digits) > maxDigits:
		return number{}, invalid("Attempting to store more than 38 significant digits in a Number")
	}
	return n, nil
}

// String returns the normal form: without an exponent or superfluous zeros.
func (n number) String() string {
	if n.digits == "" {
		return "0"
	}
	sign := ""
	if n.negative {
		sign = "-"
	}
	switch {
	case n.exponent <= 0:
		return sign + "0." + strings.Repeat("0", -n.exponent) + n.digits
	case n.exponent >= len(n.digits):
		return sign + n.digits + strings.Repeat("0", n.exponent-len(n.digits))
	default:
		return sign + n.digits[:n.exponent] + "." + n.digits[n.exponent:]
	}
}

// sortable returns bytes that order as the numbers do: the sign, the exponent, the
// digits. Those of a negative number are inverted, behind a last byte that puts -1.2
// before -1.
func (n number) sortable() []byte {
	if n.digits == "" {
		return []byte{1}
	}
	b := append([]byte{2, byte(n.exponent - 1 - minMagnitude)}, n.digits...)
	if n.negative {
		b = append(b, 0)
		for i := range b {
			b[i] = ^b[i]
		}
		b[0] = 0
	}
	return b
}

// plus returns the sum, or an error if DynamoDB cannot store it.
func (n number) plus(m number) (number, error) {
	scale := min(n.exponent-len(n.digits), m.exponent-len(m.digits))
	sum := new(big.Int).Add(n.scaled(scale), m.scaled(scale))
	digits := new(big.Int).Abs(sum).String()
	total := number{negative: sum.Sign() < 0, digits: strings.TrimRight(digits, "0"), exponent: len(digits) + scale}
	return total.checked()
}

// scaled returns the number as a multiple of ten to the power of scale.
func (n number) scaled(scale int) *big.Int {
	i := new(big.Int)
	if n.digits != "" {
		i.SetString(n.digits+strings.Repeat("0", n.exponent-len(n.digits)-scale), 10)
	}
	if n.negative {
		i.Neg(i)
	}
	return i
}
