package aws

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/souk-commerce/souk/platform"
)

// queueOptions opens a queue.
type queueOptions struct {
	SQS     messages
	URL     string // of the queue
	DeadURL string // of the queue that its redrive policy names; "" if it has none
	Name    string
	Policy  platform.QueuePolicy
	Table   table
	Files   platform.Files // for bodies that no message can carry
	Clock   platform.Clock
	Closed  func() error // why nothing may be used any more
}

// queue is platform.Queue on SQS, with a row for each message that is in it. SQS hides, delays,
// counts and brings messages again; the row says whether a message still counts. So an id is in the
// queue once, whatever SQS doubles, and an old receipt is known by the row's version. A message
// without its row is void and dropped by whoever receives it.
type queue struct{ o queueOptions }

var _ platform.Queue = (*queue)(nil)

const (
	maxReceive    = 10
	maxReceives   = 1000
	maxRetention  = 14 * 24 * time.Hour
	maxVisibility = 12 * time.Hour
	maxPoll       = 20 * time.Second
	queueRounds   = 50 // attempts to agree with others about one row
	attributeID   = "id"
	attributeMark = "mark"
)

// newQueue opens a queue. ErrInvalid for a policy outside the bounds of platform.QueuePolicy.
func newQueue(o queueOptions) (*queue, error) {
	return &queue{o: o}, checkPolicy(o.Name, o.Policy)
}

// checkPolicy refuses a policy that no queue may have, before a queue is looked for.
func checkPolicy(name string, p platform.QueuePolicy) error {
	if p.MaxReceives < 1 || p.MaxReceives > maxReceives ||
		p.Retention <= 0 || p.Retention > maxRetention {
		return fmt.Errorf("queue %s: %d receives and %v retention are out of bounds: %w",
			name, p.MaxReceives, p.Retention, platform.ErrInvalid)
	}
	return nil
}

// Send implements platform.Queue. The row is made first, so that of two that send the same id one
// wins; it is marked as being sent until SQS has the message, so that what a crash left behind is
// sent by the next who tries.
func (q *queue) Send(ctx context.Context, m platform.Message, delay time.Duration) error {
	if err := q.checkSend(&m, delay); err != nil {
		return fmt.Errorf("send to queue %s: %w", q.o.Name, err)
	}
	for range queueRounds {
		now := q.o.Clock.Now().UTC()
		e := newEntry(m.ID, now, q.o.Policy.Retention)
		err := q.put(ctx, e, platform.Absent)
		if errors.Is(err, platform.ErrConflict) {
			old, err := q.entry(ctx, m.ID)
			switch {
			case errors.Is(err, platform.ErrNotFound):
				continue
			case err != nil:
				return fmt.Errorf("send to queue %s: %w", q.o.Name, err)
			case old.expired(now):
				if err := q.forget(ctx, old); err != nil {
					return fmt.Errorf("send to queue %s: %w", q.o.Name, err)
				}
				continue
			case !old.Sending:
				return nil // it is in the queue
			}
			e = old
		} else if err != nil {
			return fmt.Errorf("send to queue %s: %w", q.o.Name, err)
		}
		return q.post(ctx, e, m.Body, delay)
	}
	return fmt.Errorf("send to queue %s: %w", q.o.Name, platform.ErrThrottled)
}

func (q *queue) checkSend(m *platform.Message, delay time.Duration) error {
	switch {
	case q.o.Closed() != nil:
		return q.o.Closed()
	case m.ID == "" || len(m.ID) > platform.MaxSubjectBytes:
		return fmt.Errorf("an id of %d bytes: %w", len(m.ID), platform.ErrInvalid)
	case len(m.Body) > platform.MaxMessageBytes:
		return fmt.Errorf("%d bytes, at most %d: %w",
			len(m.Body), platform.MaxMessageBytes, platform.ErrTooLarge)
	case delay < 0 || delay > platform.MaxQueueDelay:
		return fmt.Errorf("a delay of %v: %w", delay, platform.ErrInvalid)
	}
	return nil
}

// post gives a body to SQS.
func (q *queue) post(ctx context.Context, e entry, body []byte, delay time.Duration) error {
	wire, err := packBody(ctx, q.o.Files, body)
	if err != nil {
		_ = q.forget(context.WithoutCancel(ctx), e) // see postWire
		return fmt.Errorf("send to queue %s: message %s was not sent: %w", q.o.Name, e.id, err)
	}
	return q.postWire(ctx, e, wire, delay)
}

// postWire gives a message to SQS and confirms its row. If SQS does not take it, the row of one
// that was never sent is withdrawn; should the message be there after all, it is void.
func (q *queue) postWire(ctx context.Context, e entry, wire string, delay time.Duration) error {
	_, err := q.o.SQS.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: aws.String(q.o.URL), MessageBody: aws.String(wire),
		DelaySeconds: wholeSeconds(delay), MessageAttributes: e.attributes(),
	})
	if err != nil {
		if e.version == 1 {
			// If this fails too, the row stays marked as being sent: the next Send repeats it.
			_ = q.forget(context.WithoutCancel(ctx), e)
		}
		return fmt.Errorf("send to queue %s: message %s was not sent: %w",
			q.o.Name, e.id, mapThrottle(err))
	}
	e.Sending = false
	err = q.put(ctx, e, e.version)
	if err != nil && !errors.Is(err, platform.ErrConflict) { // a conflict: it was received already
		return fmt.Errorf("send to queue %s: message %s was sent, its row not confirmed; "+
			"send it again: %w", q.o.Name, e.id, err)
	}
	return nil
}

// wholeSeconds rounds up: SQS counts in seconds, and nothing may be visible too early.
func wholeSeconds(d time.Duration) int32 { return int32((d + time.Second - 1) / time.Second) }

// Receive implements platform.Queue. The visibility time-out is more than 0 and at most 12 hours;
// SQS counts it in whole seconds.
func (q *queue) Receive(
	ctx context.Context, limit int, visibility, wait time.Duration,
) ([]platform.Received, error) {
	if limit < 1 || limit > maxReceive ||
		visibility <= 0 || visibility > maxVisibility || wait < 0 {
		return nil, fmt.Errorf("receive %d messages for %v, waiting %v: %w",
			limit, visibility, wait, platform.ErrInvalid)
	}
	end := q.o.Clock.Now().Add(wait)
	for {
		if err := q.o.Closed(); err != nil {
			return nil, err
		}
		rest := max(0, end.Sub(q.o.Clock.Now()))
		out, err := q.o.SQS.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(q.o.URL), MaxNumberOfMessages: int32(limit),
			VisibilityTimeout: wholeSeconds(visibility),
			WaitTimeSeconds:   wholeSeconds(min(rest, maxPoll)),
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{
				types.MessageSystemAttributeNameApproximateReceiveCount,
			},
			MessageAttributeNames: []string{attributeID, attributeMark},
		})
		if err != nil {
			return nil, fmt.Errorf("receive from queue %s: %w", q.o.Name, mapThrottle(err))
		}
		var got []platform.Received
		for _, m := range out.Messages {
			r, ok, acceptErr := q.accept(ctx, m, visibility)
			if errors.Is(acceptErr, errElsewhere) {
				continue
			}
			if acceptErr != nil {
				err = acceptErr // it comes again after its time-out
			} else if ok {
				got = append(got, r)
			}
		}
		if err != nil && len(got) == 0 {
			return nil, fmt.Errorf("receive from queue %s: %w", q.o.Name, err)
		}
		if len(got) > 0 || len(out.Messages) == 0 && !q.o.Clock.Now().Before(end) {
			return got, nil
		}
	}
}

// errElsewhere is about a message that SQS doubled.
var errElsewhere = fmt.Errorf("the message is in other hands: %w", platform.ErrThrottled)

// accept takes a message into the caller's hands if its row says that it counts. What SQS hands out
// a second time soon after the first, as it may, stays with the first: errElsewhere.
func (q *queue) accept(
	ctx context.Context, m types.Message, visibility time.Duration,
) (r platform.Received, ok bool, err error) {
	id, mark, named := idOf(m)
	if !named {
		return r, false, nil // not ours: it ends in the dead-letter queue of SQS
	}
	for range queueRounds {
		e, err := q.entry(ctx, id)
		now := q.o.Clock.Now()
		switch {
		case errors.Is(err, platform.ErrNotFound):
			return r, false, q.discard(ctx, q.o.URL, m)
		case err != nil:
			return r, false, err
		case e.Mark != mark || e.Dead || e.Message != "" && e.Message != *m.MessageId:
			return r, false, q.discard(ctx, q.o.URL, m)
		case e.expired(now):
			if err := q.forget(ctx, e); err != nil {
				return r, false, err
			}
			return r, false, q.discard(ctx, q.o.URL, m)
		case receiveCount(m) > q.o.Policy.MaxReceives:
			return r, false, q.bury(ctx, q.o.URL, m, e)
		case now.Before(e.Held):
			return r, false, errElsewhere
		}
		e.Sending, e.Message, e.Held = false, *m.MessageId, now.Add(visibility/2).UTC()
		err = q.put(ctx, e, e.version)
		if errors.Is(err, platform.ErrConflict) {
			continue // it was just confirmed, or somebody else has it as well
		}
		if err != nil {
			return r, false, err
		}
		body, err := unpackBody(ctx, q.o.Files, *m.Body)
		if err != nil {
			return r, false, err
		}
		return platform.Received{
			Message:  platform.Message{ID: id, Body: body, Sent: e.Sent},
			Receipt:  receiptOf(id, e.version+1, *m.ReceiptHandle),
			Attempts: receiveCount(m),
		}, true, nil
	}
	return r, false, platform.ErrThrottled
}

// discard removes a message from SQS. If that fails it comes again and is discarded then.
func (q *queue) discard(ctx context.Context, url string, m types.Message) error {
	_, err := q.o.SQS.DeleteMessage(ctx, &sqs.DeleteMessageInput{
		QueueUrl: aws.String(url), ReceiptHandle: m.ReceiptHandle,
	})
	return mapThrottle(err)
}

// Delete implements platform.Queue. It also discards a dead message, by the receipt that Dead
// shows. The row decides: what SQS then still delivers is void.
func (q *queue) Delete(ctx context.Context, receipt string) error {
	id, version, handle, err := parseReceipt(receipt)
	if err == nil {
		err = q.o.Closed()
	}
	if err == nil {
		err = q.o.Table.deleteRow(ctx, q.part(), liveSort+id, version)
		if errors.Is(err, platform.ErrConflict) {
			err = fmt.Errorf("message %s is gone, or was received again: %w", id,
				platform.ErrNotFound)
		}
	}
	if err == nil && handle == deadHandle {
		err = q.o.Table.deleteRow(ctx, q.part(), deadSort+id, platform.Any)
	} else if err == nil {
		// If this fails the message comes again, and is discarded for want of a row.
		_ = q.discard(ctx, q.o.URL, types.Message{ReceiptHandle: aws.String(handle)})
	}
	if err != nil {
		return fmt.Errorf("delete from queue %s: %w", q.o.Name, err)
	}
	return nil
}

// Release implements platform.Queue, and ends the receipt. A message that has no receipt left is
// dead for the next who looks.
func (q *queue) Release(ctx context.Context, receipt string, delay time.Duration) error {
	if delay < 0 || delay > platform.MaxQueueDelay {
		return fmt.Errorf("release after %v: %w", delay, platform.ErrInvalid)
	}
	id, version, handle, err := parseReceipt(receipt)
	if err != nil {
		return fmt.Errorf("release to queue %s: %w", q.o.Name, err)
	}
	e, err := q.entry(ctx, id)
	if err != nil {
		return fmt.Errorf("release to queue %s: %w", q.o.Name, err)
	}
	if e.version != version || e.Dead {
		return fmt.Errorf("release to queue %s: message %s was received again since: %w",
			q.o.Name, id, platform.ErrNotFound)
	}
	e.Held = time.Time{}
	err = q.put(ctx, e, version)
	if errors.Is(err, platform.ErrConflict) {
		err = fmt.Errorf("message %s was received again since: %w", id, platform.ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("release to queue %s: %w", q.o.Name, err)
	}
	_, err = q.o.SQS.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: aws.String(q.o.URL), ReceiptHandle: aws.String(handle),
		VisibilityTimeout: wholeSeconds(delay),
	})
	var visible *types.MessageNotInflight
	if err != nil && !errors.As(err, &visible) {
		return fmt.Errorf("release to queue %s: %w", q.o.Name, mapThrottle(err))
	}
	return nil
}

// receiveCount is how often SQS handed a message out, this time included.
func receiveCount(m types.Message) int {
	n, err := strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
	if err != nil {
		return 1
	}
	return n
}
