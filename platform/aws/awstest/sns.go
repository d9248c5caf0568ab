package awstest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"
)

// MaxPublishBytes is the size of one call that SNS refuses to pass.
const MaxPublishBytes = 262_144

// SNS is one topic in memory that fans out to queues by filter policies on attributes, exact
// strings only. Safe for concurrent use.
type SNS struct {
	queues *SQS

	mu     sync.Mutex
	subs   map[string]topicSubscription // by endpoint
	next   int
	faults SNSFaults
}

// SNSFaults makes the topic unkind. A nil function injects nothing.
type SNSFaults struct {
	Call  func(op string) error     // its error is the call's answer
	Entry func(message string) bool // true refuses an entry of a batch and no other
}

type topicSubscription struct {
	raw    bool
	filter map[string][]string
}

// NewSNS returns a topic without subscriptions that delivers to the queues of an account.
func NewSNS(queues *SQS) *SNS {
	return &SNS{queues: queues, subs: make(map[string]topicSubscription)}
}

// SetFaults replaces the faults.
func (s *SNS) SetFaults(f SNSFaults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// Subscribe implements the client's method for queues. Subscribing an endpoint again replaces its
// attributes.
func (s *SNS) Subscribe(
	_ context.Context, in *sns.SubscribeInput, _ ...func(*sns.Options),
) (*sns.SubscribeOutput, error) {
	sub := topicSubscription{raw: in.Attributes["RawMessageDelivery"] == "true"}
	if raw := in.Attributes["FilterPolicy"]; raw != "" {
		if err := json.Unmarshal([]byte(raw), &sub.filter); err != nil {
			return nil, &types.InvalidParameterException{Message: aws.String(raw)}
		}
	}
	endpoint := aws.ToString(in.Endpoint)
	if aws.ToString(in.Protocol) != "sqs" || !strings.HasPrefix(endpoint, arnPrefix) {
		return nil, &types.InvalidParameterException{Message: in.Protocol}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subs[endpoint] = sub
	return &sns.SubscribeOutput{SubscriptionArn: aws.String("arn:aws:sns:test:" + endpoint)}, nil
}

// PublishBatch implements the client's method. Entries fail one by one, and the call succeeds.
func (s *SNS) PublishBatch(
	_ context.Context, in *sns.PublishBatchInput, _ ...func(*sns.Options),
) (*sns.PublishBatchOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults.Call != nil {
		if err := s.faults.Call("PublishBatch"); err != nil {
			return nil, err
		}
	}
	total := 0
	ids := make(map[string]bool)
	for _, e := range in.PublishBatchRequestEntries {
		total += len(aws.ToString(e.Message))
		ids[aws.ToString(e.Id)] = true
	}
	switch n := len(in.PublishBatchRequestEntries); {
	case n < 1 || n > 10:
		return nil, &types.TooManyEntriesInBatchRequestException{}
	case len(ids) != n:
		return nil, &types.BatchEntryIdsNotDistinctException{}
	case total > MaxPublishBytes:
		return nil, &types.BatchRequestTooLongException{}
	}
	out := &sns.PublishBatchOutput{}
	for _, e := range in.PublishBatchRequestEntries {
		if s.faults.Entry != nil && s.faults.Entry(aws.ToString(e.Message)) {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{
				Id: e.Id, Code: aws.String("InternalError"),
			})
			continue
		}
		if err := s.fanOut(aws.ToString(e.Message), e.MessageAttributes); err != nil {
			return nil, err
		}
		s.next++
		out.Successful = append(out.Successful, types.PublishBatchResultEntry{
			Id: e.Id, MessageId: aws.String(fmt.Sprint("n-", s.next)),
		})
	}
	return out, nil
}

// fanOut delivers a message to every queue whose filter passes it. The caller holds the lock.
func (s *SNS) fanOut(message string, attributes map[string]types.MessageAttributeValue) error {
	for endpoint, sub := range s.subs {
		passes := true
		for name, allowed := range sub.filter {
			passes = passes && slices.Contains(allowed, aws.ToString(attributes[name].StringValue))
		}
		if !passes {
			continue
		}
		body := message
		if !sub.raw {
			quoted, err := json.Marshal(message)
			if err != nil {
				return &smithy.GenericAPIError{Code: "InternalError", Message: err.Error()}
			}
			body = fmt.Sprintf(`{"Type":"Notification","Message":%s}`, quoted)
		}
		if err := s.queues.deliver(endpoint, body, nil); err != nil {
			continue // a queue that is gone loses it
		}
	}
	return nil
}
