package durable_test

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded/crashtest"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/workflow"
	"github.com/souk-commerce/souk/workflow/durable"
)

// outside is what a crash leaves alone: what tasks have done, and the time.
type outside struct {
	book *book
	now  time.Time
}

// Goal: a process may be killed at any instant: the execution goes on where it was, with the same
// history, output and effects, no step whose answer was kept is called again, and what was
// acknowledged is there. Method: the saga, with tasks that wait for the disk and with tasks that
// are pure; before every write (without SOUK_SOAK every third) the file system as a crash would
// leave it, with nothing or half of what was not synced, together with the tasks' book of that
// moment; then the world is opened again, and the same execution started again.
func TestCrashAtEveryWrite(t *testing.T) {
	t.Parallel()
	for name, pure := range map[string]bool{"outside": false, "pure": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crashes(t, pure)
		})
	}
}

func crashes(t *testing.T, pure bool) {
	t.Helper()
	var (
		book    *book
		clock   *platformtest.Clock
		history []string
	)
	every := 3
	if os.Getenv("SOUK_SOAK") != "" {
		every = 1
	}
	o := crashtest.Options{
		Every: every, Percents: []int{0, 50},
		Beside: func() any {
			if book == nil {
				return outside{newBook(), platformtest.Start()}
			}
			return outside{book.copy(), clock.Now()}
		},
	}
	crashtest.Everywhere(t, o, func(fs vfs.FS, log *crashtest.Log) {
		b, c := newBook(), platformtest.NewClock(platformtest.Start())
		book, clock = b, c
		w := open(t, setup{fs: fs, book: b, clock: c, pure: pure})
		w.define("m", saga)
		w.deliver()
		id := w.start("one")
		log.Ack("started")
		w.until(id, ended)
		log.Ack("ended")
		history = w.history(id)
		w.close()
	}, func(t *testing.T, crash crashtest.Crash) {
		t.Helper()
		out := crash.Beside.(outside)
		recovered(t, crash, setup{
			fs: crash.FS, book: out.book.copy(), clock: platformtest.NewClock(out.now), pure: pure,
		}, book, history)
	})
}

// recovered goes on after a crash, and compares with the run that had none.
func recovered(
	t *testing.T, crash crashtest.Crash, s setup, calm *book, history []string,
) {
	t.Helper()
	w := open(t, s)
	defer w.close()
	d, err := w.e.Describe(t.Context(), "m/one")
	switch {
	case errors.Is(err, platform.ErrNotFound) && len(crash.Acked) == 0:
	case err != nil:
		t.Errorf("what was acknowledged is not there: %v", err)
		return
	case len(crash.Acked) == 2 && d.Status != workflow.Succeeded:
		t.Errorf("it had ended and is %s", d.Status)
	}
	answered := answeredCalls(t, w, err == nil)
	w.define("m", saga)
	w.deliver()
	id := w.start("one")
	d = w.until(id, ended)
	if have := w.history(id); d.Status != workflow.Succeeded || !slices.Equal(have, history) {
		t.Errorf("%s with the history\n%s\nwant\n%s",
			d.Status, strings.Join(have, "\n"), strings.Join(history, "\n"))
	}
	if have := w.book.outcome(); !maps.Equal(have, calm.outcome()) {
		t.Errorf("effects %v, want %v", have, calm.outcome())
	}
	for key := range answered {
		if n := w.book.calls[key]; n != 0 {
			t.Errorf("%s was answered before the crash and called %d times after it", key, n)
		}
	}
	w.noDead()
}

// answeredCalls are the keys of the calls whose answers are in the history.
func answeredCalls(t *testing.T, w *world, there bool) map[string]bool {
	t.Helper()
	keys := make(map[string]bool)
	if !there {
		return keys
	}
	err := w.e.History(t.Context(), "m/one", func(e durable.Entry) error {
		if e.Type == "TaskSucceeded" || e.Type == "TaskFailed" {
			keys["m/one:"+e.ID] = true
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return keys
}
