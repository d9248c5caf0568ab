package aws

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/platformtest"
)

// Goal: options that cannot work are refused before anything is asked, and a queue that nobody
// deployed is named. Method: each mistake.
func TestOpenIsChecked(t *testing.T) {
	t.Parallel()
	clock := platformtest.NewClock(platformtest.Start())
	c := newCloud(t, clock, false)
	for name, spoil := range map[string]func(*Options){
		"no key":        func(o *Options) { o.KeyID = "" },
		"no bus":        func(o *Options) { o.Bus = "" },
		"bus and topic": func(o *Options) { o.Topic = "arn:aws:sns:test:souk" },
		"a table that no room is in": func(o *Options) {
			o.Serve = []string{"another"}
		},
	} {
		o := c.options(clock)
		spoil(&o)
		if _, err := open(t.Context(), o, c.services); !errors.Is(err, platform.ErrInvalid) {
			t.Errorf("%s: %v, want that it is invalid", name, err)
		}
	}
	o := c.options(clock)
	prepare(t, o)
	p, err := open(t.Context(), o, c.services)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Queue("order.purchases", platform.QueuePolicy{MaxReceives: 1, Retention: time.Hour})
	if err == nil || !strings.Contains(err.Error(), "souk-order-purchases") {
		t.Errorf("a queue that nobody made: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Keys().Seal(t.Context(), "bob", nil); !errors.Is(err, platform.ErrClosed) {
		t.Errorf("sealed after close: %v", err)
	}
}

// Goal: functions, each with a process of its own, carry an event and a timer's to a handler, and
// none of them does another's work. Method: a process that commits, one that sweeps, one that is
// given a table's stream, and one that is given a queue's messages; the table of one room is served
// by nobody.
func TestFunctionsCarryAnEvent(t *testing.T) {
	t.Parallel()
	clock := platformtest.NewClock(platformtest.Start())
	c := newCloud(t, clock, false)
	o := c.options(clock)
	o.Functions, o.Serve = true, []string{o.Table}
	process := func() *deployed { return openDeployed(t, c, o) }
	due := happened("thing", 0)
	err := process().Store("alpha").Commit(t.Context(), platform.Batch{
		Events: []platform.Event{happened("thing", 1)},
		Timers: []platform.Timer{{Key: "t", Due: clock.Now(), Event: due}},
	})
	if err != nil {
		t.Fatal(err)
	}
	err = process().Store("gamma").Commit(t.Context(), platform.Batch{Events: []platform.Event{{
		ID: "g", Type: "souk.gamma.happened.v1", Subject: "other", Sequence: 1,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := process().Sweep(t.Context()); n != 1 || err != nil {
		t.Fatalf("%d timers fired, want one: %v", n, err)
	}
	in, taker := &record{}, process()
	handle := func(_ context.Context, e platform.Event) error {
		in.add(e.ID)
		return nil
	}
	for name, kind := range map[string]string{"mine": kindA, "other": "souk.gamma.happened.v1"} {
		err = taker.Delivery().Subscribe(platform.Subscription{
			Name: name, Types: []string{kind}, Retry: quickly(1), Handle: handle,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	w, err := taker.Worker(t.Context(), "mine")
	if err != nil {
		t.Fatal(err)
	}
	relay := process()
	var log []platform.Event
	err = relay.History().Log(t.Context(), "", func(_ string, e platform.Event) error {
		log = append(log, e)
		return nil
	})
	if err != nil || len(log) != 2 {
		t.Fatalf("the table's stream shows %d events, want 2: %v", len(log), err)
	}
	if failed, err := relay.Relay().Handle(t.Context(), log); len(failed) > 0 || err != nil {
		t.Fatal(failed, err)
	}
	if err := taker.Delivery().Start(t.Context()); err != nil || taker.d.stop != nil {
		t.Errorf("a function started to poll, or failed to start: %v", err)
	}
	s := &stage{deployed: taker, clock: clock}
	batch := s.receive(t, w.place.URL)
	s.acknowledge(t, w.place.URL, batch, w.Handle(t.Context(), batch))
	have := in.all()
	slices.Sort(have)
	if !slices.Equal(have, []string{"thing-0", "thing-1"}) {
		t.Errorf("handled %v, want the event and the timer's", have)
	}
	status, err := taker.Delivery().Status(t.Context())
	if err != nil || status[0].Pending != 0 || status[1].Pending != 0 {
		t.Errorf("status %+v, %v; want that nothing waits in a queue", status, err)
	}
}

// Goal: a message that an event source received is taken like one of Receive: once, and no more
// when it was settled. Method: a message that is received aside, accepted, accepted again as when
// SQS doubles it, deleted, and accepted a last time.
func TestAccept(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	q := s.queue(t)
	if err := q.Send(t.Context(), platform.Message{ID: "a", Body: []byte("body")}, 0); err != nil {
		t.Fatal(err)
	}
	out, err := s.c.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: awssdk.String(q.o.URL), MaxNumberOfMessages: 10,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameApproximateReceiveCount,
		},
		MessageAttributeNames: []string{"All"},
	})
	if err != nil || len(out.Messages) != 1 {
		t.Fatalf("received %v, %v", out, err)
	}
	m := out.Messages[0]
	r, ok, err := s.Accept(t.Context(), q, m, time.Minute)
	if !ok || err != nil || r.ID != "a" || string(r.Body) != "body" || r.Attempts != 1 {
		t.Fatalf("accepted %+v, %t, %v", r, ok, err)
	}
	if _, ok, err := s.Accept(t.Context(), q, m, time.Minute); ok || err == nil {
		t.Errorf("accepted while in other hands: %t, %v", ok, err)
	}
	if err := q.Delete(t.Context(), r.Receipt); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.Accept(t.Context(), q, m, time.Minute); ok || err != nil {
		t.Errorf("accepted after it was settled: %t, %v", ok, err)
	}
}
