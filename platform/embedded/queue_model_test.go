package embedded

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/platformtest"
)

// queueModel is what a queue promises, said as simply as possible: a map, searched from end to end.
type queueModel struct {
	policy   platform.QueuePolicy
	messages map[string]*modelMessage
}

type modelMessage struct {
	id       string
	at       time.Time // visible from then on; when dead, since then
	sent     time.Time
	expires  time.Time
	attempts int
	last     bool // in somebody's hands for the last time
	dead     bool
	receipt  string
}

// settle does what the passage of time did: exhausted messages are dead.
func (m *queueModel) settle(now time.Time) {
	for _, msg := range m.messages {
		if msg.last && !msg.at.After(now) {
			msg.last, msg.dead, msg.at = false, true, now
		}
	}
}

// standing lists messages that satisfy want, by time and id.
func (m *queueModel) standing(want func(*modelMessage) bool) []*modelMessage {
	var list []*modelMessage
	for _, msg := range m.messages {
		if want(msg) {
			list = append(list, msg)
		}
	}
	slices.SortFunc(list, func(a, b *modelMessage) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id))
	})
	return list
}

func (m *queueModel) visible(now time.Time) []*modelMessage {
	return m.standing(func(x *modelMessage) bool { return !x.last && !x.dead && !x.at.After(now) })
}

// take drops what is too old among the first visible ones and returns whom Receive must give.
func (m *queueModel) take(now time.Time, limit int) []*modelMessage {
	for n := limit; ; n = queueChunk {
		var got []*modelMessage
		list := m.visible(now)
		for _, msg := range list[:min(n, len(list))] {
			if !msg.expires.After(now) {
				delete(m.messages, msg.id)
			} else if len(got) < limit {
				got = append(got, msg)
			}
		}
		if len(got) > 0 || len(list) == 0 {
			return got
		}
	}
}

// queueRun compares a queue with its model, one random step after the other.
type queueRun struct {
	model    queueModel
	clock    *platformtest.Clock
	p        *Platform
	q        platform.Queue
	receipts []string
}

// Goal: after any history, every answer of the queue is the one that its model gives. Method:
// random steps on few ids, with a clock that stands still between them; now and then the queue
// forgets what it knows beside its records, as after a restart.
func TestQueueIsItsModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		clock := platformtest.NewClock(platformtest.Start())
		p, err := Open(Options{Clock: clock})
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = p.Close() }()
		r := &queueRun{clock: clock, p: p, model: queueModel{
			policy:   platform.QueuePolicy{MaxReceives: 2, Retention: time.Minute},
			messages: map[string]*modelMessage{},
		}}
		r.reopen(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"send": r.send, "receive": r.receive, "delete": r.delete, "release": r.release,
			"redrive": r.redrive, "dead": r.dead, "depth": r.depth, "reopen": r.reopen,
			"wait": func(rt *rapid.T) { clock.Advance(seconds(rt, "wait", 40)) },
		})
	})
}

func seconds(rt *rapid.T, what string, most int) time.Duration {
	return time.Duration(rapid.IntRange(0, most).Draw(rt, what)) * time.Second
}

func anyID(rt *rapid.T) string { return fmt.Sprint("m", rapid.IntRange(0, 9).Draw(rt, "id")) }

func (r *queueRun) reopen(rt *rapid.T) {
	r.p.queues = map[string]*queue{}
	q, err := r.p.Queue("model", r.model.policy)
	if err != nil {
		rt.Fatal(err)
	}
	r.q = q
}

func (r *queueRun) send(rt *rapid.T) {
	id, delay, now := anyID(rt), seconds(rt, "delay", 20), r.clock.Now()
	err := r.q.Send(rt.Context(), platform.Message{ID: id, Body: []byte(id)}, delay)
	if err != nil {
		rt.Fatal(err)
	}
	if old := r.model.messages[id]; old != nil && (old.dead || old.expires.After(now)) {
		return
	}
	r.model.messages[id] = &modelMessage{
		id: id, at: now.Add(delay), sent: now, expires: now.Add(r.model.policy.Retention),
	}
}

func (r *queueRun) receive(rt *rapid.T) {
	limit, now := rapid.IntRange(1, 4).Draw(rt, "limit"), r.clock.Now()
	visibility := time.Second + seconds(rt, "visibility", 20)
	got, err := r.q.Receive(rt.Context(), limit, visibility, 0)
	if err != nil {
		rt.Fatal(err)
	}
	r.model.settle(now)
	want := r.model.take(now, limit)
	if len(got) != len(want) {
		rt.Fatalf("received %d, want %d", len(got), len(want))
	}
	for i, msg := range want {
		msg.attempts++
		msg.at, msg.last = now.Add(visibility), msg.attempts == r.model.policy.MaxReceives
		msg.receipt = got[i].Receipt
		r.receipts = append(r.receipts, got[i].Receipt)
		same(rt, "received", got[i], msg)
	}
}

func same(rt *rapid.T, what string, got platform.Received, want *modelMessage) {
	if got.ID != want.id || string(got.Body) != want.id || !got.Sent.Equal(want.sent) ||
		got.Attempts != want.attempts || got.Receipt != want.receipt {
		rt.Fatalf("%s %+v, want %+v", what, got, want)
	}
}

// held draws a receipt and returns the message that it still speaks for, or nil.
func (r *queueRun) held(rt *rapid.T) (string, *modelMessage) {
	if len(r.receipts) == 0 {
		rt.Skip("nothing was received")
	}
	receipt := rapid.SampledFrom(r.receipts).Draw(rt, "receipt")
	for _, msg := range r.model.messages {
		if msg.receipt == receipt {
			return receipt, msg
		}
	}
	return receipt, nil
}

func (r *queueRun) delete(rt *rapid.T) {
	receipt, msg := r.held(rt)
	outcome(rt, "delete", r.q.Delete(rt.Context(), receipt), msg != nil)
	if msg != nil {
		delete(r.model.messages, msg.id)
	}
}

func (r *queueRun) release(rt *rapid.T) {
	receipt, msg := r.held(rt)
	delay, now := seconds(rt, "delay", 20), r.clock.Now()
	outcome(rt, "release", r.q.Release(rt.Context(), receipt, delay), msg != nil)
	switch {
	case msg == nil || msg.dead:
	case msg.last:
		msg.last, msg.dead, msg.at = false, true, now
	default:
		msg.at = now.Add(delay)
	}
}

func (r *queueRun) redrive(rt *rapid.T) {
	id, now := anyID(rt), r.clock.Now()
	err := r.q.Redrive(rt.Context(), id)
	r.model.settle(now)
	msg := r.model.messages[id]
	ok := msg != nil && msg.dead
	outcome(rt, "redrive", err, ok)
	if ok {
		msg.dead, msg.at, msg.attempts = false, now, 0
		msg.expires = now.Add(r.model.policy.Retention)
	}
}

func outcome(rt *rapid.T, what string, err error, ok bool) {
	if ok && err != nil || !ok && !errors.Is(err, platform.ErrNotFound) {
		rt.Fatalf("%s: %v; the model says %v", what, err, ok)
	}
}

func (r *queueRun) dead(rt *rapid.T) {
	limit := rapid.IntRange(1, 5).Draw(rt, "limit")
	got, err := r.q.Dead(rt.Context(), limit)
	if err != nil {
		rt.Fatal(err)
	}
	r.model.settle(r.clock.Now())
	want := r.model.standing(func(x *modelMessage) bool { return x.dead })
	want = want[:min(limit, len(want))]
	if len(got) != len(want) {
		rt.Fatalf("%d are dead, want %d", len(got), len(want))
	}
	for i := range got {
		same(rt, "dead", got[i], want[i])
	}
}

func (r *queueRun) depth(rt *rapid.T) {
	got, err := r.q.Depth(rt.Context())
	if err != nil {
		rt.Fatal(err)
	}
	now := r.clock.Now()
	r.model.settle(now)
	for _, msg := range r.model.visible(now) {
		if !msg.expires.After(now) {
			delete(r.model.messages, msg.id)
		}
	}
	var want platform.QueueDepth
	due := r.model.standing(func(x *modelMessage) bool { return !x.last && !x.dead })
	last := r.model.standing(func(x *modelMessage) bool { return x.last })
	want.Visible = len(r.model.visible(now))
	want.Hidden = len(due) - want.Visible + len(last)
	want.Dead = len(r.model.messages) - len(due) - len(last)
	for _, list := range [][]*modelMessage{due, last} {
		if len(list) > 0 {
			want.Oldest = max(want.Oldest, now.Sub(list[0].sent))
		}
	}
	if got != want {
		rt.Fatalf("depth %+v, want %+v", got, want)
	}
}
