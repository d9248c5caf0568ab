package machines

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

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

// invoke is the resource by which a machine waits for an answer to a use case: the same that calls
// a function on AWS, so that the file is the same.
const invoke = "arn:aws:states:::lambda:invoke"

// resources are the use cases by their own names, and by the way in which AWS has functions called.
func (m *Machines) resources() map[string]durable.Task {
	all := map[string]durable.Task{invoke: m.invoke}
	for name, task := range m.tasks {
		all[name] = task
	}
	return all
}

// invoke calls the use case that FunctionName names with Payload.
func (m *Machines) invoke(ctx context.Context, c durable.Call) (workflow.Value, error) {
	in, _ := c.Input.(*workflow.Object)
	v, _ := in.Get("FunctionName")
	name, _ := v.(string)
	c.Resource = strings.TrimSuffix(strings.TrimPrefix(name, "${"), "}")
	task := m.tasks[c.Resource]
	if task == nil {
		return nil, workflow.NewFailure("Lambda.ResourceNotFoundException",
			"there is no use case "+name)
	}
	c.Input, _ = in.Get("Payload")
	out, err := task(ctx, c)
	if err != nil {
		return nil, err
	}
	return workflow.NewObject("ExecutedVersion", "$LATEST", "Payload", out,
		"StatusCode", workflow.Int(200)), nil
}
