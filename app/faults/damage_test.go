package faults_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/platform/platformtest"
)

// Goal: bytes that are not what was written never become a wrong answer. Method: a small market
// that was opened several times, so that it has tables and logs, and was closed, or crashed; in a
// copy, one bit is flipped, a block is zeroed, a file is cut off or missing, at places all over
// every file (with SOUK_SOAK every sixty bytes or so); then the copy is opened and everything is
// read.
// Either opening or reading refuses with ErrCorrupt, or everything is there. Only of a market that
// crashed, damage at the end of its log may pass for a write that the crash has cut off: then the
// events are a prefix of what was written, and the records are its fold.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	for _, crashed := range []bool{false, true} {
		t.Run(map[bool]string{false: "closed", true: "crashed"}[crashed], func(t *testing.T) {
			t.Parallel()
			d := newDamaged(t, crashed)
			d.everywhere()
			for _, line := range slices.Sorted(maps.Keys(d.ends)) {
				t.Logf("%-28s %d", line, d.ends[line])
			}
			if d.ends["db log bit: refused"]+d.ends["db log bit: a prefix"] == 0 {
				t.Error("no damage of a log was noticed, so nothing was tried")
			}
		})
	}
}

// everywhere tries every kind of damage all over every file.
func (d *damaged) everywhere() {
	d.t.Helper()
	chance := rand.New(rand.NewPCG(1, 2))
	every := 2500
	if soak() {
		every = 60
	}
	for _, name := range slices.Sorted(maps.Keys(d.files)) {
		size := len(d.files[name])
		for at := chance.IntN(min(every, size) + 1); at < size; at += 1 + chance.IntN(2*every) {
			d.try(name, "bit", at, func(b []byte) []byte {
				b[at] ^= 1 << chance.IntN(8)
				return b
			})
			d.try(name, "block", at, func(b []byte) []byte {
				clear(b[at:min(at+4096, len(b))])
				return b
			})
			d.try(name, "cut", at, func(b []byte) []byte { return b[:at] })
		}
		d.try(name, "missing", 0, func([]byte) []byte { return nil })
	}
}

// damaged is a market at rest, and what became of its damaged copies.
type damaged struct {
	t       *testing.T
	crashed bool
	files   map[string][]byte
	events  []string
	records []string
	ends    map[string]int
}

// newDamaged makes the market. It is opened three times, so that it has tables as well as logs, and
// at the end it is closed, or crashes.
func newDamaged(t *testing.T, crashed bool) *damaged {
	t.Helper()
	mem := vfs.NewCrashableMem()
	left := mem
	clock := platformtest.NewClock(platformtest.Start())
	bank := openBank(t, clock)
	for i := range 3 {
		m, err := openMarket(t, world{fs: mem, clock: clock, bank: bank})
		if err != nil {
			t.Fatal(err)
		}
		c := &client{t: t, m: m}
		if i == 0 {
			err = c.list("lamp", 100)
		}
		for n := range 4 {
			if err == nil {
				_, err = c.order(fmt.Sprint("order ", i, n), "tok_visa", item{"lamp", 1})
			}
		}
		if i == 2 && crashed {
			left = mem.CrashClone(vfs.CrashCloneCfg{})
		}
		if err := errors.Join(err, m.close()); err != nil {
			t.Fatal(err)
		}
	}
	d := &damaged{
		t: t, crashed: crashed, files: make(map[string][]byte), ends: make(map[string]int),
	}
	d.collect(left, dataDir)
	var err error
	d.events, d.records, _, err = d.read(d.copyOf("", nil))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// collect reads every file below a folder.
func (d *damaged) collect(fs vfs.FS, dir string) {
	d.t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, name := range names {
		path := fs.PathJoin(dir, name)
		info, err := fs.Stat(path)
		if err != nil {
			d.t.Fatal(err)
		}
		if info.IsDir() {
			d.collect(fs, path)
			continue
		}
		file, err := fs.Open(path)
		if err != nil {
			d.t.Fatal(err)
		}
		content, err := io.ReadAll(file)
		if err := errors.Join(err, file.Close()); err != nil {
			d.t.Fatal(err)
		}
		d.files[path] = content
	}
}

// copyOf makes a file system with all files, one of them with another content; nil is none.
func (d *damaged) copyOf(name string, content []byte) vfs.FS {
	d.t.Helper()
	fs := vfs.NewMem()
	for path, whole := range d.files {
		if path == name {
			if whole = content; whole == nil {
				continue
			}
		}
		err := fs.MkdirAll(fs.PathDir(path), 0o700)
		var file vfs.File
		if err == nil {
			file, err = fs.Create(path, vfs.WriteCategoryUnspecified)
		}
		if err == nil {
			_, err = file.Write(bytes.Clone(whole))
			err = errors.Join(err, file.Close())
		}
		if err != nil {
			d.t.Fatal(err)
		}
	}
	return fs
}

// read opens a copy and reads everything. lost is whether it is not all that was written; then it
// must at least fit together. A commit may change records and announce nothing.
func (d *damaged) read(fs vfs.FS) (events, records []string, lost bool, err error) {
	d.t.Helper()
	clock := platformtest.NewClock(platformtest.Start())
	p, err := embedded.Open(embedded.Options{Dir: dataDir, FS: fs, Clock: clock})
	if err != nil {
		return nil, nil, false, err
	}
	defer func() { _ = p.Close() }() // it may refuse to go on
	ctx := context.Background()
	err = p.History().Log(ctx, "", func(_ string, e platform.Event) error {
		e.Value = nil
		events = append(events, fmt.Sprintf("%+v", e))
		return nil
	})
	if err != nil {
		return nil, nil, false, err
	}
	err = p.History().Records(ctx, "", func(r platform.Record) error {
		records = append(records, fmt.Sprintf("%+v", r))
		return nil
	})
	if err != nil {
		return nil, nil, false, err
	}
	if d.events == nil || len(events) == len(d.events) && slices.Equal(records, d.records) {
		return events, records, false, nil
	}
	return events, records, true, d.folds(p)
}

// errNotFold says that records are not what the log makes of them.
var errNotFold = errors.New("the records are not the fold of the log")

// folds checks that the records are what the log makes of them.
func (d *damaged) folds(p *embedded.Platform) error {
	d.t.Helper()
	m := offline(d.t, p)
	report, err := verify.Run(context.Background(), verify.Input{
		History: p.History(), Rooms: m.app.Rooms(), Catalogue: m.cat, Structural: true,
	})
	if err == nil && !report.Clean() {
		err = fmt.Errorf("%w: %s", errNotFold, report)
	}
	return err
}

// try damages one file in one way and looks at what comes of it.
func (d *damaged) try(name, how string, at int, damage func([]byte) []byte) {
	d.t.Helper()
	content := damage(bytes.Clone(d.files[name]))
	if content != nil && bytes.Equal(content, d.files[name]) {
		return // there was nothing but zeroes
	}
	events, _, lost, err := d.read(d.copyOf(name, content))
	end := "harmless"
	switch {
	case errors.Is(err, errNotFold):
		d.t.Errorf("%s of %s at %d: %v", how, name, at, err)
	case err != nil:
		end = "refused"
		if !refusal(err) {
			d.t.Errorf("%s of %s at %d is refused without a reason: %v", how, name, at, err)
		}
	case !slices.Equal(events, d.events[:min(len(events), len(d.events))]):
		d.t.Errorf("%s of %s at %d: another event is read than was written", how, name, at)
	case lost:
		end = "a prefix"
		if !d.crashed || kindOf(name) != "db log" {
			n := len(d.events) - len(events)
			d.t.Errorf("%s of %s at %d: records differ, %d events are lost", how, name, at, n)
		}
	}
	d.ends[kindOf(name)+" "+how+": "+end]++
}

// refusal reports whether an error tells an operator that the directory is damaged, or is not one.
func refusal(err error) bool {
	return errors.Is(err, platform.ErrCorrupt) || errors.Is(err, platform.ErrVersion) ||
		errors.Is(err, platform.ErrNotFound)
}

// kindOf sorts files for the summary.
func kindOf(name string) string {
	base := name[strings.LastIndexByte(name, '/')+1:]
	switch {
	case strings.HasSuffix(base, ".log"):
		return "db log"
	case strings.HasSuffix(base, ".sst"):
		return "db table"
	case strings.HasPrefix(base, "MANIFEST"):
		return "db manifest"
	case strings.HasPrefix(base, "OPTIONS"), strings.HasPrefix(base, "marker."):
		return "db " + base[:strings.IndexAny(base, "-.")]
	}
	return base
}
