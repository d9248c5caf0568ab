package embedded_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
)

// Goal: a platform that is opened only to be read shows everything, delivers nothing, refuses every
// write without harm, and leaves every byte of the directory as it was.
// Method: write a record, an event, a due timer and a sealed box; digest the directory; open it
// read-only, read and try to write through every door; close; digest again.
func TestReadOnlyChangesNothing(t *testing.T) {
	t.Parallel()
	dir, ctx := t.TempDir(), t.Context()
	p, err := embedded.Open(embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	key := platform.Key{Part: "a", Sort: "1"}
	past := platform.Timer{Key: "t", Due: time.Now().Add(-time.Hour), Event: platform.Event{
		Type: "souk.order.rung.v1", Subject: "timer/t", Data: []byte("{}"),
	}}
	batch := platform.Batch{
		Writes: []platform.Write{{Kind: platform.Put, Key: key, Value: []byte(`"v"`)}},
		Events: []platform.Event{{
			ID: "a/1", Type: "souk.order.made.v1", Subject: "a", Sequence: 1, Data: []byte("{}"),
		}},
		Timers: []platform.Timer{past},
	}
	if err := p.Store("order").Commit(ctx, batch); err != nil {
		t.Fatal(err)
	}
	box, err := p.Keys().Seal(ctx, "ada", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	before := digests(t, dir)
	if p, err = embedded.Open(embedded.Options{Dir: dir, ReadOnly: true}); err != nil {
		t.Fatal(err)
	}
	if rec, err := p.Store("order").Get(ctx, key); err != nil || string(rec.Value) != `"v"` {
		t.Errorf("record: %s, %v", rec.Value, err)
	}
	if plain, err := p.Keys().Open(ctx, "ada", box); err != nil || string(plain) != "secret" {
		t.Errorf("box: %q, %v", plain, err)
	}
	if list, err := p.History().Subject(ctx, "a", 0, 10); err != nil || len(list) != 1 {
		t.Errorf("history: %d events, %v", len(list), err)
	}
	refusesWrites(ctx, t, p, key)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if after := digests(t, dir); !maps.Equal(before, after) {
		t.Errorf("the directory changed: %d files before, %d after", len(before), len(after))
	}
}

// refusesWrites tries every door that writes.
func refusesWrites(ctx context.Context, t *testing.T, p *embedded.Platform, key platform.Key) {
	t.Helper()
	put := platform.Write{Kind: platform.Put, Key: key, Expect: platform.Any, Value: []byte("1")}
	err := p.Store("order").Commit(ctx, platform.Batch{Writes: []platform.Write{put}})
	if !errors.Is(err, platform.ErrReadOnly) {
		t.Errorf("commit: %v", err)
	}
	if _, err := p.Keys().Seal(ctx, "bob", []byte("x")); err == nil {
		t.Error("a new person's key was made")
	}
	q, err := p.Queue("q", platform.QueuePolicy{MaxReceives: 1, Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Send(ctx, platform.Message{ID: "m", Body: []byte("x")}, 0); err == nil {
		t.Error("a message was sent")
	}
	if _, err := p.Files().Put(ctx, strings.NewReader("x")); !errors.Is(err, platform.ErrReadOnly) {
		t.Errorf("file: %v", err)
	}
	if err := p.Delivery().Start(ctx); err == nil {
		t.Error("delivery started")
	}
	if _, err := p.Store("order").Get(ctx, key); err != nil {
		t.Errorf("reading after refusals: %v", err)
	}
}

// digests reads every file of a directory but the lock, which is empty and only held.
func digests(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	sums := make(map[string][32]byte)
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "LOCK" {
			return err
		}
		raw, err := os.ReadFile(name)
		sums[name] = sha256.Sum256(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

// Goal: without delivering, the status tells what is stored: what is still to be handled, what
// failed and waits, and what is paused. Method: a subscription handles one event, fails another and
// is closed with a third behind its cursor; the directory is opened read-only and asked.
func TestStatusAtRest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	failed := make(chan struct{})
	var once sync.Once
	sub := platform.Subscription{
		Name: "s", Types: []string{"souk.order.made.v1"},
		Retry: platform.Retry{Attempts: 5, Base: time.Hour, Most: time.Hour},
		Handle: func(_ context.Context, e platform.Event) error {
			if e.Subject == "bad" {
				once.Do(func() { close(failed) })
				return errors.New("no")
			}
			return nil
		},
	}
	with := func(o embedded.Options, do func(p *embedded.Platform)) {
		t.Helper()
		o.Dir = dir
		p, err := embedded.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Delivery().Subscribe(sub); err != nil {
			t.Fatal(err)
		}
		do(p)
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	announce := func(p *embedded.Platform, subject string) {
		t.Helper()
		err := p.Store("order").Commit(t.Context(), platform.Batch{Events: []platform.Event{{
			ID: subject, Type: "souk.order.made.v1", Subject: subject, Sequence: 1,
			Data: []byte("{}"),
		}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	with(embedded.Options{}, func(p *embedded.Platform) {
		if err := p.Delivery().Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		announce(p, "good")
		announce(p, "bad")
		<-failed
	})
	with(embedded.Options{}, func(p *embedded.Platform) { announce(p, "later") }) // nobody delivers
	with(embedded.Options{ReadOnly: true}, func(p *embedded.Platform) {
		list, err := p.Delivery().Status(t.Context())
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		// Whether the failure was stored before the close decides where it counts.
		if s := list[0]; s.Pending+s.Waiting != 2 || s.Pending < 1 || s.Oldest <= 0 {
			t.Errorf("%+v", s)
		}
	})
}
