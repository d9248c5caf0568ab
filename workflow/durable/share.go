package durable

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Decisions about one execution that come while another one's commit is on its way to the disk wait
// for it, and are then made together: one of those who wait leads, and commits for all. Four
// branches that are answered at about the same time take two commits so, and not four.
type lanes struct {
	mu   sync.Mutex
	open map[string][]*rider // who waits, of the executions that somebody leads
}

// rider is a decision that waits.
type rider struct {
	*work
	ready chan struct{} // closed when it leads, or is done
	leads bool
	err   error // of the commit that it was in
}

// maxShared is how many decisions one commit makes.
const maxShared = 32

// errLeaderGone is what a rider gets whose leader did not come to an end.
var errLeaderGone = errors.New("the step that it was in did not end")

// share makes a decision about an execution, with others if others are about.
func (e *Engine) share(ctx context.Context, id string, w *work) error {
	for {
		r := &rider{work: w, ready: make(chan struct{})}
		if !e.lanes.enter(id, r) {
			select {
			case <-r.ready:
			case <-ctx.Done():
				if e.lanes.leave(id, r) {
					return context.Cause(ctx)
				}
				<-r.ready // it is being made, or leads
			}
			if !r.leads {
				err := errors.Join(r.err, w.err)
				if leaderStopped(err) && ctx.Err() == nil {
					continue // the leader was in a hurry; this one is not
				}
				return err
			}
		}
		return e.lead(ctx, id, r)
	}
}

// leaderStopped says that a commit failed for a reason of its leader's own.
func leaderStopped(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, errLeaderGone)
}

// lead makes a decision, and those of others that wait, in one commit.
func (e *Engine) lead(ctx context.Context, id string, first *rider) error {
	riders := append([]*rider{first}, e.lanes.take(id)...)
	defer func() { e.lanes.next(id, riders[1:]) }()
	works := make([]*work, len(riders))
	for i, r := range riders {
		works[i] = r.work
		r.err = fmt.Errorf("advance execution %s: %w", id, errLeaderGone)
	}
	_, err := e.commit(ctx, id, works...)
	for _, r := range riders {
		r.err = err
	}
	return errors.Join(err, first.work.err)
}

// enter reports whether a rider leads; otherwise it waits.
func (l *lanes) enter(id string, r *rider) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = make(map[string][]*rider)
	}
	waiting, led := l.open[id]
	if !led {
		l.open[id] = nil
		return true
	}
	l.open[id] = append(waiting, r)
	return false
}

// leave takes a rider out who does not want to wait any more; false if it is too late.
func (l *lanes) leave(id string, r *rider) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, other := range l.open[id] {
		if other == r {
			l.open[id] = append(l.open[id][:i:i], l.open[id][i+1:]...)
			return true
		}
	}
	return false
}

// take answers who goes with the leader.
func (l *lanes) take(id string) []*rider {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting := l.open[id]
	n := min(len(waiting), maxShared-1)
	l.open[id] = waiting[n:]
	return waiting[:n:n]
}

// next lets those go who were taken, and the first who waits lead.
func (l *lanes) next(id string, done []*rider) {
	for _, r := range done {
		close(r.ready)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting := l.open[id]
	if len(waiting) == 0 {
		delete(l.open, id)
		return
	}
	l.open[id] = waiting[1:]
	waiting[0].leads = true
	close(waiting[0].ready)
}
