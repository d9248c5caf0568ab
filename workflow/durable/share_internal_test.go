package durable

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/workflow"
)

func newRider() *rider { return &rider{work: &work{}, ready: make(chan struct{})} }

// Goal: decisions that come while one is being committed go together in the next commit, led by one
// of them; who does not want to wait can leave as long as nobody has taken it along. Method: the
// lanes by hand.
func TestLanes(t *testing.T) {
	t.Parallel()
	l := &lanes{}
	first, second, third, fourth := newRider(), newRider(), newRider(), newRider()
	if !l.enter("x", first) || l.enter("x", second) || l.enter("x", third) {
		t.Fatal("not the first leads, and alone")
	}
	if !l.enter("y", fourth) {
		t.Error("one execution waits for another")
	}
	if !l.leave("x", third) || l.leave("x", third) {
		t.Error("who waits cannot leave, once")
	}
	l.enter("x", third)
	l.next("x", nil)
	<-second.ready
	if !second.leads {
		t.Error("nobody leads")
	}
	if taken := l.take("x"); len(taken) != 1 || taken[0] != third || l.leave("x", third) {
		t.Errorf("%d go with the leader, and can leave", len(taken))
	}
	l.next("x", []*rider{third})
	<-third.ready
	if third.leads || !l.enter("x", newRider()) {
		t.Error("the lane is not free at the end")
	}
	for range 2 * maxShared {
		l.enter("x", newRider())
	}
	if n := len(l.take("x")); n != maxShared-1 {
		t.Errorf("%d go with one leader", n)
	}
}

// Goal: decisions of several callers about one execution are all made, each once and with its own
// outcome, also when the one who leads gives up. Method: a store that holds the first commit back
// until five more wait, one of which gives up; the leader's context is cancelled then.
func TestSharedDecisions(t *testing.T) {
	t.Parallel()
	p, err := embedded.Open(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	e, err := New(Options{Platform: p, Clock: embedded.SystemClock{}})
	ctx := t.Context()
	if err == nil {
		_, err = e.Define(ctx, "m", []byte(
			`{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3600,"End":true}}}`))
	}
	id := ""
	if err == nil {
		id, err = e.Start(ctx, Start{Machine: "m", Name: "x"})
	}
	if err != nil {
		t.Fatal(err)
	}
	held := &heldStore{Store: e.store, held: make(chan struct{}), let: make(chan struct{})}
	e.store = held
	refused, made := errors.New("refused"), make(map[int]int)
	decide := func(n int) decision {
		return func(_ *state, _ *workflow.Machine, _ workflow.Env, _ *outcome) error {
			if made[n]++; n == 3 {
				return refused
			}
			return nil
		}
	}
	leader, stop := context.WithCancel(ctx)
	results := make(chan [2]any, 6)
	begin := func(ctx context.Context, n int) {
		go func() { results <- [2]any{n, e.step(ctx, id, cause{}, decide(n))} }() // the test waits
	}
	begin(leader, 0)
	<-held.held
	for n := 1; n < 6; n++ {
		begin(ctx, n)
	}
	for waiting := 0; waiting < 5; {
		e.lanes.mu.Lock()
		waiting = len(e.lanes.open[id])
		e.lanes.mu.Unlock()
	}
	stop()
	close(held.let)
	for range 6 {
		r := <-results
		err, _ := r[1].(error)
		switch n := r[0].(int); {
		case n == 0 && !errors.Is(err, context.Canceled),
			n == 3 && !errors.Is(err, refused), n != 0 && n != 3 && err != nil:
			t.Errorf("decision %d came to %v", n, err)
		}
	}
	if held.n != 2 {
		t.Errorf("six decisions took %d commits", held.n)
	}
	for n, times := range made {
		if times != 1 {
			t.Errorf("decision %d was made %d times", n, times)
		}
	}
}

// heldStore holds its first commit back, and lets it fail if its context is over by then.
type heldStore struct {
	platform.Store
	held, let chan struct{}
	n         int // one at a time
}

// Commit implements platform.Store.
func (s *heldStore) Commit(ctx context.Context, b platform.Batch) error {
	if s.n++; s.n == 1 {
		close(s.held)
		select {
		case <-s.let:
		case <-time.After(time.Minute):
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return s.Store.Commit(ctx, b)
}
