package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"path"
	"strings"
	"time"

	"github.com/souk-commerce/souk/workflow"
)

// workflowRun runs a machine from its beginning to its end, in memory.
type workflowRun struct {
	definitionFlags
	Input    string `help:"File with the input; {} if none is named." type:"path" placeholder:"FILE"`
	Mocks    string `help:"Mock configuration file, in the form of Step Functions Local." type:"path" placeholder:"FILE"`
	TestCase string `help:"Which test case of the file: its name, or MACHINE#NAME." placeholder:"NAME"`
	Objects  string `help:"Directory in which BUCKET/KEY are the objects that an ItemReader reads." type:"path" placeholder:"DIR"`
	NoWait   bool   `help:"Let time jump instead of waiting."`
	Trace    bool   `help:"Add the states entered, the variables and what each task was handed."`
}

// traced is what --trace adds.
type traced struct {
	path, calls workflow.Array
	vars        *workflow.Object
}

// Run implements the command.
func (c *workflowRun) Run(e *env) error {
	raw, options, err := c.read()
	if err != nil {
		return err
	}
	m, err := workflow.Parse(raw, options)
	if err != nil {
		return e.refused(err)
	}
	var input workflow.Value = &workflow.Object{}
	if c.Input != "" {
		if input, err = readValue(c.Input); err != nil {
			return err
		}
	}
	mocks := workflow.NewMocks(nil)
	if c.Mocks != "" {
		if raw, err = readFile(c.Mocks); err != nil {
			return err
		}
		if mocks, err = workflow.ParseMocks(raw, "", c.TestCase); err != nil {
			return misused("%w", err)
		}
	}
	t := &traced{vars: &workflow.Object{}}
	runner := &workflow.Runner{
		Machine: m, Env: worldEnv, Observe: t.observe,
		Do: func(cmd workflow.Command) (workflow.Value, error) { return c.do(cmd, mocks, t) },
	}
	if !c.NoWait {
		runner.Sleep = func(d time.Duration) { sleep(e.ctx, d) }
		do := runner.Do
		runner.Do = func(cmd workflow.Command) (workflow.Value, error) {
			if err := e.ctx.Err(); err != nil {
				return nil, err
			}
			return do(cmd)
		}
	}
	x, err := runner.Run(workflow.Execution{
		ID:   "arn:aws:states:local:000000000000:execution:machine:run",
		Name: "run", Machine: "machine",
		MachineID: "arn:aws:states:local:000000000000:stateMachine:machine",
		Role:      "arn:aws:iam::000000000000:role/local", Input: workflow.Data{Value: input},
	})
	if err != nil {
		return err
	}
	return c.tell(e, x, t)
}

// sleep waits, or ends early with the context; then what is waited for finds that out.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// worldEnv is the real world: its time, its chance.
func worldEnv() workflow.Env {
	return workflow.Env{Now: time.Now(), Random: mathrand.Float64, UUID: newUUID}
}

// newUUID makes a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (t *traced) observe(r workflow.Record) {
	if strings.HasSuffix(r.Type, "StateEntered") {
		t.path = append(t.path, r.State)
	}
	for i := range r.Variables.Len() {
		t.vars = t.vars.With(r.Variables.At(i))
	}
}

// do answers what the machine asks for: from the mocks, or for an ItemReader from the objects.
func (c *workflowRun) do(
	cmd workflow.Command, mocks *workflow.Mocks, t *traced,
) (workflow.Value, error) {
	if cmd.Kind == workflow.Call {
		t.calls = append(t.calls, workflow.NewObject("state", cmd.State, "input", cmd.Input))
	}
	v, failure, ok := mocks.Answer(cmd.State)
	switch {
	case ok && failure != nil:
		return nil, failure
	case ok:
		return v, nil
	case cmd.Kind == workflow.Read && c.Objects != "":
		return c.object(cmd)
	case cmd.Kind == workflow.Read:
		return nil, misused("state %q reads objects: name a directory of them with --objects", cmd.State)
	case cmd.Kind == workflow.Write:
		return written(cmd), nil
	}
	return nil, misused("state %q calls %s, and nothing was called: "+
		"give the state a response in a mock configuration file, with --mocks and --test-case",
		cmd.State, cmd.Resource)
}

// object reads BUCKET/KEY below the directory, and never outside of it.
func (c *workflowRun) object(cmd workflow.Command) (workflow.Value, error) {
	root, err := os.OpenRoot(c.Objects)
	if err != nil {
		return nil, misused("open the objects: %w", err)
	}
	defer root.Close()
	o, _ := cmd.Input.(*workflow.Object)
	text := func(name string) string {
		v, _ := o.Get(name)
		s, _ := v.(string)
		return s
	}
	bucket := text("Bucket")
	if strings.HasSuffix(cmd.Resource, ":listObjectsV2") {
		return listed(root, bucket, text("Prefix"))
	}
	raw, err := root.ReadFile(path.Join(bucket, text("Key")))
	if err != nil {
		return nil, workflow.NewFailure(workflow.ErrorItemReaderFailed,
			"there is no object "+path.Join(bucket, text("Key")))
	}
	return string(raw), nil
}

// listed lists the objects of a bucket as the service does.
func listed(root *os.Root, bucket, prefix string) (workflow.Value, error) {
	list := workflow.Array{}
	err := fs.WalkDir(root.FS(), bucket, func(name string, d fs.DirEntry, err error) error {
		key := strings.TrimPrefix(name, bucket+"/")
		if err != nil || d.IsDir() || !strings.HasPrefix(key, prefix) {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		list = append(list, workflow.NewObject("Etag", "", "Key", key,
			"LastModified", workflow.Int(info.ModTime().Unix()),
			"Size", workflow.Int(info.Size()), "StorageClass", "STANDARD"))
		return nil
	})
	if err != nil {
		return nil, workflow.NewFailure(workflow.ErrorItemReaderFailed, "there is no bucket "+bucket)
	}
	return list, nil
}

// written is the result of a Map whose results somebody has written away.
func written(cmd workflow.Command) workflow.Value {
	o, _ := cmd.Input.(*workflow.Object)
	v, _ := o.Get("Parameters")
	p, _ := v.(*workflow.Object)
	bucket, _ := p.Get("Bucket")
	prefix, _ := p.Get("Prefix")
	return workflow.NewObject("MapRunArn", "arn:aws:states:local:000000000000:mapRun:machine/run",
		"ResultWriterDetails", workflow.NewObject("Bucket", bucket,
			"Key", path.Join(fmt.Sprint(prefix), "run", "manifest.json")))
}

// tell prints what came of the execution.
func (c *workflowRun) tell(e *env, x *workflow.Execution, t *traced) error {
	members := []any{"status", string(x.Status)}
	if x.Output != nil {
		members = append(members, "output", x.Output.Value)
	}
	if f := x.Failure; f != nil {
		members = append(members, failureMembers(f)...)
	}
	if c.Trace {
		list := func(a workflow.Array) workflow.Array { return append(workflow.Array{}, a...) }
		members = append(members, "path", list(t.path), "variables", t.vars, "calls", list(t.calls))
	}
	if _, err := fmt.Fprintln(e.out, workflow.Text(workflow.NewObject(members...))); err != nil {
		return err
	}
	if x.Status != workflow.Succeeded {
		return errFound
	}
	return nil
}

func failureMembers(f *workflow.Failure) []any {
	var members []any
	if f.Code != nil {
		members = append(members, "error", *f.Code)
	}
	if f.Cause != nil {
		members = append(members, "cause", *f.Cause)
	}
	return members
}
