package embedded

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/souk-commerce/souk/platform"
)

// promises is what callers were told has happened.
type promises struct {
	boxes      map[string][]byte // by person
	erased     []string
	signatures map[string][]byte // by key id
	files      map[string]string // content by digest
	sent       []string          // ids in the queue
	deleted    []string          // ids that were in the queue
}

func (p promises) clone() promises {
	return promises{
		maps.Clone(p.boxes), slices.Clone(p.erased), maps.Clone(p.signatures),
		maps.Clone(p.files), slices.Clone(p.sent), slices.Clone(p.deleted),
	}
}

// crash is a disk as a crash left it, and what had been promised by then.
type crash struct {
	disk *vfs.MemFS
	promises
}

// crasher takes a crash before every change of the disk.
type crasher struct {
	mu      sync.Mutex
	disk    *vfs.MemFS
	rng     *rand.Rand
	now     promises
	crashes []crash
}

// MaybeError implements errorfs.Injector. It never injects an error.
func (c *crasher) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsRead {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	disk := c.disk.CrashClone(vfs.CrashCloneCfg{
		UnsyncedDataPercent: []int{0, 50, 100}[c.rng.IntN(3)], RNG: c.rng,
	})
	c.crashes = append(c.crashes, crash{disk: disk, promises: c.now.clone()})
	return nil
}

// String implements errorfs.Injector.
func (c *crasher) String() string { return "crash before every change" }

func (c *crasher) promise(fn func(p *promises)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn(&c.now)
}

// Goal: a crash at any moment loses nothing that keys, files or the queue said was done, and the
// directory opens again. Method: a script over a file system that forgets what was not synced; a
// copy as a crash would leave it is taken before every single change of the disk, then each is
// opened and asked for everything that had been promised by then.
func TestCrashLosesNoPromise(t *testing.T) {
	t.Parallel()
	c := &crasher{disk: vfs.NewCrashableMem(), rng: rand.New(rand.NewPCG(1, 1)), now: promises{
		boxes: map[string][]byte{}, signatures: map[string][]byte{}, files: map[string]string{},
	}}
	p, err := Open(Options{Dir: "souk", FS: errorfs.Wrap(c.disk, c)})
	if err != nil {
		t.Fatal(err)
	}
	q, err := p.Queue("orders", testPolicy())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		c.script(t, p, q, i)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if len(c.crashes) < 100 {
		t.Errorf("only %d crashes were tried", len(c.crashes))
	}
	for i, crash := range c.crashes {
		if err := crash.check(t); err != nil {
			t.Errorf("crash %d of %d: %v", i, len(c.crashes), err)
		}
	}
}

// script does one of everything.
func (c *crasher) script(t *testing.T, p *Platform, q platform.Queue, i int) {
	ctx, person, text := t.Context(), fmt.Sprint("person", i), fmt.Sprint("text", i)
	box := mustSeal(t, p.Keys(), person, person)
	c.promise(func(p *promises) { p.boxes[person] = box })
	digest, err := p.Files().Put(ctx, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c.promise(func(p *promises) { p.files[digest] = text })
	sig, id, err := p.Keys().Sign(ctx, []byte("token"))
	if err != nil {
		t.Fatal(err)
	}
	c.promise(func(p *promises) { p.signatures[id] = sig })
	send(t, q, text, 0)
	c.promise(func(p *promises) { p.sent = append(p.sent, text) })
	switch i % 3 {
	case 0:
		c.promise(func(p *promises) { delete(p.boxes, person) }) // from now on it may be gone
		if err := p.Keys().Erase(ctx, person); err != nil {
			t.Fatal(err)
		}
		c.promise(func(p *promises) { p.erased = append(p.erased, person) })
	case 1:
		if _, err := p.keys.Rotate(ctx); err != nil {
			t.Fatal(err)
		}
	case 2:
		got := receive(t, q)
		c.promise(func(p *promises) {
			p.sent = slices.DeleteFunc(p.sent, func(id string) bool { return id == got[0].ID })
		})
		if err := q.Delete(ctx, got[0].Receipt); err != nil {
			t.Fatal(err)
		}
		c.promise(func(p *promises) { p.deleted = append(p.deleted, got[0].ID) })
	}
}

// check opens the disk and asks for what was promised.
func (c *crash) check(t *testing.T) (err error) {
	p, err := Open(Options{Dir: "souk", FS: c.disk})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	ctx := t.Context()
	for person, box := range c.boxes {
		if plain, err := p.Keys().Open(ctx, person, box); err != nil || string(plain) != person {
			return fmt.Errorf("opened %q: %w", plain, err)
		}
	}
	for _, person := range c.erased {
		if _, err := p.Keys().Seal(ctx, person, nil); !errors.Is(err, platform.ErrErased) {
			return fmt.Errorf("%s is no longer erased: %w", person, err)
		}
	}
	public, err := p.Keys().PublicKeys(ctx)
	if err != nil {
		return err
	}
	for id, sig := range c.signatures {
		if public[id] == nil || !ed25519.Verify(public[id], []byte("token"), sig) {
			return fmt.Errorf("the signature of %s no longer verifies", id)
		}
	}
	for digest, want := range c.files {
		if got, err := readFile(t, p.Files(), digest); err != nil || got != want {
			return fmt.Errorf("file %s is %q: %w", digest, got, err)
		}
	}
	if mustSeal(t, p.Keys(), "new", "x") == nil {
		return errors.New("the keys are no longer usable")
	}
	return c.checkQueue(t, p)
}

func (c *crash) checkQueue(t *testing.T, p *Platform) error {
	for _, id := range c.sent {
		key := messageKey("orders", id)
		if _, err := (&store{p: p, prefix: "~queue/"}).Get(t.Context(), key); err != nil {
			return fmt.Errorf("message %s: %w", id, err)
		}
	}
	for _, id := range c.deleted {
		key := messageKey("orders", id)
		_, err := (&store{p: p, prefix: "~queue/"}).Get(t.Context(), key)
		if !errors.Is(err, platform.ErrNotFound) {
			return fmt.Errorf("message %s came back: %w", id, err)
		}
	}
	return nil
}
