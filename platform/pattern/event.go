package pattern

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// node is a place in the tree of the fields that a set asks about.
type node struct {
	children map[string]*node
	field    int32 // of the values that stand here, -1 if nobody asks
}

func (n *node) child(name string) *node {
	c := n.children[name]
	if c == nil {
		c = &node{field: -1}
		if n.children == nil {
			n.children = make(map[string]*node)
		}
		n.children[name] = c
	}
	return c
}

// step follows a member's name. A name with dots in it is a path, as everywhere in the dialect.
func (n *node) step(name []byte) *node {
	if c := n.children[string(name)]; c != nil {
		return c
	}
	for i, b := range name {
		if b == '.' {
			c := n.children[string(name[:i])]
			if c == nil {
				return nil
			}
			return c.step(name[i+1:])
		}
	}
	return nil
}

// place is an element of an array that a value stands in, below other such elements.
type place struct{ outer, array, element int32 }

// walk goes once through an event and collects the leaves that somebody asks about. Values that
// nobody asks about are only checked for being JSON.
type walk struct {
	event  []byte
	at     int
	arrays int32
	inside int32 // the place that is being walked, -1 for none
	leaves []leaf
	heads  []int32 // the first leaf of each field, -1 for none
	fields []int32 // the fields that have leaves
	places []place
	spare  []byte // texts that had escapes
}

func (w *walk) reset(event []byte) {
	w.event, w.at = event, 0
}

func (w *walk) clear() {
	for _, f := range w.fields {
		w.heads[f] = -1
	}
	w.arrays, w.inside = 0, -1
	w.leaves, w.fields, w.places = w.leaves[:0], w.fields[:0], w.places[:0]
	w.spare = w.spare[:0]
}

// document walks a whole event.
func (w *walk) document(root *node) error {
	if w.next() != '{' {
		return w.wrong("an event begins with {")
	}
	if err := w.value(root, 0); err != nil {
		return err
	}
	if w.next() != 0 || w.at < len(w.event) {
		return w.wrong("something follows the event")
	}
	return nil
}

func (w *walk) wrong(what string) error {
	return fmt.Errorf("%w: %s, at byte %d", ErrEvent, what, w.at)
}

// next is the next byte that is no space, 0 at the end.
func (w *walk) next() byte {
	if w.at < len(w.event) && w.event[w.at] > ' ' {
		return w.event[w.at]
	}
	return w.nextAfterSpace()
}

func (w *walk) nextAfterSpace() byte {
	for ; w.at < len(w.event); w.at++ {
		switch c := w.event[w.at]; c {
		case ' ', '\n', '\t', '\r':
		default:
			return c
		}
	}
	return 0
}

// value walks the next value; n is nil where nobody asks about anything in it.
func (w *walk) value(n *node, depth int) error {
	if depth > maxNesting {
		return w.wrong(fmt.Sprintf("nested more than %d deep", maxNesting))
	}
	switch c := w.next(); c {
	case '{':
		return w.object(n, depth)
	case '[':
		return w.array(n, depth)
	case '"':
		keep := n != nil && n.field >= 0
		text, err := w.text(keep)
		if err == nil && keep {
			w.add(n.field, textLeaf, text)
		}
		return err
	default:
		begin := w.at
		k, err := w.scalar(c)
		if err == nil && n != nil && n.field >= 0 {
			w.add(n.field, k, w.event[begin:w.at])
		}
		return err
	}
}

func (w *walk) add(field int32, k kind, text []byte) {
	if w.heads[field] < 0 {
		w.fields = append(w.fields, field)
	}
	w.leaves = append(w.leaves, leaf{kind: k, text: text, place: w.inside, next: w.heads[field]})
	w.heads[field] = int32(len(w.leaves) - 1)
}

func (w *walk) object(n *node, depth int) error {
	w.at++
	if n != nil && n.children == nil {
		n = nil
	}
	for first := true; ; first = false {
		switch c := w.next(); {
		case c == '}' && first:
			w.at++
			return nil
		case c != '"':
			return w.wrong("a member's name is missing")
		}
		name, err := w.text(n != nil)
		if err != nil {
			return err
		}
		if w.next() != ':' {
			return w.wrong("a colon is missing")
		}
		w.at++
		var below *node
		if n != nil {
			below = n.step(name)
		}
		if err := w.value(below, depth+1); err != nil {
			return err
		}
		switch c := w.next(); c {
		case ',':
			w.at++
		case '}':
			w.at++
			return nil
		default:
			return w.wrong("a comma or } is missing")
		}
	}
}

// array walks an array: its elements are values of the field that the array stands for, and what
// stands in an element that is an object or an array belongs together.
func (w *walk) array(n *node, depth int) error {
	w.at++
	array, outer := w.arrays, w.inside
	w.arrays++
	for i := int32(0); ; i++ {
		c := w.next()
		if c == ']' && i == 0 {
			w.at++
			return nil
		}
		if n != nil && (c == '{' || c == '[') {
			w.places = append(w.places, place{outer, array, i})
			w.inside = int32(len(w.places) - 1)
		}
		err := w.value(n, depth+1)
		w.inside = outer
		if err != nil {
			return err
		}
		switch w.next() {
		case ',':
			w.at++
		case ']':
			w.at++
			return nil
		default:
			return w.wrong("a comma or ] is missing")
		}
	}
}

// text reads a text after its first quotation mark. Without keep it only finds the end.
func (w *walk) text(keep bool) ([]byte, error) {
	begin := w.at + 1
	for i, c := range w.event[begin:] {
		switch {
		case c == '"':
			w.at = begin + i + 1
			return w.event[begin : begin+i], nil
		case c == '\\':
			w.at = begin + i
			return w.escaped(begin, keep)
		case c < ' ':
			w.at = begin + i
			return nil, w.wrong("a control character in a text")
		}
	}
	w.at = len(w.event)
	return nil, w.wrong("a text without end")
}

// escaped goes on with a text in which an escape was met.
func (w *walk) escaped(begin int, keep bool) ([]byte, error) {
	start := len(w.spare)
	w.spare = append(w.spare, w.event[begin:w.at]...)
	for w.at < len(w.event) {
		c := w.event[w.at]
		w.at++
		switch {
		case c == '"':
			text := w.spare[start:len(w.spare):len(w.spare)]
			if !keep {
				w.spare = w.spare[:start]
			}
			return text, nil
		case c < ' ':
			return nil, w.wrong("a control character in a text")
		case c != '\\':
			w.spare = append(w.spare, c)
		case !w.escape():
			return nil, w.wrong("an escape that JSON does not know")
		}
	}
	return nil, w.wrong("a text without end")
}

// escape reads what follows a backslash.
func (w *walk) escape() bool {
	if w.at >= len(w.event) {
		return false
	}
	c := w.event[w.at]
	w.at++
	switch c {
	case '"', '\\', '/':
		w.spare = append(w.spare, c)
	case 'b':
		w.spare = append(w.spare, '\b')
	case 'f':
		w.spare = append(w.spare, '\f')
	case 'n':
		w.spare = append(w.spare, '\n')
	case 'r':
		w.spare = append(w.spare, '\r')
	case 't':
		w.spare = append(w.spare, '\t')
	case 'u':
		r, ok := w.hex()
		if !ok {
			return false
		}
		if utf16.IsSurrogate(r) && w.at+1 < len(w.event) &&
			w.event[w.at] == '\\' && w.event[w.at+1] == 'u' {
			w.at += 2
			second, ok := w.hex()
			if !ok {
				return false
			}
			if pair := utf16.DecodeRune(r, second); pair != utf8.RuneError {
				r = pair
			} else {
				w.at -= 6
			}
		}
		w.spare = utf8.AppendRune(w.spare, r)
	default:
		return false
	}
	return true
}

func (w *walk) hex() (rune, bool) {
	if w.at+4 > len(w.event) {
		return 0, false
	}
	var r rune
	for range 4 {
		c := w.event[w.at]
		w.at++
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// scalar reads a number, true, false or null, which begins with c.
func (w *walk) scalar(c byte) (kind, error) {
	for _, word := range [...]string{"true", "false", "null"} {
		if c == word[0] {
			if rest := w.event[w.at:]; len(rest) < len(word) || string(rest[:len(word)]) != word {
				break
			}
			w.at += len(word)
			return literalLeaf, nil
		}
	}
	if c != '-' && (c < '0' || c > '9') {
		return 0, w.wrong("a value is missing")
	}
	if c == '-' {
		w.at++
	}
	ok := w.at < len(w.event) && (w.event[w.at] == '0' && w.skip() || w.digits())
	if ok && w.at < len(w.event) && w.event[w.at] == '.' {
		w.at++
		ok = w.digits()
	}
	if ok && w.at < len(w.event) && w.event[w.at]|0x20 == 'e' {
		w.at++
		if w.at < len(w.event) && (w.event[w.at] == '+' || w.event[w.at] == '-') {
			w.at++
		}
		ok = w.digits()
	}
	if !ok {
		return 0, w.wrong("a number that is none")
	}
	return numberLeaf, nil
}

func (w *walk) skip() bool {
	w.at++
	return true
}

func (w *walk) digits() bool {
	begin := w.at
	for w.at < len(w.event) && w.event[w.at] >= '0' && w.event[w.at] <= '9' {
		w.at++
	}
	return w.at > begin
}
