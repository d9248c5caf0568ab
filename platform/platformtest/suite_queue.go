package platformtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
)

func runQueue(t *testing.T, a Adapter) {
	runTrials(t, a, []trial{
		{"Lifecycle", testQueueLifecycle}, {"Visibility", testQueueVisibility},
		{"Delay", testQueueDelay}, {"Repeated", testQueueRepeated}, {"Release", testQueueRelease},
		{"DeadLetters", testQueueDead}, {"Retention", testQueueRetention},
		{"Limits", testQueueLimits}, {"Wait", testQueueWait}, {"Workers", testQueueWorkers},
		{"Names", testQueueNames},
	})
}

func (w *world) queue(t *testing.T, name string, receives int) platform.Queue {
	t.Helper()
	q, err := w.p.Queue(name, platform.QueuePolicy{
		MaxReceives: receives, Retention: 14 * 24 * time.Hour,
	})
	if err != nil {
		t.Fatalf("open queue %s: %v", name, err)
	}
	return q
}

func send(t *testing.T, q platform.Queue, id string, delay time.Duration) {
	t.Helper()
	m := platform.Message{ID: id, Body: []byte("body of " + id)}
	if err := q.Send(t.Context(), m, delay); err != nil {
		t.Fatalf("send %s: %v", id, err)
	}
}

// receive takes messages without waiting.
func receive(
	t *testing.T, q platform.Queue, limit int, visibility time.Duration,
) []platform.Received {
	t.Helper()
	got, err := q.Receive(t.Context(), limit, visibility, 0)
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	return got
}

// take waits until messages with these ids, and no others, can be received.
func (w *world) take(
	t *testing.T, q platform.Queue, visibility time.Duration, ids ...string,
) map[string]platform.Received {
	t.Helper()
	have := make(map[string]platform.Received)
	w.until(t, fmt.Sprint("messages ", ids), func() bool {
		for _, r := range receive(t, q, 10, visibility) {
			if !slices.Contains(ids, r.ID) {
				t.Fatalf("received %s, expected are %v", r.ID, ids)
			}
			have[r.ID] = r
		}
		return len(have) == len(ids)
	})
	return have
}

func wantNothing(t *testing.T, q platform.Queue) {
	t.Helper()
	if got := receive(t, q, 10, time.Hour); len(got) != 0 {
		t.Errorf("received %s, want nothing", got[0].ID)
	}
}

func wantDepth(t *testing.T, q platform.Queue, visible, hidden, dead int) {
	t.Helper()
	d, err := q.Depth(t.Context())
	if err != nil || d.Visible != visible || d.Hidden != hidden || d.Dead != dead {
		t.Errorf("depth: %+v, %v; want %d visible, %d hidden, %d dead",
			d, err, visible, hidden, dead)
	}
}

// Goal: what is sent is received whole, counted, and gone when it is deleted. Method: three
// messages through their lives.
func testQueueLifecycle(t *testing.T, w *world) {
	q := w.queue(t, "q", 5)
	wantNothing(t, q)
	wantDepth(t, q, 0, 0, 0)
	began := w.clock.Now()
	for _, id := range []string{"a", "b", "c"} {
		send(t, q, id, 0)
	}
	wantDepth(t, q, 3, 0, 0)
	got := w.take(t, q, time.Hour, "a", "b", "c")
	for id, r := range got {
		if string(r.Body) != "body of "+id || r.Attempts != 1 || r.Receipt == "" ||
			r.Sent.Before(began.Add(-time.Second)) {
			t.Errorf("message %s: %+v", id, r)
		}
	}
	wantDepth(t, q, 0, 3, 0)
	wantNothing(t, q)
	for _, id := range []string{"a", "c"} {
		if err := q.Delete(t.Context(), got[id].Receipt); err != nil {
			t.Errorf("delete %s: %v", id, err)
		}
	}
	wantDepth(t, q, 0, 1, 0)
	wantError(t, "delete nothing", q.Delete(t.Context(), "no receipt"),
		platform.ErrNotFound, platform.ErrInvalid)
}

// Goal: a received message is hidden for its time-out and then comes again, with another attempt
// counted; the stale receipt no longer deletes it. Method: let the time-out pass.
func testQueueVisibility(t *testing.T, w *world) {
	q := w.queue(t, "q", 5)
	send(t, q, "a", 0)
	first := w.take(t, q, w.span(2), "a")["a"]
	wantNothing(t, q)
	w.pass(w.span(2))
	second := w.take(t, q, time.Hour, "a")["a"]
	if second.Attempts != 2 || second.Receipt == first.Receipt {
		t.Errorf("received again: %+v, before: %+v", second, first)
	}
	wantError(t, "delete by a stale receipt", q.Delete(t.Context(), first.Receipt),
		platform.ErrNotFound)
	wantError(t, "release by a stale receipt", q.Release(t.Context(), first.Receipt, 0),
		platform.ErrNotFound)
	if err := q.Delete(t.Context(), second.Receipt); err != nil {
		t.Errorf("delete: %v", err)
	}
	wantDepth(t, q, 0, 0, 0)
}

// Goal: a delayed message is invisible until its delay has passed, and no other waits for it.
// Method: one with a delay and one without.
func testQueueDelay(t *testing.T, w *world) {
	q := w.queue(t, "q", 5)
	send(t, q, "late", w.span(2))
	send(t, q, "soon", 0)
	w.take(t, q, time.Hour, "soon")
	wantNothing(t, q)
	w.pass(w.span(2))
	late := w.take(t, q, time.Hour, "late")["late"]
	if late.Attempts != 1 {
		t.Errorf("a delayed message: %+v", late)
	}
}

// Goal: a message of the same id is not sent twice while the first is in the queue, visible, hidden
// or delayed, and may be sent again when that is gone. Method: send in each of those states.
func testQueueRepeated(t *testing.T, w *world) {
	q := w.queue(t, "q", 5)
	send(t, q, "a", 0)
	send(t, q, "a", 0)
	send(t, q, "late", 10*time.Minute)
	send(t, q, "late", 0)
	got := w.take(t, q, time.Hour, "a")
	send(t, q, "a", 0)
	wantNothing(t, q)
	if err := q.Delete(t.Context(), got["a"].Receipt); err != nil {
		t.Fatal(err)
	}
	wantNothing(t, q)
	send(t, q, "a", 0)
	w.take(t, q, time.Hour, "a")
}

// Goal: a released message is visible at once, or after the delay that was asked for. Method: both.
func testQueueRelease(t *testing.T, w *world) {
	q := w.queue(t, "q", 5)
	send(t, q, "a", 0)
	first := w.take(t, q, time.Hour, "a")["a"]
	if err := q.Release(t.Context(), first.Receipt, 0); err != nil {
		t.Fatal(err)
	}
	second := w.take(t, q, time.Hour, "a")["a"]
	if err := q.Release(t.Context(), second.Receipt, w.span(2)); err != nil {
		t.Fatal(err)
	}
	wantNothing(t, q)
	w.pass(w.span(2))
	if third := w.take(t, q, time.Hour, "a")["a"]; third.Attempts != 3 {
		t.Errorf("after two releases: %+v", third)
	}
}

// Goal: a message that was received MaxReceives times and not deleted is dead, not visible;
// redriven, it comes with no attempts spent. Method: let three time-outs pass.
func testQueueDead(t *testing.T, w *world) {
	q := w.queue(t, "q", 3)
	send(t, q, "a", 0)
	send(t, q, "b", 0)
	for range 3 {
		got := w.take(t, q, w.span(1), "a", "b")
		if got["b"].Attempts == 1 {
			if err := q.Delete(t.Context(), got["b"].Receipt); err != nil {
				t.Fatal(err)
			}
			send(t, q, "b", 0) // it starts with no attempts spent
		}
		w.pass(w.span(1))
	}
	w.take(t, q, time.Hour, "b")
	wantNothing(t, q)
	wantDepth(t, q, 0, 1, 1)
	dead, err := q.Dead(t.Context(), 10)
	if err != nil || len(dead) != 1 || dead[0].ID != "a" || string(dead[0].Body) != "body of a" ||
		dead[0].Attempts != 3 {
		t.Fatalf("dead letters: %+v, %v", dead, err)
	}
	wantError(t, "redrive nothing", q.Redrive(t.Context(), "none"), platform.ErrNotFound)
	if err := q.Redrive(t.Context(), "a"); err != nil {
		t.Fatalf("redrive: %v", err)
	}
	if r := w.take(t, q, time.Hour, "a")["a"]; r.Attempts != 1 {
		t.Errorf("redriven: %+v", r)
	}
	wantDepth(t, q, 0, 2, 0)
}

// Goal: what is older than the retention is gone. Method: let it pass; a younger message stays.
func testQueueRetention(t *testing.T, w *world) {
	q, err := w.p.Queue("brief", platform.QueuePolicy{MaxReceives: 5, Retention: w.span(4)})
	if err != nil {
		t.Fatal(err)
	}
	send(t, q, "old", 0)
	w.pass(w.span(3))
	send(t, q, "young", 0)
	w.pass(w.span(2))
	w.take(t, q, time.Hour, "young")
	wantNothing(t, q)
	wantDepth(t, q, 0, 1, 0)
}

// Goal: the limits of the port hold. Method: each at its edge and one over.
func testQueueLimits(t *testing.T, w *world) {
	q := w.queue(t, "q", 5)
	most := strings.Repeat("x", platform.MaxMessageBytes)
	large := platform.Message{ID: "large", Body: []byte(most)}
	over := platform.Message{ID: "over", Body: append(slices.Clone(large.Body), 'x')}
	wantError(t, "a message over the limit", q.Send(t.Context(), over, 0), platform.ErrTooLarge)
	for _, delay := range []time.Duration{-time.Second, platform.MaxQueueDelay + time.Second} {
		wantError(t, fmt.Sprint("a delay of ", delay),
			q.Send(t.Context(), platform.Message{ID: "m"}, delay), platform.ErrInvalid)
	}
	for _, limit := range []int{-1, 0, 11} {
		_, err := q.Receive(t.Context(), limit, time.Minute, 0)
		wantError(t, fmt.Sprint("receive ", limit), err, platform.ErrInvalid)
	}
	for name, p := range map[string]platform.QueuePolicy{
		"no receives":    {MaxReceives: 0, Retention: time.Hour},
		"many receives":  {MaxReceives: 1001, Retention: time.Hour},
		"long retention": {MaxReceives: 5, Retention: 15 * 24 * time.Hour},
	} {
		_, err := w.p.Queue(name, p)
		wantError(t, name, err, platform.ErrInvalid)
	}
	if err := q.Send(t.Context(), large, 0); err != nil {
		t.Fatalf("a message at the limit: %v", err)
	}
	got := w.take(t, q, time.Hour, "large")["large"]
	if string(got.Body) != string(large.Body) {
		t.Error("the largest message came back changed")
	}
	send(t, q, "latest", platform.MaxQueueDelay)
}

// Goal: Receive with a wait returns as soon as there is a message, also one that becomes visible by
// itself. Method: a receiver that waits for an hour; a message that is sent meanwhile.
func testQueueWait(t *testing.T, w *world) {
	q := w.queue(t, "q", 5)
	type answer struct {
		got []platform.Received
		err error
	}
	for _, delay := range []time.Duration{0, w.span(1)} {
		answers := make(chan answer, 1)
		go func() {
			got, err := q.Receive(t.Context(), 10, time.Hour, 20*time.Minute)
			answers <- answer{got, err}
		}()
		send(t, q, fmt.Sprint("after ", delay), delay)
		w.pass(delay)
		var a answer
		w.until(t, "the receiver", func() bool {
			select {
			case a = <-answers:
				return true
			default:
				return false
			}
		})
		if a.err != nil || len(a.got) != 1 || a.got[0].ID != fmt.Sprint("after ", delay) {
			t.Errorf("received %+v, %v", a.got, a.err)
		}
	}
}

// Goal: several workers share a queue, and a message is in one hand at a time. Method: eight
// workers empty a queue of two hundred.
func testQueueWorkers(t *testing.T, w *world) {
	q := w.queue(t, "q", 5)
	const total = 200
	for i := range total {
		send(t, q, fmt.Sprint("m", i), 0)
	}
	in := newInbox()
	together(8, func(int) {
		for in.count() < total {
			got, err := q.Receive(t.Context(), 10, time.Hour, 0)
			if err != nil {
				t.Errorf("receive: %v", err)
				return
			}
			for _, r := range got {
				in.add(platform.Event{ID: r.ID})
				if err := q.Delete(t.Context(), r.Receipt); err != nil {
					t.Errorf("delete: %v", err)
				}
			}
		}
	})
	if n := len(in.all()); n != total {
		t.Errorf("%d messages were received %d times", total, n)
	}
	wantDepth(t, q, 0, 0, 0)
}

// Goal: a name is one queue, and another name another. Method: send into one of two, receive
// through a second handle.
func testQueueNames(t *testing.T, w *world) {
	q, again, other := w.queue(t, "q", 5), w.queue(t, "q", 5), w.queue(t, "q2", 5)
	send(t, q, "a", 0)
	wantNothing(t, other)
	got := w.take(t, again, time.Hour, "a")
	if err := q.Delete(t.Context(), got["a"].Receipt); err != nil {
		t.Errorf("delete through the other handle: %v", err)
	}
}
