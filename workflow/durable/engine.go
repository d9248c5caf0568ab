package durable

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/workflow"
)

// The errors of this package's own. They are compared with errors.Is.
var (
	// ErrExists refuses to start another execution under a name that is taken.
	ErrExists = errors.New("an execution of this name exists, with another input or version")
	// ErrNoTask is for a token that belongs to no task which still waits: it was answered, timed
	// out or was stopped, or there never was one.
	ErrNoTask = errors.New("no task waits for this token any more")
	// ErrUnknownTask refuses a definition that names a task which nobody handed in.
	ErrUnknownTask = errors.New("the definition names a task that is not known here")
)

// Task carries out one call. It may be called more than once with the same Key and must then have
// its effect once. A [*workflow.Failure] is the task's own failure, which the machine may retry or
// catch; after any other error nobody knows what happened, and the same call is made again.
//
// For a resource with .waitForTaskToken the value is ignored: the task is over when somebody sends
// Call.Token back.
type Task func(ctx context.Context, c Call) (workflow.Value, error)

// Call is what a task is told.
type Call struct {
	Key       string // idempotency key: execution and attempt, the same however often it is made
	Execution string // its ID
	State     string
	Attempt   int // 0 for the first; another attempt has another Key
	Kind      workflow.CommandKind
	Resource  string
	Input     workflow.Value
	Token     string        // of tasks that wait for one
	Timeout   time.Duration // 0 for none; the execution goes on by itself when it is over

	// Event is the ID of the event that announced the call, for what follows from it; Correlation
	// and Trace are that event's.
	Event, Correlation, Trace string
}

// Options open an engine. Platform, Clock and Tasks are required.
type Options struct {
	Platform platform.Platform
	Clock    platform.Clock
	// Tasks are the resources by name: payment.refund for ${payment.refund}; an ARN, without the
	// suffix of its pattern, as it is.
	Tasks map[string]Task
	// Evaluator runs JSONata; see workflow.Options.
	Evaluator workflow.Evaluator
	// Pure says that no task has an effect outside the platform's store, or calls anybody who has:
	// each only reads, and commits. Then a call need not wait until the commit that announced it is
	// on disk, since what it commits comes later in the log; see platform.Subscription.
	Pure bool
	// Retry is how a call of unknown outcome is repeated. The zero value is the platform's default.
	Retry platform.Retry
}

// Engine runs executions. Safe for concurrent use, and next to other engines on the same platform.
type Engine struct {
	o     Options
	store platform.Store
	log   platform.History
	files platform.Files
	// One step of an execution at a time within this process: between processes, versions decide.
	// Where tasks are pure steps have turns, and otherwise lanes, in which they are made together.
	turns turns
	lanes lanes
	kept  kept
	ends  ends

	mu       sync.Mutex
	machines map[string]*workflow.Machine // by the digest of the definition
}

// room is the prefix of all that this package stores and announces.
const room = "workflow"

// New makes an engine and declares its two subscriptions, so it comes before the delivery's Start.
func New(o Options) (*Engine, error) {
	if o.Retry == (platform.Retry{}) {
		o.Retry = platform.DefaultRetry()
	}
	e := &Engine{
		o: o, store: o.Platform.Store(room), log: o.Platform.History(), files: o.Platform.Files(),
		machines: make(map[string]*workflow.Machine),
	}
	for _, s := range []platform.Subscription{
		{Name: "workflow.call-on-calling", Types: []string{typeCalling}, Handle: e.onCalling},
		{Name: "workflow.wake-on-due", Types: []string{typeDue}, Handle: e.onDue},
	} {
		s.Class, s.Retry, s.Pure = platform.Standard, o.Retry, o.Pure
		if err := o.Platform.Delivery().Subscribe(s); err != nil {
			return nil, fmt.Errorf("subscribe %s: %w", s.Name, err)
		}
	}
	return e, nil
}

// machineRecord is a machine's newest version, and each version by itself.
type machineRecord struct {
	Version    int    `json:"version"`
	Definition string `json:"definition"` // digest of the file
}

func machineKey(machine string, version int) platform.Key {
	k := platform.Key{Part: "machine/" + machine}
	if version > 0 {
		k.Sort = fmt.Sprintf("v%09d", version)
	}
	return k
}

// Define stores a definition as a machine's next version and answers its number; the definition
// that the newest version has already is not stored again. Executions that run keep theirs. It
// fails with a [*workflow.InvalidError] for a definition that is refused and with ErrUnknownTask
// for one that names other tasks than Options.Tasks; then nothing is changed.
func (e *Engine) Define(ctx context.Context, machine string, definition []byte) (int, error) {
	if err := checkName(machine); err != nil {
		return 0, fmt.Errorf("define machine %.100q: %w", machine, err)
	}
	m, err := workflow.Parse(definition, workflow.Options{Evaluator: e.o.Evaluator})
	if err != nil {
		return 0, fmt.Errorf("define machine %s: %w", machine, err)
	}
	if missing := e.missing(m.Source(), nil); len(missing) > 0 {
		return 0, fmt.Errorf("define machine %s: %s: %w",
			machine, strings.Join(missing, ", "), ErrUnknownTask)
	}
	digest, err := e.files.Put(ctx, bytes.NewReader(definition))
	if err != nil {
		return 0, fmt.Errorf("store the definition of %s: %w", machine, err)
	}
	for attempt := 0; ; attempt++ {
		version, err := e.define(ctx, machine, digest)
		if err == nil || attempt == maxAttempts || !retryable(err) {
			return version, err
		}
		if err := e.pause(ctx, attempt); err != nil {
			return 0, err
		}
	}
}

func (e *Engine) define(ctx context.Context, machine, digest string) (int, error) {
	head, found, err := e.machineOf(ctx, machine, 0)
	switch {
	case err != nil && !errors.Is(err, platform.ErrNotFound):
		return 0, err
	case err == nil && head.Definition == digest:
		return head.Version, nil
	}
	head = machineRecord{Version: head.Version + 1, Definition: digest}
	raw, err := encode(head)
	if err != nil {
		return 0, err
	}
	err = e.store.Commit(ctx, platform.Batch{Writes: []platform.Write{
		{Kind: platform.Put, Key: machineKey(machine, 0), Expect: found, Value: raw},
		{Kind: platform.Put, Key: machineKey(machine, head.Version), Value: raw},
	}})
	if err != nil {
		return 0, fmt.Errorf("define version %d of machine %s: %w", head.Version, machine, err)
	}
	return head.Version, nil
}

// machineOf reads a version of a machine, the newest for 0, and the version of its record.
func (e *Engine) machineOf(
	ctx context.Context, machine string, version int,
) (machineRecord, int64, error) {
	var r machineRecord
	rec, err := e.store.Get(ctx, machineKey(machine, version))
	if err != nil {
		return r, 0, fmt.Errorf("read version %d of machine %s: %w", version, machine, err)
	}
	return r, rec.Version, decode(rec.Value, &r)
}

// Definition answers a version of a machine, the newest for 0: its number and its text.
// platform.ErrNotFound where there is none.
func (e *Engine) Definition(
	ctx context.Context, machine string, version int,
) (number int, definition []byte, err error) {
	r, _, err := e.machineOf(ctx, machine, version)
	if err != nil {
		return 0, nil, err
	}
	definition, err = e.source(ctx, r.Definition)
	return r.Version, definition, err
}

// source reads a definition that was stored.
func (e *Engine) source(ctx context.Context, digest string) ([]byte, error) {
	f, err := e.files.Open(ctx, digest)
	if err != nil {
		return nil, fmt.Errorf("open definition %s: %w", digest, err)
	}
	raw, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read definition %s: %w", digest, err)
	}
	return raw, nil
}

// compiled is the machine of a definition that was stored.
func (e *Engine) compiled(ctx context.Context, digest string) (*workflow.Machine, error) {
	e.mu.Lock()
	m := e.machines[digest]
	e.mu.Unlock()
	if m != nil {
		return m, nil
	}
	raw, err := e.source(ctx, digest)
	if err != nil {
		return nil, err
	}
	if m, err = workflow.Parse(raw, workflow.Options{Evaluator: e.o.Evaluator}); err != nil {
		return nil, fmt.Errorf("compile definition %s: %w", digest, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.machines[digest] = m
	return m, nil
}

// missing collects the resources of Task states that have no task, wherever they are in a
// definition. A resource that an expression computes is found missing only when it is called.
func (e *Engine) missing(v workflow.Value, list []string) []string {
	switch v := v.(type) {
	case workflow.Array:
		for _, item := range v {
			list = e.missing(item, list)
		}
	case *workflow.Object:
		kind, _ := v.Get("Type")
		r, _ := v.Get("Resource")
		if resource, ok := r.(string); ok && kind == string(workflow.KindTask) &&
			!strings.HasPrefix(resource, "{%") {
			if called, _ := workflow.PatternOf(resource); e.task(called) == nil {
				list = append(list, resource)
			}
		}
		for i := range v.Len() {
			_, member := v.At(i)
			list = e.missing(member, list)
		}
	}
	return list
}

// task finds the task of a resource; nil if there is none.
func (e *Engine) task(resource string) Task {
	if name, ok := strings.CutPrefix(resource, "${"); ok {
		resource = strings.TrimSuffix(name, "}")
	}
	return e.o.Tasks[resource]
}

// env is what one step may know of the world: a time that is not before the cause of the step.
func (e *Engine) env(cause time.Time) workflow.Env {
	now := e.o.Clock.Now().UTC()
	if cause.After(now) {
		now = cause.UTC()
	}
	return workflow.Env{
		Now: now,
		Random: func() float64 {
			var b [8]byte
			_, _ = rand.Read(b[:]) // never fails
			return float64(binary.LittleEndian.Uint64(b[:])>>11) / (1 << 53)
		},
		UUID: func() string {
			var b [16]byte
			_, _ = rand.Read(b[:]) // never fails
			b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
			return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
		},
	}
}

// turns are the locks of executions, as long as somebody has or wants one.
type turns struct {
	mu   sync.Mutex
	held map[string]*turn
}

type turn struct {
	sync.Mutex
	n int // who have or want it
}

// take waits for the turn of an execution's, and returns how to give it back.
func (t *turns) take(id string) (giveBack func()) {
	t.mu.Lock()
	if t.held == nil {
		t.held = make(map[string]*turn)
	}
	one := t.held[id]
	if one == nil {
		one = &turn{}
		t.held[id] = one
	}
	one.n++
	t.mu.Unlock()
	one.Lock()
	return func() {
		one.Unlock()
		t.mu.Lock()
		defer t.mu.Unlock()
		if one.n--; one.n == 0 {
			delete(t.held, id)
		}
	}
}
