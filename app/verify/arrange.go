package verify

import (
	"context"
	"strconv"

	"github.com/souk-commerce/souk/platform"
)

// teller is given the events in the order in which they are looked at: how manieth each is in the
// log, its place there, what it is looked at together with, and whether nothing more comes of that.
type teller func(n int64, at place, e platform.Event, group number, last bool)

// plain reads the log as it is, for its envelopes.
func (r *run) plain(ctx context.Context, tell teller) (int64, error) {
	var n int64
	err := r.in.History.Log(ctx, "", func(cursor string, e platform.Event) error {
		n++
		tell(n, placeOf(n, cursor, e.ID), e, 0, false)
		return ctx.Err()
	})
	return n, err
}

// grouped reads the log for what it means. Where it is in the order of the commits it stays in it.
// Otherwise what is looked at together is kept until all of it was seen, and then told at once: so
// the checks read the life of an order in an order that may have been, whatever came between.
func (r *run) grouped(ctx context.Context, s *sheet, tell teller) (int64, error) {
	if !r.in.ordered() {
		return r.arranged(ctx, s, tell)
	}
	var (
		n   int64
		buf [maxIDBytes]byte
	)
	err := r.in.History.Log(ctx, "", func(cursor string, e platform.Event) error {
		n++
		group := r.census.group(&e, buf[:0])
		last := group != 0 && r.census.orders[group].last == n
		tell(n, placeOf(n, cursor, e.ID), e, group, last)
		return ctx.Err()
	})
	return n, err
}

func placeOf(n int64, cursor, id string) place {
	if at, err := strconv.ParseInt(cursor, 10, 64); err == nil {
		return place{at, id}
	}
	return place{n, id}
}

// bundles keeps the events of orders of which there are more to come. So what is kept is the open
// orders' envelopes and payloads, and nothing of those that have ended; the census has counted how
// many events each has.
type bundles struct {
	*sheet
	census *census
	tell   teller
	kept   map[number][]kept
}

// kept is one event of a bundle.
type kept struct {
	n     int64
	at    place
	e     platform.Event
	group number
	// what must be told before it: the one before it in its subject, and what caused it; -1: none
	before, cause int
	told          telling
}

// telling is how far one event of a bundle has come.
type telling uint8

const (
	untold telling = iota
	underWay
	wasTold
)

func (r *run) arranged(ctx context.Context, s *sheet, tell teller) (int64, error) {
	b := &bundles{sheet: s, census: r.census, tell: tell, kept: make(map[number][]kept)}
	var (
		n   int64
		buf [maxIDBytes]byte
	)
	err := r.in.History.Log(ctx, "", func(cursor string, e platform.Event) error {
		n++
		of, group := r.census.bundle(&e, buf[:0])
		at := placeOf(n, cursor, e.ID)
		if of == 0 {
			tell(n, at, e, 0, false)
			return ctx.Err()
		}
		all := append(b.kept[of], kept{n: n, at: at, e: e, group: group})
		b.kept[of] = all
		if int64(len(all)) == r.census.orders[of].last {
			b.tellAll(of)
		}
		return ctx.Err()
	})
	for of := range b.kept { // there are none, unless the log was another when it was counted
		b.tellAll(of)
	}
	return n, err
}

// tellAll tells a bundle in the order of the log, but for what must be told before: each fact comes
// behind its predecessor in its subject and behind its cause.
func (b *bundles) tellAll(of number) {
	all := b.kept[of]
	delete(b.kept, of)
	ids, ends := make(map[string]int, len(all)), make(map[string]int)
	for i := range all {
		if _, again := ids[all[i].e.ID]; !again {
			ids[all[i].e.ID] = i
		}
	}
	for i := range all {
		k := &all[i]
		k.before, k.cause = -1, -1
		if end, ok := ends[k.e.Subject]; ok && k.e.Sequence > 0 {
			k.before = end
		}
		ends[k.e.Subject] = i
		if cause, ok := ids[k.e.Causation]; ok {
			k.cause = cause
		}
	}
	t := turn{bundles: b, all: all}
	for i := range all {
		t.visit(i)
	}
}

// turn tells one bundle.
type turn struct {
	*bundles
	all    []kept
	count  int
	circle bool // one was reported
}

func (t *turn) visit(i int) {
	k := &t.all[i]
	if k.told != untold {
		return
	}
	k.told = underWay
	for _, first := range [...]int{k.before, k.cause} {
		if first < 0 {
			continue
		}
		if t.all[first].told == underWay && !t.circle {
			t.circle = true
			t.broken(causality, k.at, "causes and sequences go round in a circle",
				"type", k.e.Type, "subject", k.e.Subject, "after", t.all[first].e.ID)
		}
		t.visit(first)
	}
	k.told = wasTold
	t.count++
	t.tell(k.n, k.at, k.e, k.group, k.group != 0 && t.count == len(t.all))
}
