package platformtest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/platform/platformtest"
)

// Goal: without faults the wrapper changes nothing. Method: the conformance suite through it.
func TestWrapTransparent(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T, o platformtest.Options) platform.Platform {
		t.Helper()
		p, err := embedded.Open(embedded.Options{Dir: o.Place, Clock: o.Clock, Check: o.Check})
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		return platformtest.Wrap(p, platformtest.Faults{})
	}
	platformtest.Run(t, platformtest.Adapter{
		Features: platform.Features{
			Name: "wrapped", GlobalOrder: true, KeyOrder: true, Snapshot: true,
			AddsCommute: true, Durable: true,
			TimerLateness: time.Second, MaxMessageBytes: platform.MaxItemBytes,
		},
		Open: open,
	})
}

// wrapped opens the embedded platform in memory behind faults, and returns both.
func wrapped(t *testing.T, f platformtest.Faults) (*platformtest.Faulty, platform.Platform) {
	t.Helper()
	p, err := embedded.Open(embedded.Options{})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	w := platformtest.Wrap(p, f)
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return w, p
}

func batch(sort string) platform.Batch {
	return platform.Batch{
		Writes: []platform.Write{{
			Kind: platform.Put, Key: platform.Key{Part: "p", Sort: sort}, Value: []byte("v"),
		}},
		Events: []platform.Event{event(sort, 1)},
	}
}

func event(subject string, seq int64) platform.Event {
	return platform.Event{
		ID: fmt.Sprint(subject, "/", seq), Type: "souk.alpha.happened.v1", Subject: subject,
		Sequence: seq, Data: []byte(`{}`),
	}
}

func exists(t *testing.T, p platform.Platform, sort string) bool {
	t.Helper()
	_, err := p.Store("alpha").Get(t.Context(), platform.Key{Part: "p", Sort: sort})
	if err != nil && !errors.Is(err, platform.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

// Goal: each fault of a commit tells the caller what such a fault may tell and has the effect that
// it says. Method: each with certainty, in a direct call.
func TestCommitFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults         platformtest.Faults
		known, applied bool
	}{
		"lost":     {platformtest.Faults{CommitLost: 1, Direct: true}, false, false},
		"unknown":  {platformtest.Faults{CommitUnknown: 1, Direct: true}, false, true},
		"throttle": {platformtest.Faults{CommitThrottle: 1}, true, false},
	} {
		w, raw := wrapped(t, c.faults)
		err := w.Store("alpha").Commit(t.Context(), batch("s"))
		if err == nil || platform.Known(err) != c.known {
			t.Errorf("%s: %v, known %t, want %t", name, err, platform.Known(err), c.known)
		}
		if exists(t, raw, "s") != c.applied {
			t.Errorf("%s: applied %t, want %t", name, !c.applied, c.applied)
		}
		if n := w.Counts(); n.Total() != 1 {
			t.Errorf("%s: counted %+v", name, n)
		}
	}
}

// Goal: faults whose error a caller must handle meet deliveries only, unless Direct; refusals of
// the store pass unchanged. Method: all faults with certainty except those that keep handlers
// from being reached, calls from the test and from a handler.
func TestDirect(t *testing.T) {
	t.Parallel()
	w, raw := wrapped(t, platformtest.Faults{
		CommitLost: 1, Read: 1, QueueSend: 1, Files: 1, Keys: 1,
	})
	call := func(ctx context.Context) []error {
		_, get := w.Store("alpha").Get(ctx, platform.Key{Part: "p", Sort: "s"})
		_, list := w.Store("alpha").List(ctx, platform.Query{Part: "p", Limit: 1})
		_, subject := w.History().Subject(ctx, "s", 0, 1)
		_, put := w.Files().Put(ctx, strings.NewReader("a file"))
		_, seal := w.Keys().Seal(ctx, "ann", []byte("x"))
		_, _, sign := w.Keys().Sign(ctx, []byte("x"))
		return []error{get, list, subject, put, seal, sign}
	}
	if err := w.Store("alpha").Commit(t.Context(), batch("s")); err != nil {
		t.Fatal(err)
	}
	err := w.Store("alpha").Commit(t.Context(), batch("s"))
	if !errors.Is(err, platform.ErrConflict) {
		t.Errorf("a conflict comes through as %v", err)
	}
	for i, err := range call(t.Context()) {
		if err != nil {
			t.Errorf("direct call %d: %v", i, err)
		}
	}
	inside := make(chan []error, 1)
	err = w.Delivery().Subscribe(platform.Subscription{
		Name: "sub", Types: []string{"souk.alpha.happened.v1"}, Retry: platform.DefaultRetry(),
		Handle: func(ctx context.Context, _ platform.Event) error {
			inside <- append(call(ctx), w.Store("alpha").Commit(ctx, batch("t")))
			return nil
		},
	})
	if err := errors.Join(err, w.Delivery().Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := w.Store("alpha").Commit(t.Context(), batch("u")); err != nil {
		t.Fatal(err)
	}
	for i, err := range <-inside {
		if !errors.Is(err, platformtest.ErrInjected) {
			t.Errorf("call %d from a handler: %v", i, err)
		}
	}
	if exists(t, raw, "t") {
		t.Error("a lost commit had its effect")
	}
}

// handled keeps deliveries in their order.
type handled struct {
	mu    sync.Mutex
	seqs  []int64
	times map[int64]int
	at    int
	most  int // at the same time
}

func (h *handled) enter(e platform.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at++
	h.most = max(h.most, h.at)
	if h.times[e.Sequence] == 0 {
		h.seqs = append(h.seqs, e.Sequence)
	}
	h.times[e.Sequence]++
}

func (h *handled) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at--
}

// run delivers n events of one subject through the faults until all is done.
func run(
	t *testing.T, f platformtest.Faults, ordered bool, n int64,
) (*handled, *platformtest.Faulty) {
	t.Helper()
	w, _ := wrapped(t, f)
	h := &handled{times: make(map[int64]int)}
	err := w.Delivery().Subscribe(platform.Subscription{
		Name: "sub", Types: []string{"souk.alpha.happened.v1"}, Ordered: ordered,
		Retry: platform.Retry{
			Attempts: 1, Base: time.Microsecond, Most: time.Millisecond, NotYet: time.Hour,
		},
		Handle: func(_ context.Context, e platform.Event) error {
			h.enter(e)
			defer h.leave()
			return nil
		},
	})
	if err := errors.Join(err, w.Delivery().Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	for seq := range n {
		b := platform.Batch{Events: []platform.Event{event("s", seq+1)}}
		if err := w.Store("alpha").Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	platformtest.Poll(t, func() bool {
		all, err := w.Delivery().Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return all[0].Pending == 0 && all[0].Waiting == 0
	}, func() string { return "deliveries did not end" })
	if all, err := w.Delivery().Status(t.Context()); err != nil || all[0].DeadLetters != 0 {
		t.Errorf("%+v, %v: the faults made dead letters of a policy of one attempt", all, err)
	}
	return h, w
}

// Goal: deliveries are doubled, repeated and shuffled, without burning an attempt. Method: each
// kind with certainty, and held-back events by half.
func TestDeliveryFaults(t *testing.T) {
	t.Parallel()
	const n = 100
	h, w := run(t, platformtest.Faults{Double: 1}, false, n)
	for seq := range int64(n) {
		if h.times[seq+1] != 2 {
			t.Fatalf("doubled: event %d came %d times", seq+1, h.times[seq+1])
		}
	}
	if c := w.Counts(); c.Double != n || c.Total() != n {
		t.Errorf("counted %+v", c)
	}
	h, w = run(t, platformtest.Faults{Again: 1}, false, n)
	for seq := range int64(n) {
		if h.times[seq+1] != 2 {
			t.Fatalf("again: event %d came %d times", seq+1, h.times[seq+1])
		}
	}
	if c := w.Counts(); c.Again != n {
		t.Errorf("counted %+v", c)
	}
	h, w = run(t, platformtest.Faults{HoldBack: 0.5}, false, n)
	if len(h.seqs) != n || slices.IsSorted(h.seqs) {
		t.Errorf("held back: %d events, sorted %t", len(h.seqs), slices.IsSorted(h.seqs))
	}
	if c := w.Counts(); c.HoldBack < n/4 || c.HoldBack > 3*n/4 {
		t.Errorf("counted %+v", c)
	}
}

// Goal: no fault breaks the promise to an Ordered subscription. Method: all of them, often.
func TestOrderedFaults(t *testing.T) {
	t.Parallel()
	h, w := run(t, platformtest.Faults{Double: 0.5, Again: 0.5, HoldBack: 0.5}, true, 100)
	if len(h.seqs) != 100 || !slices.IsSorted(h.seqs) || h.most != 1 {
		t.Errorf("%d events, sorted %t, %d at once", len(h.seqs), slices.IsSorted(h.seqs), h.most)
	}
	if c := w.Counts(); c.Double == 0 || c.Again == 0 || c.HoldBack == 0 {
		t.Errorf("counted %+v", c)
	}
}

// Goal: a forgotten deletion brings a message again, once; a failed Send may have had its effect.
// Method: both with certainty.
func TestQueueFaults(t *testing.T) {
	t.Parallel()
	w, _ := wrapped(t, platformtest.Faults{QueueSend: 1, QueueForget: 1, Direct: true})
	q, err := w.Queue("q", platform.QueuePolicy{MaxReceives: 10, Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	for i := range 40 {
		err := q.Send(t.Context(), platform.Message{ID: fmt.Sprint(i)}, 0)
		if !errors.Is(err, platformtest.ErrInjected) {
			t.Fatalf("send: %v", err)
		}
	}
	seen := make(map[string]int)
	for {
		got, err := q.Receive(t.Context(), 10, time.Hour, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			break
		}
		for _, r := range got {
			seen[r.ID]++
			if err := q.Delete(t.Context(), r.Receipt); err != nil {
				t.Fatal(err)
			}
			if err := q.Release(t.Context(), r.Receipt, 0); err == nil {
				sent++ // it was still there
			}
		}
	}
	if len(seen) == 0 || len(seen) == 40 || sent != len(seen) {
		t.Errorf("%d of 40 failed sends had their effect, %d deletions were forgotten",
			len(seen), sent)
	}
	for id, n := range seen {
		if n != 2 {
			t.Errorf("message %s came %d times", id, n)
		}
	}
}

// Goal: the wrapper knows which timers are set. Method: set, replace, cancel, refuse, forget, in
// two rooms.
func TestTimerBook(t *testing.T) {
	t.Parallel()
	w, _ := wrapped(t, platformtest.Faults{})
	at := time.Now().Add(time.Hour)
	timer := func(key string, due time.Time) platform.Timer {
		return platform.Timer{Key: key, Due: due, Event: event(key, 0)}
	}
	commit := func(room string, b platform.Batch) error {
		for i := range b.Timers {
			b.Timers[i].Event.Type = "souk." + room + ".rang.v1"
		}
		return w.Store(room).Commit(t.Context(), b)
	}
	err := errors.Join(
		commit("alpha", platform.Batch{Timers: []platform.Timer{timer("a", at), timer("b", at)}}),
		commit("beta", platform.Batch{Timers: []platform.Timer{timer("a", at.Add(1))}}),
		commit("alpha", platform.Batch{Timers: []platform.Timer{timer("b", at.Add(-1))}}),
		commit("beta", platform.Batch{Cancel: []string{"b", "none"}}),
	)
	if err != nil {
		t.Fatal(err)
	}
	refused := batch("s")
	refused.Writes[0].Expect = 9
	refused.Cancel = []string{"a"}
	if err := commit("alpha", refused); !errors.Is(err, platform.ErrConflict) {
		t.Fatal(err)
	}
	names := func() (s []string) {
		for _, p := range w.Timers() {
			s = append(s, p.Room+"/"+p.Key)
		}
		return s
	}
	if got := fmt.Sprint(names()); got != "[alpha/b alpha/a beta/a]" {
		t.Errorf("timers: %s", got)
	}
	if due := platformtest.Due(w.Timers(), at); len(due) != 2 {
		t.Errorf("due: %+v", due)
	}
	w.Forget(w.Timers()[0])
	if got := fmt.Sprint(names()); got != "[alpha/a beta/a]" {
		t.Errorf("timers: %s", got)
	}
}
