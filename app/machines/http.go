package machines

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/workflow"
	"github.com/souk-commerce/souk/workflow/durable"
)

// Values are JSON as text in all of these, as in Step Functions' own interface: what a machine
// carries is none of the doors' business.

// MachineView is a machine that can be started.
type MachineView struct {
	Name       string `json:"name"`
	Version    int    `json:"version"`
	Definition string `json:"definition" doc:"in the Amazon States Language"`
}

// GetMachinesOut answers GET /v1/ops/machines.
type GetMachinesOut struct {
	Body struct {
		Items []MachineView `json:"items" maxItems:"100"`
	}
}

// GetMachines answers GET /v1/ops/machines.
func (m *Machines) GetMachines(ctx context.Context, _ *struct{}) (*GetMachinesOut, error) {
	out := &GetMachinesOut{}
	for _, d := range Definitions() {
		version, source, err := m.engine.Definition(ctx, d.Name, 0)
		if err != nil {
			return nil, explain(err)
		}
		out.Body.Items = append(out.Body.Items, MachineView{d.Name, version, string(source)})
	}
	return out, nil
}

// ExecutionLine is an execution in a list.
type ExecutionLine struct {
	Execution string    `json:"execution" doc:"machine/name"`
	Machine   string    `json:"machine"`
	Name      string    `json:"name"`
	Version   int       `json:"version"            doc:"of the machine"`
	Status    string    `json:"status"             enum:"RUNNING,SUCCEEDED,FAILED,TIMED_OUT,ABORTED"`
	StartedAt time.Time `json:"startedAt"`
	StoppedAt time.Time `json:"stoppedAt,omitzero"`
}

func lineOf(s *durable.Summary) ExecutionLine {
	return ExecutionLine{
		Execution: s.ID, Machine: s.Machine, Name: s.Name, Version: s.Version,
		Status: string(s.Status), StartedAt: s.Started, StoppedAt: s.Stopped,
	}
}

// GetExecutionsIn asks for a page of a machine's executions.
type GetExecutionsIn struct {
	Machine string `query:"machine" required:"true" pattern:"^[A-Za-z0-9._-]{1,80}$"`
	Status  string `query:"status"  enum:"RUNNING,SUCCEEDED,FAILED,TIMED_OUT,ABORTED" doc:"only those"`
	Cursor  string `query:"cursor"  pattern:"^[!-~]{0,200}$" doc:"next of the page before"`
	Limit   int    `query:"limit"   minimum:"1" maximum:"100" default:"20"`
}

// GetExecutionsOut answers GET /v1/ops/executions.
type GetExecutionsOut struct {
	Body struct {
		Items []ExecutionLine `json:"items" maxItems:"100"`
		Next  string          `json:"next,omitempty" doc:"the cursor of the next page, if there may be one"`
	}
}

// GetExecutions answers GET /v1/ops/executions, the last started first.
func (m *Machines) GetExecutions(
	ctx context.Context, in *GetExecutionsIn,
) (*GetExecutionsOut, error) {
	if err := known(in.Machine); err != nil {
		return nil, err
	}
	list, next, err := m.engine.List(ctx, durable.Query{
		Machine: in.Machine, Status: workflow.Status(in.Status), After: in.Cursor, Limit: in.Limit,
	})
	if err != nil {
		return nil, explain(err)
	}
	out := &GetExecutionsOut{}
	out.Body.Items = make([]ExecutionLine, len(list))
	for i := range list {
		out.Body.Items[i] = lineOf(&list[i])
	}
	out.Body.Next = next
	return out, nil
}

// ExecutionIn names an execution.
type ExecutionIn struct {
	Machine string `path:"machine" pattern:"^[A-Za-z0-9._-]{1,80}$"`
	Name    string `path:"name"    pattern:"^[A-Za-z0-9._-]{1,80}$"`
}

func (in *ExecutionIn) id() string { return in.Machine + "/" + in.Name }

// ExecutionView is an execution as it stands.
type ExecutionView struct {
	Execution  string        `json:"execution"         doc:"machine/name"`
	Machine    string        `json:"machine"`
	Name       string        `json:"name"`
	Version    int           `json:"version"           doc:"of the machine"`
	Status     string        `json:"status"            enum:"RUNNING,SUCCEEDED,FAILED,TIMED_OUT,ABORTED"`
	StartedAt  time.Time     `json:"startedAt"`
	StoppedAt  time.Time     `json:"stoppedAt,omitzero"`
	Definition string        `json:"definition"        doc:"that it was started with"`
	Input      string        `json:"input"             doc:"JSON"`
	Output     string        `json:"output,omitempty"  doc:"JSON"`
	Error      string        `json:"error,omitempty"`
	Cause      string        `json:"cause,omitempty"`
	Redrives   int           `json:"redrives"`
	Records    int64         `json:"records"           doc:"of its history"`
	Calls      []AwaitedView `json:"calls,omitempty"   doc:"that were not answered yet" maxItems:"2000"`
	WakesAt    time.Time     `json:"wakesAt,omitzero"`
}

// AwaitedView is a call that was not answered yet.
type AwaitedView struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	Resource string `json:"resource"`
	Token    string `json:"token,omitempty" doc:"with which somebody has to answer it"`
}

// GetExecutionOut answers GET /v1/ops/executions/{machine}/{name}.
type GetExecutionOut struct{ Body ExecutionView }

// GetExecution answers GET /v1/ops/executions/{machine}/{name}.
func (m *Machines) GetExecution(ctx context.Context, in *ExecutionIn) (*GetExecutionOut, error) {
	v, err := m.view(ctx, in.id())
	if err != nil {
		return nil, err
	}
	return &GetExecutionOut{Body: *v}, nil
}

func (m *Machines) view(ctx context.Context, id string) (*ExecutionView, error) {
	d, err := m.engine.Describe(ctx, id)
	if err != nil {
		return nil, explain(err)
	}
	_, source, err := m.engine.Definition(ctx, d.Machine, d.Version)
	if err != nil {
		return nil, explain(err)
	}
	v := &ExecutionView{
		Execution: d.ID, Machine: d.Machine, Name: d.Name, Version: d.Version,
		Status: string(d.Status), StartedAt: d.Started, StoppedAt: d.Stopped,
		Definition: string(source), Input: workflow.Text(d.Input.Value), Redrives: d.Redrives,
		Records: d.Records, WakesAt: d.Next,
	}
	if d.Output != nil {
		v.Output = workflow.Text(d.Output.Value)
	}
	v.Error, v.Cause = partsOf(d.Failure)
	for _, c := range d.Calls {
		v.Calls = append(v.Calls, AwaitedView{c.ID, c.State, c.Resource, c.Token})
	}
	return v, nil
}

func partsOf(f *workflow.Failure) (code, cause string) {
	if f == nil {
		return "", ""
	}
	if f.Code != nil {
		code = *f.Code
	}
	if f.Cause != nil {
		cause = *f.Cause
	}
	return code, cause
}

// GetExecutionHistoryIn asks for a page of an execution's history.
type GetExecutionHistoryIn struct {
	Machine string `path:"machine" pattern:"^[A-Za-z0-9._-]{1,80}$"`
	Name    string `path:"name"    pattern:"^[A-Za-z0-9._-]{1,80}$"`
	After   int64  `query:"after"  minimum:"0" doc:"number of the last record of the page before"`
	Limit   int    `query:"limit"  minimum:"1" maximum:"1000" default:"100"`
}

// ExecutionRecord is one line of an execution's history.
type ExecutionRecord struct {
	Number    int64     `json:"number"`
	Type      string    `json:"type"`
	At        time.Time `json:"at"`
	State     string    `json:"state,omitempty"`
	Attempt   string    `json:"attempt,omitempty"   doc:"names the attempt; with the execution, the key of its call"`
	Input     string    `json:"input,omitempty"     doc:"JSON"`
	Output    string    `json:"output,omitempty"    doc:"JSON"`
	Variables string    `json:"variables,omitempty" doc:"JSON: what was assigned"`
	Error     string    `json:"error,omitempty"`
	Cause     string    `json:"cause,omitempty"`
	Index     int       `json:"index,omitempty"     doc:"of an iteration"`
}

// GetExecutionHistoryOut answers GET /v1/ops/executions/{machine}/{name}/history.
type GetExecutionHistoryOut struct {
	Body struct {
		Items []ExecutionRecord `json:"items" maxItems:"1000"`
		Next  int64             `json:"next,omitempty" doc:"after of the next page, if there may be one"`
	}
}

// errFull ends a reading of a history.
var errFull = errors.New("the page is full")

// GetExecutionHistory answers GET /v1/ops/executions/{machine}/{name}/history, from the beginning.
func (m *Machines) GetExecutionHistory(
	ctx context.Context, in *GetExecutionHistoryIn,
) (*GetExecutionHistoryOut, error) {
	out := &GetExecutionHistoryOut{}
	out.Body.Items = []ExecutionRecord{}
	id := (&ExecutionIn{in.Machine, in.Name}).id()
	err := m.engine.History(ctx, id, func(e durable.Entry) error {
		switch {
		case e.Number <= in.After:
			return nil
		case len(out.Body.Items) == in.Limit:
			out.Body.Next = e.Number - 1
			return errFull
		}
		out.Body.Items = append(out.Body.Items, recordOf(&e))
		return nil
	})
	if err != nil && !errors.Is(err, errFull) {
		return nil, explain(err)
	}
	return out, nil
}

func recordOf(e *durable.Entry) ExecutionRecord {
	r := ExecutionRecord{
		Number: e.Number, Type: e.Type, At: e.At, State: e.State, Attempt: e.ID, Index: e.Index,
	}
	if e.Input != nil {
		r.Input = workflow.Text(e.Input.Value)
	}
	if e.Output != nil {
		r.Output = workflow.Text(e.Output.Value)
	}
	if e.Variables != nil {
		r.Variables = workflow.Text(e.Variables)
	}
	r.Error, r.Cause = partsOf(e.Failure)
	return r
}

// explain puts the engine's refusals into the shop's words.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, durable.ErrExists):
		return shop.Errorf(shop.Conflict,
			"an execution of this name exists, with another input; nothing was started").
			WithHint("choose another name, or look at it: souk workflow describe")
	case errors.Is(err, durable.ErrNoTask):
		return shop.Errorf(shop.NotFound,
			"no task waits for this token any more; nothing was done").
			WithHint("it was answered, timed out or was stopped: souk workflow history shows which")
	case errors.Is(err, workflow.ErrNotRedrivable):
		return shop.Errorf(shop.Illegal,
			"only an execution that ended badly can be redriven; nothing was done")
	case errors.Is(err, platform.ErrNotFound):
		return shop.Errorf(shop.NotFound, "there is no such execution").
			WithHint("list those of a machine with: souk workflow list --machine NAME")
	case errors.Is(err, platform.ErrInvalid), errors.Is(err, platform.ErrTooLarge):
		return shop.Errorf(shop.Invalid, "%w", err)
	}
	return err
}

// parsed reads JSON that a request has as text.
func parsed(what, text string) (workflow.Value, error) {
	v, err := workflow.ParseValue([]byte(text))
	if err != nil {
		return nil, shop.Errorf(shop.Invalid, "the %s is not JSON; nothing was done", what).
			WithHint("it is JSON as a text, as in %s", json.RawMessage(`"{\"shipment\":\"shp_1\"}"`))
	}
	return v, nil
}

// orEmpty is what stands for a text that was left out.
func orEmpty(text, empty string) string {
	if strings.TrimSpace(text) == "" {
		return empty
	}
	return text
}
