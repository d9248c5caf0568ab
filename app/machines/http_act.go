package machines

import (
	"context"

	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/workflow"
	"github.com/souk-commerce/souk/workflow/durable"
)

// PostExecutionIn starts an execution. Its name is its idempotency key.
type PostExecutionIn struct {
	Body struct {
		Machine string `json:"machine"         pattern:"^[A-Za-z0-9._-]{1,80}$"`
		Name    string `json:"name"            pattern:"^[A-Za-z0-9._-]{1,80}$" doc:"the same name and input start one execution, however often"`
		Version int    `json:"version,omitempty" minimum:"0" maximum:"1000000" doc:"of the machine; the newest if left out"`
		Input   string `json:"input,omitempty" maxLength:"30000" doc:"JSON; {} if left out"`
	}
}

// PostExecutionOut is the execution as it stands.
type PostExecutionOut struct {
	Location string `header:"Location"`
	Body     ExecutionView
}

// PostExecution answers POST /v1/ops/executions: an execution that is there already, with the same
// input, is answered as it stands.
func (m *Machines) PostExecution(
	ctx context.Context, in *PostExecutionIn,
) (*PostExecutionOut, error) {
	if err := known(in.Body.Machine); err != nil {
		return nil, err
	}
	input, err := parsed("input", orEmpty(in.Body.Input, "{}"))
	if err != nil {
		return nil, err
	}
	id, err := m.engine.Start(ctx, durable.Start{
		Machine: in.Body.Machine, Name: in.Body.Name, Version: in.Body.Version, Input: input,
		Correlation: room.RequestCause(ctx).Correlation,
	})
	if err != nil {
		return nil, explain(err)
	}
	v, err := m.view(ctx, id)
	if err != nil {
		return nil, err
	}
	return &PostExecutionOut{Location: "/v1/ops/executions/" + id, Body: *v}, nil
}

// PostStopIn ends an execution.
type PostStopIn struct {
	Machine string `path:"machine" pattern:"^[A-Za-z0-9._-]{1,80}$"`
	Name    string `path:"name"    pattern:"^[A-Za-z0-9._-]{1,80}$"`
	Body    struct {
		Error string `json:"error,omitempty" maxLength:"256"   pattern:"^[ -~]*$"`
		Cause string `json:"cause,omitempty" maxLength:"10000" doc:"why, for people"`
	}
}

// PostStop answers POST /v1/ops/executions/{machine}/{name}/stop. One that has ended stays as it
// is.
func (m *Machines) PostStop(ctx context.Context, in *PostStopIn) (*GetExecutionOut, error) {
	why := workflow.NewFailure(in.Body.Error, in.Body.Cause)
	of := &ExecutionIn{in.Machine, in.Name}
	if err := m.engine.Stop(ctx, of.id(), why); err != nil {
		return nil, explain(err)
	}
	return m.GetExecution(ctx, of)
}

// PostExecutionRedrive answers POST /v1/ops/executions/{machine}/{name}/redrive: one that ended
// badly goes on with the state at which it ended.
func (m *Machines) PostExecutionRedrive(
	ctx context.Context, in *ExecutionIn,
) (*GetExecutionOut, error) {
	if err := m.engine.Redrive(ctx, in.id()); err != nil {
		return nil, explain(err)
	}
	return m.GetExecution(ctx, in)
}

// PostTaskSuccessIn answers a task that waits for its token.
type PostTaskSuccessIn struct {
	Body struct {
		Token  string `json:"token"            pattern:"^[!-~]{1,1000}$"`
		Output string `json:"output,omitempty" maxLength:"30000" doc:"JSON; {} if left out"`
	}
}

// PostTaskSuccess answers POST /v1/ops/tasks/success.
func (m *Machines) PostTaskSuccess(ctx context.Context, in *PostTaskSuccessIn) (*struct{}, error) {
	output, err := parsed("output", orEmpty(in.Body.Output, "{}"))
	if err != nil {
		return nil, err
	}
	return nil, explain(m.engine.SendTaskSuccess(ctx, in.Body.Token, output))
}

// PostTaskFailureIn lets a task fail that waits for its token.
type PostTaskFailureIn struct {
	Body struct {
		Token string `json:"token"           pattern:"^[!-~]{1,1000}$"`
		Error string `json:"error,omitempty" maxLength:"256"   pattern:"^[ -~]*$"`
		Cause string `json:"cause,omitempty" maxLength:"10000"`
	}
}

// PostTaskFailure answers POST /v1/ops/tasks/failure.
func (m *Machines) PostTaskFailure(ctx context.Context, in *PostTaskFailureIn) (*struct{}, error) {
	why := workflow.NewFailure(in.Body.Error, in.Body.Cause)
	return nil, explain(m.engine.SendTaskFailure(ctx, in.Body.Token, why))
}

// PostTaskHeartbeatIn says that a task is alive.
type PostTaskHeartbeatIn struct {
	Body struct {
		Token string `json:"token" pattern:"^[!-~]{1,1000}$"`
	}
}

// PostTaskHeartbeat answers POST /v1/ops/tasks/heartbeat.
func (m *Machines) PostTaskHeartbeat(
	ctx context.Context, in *PostTaskHeartbeatIn,
) (*struct{}, error) {
	return nil, explain(m.engine.SendTaskHeartbeat(ctx, in.Body.Token))
}
