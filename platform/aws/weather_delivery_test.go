package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/aws/awstest"
	"github.com/souk-commerce/souk/platform/platformtest"
)

const kindA = "souk.alpha.happened.v1"

// stage is a platform in a cloud, with a clock that stands still.
type stage struct {
	*deployed
	clock *platformtest.Clock
}

func newStage(t *testing.T, topic bool) *stage {
	t.Helper()
	clock := platformtest.NewClock(platformtest.Start())
	c := newCloud(t, clock, topic)
	d := openDeployed(t, c, c.options(clock))
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &stage{deployed: d, clock: clock}
}

// until waits for done and moves the clock on to whatever somebody waits for, at most by most.
func (s *stage) until(t *testing.T, what string, most time.Duration, done func() bool) {
	t.Helper()
	platformtest.Poll(t, func() bool {
		if done() {
			return true
		}
		s.clock.AdvanceToNext(most)
		return false
	}, func() string { return "waited in vain for " + what })
}

const soon = 100 * time.Millisecond

// record keeps what a handler was given. Safe for concurrent use.
type record struct {
	mu  sync.Mutex
	ids []string
}

func (r *record) add(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids = append(r.ids, id)
	n := 0
	for _, have := range r.ids {
		if have == id {
			n++
		}
	}
	return n
}

func (r *record) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ids)
}

func (r *record) times(id string) (n int) {
	for _, have := range r.all() {
		if have == id {
			n++
		}
	}
	return n
}

// declare declares a subscription to kindA.
func (s *stage) declare(
	t *testing.T, name string, ordered bool, r platform.Retry,
	handle func(ctx context.Context, e platform.Event) error,
) *Worker {
	t.Helper()
	err := s.d.Subscribe(platform.Subscription{
		Name: name, Types: []string{kindA}, Ordered: ordered, Retry: r, Handle: handle,
	})
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.d.worker(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func quickly(attempts int) platform.Retry {
	return platform.Retry{
		Attempts: attempts, Base: time.Millisecond, Most: 5 * time.Millisecond, NotYet: time.Hour,
	}
}

func happened(subject string, seq int64) platform.Event {
	return platform.Event{
		ID: fmt.Sprintf("%s-%d", subject, seq), Type: kindA, Subject: subject, Sequence: seq,
		Data: fmt.Appendf(nil, `{"n":%d}`, seq),
	}
}

func (s *stage) start(t *testing.T) {
	t.Helper()
	if err := s.d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) announce(t *testing.T, events ...platform.Event) {
	t.Helper()
	if err := s.Store("alpha").Commit(t.Context(), platform.Batch{Events: events}); err != nil {
		t.Fatal(err)
	}
}

// committed announces events and returns them as they are in the log.
func (s *stage) committed(t *testing.T, events ...platform.Event) (log []platform.Event) {
	t.Helper()
	s.announce(t, events...)
	err := s.History().Log(t.Context(), "", func(_ string, e platform.Event) error {
		log = append(log, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// receive takes messages of a subscription's queue as a function's event source does.
func (s *stage) receive(t *testing.T, url string) []types.Message {
	t.Helper()
	out, err := s.c.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(url), MaxNumberOfMessages: 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Messages
}

// acknowledge deletes the messages of a batch that did not fail, as a function's event source does.
func (s *stage) acknowledge(t *testing.T, url string, batch []types.Message, failed []string) {
	t.Helper()
	for _, m := range batch {
		if slices.Contains(failed, *m.MessageId) {
			continue
		}
		_, err := s.c.sqs.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{
			QueueUrl: aws.String(url), ReceiptHandle: m.ReceiptHandle,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (s *stage) wantDead(t *testing.T, name string, n int) []platform.DeadLetter {
	t.Helper()
	dead, err := s.d.DeadLetters(t.Context(), name, "", 100)
	if err != nil || len(dead) != n {
		t.Fatalf("%d dead letters, want %d: %v", len(dead), n, err)
	}
	return dead
}

// Goal: an entry that the bus refuses is tried again alone, and nothing is lost or sent twice.
// Method: each bus refuses the first sight of every third event; what it saw is counted.
func TestRefusedEntry(t *testing.T) {
	t.Parallel()
	for _, topic := range []bool{false, true} {
		s := newStage(t, topic)
		in, seen := &record{}, &record{}
		s.declare(t, "all", false, quickly(1), func(_ context.Context, e platform.Event) error {
			in.add(e.ID)
			return nil
		})
		refuse := func(body string) bool {
			e, _, err := unpackEvent(t.Context(), s.f, body)
			return err == nil && seen.add(e.ID) == 1 && e.Sequence%3 == 0
		}
		s.c.eb.SetFaults(awstest.EventBridgeFaults{Entry: refuse})
		s.c.sns.SetFaults(awstest.SNSFaults{Entry: refuse})
		s.start(t)
		var events []platform.Event
		for seq := range int64(30) {
			events = append(events, happened("thing", seq+1))
		}
		s.announce(t, events...)
		s.until(t, "every event", soon, func() bool { return len(in.all()) >= 30 })
		for _, e := range events {
			want := 1
			if e.Sequence%3 == 0 {
				want = 2
			}
			if seen.times(e.ID) != want || in.times(e.ID) != 1 {
				t.Errorf("topic %t: the bus saw %s %d times, want %d; it was delivered %d times",
					topic, e.ID, seen.times(e.ID), want, in.times(e.ID))
			}
		}
	}
}

// Goal: a relay function tells the stream which events are not on the bus, and why. Method: a bus
// that refuses one event for ever, and a bus that is throttled altogether.
func TestRelayReports(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	w := s.declare(t, "all", false, quickly(1), func(context.Context, platform.Event) error {
		return nil
	})
	log := s.committed(t, happened("a", 1), happened("b", 1), happened("c", 1))
	s.c.eb.SetFaults(awstest.EventBridgeFaults{Entry: func(detail string) bool {
		return strings.Contains(detail, `"subject":"b"`)
	}})
	relay := s.d.o.Relay
	type answer struct {
		failed []int
		err    error
	}
	handle := func() answer {
		got := make(chan answer, 1)
		go func() {
			failed, err := relay.Handle(t.Context(), log)
			got <- answer{failed, err}
		}()
		var a answer
		s.until(t, "the relay", relayMost, func() bool {
			select {
			case a = <-got:
				return true
			default:
				return false
			}
		})
		return a
	}
	if a := handle(); !slices.Equal(a.failed, []int{1}) || a.err == nil {
		t.Errorf("failed: %v, %v; want the event in the middle", a.failed, a.err)
	}
	if n := len(s.receive(t, w.place.URL)); n != 2 {
		t.Errorf("%d events were delivered, want the two others once", n)
	}
	s.c.eb.SetFaults(awstest.EventBridgeFaults{Call: func(string) error {
		return awstest.Throttled()
	}})
	a := handle()
	if !slices.Equal(a.failed, []int{0, 1, 2}) || !errors.Is(a.err, platform.ErrThrottled) {
		t.Errorf("failed: %v, %v; want all of them, throttled", a.failed, a.err)
	}
	s.c.eb.SetFaults(awstest.EventBridgeFaults{})
	if a := handle(); len(a.failed) != 0 || a.err != nil {
		t.Errorf("failed: %v, %v", a.failed, a.err)
	}
}

// Goal: stream records that come twice, late and out of order lose nothing, and do not disturb an
// ordered subscription. Method: a relay function that is given a subject's events backwards, in
// pieces, and doubled; functions for an ordered and a free subscription, in the same process.
func TestStreamOutOfOrder(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	free, inOrder := &record{}, &record{}
	loose := s.declare(t, "free", false, quickly(1),
		func(_ context.Context, e platform.Event) error {
			free.add(e.ID)
			return nil
		})
	strict := s.declare(t, "ordered", true, quickly(1),
		func(_ context.Context, e platform.Event) error {
			inOrder.add(e.ID)
			return nil
		})
	var events []platform.Event
	var want []string
	for seq := range int64(20) {
		events = append(events, happened("thing", seq+1))
		want = append(want, events[seq].ID)
	}
	log := s.committed(t, events...)
	slices.Reverse(log)
	for _, batch := range [][]platform.Event{log[:7], log[3:12], log[7:], log[:1]} {
		if failed, err := s.d.o.Relay.Handle(t.Context(), batch); len(failed) > 0 || err != nil {
			t.Fatal(failed, err)
		}
		for _, w := range []*Worker{loose, strict} {
			for batch := s.receive(t, w.place.URL); len(batch) > 0; {
				s.acknowledge(t, w.place.URL, batch, w.Handle(t.Context(), batch))
				batch = s.receive(t, w.place.URL)
			}
		}
	}
	if got := inOrder.all(); !slices.Equal(got, want) {
		t.Errorf("in order: %v, want %v", got, want)
	}
	for _, id := range want {
		if free.times(id) == 0 {
			t.Errorf("%s was not delivered", id)
		}
	}
}

// Goal: a worker that dies after its handler's commit and before the message is deleted has its
// effect once, and no attempt is counted. Method: a batch whose messages nobody deletes, until they
// come again; the handler makes a record of its own for each event.
func TestKilledBeforeDelete(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	calls := &record{}
	w := s.declare(t, "once", false, quickly(2), func(ctx context.Context, e platform.Event) error {
		calls.add(e.ID)
		err := s.Store("alpha").Commit(ctx, platform.Batch{Writes: []platform.Write{{
			Kind: platform.Put, Key: platform.Key{Part: "effects", Sort: e.ID},
			Expect: platform.Absent, Value: []byte("done"),
		}}})
		if errors.Is(err, platform.ErrConflict) {
			return nil
		}
		return err
	})
	log := s.committed(t, happened("a", 1), happened("b", 1))
	if failed, err := s.d.o.Relay.Handle(t.Context(), log); len(failed) > 0 || err != nil {
		t.Fatal(failed, err)
	}
	for range 3 {
		batch := s.receive(t, w.place.URL)
		if failed := w.Handle(t.Context(), batch); len(batch) != 2 || len(failed) > 0 {
			t.Fatalf("%d messages, failed: %v", len(batch), failed)
		}
		s.clock.Advance(defaultVisibility) // the deletions were lost with the process
	}
	effects, err := s.Store("alpha").List(t.Context(), platform.Query{Part: "effects", Limit: 10})
	if err != nil || len(effects) != 2 || effects[0].Version != 1 || effects[1].Version != 1 {
		t.Errorf("effects: %+v, %v", effects, err)
	}
	status, err := s.d.Status(t.Context())
	if err != nil || status[0].Failed != 0 || status[0].Waiting != 0 || len(calls.all()) != 6 {
		t.Errorf("status %+v after %d calls, %v", status, len(calls.all()), err)
	}
	s.wantDead(t, "once", 0)
}

// Goal: a function's batch of which half fails is answered in part, and what failed comes again
// later, with its failures known. Method: ten messages, every other handler fails once, waits of
// minutes.
func TestHalfABatch(t *testing.T) {
	t.Parallel()
	s := newStage(t, true)
	s.d.o.Source = nil // the relay is a function
	calls := &record{}
	r := platform.Retry{Attempts: 3, Base: time.Hour, Most: time.Hour}
	w := s.declare(t, "half", false, r, func(_ context.Context, e platform.Event) error {
		if n := calls.add(e.ID); e.Sequence%2 == 0 && n == 1 {
			return errors.New("not this time")
		}
		return nil
	})
	var events []platform.Event
	for seq := range int64(10) {
		events = append(events, happened("thing", seq+1))
	}
	if failed, err := s.d.o.Relay.Handle(t.Context(), s.committed(t, events...)); err != nil {
		t.Fatal(failed, err)
	}
	batch := s.receive(t, w.place.URL)
	failed := w.Handle(t.Context(), batch)
	s.acknowledge(t, w.place.URL, batch, failed)
	status, err := s.d.Status(t.Context())
	if len(batch) != 10 || len(failed) != 5 || err != nil || status[0].Waiting != 5 ||
		status[0].Pending != 0 || status[0].Done != 5 || status[0].Failed != 5 {
		t.Fatalf("%d messages, %d failed, %+v, %v", len(batch), len(failed), status, err)
	}
	s.clock.Advance(2 * time.Hour)
	batch = s.receive(t, w.place.URL)
	failed = w.Handle(t.Context(), batch)
	s.acknowledge(t, w.place.URL, batch, failed)
	status, err = s.d.Status(t.Context())
	if len(batch) != 5 || len(failed) != 0 || err != nil || status[0].Waiting != 0 ||
		status[0].Pending != 0 || status[0].Done != 10 {
		t.Errorf("%d messages again, %d failed, %+v, %v", len(batch), len(failed), status, err)
	}
}
