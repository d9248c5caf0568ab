package lambdatest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/souk-commerce/souk/cmd/souk-lambda/batch"
)

// Invoker is a function as a poller sees it; *Function is one.
type Invoker interface {
	Invoke(ctx context.Context, payload []byte) ([]byte, error)
}

// QueuePoller brings messages of a queue to a function in batches, as the service's event source
// does: what the function does not name as failed is deleted; what it names, and the whole batch
// when it fails, becomes visible again when its visibility ends. One goroutine uses it at a time.
type QueuePoller struct {
	Queue      Queue
	Function   Invoker
	Batch      int           // messages at most in an invocation; 0 is 10
	Visibility time.Duration // six times the function's time-out or more
}

// Poll takes one batch, and reports how many messages were in it and how many are done. A
// function's failure is not an error of the poller's: it is returned as failed.
func (p *QueuePoller) Poll(ctx context.Context) (taken, done int, failed, err error) {
	size := p.Batch
	if size == 0 {
		size = 10
	}
	messages, err := p.Queue.ReceiveMessages(ctx, size, p.Visibility)
	if err != nil || len(messages) == 0 {
		return 0, 0, nil, err
	}
	payload, err := json.Marshal(map[string]any{"Records": queueRecords(messages)})
	if err != nil {
		return 0, 0, nil, fmt.Errorf("encode a batch: %w", err)
	}
	answer, failed := p.Function.Invoke(ctx, payload)
	if failed != nil {
		return len(messages), 0, failed, nil
	}
	again, err := failedItems(answer)
	if err != nil {
		return len(messages), 0, err, nil // an answer that makes no sense fails the batch
	}
	var receipts []string
	for _, m := range messages {
		if !slices.Contains(again, m.ID) {
			receipts = append(receipts, m.Receipt)
		}
	}
	if len(receipts) == 0 {
		return len(messages), 0, nil, nil
	}
	return len(messages), len(receipts), nil, p.Queue.DeleteMessages(ctx, receipts)
}

func queueRecords(messages []Message) []map[string]any {
	records := make([]map[string]any, len(messages))
	for i, m := range messages {
		records[i] = map[string]any{
			"messageId": m.ID, "receiptHandle": m.Receipt, "body": m.Body,
			"attributes": map[string]string{
				"ApproximateReceiveCount": strconv.Itoa(m.Receives),
				"SentTimestamp":           strconv.FormatInt(m.Sent.UnixMilli(), 10),
			},
			"messageAttributes": map[string]any{}, "eventSource": "aws:sqs",
		}
	}
	return records
}

// failedItems reads a partial batch answer. No answer at all says that everything is done.
func failedItems(answer []byte) ([]string, error) {
	if len(answer) == 0 || string(answer) == "null" {
		return nil, nil
	}
	var f struct {
		Items []struct {
			ID string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(answer, &f); err != nil {
		return nil, fmt.Errorf("read a partial batch answer: %w", err)
	}
	ids := make([]string, len(f.Items))
	for i, one := range f.Items {
		if one.ID == "" {
			return nil, fmt.Errorf("a partial batch answer names no item: %s", answer)
		}
		ids[i] = one.ID
	}
	return ids, nil
}

// Stream is what a poller needs of one shard: the records after a place, in order.
type Stream interface {
	GetRecords(ctx context.Context, after string, most int) ([]StreamRecord, error)
}

// StreamRecord is one change.
type StreamRecord struct {
	Change   string
	Sequence string
	Image    map[string]batch.Value
}

// StreamPoller brings the records of one shard to a function, in order. What follows the first
// record that the function names as failed, and the whole batch when it fails, is brought again.
// One goroutine uses it at a time.
type StreamPoller struct {
	Stream   Stream
	Function Invoker
	Batch    int // records at most in an invocation; 0 is 100

	at string // checkpoint: all up to this one is done
}

// Poll takes one batch and reports how many records were in it and how many are done. failed is the
// function's failure, err the poller's own.
func (p *StreamPoller) Poll(ctx context.Context) (taken, done int, failed, err error) {
	size := p.Batch
	if size == 0 {
		size = 100
	}
	records, err := p.Stream.GetRecords(ctx, p.at, size)
	if err != nil || len(records) == 0 {
		return 0, 0, nil, err
	}
	list := make([]map[string]any, len(records))
	for i, r := range records {
		list[i] = map[string]any{
			"eventID": r.Sequence, "eventName": r.Change, "eventSource": "aws:dynamodb",
			"dynamodb": map[string]any{
				"SequenceNumber": r.Sequence, "NewImage": r.Image, "StreamViewType": "NEW_IMAGE",
			},
		}
	}
	payload, err := json.Marshal(map[string]any{"Records": list})
	if err != nil {
		return 0, 0, nil, fmt.Errorf("encode a batch: %w", err)
	}
	answer, failed := p.Function.Invoke(ctx, payload)
	if failed != nil {
		return len(records), 0, failed, nil
	}
	again, err := failedItems(answer)
	if err != nil {
		return len(records), 0, err, nil
	}
	done = len(records)
	for i, r := range records { // the lowest that is named decides
		if slices.Contains(again, r.Sequence) {
			done = i
			break
		}
	}
	if done > 0 {
		p.at = records[done-1].Sequence
	}
	return len(records), done, nil, nil
}
