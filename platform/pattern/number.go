package pattern

import (
	"bytes"
	"strconv"
)

// maxDigits is how many significant digits the shortest text of a double can have.
const maxDigits = 17

// exactFloat reads a JSON number that a double holds without loss: one whose shortest text has the
// same digits. Only such numbers are compared by value; the others are like texts.
func exactFloat(text []byte) (float64, bool) {
	if n, ok := smallInteger(text); ok {
		return n, true
	}
	given, ok := decimalOf(text)
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return 0, false
	}
	var buffer [32]byte
	shortest, ok := decimalOf(strconv.AppendFloat(buffer[:0], f, 'e', -1, 64))
	if given.count == 0 {
		return 0, ok
	}
	return f, ok && given == shortest
}

// smallInteger reads what most numbers are: at most 15 digits and nothing else.
func smallInteger(text []byte) (float64, bool) {
	digits := bytes.TrimPrefix(text, []byte("-"))
	if len(digits) == 0 || len(digits) > 15 {
		return 0, false
	}
	n := 0
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	if len(digits) < len(text) {
		n = -n
	}
	return float64(n), true
}

// decimal is a number as digits 0.d1d2d3… times a power of ten, without zeros at either end.
type decimal struct {
	negative bool
	digits   [maxDigits]byte
	count    int
	exponent int
}

// decimalOf reads a JSON number; ok is false for one with more digits than a double can have.
func decimalOf(text []byte) (d decimal, ok bool) {
	if len(text) > 0 && text[0] == '-' {
		d.negative, text = true, text[1:]
	}
	mantissa, exponent := text, 0
	if i := bytes.IndexAny(text, "eE"); i >= 0 {
		e, err := strconv.Atoi(string(bytes.TrimPrefix(text[i+1:], []byte("+"))))
		if err != nil {
			return d, false
		}
		mantissa, exponent = text[:i], e
	}
	zeros, point := 0, false // zeros that count only if a digit follows
	for _, c := range mantissa {
		switch {
		case c == '.':
			point = true
			continue
		case c == '0' && d.count == 0:
			if point {
				exponent--
			}
			continue
		case c == '0':
			zeros++
		case c < '0' || c > '9' || d.count+zeros+1 > maxDigits:
			return d, false
		default:
			for ; zeros > 0; zeros-- {
				d.digits[d.count] = '0'
				d.count++
			}
			d.digits[d.count] = c
			d.count++
		}
		if !point {
			exponent++
		}
	}
	if d.count == 0 {
		return decimal{}, true
	}
	d.exponent = exponent
	return d, true
}
