// Package pattern matches events with event patterns: the dialect of Amazon EventBridge in full,
// many patterns at once.
//
// It promises that a pattern means here what it means to EventBridge and to AWS's open matcher:
// values in an array are alternatives, fields are all required, members of one array element must
// match together, numbers compare by value. It refuses what is not a pattern with a reason and the
// place of the mistake, and events that are not JSON objects. It never panics and never runs long,
// whatever it is given.
//
// Everybody may import it; it imports only the standard library.
package pattern

import (
	"cmp"
	"errors"
	"slices"
	"strings"
)

// ErrPattern is in every error of Compile.
var ErrPattern = errors.New("not a valid event pattern")

// ErrEvent is in every error of matching.
var ErrEvent = errors.New("not a JSON object")

// The limits of a pattern.
const (
	MaxBytes    = 256 << 10 // text of one pattern; EventBridge takes 2,048 unless asked for more
	MaxBranches = 1000      // combinations that $or makes, as EventBridge counts them
	maxNesting  = 200       // levels of a pattern, and of the part of an event that is looked at
)

// Pattern is a compiled event pattern. It is never changed, and safe for concurrent use.
type Pattern struct {
	text     string
	branches []branch
	alone    *Set
}

// branch is one way to match: all of its clauses. A pattern without $or has one.
type branch []clause

// clause is what a pattern says about one field. It holds when one of the field's values passes one
// of the tests, or when the field is absent and may be.
type clause struct {
	path   string // names joined by dots
	tests  []test
	absent bool
}

// Compile reads the text of a pattern. A member that is given twice counts once, by its last value.
func Compile(text []byte) (*Pattern, error) {
	branches, err := parse(text, true)
	if err != nil {
		// What is no proper $or may be a field of that name, as it was before $or existed.
		field, again := parse(text, false)
		if again != nil {
			return nil, err
		}
		branches = field
	}
	p := &Pattern{text: string(text), branches: branches}
	p.alone = NewSet(p)
	return p, nil
}

// MustCompile is Compile for texts that stand in a program; it panics on a mistake.
func MustCompile(text string) *Pattern {
	p, err := Compile([]byte(text))
	if err != nil {
		panic(err)
	}
	return p
}

// String is the text that the pattern was compiled from.
func (p *Pattern) String() string { return p.text }

// Matches reports whether an event matches. An event that is not a JSON object is ErrEvent.
func (p *Pattern) Matches(event []byte) (bool, error) {
	matched, err := p.alone.Match(nil, event)
	return len(matched) == 1, err
}

// Required returns the strings one of which the field must have for the pattern to match, if it is
// such a pattern; otherwise ok is false. The path's names are joined by dots.
func (p *Pattern) Required(path string) (values []string, ok bool) {
	for _, b := range p.branches {
		i := slices.IndexFunc(b, func(c clause) bool { return c.path == path })
		if i < 0 || b[i].absent {
			return nil, false
		}
		for _, t := range b[i].tests {
			if t.op != exactText {
				return nil, false
			}
			values = append(values, t.text)
		}
	}
	slices.Sort(values)
	return slices.Compact(values), true
}

// Only reports whether the pattern asks about that field and no other.
func (p *Pattern) Only(path string) bool {
	for _, b := range p.branches {
		if len(b) != 1 || b[0].path != path {
			return false
		}
	}
	return true
}

// newBranch orders clauses by path: absence is judged in this order.
func newBranch(fields map[string]clause) branch {
	b := make(branch, 0, len(fields))
	for _, c := range fields {
		b = append(b, c)
	}
	slices.SortFunc(b, func(x, y clause) int { return cmp.Compare(x.path, y.path) })
	return b
}

// OfTypes is the text of the pattern that matches events by a list of values of one field.
func OfTypes(field string, types ...string) string {
	quoted := make([]string, len(types))
	for i, t := range types {
		quoted[i] = quote(t)
	}
	return "{" + quote(field) + ":[" + strings.Join(quoted, ",") + "]}"
}
