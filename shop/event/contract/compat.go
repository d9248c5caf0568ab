package contract

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Break is one change since the last release that could surprise somebody who reads the events, or
// that would make a log of that release invalid.
type Break struct {
	Event string `json:"event"`
	Field string `json:"field,omitempty"` // as in "parcels[].items"; empty for the event as a whole
	What  string `json:"what"`
	Fix   string `json:"fix"`
}

// String prints the break on one line.
func (b Break) String() string {
	at := b.Event
	if b.Field != "" {
		at += " " + b.Field
	}
	return at + ": " + b.What + "; " + b.Fix
}

// Check compares contracts with those of the last release and returns what breaks, in a stable
// order. New events, new versions, added optional fields and changed descriptions are no break;
// everything else is. An added invariant is one too, since logged facts may not keep it.
func Check(released, current Set) []Break {
	var breaks []Break
	for _, typ := range slices.Sorted(maps.Keys(released)) {
		c := comparison{event: typ, next: nextVersion(current, typ)}
		if now, ok := current[typ]; ok {
			c.contract(released[typ], now)
		} else {
			c.broke("", "the event was removed",
				"restore it: logs hold it, and readers wait for it")
		}
		breaks = append(breaks, c.breaks...)
	}
	return append(breaks, deadEnds(current)...)
}

// deadEnds finds versions that are not the newest of their event and lead to no newer one.
func deadEnds(set Set) []Break {
	var breaks []Break
	for _, typ := range slices.Sorted(maps.Keys(set)) {
		newest := typeAt(typ, newestVersion(set, typ))
		if newest != typ && set[typ].UpcastsTo == "" {
			breaks = append(breaks, Break{
				Event: typ, What: "there is a newer version and no way to it",
				Fix: "give it an upcaster that leads to " + newest,
			})
		}
	}
	return breaks
}

// comparison collects what breaks within one event version.
type comparison struct {
	event  string
	next   string // the type of a version that would be free to differ
	breaks []Break
}

func (c *comparison) broke(field, what, fix string) {
	c.breaks = append(c.breaks, Break{Event: c.event, Field: field, What: what, Fix: fix})
}

// keep is the advice for most breaks: leave what was released as it is.
func (c *comparison) keep(verb string) string {
	return fmt.Sprintf("%s, or announce %s with an upcaster to it", verb, c.next)
}

func (c *comparison) contract(was, now *Contract) {
	if was.Subject != now.Subject {
		c.broke("", fmt.Sprintf("its subject %s became %s", was.Subject, now.Subject),
			c.keep("restore it"))
	}
	if was.UpcastsTo != "" && now.UpcastsTo == "" {
		c.broke("", "its upcaster to "+was.UpcastsTo+" was removed",
			"restore the upcaster: old logs are read for ever")
	}
	c.invariants(was.Invariants, now.Invariants)
	c.schema("", &was.Schema, &now.Schema)
}

func (c *comparison) invariants(was, now []Rule) {
	old, fresh := make(map[string]string), make(map[string]string)
	for _, r := range was {
		old[r.Name] = r.CEL
	}
	for _, r := range now {
		fresh[r.Name] = r.CEL
		if _, ok := old[r.Name]; !ok {
			c.broke("", "the invariant "+r.Name+" was added, and logged facts may break it",
				c.keep("take it back"))
		}
	}
	for _, r := range was {
		switch cel, ok := fresh[r.Name]; {
		case !ok:
			c.broke("", "the invariant "+r.Name+" was removed", c.keep("restore it"))
		case cel != r.CEL:
			c.broke("", "the invariant "+r.Name+" was changed from "+r.CEL+" to "+cel,
				c.keep("restore it"))
		}
	}
}

// schema compares two schemas at a place in the payload.
func (c *comparison) schema(at string, was, now *Schema) {
	if a, b := shape(was), shape(now); a != b {
		c.broke(at, fmt.Sprintf("its type changed from %s to %s", a, b), c.keep("restore it"))
		return
	}
	c.enum(at, was.Enum, now.Enum)
	if was.Items != nil {
		c.schema(at+"[]", was.Items, now.Items)
	}
	c.properties(at, was, now)
}

// shape is everything of a schema that may not change and is not compared apart.
func shape(s *Schema) string {
	name := strings.Join(s.Type, " or ")
	for _, part := range []struct{ label, value string }{
		{"", s.Format}, {"", s.ContentEncoding}, {"always ", s.Const}, {"sealed ", s.Personal},
	} {
		if part.value != "" {
			name += " (" + part.label + part.value + ")"
		}
	}
	if s.Additional != nil && !*s.Additional {
		name += " (closed)"
	}
	if s.Items != nil {
		name += " of " + strings.Join(s.Items.Type, " or ")
	}
	return name
}

func (c *comparison) enum(at string, was, now []string) {
	switch {
	case slices.Equal(was, now):
	case len(was) == 0:
		c.broke(at, "it admitted any text and is now one of "+strings.Join(now, ", "),
			c.keep("admit any text"))
	case len(now) == 0:
		c.broke(at, "it was one of "+strings.Join(was, ", ")+" and now admits any text",
			c.keep("restore the list"))
	default:
		for _, v := range was {
			if !slices.Contains(now, v) {
				c.broke(at, "the value "+v+" was removed", c.keep("restore it"))
			}
		}
		for _, v := range now {
			if !slices.Contains(was, v) {
				c.broke(at, "the value "+v+" was added, which readers do not know",
					c.keep("take it back"))
			}
		}
	}
}

func (c *comparison) properties(at string, was, now *Schema) {
	if at != "" {
		at += "."
	}
	for _, name := range slices.Sorted(maps.Keys(was.Properties)) {
		p, ok := now.Properties[name]
		if !ok {
			c.removed(at, name, was, now)
			continue
		}
		c.schema(at+name, was.Properties[name], p)
		a, b := slices.Contains(was.Required, name), slices.Contains(now.Required, name)
		switch {
		case a && !b:
			c.broke(at+name, "it was required and is now optional", c.keep("write it always"))
		case !a && b:
			c.broke(at+name, "it was optional and is now required", c.keep("leave it optional"))
		}
	}
	for _, name := range now.Required {
		if _, ok := was.Properties[name]; !ok {
			c.broke(at+name, "a required field was added, which logged facts do not have",
				c.keep("make it optional (omitempty)"))
		}
	}
}

// removed reports a field that is gone, and guesses whether it has only another name now.
func (c *comparison) removed(at, name string, was, now *Schema) {
	for _, other := range slices.Sorted(maps.Keys(now.Properties)) {
		_, known := was.Properties[other]
		if !known && shape(now.Properties[other]) == shape(was.Properties[name]) {
			c.broke(at+name, "it was removed, or renamed to "+other, c.keep("keep the old name"))
			return
		}
	}
	c.broke(at+name, "it was removed", c.keep("restore it"))
}

// version splits "souk.order.placed.v2" into "souk.order.placed.v" and 2; 0 if there is no version.
func version(typ string) (string, int) {
	i := strings.LastIndex(typ, ".v")
	if i < 0 {
		return typ, 0
	}
	n, err := strconv.Atoi(typ[i+2:])
	if err != nil {
		return typ, 0
	}
	return typ[:i+2], n
}

func newestVersion(set Set, typ string) int {
	stem, newest := version(typ)
	for other := range set {
		if s, n := version(other); s == stem {
			newest = max(newest, n)
		}
	}
	return newest
}

func typeAt(typ string, n int) string {
	stem, _ := version(typ)
	return stem + strconv.Itoa(n)
}

func nextVersion(set Set, typ string) string { return typeAt(typ, newestVersion(set, typ)+1) }
