package platformtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// Adapter is what the suite must know of the adapter that it tests.
type Adapter struct {
	// Features is what the adapter declares; it is all that the suite lets differ.
	Features platform.Features
	// Open opens a platform. It need not close it: the suite does.
	Open func(t *testing.T, o Options) platform.Platform
	// OwnTime says that the adapter cannot live by Options.Clock. The suite then waits in real time
	// wherever it would move the clock.
	OwnTime bool
	// Unit is the shortest time that the adapter can tell from nothing, under OwnTime: a service
	// that counts in seconds hides a message for no less. 0 is 300 ms.
	Unit time.Duration

	// Patience is how long the suite waits for what is to happen at an adapter that is slow to ask,
	// and a thousandth of it how often it asks. 0 is half a minute, and all the time.
	Patience time.Duration

	only string // the one trial to run; "" is all of them
}

// Options is how the suite wants a platform to be opened.
type Options struct {
	// Place identifies the data: a platform that is opened at the same place again, after it was
	// closed, finds what was stored. It is an empty directory, which the adapter may use, or take
	// as a mere name.
	Place string
	// Clock is the time that the platform lives by, unless Adapter.OwnTime.
	Clock platform.Clock
	// Check refuses events that break their contract.
	Check func(platform.Event) error
}

// Run tests that the adapter keeps what package platform promises. Every subtest has a platform of
// its own, or several.
func Run(t *testing.T, a Adapter) {
	for _, s := range sections() {
		t.Run(s.name, func(t *testing.T) { s.run(t, a) })
	}
}

// RunSections runs some sections of the suite, or trials of one, such as "Store" and
// "Reopening/Timers": for an adapter whose ports come one by one, and for a store that is tried by
// itself.
func RunSections(t *testing.T, a Adapter, names ...string) {
	all := sections()
	for _, name := range names {
		of, trial, _ := strings.Cut(name, "/")
		i := slices.IndexFunc(all, func(s section) bool { return s.name == of })
		if i < 0 {
			t.Fatalf("the suite has no section %q", of)
		}
		a.only = trial
		t.Run(of, func(t *testing.T) { all[i].run(t, a) })
	}
}

type section struct {
	name string
	run  func(t *testing.T, a Adapter)
}

func sections() []section {
	return []section{
		{"Store", runStore}, {"Caller", runCaller}, {"Limits", runLimits}, {"List", runList},
		{"Rooms", runRooms}, {"Concurrency", runConcurrency}, {"Model", runModel},
		{"History", runHistory}, {"Delivery", runDelivery}, {"Patterns", runPatterns},
		{"Ordered", runOrdered},
		{"Pure", runPure}, {"Failures", runFailures}, {"Operation", runOperation},
		{"Timers", runTimers}, {"Queue", runQueue}, {"Files", runFiles}, {"Keys", runKeys},
		{"Reopening", runReopening},
	}
}

// trial is one named subtest. The comment above each trial function states its goal and method.
type trial struct {
	name string
	run  func(t *testing.T, w *world)
}

// runTrials runs every trial in parallel on a world of its own.
func runTrials(t *testing.T, a Adapter, trials []trial) {
	t.Helper()
	known := func(tr trial) bool { return tr.name == a.only }
	if a.only != "" && !slices.ContainsFunc(trials, known) {
		t.Fatalf("the section has no trial %q", a.only)
	}
	for _, tr := range trials {
		if a.only != "" && tr.name != a.only {
			continue
		}
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			tr.run(t, newWorld(t, a))
		})
	}
}

// world is a platform under test, with the time that it lives by.
type world struct {
	a     Adapter
	p     platform.Platform
	clock platform.Clock
	still *Clock // nil under OwnTime
	o     Options
	ids   atomic.Int64
}

// errBroken is what the check of the suite's worlds says of an event that has broken in its data.
var errBroken = errors.New("the suite's contract is broken")

const broken = `"broken"`

func newWorld(t *testing.T, a Adapter) *world {
	t.Helper()
	w := &world{a: a}
	if a.OwnTime {
		w.clock = RealClock{}
	} else {
		w.still = NewClock(Start())
		w.clock = w.still
	}
	w.o = Options{Place: t.TempDir(), Clock: w.clock, Check: func(e platform.Event) error {
		if string(e.Data) == broken {
			return errBroken
		}
		return nil
	}}
	w.p = a.Open(t, w.o)
	t.Cleanup(func() {
		if err := w.p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return w
}

// reopen closes the platform and opens it at the same place.
func (w *world) reopen(t *testing.T) {
	t.Helper()
	if err := w.p.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	w.p = w.a.Open(t, w.o)
}

// pass lets d pass by the platform's clock.
func (w *world) pass(d time.Duration) {
	if w.still != nil {
		w.still.Advance(d)
		return
	}
	<-time.After(d)
}

// span is a time long enough to be told from nothing: long on a still clock, short on a real one.
func (w *world) span(units int) time.Duration {
	if w.still != nil {
		return time.Duration(units) * time.Minute
	}
	if w.a.Unit > 0 {
		return time.Duration(units) * w.a.Unit
	}
	return time.Duration(units) * 300 * time.Millisecond
}

// poll waits as patiently as the adapter needs it.
func (w *world) poll(t *testing.T, done func() bool, why func() string) {
	t.Helper()
	if w.a.Patience == 0 {
		Poll(t, done, why)
		return
	}
	poll(t, w.a.Patience, w.a.Patience/1000, done, why)
}

// soon is how far until moves a still clock at once: to the next attempt of a trial's subscription,
// but to none of its timers.
const soon = 100 * time.Millisecond

// until waits for done. A still clock is moved on to the next moment that somebody waits for soon.
func (w *world) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	w.poll(t, func() bool {
		if done() {
			return true
		}
		if w.still != nil {
			w.still.AdvanceToNext(soon)
		}
		return false
	}, func() string { return "waited in vain for " + what })
}

// untilFired waits for done, which timers that are due bring about. A still clock is moved as far
// as the adapter may be late, and no farther.
func (w *world) untilFired(t *testing.T, what string, done func() bool) {
	t.Helper()
	began := w.clock.Now()
	w.poll(t, func() bool {
		if done() {
			return true
		}
		if w.still != nil {
			w.still.AdvanceToNext(w.a.Features.TimerLateness - w.still.Now().Sub(began))
		}
		return false
	}, func() string { return "waited in vain for " + what })
}

// The events of the suite belong to the room "alpha", a few to "beta".
const (
	typeA    = "souk.alpha.happened.v1"
	typeB    = "souk.alpha.changed.v1"
	typeRang = "souk.alpha.rang.v1"
	typeBeta = "souk.beta.happened.v1"
)

// event makes an event with every field set.
func (w *world) event(typ, subject string, seq int64) platform.Event {
	n := w.ids.Add(1)
	return platform.Event{
		ID: fmt.Sprintf("evt-%d", n), Type: typ, Subject: subject, Sequence: seq,
		Correlation: fmt.Sprintf("corr-%d", n), Causation: fmt.Sprintf("cause-%d", n),
		Idempotency: fmt.Sprintf("idem-%d", n),
		TraceParent: fmt.Sprintf("00-%032x-%016x-01", n, n),
		Data:        fmt.Appendf(nil, `{"n":%d}`, n),
	}
}

func (w *world) alpha() platform.Store { return w.p.Store("alpha") }

// commit commits to alpha and fails the test if that fails.
func (w *world) commit(t *testing.T, b platform.Batch) {
	t.Helper()
	if err := retry(t.Context(), w.alpha(), b); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

// announce commits one event to alpha.
func (w *world) announce(t *testing.T, events ...platform.Event) {
	t.Helper()
	for _, e := range events {
		w.commit(t, platform.Batch{Events: []platform.Event{e}})
	}
}

// try commits to alpha, again while the store asks for patience, and returns the outcome.
func (w *world) try(t *testing.T, b platform.Batch) error {
	return retry(t.Context(), w.alpha(), b)
}

// retry commits, again while the store asks for patience.
func retry(ctx context.Context, s platform.Store, b platform.Batch) error {
	var err error
	for range 100 {
		if err = s.Commit(ctx, b); !errors.Is(err, platform.ErrThrottled) {
			return err
		}
	}
	return err
}

// wantError requires an error that says for certain that nothing happened, of one of the kinds.
func wantError(t *testing.T, what string, err error, kinds ...error) {
	t.Helper()
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return
		}
	}
	t.Errorf("%s: the error is %v, want one of %v", what, err, kinds)
}

func put(part, sort, value string, expect int64, moves ...platform.Move) platform.Write {
	return platform.Write{
		Kind: platform.Put, Key: platform.Key{Part: part, Sort: sort}, Expect: expect,
		Value: []byte(value), Moves: moves, Object: value,
	}
}

func add(part, sort string, expect int64, moves ...platform.Move) platform.Write {
	return platform.Write{
		Kind: platform.Add, Key: platform.Key{Part: part, Sort: sort}, Expect: expect, Moves: moves,
	}
}

func remove(part, sort string, expect int64) platform.Write {
	return platform.Write{
		Kind: platform.Delete, Key: platform.Key{Part: part, Sort: sort}, Expect: expect,
	}
}

func check(part, sort string, expect int64) platform.Write {
	return platform.Write{
		Kind: platform.Check, Key: platform.Key{Part: part, Sort: sort}, Expect: expect,
	}
}

func move(counter string, delta, floor int64) platform.Move {
	return platform.Move{Counter: counter, Delta: delta, Floor: floor}
}

func writes(w ...platform.Write) platform.Batch { return platform.Batch{Writes: w} }

// log reads the whole log.
func (w *world) log(t *testing.T) []platform.Event {
	t.Helper()
	var all []platform.Event
	err := w.p.History().Log(t.Context(), "", func(_ string, e platform.Event) error {
		all = append(all, e)
		return nil
	})
	if err != nil {
		t.Fatalf("read the log: %v", err)
	}
	return all
}

// sameObject reports whether a record has no object, or the one that was written with its value.
func sameObject(rec platform.Record) bool {
	return rec.Object == nil || rec.Object == string(rec.Value)
}

// wantRecord requires a record of alpha, with exactly these counters; version 0 requires that there
// is none.
func (w *world) wantRecord(
	t *testing.T, part, sort string, version int64, value string, counters map[string]int64,
) {
	t.Helper()
	rec, err := w.alpha().Get(t.Context(), platform.Key{Part: part, Sort: sort})
	if version == 0 {
		if !errors.Is(err, platform.ErrNotFound) {
			t.Errorf("%q/%q: got %+v, %v; want that it is not found", part, sort, rec, err)
		}
		return
	}
	if err != nil {
		t.Errorf("%q/%q: %v", part, sort, err)
		return
	}
	if rec.Key != (platform.Key{Part: part, Sort: sort}) || rec.Version != version ||
		string(rec.Value) != value || !sameCounters(rec.Counters, counters) || !sameObject(rec) {
		t.Errorf("%q/%q: got version %d, value %.60q, counters %.60s; want %d, %.60q, %.60s",
			part, sort, rec.Version, rec.Value, fmt.Sprint(rec.Counters),
			version, value, fmt.Sprint(counters))
	}
}

func sameCounters(a, b map[string]int64) bool {
	if len(a) != len(b) {
		return false
	}
	for name, n := range a {
		if m, ok := b[name]; !ok || m != n {
			return false
		}
	}
	return true
}
