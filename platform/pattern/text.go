package pattern

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// newWildcard compiles a wildcard: "*" stands for any text, "\*" and "\\" for themselves. It says
// what is wrong with one that is refused.
func newWildcard(s string) (t test, problem string) {
	t = test{op: wildcardText, text: s}
	piece := []byte{}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '*':
			if i+1 < len(s) && s[i+1] == '*' {
				return t, "two wildcards stand side by side: one is enough"
			}
			t.pieces, piece = append(t.pieces, piece), []byte{}
		case '\\':
			if i++; i == len(s) || s[i] != '*' && s[i] != '\\' {
				return t, `a backslash in a wildcard must stand before * or \`
			}
			piece = append(piece, s[i])
		default:
			piece = append(piece, s[i])
		}
	}
	t.pieces = append(t.pieces, piece)
	return t, ""
}

// wild reports whether s begins with the first piece, ends with the last, and has the others
// between them, in order.
func (t *test) wild(s []byte) bool {
	first, last := t.pieces[0], t.pieces[len(t.pieces)-1]
	if len(t.pieces) == 1 {
		return bytes.Equal(s, first)
	}
	if len(s) < len(first)+len(last) || !bytes.HasPrefix(s, first) || !bytes.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, piece := range t.pieces[1 : len(t.pieces)-1] {
		i := bytes.Index(s, piece)
		if i < 0 {
			return false
		}
		s = s[i+len(piece):]
	}
	return true
}

// unit is one character of a pattern in its two cases. They may be of different lengths.
type unit struct{ lower, upper []byte }

// newFold compiles a text that is compared in either case: each character of the pattern stands for
// its lower and its upper case, as Java spells them.
func newFold(kind op, s string) test {
	t := test{op: kind, text: s}
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n <= 1 {
			t.units = append(t.units, unit{[]byte(s[i : i+1]), []byte(s[i : i+1])})
		} else {
			t.units = append(t.units, unit{[]byte(lower(r)), []byte(upper(r))})
		}
		i += n
	}
	return t
}

func lower(r rune) string {
	if r == 'İ' {
		return "i̇"
	}
	return string(unicode.ToLower(r))
}

// upper spells the letters whose upper case is several letters.
func upper(r rune) string {
	switch r {
	case 'ß':
		return "SS"
	case 'ŉ':
		return "ʼN"
	case 'ǰ':
		return "J̌"
	case 'ﬀ':
		return "FF"
	case 'ﬁ':
		return "FI"
	case 'ﬂ':
		return "FL"
	case 'ﬃ':
		return "FFI"
	case 'ﬄ':
		return "FFL"
	case 'ﬅ', 'ﬆ':
		return "ST"
	}
	return string(unicode.ToUpper(r))
}

// foldsForward reports whether s begins with the units, or is them.
func foldsForward(units []unit, s []byte, whole bool) bool {
	for i, u := range units {
		a, b := bytes.HasPrefix(s, u.lower), bytes.HasPrefix(s, u.upper)
		switch {
		case !a && !b:
			return false
		case a && b && len(u.lower) != len(u.upper):
			return foldsForward(units[i+1:], s[len(u.lower):], whole) ||
				foldsForward(units[i+1:], s[len(u.upper):], whole)
		case a:
			s = s[len(u.lower):]
		default:
			s = s[len(u.upper):]
		}
	}
	return !whole || len(s) == 0
}

// foldsBackward reports whether s ends with the units.
func foldsBackward(units []unit, s []byte) bool {
	for i := len(units) - 1; i >= 0; i-- {
		u := units[i]
		switch {
		case bytes.HasSuffix(s, u.lower):
			s = s[:len(s)-len(u.lower)]
		case bytes.HasSuffix(s, u.upper):
			s = s[:len(s)-len(u.upper)]
		default:
			return false
		}
	}
	return true
}

// asciiFold is the lower case of a text that has no other letters than those of ASCII.
func asciiFold(s string) (string, bool) {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return "", false
		}
	}
	return strings.ToLower(s), true
}
