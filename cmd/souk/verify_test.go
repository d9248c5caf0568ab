package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// Goal: any world can be checked, by what its platform promises. Method: a market on disk in which
// somebody ordered; its books are checked as they are, and behind a platform that promises nothing.
// Both are clean, the second check says what it could not see, and the ledger takes part in both.
func TestVerifyAsksWhatThePlatformPromises(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	e := &env{
		ctx: t.Context(), out: io.Discard, err: io.Discard, log: slog.New(slog.DiscardHandler),
	}
	w, err := openWorld(e, dir, policyFlags{Deadline: time.Hour, Returns: time.Hour, Patience: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.app.Start(e.ctx); err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(w.app.Handler())
	stock(t, w, api.URL)
	done, over := context.WithCancel(e.ctx)
	over()
	orderOn(done, t, w, api.URL, 1)
	api.Close()
	if err := w.close(); err != nil {
		t.Fatal(err)
	}

	for _, promises := range []bool{true, false} {
		books, err := openAudited(e, dir, "")
		if err != nil {
			t.Fatal(err)
		}
		if !promises { // the wrapper has no method but those of the port
			books.Platform = struct{ platform.Platform }{books.Platform}
		}
		r, err := (&verifyCommand{}).check(e, books)
		if err := errors.Join(err, books.Close()); err != nil {
			t.Fatal(err)
		}
		said := strings.Contains(r.String(), "no order across subjects")
		if !r.Clean() || r.Orders != 1 || said == promises {
			t.Errorf("the platform promises an order: %t\n%s", promises, r)
		}
		if strings.Contains(r.String(), "no provider's ledger") {
			t.Errorf("the ledger was not read:\n%s", r)
		}
	}
}
