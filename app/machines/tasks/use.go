package tasks

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/workflow"
	"github.com/souk-commerce/souk/workflow/durable"
)

// clerk is in whose name machines act: a machine of the operator's.
func clerk() room.Caller {
	return room.Caller{ID: "svc_workflow", Role: room.ServiceRole()}
}

// use makes a task of a use case: JSON becomes its question, the key of the attempt its own, and
// its answer JSON again. A refusal is the machine's affair, by its code. What may have been done or
// not is asked again, with the same key.
func use[I, O any](do func(ctx context.Context, in I, key string) (O, error)) durable.Task {
	return func(ctx context.Context, c durable.Call) (workflow.Value, error) {
		var in I
		if err := json.Unmarshal([]byte(workflow.Text(c.Input)), &in); err != nil {
			return nil, workflow.NewFailure(string(shop.Invalid), err.Error())
		}
		ctx = room.WithCause(room.WithCaller(ctx, clerk()), room.Cause{
			Correlation: c.Correlation, Causation: c.Event, TraceParent: c.Trace,
		})
		out, err := do(ctx, in, c.Key)
		if err != nil {
			return nil, refusal(err)
		}
		raw, err := json.Marshal(out)
		if err != nil {
			return nil, shop.Errorf(shop.Internal, "encode the answer of %s: %w", c.Resource, err)
		}
		return workflow.ParseValue(raw)
	}
}

// refusal makes a failure of what a room certainly has not done.
func refusal(err error) error {
	if _, ok := errors.AsType[*workflow.Failure](err); ok {
		return err
	}
	e, ok := errors.AsType[*shop.Error](err)
	if !ok {
		return err
	}
	switch e.Code {
	case shop.Internal, shop.Unknown, shop.Unavailable, shop.Busy, shop.KeyInFlight:
		return err
	}
	return workflow.NewFailure(string(e.Code), e.Message)
}
