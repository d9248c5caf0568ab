package machines

import (
	"context"
	"strings"

	"github.com/souk-commerce/souk/workflow"
	"github.com/souk-commerce/souk/workflow/durable"
)

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
