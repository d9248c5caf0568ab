package awstest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// ReceiveMessage implements the client's method, with long polling by the clock.
func (s *SQS) ReceiveMessage(
	ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options),
) (*sqs.ReceiveMessageOutput, error) {
	if err := s.fault("ReceiveMessage"); err != nil {
		return nil, err
	}
	if in.MaxNumberOfMessages < 0 || in.MaxNumberOfMessages > 10 || in.WaitTimeSeconds > 20 ||
		in.VisibilityTimeout > 12*3600 {
		return nil, &smithy.GenericAPIError{Code: "InvalidParameterValue", Message: "out of range"}
	}
	end := s.clock.Now().Add(time.Duration(in.WaitTimeSeconds) * time.Second)
	for {
		got, until, changed, err := s.take(in, end)
		if err != nil || len(got) > 0 || until.IsZero() {
			return &sqs.ReceiveMessageOutput{Messages: got}, err
		}
		alarm := s.clock.After(until.Sub(s.clock.Now()))
		if !s.clock.Now().Before(until) {
			continue // the clock was moved before the alarm was set
		}
		select {
		case <-changed:
		case <-alarm:
		case <-ctx.Done():
			return nil, &smithy.CanceledError{Err: ctx.Err()}
		}
	}
}

// take hides and returns what is visible. If that is nothing, it says until when to wait, or zero
// when the time for waiting is over.
func (s *SQS) take(
	in *sqs.ReceiveMessageInput, end time.Time,
) (got []types.Message, until time.Time, changed <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.queue(in.QueueUrl)
	if err != nil {
		return nil, time.Time{}, nil, err
	}
	visibility := time.Duration(in.VisibilityTimeout) * time.Second
	if visibility == 0 {
		visibility = q.visibility
	}
	now := s.clock.Now()
	until = end
	for _, m := range q.messages { // in whatever order
		switch {
		case !now.Before(m.sent.Add(q.retention)):
			delete(q.messages, m.id)
		case m.visible.After(now):
			if m.visible.Before(until) {
				until = m.visible
			}
		case q.receives > 0 && m.received >= q.receives:
			s.bury(q, m, now)
		case len(got) < int(max(1, in.MaxNumberOfMessages)):
			got = append(got, s.hand(m, now, visibility))
		}
	}
	if !now.Before(end) {
		until = time.Time{}
	}
	return got, until, q.changed, nil
}

// hand gives a message out.
func (s *SQS) hand(m *sqsMessage, now time.Time, visibility time.Duration) types.Message {
	s.next++
	m.received++
	m.receipt = fmt.Sprintf("%d/%d", m.id, s.next)
	if s.faults.Double == nil || !s.faults.Double(m.body) {
		m.visible = now.Add(visibility)
	}
	return types.Message{
		MessageId: aws.String(fmt.Sprint("m-", m.id)), ReceiptHandle: aws.String(m.receipt),
		Body: aws.String(m.body), MessageAttributes: m.attributes,
		Attributes: map[string]string{
			"ApproximateReceiveCount": strconv.Itoa(m.received),
			"SentTimestamp":           strconv.FormatInt(m.sent.UnixMilli(), 10),
		},
	}
}

// bury moves a message to the dead-letter queue.
func (s *SQS) bury(q *sqsQueue, m *sqsMessage, now time.Time) {
	delete(q.messages, m.id)
	dead := s.queues[q.dead]
	if dead == nil {
		return // as documented: without its target a message is lost when it expires
	}
	m.visible = now
	dead.messages[m.id] = m
	dead.announce()
}

// held finds the message of a receipt; nil if it is gone or was received again since.
func (q *sqsQueue) held(receipt *string) (*sqsMessage, error) {
	first, _, ok := strings.Cut(aws.ToString(receipt), "/")
	id, err := strconv.ParseInt(first, 10, 64)
	if !ok || err != nil {
		return nil, &types.ReceiptHandleIsInvalid{Message: receipt}
	}
	m := q.messages[id]
	if m == nil || m.receipt != *receipt {
		return nil, nil
	}
	return m, nil
}

// DeleteMessage implements the client's method. By an old receipt it succeeds without effect.
func (s *SQS) DeleteMessage(
	_ context.Context, in *sqs.DeleteMessageInput, _ ...func(*sqs.Options),
) (*sqs.DeleteMessageOutput, error) {
	q, end, err := s.begin("DeleteMessage", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	defer end()
	m, err := q.held(in.ReceiptHandle)
	if err != nil {
		return nil, err
	}
	if m != nil {
		delete(q.messages, m.id)
	}
	return &sqs.DeleteMessageOutput{}, nil
}

// ChangeMessageVisibility implements the client's method.
func (s *SQS) ChangeMessageVisibility(
	_ context.Context, in *sqs.ChangeMessageVisibilityInput, _ ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityOutput, error) {
	q, end, err := s.begin("ChangeMessageVisibility", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	defer end()
	m, err := q.held(in.ReceiptHandle)
	if err != nil {
		return nil, err
	}
	now := s.clock.Now()
	switch {
	case in.VisibilityTimeout < 0 || in.VisibilityTimeout > 12*3600:
		return nil, &smithy.GenericAPIError{Code: "InvalidParameterValue", Message: "visibility"}
	case m == nil || !m.visible.After(now):
		return nil, &types.MessageNotInflight{}
	}
	m.visible = now.Add(time.Duration(in.VisibilityTimeout) * time.Second)
	q.announce()
	return &sqs.ChangeMessageVisibilityOutput{}, nil
}

// SendMessageBatch implements the client's method. Entries fail one by one.
func (s *SQS) SendMessageBatch(
	_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options),
) (*sqs.SendMessageBatchOutput, error) {
	q, end, err := s.begin("SendMessageBatch", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	defer end()
	size := 0
	for _, e := range in.Entries {
		size += len(aws.ToString(e.MessageBody))
	}
	switch {
	case len(in.Entries) == 0:
		return nil, &types.EmptyBatchRequest{}
	case len(in.Entries) > 10:
		return nil, &types.TooManyEntriesInBatchRequest{}
	case size > MaxSQSBytes:
		return nil, &types.BatchRequestTooLong{}
	}
	out := &sqs.SendMessageBatchOutput{}
	for _, e := range in.Entries {
		id := aws.ToString(e.Id)
		if s.faults.Entry != nil && s.faults.Entry("SendMessageBatch", id) {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{
				Id: e.Id, Code: aws.String("InternalError"),
			})
			continue
		}
		sent, err := s.put(q, aws.ToString(e.MessageBody), e.MessageAttributes, e.DelaySeconds)
		if err != nil {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{
				Id: e.Id, Code: aws.String("InvalidParameterValue"), SenderFault: true,
			})
			continue
		}
		out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{
			Id: e.Id, MessageId: aws.String(sent), MD5OfMessageBody: digestOf(e.MessageBody),
		})
	}
	return out, nil
}

// DeleteMessageBatch implements the client's method. Entries fail one by one.
func (s *SQS) DeleteMessageBatch(
	_ context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options),
) (*sqs.DeleteMessageBatchOutput, error) {
	q, end, err := s.begin("DeleteMessageBatch", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	defer end()
	out := &sqs.DeleteMessageBatchOutput{}
	for _, e := range in.Entries {
		m, err := q.held(e.ReceiptHandle)
		if err != nil || s.faults.Entry != nil &&
			s.faults.Entry("DeleteMessageBatch", aws.ToString(e.Id)) {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{
				Id: e.Id, Code: aws.String("InternalError"),
			})
			continue
		}
		if m != nil {
			delete(q.messages, m.id)
		}
		out.Successful = append(out.Successful, types.DeleteMessageBatchResultEntry{Id: e.Id})
	}
	return out, nil
}
