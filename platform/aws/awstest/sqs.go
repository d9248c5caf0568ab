package awstest

import (
	"context"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/souk-commerce/souk/platform"
)

// MaxSQSBytes is the size of a message, body and attributes together, that a queue refuses to pass.
const MaxSQSBytes = 262_144

const arnPrefix = "arn:aws:sqs:test:000000000000:"

// SQS is the standard queues of one account in memory. It keeps no order, hides what was received,
// counts receipts, and moves to a dead-letter queue by the redrive policy. Safe for concurrent use.
type SQS struct {
	clock platform.Clock

	mu     sync.Mutex
	queues map[string]*sqsQueue // by name
	next   int64                // numbers messages and receipts
	faults SQSFaults
}

// SQSFaults makes the queues unkind. A nil function injects nothing.
type SQSFaults struct {
	// Call is asked before every call, with its name such as "SendMessage"; its error is answered.
	Call func(op string) error
	// Entry is asked before every entry of a batch; true refuses it and no other.
	Entry func(op, id string) bool
	// Double is asked before a message is hidden; true leaves it visible, so that it comes again.
	Double func(body string) bool
}

type sqsQueue struct {
	name       string
	visibility time.Duration
	retention  time.Duration
	receives   int    // of the redrive policy; 0: there is none
	dead       string // name of the dead-letter queue
	messages   map[int64]*sqsMessage
	changed    chan struct{} // closed and replaced when something may be visible
}

type sqsMessage struct {
	id         int64
	body       string
	attributes map[string]types.MessageAttributeValue
	sent       time.Time
	visible    time.Time
	received   int
	receipt    string // the last one
}

// NewSQS returns an account without queues.
func NewSQS(clock platform.Clock) *SQS {
	return &SQS{clock: clock, queues: make(map[string]*sqsQueue)}
}

// SetFaults replaces the faults.
func (s *SQS) SetFaults(f SQSFaults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// Throttled is the error of a call that came too fast.
func Throttled() error {
	return &smithy.GenericAPIError{
		Code: "ThrottlingException", Message: "rate exceeded", Fault: smithy.FaultClient,
	}
}

// fault asks for a call's fault, without the lock, so that it may use the queues itself.
func (s *SQS) fault(op string) error {
	s.mu.Lock()
	call := s.faults.Call
	s.mu.Unlock()
	if call == nil {
		return nil
	}
	return call(op)
}

// CreateQueue implements the client's method. A queue of the same name is replaced in its
// attributes and keeps its messages.
func (s *SQS) CreateQueue(
	_ context.Context, in *sqs.CreateQueueInput, _ ...func(*sqs.Options),
) (*sqs.CreateQueueOutput, error) {
	if err := s.fault("CreateQueue"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := aws.ToString(in.QueueName)
	q := s.queues[name]
	if q == nil {
		q = &sqsQueue{
			name: name, messages: make(map[int64]*sqsMessage), changed: make(chan struct{}),
		}
		s.queues[name] = q
	}
	q.visibility = seconds(in.Attributes["VisibilityTimeout"], 30)
	q.retention = seconds(in.Attributes["MessageRetentionPeriod"], 4*24*3600)
	if raw := in.Attributes["RedrivePolicy"]; raw != "" {
		var p struct {
			Target string `json:"deadLetterTargetArn"`
			Count  int    `json:"maxReceiveCount"`
		}
		if err := json.Unmarshal([]byte(raw), &p); err != nil || p.Count < 1 {
			return nil, &types.InvalidAttributeValue{Message: aws.String("redrive policy " + raw)}
		}
		q.receives, q.dead = p.Count, strings.TrimPrefix(p.Target, arnPrefix)
	}
	return &sqs.CreateQueueOutput{QueueUrl: aws.String(urlOf(name))}, nil
}

// GetQueueUrl implements the client's method.
func (s *SQS) GetQueueUrl(
	_ context.Context, in *sqs.GetQueueUrlInput, _ ...func(*sqs.Options),
) (*sqs.GetQueueUrlOutput, error) {
	if err := s.fault("GetQueueUrl"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queues[aws.ToString(in.QueueName)] == nil {
		return nil, &types.QueueDoesNotExist{Message: in.QueueName}
	}
	return &sqs.GetQueueUrlOutput{QueueUrl: aws.String(urlOf(*in.QueueName))}, nil
}

func urlOf(name string) string { return "https://sqs.test/000000000000/" + name }

func seconds(s string, otherwise int) time.Duration {
	n, err := strconv.Atoi(s)
	if err != nil {
		n = otherwise
	}
	return time.Duration(n) * time.Second
}

// queue finds a queue by its URL. The caller holds the lock.
func (s *SQS) queue(url *string) (*sqsQueue, error) {
	name := aws.ToString(url)
	q := s.queues[name[strings.LastIndex(name, "/")+1:]]
	if q == nil {
		return nil, &types.QueueDoesNotExist{Message: aws.String(name)}
	}
	return q, nil
}

// begin asks for a call's fault, finds its queue and takes the lock, which end gives back.
func (s *SQS) begin(op string, url *string) (q *sqsQueue, end func(), err error) {
	if err := s.fault(op); err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	if q, err = s.queue(url); err != nil {
		s.mu.Unlock()
		return nil, nil, err
	}
	return q, s.mu.Unlock, nil
}

// GetQueueAttributes implements the client's method; the counts are exact.
func (s *SQS) GetQueueAttributes(
	_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options),
) (*sqs.GetQueueAttributesOutput, error) {
	q, end, err := s.begin("GetQueueAttributes", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	defer end()
	now := s.clock.Now()
	var visible, hidden, delayed int
	for _, m := range q.messages {
		switch {
		case !m.visible.After(now):
			visible++
		case m.received == 0:
			delayed++
		default:
			hidden++
		}
	}
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{
		"QueueArn":                              arnPrefix + q.name,
		"VisibilityTimeout":                     strconv.Itoa(int(q.visibility / time.Second)),
		"ApproximateNumberOfMessages":           strconv.Itoa(visible),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(hidden),
		"ApproximateNumberOfMessagesDelayed":    strconv.Itoa(delayed),
	}}, nil
}

// SendMessage implements the client's method.
func (s *SQS) SendMessage(
	_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options),
) (*sqs.SendMessageOutput, error) {
	q, end, err := s.begin("SendMessage", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	defer end()
	id, err := s.put(q, aws.ToString(in.MessageBody), in.MessageAttributes, in.DelaySeconds)
	if err != nil {
		return nil, err
	}
	return &sqs.SendMessageOutput{
		MessageId: aws.String(id), MD5OfMessageBody: digestOf(in.MessageBody),
	}, nil
}

// digestOf is what a client checks that its message arrived by.
func digestOf(body *string) *string {
	return aws.String(fmt.Sprintf("%x", md5.Sum([]byte(aws.ToString(body)))))
}

// put adds a message. The caller holds the lock.
func (s *SQS) put(
	q *sqsQueue, body string, attributes map[string]types.MessageAttributeValue, delay int32,
) (string, error) {
	size := len(body)
	for name, a := range attributes {
		size += len(name) + len(aws.ToString(a.DataType)) + len(aws.ToString(a.StringValue)) +
			len(a.BinaryValue)
	}
	if body == "" || size > MaxSQSBytes || delay < 0 || delay > 900 || len(attributes) > 10 {
		return "", &smithy.GenericAPIError{
			Code:    "InvalidParameterValue",
			Message: fmt.Sprintf("%d bytes, %d attributes, delay %d", size, len(attributes), delay),
		}
	}
	now := s.clock.Now()
	s.next++
	q.messages[s.next] = &sqsMessage{
		id: s.next, body: body, attributes: maps.Clone(attributes), sent: now,
		visible: now.Add(time.Duration(delay) * time.Second),
	}
	q.announce()
	return fmt.Sprint("m-", s.next), nil
}

func (q *sqsQueue) announce() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// deliver is how the other services send to a queue: by its ARN.
func (s *SQS) deliver(
	arn, body string, attributes map[string]types.MessageAttributeValue,
) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.queue(aws.String(strings.TrimPrefix(arn, arnPrefix)))
	if err != nil {
		return err
	}
	_, err = s.put(q, body, attributes, 0)
	return err
}
