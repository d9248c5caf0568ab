package crashtest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/platform/embedded/crashtest"
)

// commits is how many times the script below commits.
const commits = 24

// script makes accounts that each have a record, an event and a move of one shared counter, with
// timers now and then, and acknowledges what the store acknowledged.
func script(fs vfs.FS, log *crashtest.Log) {
	p, err := embedded.Open(embedded.Options{Dir: "/souk", FS: fs})
	if err != nil {
		return // a failing disk: nothing was promised
	}
	defer func() { _ = p.Close() }() // after an injected failure closing may fail as well
	for i := range commits {
		if p.Store("test").Commit(context.Background(), account(i)) == nil {
			log.Ack(fmt.Sprint(i))
		}
	}
}

func account(i int) platform.Batch {
	id := fmt.Sprintf("a%02d", i)
	b := platform.Batch{
		Writes: []platform.Write{
			{Kind: platform.Put, Key: platform.Key{Part: "account", Sort: id}, Value: []byte(id)},
			{
				Kind: platform.Add, Key: platform.Key{Part: "sum"}, Expect: platform.Any,
				Moves: []platform.Move{{Counter: "n", Delta: 1}},
			},
		},
		Events: []platform.Event{{
			ID: id, Type: "souk.test.opened.v1", Subject: id, Sequence: 1, Data: []byte(`{}`),
		}},
	}
	if i%4 == 0 {
		b.Timers = []platform.Timer{{
			Key: id, Due: time.Now().Add(time.Hour),
			Event: platform.Event{Type: "souk.test.due.v1", Subject: "timer/" + id},
		}}
	}
	return b
}

// whole checks that what survived is a prefix of what was decided: everything acknowledged, and for
// each account its record, its event and its part of the sum, or none of them.
func whole(t *testing.T, c crashtest.Crash) {
	t.Helper()
	p, err := embedded.Open(embedded.Options{Dir: "/souk", FS: c.FS})
	if err != nil {
		t.Errorf("open: %v", err)
		return
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	events := make(map[string]bool)
	err = p.History().Log(t.Context(), "", func(_ string, e platform.Event) error {
		events[e.ID] = true
		return nil
	})
	if err != nil {
		t.Errorf("log: %v", err)
	}
	var sum int64
	records := 0
	err = p.History().Records(t.Context(), "test/", func(r platform.Record) error {
		if r.Key.Part == "test/sum" {
			sum = r.Counters["n"]
			return nil
		}
		records++
		if !events[r.Key.Sort] {
			t.Errorf("record %s has no event", r.Key.Sort)
		}
		return nil
	})
	if err != nil {
		t.Errorf("records: %v", err)
	}
	if records != len(events) || sum != int64(records) {
		t.Errorf("%d records, %d events, sum %d", records, len(events), sum)
	}
	for _, id := range c.Acked {
		if !events[fmt.Sprintf("a%02s", id)] {
			t.Errorf("account %s was acknowledged and is lost", id)
		}
	}
}

// Goal: a crash at any write loses nothing that was acknowledged and halves nothing. Method: every
// write of a script, three ways of losing what was not synced.
func TestCrashAtEveryWrite(t *testing.T) {
	t.Parallel()
	crashtest.Everywhere(t, crashtest.Options{}, script, whole)
}

// Goal: the same when a crash interrupts recovery. Method: crash at every write, then at every
// write of the recovery that follows.
func TestCrashDuringRecovery(t *testing.T) {
	t.Parallel()
	o := crashtest.Options{Every: 9, Percents: []int{50}}
	crashtest.Everywhere(t, o, script, func(t *testing.T, first crashtest.Crash) {
		again := func(fs vfs.FS, log *crashtest.Log) {
			p, err := embedded.Open(embedded.Options{Dir: "/souk", FS: fs})
			if err != nil {
				t.Errorf("recover: %v", err)
				return
			}
			if err := p.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}
		crashtest.Over(t, first.FS, o, again, func(t *testing.T, second crashtest.Crash) {
			second.Acked = first.Acked
			whole(t, second)
		})
	})
}

// Goal: no error of the disk is swallowed: what was acknowledged is there after a restart, and
// nothing is half there. Method: every write operation of the script fails once, each in a run of
// its own; then everything that was not synced is lost.
func TestEveryFileOperationFails(t *testing.T) {
	t.Parallel()
	crashtest.Failing(t, 0, script, func(t *testing.T, c crashtest.Crash) {
		t.Helper()
		p, err := embedded.Open(embedded.Options{Dir: "/souk", FS: c.FS})
		if err != nil && len(c.Acked) == 0 {
			return // nothing was promised, and opening says why it cannot
		}
		if err == nil {
			err = p.Close()
		}
		if err != nil {
			t.Errorf("open: %v", err)
			return
		}
		whole(t, c)
	})
}

// Goal: a directory that is in use, newer, or not ours is refused with a clear error.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, err := embedded.Open(embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.Open(embedded.Options{Dir: dir}); !errors.Is(err, platform.ErrInUse) {
		t.Errorf("a second open says %v, not that the directory is in use", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	fs := vfs.NewMem()
	for content, want := range map[string]error{
		`{"souk":99}`: platform.ErrVersion, `{{`: platform.ErrCorrupt,
	} {
		if err := fs.MkdirAll("/d", 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := fs.Create("/d/FORMAT", vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		_, err = embedded.Open(embedded.Options{Dir: "/d", FS: fs})
		if !errors.Is(err, want) || !strings.Contains(fmt.Sprint(err), "/d") {
			t.Errorf("opening a directory with %s says %v, not %v", content, err, want)
		}
	}
}
