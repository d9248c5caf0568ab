package platformtest

import (
	"context"
	"fmt"
	"testing"

	"github.com/souk-commerce/souk/platform"
)

func runPatterns(t *testing.T, a Adapter) {
	runTrials(t, a, []trial{
		{"Matching", testPattern}, {"Ordered", testPatternOrdered},
		{"Replay", testPatternReplay}, {"Refused", testPatternRefused},
	})
}

// wanted asks about the envelope, which a bus may look into, and about data, which it may not.
const wanted = `{"subject":[{"prefix":"order/"}],"data":{"n":[{"numeric":["<",100]}],` +
	`"kind":[{"anything-but":"test"}]}}`

// picky declares a subscription that has the pattern.
func (w *world) picky(t *testing.T, ordered bool) *inbox {
	t.Helper()
	in := newInbox()
	w.subscribe(t, platform.Subscription{
		Name: "picky", Types: []string{typeA}, Pattern: wanted, Ordered: ordered, Retry: quick(3),
		Handle: func(_ context.Context, e platform.Event) error {
			in.add(e)
			return nil
		},
	})
	return in
}

// mixed announces seven events of one subject each time, of which the pattern wants two.
func (w *world) mixed(t *testing.T, times int) (ids []string) {
	t.Helper()
	for i := range times {
		subject := fmt.Sprint("order/", i)
		var events []platform.Event
		for n, data := range []string{
			`{"n":12,"kind":"test"}`, `{"n":12,"kind":"real"}`, `{"n":120,"kind":"real"}`,
			`{"n":99.5,"kind":["test","real"]}`, `{"n":12}`, `{"kind":"real"}`,
		} {
			e := w.event(typeA, subject, int64(n+1))
			e.Data = []byte(data)
			events = append(events, e)
		}
		elsewhere := w.event(typeA, fmt.Sprint("other/", i), 1)
		elsewhere.Data = events[1].Data
		w.announce(t, append(events, elsewhere)...)
		ids = append(ids, events[1].ID, events[3].ID)
	}
	return ids
}

// wantOnly waits for exactly these events.
func (w *world) wantOnly(t *testing.T, in *inbox, ids []string) {
	t.Helper()
	w.until(t, "what matches the pattern", func() bool {
		for _, id := range ids {
			if in.times(id) == 0 {
				return false
			}
		}
		return true
	})
	w.untilIdle(t, "picky")
	if in.count() != len(ids) {
		t.Errorf("%d events came, %d match the pattern", in.count(), len(ids))
	}
}

// Goal: a pattern narrows its own subscription and no other. Method: events of one type, of which
// one subscription wants a part and another everything.
func testPattern(t *testing.T, w *world) {
	in, every := w.picky(t, false), w.collect(t, "every", quick(3), typeA)
	w.start(t)
	ids := w.mixed(t, 10)
	w.wantOnly(t, in, ids)
	w.until(t, "everything", func() bool { return every.count() == 70 })
}

// Goal: an ordered subscription passes over what its pattern does not want. Method: subjects in
// which what is wanted and what is not take turns.
func testPatternOrdered(t *testing.T, w *world) {
	in := w.picky(t, true)
	w.start(t)
	w.wantOnly(t, in, w.mixed(t, 5))
	last := make(map[string]int64)
	for _, e := range in.all() {
		if in.times(e.ID) == 1 && e.Sequence < last[e.Subject] {
			t.Errorf("%s: %d came after %d", e.Subject, e.Sequence, last[e.Subject])
		}
		last[e.Subject] = e.Sequence
	}
}

// Goal: what was committed while nobody listened is narrowed too. Method: a platform that is closed
// and opened again, and events before its Start.
func testPatternReopened(t *testing.T, w *world) {
	w.picky(t, false)
	w.start(t)
	w.reopen(t)
	ids := w.mixed(t, 5)
	in := w.picky(t, false)
	w.start(t)
	w.wantOnly(t, in, ids)
}

// Goal: a replay brings what matches the pattern. Method: a dry one and a real one.
func testPatternReplay(t *testing.T, w *world) {
	in := w.picky(t, false)
	w.start(t)
	ids := w.mixed(t, 5)
	w.wantOnly(t, in, ids)
	from := w.log(t)[0].Time
	for _, dry := range []bool{true, false} {
		n, err := w.p.Delivery().Replay(t.Context(), "picky", from, dry)
		if err != nil || n != len(ids) {
			t.Errorf("a replay, dry %t, counts %d, %v; want %d", dry, n, err, len(ids))
		}
	}
	w.until(t, "everything again", func() bool {
		for _, id := range ids {
			if in.times(id) < 2 {
				return false
			}
		}
		return true
	})
	w.wantOnly(t, in, ids)
}

// Goal: a pattern that is none is refused when it is declared. Method: several such.
func testPatternRefused(t *testing.T, w *world) {
	for _, text := range []string{`{`, `{}`, `{"subject":"order"}`, `{"data":{"n":[{"more":1}]}}`} {
		wantError(t, text, w.p.Delivery().Subscribe(platform.Subscription{
			Name: "wrong", Types: []string{typeA}, Pattern: text, Retry: quick(1),
			Handle: func(context.Context, platform.Event) error { return nil },
		}), platform.ErrInvalid)
	}
}
