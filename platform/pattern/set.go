package pattern

import (
	"slices"
	"strings"
	"sync"
)

// Set is many patterns that are matched at once: an event is walked once, whatever their number,
// and only patterns that one of its values speaks for are looked at. A set is never changed, and
// safe for concurrent use.
type Set struct {
	root     *node
	ids      map[string]int32 // of fields, by path
	index    []index          // of each field
	branches []member
	absent   []int32 // branches that nothing but an absence speaks for
	scratch  sync.Pool
}

// member is a branch of one of the set's patterns.
type member struct {
	pattern int32
	clauses []asked
}

// asked is a clause with the number of its field.
type asked struct {
	clause
	field int32
}

// NewSet makes a set; a pattern's number is its place among the arguments.
func NewSet(patterns ...*Pattern) *Set {
	s := &Set{root: &node{field: -1}, ids: make(map[string]int32)}
	for i, p := range patterns {
		for _, b := range p.branches {
			m := member{pattern: int32(i)}
			for _, c := range b {
				m.clauses = append(m.clauses, asked{c, s.field(c.path)})
			}
			s.branches = append(s.branches, m)
		}
	}
	s.index = make([]index, len(s.ids))
	popular := popularity(s.branches)
	for id := range s.branches {
		s.enter(int32(id), popular)
	}
	for i := range s.index {
		s.index[i].finish()
	}
	s.scratch.New = func() any { return newScratch(len(s.ids), len(s.branches), len(patterns)) }
	return s
}

func (s *Set) field(path string) int32 {
	if id, ok := s.ids[path]; ok {
		return id
	}
	n := s.root
	for name := range strings.SplitSeq(path, ".") {
		n = n.child(name)
	}
	id := int32(len(s.ids))
	s.ids[path], n.field = id, id
	return id
}

// enter lets the clause that is least often true speak for a branch.
func (s *Set) enter(id int32, popular map[string]int) {
	clauses := s.branches[id].clauses
	best, least := -1, 0
	for i := range clauses {
		if cost := clauses[i].cost(popular); best < 0 || cost < least {
			best, least = i, cost
		}
	}
	if best < 0 {
		return
	}
	c := &clauses[best]
	if c.absent {
		s.absent = append(s.absent, id)
	}
	for i := range c.tests {
		s.index[c.field].add(&c.tests[i], id)
	}
}

// Member is a part of an event that is given as it is, so that nobody has to write it all down: a
// name, and either a text or the JSON of a value.
type Member struct {
	Name string
	Text string
	JSON []byte
}

// Match appends the numbers of the patterns that match an event, in order. An event that is not a
// JSON object is ErrEvent.
func (s *Set) Match(to []int, event []byte) ([]int, error) {
	c := s.scratch.Get().(*scratch)
	defer s.done(c)
	c.reset(event)
	if err := c.document(s.root); err != nil {
		return to, err
	}
	return s.collect(to, c), nil
}

// MatchMembers is Match for an event whose members at the top are given one by one.
func (s *Set) MatchMembers(to []int, members ...Member) ([]int, error) {
	c := s.scratch.Get().(*scratch)
	defer s.done(c)
	for i := range members {
		m := &members[i]
		n := s.root.children[m.Name]
		if n == nil {
			continue
		}
		if m.JSON == nil {
			if n.field >= 0 {
				begin := len(c.spare)
				c.spare = append(c.spare, m.Text...)
				c.add(n.field, textLeaf, c.spare[begin:])
			}
			continue
		}
		c.reset(m.JSON)
		if err := c.value(n, 1); err != nil {
			return to, err
		}
		if c.next() != 0 || c.at < len(c.event) {
			return to, c.wrong("something follows the value")
		}
	}
	return s.collect(to, c), nil
}

func (s *Set) done(c *scratch) {
	c.clear()
	c.event = nil
	s.scratch.Put(c)
}

// scratch is what one match needs besides the set.
type scratch struct {
	walk
	round   uint32
	tried   []uint32 // the round in which a branch was looked at
	matched []uint32 // the round in which a pattern matched
	chosen  []int32  // places of the values that were chosen so far
	folded  []byte
}

func newScratch(fields, branches, patterns int) *scratch {
	c := &scratch{tried: make([]uint32, branches), matched: make([]uint32, patterns)}
	c.heads, c.inside = make([]int32, fields), -1
	for i := range c.heads {
		c.heads[i] = -1
	}
	return c
}

// collect judges the branches that the event's values, or its lack of them, speak for.
func (s *Set) collect(to []int, c *scratch) []int {
	if c.round++; c.round == 0 { // after four thousand million matches
		clear(c.tried)
		clear(c.matched)
		c.round = 1
	}
	begin := len(to)
	for _, f := range c.fields {
		x := &s.index[f]
		if x.empty {
			continue
		}
		for l := c.heads[f]; l >= 0; l = c.leaves[l].next {
			to = x.candidates(s, c, &c.leaves[l], to)
		}
	}
	to = s.judge(to, c, s.absent)
	slices.Sort(to[begin:])
	return to
}

// judge adds the patterns of those of the branches that match.
func (s *Set) judge(to []int, c *scratch, branches []int32) []int {
	for _, id := range branches {
		to = s.judgeOne(to, c, id)
	}
	return to
}

func (s *Set) judgeOne(to []int, c *scratch, id int32) []int {
	if c.tried[id] == c.round {
		return to
	}
	c.tried[id] = c.round
	m := &s.branches[id]
	if c.matched[m.pattern] == c.round {
		return to
	}
	if len(c.places) == 0 && c.plainly(m.clauses) || len(c.places) > 0 && c.together(m.clauses) {
		c.matched[m.pattern] = c.round
		to = append(to, int(m.pattern))
	}
	return to
}

// plainly judges clauses where no value stands in an array element of its own.
func (c *scratch) plainly(clauses []asked) bool {
	for i := range clauses {
		q := &clauses[i]
		head := c.heads[q.field]
		if head < 0 && q.absent {
			continue
		}
		held := false
		for l := head; l >= 0 && !held; l = c.leaves[l].next {
			held = q.holds(&c.leaves[l])
		}
		if !held {
			return false
		}
	}
	return true
}

// together judges clauses by values that do not stand in different elements of one array. Absence
// is judged by what was chosen before it, in the order of the fields.
func (c *scratch) together(clauses []asked) bool {
	c.chosen = c.chosen[:0]
	budget := maxTries
	return c.choose(clauses, &budget)
}

// maxTries bounds the choices among the values of one event, which could be made without end. An
// event that needs more matches nothing by this branch.
const maxTries = 100_000

func (c *scratch) choose(clauses []asked, budget *int) bool {
	if len(clauses) == 0 {
		return true
	}
	q := &clauses[0]
	there, last := false, int32(-2)
	for l := c.heads[q.field]; l >= 0; l = c.leaves[l].next {
		v := &c.leaves[l]
		if *budget--; *budget < 0 {
			return false
		}
		if !c.agrees(v.place) {
			continue
		}
		there = true
		if v.place == last || !q.holds(v) { // another value of the place that failed fails too
			continue
		}
		last = v.place
		if v.place >= 0 {
			c.chosen = append(c.chosen, v.place)
		}
		if c.choose(clauses[1:], budget) {
			return true
		}
		if v.place >= 0 {
			c.chosen = c.chosen[:len(c.chosen)-1]
		}
	}
	return !there && q.absent && c.choose(clauses[1:], budget)
}

// agrees reports whether a place is in no other element of an array than what was chosen.
func (c *scratch) agrees(p int32) bool {
	if p < 0 {
		return true
	}
	for _, other := range c.chosen {
		for x := p; x >= 0; x = c.places[x].outer {
			for y := other; y >= 0; y = c.places[y].outer {
				if c.places[x].array == c.places[y].array &&
					c.places[x].element != c.places[y].element {
					return false
				}
			}
		}
	}
	return true
}

// holds reports whether a value passes one of the tests.
func (c *clause) holds(l *leaf) bool {
	for i := range c.tests {
		if c.tests[i].passes(l) {
			return true
		}
	}
	return false
}
