package platformtest

import (
	"context"
	"errors"
	"testing"

	"github.com/souk-commerce/souk/platform"
)

func runCaller(t *testing.T, a Adapter) {
	runTrials(t, a, []trial{
		{"Memory", testMemory}, {"Cancelled", testCancelled}, {"Closed", testClosed},
	})
}

// Goal: caller and store share no memory that either of them may still write to: the bytes of
// values are given away, everything else stays its owner's. Method: scribble over everything else
// that was handed over, over what came back, and overwrite a record that somebody holds.
func testMemory(t *testing.T, w *world) {
	b := writes(platform.Write{
		Kind: platform.Put, Key: platform.Key{Part: "p", Sort: "s"}, Value: []byte("first"),
		Moves: []platform.Move{move("n", 1, 0)},
	})
	w.commit(t, b)
	b.Writes[0].Moves[0] = move("m", 9, 0)
	b.Writes[0] = put("q", "r", "else", platform.Any)
	w.wantRecord(t, "p", "s", 1, "first", map[string]int64{"n": 1})

	held, err := w.alpha().Get(t.Context(), platform.Key{Part: "p", Sort: "s"})
	if err != nil {
		t.Fatal(err)
	}
	w.commit(t, writes(put("p", "s", "other", 1, move("n", 4, 0))))
	if string(held.Value) != "first" || held.Counters["n"] != 1 {
		t.Errorf("a record that was read changed to %q, %v", held.Value, held.Counters)
	}
	list, err := w.alpha().List(t.Context(), platform.Query{Part: "p", Limit: 1})
	if err != nil || len(list) != 1 {
		t.Fatalf("list: %v, %v", list, err)
	}
	list[0].Counters["n"] = 77
	w.wantRecord(t, "p", "s", 2, "other", map[string]int64{"n": 5})
}

// Goal: what a cancelled caller is told is true. Method: commit under a cancelled context; success
// means that it happened, an error of the known kinds that it did not.
func testCancelled(t *testing.T, w *world) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := w.alpha().Commit(ctx, writes(put("p", "s", "v", platform.Absent)))
	_, found := w.alpha().Get(t.Context(), platform.Key{Part: "p", Sort: "s"})
	switch {
	case err == nil && found != nil:
		t.Errorf("the commit succeeded, but the record is not there: %v", found)
	case platform.Known(err) && !errors.Is(found, platform.ErrNotFound):
		t.Errorf("the commit was refused with %v, but the record is there", err)
	case err != nil && !errors.Is(err, context.Canceled):
		t.Errorf("the error %v does not say that the caller gave up", err)
	}
}

// Goal: after Close everything is refused with ErrClosed, and Close may be repeated. Method: one
// call of each kind.
func testClosed(t *testing.T, w *world) {
	s, h := w.alpha(), w.p.History()
	if err := w.p.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	wantError(t, "commit", s.Commit(t.Context(), writes(put("p", "s", "v", 0))), platform.ErrClosed)
	_, err := s.Get(t.Context(), platform.Key{Part: "p", Sort: "s"})
	wantError(t, "get", err, platform.ErrClosed)
	_, err = s.List(t.Context(), platform.Query{Part: "p", Limit: 1})
	wantError(t, "list", err, platform.ErrClosed)
	_, err = h.Subject(t.Context(), "thing/1", 0, 1)
	wantError(t, "history", err, platform.ErrClosed)
	_, err = w.p.Keys().Seal(t.Context(), "p", []byte("x"))
	wantError(t, "seal", err, platform.ErrClosed)
}
