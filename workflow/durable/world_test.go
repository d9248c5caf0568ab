package durable_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/workflow"
	"github.com/souk-commerce/souk/workflow/durable"
)

// saga has everything that goes on by itself: tasks in a row, one that fails first and is tried
// again, one that fails and is caught, a wait, and four at once.
const saga = `{
	"StartAt": "Validate",
	"States": {
		"Validate": {"Type": "Task", "Resource": "${step}", "Next": "Authorise"},
		"Authorise": {"Type": "Task", "Resource": "${flaky}", "Next": "Pause",
			"Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "MaxAttempts": 2}]},
		"Pause": {"Type": "Wait", "Seconds": 5, "Next": "Refuse"},
		"Refuse": {"Type": "Task", "Resource": "${refuses}", "Next": "Lost",
			"Catch": [{"ErrorEquals": ["No"], "ResultPath": "$.no", "Next": "Notify"}]},
		"Lost": {"Type": "Fail"},
		"Notify": {"Type": "Parallel", "End": true, "Branches": [
			{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "${step}", "End": true}}},
			{"StartAt": "B", "States": {"B": {"Type": "Task", "Resource": "${step}", "End": true}}},
			{"StartAt": "C", "States": {"C": {"Type": "Task", "Resource": "${flaky}", "End": true,
				"Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1}]}}},
			{"StartAt": "D", "States": {"D": {"Type": "Task", "Resource": "${step}", "End": true}}}
		]}
	}
}`

// book is the world outside: the effects that tasks had, by key, and how often each was asked for.
type book struct {
	mu      sync.Mutex
	effects map[string]string // the answer, or the failure after a '!'
	calls   map[string]int
	tokens  map[string]string // by state
}

func newBook() *book {
	return &book{
		effects: make(map[string]string), calls: make(map[string]int),
		tokens: make(map[string]string),
	}
}

// copy is the book as it is now, with no calls counted.
func (b *book) copy() *book {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := newBook()
	c.effects, c.tokens = maps.Clone(b.effects), maps.Clone(b.tokens)
	return c
}

// do has a call's effect once, and answers every other call of the key as the first.
func (b *book) do(c durable.Call, failure string) (workflow.Value, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls[c.Key]++
	if c.Token != "" {
		b.tokens[c.State] = c.Token
	}
	if _, ok := b.effects[c.Key]; !ok {
		b.effects[c.Key] = c.State
		if failure != "" {
			b.effects[c.Key] = "!" + failure
		}
	}
	if failure != "" {
		return nil, workflow.NewFailure(failure, "as the test has it")
	}
	return workflow.NewObject("done", c.State, "input", c.Input), nil
}

func (b *book) token(state string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tokens[state]
}

func (b *book) tasks() map[string]durable.Task {
	return map[string]durable.Task{
		"step": func(_ context.Context, c durable.Call) (workflow.Value, error) {
			return b.do(c, "")
		},
		"flaky": func(_ context.Context, c durable.Call) (workflow.Value, error) {
			if c.Attempt == 0 {
				return b.do(c, "Busy")
			}
			return b.do(c, "")
		},
		"refuses": func(_ context.Context, c durable.Call) (workflow.Value, error) {
			return b.do(c, "No")
		},
		"arn:aws:states:::sqs:sendMessage": func(
			_ context.Context, c durable.Call,
		) (workflow.Value, error) {
			return b.do(c, "")
		},
	}
}

// world is a platform with an engine on it.
type world struct {
	t     *testing.T
	p     platform.Platform
	e     *durable.Engine
	clock *platformtest.Clock
	book  *book
}

type setup struct {
	fs     vfs.FS
	book   *book
	faults *platformtest.Faults
	tasks  map[string]durable.Task
	clock  *platformtest.Clock
	pure   bool
}

// open opens a world that does not deliver yet.
func open(t *testing.T, s setup) *world {
	t.Helper()
	if s.book == nil {
		s.book = newBook()
	}
	if s.clock == nil {
		s.clock = platformtest.NewClock(platformtest.Start())
	}
	if s.tasks == nil {
		s.tasks = s.book.tasks()
	}
	w := &world{t: t, clock: s.clock, book: s.book}
	o := embedded.Options{Clock: w.clock}
	if s.fs != nil {
		o.Dir, o.FS = "/souk", s.fs
	}
	p, err := embedded.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	w.p = p
	if s.faults != nil {
		w.p = platformtest.Wrap(p, *s.faults)
	}
	w.e, err = durable.New(durable.Options{
		Platform: w.p, Clock: w.clock, Tasks: s.tasks, Pure: s.pure,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) deliver() {
	w.t.Helper()
	if err := w.p.Delivery().Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() {
	w.t.Helper()
	if err := w.p.Close(); err != nil {
		w.t.Errorf("close: %v", err)
	}
}

// begin opens a world with one machine, that delivers until the test ends.
func begin(t *testing.T, machine string, s setup) *world {
	t.Helper()
	w := open(t, s)
	t.Cleanup(w.close)
	w.define("m", machine)
	w.deliver()
	return w
}

func (w *world) define(name, definition string) int {
	w.t.Helper()
	return patient(w, func() (int, error) {
		return w.e.Define(w.t.Context(), name, []byte(definition))
	})
}

func (w *world) start(name string) string {
	w.t.Helper()
	return patient(w, func() (string, error) {
		return w.e.Start(w.t.Context(), durable.Start{
			Machine: "m", Name: name, Input: workflow.NewObject("order", name),
		})
	})
}

// patient does something, and lets the time pass that a busy store makes it wait.
func patient[T any](w *world, do func() (T, error)) (got T) {
	w.t.Helper()
	done := make(chan error, 1)
	go func() { // ends with do, which the test waits for
		v, err := do()
		got = v
		done <- err
	}()
	var err error
	platformtest.Poll(w.t, func() bool {
		select {
		case err = <-done:
			return true
		default:
			w.clock.AdvanceToNext(30 * time.Millisecond)
			return false
		}
	}, func() string { return "the store stays busy" })
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

func (w *world) describe(id string) *durable.Description {
	w.t.Helper()
	d, err := w.e.Describe(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// until lets time pass until an execution is as wanted. Time jumps only to what somebody waits for,
// and not at every look, so that what can be done at a moment is mostly done in it.
func (w *world) until(id string, done func(*durable.Description) bool) *durable.Description {
	w.t.Helper()
	d, looks := w.describe(id), 0
	platformtest.Poll(w.t, func() bool {
		if d = w.describe(id); done(d) {
			return true
		}
		if looks++; looks%10 == 0 {
			w.clock.AdvanceToNext(time.Minute)
		}
		return false
	}, func() string { return fmt.Sprintf("%+v", d) })
	return d
}

func ended(d *durable.Description) bool { return d.Status != workflow.Running }

// history is an execution's history without its times, sorted by attempt: branches run in any
// order.
func (w *world) history(id string) []string {
	w.t.Helper()
	var lines []string
	last := int64(0)
	err := w.e.History(w.t.Context(), id, func(e durable.Entry) error {
		if e.Number != last+1 {
			return fmt.Errorf("record %d follows record %d", e.Number, last)
		}
		last, e.Number, e.At = e.Number, 0, time.Time{}
		raw, err := json.Marshal(e)
		lines = append(lines, string(raw))
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(lines)
	return lines
}

// noDead fails the test for every dead letter.
func (w *world) noDead() {
	w.t.Helper()
	for _, name := range []string{"workflow.call-on-calling", "workflow.wake-on-due"} {
		dead, err := w.p.Delivery().DeadLetters(w.t.Context(), name, "", 10)
		if err != nil || len(dead) > 0 {
			w.t.Errorf("%s: %v, %v", name, dead, err)
		}
	}
}

// effects are the keys of what was done, and how it ended.
func (b *book) outcome() map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.effects)
}
