package embedded_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
)

// Goal: the whole path works: a commit's event is delivered once it is durable, a failing handler
// is tried again, and a timer's event follows. Method: one subscription in virtual time.
func TestCommitDeliversEventsAndTimers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, err := embedded.Open(embedded.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan string, 10)
		failed := false
		err = p.Delivery().Subscribe(platform.Subscription{
			Name: "test.sub", Types: []string{"souk.test.done.v1", "souk.test.due.v1"},
			Retry: platform.DefaultRetry(),
			Handle: func(_ context.Context, e platform.Event) error {
				if !failed {
					failed = true
					return errors.New("not the first time")
				}
				got <- e.Type
				return nil
			},
		})
		if err == nil {
			err = p.Delivery().Start(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		err = p.Store("test").Commit(t.Context(), platform.Batch{
			Writes: []platform.Write{
				{Kind: platform.Put, Key: platform.Key{Part: "a"}, Value: []byte("v")},
			},
			Events: []platform.Event{
				{ID: "1", Type: "souk.test.done.v1", Subject: "a", Sequence: 1},
			},
			Timers: []platform.Timer{{
				Key: "t", Due: time.Now().Add(time.Hour),
				Event: platform.Event{Type: "souk.test.due.v1", Subject: "timer/t"},
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if typ := <-got; typ != "souk.test.done.v1" {
			t.Errorf("first came %s", typ)
		}
		began := time.Now()
		if typ := <-got; typ != "souk.test.due.v1" || time.Since(began) < time.Minute {
			t.Errorf("then came %s after %s", typ, time.Since(began))
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}
