package awstest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"github.com/souk-commerce/souk/platform/pattern"
)

// MaxEntryBytes is the size of one entry, and of one call, that EventBridge refuses to pass.
const MaxEntryBytes = 262_144

// EventBridge is one custom bus in memory, whose rules know the whole language of patterns and
// whose targets are queues. Safe for concurrent use.
type EventBridge struct {
	queues *SQS

	mu     sync.Mutex
	rules  map[string]*rule
	next   int
	faults EventBridgeFaults
}

// EventBridgeFaults makes the bus unkind. A nil function injects nothing.
type EventBridgeFaults struct {
	Call  func(op string) error    // its error is the call's answer
	Entry func(detail string) bool // true refuses an entry and no other
	// Double delivers an entry twice to every target.
	Double func(detail string) bool
}

type rule struct {
	pattern *pattern.Pattern
	targets map[string]types.Target
}

// NewEventBridge returns a bus without rules that delivers to the queues of an account.
func NewEventBridge(queues *SQS) *EventBridge {
	return &EventBridge{queues: queues, rules: make(map[string]*rule)}
}

// SetFaults replaces the faults.
func (b *EventBridge) SetFaults(f EventBridgeFaults) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = f
}

func (b *EventBridge) fault(op string) (EventBridgeFaults, error) {
	b.mu.Lock()
	f := b.faults
	b.mu.Unlock()
	if f.Call == nil {
		return f, nil
	}
	return f, f.Call(op)
}

// PutRule implements the client's method.
func (b *EventBridge) PutRule(
	_ context.Context, in *eventbridge.PutRuleInput, _ ...func(*eventbridge.Options),
) (*eventbridge.PutRuleOutput, error) {
	p, err := pattern.Compile([]byte(aws.ToString(in.EventPattern)))
	if err != nil {
		return nil, &types.InvalidEventPatternException{Message: in.EventPattern}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rules[aws.ToString(in.Name)]
	if r == nil {
		r = &rule{targets: make(map[string]types.Target)}
		b.rules[aws.ToString(in.Name)] = r
	}
	r.pattern = p
	return &eventbridge.PutRuleOutput{}, nil
}

// PutTargets implements the client's method. A target gets the whole event, or its detail where
// InputPath is $.detail.
func (b *EventBridge) PutTargets(
	_ context.Context, in *eventbridge.PutTargetsInput, _ ...func(*eventbridge.Options),
) (*eventbridge.PutTargetsOutput, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rules[aws.ToString(in.Rule)]
	if r == nil {
		return nil, &types.ResourceNotFoundException{Message: in.Rule}
	}
	for _, t := range in.Targets {
		r.targets[aws.ToString(t.Id)] = t
	}
	return &eventbridge.PutTargetsOutput{}, nil
}

// PutEvents implements the client's method. Entries fail one by one, and the call succeeds.
func (b *EventBridge) PutEvents(
	_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options),
) (*eventbridge.PutEventsOutput, error) {
	f, err := b.fault("PutEvents")
	if err != nil {
		return nil, err
	}
	total := 0
	for _, e := range in.Entries {
		total += len(aws.ToString(e.Source)) + len(aws.ToString(e.DetailType)) +
			len(aws.ToString(e.Detail)) + 14*min(1, len(aws.ToString(e.EventBusName)))
	}
	if n := len(in.Entries); n < 1 || n > 10 || total > MaxEntryBytes {
		return nil, &smithy.GenericAPIError{
			Code: "ValidationException", Message: fmt.Sprint(n, " entries of ", total, " bytes"),
		}
	}
	out := &eventbridge.PutEventsOutput{}
	for _, e := range in.Entries {
		detail := aws.ToString(e.Detail)
		code := ""
		switch {
		case f.Entry != nil && f.Entry(detail):
			code = "InternalFailure"
		case !json.Valid([]byte(detail)):
			code = "MalformedDetail"
		}
		if code != "" {
			out.FailedEntryCount++
			out.Entries = append(out.Entries, types.PutEventsResultEntry{
				ErrorCode: aws.String(code), ErrorMessage: aws.String("refused by the test"),
			})
			continue
		}
		b.route(e)
		if f.Double != nil && f.Double(detail) {
			b.route(e)
		}
		b.mu.Lock()
		b.next++
		id := fmt.Sprint("e-", b.next)
		b.mu.Unlock()
		out.Entries = append(out.Entries, types.PutEventsResultEntry{EventId: aws.String(id)})
	}
	return out, nil
}

// route delivers an entry to the targets of every rule that matches. A target that is gone loses
// it, as a target without a dead-letter queue does.
func (b *EventBridge) route(e types.PutEventsRequestEntry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	whole := fmt.Sprintf(`{"version":"0","source":%q,"detail-type":%q,"detail":%s}`,
		aws.ToString(e.Source), aws.ToString(e.DetailType), aws.ToString(e.Detail))
	for _, r := range b.rules {
		if matches, err := r.pattern.Matches([]byte(whole)); err != nil || !matches {
			continue
		}
		for _, t := range r.targets {
			body := aws.ToString(e.Detail)
			if aws.ToString(t.InputPath) != "$.detail" {
				body = whole
			}
			if arn := aws.ToString(t.Arn); strings.HasPrefix(arn, arnPrefix) {
				_ = b.queues.deliver(arn, body, nil)
			}
		}
	}
}
