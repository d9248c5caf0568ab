package contract

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// cursor goes through the bytes of a payload as this build writes them: JSON without white space.
// It knows less than JSON allows. What it does not know it refuses, and whoever asked has to read
// the payload in another way; what it accepts is what every reader of JSON makes of it.
type cursor struct {
	data string
	at   int
}

// next is the byte at the cursor, 0 at the end.
func (c *cursor) next() byte {
	if c.at < len(c.data) {
		return c.data[c.at]
	}
	return 0
}

// take moves over one byte if it is there.
func (c *cursor) take(b byte) bool {
	if c.next() != b {
		return false
	}
	c.at++
	return true
}

// word moves over a word if it is there.
func (c *cursor) word(w string) bool {
	if !strings.HasPrefix(c.data[c.at:], w) {
		return false
	}
	c.at += len(w)
	return true
}

// text reads a string. What it returns is part of the payload, unless there are escapes in it.
func (c *cursor) text() (string, bool) {
	if !c.take('"') {
		return "", false
	}
	from, plain := c.at, true
	for ; c.at < len(c.data); c.at++ {
		switch b := c.data[c.at]; {
		case b == '"':
			s := c.data[from:c.at]
			c.at++
			return s, plain || utf8.ValidString(s)
		case b == '\\':
			return c.escaped(from)
		case b < ' ':
			return "", false
		case b >= utf8.RuneSelf:
			plain = false
		}
	}
	return "", false
}

// escaped reads a string that began at from and has escapes.
func (c *cursor) escaped(from int) (string, bool) {
	for c.at < len(c.data) && c.data[c.at] != '"' {
		if c.data[c.at] == '\\' {
			c.at++
		}
		c.at++
	}
	if c.at >= len(c.data) {
		return "", false
	}
	c.at++
	s, err := jsontext.AppendUnquote(nil, c.data[from-1:c.at])
	return string(s), err == nil
}

// maxDigits is how many digits an int64 has room for, whatever they are.
const maxDigits = 18

// number reads an integer.
func (c *cursor) number() (int64, bool) {
	minus := c.take('-')
	from := c.at
	var n int64
	for ; c.at < len(c.data) && c.data[c.at]-'0' <= 9; c.at++ {
		n = n*10 + int64(c.data[c.at]-'0')
		if c.at-from == maxDigits {
			return 0, false
		}
	}
	digits := c.at - from
	if digits == 0 || c.data[from] == '0' && (digits > 1 || minus) {
		return 0, false
	}
	if b := c.next(); b != ',' && b != '}' && b != ']' {
		return 0, false // a fraction, or what is no number
	}
	if minus {
		n = -n
	}
	return n, true
}

// list calls each for the elements of a list, at whose beginning the cursor then is.
func (c *cursor) list(each func() bool) bool {
	if !c.take('[') {
		return false
	}
	if c.take(']') {
		return true
	}
	for each() {
		if c.take(']') {
			return true
		}
		if !c.take(',') {
			return false
		}
	}
	return false
}

// maxMembers is how many names an object may have: a bit each.
const maxMembers = 64

// object calls each for the members of an object, with the place of their names in names. It
// returns which of them there are. It refuses other names, and a name twice.
func (c *cursor) object(names []string, each func(i int) bool) (seen uint64, ok bool) {
	if !c.take('{') {
		return 0, false
	}
	for expected := 0; !c.take('}'); {
		if seen != 0 && !c.take(',') {
			return seen, false
		}
		name, ok := c.text()
		if !ok || !c.take(':') {
			return seen, false
		}
		i := find(names, name, expected)
		if i < 0 || seen&(1<<i) != 0 || !each(i) {
			return seen, false
		}
		seen, expected = seen|1<<i, i+1
	}
	return seen, true
}

// find returns the place of a name, which most often is the one that is expected; -1 for none.
func find(names []string, name string, expected int) int {
	for i := expected; i < len(names); i++ {
		if names[i] == name {
			return i
		}
	}
	return slices.Index(names[:min(expected, len(names))], name)
}

// isMoment reports whether a text is a time that a fact can hold.
func isMoment(s string) bool { return new(time.Time).UnmarshalText([]byte(s)) == nil }

// isBase64 reports whether a text certainly is base64: the standard alphabet, padded.
func isBase64(s string) bool {
	if len(s)%4 != 0 {
		return false
	}
	for range 2 {
		s = strings.TrimSuffix(s, "=")
	}
	for _, b := range []byte(s) {
		letter := b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
		if !letter && b-'0' > 9 && b != '+' && b != '/' {
			return false
		}
	}
	return true
}
