package aws

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/aws/awstest"
	"github.com/souk-commerce/souk/platform/platformtest"
)

// announce commits events 1 to n of a subject of a room.
func announce(t *testing.T, p *Platform, room, subject string, from, to int64) {
	t.Helper()
	for seq := from; seq <= to; seq++ {
		err := p.Store(room).Commit(t.Context(), platform.Batch{Events: []platform.Event{{
			ID: fmt.Sprint(subject, "/", seq), Type: "souk." + room + ".done.v1",
			Subject: subject, Sequence: seq, Data: []byte(`{ "spaced": true }`),
		}}})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// wantWhole requires that the log holds each subject's events 1 to n, in order, and nothing else.
func wantWhole(t *testing.T, p *Platform, want map[string]int64) {
	t.Helper()
	have := make(map[string]int64)
	err := p.History().Log(t.Context(), "", func(_ string, e platform.Event) error {
		if have[e.Subject]++; have[e.Subject] != e.Sequence {
			t.Errorf("event %d of %s comes as number %d", e.Sequence, e.Subject, have[e.Subject])
		}
		if string(e.Data) != `{ "spaced": true }` {
			t.Errorf("data became %s", e.Data)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for subject, n := range want {
		if have[subject] != n {
			t.Errorf("the log holds %d events of %s, want %d", have[subject], subject, n)
		}
	}
}

// another opens a second platform on the same tables and archive, as another process would.
func another(t *testing.T, p *Platform) *Platform {
	t.Helper()
	other, err := openStore(t.Context(), p.o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.stop)
	return other
}

// Goal: the order within a subject survives shards that close and split. Method: several shards,
// which split twice while events come, read while they do and afterwards by a newcomer.
func TestOrderSurvivesReshards(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.db.Shards = 3
	o := options(c.cfg, "souk")
	prepare(t, o)
	p, err := openStore(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	want := make(map[string]int64)
	for round := range int64(3) {
		for i := range 10 {
			subject := fmt.Sprint("thing/", i)
			announce(t, p, "alpha", subject, round*5+1, round*5+5)
			want[subject] = round*5 + 5
		}
		if round == 1 {
			wantWhole(t, p, want)
		}
		c.db.Reshard("souk")
	}
	wantWhole(t, p, want)
	wantWhole(t, another(t, p), want)
}

// Goal: archivers in several processes write every event once. Method: four platforms on the same
// tables commit and read at once; then what each of them reads is compared.
func TestArchiversWriteEveryEventOnce(t *testing.T) {
	t.Parallel()
	p, _ := newPlatform(t, nil)
	all := []*Platform{p, another(t, p), another(t, p), another(t, p)}
	want := make(map[string]int64)
	var done sync.WaitGroup
	for i, one := range all {
		subject := fmt.Sprint("thing/", i)
		want[subject] = 25
		done.Go(func() {
			for seq := int64(1); seq <= 25; seq++ {
				announce(t, one, "alpha", subject, seq, seq)
				if err := one.archiver.drain(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	for _, one := range all {
		wantWhole(t, one, want)
	}
}

// Goal: an archive whose writer died after a segment was stored, and before it knew, has nothing
// twice. Method: the answer to a conditional write is lost; the SDK tries again and is refused.
func TestASegmentWhoseAnswerWasLostIsNotWrittenTwice(t *testing.T) {
	t.Parallel()
	p, c := newPlatform(t, nil)
	announce(t, p, "alpha", "thing/1", 1, 3)
	c.faults.Plan("PUT", refusals(2, awstest.LoseAnswer())...)
	wantWhole(t, p, map[string]int64{"thing/1": 3})
	announce(t, p, "alpha", "thing/1", 4, 5)
	wantWhole(t, another(t, p), map[string]int64{"thing/1": 5})
	if n := len(c.faults.Seen("PUT")); n < 5 {
		t.Errorf("%d segments and buckets were put: no answer was lost", n)
	}
}

// Goal: a stream that was trimmed while nothing happened is read on from what is left. Method: trim
// after everything was archived, then events; by the same platform and by a newcomer.
func TestATrimmedStreamIsReadOn(t *testing.T) {
	t.Parallel()
	p, c := newPlatform(t, nil)
	announce(t, p, "alpha", "thing/1", 1, 3)
	wantWhole(t, p, map[string]int64{"thing/1": 3})
	c.db.Trim("souk")
	announce(t, p, "alpha", "thing/1", 4, 6)
	wantWhole(t, another(t, p), map[string]int64{"thing/1": 6})
	wantWhole(t, p, map[string]int64{"thing/1": 6})
}

// Goal: a source yields again what was not acknowledged, and nothing else. Method: read, read again
// in another process, acknowledge, read on; a second name has a place of its own.
func TestSourceYieldsWhatWasNotAcknowledged(t *testing.T) {
	t.Parallel()
	p, _ := newPlatform(t, nil)
	announce(t, p, "alpha", "thing/1", 1, 3)
	read := func(p *Platform, name string) ([]int64, func(context.Context) error) {
		events, ack, err := p.newSource(name).read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var numbers []int64
		for _, e := range events {
			numbers = append(numbers, e.Sequence)
		}
		return numbers, ack
	}
	first, _ := read(p, "relay")
	again, ack := read(another(t, p), "relay")
	if want := []int64{1, 2, 3}; !slices.Equal(first, want) || !slices.Equal(again, want) {
		t.Errorf("read %v and then %v, want %v twice", first, again, want)
	}
	if err := ack(t.Context()); err != nil {
		t.Fatal(err)
	}
	announce(t, p, "alpha", "thing/1", 4, 4)
	if rest, _ := read(p, "relay"); !slices.Equal(rest, []int64{4}) {
		t.Errorf("after the acknowledgement: %v, want 4", rest)
	}
	if other, _ := read(p, "other"); !slices.Equal(other, []int64{1, 2, 3}) {
		t.Errorf("under another name: %v", other)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := p.newSource("other").read(ctx); err == nil {
		t.Error("a read under a context that ended yields events")
	}
}

// Goal: a room's items lie in its own table and nowhere else: records, events and timers, before
// and after they fire, and what it announces is in the log all the same. Method: everything that a
// room can write, in the room that Options give a table of its own, and in one that shares.
func TestARoomWithATableOfItsOwn(t *testing.T) {
	t.Parallel()
	clock := platformtest.NewClock(platformtest.Start())
	p, c := newPlatform(t, func(o *Options) { o.Clock = clock })
	for _, room := range []string{"gamma", "beta"} {
		announce(t, p, room, "thing/"+room, 1, 2)
		err := p.Store(room).Commit(t.Context(), platform.Batch{
			Writes: []platform.Write{{
				Kind: platform.Put, Key: platform.Key{Part: "card", Sort: "1"}, Value: []byte("v"),
			}},
			Timers: []platform.Timer{{
				Key: "t", Due: clock.Now().Add(time.Minute), Event: platform.Event{
					Type: "souk." + room + ".rang.v1", Subject: "thing/" + room,
				},
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	clock.Advance(time.Hour)
	if n, err := p.Sweep(t.Context()); n != 2 || err != nil {
		t.Errorf("%d timers fired, want 2: %v", n, err)
	}
	for table, want := range map[string]map[string]int{
		"souk": {"gamma": 0, "beta/": 4}, "souk-gamma": {"gamma/": 4, "beta": 0, "~": 0},
	} {
		for prefix, n := range want {
			if have := c.db.Items(table, prefix); have != n {
				t.Errorf("%s holds %d items of %s, want %d", table, have, prefix, n)
			}
		}
	}
	subjects := make(map[string]int)
	err := p.History().Log(t.Context(), "", func(_ string, e platform.Event) error {
		subjects[e.Subject]++
		return nil
	})
	if err != nil || subjects["thing/gamma"] != 3 || subjects["thing/beta"] != 3 {
		t.Errorf("the log: %v, %v", subjects, err)
	}
	events, err := p.History().Subject(t.Context(), "thing/gamma", 0, 10)
	if err != nil || len(events) != 2 {
		t.Errorf("the subject of the other table: %v, %v", events, err)
	}
	var parts []string
	err = p.History().Records(t.Context(), "", func(r platform.Record) error {
		parts = append(parts, r.Key.Part)
		return nil
	})
	slices.Sort(parts)
	if err != nil || strings.Join(parts, " ") != "beta/card gamma/card" {
		t.Errorf("the records of all tables: %v, %v", parts, err)
	}
}

// Goal: what a commit costs can be counted: calls and units as DynamoDB reports them. Method: a
// commit of a record, a check, an event and a timer, all under a kilobyte, and a read; the units
// follow from the price list: two an item of a transaction, and one for the index.
func TestUsageCountsWhatACommitCosts(t *testing.T) {
	t.Parallel()
	p, _ := newPlatform(t, nil)
	before := p.Usage()
	key := platform.Key{Part: "p", Sort: "s"}
	err := p.Store("alpha").Commit(t.Context(), platform.Batch{
		Writes: []platform.Write{
			{Kind: platform.Put, Key: key, Value: []byte("v")},
			{Kind: platform.Check, Key: platform.Key{Part: "q"}, Expect: platform.Absent},
		},
		Events: []platform.Event{{
			ID: "1", Type: "souk.alpha.done.v1", Subject: "thing/1", Sequence: 1,
		}},
		Timers: []platform.Timer{{Key: "t", Due: time.Now(), Event: platform.Event{
			Type: "souk.alpha.rang.v1", Subject: "thing/1",
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Store("alpha").Get(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	u := p.Usage()
	if u.WriteUnits-before.WriteUnits != 9 || u.ReadUnits-before.ReadUnits != 1 ||
		u.Calls["dynamodb:TransactWriteItems"] != 1 || u.Calls["dynamodb:GetItem"] != 1 {
		t.Errorf("used %+v, before %+v", u, before)
	}
}

// Goal: a timer whose event can never happen, since its id was used, holds up no other. Method: two
// timers of one event id, and a third.
func TestATimerWithAUsedIDIsDropped(t *testing.T) {
	t.Parallel()
	p, c := newPlatform(t, nil)
	var b platform.Batch
	for _, key := range []string{"a", "b", "c"} {
		e := platform.Event{ID: "the same", Type: "souk.alpha.rang.v1", Subject: "thing/1"}
		if key == "c" {
			e.ID = "another"
		}
		b.Timers = append(b.Timers, platform.Timer{Key: key, Due: p.o.Clock.Now(), Event: e})
	}
	if err := p.Store("alpha").Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	n, err := p.Sweep(t.Context())
	if n != 2 || err != nil || c.db.Items("souk", "alpha/") != 2 {
		t.Errorf("%d fired, want 2, and %d items are left, want their events: %v",
			n, c.db.Items("souk", "alpha/"), err)
	}
}

// Goal: sweeps at once fire every timer once. Method: four platforms sweep the same timers.
func TestSweepsAtOnceFireOnce(t *testing.T) {
	t.Parallel()
	p, _ := newPlatform(t, nil)
	const timers = 80
	var b platform.Batch
	for i := range timers {
		b.Timers = append(b.Timers, platform.Timer{
			Key: fmt.Sprint("t", i), Due: p.o.Clock.Now(),
			Event: platform.Event{Type: "souk.alpha.rang.v1", Subject: fmt.Sprint("thing/", i)},
		})
	}
	if err := p.Store("alpha").Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	for _, one := range []*Platform{p, another(t, p), another(t, p), another(t, p)} {
		done.Go(func() {
			if _, err := one.Sweep(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	rang := make(map[string]int)
	err := p.History().Log(t.Context(), "", func(_ string, e platform.Event) error {
		rang[e.Subject]++
		return nil
	})
	if err != nil || len(rang) != timers {
		t.Errorf("%d timers rang, want %d: %v", len(rang), timers, err)
	}
	for subject, n := range rang {
		if n != 1 {
			t.Errorf("%s rang %d times", subject, n)
		}
	}
}
