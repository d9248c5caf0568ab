package verify

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"unicode/utf8"
)

// What may never be stored: card numbers, and the provider's tokens. A card number is 13 to 19
// digits, alone or in groups divided by single spaces or dashes, that begin like a card of one of
// the schemes, have its length, pass the check sum, and stand alone: next to a letter, a dash or
// an underscore they are part of a name. Amounts are JSON numbers and SKUs are the merchant's own
// numbers, so neither is a card.

// leakIn names what a JSON text holds that must not be there; "" if nothing.
func leakIn(data []byte) string {
	if hasToken(data, "tok_") {
		return "a payment token"
	}
	if hasToken(data, "ba_") {
		return "a token of an account"
	}
	if hasCard(data) {
		return "a card number"
	}
	return ""
}

// leakInRecord also looks into the answers to requests that are kept as base64.
func leakInRecord(value []byte, aux bool) string {
	if leak := leakIn(value); leak != "" || !aux {
		return leak
	}
	var kept struct {
		Answer struct {
			Body []byte `json:"body"`
		} `json:"answer"`
	}
	if json.Unmarshal(value, &kept) != nil {
		return leakInBase64(value)
	}
	return leakIn(kept.Answer.Body)
}

// leakInBase64 looks into a value that is nothing but base64.
func leakInBase64(value []byte) string {
	plain, err := base64.StdEncoding.DecodeString(string(bytes.Trim(value, `"`)))
	if err != nil || !utf8.Valid(plain) {
		return ""
	}
	return leakIn(plain)
}

// hasToken looks for the beginning of a token.
func hasToken(data []byte, prefix string) bool {
	mark := []byte(prefix)
	for from := 0; ; {
		at := bytes.Index(data[from:], mark)
		if at < 0 {
			return false
		}
		at += from
		from = at + len(mark)
		if (at == 0 || !isWord(data[at-1])) && from < len(data) && isWord(data[from]) {
			return true
		}
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

// The lengths of card numbers.
const (
	shortestCard = 13
	longestCard  = 19
)

// hasCard looks for card numbers. A number may follow, or be followed by, digits of something else,
// so every group of digits is tried as the first and as the last of one.
func hasCard(data []byte) bool {
	for i := 0; i < len(data); i++ {
		if !isDigit(data[i]) {
			continue
		}
		end := i + 1
		for end < len(data) && isDigit(data[end]) {
			end++
		}
		if begins(data, i) && cardAt(data, i) {
			return true
		}
		i = end
	}
	return false
}

// cardAt reports whether a card number begins at i, where digits begin.
func cardAt(data []byte, i int) bool {
	var digits [longestCard]byte
	n := 0
	for j := i; j < len(data); j++ {
		if !isDigit(data[j]) {
			divides := (data[j] == ' ' || data[j] == '-') && isDigit(data[j-1])
			if n >= shortestCard && ends(data, j) && isCard(digits[:n]) && isText(data, i) {
				return true
			}
			if !divides {
				return false
			}
			continue
		}
		if n == longestCard {
			return false
		}
		digits[n] = data[j] - '0'
		n++
	}
	return n >= shortestCard && isCard(digits[:n])
}

// begins and ends report whether digits from i, or up to end, are not part of a name.
func begins(data []byte, i int) bool { return i == 0 || !isWord(data[i-1]) && data[i-1] != '-' }

func ends(data []byte, end int) bool { return !isWord(data[end]) && data[end] != '-' }

// isText reports whether the digits at i are neither a number in JSON nor a SKU.
func isText(data []byte, i int) bool {
	return inText(data, i) && !bytes.HasSuffix(data[:i], []byte(`"sku":"`))
}

// inText reports whether the place is inside a JSON string, or the whole is no JSON.
func inText(data []byte, i int) bool {
	if len(data) == 0 || data[0] != '{' && data[0] != '[' {
		return true
	}
	in := false
	for j := 0; j < i; j++ {
		switch data[j] {
		case '\\':
			j++
		case '"':
			in = !in
		}
	}
	return in
}

// isCard reports whether digits begin and end like a card number.
func isCard(digits []byte) bool { return isScheme(digits) && checksOut(digits) }

// isScheme knows how the numbers of the great schemes begin, and how long they are.
func isScheme(d []byte) bool {
	n := len(d)
	first4 := int(d[0])*1000 + int(d[1])*100 + int(d[2])*10 + int(d[3])
	first2 := first4 / 100
	switch {
	case d[0] == 4:
		return n == 13 || n == 16 || n == 19
	case first2 >= 51 && first2 <= 55, first4 >= 2221 && first4 <= 2720:
		return n == 16
	case first2 == 34 || first2 == 37:
		return n == 15
	case first2 == 36 || first2 == 38 || first4 >= 3000 && first4 < 3060:
		return n == 14 || n == 16
	case first4 == 6011 || first2 == 65 || first4 >= 6440 && first4 < 6500:
		return n == 16 || n == 19
	case first4 >= 3528 && first4 < 3590, first2 == 62:
		return n >= 16
	}
	return false
}

// checksOut is the check sum of card numbers: every second digit from the end counts twice.
func checksOut(digits []byte) bool {
	sum := 0
	for i, d := range digits {
		n := int(d)
		if (len(digits)-i)%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}
