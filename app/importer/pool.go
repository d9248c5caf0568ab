package importer

import (
	"context"
)

// beginner starts a piece of work, as soon as there is room for it, and later finishes it: finish
// runs only when work succeeded and everything before it is finished.
type beginner func(work, finish func() error) error

// piece is work under way.
type piece struct {
	done   chan struct{}
	err    error
	finish func() error
}

// sideBySide runs what produce begins, at most width pieces at once, and finishes them one after
// another in the order in which they were begun. The first failure ends everything and is returned;
// the context that produce is given then ends. It returns when nothing runs any more.
func sideBySide(
	ctx context.Context, width int, produce func(ctx context.Context, begin beginner) error,
) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan *piece, max(width-1, 0)) // one more is in finish's hands
	finished := make(chan error, 1)
	go func() { finished <- finishAll(queue, cancel) }() // ends with the queue
	err := produce(ctx, func(work, finish func() error) error {
		p := &piece{done: make(chan struct{}), finish: finish}
		select {
		case queue <- p:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		go func() { // ends with work, which ends with ctx
			defer close(p.done)
			p.err = work()
		}()
		return nil
	})
	close(queue)
	if failed := <-finished; failed != nil {
		return failed
	}
	return err
}

func finishAll(queue <-chan *piece, cancel context.CancelCauseFunc) error {
	var failed error
	for p := range queue {
		<-p.done
		if failed != nil {
			continue
		}
		if failed = p.err; failed == nil {
			failed = p.finish()
		}
		if failed != nil {
			cancel(failed)
		}
	}
	return failed
}
