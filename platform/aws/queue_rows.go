package aws

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/souk-commerce/souk/platform"
)

const (
	queuePart  = "~platform/queue/"
	liveSort   = "m#" // rows of messages that are in the queue, dead ones too
	deadSort   = "d#" // what is needed to list and redrive a dead message
	deadHandle = "dead"
	rowPage    = 1000
	maxAged    = 10 // pages of rows that are looked at for the oldest message
)

// entry is a message's row.
type entry struct {
	id      string
	version int64

	Mark    string    `json:"mark"`              // only the message that carries it counts
	Sending bool      `json:"sending,omitempty"` // SQS may not have it yet
	Message string    `json:"message,omitempty"` // SQS's id, once it was received
	Held    time.Time `json:"held"`              // until then it is in the hands that have it
	Dead    bool      `json:"dead,omitempty"`
	Sent    time.Time `json:"sent"`
	Expires time.Time `json:"expires"`
}

// buried is a dead message's second row.
type buried struct {
	Wire     string    `json:"wire"`
	Attempts int       `json:"attempts"`
	Sent     time.Time `json:"sent"`
}

// newEntry is the row of a message that is about to be sent.
func newEntry(id string, now time.Time, retention time.Duration) entry {
	return entry{
		id: id, version: 1, Mark: rand.Text(), Sending: true, Sent: now,
		Expires: now.Add(retention),
	}
}

func (e entry) expired(now time.Time) bool { return !e.Dead && !now.Before(e.Expires) }

func (e entry) attributes() map[string]types.MessageAttributeValue {
	text := func(s string) types.MessageAttributeValue {
		return types.MessageAttributeValue{
			DataType: aws.String("String"), StringValue: aws.String(s),
		}
	}
	return map[string]types.MessageAttributeValue{
		attributeID:   text(base64.RawURLEncoding.EncodeToString([]byte(e.id))),
		attributeMark: text(e.Mark),
	}
}

// idOf reads what attributes wrote.
func idOf(m types.Message) (id, mark string, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(
		aws.ToString(m.MessageAttributes[attributeID].StringValue))
	mark = aws.ToString(m.MessageAttributes[attributeMark].StringValue)
	return string(raw), mark, err == nil && len(raw) > 0 && mark != ""
}

func (q *queue) part() string { return queuePart + q.o.Name }

func (q *queue) entry(ctx context.Context, id string) (entry, error) {
	r, err := q.o.Table.getRow(ctx, q.part(), liveSort+id)
	if err != nil {
		return entry{}, fmt.Errorf("message %s: %w", id, err)
	}
	return decodeEntry(r)
}

func decodeEntry(r row) (entry, error) {
	e := entry{id: strings.TrimPrefix(r.SK, liveSort), version: r.Version}
	if err := json.Unmarshal(r.Value, &e); err != nil {
		return e, fmt.Errorf("the row of message %s: %w", e.id, platform.ErrCorrupt)
	}
	return e, nil
}

// put writes an entry. A dead message is kept for ever; the row of a live one may go by itself a
// day after it has expired, since nobody asks for it any more.
func (q *queue) put(ctx context.Context, e entry, expect int64) error {
	value, err := json.Marshal(e)
	if err != nil {
		return err
	}
	r := row{PK: q.part(), SK: liveSort + e.id, Value: value}
	if !e.Dead {
		r.Expires = e.Expires.Add(24 * time.Hour)
	}
	return q.o.Table.putRow(ctx, r, expect)
}

// forget removes an entry, unless somebody has changed it.
func (q *queue) forget(ctx context.Context, e entry) error {
	err := q.o.Table.deleteRow(ctx, q.part(), liveSort+e.id, e.version)
	if errors.Is(err, platform.ErrConflict) {
		return nil
	}
	return err
}

// bury makes a message a dead one. Broken off anywhere, it is done again when SQS brings the
// message again.
func (q *queue) bury(ctx context.Context, url string, m types.Message, e entry) error {
	value, err := json.Marshal(buried{
		Wire: aws.ToString(m.Body), Sent: e.Sent,
		Attempts: min(receiveCount(m), q.o.Policy.MaxReceives),
	})
	if err != nil {
		return err
	}
	err = q.o.Table.putRow(ctx, row{PK: q.part(), SK: deadSort + e.id, Value: value}, platform.Any)
	if err != nil {
		return fmt.Errorf("bury message %s: %w", e.id, err)
	}
	e.Dead = true
	if err := q.put(ctx, e, e.version); err != nil {
		return fmt.Errorf("bury message %s: %w", e.id, err)
	}
	return q.discard(ctx, url, m)
}

// drain takes over what SQS itself moved to the dead-letter queue.
func (q *queue) drain(ctx context.Context) error {
	for q.o.DeadURL != "" {
		out, err := q.o.SQS.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(q.o.DeadURL), MaxNumberOfMessages: maxReceive,
			VisibilityTimeout: wholeSeconds(time.Minute),
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{
				types.MessageSystemAttributeNameApproximateReceiveCount,
			},
			MessageAttributeNames: []string{attributeID, attributeMark},
		})
		if err != nil {
			return fmt.Errorf("read the dead-letter queue of %s: %w", q.o.Name, mapThrottle(err))
		}
		if len(out.Messages) == 0 {
			return nil
		}
		for _, m := range out.Messages {
			id, mark, _ := idOf(m)
			e, err := q.entry(ctx, id)
			switch {
			case errors.Is(err, platform.ErrNotFound), err == nil && (e.Mark != mark || e.Dead):
				err = q.discard(ctx, q.o.DeadURL, m)
			case err == nil:
				err = q.bury(ctx, q.o.DeadURL, m, e)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Depth implements platform.Queue. The counts are SQS's own, which it calls approximate. Oldest
// looks at no more than ten thousand messages.
func (q *queue) Depth(ctx context.Context) (d platform.QueueDepth, err error) {
	if err := q.o.Closed(); err != nil {
		return d, err
	}
	if err := q.drain(ctx); err != nil {
		return d, err
	}
	n, err := countOf(ctx, q.o.SQS, q.o.URL)
	if err != nil {
		return d, fmt.Errorf("count the messages of queue %s: %w", q.o.Name, err)
	}
	d.Visible, d.Hidden = n.visible, n.hidden
	now, after := q.o.Clock.Now(), ""
	for range maxAged {
		page, err := q.o.Table.listRows(ctx, q.part(), liveSort, after, rowPage)
		if err != nil {
			return d, fmt.Errorf("count the messages of queue %s: %w", q.o.Name, err)
		}
		for _, r := range page {
			e, err := decodeEntry(r)
			switch {
			case err != nil:
				return d, err
			case e.Dead:
				d.Dead++
			case !e.expired(now):
				d.Oldest = max(d.Oldest, now.Sub(e.Sent))
			}
			after = r.SK
		}
		if len(page) < rowPage {
			break
		}
	}
	return d, nil
}

// Dead implements platform.Queue.
func (q *queue) Dead(ctx context.Context, limit int) ([]platform.Received, error) {
	if limit < 1 || limit > platform.MaxList {
		return nil, fmt.Errorf("a list of %d dead messages: %w", limit, platform.ErrInvalid)
	}
	if err := errors.Join(q.o.Closed(), q.drain(ctx)); err != nil {
		return nil, err
	}
	rows, err := q.o.Table.listRows(ctx, q.part(), deadSort, "", limit)
	if err != nil {
		return nil, fmt.Errorf("list the dead messages of queue %s: %w", q.o.Name, err)
	}
	var dead []platform.Received
	for _, r := range rows {
		id := strings.TrimPrefix(r.SK, deadSort)
		e, err := q.entry(ctx, id)
		if errors.Is(err, platform.ErrNotFound) || err == nil && !e.Dead {
			continue // redriven or deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		var b buried
		if err := json.Unmarshal(r.Value, &b); err != nil {
			return nil, fmt.Errorf("dead message %s: %w", id, platform.ErrCorrupt)
		}
		body, err := unpackBody(ctx, q.o.Files, b.Wire)
		if err != nil {
			return nil, err
		}
		dead = append(dead, platform.Received{
			Message: platform.Message{ID: id, Body: body, Sent: b.Sent},
			Receipt: receiptOf(id, e.version, deadHandle), Attempts: b.Attempts,
		})
	}
	return dead, nil
}

// Redrive implements platform.Queue. It sends a new message, so SQS counts its receipts anew.
func (q *queue) Redrive(ctx context.Context, id string) error {
	if err := errors.Join(q.o.Closed(), q.drain(ctx)); err != nil {
		return err
	}
	r, err := q.o.Table.getRow(ctx, q.part(), deadSort+id)
	if err != nil {
		return fmt.Errorf("redrive message %s of queue %s: %w", id, q.o.Name, err)
	}
	e, err := q.entry(ctx, id)
	if err != nil {
		return fmt.Errorf("redrive: %w", err)
	}
	var b buried
	if err := json.Unmarshal(r.Value, &b); err != nil {
		return fmt.Errorf("dead message %s: %w", id, platform.ErrCorrupt)
	}
	fresh := newEntry(id, q.o.Clock.Now().UTC(), q.o.Policy.Retention)
	if err := q.put(ctx, fresh, e.version); err != nil {
		return fmt.Errorf("redrive message %s: %w", id, err)
	}
	fresh.version = e.version + 1
	if err := q.postWire(ctx, fresh, b.Wire, 0); err != nil {
		return err
	}
	return q.o.Table.deleteRow(ctx, q.part(), deadSort+id, platform.Any)
}

// receiptOf names a message, the version of its row in these hands, and SQS's handle.
func receiptOf(id string, version int64, handle string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(id)) + "." +
		strconv.FormatInt(version, 10) + "." + handle
}

func parseReceipt(receipt string) (id string, version int64, handle string, err error) {
	parts := strings.SplitN(receipt, ".", 3)
	if len(parts) == 3 {
		raw, err1 := base64.RawURLEncoding.DecodeString(parts[0])
		version, err2 := strconv.ParseInt(parts[1], 10, 64)
		if err1 == nil && err2 == nil && version > 0 && len(raw) > 0 {
			return string(raw), version, parts[2], nil
		}
	}
	return "", 0, "", fmt.Errorf("%.40q is no receipt: %w", receipt, platform.ErrInvalid)
}
