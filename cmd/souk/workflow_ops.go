package main

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/souk-commerce/souk/app/machines"
	"github.com/souk-commerce/souk/workflow"
)

// workflowMachines lists the machines of a server.
type workflowMachines struct {
	Server serverFlags `embed:""`
}

// Run implements the command.
func (c *workflowMachines) Run(e *env) error {
	s, err := c.Server.open(e)
	if err != nil {
		return err
	}
	var page struct {
		Items []machines.MachineView `json:"items"`
	}
	if err := s.get(e.ctx, "/v1/ops/machines", &page); err != nil {
		return err
	}
	if e.json {
		return e.print(page)
	}
	t := &text{w: e.out}
	var rows [][]string
	for _, m := range page.Items {
		rows = append(rows, []string{m.Name, fmt.Sprint(m.Version)})
	}
	t.table([]string{"machine", ">version"}, rows)
	return t.err
}

// workflowStart starts an execution.
type workflowStart struct {
	Machine string        `required:"" help:"Which machine; see souk workflow machines."`
	Name    string        `required:"" help:"Of the execution: the same name and input start one, however often."`
	Input   string        `help:"The input, as JSON or a file; {} if none is named." placeholder:"JSON|FILE"`
	Version int           `help:"Of the machine; the newest if none is named."`
	Wait    time.Duration `help:"How long to wait for its end."`
	Server  serverFlags   `embed:""`
}

// Run implements the command.
func (c *workflowStart) Run(e *env) error {
	input, err := jsonText(c.Input)
	if err != nil {
		return err
	}
	s, err := c.Server.open(e)
	if err != nil {
		return err
	}
	var v machines.ExecutionView
	err = s.post(e.ctx, "/v1/ops/executions", map[string]any{
		"machine": c.Machine, "name": c.Name, "version": c.Version, "input": input,
	}, &v)
	for until := time.Now().Add(c.Wait); err == nil && v.Status == string(workflow.Running) &&
		time.Now().Before(until) && e.ctx.Err() == nil; {
		sleep(e.ctx, 200*time.Millisecond)
		err = s.get(e.ctx, executionPath(v.Execution), &v)
	}
	if err != nil {
		return err
	}
	if err := e.printExecution(&v); err != nil {
		return err
	}
	if c.Wait > 0 && v.Status != string(workflow.Succeeded) {
		return errFound
	}
	return nil
}

// jsonText is JSON that is written on the command line, or in the file that is named there.
func jsonText(s string) (string, error) {
	if s == "" {
		return "{}", nil
	}
	raw := []byte(s)
	if _, err := workflow.ParseValue(raw); err == nil {
		return s, nil
	}
	raw, err := os.ReadFile(s)
	if err != nil {
		return "", misused("%.100q is neither JSON nor a file that can be read: %w", s, err)
	}
	if _, err := workflow.ParseValue(raw); err != nil {
		return "", misused("read %s: it is not JSON: %w", s, err)
	}
	return string(raw), nil
}

// workflowList lists executions.
type workflowList struct {
	Machine string      `required:"" help:"Whose executions; see souk workflow machines."`
	Status  string      `enum:"RUNNING,SUCCEEDED,FAILED,TIMED_OUT,ABORTED," default:"" help:"Only those: ${enum}"`
	Limit   int         `default:"20" help:"How many, at most 100."`
	Cursor  string      `help:"Go on where the page before ended."`
	Server  serverFlags `embed:""`
}

// Run implements the command.
func (c *workflowList) Run(e *env) error {
	s, err := c.Server.open(e)
	if err != nil {
		return err
	}
	q := url.Values{"machine": {c.Machine}, "limit": {fmt.Sprint(c.Limit)}}
	if c.Status != "" {
		q.Set("status", c.Status)
	}
	if c.Cursor != "" {
		q.Set("cursor", c.Cursor)
	}
	var page struct {
		Items []machines.ExecutionLine `json:"items"`
		Next  string                   `json:"next,omitempty"`
	}
	if err := s.get(e.ctx, "/v1/ops/executions?"+q.Encode(), &page); err != nil {
		return err
	}
	if e.json {
		return e.print(page)
	}
	t := &text{w: e.out}
	var rows [][]string
	for _, x := range page.Items {
		ended := ""
		if !x.StoppedAt.IsZero() {
			ended = timeText(x.StoppedAt)
		}
		rows = append(rows, []string{x.Execution, x.Status, timeText(x.StartedAt), ended})
	}
	if len(rows) == 0 {
		t.line("no execution of %s", c.Machine)
		return t.err
	}
	t.table([]string{"execution", "status", "started", "ended"}, rows)
	if page.Next != "" {
		t.line("  more: --cursor %s", page.Next)
	}
	return t.err
}

// executionArg names an execution of a server.
type executionArg struct {
	Execution string      `arg:"" help:"MACHINE/NAME."`
	Server    serverFlags `embed:""`
}

// Validate refuses what names none.
func (c *executionArg) Validate() error { return checkExecution(c.Execution) }

// workflowDescribe says how an execution stands.
type workflowDescribe struct{ executionArg }

// Run implements the command.
func (c *workflowDescribe) Run(e *env) error {
	return c.tell(e, "", nil)
}

// tell shows the execution, or does something with it before.
func (c *executionArg) tell(e *env, act string, in any) error {
	s, err := c.Server.open(e)
	if err != nil {
		return err
	}
	var v machines.ExecutionView
	if act == "" {
		err = s.get(e.ctx, executionPath(c.Execution), &v)
	} else {
		err = s.post(e.ctx, executionPath(c.Execution)+act, in, &v)
	}
	if err != nil {
		return err
	}
	return e.printExecution(&v)
}

// workflowRedrive lets an execution go on.
type workflowRedrive struct{ executionArg }

// Run implements the command.
func (c *workflowRedrive) Run(e *env) error { return c.tell(e, "/redrive", nil) }

// workflowStop ends an execution.
type workflowStop struct {
	executionArg
	Error string `help:"Name of the error that it ends with."`
	Cause string `help:"Why, for people."`
}

// Run implements the command.
func (c *workflowStop) Run(e *env) error {
	return c.tell(e, "/stop", map[string]string{"error": c.Error, "cause": c.Cause})
}

// printExecution shows an execution, and what to do about it.
func (e *env) printExecution(v *machines.ExecutionView) error {
	if e.json {
		return e.print(v)
	}
	t := &text{w: e.out}
	t.line("%s   %s", v.Execution, v.Status)
	ended, wakes := "", ""
	if !v.StoppedAt.IsZero() {
		ended = timeText(v.StoppedAt)
	}
	if !v.WakesAt.IsZero() {
		wakes = timeText(v.WakesAt)
	}
	t.pairs("version", fmt.Sprint(v.Version), "started", timeText(v.StartedAt), "ended", ended,
		"input", v.Input, "output", v.Output, "error", v.Error, "cause", v.Cause,
		"wakes", wakes, "records", fmt.Sprint(v.Records))
	for _, c := range v.Calls {
		if c.Token == "" {
			t.line("  %s calls %s", c.State, c.Resource)
			continue
		}
		t.line("  %s waits for an answer; read its question with souk workflow history, then:",
			c.State)
		t.line("    souk workflow send-task-success %s --output JSON", c.Token)
	}
	if v.Status != string(workflow.Running) && v.Status != string(workflow.Succeeded) {
		t.line("  next: souk workflow history %s, then souk workflow redrive %s",
			v.Execution, v.Execution)
	}
	return t.err
}

// workflowHistory prints every step.
type workflowHistory struct{ executionArg }

// Run implements the command.
func (c *workflowHistory) Run(e *env) error {
	s, err := c.Server.open(e)
	if err != nil {
		return err
	}
	list := []machines.ExecutionRecord{}
	err = s.history(e.ctx, c.Execution, func(r machines.ExecutionRecord) error {
		list = append(list, r)
		return nil
	})
	if err != nil {
		return err
	}
	if e.json {
		return e.print(map[string]any{"items": list})
	}
	t := &text{w: e.out}
	for _, r := range list {
		t.line("%4d  %s  %-24s %s", r.Number, timeText(r.At), r.Type, r.State)
		for _, one := range [][2]string{
			{"in", r.Input}, {"out", r.Output}, {"assigned", r.Variables},
			{"failed", strings.TrimSpace(r.Error + " " + r.Cause)},
		} {
			if one[1] != "" {
				t.line("      %s %s", one[0], one[1])
			}
		}
	}
	return t.err
}

// workflowSuccess answers a task.
type workflowSuccess struct {
	Token  string      `arg:"" help:"The task's token; see souk workflow describe."`
	Output string      `help:"The answer, as JSON or a file; {} if none is named." placeholder:"JSON|FILE"`
	Server serverFlags `embed:""`
}

// Run implements the command.
func (c *workflowSuccess) Run(e *env) error {
	output, err := jsonText(c.Output)
	if err != nil {
		return err
	}
	return c.Server.send(e, "success", map[string]string{"token": c.Token, "output": output})
}

// workflowFailure lets a task fail.
type workflowFailure struct {
	Token  string      `arg:"" help:"The task's token; see souk workflow describe."`
	Error  string      `help:"Name of the error."`
	Cause  string      `help:"Why, for people."`
	Server serverFlags `embed:""`
}

// Run implements the command.
func (c *workflowFailure) Run(e *env) error {
	return c.Server.send(e, "failure",
		map[string]string{"token": c.Token, "error": c.Error, "cause": c.Cause})
}

func (f *serverFlags) send(e *env, how string, in any) error {
	s, err := f.open(e)
	if err != nil {
		return err
	}
	if err := s.post(e.ctx, "/v1/ops/tasks/"+how, in, nil); err != nil {
		return err
	}
	if e.json {
		return e.print(map[string]bool{"sent": true})
	}
	e.say("the task is answered")
	return nil
}
