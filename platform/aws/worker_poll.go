package aws

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	pollBase    = 20 * time.Millisecond // after a call that failed
	pollMost    = 10 * time.Second
	deleteTries = 4
)

// newHolder names a process in leases.
func newHolder() string { return rand.Text() }

// poll gives the worker what arrives in its queue, until ctx ends; then it waits for what is in
// hand. Handlers run under run. Delivery owns it.
func (w *Worker) poll(ctx, run context.Context) {
	w.polled.Store(true)
	var inHand sync.WaitGroup
	defer inHand.Wait()
	for n := 0; w.untilOpen(ctx); {
		room := w.reserve(ctx)
		if room == 0 {
			return
		}
		out, err := w.receive(ctx, w.place.URL, room)
		for _, m := range out {
			inHand.Go(func() {
				defer func() { <-w.holding }()
				if w.one(run, ctx, m) {
					w.remove(context.WithoutCancel(run), w.place.URL, m)
				}
			})
		}
		for range room - len(out) {
			<-w.holding
		}
		if n = w.pace(ctx, err, n); n < 0 {
			return
		}
	}
}

// pollDead makes dead letters of what SQS itself gave up on, until ctx ends.
func (w *Worker) pollDead(ctx context.Context) {
	for n := 0; ctx.Err() == nil; {
		out, err := w.receive(ctx, w.place.DeadURL, maxReceive)
		stay := make(map[string]bool)
		for _, id := range w.Bury(ctx, out) {
			stay[id] = true
		}
		for _, m := range out {
			if !stay[aws.ToString(m.MessageId)] {
				w.remove(context.WithoutCancel(ctx), w.place.DeadURL, m)
			}
		}
		if n = w.pace(ctx, err, n); n < 0 {
			return
		}
	}
}

// pace waits after a call that failed, longer each time. It returns how many failed in a row, or -1
// when ctx has ended.
func (w *Worker) pace(ctx context.Context, err error, n int) int {
	switch {
	case ctx.Err() != nil:
		return -1
	case err == nil:
		return 0
	}
	w.d.o.Log.Warn("messages could not be received; trying again",
		"subscription", w.s.Name, "error", err)
	select {
	case <-w.d.o.Clock.After(jitter(pollBase, pollMost, n)):
		return n + 1
	case <-ctx.Done():
		return -1
	}
}

// untilOpen waits while the subscription is paused. It reports false when ctx has ended.
func (w *Worker) untilOpen(ctx context.Context) bool {
	for ctx.Err() == nil {
		w.mu.Lock()
		changed := w.changed
		w.mu.Unlock()
		known, err := w.read(ctx)
		if err == nil && !known.Paused {
			return true
		}
		select {
		case <-changed:
		case <-w.d.o.Clock.After(pauseMemory):
		case <-ctx.Done():
		}
	}
	return false
}

// reserve takes room for one to ten messages; 0 when ctx has ended.
func (w *Worker) reserve(ctx context.Context) (n int) {
	select {
	case w.holding <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	for n = 1; n < maxReceive; n++ {
		select {
		case w.holding <- struct{}{}:
		default:
			return n
		}
	}
	return n
}

// receive waits for messages. When ctx ends, it goes on for a grace.
func (w *Worker) receive(ctx context.Context, url string, limit int) ([]types.Message, error) {
	if grace := w.d.o.Grace; grace > 0 {
		late, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })()
		ctx = late
	}
	out, err := w.d.o.SQS.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(url), MaxNumberOfMessages: int32(limit),
		WaitTimeSeconds: wholeSeconds(w.d.o.Poll),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameApproximateReceiveCount,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("receive for %s: %w", w.s.Name, mapThrottle(err))
	}
	return out.Messages, nil
}

// remove deletes a message that is settled. If it comes again, its handler finds its effect there.
func (w *Worker) remove(ctx context.Context, url string, m types.Message) {
	var err error
	for n := range deleteTries {
		_, err = w.d.o.SQS.DeleteMessage(ctx, &sqs.DeleteMessageInput{
			QueueUrl: aws.String(url), ReceiptHandle: m.ReceiptHandle,
		})
		if err == nil {
			return
		}
		<-w.d.o.Clock.After(jitter(pollBase, pollMost, n))
	}
	w.d.o.Log.Warn("a settled message was not deleted; it comes again", "subscription", w.s.Name,
		"error", err)
}
