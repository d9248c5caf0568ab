package aws

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// eventPutter is the part of EventBridge that the relay needs; *eventbridge.Client has it.
type eventPutter interface {
	PutEvents(
		ctx context.Context, in *eventbridge.PutEventsInput, opts ...func(*eventbridge.Options),
	) (*eventbridge.PutEventsOutput, error)
}

// eventBridge is the bus by default. Each subscription has a rule on the exact types of its events
// with its queue as target, which gets the detail alone (InputPath "$.detail").
type eventBridge struct {
	client eventPutter
	name   string // of the bus
}

var _ bus = eventBridge{}

// publish implements bus. The call succeeds even where entries fail, so each entry is looked at.
func (b eventBridge) publish(
	ctx context.Context, list []busMessage,
) (failed []int, err error) {
	size := func(i int) int {
		return len(list[i].body) + len(list[i].kind) + len(busSource) + len(b.name) + 14
	}
	chunks(len(list), size, func(chunk []int) {
		in := &eventbridge.PutEventsInput{}
		for _, i := range chunk {
			in.Entries = append(in.Entries, types.PutEventsRequestEntry{
				EventBusName: aws.String(b.name), Source: aws.String(busSource),
				DetailType: aws.String(list[i].kind), Detail: aws.String(list[i].body),
				Time: aws.Time(list[i].time),
			})
		}
		out, callErr := b.client.PutEvents(ctx, in)
		if callErr == nil && len(out.Entries) != len(chunk) {
			callErr = errors.New("the answer has another number of entries")
		}
		if callErr != nil {
			failed = append(failed, chunk...)
			err = fmt.Errorf("put events: %w", mapThrottle(callErr))
			return
		}
		for n, entry := range out.Entries {
			if code := aws.ToString(entry.ErrorCode); code != "" {
				failed = append(failed, chunk[n])
				err = fmt.Errorf("put events: an entry was refused: %s: %s", code,
					aws.ToString(entry.ErrorMessage))
			}
		}
	})
	return failed, err
}
