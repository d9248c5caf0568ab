// Package crashtest cuts the power at every write. It runs a script on a file system in memory that
// knows which bytes were synced, and at each write, sync, rename or removal keeps what a crash at
// that instant would leave: nothing that was not synced, all of it, or a random half. Each of these
// is then opened and checked.
//
// It also makes every single file operation fail in turn. Tests of embedded, of the app and of cmd
// use it; it knows no business.
package crashtest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// Log is what a script was told for certain, in order. A check compares it with what survived.
type Log struct {
	mu    sync.Mutex
	acked []string
}

// Ack notes that something is promised: from here on every crash must preserve it.
func (l *Log) Ack(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked = append(l.acked, what)
}

// All returns what was acknowledged so far.
func (l *Log) All() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.acked[:len(l.acked):len(l.acked)]
}

// Crash is one moment: the file system that it left, and what had been acknowledged before it.
type Crash struct {
	Index   int    // of the write operation before which the power was cut
	Op      string // that operation
	Percent int    // of the unsynced blocks that survived
	FS      *vfs.MemFS
	Acked   []string
	Beside  any // what Options.Beside returned
}

// String names the moment.
func (c Crash) String() string {
	return fmt.Sprintf("crash before write %d (%s), %d%% of what was not synced survived",
		c.Index, c.Op, c.Percent)
}

// Options bound a campaign.
type Options struct {
	Every    int // keep every n-th moment; 0 or 1 keeps all
	Offset   int // of the first of them, below Every
	Percents []int
	Seed     uint64
	// Beside returns what does not crash with the file system, as it is at the moment: the books
	// of somebody outside. It is called before the file system is copied, while no write begins:
	// what it returns is at least as new as all that the copy knows of it, and holds nothing that
	// follows from what the copy has lost. It must not touch the file system; it may be nil.
	Beside func() any
}

// Everywhere runs script once and check for every moment that was kept. It fails the test if no
// moment was.
func Everywhere(
	t *testing.T, o Options, script func(fs vfs.FS, log *Log), check func(t *testing.T, c Crash),
) {
	t.Helper()
	Over(t, vfs.NewCrashableMem(), o, script, check)
}

// Over is Everywhere on a file system that has something in it already, such as what an earlier
// crash left.
func Over(
	t *testing.T, mem *vfs.MemFS, o Options, script func(fs vfs.FS, log *Log),
	check func(t *testing.T, c Crash),
) {
	t.Helper()
	if o.Percents == nil {
		o.Percents = []int{0, 50, 100}
	}
	log := &Log{}
	rec := &recorder{o: o, mem: mem, log: log, chance: rand.New(rand.NewPCG(o.Seed, 1))}
	script(errorfs.Wrap(mem, errorfs.InjectorFunc(rec.before)), log)
	if len(rec.kept) == 0 {
		t.Fatal("the script wrote nothing, so nothing was tried")
	}
	for _, c := range rec.kept {
		check(t, c)
		if t.Failed() {
			t.Fatalf("after: %s; acknowledged: %d", c, len(c.Acked))
		}
	}
	t.Logf("%d crashes at %d writes", len(rec.kept), rec.n)
}

// recorder keeps a clone of the file system before each write.
type recorder struct {
	o      Options
	mem    *vfs.MemFS
	log    *Log
	chance *rand.Rand

	mu   sync.Mutex
	n    int
	kept []Crash
}

// before is called before every file operation and lets it pass.
func (r *recorder) before(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	if r.o.Every > 1 && r.n%r.o.Every != r.o.Offset {
		return nil
	}
	var beside any
	if r.o.Beside != nil {
		beside = r.o.Beside()
	}
	for _, percent := range r.o.Percents {
		acked := r.log.All() // before the clone: what is promised by now must be in it
		r.kept = append(r.kept, Crash{
			Index: r.n, Op: fmt.Sprintf("%d of %s", op.Kind, op.Path), Percent: percent,
			Acked: acked, Beside: beside,
			FS: r.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: r.chance}),
		})
	}
	return nil
}

// Failing runs script once for every file operation that writes, with that one operation failing,
// until a run makes none fail; then check looks at what is left. The script must end by itself
// whatever fails. At most limit runs; 0 is no limit.
func Failing(
	t *testing.T, limit int, script func(fs vfs.FS, log *Log), check func(t *testing.T, c Crash),
) {
	t.Helper()
	FailingSome(t, Failures{Limit: limit}, script, check)
}

// Failures bound a campaign of failing operations.
type Failures struct {
	Limit  int  // of runs; 0 is no limit
	Every  int  // only every n-th operation fails; 0 or 1 is all
	Offset int  // the first that fails
	Reads  bool // reading fails too, not only writing
}

// FailingSome is Failing for some of the operations, or for more kinds of them.
func FailingSome(
	t *testing.T, o Failures, script func(fs vfs.FS, log *Log),
	check func(t *testing.T, c Crash),
) {
	t.Helper()
	for n := 0; o.Limit == 0 || n < o.Limit; n++ {
		c := failOne(o.Offset+n*max(o.Every, 1), o.Reads, script)
		if c.Op == "" {
			t.Logf("%d operations were made to fail", n)
			return
		}
		check(t, c)
		if t.Failed() {
			t.Fatalf("after: %s; acknowledged: %d", c, len(c.Acked))
		}
	}
}

// failOne runs script with its k-th operation failing, and returns what a crash right after it
// would leave. Op is empty when the script ended before it.
func failOne(k int, reads bool, script func(fs vfs.FS, log *Log)) Crash {
	mem, log := vfs.NewCrashableMem(), &Log{}
	var mu sync.Mutex
	hit := ""
	index := errorfs.OnIndex(int32(k))
	script(errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !reads && op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
			return nil
		}
		err := index.MaybeError(op)
		if err != nil {
			mu.Lock()
			hit = fmt.Sprintf("failed: %d of %s", op.Kind, op.Path)
			mu.Unlock()
		}
		return err
	})), log)
	mu.Lock()
	defer mu.Unlock()
	return Crash{
		Index: k, Op: hit, FS: mem.CrashClone(vfs.CrashCloneCfg{}), Acked: log.All(),
	}
}
