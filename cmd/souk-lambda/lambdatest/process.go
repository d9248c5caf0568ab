package lambdatest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// ErrExited says that a process ended in the middle of an invocation, without a word.
var ErrExited = errors.New("the process ended before it answered")

// Function is a deployed function: a binary with its environment. Its processes are started when
// they are needed; it has one at a time, so invocations take turns. Safe for concurrent use.
type Function struct {
	Binary  string
	Env     []string // NAME=value, the whole of it
	Timeout time.Duration
	Log     io.Writer // what processes write; nil drops it

	mu      sync.Mutex
	count   int
	starts  int
	api     *runtimeAPI
	process *os.Process
	exited  chan struct{}
}

// Invoke has one payload handled, by the process that is there or by a new one. When the deadline
// passes, the process is killed, as the service does.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ensure(); err != nil {
		return nil, err
	}
	deadline := time.Now().Add(f.Timeout)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	f.count++
	o := f.api.hand(ctx, invocation{
		id: "00000000-0000-4000-8000-" + fmt.Sprintf("%012d", f.count), payload: payload,
		deadline: deadline, done: make(chan outcome, 1),
	}, f.exited)
	if ctx.Err() != nil {
		f.drop(syscall.SIGKILL)
	}
	return o.answer, o.err
}

// Starts is how many processes there have been.
func (f *Function) Starts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.starts
}

// Process is the id of the process that is there, or 0. It waits for an invocation under way.
func (f *Function) Process() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.process == nil {
		return 0
	}
	return f.process.Pid
}

// Close asks the process to end, and waits for it.
func (f *Function) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.process != nil {
		f.drop(syscall.SIGTERM)
	}
}

// ensure starts a process if there is none, or if the one that there was has ended.
func (f *Function) ensure() error {
	if f.process != nil {
		select {
		case <-f.exited:
			f.drop(syscall.SIGKILL)
		default:
			return nil
		}
	}
	api, err := serveRuntime()
	if err != nil {
		return err
	}
	cmd := exec.Command(f.Binary)
	cmd.Env = append([]string{"AWS_LAMBDA_RUNTIME_API=" + api.address()}, f.Env...)
	cmd.Stderr = f.Log
	if err := cmd.Start(); err != nil {
		api.close()
		return fmt.Errorf("start %s: %w", f.Binary, err)
	}
	exited := make(chan struct{})
	go func() { // ends with the process
		_ = cmd.Wait() // how it ended is said by what it answered
		close(exited)
	}()
	f.api, f.process, f.exited = api, cmd.Process, exited
	f.starts++
	return nil
}

// drop ends the process and forgets it.
func (f *Function) drop(signal syscall.Signal) {
	_ = f.process.Signal(signal) // it may have ended by itself
	<-f.exited
	f.api.close()
	f.process, f.api = nil, nil
}

// Environment makes the variables of a function from pairs of name and value.
func Environment(pairs ...string) []string {
	var env []string
	for i := 0; i+1 < len(pairs); i += 2 {
		env = append(env, pairs[i]+"="+pairs[i+1])
	}
	return env
}
