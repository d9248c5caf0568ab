package pattern

import (
	"bytes"
	"net/netip"
)

// op is what a test does.
type op uint8

const (
	exactText    op = iota + 1 // the same text
	exactLiteral               // true, false or null
	exactNumeric               // the same number
	exactWritten               // a number that no double holds, written the same way
	exactAddress               // the same IP address, however it is written
	foldText                   // the same text in either case
	prefixText
	suffixText
	foldPrefix
	foldSuffix
	wildcardText
	inRange
	inNetwork
	anythingBut
	present
)

// test is one thing that a value may be asked.
type test struct {
	op   op
	text string
	raw  []byte // text, for comparing parts

	low, high                          float64 // low alone for exactNumeric
	hasLow, hasHigh, openLow, openHigh bool
	address                            netip.Addr
	net                                netip.Prefix
	units                              []unit   // fold…
	pieces                             [][]byte // wildcardText: what stands between the stars
	but                                []test   // anythingBut: none of these
}

// exactly is the test for a text that stands in a pattern by itself. An IP address is compared as
// one.
func exactly(s string) test {
	if a, ok := address([]byte(s)); ok {
		return test{op: exactAddress, address: a, text: s}
	}
	return test{op: exactText, text: s}
}

func exactNumber(text string) test {
	if n, ok := exactFloat([]byte(text)); ok {
		return test{op: exactNumeric, low: n}
	}
	return test{op: exactWritten, text: text}
}

// kind is what sort of value a leaf is.
type kind uint8

const (
	textLeaf    kind = iota + 1
	numberLeaf       // also one that no double holds
	literalLeaf      // true, false, null
)

// leaf is a value of an event, at a field that somebody asks about.
type leaf struct {
	kind  kind
	text  []byte // a text without quotes and escapes, or as it is written
	place int32  // which array elements it stands in, -1 for none
	next  int32  // the next leaf of the same field, -1 for none

	numbered, isNumber bool
	number             float64
	addressed, isAddr  bool
	address            netip.Addr
}

func (l *leaf) asNumber() (float64, bool) {
	if l.kind != numberLeaf {
		return 0, false
	}
	if !l.numbered {
		l.number, l.isNumber = exactFloat(l.text)
		l.numbered = true
	}
	return l.number, l.isNumber
}

func (l *leaf) asAddress() (netip.Addr, bool) {
	if l.kind != textLeaf {
		return netip.Addr{}, false
	}
	if !l.addressed {
		l.address, l.isAddr = address(l.text)
		l.addressed = true
	}
	return l.address, l.isAddr
}

// passes reports whether a value passes the test.
func (t *test) passes(l *leaf) bool {
	switch t.op {
	case present:
		return true
	case anythingBut:
		for i := range t.but {
			if t.but[i].passes(l) {
				return false
			}
		}
		return true
	case exactLiteral:
		return l.kind == literalLeaf && string(l.text) == t.text
	case exactWritten:
		return l.kind == numberLeaf && string(l.text) == t.text
	case exactNumeric, inRange:
		n, ok := l.asNumber()
		return ok && t.holds(n)
	case exactAddress, inNetwork:
		a, ok := l.asAddress()
		if t.op == exactAddress {
			return ok && a == t.address
		}
		return ok && t.net.Contains(a)
	}
	return l.kind == textLeaf && t.fits(l.text)
}

func (t *test) holds(n float64) bool {
	if t.op == exactNumeric {
		return n == t.low
	}
	return (!t.hasLow || n > t.low || n == t.low && !t.openLow) &&
		(!t.hasHigh || n < t.high || n == t.high && !t.openHigh)
}

func (t *test) fits(s []byte) bool {
	switch t.op {
	case exactText:
		return string(s) == t.text
	case prefixText:
		return bytes.HasPrefix(s, t.raw)
	case suffixText:
		return bytes.HasSuffix(s, t.raw)
	case foldText, foldPrefix:
		return foldsForward(t.units, s, t.op == foldText)
	case foldSuffix:
		return foldsBackward(t.units, s)
	case wildcardText:
		return t.wild(s)
	}
	return false
}

// address reads an IP address as it stands in events: four decimal numbers, or the groups of a
// version 6 address, without zone. An IPv4 address inside a version 6 one is the former.
func address(s []byte) (netip.Addr, bool) {
	if len(s) < 2 || len(s) > 45 || bytes.IndexByte(s, '%') >= 0 {
		return netip.Addr{}, false
	}
	dots, colons := 0, 0
	for _, c := range s {
		switch {
		case c == '.':
			dots++
		case c == ':':
			colons++
		case c < '0' || c > '9' && c < 'A' || c > 'F' && c < 'a' || c > 'f':
			return netip.Addr{}, false
		}
	}
	if (dots == 3) == (colons >= 2) || dots != 0 && dots != 3 {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(string(s))
	return a.Unmap(), err == nil
}
