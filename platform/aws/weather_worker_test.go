package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/aws/awstest"
)

// Goal: an event that no message can carry travels by claim check, to the handler and to the dead
// letter and back. Method: one of nearly the largest size, on either bus; it fails at first.
func TestClaimCheck(t *testing.T) {
	t.Parallel()
	for _, topic := range []bool{false, true} {
		s := newStage(t, topic)
		var well atomic.Bool
		got := make(chan platform.Event, 10)
		s.declare(t, "large", false, quickly(1), func(_ context.Context, e platform.Event) error {
			if !well.Load() {
				return errors.New("not yet well")
			}
			got <- e
			return nil
		})
		s.start(t)
		e := happened("thing", 1)
		e.Data = []byte(`"` + strings.Repeat("x", 390_000) + `"`)
		s.announce(t, e)
		s.until(t, "the dead letter", soon, func() bool {
			dead, err := s.d.DeadLetters(t.Context(), "large", "", 1)
			return err == nil && len(dead) == 1
		})
		dead := s.wantDead(t, "large", 1)[0]
		if string(dead.Event.Data) != string(e.Data) || dead.Event.ID != e.ID {
			t.Errorf("the dead letter's event is not what was committed")
		}
		well.Store(true)
		if err := s.d.Redrive(t.Context(), "large", dead.ID); err != nil {
			t.Fatal(err)
		}
		s.until(t, "the event", soon, func() bool { return len(got) > 0 })
		if have := <-got; string(have.Data) != string(e.Data) || have.Subject != e.Subject {
			t.Errorf("the event is not what was committed")
		}
		if len(s.c.s3.Keys()) == 0 {
			t.Error("nothing is in the bucket: how did it travel?")
		}
	}
}

// Goal: what SQS itself gave up on becomes a dead letter that says so, and can be redriven. Method:
// messages that nobody handles, until the redrive policy moves them, among them one that is no
// event; then pollers.
func TestNativeDeadLetters(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	in := &record{}
	w := s.declare(t, "silent", false, quickly(3), func(_ context.Context, e platform.Event) error {
		in.add(e.ID)
		return nil
	})
	const receives = 4
	if err := s.c.makeQueue(t.Context(), "silent", receives, time.Minute); err != nil {
		t.Fatal(err)
	}
	log := s.committed(t, happened("thing", 1))
	if failed, err := s.d.o.Relay.Handle(t.Context(), log); len(failed) > 0 || err != nil {
		t.Fatal(failed, err)
	}
	_, err := s.c.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: aws.String(w.place.URL), MessageBody: aws.String("no event"),
	})
	if err != nil {
		t.Fatal(err)
	}
	for range receives + 1 {
		s.receive(t, w.place.URL) // by workers that die without a word
		s.clock.Advance(time.Minute)
	}
	s.d.o.Source = nil // the relay is a function
	s.start(t)
	s.until(t, "both dead letters", soon, func() bool {
		dead, err := s.d.DeadLetters(t.Context(), "silent", "", 10)
		return err == nil && len(dead) == 2
	})
	dead := s.wantDead(t, "silent", 2)
	if dead[0].Event.ID != log[0].ID || !strings.Contains(dead[0].LastError, "without a word") ||
		!strings.Contains(dead[0].LastError, fmt.Sprint(receives)) || dead[0].Attempts < 1 {
		t.Errorf("dead letter: %+v", dead[0])
	}
	if string(dead[1].Event.Data) != `"no event"` || dead[1].Event.Type != "unreadable" {
		t.Errorf("dead letter of what is no event: %+v", dead[1])
	}
	if err := s.d.Redrive(t.Context(), "silent", dead[0].ID); err != nil {
		t.Fatal(err)
	}
	s.until(t, "the event", soon, func() bool { return in.times(log[0].ID) == 1 })
	s.wantDead(t, "silent", 1)
}

// Goal: throttled queues delay and lose nothing, and are no failed attempts. Method: every second
// call of each kind is throttled, while events succeed, fail and die.
func TestThrottledQueues(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	var mu sync.Mutex
	calls := make(map[string]int)
	s.c.sqs.SetFaults(awstest.SQSFaults{Call: func(op string) error {
		mu.Lock()
		defer mu.Unlock()
		if calls[op]++; calls[op]%2 == 1 && !strings.HasPrefix(op, "Get") && op != "CreateQueue" {
			return awstest.Throttled()
		}
		return nil
	}})
	in := &record{}
	s.declare(t, "some", false, quickly(3), func(_ context.Context, e platform.Event) error {
		if n := in.add(e.ID); e.Subject == "dies" || e.Subject == "fails" && n < 3 {
			return errors.New("a failure")
		}
		return nil
	})
	s.start(t)
	const each = 20
	for seq := range int64(each) {
		s.announce(t, happened("works", seq+1), happened("fails", seq+1), happened("dies", seq+1))
	}
	s.until(t, "every fate", pollMost, func() bool {
		st, err := s.d.Status(t.Context())
		return err == nil && st[0].Done >= 2*each && st[0].DeadLetters == each &&
			st[0].Pending == 0 && st[0].Waiting == 0
	})
	for _, d := range s.wantDead(t, "some", each) {
		if d.Attempts != 3 || d.Event.Subject != "dies" {
			t.Errorf("dead letter: %+v", d)
		}
	}
}

// Goal: what the queue delivers twice has its effect once and is settled once. Method: a queue that
// leaves every message visible at its first receipt; the handler makes a record of its own.
func TestDoubledMessages(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	first := &record{}
	s.c.sqs.SetFaults(awstest.SQSFaults{Double: func(body string) bool {
		return first.add(body) == 1
	}})
	in := &record{}
	s.declare(t, "twice", false, quickly(3), func(ctx context.Context, e platform.Event) error {
		in.add(e.ID)
		err := s.Store("alpha").Commit(ctx, platform.Batch{Writes: []platform.Write{{
			Kind: platform.Put, Key: platform.Key{Part: "effects", Sort: e.ID},
			Expect: platform.Absent, Value: []byte("done"),
		}}})
		if errors.Is(err, platform.ErrConflict) {
			return nil
		}
		return err
	})
	s.start(t)
	for seq := range int64(20) {
		s.announce(t, happened("thing", seq+1))
	}
	s.until(t, "every event twice", soon, func() bool { return len(in.all()) >= 40 })
	effects, err := s.Store("alpha").List(t.Context(), platform.Query{Part: "effects", Limit: 100})
	if err != nil || len(effects) != 20 {
		t.Errorf("%d effects, %v", len(effects), err)
	}
	for _, r := range effects {
		if r.Version != 1 {
			t.Errorf("the effect of %s was made %d times", r.Key.Sort, r.Version)
		}
	}
	s.wantDead(t, "twice", 0)
}

// Goal: a paused function hands out nothing, and the messages come again when it goes on. Method:
// pause, a batch, go on, the batch again.
func TestPausedFunction(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	in := &record{}
	w := s.declare(t, "resting", false, quickly(1),
		func(_ context.Context, e platform.Event) error {
			in.add(e.ID)
			return nil
		})
	if err := s.d.Pause(t.Context(), "resting", true); err != nil {
		t.Fatal(err)
	}
	log := s.committed(t, happened("thing", 1))
	if failed, err := s.d.o.Relay.Handle(t.Context(), log); len(failed) > 0 || err != nil {
		t.Fatal(failed, err)
	}
	batch := s.receive(t, w.place.URL)
	if failed := w.Handle(t.Context(), batch); len(batch) != 1 || len(failed) != 1 {
		t.Fatalf("%d messages, failed: %v", len(batch), failed)
	}
	if err := s.d.Pause(t.Context(), "resting", false); err != nil {
		t.Fatal(err)
	}
	if len(in.all()) != 0 || len(s.receive(t, w.place.URL)) != 0 {
		t.Error("it was given an event, or the message came again at once")
	}
	s.clock.Advance(pausedReturn)
	batch = s.receive(t, w.place.URL)
	if failed := w.Handle(t.Context(), batch); len(batch) != 1 || len(failed) != 0 {
		t.Fatalf("%d messages, failed: %v", len(batch), failed)
	}
	if in.times(log[0].ID) != 1 {
		t.Error("the event was not handled")
	}
}

// Goal: an ordered subscription keeps its order when two processes work on it. Method: a second
// delivery over the same rows and queues; the handlers note who is at a subject at the same time.
func TestOrderedInTwoProcesses(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	const subjects, each = 5, 30
	in := &record{}
	var at [subjects]atomic.Bool
	handle := func(_ context.Context, e platform.Event) error {
		n := int(e.Subject[0] - 'a')
		if at[n].Swap(true) {
			t.Errorf("%s is handled beside another of its subject", e.ID)
		}
		defer at[n].Store(false)
		if in.times(e.ID) == 0 && e.Sequence%7 == 0 {
			in.add(e.ID)
			return errors.New("not at first")
		}
		in.add(e.ID)
		return nil
	}
	other := newDelivery(s.d.o)
	other.o.Source, other.o.Sweep = nil, nil
	for _, d := range []*delivery{s.d, other} {
		err := d.Subscribe(platform.Subscription{
			Name: "ordered", Types: []string{kindA}, Ordered: true, Retry: quickly(5),
			Handle: handle,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(other.shut)
	for seq := range int64(each) {
		for n := range subjects {
			s.announce(t, happened(string(rune('a'+n)), seq+1))
		}
	}
	s.until(t, "nothing to do", leaseBusy, func() bool {
		st, err := s.d.Status(t.Context())
		return err == nil && st[0].Pending == 0 && st[0].Waiting == 0
	})
	for n := range subjects {
		var have []string
		for _, id := range in.all() {
			if id[0] == byte('a'+n) && !slices.Contains(have, id) {
				have = append(have, id)
			}
		}
		for i, id := range have {
			if want := happened(string(rune('a'+n)), int64(i)+1).ID; id != want {
				t.Fatalf("%s was handled as number %d of its subject", id, i+1)
			}
		}
		if len(have) != each {
			t.Errorf("subject %d: %d events, want %d", n, len(have), each)
		}
	}
}

// Goal: a lease whose holder died is taken over when its time is up, not before. Method: the row of
// a holder that nobody knows; a function that wants it.
func TestLeaseOfTheDead(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	in := &record{}
	w := s.declare(t, "ordered", true, quickly(1), func(_ context.Context, e platform.Event) error {
		in.add(e.ID)
		return nil
	})
	err := w.writeLease(t.Context(), "thing", &lease{
		Holder: "somebody", Until: s.clock.Now().Add(defaultVisibility),
	})
	if err != nil {
		t.Fatal(err)
	}
	log := s.committed(t, happened("thing", 1))
	if failed, err := s.d.o.Relay.Handle(t.Context(), log); len(failed) > 0 || err != nil {
		t.Fatal(failed, err)
	}
	batch := s.receive(t, w.place.URL)
	if failed := w.Handle(t.Context(), batch); len(failed) != 1 || len(in.all()) != 0 {
		t.Fatalf("failed: %v, handled: %v; the lease is somebody's", failed, in.all())
	}
	s.clock.Advance(defaultVisibility)
	batch = s.receive(t, w.place.URL)
	if failed := w.Handle(t.Context(), batch); len(failed) != 0 || len(in.all()) != 1 {
		t.Fatalf("failed: %v, handled: %v; the lease is over", failed, in.all())
	}
}

// Goal: a replay survives a batch of which half is refused. Method: SQS refuses the first sight of
// every second entry.
func TestReplayHalfRefused(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	in := &record{}
	s.declare(t, "again", false, quickly(1), func(_ context.Context, e platform.Event) error {
		in.add(e.ID)
		return nil
	})
	s.start(t)
	for seq := range int64(25) {
		s.announce(t, happened("thing", seq+1))
	}
	s.until(t, "everything", soon, func() bool { return len(in.all()) >= 25 })
	asked := 0
	s.c.sqs.SetFaults(awstest.SQSFaults{Entry: func(string, string) bool {
		asked++
		return asked%2 == 1
	}})
	replayed := make(chan error, 1)
	go func() {
		n, err := s.d.Replay(t.Context(), "again", time.Time{}, false)
		if n != 25 && err == nil {
			err = fmt.Errorf("replayed %d", n)
		}
		replayed <- err
	}()
	s.until(t, "everything again", sendMost, func() bool { return len(in.all()) >= 50 })
	if err := <-replayed; err != nil {
		t.Error(err)
	}
	for seq := range int64(25) {
		if n := in.times(happened("thing", seq+1).ID); n != 2 {
			t.Errorf("event %d came %d times, want 2", seq+1, n)
		}
	}
}
