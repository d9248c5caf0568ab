// Package answer lets functions answer the tasks of state machines that Step Functions runs.
//
// It promises that a task is called with the same key however often one attempt is made: the key
// follows from the attempt that the machine says with its question. A failure of the task's is
// told by its code, and anything else as an error that nobody knows the outcome of, so that the
// machine asks again. Only the worker's main imports it.
package answer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/workflow"
	"github.com/souk-commerce/souk/workflow/durable"
)

// Attempt is where a question says whose it is. Its members are execution ($$.Execution.Id), state
// ($$.State.Name), entered ($$.State.EnteredTime), which differs where a state is entered again and
// not where its attempt is repeated, and, within a Map, whatever tells its items apart.
const Attempt = "attempt"

// With answers one task's questions.
func With(name string, task durable.Task) function.Handler {
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		in, err := question(payload)
		if err != nil {
			return nil, err
		}
		call, err := callOf(name, in)
		if err != nil {
			return nil, err
		}
		out, err := task(ctx, call)
		if f, ok := errors.AsType[*workflow.Failure](err); ok {
			return nil, failure(f)
		}
		if err != nil {
			return nil, fmt.Errorf("%s, asked by %s with key %s: %w",
				name, call.Execution, call.Key, err)
		}
		return []byte(workflow.Text(out)), nil
	}
}

func question(payload []byte) (*workflow.Object, error) {
	v, err := workflow.ParseValue(payload)
	in, ok := v.(*workflow.Object)
	if err != nil || !ok {
		return nil, invalid("a question is a JSON object")
	}
	return in, nil
}

func invalid(what string) error {
	return &function.Failure{Type: string(shop.Invalid), Message: what + "; nothing was done"}
}

// callOf is what is asked, and by which attempt.
func callOf(name string, in *workflow.Object) (durable.Call, error) {
	v, _ := in.Get(Attempt)
	attempt, _ := v.(*workflow.Object)
	said := make(map[string]string)
	for _, part := range []string{"execution", "state", "entered"} {
		if attempt != nil {
			v, _ := attempt.Get(part)
			said[part], _ = v.(string)
		}
		if said[part] == "" {
			return durable.Call{}, invalid("its " + Attempt + " does not say its " + part +
				", so it could have its effect twice")
		}
	}
	var members map[string]any // whatever their order is
	if err := json.Unmarshal([]byte(workflow.Text(attempt)), &members); err != nil {
		return durable.Call{}, invalid("its " + Attempt + " cannot be read")
	}
	key, err := room.Fingerprint(members)
	if err != nil {
		return durable.Call{}, err
	}
	return durable.Call{
		Key: "asl-" + key, Execution: said["execution"],
		State: said["state"], Resource: name, Input: in,
	}, nil
}

func failure(f *workflow.Failure) error {
	told := &function.Failure{}
	if f.Code != nil {
		told.Type = *f.Code
	}
	if f.Cause != nil {
		told.Message = *f.Cause
	}
	return told
}

// Asked is what the log says when a machine waits for a person.
const Asked = "a machine asks a person, and waits for the answer"

// Asking tells the log what a machine asks a person, and with which token to answer. Step Functions
// keeps both in the execution's history too.
func Asking(log *slog.Logger) function.Handler {
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		in, err := question(payload)
		if err != nil {
			return nil, err
		}
		v, _ := in.Get("token")
		if token, _ := v.(string); token == "" {
			return nil, invalid("a question to a person says the token with which it is answered")
		}
		log.LogAttrs(ctx, slog.LevelWarn, Asked, slog.String("question", workflow.Text(in)))
		return []byte("null"), nil
	}
}
