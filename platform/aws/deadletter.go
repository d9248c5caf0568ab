package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/souk-commerce/souk/platform"
)

// letter is the row of a dead letter. Its key begins with the time of the event's commit, so the
// oldest comes first, and an event that dies twice has one letter.
type letter struct {
	Wire       string    `json:"wire"` // the event as it was in the queue
	Attempts   int       `json:"attempts"`
	FirstError string    `json:"firstError"`
	LastError  string    `json:"lastError"`
	FirstAt    time.Time `json:"firstAt"`
	LastAt     time.Time `json:"lastAt"`
}

const (
	deadPart  = "~platform/dead/"
	sendTries = 5 // calls for a message that SQS refuses
	sendBase  = 20 * time.Millisecond
	sendMost  = 2 * time.Second
)

func (w *Worker) deadPart() string { return deadPart + w.s.Name }

func letterID(e platform.Event) string {
	return fmt.Sprintf("%020d-%s", max(0, e.Time.UnixNano()), e.ID)
}

// giveUp makes an event a dead letter. Broken off anywhere, it is done again, to the same effect.
func (w *Worker) giveUp(ctx context.Context, e platform.Event, t *trouble) error {
	wire, err := packEvent(ctx, w.d.o.Files, e, true)
	if err != nil {
		return fmt.Errorf("give up on event %s: %w", e.ID, err)
	}
	value, err := json.Marshal(letter{
		Wire: wire, Attempts: t.Attempts, FirstError: t.FirstError, LastError: t.LastError,
		FirstAt: t.FirstAt, LastAt: t.LastAt,
	})
	if err != nil {
		return err
	}
	err = w.d.o.Table.putRow(ctx, row{PK: w.deadPart(), SK: letterID(e), Value: value},
		platform.Any)
	if err != nil {
		return fmt.Errorf("give up on event %s: %w", e.ID, err)
	}
	w.d.o.Log.Error("dead letter: a subscription gave up on an event",
		"subscription", w.s.Name, "type", e.Type, "id", e.ID, "attempts", t.Attempts,
		"error", t.LastError)
	return w.endTrouble(ctx, e.ID, t)
}

// errSilent is the cause of a dead letter whose worker never said what happened.
var errSilent = errors.New("the worker died, or its function failed, without a word")

// Bury makes dead letters of messages that SQS itself gave up on, and returns the ids of those that
// could not be stored; they are to come again. Order within a subject goes on behind them.
func (w *Worker) Bury(ctx context.Context, batch []types.Message) (failedIDs []string) {
	var (
		mu  sync.Mutex
		all sync.WaitGroup
	)
	for _, m := range batch {
		all.Go(func() {
			if err := w.buryOne(ctx, m); err != nil {
				w.d.o.Log.Error("a message of the dead-letter queue stays there",
					"subscription", w.s.Name, "message", aws.ToString(m.MessageId), "error", err)
				mu.Lock()
				defer mu.Unlock()
				failedIDs = append(failedIDs, aws.ToString(m.MessageId))
			}
		})
	}
	all.Wait()
	return failedIDs
}

func (w *Worker) buryOne(ctx context.Context, m types.Message) error {
	e, _, err := unpackEvent(ctx, w.d.o.Files, aws.ToString(m.Body))
	if errors.Is(err, platform.ErrCorrupt) { // whatever it is, an operator must see it
		e, err = platform.Event{
			ID: "message-" + aws.ToString(m.MessageId), Time: w.d.o.Clock.Now(),
			Data: []byte(strconv.Quote(aws.ToString(m.Body))),
		}, nil
		e.Type = "unreadable"
	}
	if err != nil {
		return err
	}
	t, err := w.loadTrouble(ctx, e.ID)
	if err != nil {
		return err
	}
	if t == nil {
		t = &trouble{FirstAt: w.d.o.Clock.Now().UTC(), FirstError: errSilent.Error()}
	}
	t.LastAt = w.d.o.Clock.Now().UTC()
	// SQS counts over all queues, so this receipt is not one of those that failed.
	t.LastError = fmt.Sprintf("%v; it was received %d times", errSilent, receiveCount(m)-1)
	t.Attempts++
	if w.s.Ordered && e.Sequence > 0 {
		if err := w.skip(ctx, e); err != nil {
			return err
		}
	}
	return w.giveUp(ctx, e, t)
}

// skip moves a subject's cursor over an event that is given up, if that is the next one.
func (w *Worker) skip(ctx context.Context, e platform.Event) error {
	for range queueRounds {
		l, err := w.readLease(ctx, e.Subject)
		if err != nil {
			return err
		}
		if l.Holder == "" {
			l.heed()
		}
		if l.Last != e.Sequence-1 {
			return nil
		}
		l.Last = e.Sequence
		err = w.writeLease(ctx, e.Subject, l)
		if !errors.Is(err, platform.ErrConflict) {
			return err
		}
	}
	return platform.ErrThrottled
}

// DeadLetters implements platform.Delivery. The oldest is the one whose event is.
func (d *delivery) DeadLetters(
	ctx context.Context, subscription, after string, limit int,
) ([]platform.DeadLetter, error) {
	if limit < 1 || limit > platform.MaxList {
		return nil, fmt.Errorf("a list of %d dead letters: %w", limit, platform.ErrInvalid)
	}
	if err := d.o.Closed(); err != nil {
		return nil, err
	}
	rows, err := d.o.Table.listRows(ctx, deadPart+subscription, "", after, limit)
	if err != nil {
		return nil, fmt.Errorf("list the dead letters of %s: %w", subscription, err)
	}
	list := make([]platform.DeadLetter, len(rows))
	for i, r := range rows {
		l, err := decodeLetter(r)
		if err != nil {
			return nil, err
		}
		e, _, err := unpackEvent(ctx, d.o.Files, l.Wire)
		if err != nil {
			return nil, fmt.Errorf("dead letter %s: %w", r.SK, err)
		}
		list[i] = platform.DeadLetter{
			ID: r.SK, Subscription: subscription, Event: e, Attempts: l.Attempts,
			FirstError: l.FirstError, LastError: l.LastError, FirstAt: l.FirstAt, LastAt: l.LastAt,
		}
	}
	return list, nil
}

func decodeLetter(r row) (l letter, err error) {
	if err := json.Unmarshal(r.Value, &l); err != nil {
		return l, fmt.Errorf("dead letter %s: %w", r.SK, platform.ErrCorrupt)
	}
	return l, nil
}

// Redrive implements platform.Delivery. The message is sent before the letter is removed: broken
// off in between, the event comes and the letter is still there.
func (d *delivery) Redrive(ctx context.Context, subscription, id string) error {
	w := d.byName[subscription]
	if w == nil {
		return fmt.Errorf("subscription %q: %w", subscription, platform.ErrNotFound)
	}
	if err := d.o.Closed(); err != nil {
		return err
	}
	r, err := d.o.Table.getRow(ctx, deadPart+subscription, id)
	if err != nil {
		return fmt.Errorf("dead letter %s of %s: %w", id, subscription, err)
	}
	l, err := decodeLetter(r)
	if err != nil {
		return err
	}
	if err := w.send(ctx, []string{l.Wire}); err != nil {
		return fmt.Errorf("redrive %s of %s: %w", id, subscription, err)
	}
	if err := d.o.Table.deleteRow(ctx, r.PK, r.SK, platform.Any); err != nil {
		return fmt.Errorf("the event of dead letter %s was sent, the letter stays: %w", id, err)
	}
	return nil
}

// Replay implements platform.Delivery. It sends what the log holds to the subscription's own queue;
// an ordered one gets its cursors moved back and one wake-up a subject.
func (d *delivery) Replay(
	ctx context.Context, subscription string, from time.Time, dry bool,
) (int, error) {
	w := d.byName[subscription]
	if w == nil {
		return 0, fmt.Errorf("subscription %q: %w", subscription, platform.ErrNotFound)
	}
	if err := errors.Join(d.o.Closed(), w.locate(ctx)); err != nil {
		return 0, err
	}
	cursor, err := d.o.History.Seek(ctx, from)
	if err != nil {
		return 0, fmt.Errorf("replay to %s: %w", subscription, err)
	}
	again := replay{w: w, dry: dry, first: make(map[string]platform.Event)}
	err = d.o.History.Log(ctx, cursor, func(_ string, e platform.Event) error {
		if !w.match.In(&e) || e.Time.Before(from) {
			return nil
		}
		return again.add(ctx, e)
	})
	if err == nil {
		err = again.end(ctx)
	}
	if err != nil {
		return again.n, fmt.Errorf("replay to %s: stopped after %d events; "+
			"starting it again repeats them: %w", subscription, again.n, err)
	}
	return again.n, nil
}

// replay collects what is sent again.
type replay struct {
	w     *Worker
	dry   bool
	n     int
	batch []string
	first map[string]platform.Event // of each subject, for an ordered subscription
}

func (r *replay) add(ctx context.Context, e platform.Event) error {
	r.n++
	if r.dry {
		return nil
	}
	if r.w.s.Ordered && e.Sequence > 0 {
		if have, ok := r.first[e.Subject]; !ok || e.Sequence < have.Sequence {
			r.first[e.Subject] = e
		}
		return nil
	}
	return r.queue(ctx, e, true)
}

// queue sends the batch when it is full.
func (r *replay) queue(ctx context.Context, e platform.Event, again bool) error {
	wire, err := packEvent(ctx, r.w.d.o.Files, e, again)
	if err != nil {
		return err
	}
	if r.batch = append(r.batch, wire); len(r.batch) < maxCall {
		return nil
	}
	return r.flush(ctx)
}

func (r *replay) flush(ctx context.Context) error {
	batch := r.batch
	r.batch = nil
	return r.w.send(ctx, batch)
}

// end sends what is left: for an ordered subscription, wake-ups after the cursors were moved.
func (r *replay) end(ctx context.Context) error {
	for subject, e := range r.first {
		if err := r.w.rewind(ctx, subject, e.Sequence); err != nil {
			return err
		}
		if err := r.queue(ctx, e, false); err != nil {
			return err
		}
	}
	return r.flush(ctx)
}

// send puts messages into the subscription's queue. What SQS refuses of a batch is tried again
// alone.
func (w *Worker) send(ctx context.Context, wires []string) error {
	if err := w.locate(ctx); err != nil {
		return err
	}
	for n := range sendTries {
		var left []string
		var last error
		chunks(len(wires), func(i int) int { return len(wires[i]) }, func(chunk []int) {
			failed, err := w.sendCall(ctx, wires, chunk)
			for _, i := range failed {
				left, last = append(left, wires[i]), err
			}
		})
		if len(left) == 0 {
			return nil
		}
		if n == sendTries-1 {
			return fmt.Errorf("%d messages were not sent: %w", len(left), last)
		}
		wires = left
		select {
		case <-w.d.o.Clock.After(jitter(sendBase, sendMost, n)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// sendCall sends one batch and returns the indexes of what was not taken.
func (w *Worker) sendCall(ctx context.Context, wires []string, chunk []int) ([]int, error) {
	in := &sqs.SendMessageBatchInput{QueueUrl: aws.String(w.place.URL)}
	for _, i := range chunk {
		in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(wires[i]),
		})
	}
	out, err := w.d.o.SQS.SendMessageBatch(ctx, in)
	if err != nil {
		return chunk, mapThrottle(err)
	}
	taken := make(map[string]bool)
	for _, e := range out.Successful {
		taken[aws.ToString(e.Id)] = true
	}
	var failed []int
	for _, i := range chunk {
		if !taken[strconv.Itoa(i)] {
			failed = append(failed, i)
		}
	}
	if len(failed) > 0 {
		return failed, errors.New("entries of a batch were refused")
	}
	return nil, nil
}
