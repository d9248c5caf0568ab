package pattern

import (
	"net/netip"
	"slices"
	"strconv"
)

// index finds the branches that a value of one field speaks for. It may name too many, because a
// branch is judged as a whole in any case, but never too few.
type index struct {
	empty     bool
	texts     map[string][]int32
	folded    map[string][]int32 // by lower case, for texts of ASCII letters
	written   map[string][]int32 // true, false, null, and numbers that no double holds
	numbers   map[float64][]int32
	addresses map[netip.Addr][]int32
	prefixes  affixes
	suffixes  affixes
	ranges    []ranged
	others    []other
	always    []int32 // branches for which any value speaks
}

// affixes finds those of many prefixes (or suffixes) that a text has: one look for each length.
type affixes struct {
	lengths []int
	by      map[string][]int32
}

type ranged struct {
	test *test
	id   int32
}

type other = ranged

func put[K comparable](m *map[K][]int32, key K, id int32) {
	if *m == nil {
		*m = make(map[K][]int32)
	}
	(*m)[key] = append((*m)[key], id)
}

func (a *affixes) add(s []byte, id int32) {
	put(&a.by, string(s), id)
	if !slices.Contains(a.lengths, len(s)) {
		a.lengths = append(a.lengths, len(s))
	}
}

// add lets values that pass a test speak for a branch.
func (x *index) add(t *test, id int32) {
	switch t.op {
	case exactText:
		put(&x.texts, t.text, id)
	case exactLiteral, exactWritten:
		put(&x.written, t.text, id)
	case exactNumeric:
		put(&x.numbers, t.low, id)
	case exactAddress:
		put(&x.addresses, t.address, id)
	case prefixText:
		x.prefixes.add(t.raw, id)
	case suffixText:
		x.suffixes.add(t.raw, id)
	case wildcardText:
		first, last := t.pieces[0], t.pieces[len(t.pieces)-1]
		switch {
		case len(first) > 0 && len(first) >= len(last):
			x.prefixes.add(first, id)
		case len(last) > 0:
			x.suffixes.add(last, id)
		default:
			x.others = append(x.others, other{t, id})
		}
	case foldText:
		if s, ok := asciiFold(t.text); ok {
			put(&x.folded, s, id)
		} else {
			x.others = append(x.others, other{t, id})
		}
	case inRange:
		x.ranges = append(x.ranges, ranged{t, id})
	case anythingBut, present:
		x.always = append(x.always, id)
	default:
		x.others = append(x.others, other{t, id})
	}
}

func (x *index) finish() {
	x.empty = x.texts == nil && x.folded == nil && x.written == nil && x.numbers == nil &&
		x.addresses == nil && x.prefixes.by == nil && x.suffixes.by == nil &&
		len(x.ranges)+len(x.others)+len(x.always) == 0
}

// candidates judges every branch that a value speaks for.
func (x *index) candidates(s *Set, c *scratch, l *leaf, to []int) []int {
	switch l.kind {
	case textLeaf:
		to = x.textCandidates(s, c, l, to)
	case literalLeaf:
		to = s.judge(to, c, x.written[string(l.text)])
	case numberLeaf:
		if len(x.written) > 0 {
			to = s.judge(to, c, x.written[string(l.text)])
		}
		if len(x.numbers) > 0 || len(x.ranges) > 0 {
			if n, ok := l.asNumber(); ok {
				to = s.judge(to, c, x.numbers[n])
				for i := range x.ranges {
					if x.ranges[i].test.holds(n) {
						to = s.judgeOne(to, c, x.ranges[i].id)
					}
				}
			}
		}
	}
	for i := range x.others {
		if x.others[i].test.passes(l) {
			to = s.judgeOne(to, c, x.others[i].id)
		}
	}
	return s.judge(to, c, x.always)
}

func (x *index) textCandidates(s *Set, c *scratch, l *leaf, to []int) []int {
	if len(x.texts) > 0 {
		to = s.judge(to, c, x.texts[string(l.text)])
	}
	if len(x.folded) > 0 {
		c.folded = append(c.folded[:0], l.text...)
		for i, b := range c.folded {
			if b >= 'A' && b <= 'Z' {
				c.folded[i] = b + 'a' - 'A'
			}
		}
		to = s.judge(to, c, x.folded[string(c.folded)])
	}
	if len(x.addresses) > 0 {
		if a, ok := l.asAddress(); ok {
			to = s.judge(to, c, x.addresses[a])
		}
	}
	for _, n := range x.prefixes.lengths {
		if n <= len(l.text) {
			to = s.judge(to, c, x.prefixes.by[string(l.text[:n])])
		}
	}
	for _, n := range x.suffixes.lengths {
		if n <= len(l.text) {
			to = s.judge(to, c, x.suffixes.by[string(l.text[len(l.text)-n:])])
		}
	}
	return to
}

// cost guesses how many branches would be looked at in vain if a clause spoke for its branch: how
// often such a test is true, times how many others ask the same.
func (q *asked) cost(popular map[string]int) int {
	if q.absent {
		return 1_000_000_000
	}
	most := 0
	for i := range q.tests {
		weight := 20_000_000
		switch t := &q.tests[i]; t.op {
		case exactText, exactNumeric, exactAddress, exactWritten, foldText:
			weight = 1
		case prefixText, suffixText:
			weight = 1 + 400/(1+len(t.text))
		case wildcardText:
			weight = 1 + 400/(1+max(len(t.pieces[0]), len(t.pieces[len(t.pieces)-1])))
		case exactLiteral, foldPrefix, foldSuffix, inNetwork, inRange:
			weight = 2000
		}
		most = max(most, weight*popular[q.key(i)])
	}
	return most
}

// popularity counts how many branches ask each question.
func popularity(branches []member) map[string]int {
	count := make(map[string]int)
	for _, m := range branches {
		for i := range m.clauses {
			for t := range m.clauses[i].tests {
				count[m.clauses[i].key(t)]++
			}
		}
	}
	return count
}

// key names the question that a test is.
func (q *asked) key(i int) string {
	t := &q.tests[i]
	key := strconv.Itoa(int(q.field)) + "/" + strconv.Itoa(int(t.op)) + "/" + t.text
	if t.op == exactNumeric {
		key += strconv.FormatFloat(t.low, 'g', -1, 64)
	}
	return key
}
