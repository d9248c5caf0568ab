package embedded

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/platformtest"
)

// testPolicy kills a message after two receipts and drops it after an hour.
func testPolicy() platform.QueuePolicy {
	return platform.QueuePolicy{MaxReceives: 2, Retention: time.Hour}
}

func openQueue(t *testing.T) (platform.Queue, *platformtest.Clock) {
	t.Helper()
	clock := platformtest.NewClock(platformtest.Start())
	q, err := openTest(t, Options{Clock: clock}).Queue("orders", testPolicy())
	if err != nil {
		t.Fatal(err)
	}
	return q, clock
}

func send(t *testing.T, q platform.Queue, id string, delay time.Duration) {
	t.Helper()
	err := q.Send(t.Context(), platform.Message{ID: id, Body: []byte("body of " + id)}, delay)
	if err != nil {
		t.Fatal(err)
	}
}

// receive returns what is visible now, at most ten, hidden for a minute.
func receive(t *testing.T, q platform.Queue) []platform.Received {
	t.Helper()
	got, err := q.Receive(t.Context(), 10, time.Minute, 0)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// wantIDs checks which messages were received, in any order of the same moment.
func wantIDs(t *testing.T, what string, got []platform.Received, ids ...string) {
	t.Helper()
	have := make([]string, 0, len(got))
	for _, m := range got {
		have = append(have, m.ID)
		if string(m.Body) != "body of "+m.ID {
			t.Errorf("%s: the body of %s is %q", what, m.ID, m.Body)
		}
	}
	if strings.Join(have, " ") != strings.Join(ids, " ") {
		t.Errorf("%s: got %v, want %v", what, have, ids)
	}
}

func wantDepth(t *testing.T, q platform.Queue, visible, hidden, dead int, oldest time.Duration) {
	t.Helper()
	got, err := q.Depth(t.Context())
	want := platform.QueueDepth{Visible: visible, Hidden: hidden, Dead: dead, Oldest: oldest}
	if err != nil || got != want {
		t.Errorf("depth is %+v, want %+v; %v", got, want, err)
	}
}

// Goal: a message is visible once its delay is over, hidden while in somebody's hands, and gone
// once deleted. Method: walk two messages through, with a clock that stands still.
func TestQueueLife(t *testing.T) {
	t.Parallel()
	q, clock := openQueue(t)
	wantDepth(t, q, 0, 0, 0, 0)
	send(t, q, "a", 0)
	send(t, q, "b", time.Second)
	wantDepth(t, q, 1, 1, 0, 0)
	got := receive(t, q)
	wantIDs(t, "before the delay", got, "a")
	if !got[0].Sent.Equal(platformtest.Start()) || got[0].Attempts != 1 {
		t.Errorf("sent %v, attempt %d", got[0].Sent, got[0].Attempts)
	}
	clock.Advance(time.Second)
	wantDepth(t, q, 1, 1, 0, time.Second)
	got = append(got, receive(t, q)...)
	wantIDs(t, "after the delay", got, "a", "b")
	wantIDs(t, "while hidden", receive(t, q))
	wantDepth(t, q, 0, 2, 0, time.Second)
	for _, m := range got {
		if err := q.Delete(t.Context(), m.Receipt); err != nil {
			t.Error(err)
		}
		if err := q.Delete(t.Context(), m.Receipt); !errors.Is(err, platform.ErrNotFound) {
			t.Errorf("deleted twice: %v", err)
		}
	}
	clock.Advance(time.Hour)
	wantIDs(t, "after deletion", receive(t, q))
	wantDepth(t, q, 0, 0, 0, 0)
}

// Goal: a receipt counts until the message is received again, also late; then it is worth nothing.
// Method: let the time-out pass, with and without a second receipt.
func TestQueueReceipts(t *testing.T) {
	t.Parallel()
	q, clock := openQueue(t)
	send(t, q, "a", 0)
	send(t, q, "b", 0)
	first := receive(t, q)
	wantIDs(t, "first", first, "a", "b")
	clock.Advance(time.Minute)
	if err := q.Delete(t.Context(), first[1].Receipt); err != nil {
		t.Errorf("late, but nobody else had it: %v", err)
	}
	second := receive(t, q)
	wantIDs(t, "second", second, "a")
	if second[0].Attempts != 2 {
		t.Errorf("attempt %d", second[0].Attempts)
	}
	for name, receipt := range map[string]string{
		"old": first[0].Receipt, "deleted": first[1].Receipt, "empty": "", "no number": "x.a",
		"no id": "0000000000000001.", "another's": "0000000000000001.zzz", "zero": "0.a",
	} {
		if err := q.Delete(t.Context(), receipt); !errors.Is(err, platform.ErrNotFound) {
			t.Errorf("delete, %s: %v", name, err)
		}
		if err := q.Release(t.Context(), receipt, 0); !errors.Is(err, platform.ErrNotFound) {
			t.Errorf("release, %s: %v", name, err)
		}
	}
	if err := q.Delete(t.Context(), second[0].Receipt); err != nil {
		t.Error(err)
	}
	send(t, q, "a", 0)
	third := receive(t, q)
	if err := q.Delete(t.Context(), second[0].Receipt); !errors.Is(err, platform.ErrNotFound) {
		t.Errorf("a receipt from an earlier life: %v", err)
	}
	if err := q.Release(t.Context(), third[0].Receipt, 0); err != nil {
		t.Error(err)
	}
	wantIDs(t, "released", receive(t, q), "a")
}

// Goal: a message is dead once its last receipt times out or is given back, never before; it can be
// deleted late, redriven, and discarded. Method: exhaust four messages.
func TestQueueDeadLetters(t *testing.T) {
	t.Parallel()
	q, clock := openQueue(t)
	for _, id := range []string{"a", "b", "c", "d"} {
		send(t, q, id, 0)
	}
	receive(t, q)
	clock.Advance(time.Minute)
	last := receive(t, q)
	wantIDs(t, "the last time", last, "a", "b", "c", "d")
	wantDepth(t, q, 0, 4, 0, time.Minute)
	if err := q.Delete(t.Context(), last[0].Receipt); err != nil {
		t.Error(err)
	}
	if err := q.Release(t.Context(), last[1].Receipt, time.Second); err != nil {
		t.Error(err)
	}
	wantDepth(t, q, 0, 2, 1, time.Minute)
	if err := q.Redrive(t.Context(), "c"); !errors.Is(err, platform.ErrNotFound) {
		t.Errorf("redriven before it is dead: %v", err)
	}
	clock.Advance(time.Minute)
	dead, err := q.Dead(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	wantIDs(t, "dead", dead, "b", "c", "d")
	wantIDs(t, "nothing visible", receive(t, q))
	send(t, q, "b", 0)
	wantDepth(t, q, 0, 0, 3, 0)
	if err := q.Redrive(t.Context(), "b"); err != nil {
		t.Error(err)
	}
	if err := q.Delete(t.Context(), last[2].Receipt); err != nil {
		t.Errorf("done after all: %v", err)
	}
	if err := q.Delete(t.Context(), dead[2].Receipt); err != nil {
		t.Errorf("discarded: %v", err)
	}
	got := receive(t, q)
	wantIDs(t, "redriven", got, "b")
	if got[0].Attempts != 1 {
		t.Errorf("a redriven message has %d attempts", got[0].Attempts)
	}
	for _, id := range []string{"b", "c", "never"} {
		if err := q.Redrive(t.Context(), id); !errors.Is(err, platform.ErrNotFound) {
			t.Errorf("redrive %s: %v", id, err)
		}
	}
	wantDepth(t, q, 0, 1, 0, 2*time.Minute)
}

// Goal: an id is accepted once while it is in the queue, and again when it no longer is. Method:
// send twice, delete, send; let the retention pass, send.
func TestQueueDedupeAndRetention(t *testing.T) {
	t.Parallel()
	q, clock := openQueue(t)
	send(t, q, "a", 0)
	send(t, q, "a", 0)
	got := receive(t, q)
	wantIDs(t, "sent twice", got, "a")
	send(t, q, "a", 0)
	wantIDs(t, "sent while hidden", receive(t, q))
	if err := q.Delete(t.Context(), got[0].Receipt); err != nil {
		t.Fatal(err)
	}
	send(t, q, "a", 0)
	for i := range 100 {
		send(t, q, fmt.Sprint("m", i), 0)
	}
	clock.Advance(time.Hour)
	send(t, q, "a", 0)
	send(t, q, "young", 0)
	wantIDs(t, "after the retention", receive(t, q), "a", "young")
	wantDepth(t, q, 0, 2, 0, 0)
}

// Goal: every bound of the port is kept on both sides. Method: one call each.
func TestQueueBounds(t *testing.T) {
	t.Parallel()
	p, ctx := openTest(t, Options{}), t.Context()
	for name, policy := range map[string]platform.QueuePolicy{
		"Upper": testPolicy(), "": testPolicy(), "a/b": testPolicy(),
		strings.Repeat("x", 81): testPolicy(),
		"r0":                    {MaxReceives: 0, Retention: 1},
		"r1001":                 {MaxReceives: 1001, Retention: 1},
		"t0":                    {MaxReceives: 1},
		"t14":                   {MaxReceives: 1, Retention: 14*24*time.Hour + 1},
	} {
		if _, err := p.Queue(name, policy); !errors.Is(err, platform.ErrInvalid) {
			t.Errorf("queue %q %v: %v", name, policy, err)
		}
	}
	q, err := p.Queue("q", testPolicy())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := p.Queue("q", testPolicy()); err != nil || again != q {
		t.Errorf("the same name gave another queue: %v", err)
	}
	body, tooLate := make([]byte, platform.MaxMessageBytes+1), platform.MaxQueueDelay+1
	for name, c := range map[string]struct {
		m     platform.Message
		delay time.Duration
		want  error
	}{
		"no id":         {platform.Message{}, 0, platform.ErrInvalid},
		"long id":       {platform.Message{ID: strings.Repeat("x", 201)}, 0, platform.ErrInvalid},
		"large":         {platform.Message{ID: "l", Body: body}, 0, platform.ErrTooLarge},
		"negative":      {platform.Message{ID: "n"}, -1, platform.ErrInvalid},
		"late":          {platform.Message{ID: "l"}, tooLate, platform.ErrInvalid},
		"just right":    {platform.Message{ID: "1", Body: body[1:]}, platform.MaxQueueDelay, nil},
		"long just yet": {platform.Message{ID: strings.Repeat("x", 200)}, 0, nil},
	} {
		if err := q.Send(ctx, c.m, c.delay); !errors.Is(err, c.want) {
			t.Errorf("send, %s: %v", name, err)
		}
	}
	for _, c := range []struct {
		limit            int
		visibility, wait time.Duration
	}{{0, 1, 0}, {11, 1, 0}, {1, 0, 0}, {1, 12*time.Hour + 1, 0}, {1, 1, -1}} {
		_, err := q.Receive(ctx, c.limit, c.visibility, c.wait)
		if !errors.Is(err, platform.ErrInvalid) {
			t.Errorf("receive %v: %v", c, err)
		}
	}
	for _, limit := range []int{0, platform.MaxList + 1} {
		if _, err := q.Dead(ctx, limit); !errors.Is(err, platform.ErrInvalid) {
			t.Errorf("dead %d: %v", limit, err)
		}
	}
}

// Goal: a waiting receiver gets a message the moment it is visible, for whatever reason, and gives
// up the moment its wait is over, its context ends or the queue closes. Method: virtual time, so
// that waiting costs nothing and moments are exact.
func TestQueueWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := openTest(t, Options{})
		q, err := p.Queue("orders", testPolicy())
		if err != nil {
			t.Fatal(err)
		}
		waited := func(what string, want time.Duration, ids ...string) []platform.Received {
			t.Helper()
			began := time.Now()
			got, err := q.Receive(t.Context(), 10, 10*time.Second, 30*time.Second)
			if err != nil || time.Since(began) != want {
				t.Errorf("%s: waited %v, want %v; %v", what, time.Since(began), want, err)
			}
			wantIDs(t, what, got, ids...)
			return got
		}
		waited("nothing comes", 30*time.Second)
		send(t, q, "a", 3*time.Second)
		got := waited("a delay ends", 3*time.Second, "a")
		time.AfterFunc(time.Second, func() { send(t, q, "b", time.Second) })
		waited("a delayed one is sent", 2*time.Second, "b")
		time.AfterFunc(time.Second, func() {
			if err := q.Release(t.Context(), got[0].Receipt, 2*time.Second); err != nil {
				t.Error(err)
			}
		})
		waited("a time-out is cut short", 3*time.Second, "a")
		waited("a time-out ends", 7*time.Second, "b")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = q.Receive(ctx, 1, time.Second, time.Minute)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a context that ends: %v", err)
		}
		time.AfterFunc(time.Second, p.queues["orders"].close)
		_, err = q.Receive(t.Context(), 1, time.Second, time.Minute)
		if !errors.Is(err, platform.ErrClosed) {
			t.Errorf("a queue that closes: %v", err)
		}
	})
}

// Goal: under concurrent senders and receivers no message is lost, and none is in two hands at
// once. Method: receivers forget some messages on purpose, so that those come back; visibility is
// long enough that nothing else does.
func TestQueueConcurrent(t *testing.T) {
	t.Parallel()
	const senders, each = 8, 60
	p := openTest(t, Options{})
	q, err := p.Queue("orders", platform.QueuePolicy{MaxReceives: 100, Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	hands, done := map[string]int{}, map[string]bool{}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	handle := func(m platform.Received) error {
		mu.Lock()
		hands[m.ID]++
		if hands[m.ID] > 1 || done[m.ID] {
			t.Errorf("%s is in two hands, or was done before", m.ID)
		}
		mu.Unlock()
		back := m.Attempts == 1 && len(m.ID)%2 == 0
		mu.Lock()
		defer mu.Unlock() // so that nobody receives it before it is out of this hand
		hands[m.ID]--
		if back {
			return q.Release(ctx, m.Receipt, 0)
		}
		done[m.ID] = true
		if len(done) == senders*each {
			defer stop()
		}
		return q.Delete(ctx, m.Receipt)
	}
	for range 6 {
		wg.Go(func() {
			for ctx.Err() == nil {
				got, err := q.Receive(ctx, 7, time.Hour, time.Minute)
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				for _, m := range got {
					if err := handle(m); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				send(t, q, fmt.Sprintf("%d-%d", s, i), 0)
			}
		})
	}
	wg.Wait()
	wantDepth(t, q, 0, 0, 0, 0)
	if floor := p.queues["orders"].due.start(); floor < time.Now().UnixNano() {
		t.Errorf("looking for the first entry would walk over removed ones from %d on", floor)
	}
}
