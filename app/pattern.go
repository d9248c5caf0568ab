package app

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
)

// pattern is a regular expression. Most of ours are some literal and then characters of one class
// up to the end: of those, a text in ASCII is matched without the automaton.
type pattern struct {
	re     func() *regexp.Regexp // compiled when first needed, which is seldom
	simple bool
	prefix string
	class  [128]bool
	least  int
	most   int // -1: any number
}

// newPattern panics if expr is no regular expression: it stands in a tag.
func newPattern(expr string) *pattern {
	p := &pattern{re: sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })}
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		panic(err)
	}
	if tree.Op != syntax.OpConcat {
		return p
	}
	parts := tree.Sub
	last := len(parts) - 1
	if parts[0].Op != syntax.OpBeginText || parts[last].Op != syntax.OpEndText {
		return p
	}
	if parts = parts[1:last]; len(parts) == 2 && parts[0].Op == syntax.OpLiteral &&
		parts[0].Flags&syntax.FoldCase == 0 {
		p.prefix = string(parts[0].Rune)
		parts = parts[1:]
	}
	if len(parts) != 1 || len(parts[0].Sub) != 1 || parts[0].Sub[0].Op != syntax.OpCharClass {
		return p
	}
	switch repeat := parts[0]; repeat.Op {
	case syntax.OpStar:
		p.least, p.most = 0, -1
	case syntax.OpPlus:
		p.least, p.most = 1, -1
	case syntax.OpRepeat:
		p.least, p.most = repeat.Min, repeat.Max
	default:
		return p
	}
	p.simple = true
	ranges := parts[0].Sub[0].Rune // pairs of the first and the last
	for i := 0; i < len(ranges); i += 2 {
		for r := ranges[i]; r <= ranges[i+1] && int(r) < len(p.class); r++ {
			p.class[r] = true
		}
	}
	return p
}

// takes reports whether s matches.
func (p *pattern) takes(s string) bool { return p.plainly(s) || p.re().MatchString(s) }

func (p *pattern) plainly(s string) bool {
	rest, ok := strings.CutPrefix(s, p.prefix)
	if !p.simple || !ok || len(rest) < p.least || p.most >= 0 && len(rest) > p.most {
		return false
	}
	for i := range len(rest) {
		if rest[i] >= byte(len(p.class)) || !p.class[rest[i]] {
			return false
		}
	}
	return true
}

// plainEmail reports whether s is an address of letters, digits, "-", "_" and single dots, as most
// are. Of others it knows nothing.
func plainEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && dotted(local) && dotted(domain)
}

func dotted(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" {
			return false
		}
		for _, c := range []byte(part) {
			word := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
			if !word && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}
