package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/platform"
)

// FormatVersion is the layout of a data directory that this code reads and writes.
const FormatVersion = 1

// Options opens a platform. The zero value is a platform in memory.
type Options struct {
	Dir       string                     // "" keeps everything in memory
	FS        vfs.FS                     // nil is the disk, or memory when Dir is ""
	Clock     platform.Clock             // nil is the machine's
	Check     func(platform.Event) error // refuses an event that breaks its contract; may be nil
	Log       *slog.Logger               // nil is silent
	Chance    io.Reader                  // nil is the machine's; keys are made of it
	ReadOnly  bool                       // opens without delivering or writing, for checkers
	MinFree   uint64                     // bytes of disk below which all writes end; 0 is 64 MiB
	CacheSize int64                      // bytes of block cache; 0 is 32 MiB
	// Beside names files that others keep in Dir and that belong to the data: a backup copies each
	// that is there, as far as it goes after the store was copied, and Restore brings it back.
	Beside []string
}

// Platform is the embedded world. See platform.Platform for its methods.
type Platform struct {
	db    *pebble.DB
	fs    vfs.FS
	dir   string
	clock platform.Clock
	check func(platform.Event) error
	log   *slog.Logger

	mu        sync.Mutex
	overlay   overlay
	usual     size // of a group
	known     *known
	open      *group    // being collected
	writing   *group    // being written
	head      uint64    // last decided position
	lastTime  time.Time // of the event at head
	nextDue   time.Time // no timer is due before it; zero: none is set
	cursorsAt time.Time // when cursors were last put into a group
	closed    bool
	scratch   []byte // key under construction

	broken    atomic.Pointer[error] // why nothing of the disk can be trusted any more
	fatal     chan struct{}         // closed when broken is set
	full      atomic.Bool
	work      chan struct{} // a group waits
	writes    chan *group   // to Pebble; closed when the committer has ended
	written   chan error    // from Pebble, for each of writes
	before    int           // commits in the last group; the committer's
	key       []byte        // under construction by the committer
	encoded   []byte        // value under construction by the committer
	stop      chan struct{} // closed by Close
	committed chan struct{} // closed when the committer has ended
	filling   sync.WaitGroup
	flushes   chan struct{} // a memtable was written out
	readers   sync.RWMutex  // held for reading around every use of db
	gone      bool          // db is closed; under readers

	delivery *delivery
	stats    stats
	minFree  uint64
	readOnly bool
	marked   uint64 // number of the last mark
	beside   []string

	files  *files
	keys   *keys
	queues map[string]*queue // under mu
}

var _ platform.Platform = (*Platform)(nil)

// memTableBytes is the size at which a memtable is written out.
const memTableBytes = 32 << 20

// idleWait bounds every wait of the scheduler, so that nothing is missed for longer than that.
const idleWait = time.Second

// Open opens or makes a data directory. It recovers to the last durable commit. It fails with
// ErrInUse when another process has it open, ErrVersion when a newer Souk wrote it, and ErrCorrupt,
// naming the place, when the log is damaged before its last durable commit.
func Open(o Options) (*Platform, error) {
	p := newPlatform(o)
	for _, name := range o.Beside {
		if !mayStandBeside(name) {
			return nil, fmt.Errorf("%.100q is no name for a file beside the data: %w",
				name, platform.ErrInvalid)
		}
	}
	if err := p.prepare(o); err != nil {
		return nil, err
	}
	db, err := p.openPebble(p.path(storeDir), p.pebbleOptions(o))
	if err != nil {
		return nil, explainOpen(p.dir, err)
	}
	p.db = db
	if err := p.recover(o); err != nil {
		return nil, errors.Join(err, p.guard(db.Close))
	}
	go p.runCommitter() // ends in Close
	go p.runWriter()    // ends after the committer, or is left with a broken Pebble
	if !p.readOnly {
		p.filling.Add(2)
		go p.fillKnown() // ends in Close at the latest
		go p.settle()    // ends in Close
	}
	return p, nil
}

func (p *Platform) openPebble(dir string, opts *pebble.Options) (db *pebble.DB, err error) {
	err = p.guard(func() (err error) {
		db, err = pebble.Open(dir, opts)
		return err
	})
	return db, err
}

func newPlatform(o Options) *Platform {
	p := &Platform{
		fs: o.FS, dir: o.Dir, clock: o.Clock, check: o.Check, log: o.Log,
		overlay: newOverlay(), known: newKnown(), queues: make(map[string]*queue),
		work: make(chan struct{}, 1), writes: make(chan *group), written: make(chan error, 1),
		stop: make(chan struct{}), committed: make(chan struct{}),
		fatal: make(chan struct{}), flushes: make(chan struct{}, 1),
		minFree: o.MinFree, readOnly: o.ReadOnly, beside: o.Beside,
	}
	if p.fs == nil {
		p.fs = vfs.Default
		if p.dir == "" {
			p.fs = vfs.NewMem()
		}
	}
	if p.clock == nil {
		p.clock = SystemClock{}
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if p.minFree == 0 {
		p.minFree = 64 << 20
	}
	p.delivery = newDelivery(p)
	return p
}

// recover finds the end of the log and opens what stands on the store.
func (p *Platform) recover(o Options) error {
	if err := p.findHead(); err != nil {
		return explain(err)
	}
	if err := p.checkMark(); err != nil {
		return err
	}
	if err := p.findNextDue(); err != nil {
		return err
	}
	p.delivery.recovered(p.head)
	if o.Chance == nil {
		o.Chance = rand.Reader
	}
	err := p.checkKeys()
	if err != nil {
		return err
	}
	secret := &store{p: p, prefix: keysPrefix, strict: true}
	p.keys, err = newKeys(p.fs, p.path("keys"), secret, o.Chance)
	if err != nil {
		return err
	}
	if p.files, err = newFiles(p.fs, p.path("files")); err != nil {
		return err
	}
	p.files.sealed, p.keys.sealed = p.readOnly, p.readOnly
	if p.delivery.exceptions, err = p.loadFailures(tableException); err != nil {
		return err
	}
	return nil
}

// checkKeys refuses to read a directory whose making was interrupted before it had keys: they would
// have to be made.
func (p *Platform) checkKeys() error {
	if !p.readOnly {
		return nil
	}
	_, err := p.fs.Stat(p.fs.PathJoin(p.path(keysDir), keyringName))
	if isNotExist(err) && p.head == 0 {
		return fmt.Errorf("%s was never completed: %w", p.dir, platform.ErrNotFound)
	}
	return nil // whatever else is wrong, newKeys says it best
}

func (p *Platform) findHead() (err error) {
	it, err := p.db.NewIter(&pebble.IterOptions{
		LowerBound: []byte{tableLog}, UpperBound: []byte{tableLog + 1},
	})
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if !it.Last() {
		return it.Error()
	}
	e, err := decodeEvent(it.Value())
	if err != nil {
		return fmt.Errorf("the last event of the log: %w", err)
	}
	p.head, p.lastTime = decode64(it.Key()[1:]), e.Time
	return nil
}

func (p *Platform) findNextDue() error {
	lower := []byte{tableDue}
	return p.scan(context.Background(), lower, tableEnd(lower), false,
		func(key, _ []byte) (bool, error) {
			p.nextDue = timeOf(decode64(key[1:]))
			return false, nil
		})
}

// Files implements platform.Platform.
func (p *Platform) Files() platform.Files { return p.files }

// Keys implements platform.Platform.
func (p *Platform) Keys() platform.Keys { return p.keys }

// Delivery implements platform.Platform.
func (p *Platform) Delivery() platform.Delivery { return p.delivery }

// Queue implements platform.Platform.
func (p *Platform) Queue(name string, policy platform.QueuePolicy) (platform.Queue, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if q := p.queues[name]; q != nil {
		return q, nil
	}
	q, err := newQueue(&store{p: p, prefix: "~queue/", strict: true}, p.clock, name, policy)
	if err != nil {
		return nil, err
	}
	p.queues[name] = q
	return q, nil
}

// Features implements the optional interface that the conformance suite and the console read.
func (p *Platform) Features() platform.Features {
	return platform.Features{
		Name: "embedded", GlobalOrder: true, KeyOrder: true, Snapshot: true, AddsCommute: true,
		Durable: p.dir != "", TimerLateness: idleWait,
		MaxMessageBytes: platform.MaxItemBytes,
	}
}

// Close stops delivery, waits for handlers (at most their time-out), writes what was decided, and
// closes the store. A second Close does nothing.
func (p *Platform) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.mu.Unlock()
	p.delivery.shut()
	p.mu.Lock()
	p.closed = true
	for _, q := range p.queues {
		q.close()
	}
	p.mu.Unlock()
	close(p.stop)
	<-p.committed
	p.filling.Wait()
	p.readers.Lock()
	defer p.readers.Unlock()
	p.gone = true
	return p.closeDB()
}

// closeDB saves the cursors where the log was written last and closes Pebble.
func (p *Platform) closeDB() error {
	if p.failure() == nil && !p.readOnly {
		if err := p.delivery.saveAll(); err != nil {
			p.log.Warn("cursors were not saved; some events will be delivered again", "error", err)
		}
		if err := p.setMark(p.durableHead()); err != nil {
			p.log.Warn("the log was closed without a mark", "error", err)
		}
	}
	return p.guard(p.db.Close)
}

// enter keeps the store open until leave; false when it is closed.
func (p *Platform) enter() bool {
	p.readers.RLock()
	if p.gone {
		p.readers.RUnlock()
		return false
	}
	return true
}

func (p *Platform) leave() { p.readers.RUnlock() }

// durableHead is the position of the last event on disk.
func (p *Platform) durableHead() uint64 { return p.delivery.published.Load() }

// path names a file or folder of the data directory.
func (p *Platform) path(name string) string {
	if p.dir == "" {
		return "souk/" + name
	}
	return path.Join(p.dir, name)
}

func (p *Platform) pebbleOptions(o Options) *pebble.Options {
	cache := o.CacheSize
	if cache == 0 {
		cache = 32 << 20
	}
	cache += 3 * memTableBytes // Pebble takes the memory of its memtables out of the cache
	opts := &pebble.Options{
		FS:                          pebbleFS{p.fs, p},
		Logger:                      pebbleLog{p},
		ReadOnly:                    o.ReadOnly,
		CacheSize:                   cache,
		MemTableSize:                memTableBytes,
		MemTableStopWritesThreshold: 3,
		L0CompactionThreshold:       2 * maxDepth, // Pebble takes half of it
		L0CompactionFileThreshold:   maxLevel0,
		L0StopWritesThreshold:       stopDepth,
		LBaseMaxBytes:               256 << 20,
		FormatMajorVersion:          pebble.FormatNewest,
	}
	opts.Experimental.SpanPolicyFunc = splitByRegion
	opts.EventListener = &pebble.EventListener{
		FlushEnd: p.flushed,
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			p.log.Error("a stored block is damaged; restore a backup", "path", i.Path, "details",
				i.Details)
		},
	}
	opts.TargetFileSizes[0] = 8 << 20
	for i := 1; i < len(opts.TargetFileSizes); i++ {
		opts.TargetFileSizes[i] = 4 << 20
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		opts.Levels[i].BlockSize = 16 << 10
	}
	return opts
}

// isDamage recognises what Pebble says of a store in which something is missing or changed. Not all
// of it is marked as corruption.
func isDamage(err error) bool {
	return pebble.IsCorruptionError(err) || isNotExist(err) ||
		slices.ContainsFunc([]string{
			"object size mismatch", "not pristine", "name from file", "invalid options",
		}, func(words string) bool { return strings.Contains(err.Error(), words) })
}

// explainOpen says what a person can do about an error of Pebble's.
func explainOpen(dir string, err error) error {
	switch {
	case isLocked(err):
		return fmt.Errorf("%s is open in another process; stop that one first: %w", dir,
			platform.ErrInUse)
	case isDamage(err):
		return fmt.Errorf("%s is damaged; restore a backup: %w: %w", dir, platform.ErrCorrupt, err)
	}
	return fmt.Errorf("open %s: %w", dir, err)
}
