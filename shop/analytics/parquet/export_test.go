package parquet_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	pq "github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/analytics/parquet"
	"github.com/souk-commerce/souk/shop/event"
)

func start() time.Time { return time.Date(2026, 11, 29, 22, 0, 0, 123_456_000, time.UTC) }

// history is a log of n events, an hour apart, of these kinds in turn.
func history(t *testing.T, n int, kinds []event.Kind) []platform.Event {
	t.Helper()
	var list []platform.Event
	for i := range n {
		k := kinds[i%len(kinds)]
		f := k.New()
		if placed, ok := f.(*event.OrderPlaced); ok {
			placed.Order, placed.Total = shop.ID(fmt.Sprint("ord_", i)), int64(i)
			placed.Parcels = []event.Parcel{{Dealer: "dlr_1", Amount: int64(i)}}
		}
		if captured, ok := f.(*event.PaymentCaptured); ok {
			captured.Amount = shop.Money{Amount: int64(i), Currency: "EUR"}
		}
		data, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, platform.Event{
			ID: fmt.Sprint("evt_", i), Type: k.Type, Subject: f.Subject(), Sequence: int64(i),
			Time: start().Add(time.Duration(i) * time.Hour), Correlation: "cor", Data: data,
		})
	}
	return list
}

// read returns every row of every finished file, by event id, and refuses an id that comes twice.
func read(t rapid.TB, dir string) map[string]map[string]any {
	t.Helper()
	rows := make(map[string]map[string]any)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".parquet" {
			return err
		}
		list, err := pq.ReadFile[any](path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, row := range list {
			r := row.(map[string]any)
			id := text(r["event_id"])
			if rows[id] != nil {
				t.Errorf("%s stands twice", id)
			}
			r["path"] = path
			rows[id] = r
		}
		return nil
	})
	if err != nil {
		t.Fatalf("read the files: %v", err)
	}
	return rows
}

func text(v any) string {
	if raw, ok := v.([]byte); ok {
		return string(raw)
	}
	return fmt.Sprint(v)
}

// export writes events from a run's cursor to the end, which is their number.
func export(t rapid.TB, dir string, log []platform.Event, finish bool) {
	t.Helper()
	x, err := parquet.Open(dir, event.NewCatalogue())
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	if err := x.Of("evt_0"); err != nil {
		t.Fatalf("which log: %v", err)
	}
	done := 0
	if x.Cursor() != "" {
		if _, err := fmt.Sscan(x.Cursor(), &done); err != nil {
			t.Fatal(err)
		}
	}
	for i := done; i < len(log); i++ {
		if err := x.Write(fmt.Sprint(i+1), log[i]); err != nil {
			t.Fatalf("write: %v", err)
		}
	}
	if !finish {
		return // the process dies: nothing is closed
	}
	w, err := x.Finish()
	if err != nil || w.InAll != int64(len(log)) || w.Events != int64(len(log)-done) {
		t.Fatalf("finish: %+v, %v", w, err)
	}
}

// Goal: every event stands in the files once, whatever interrupts runs, and in the folder of its
// day and type.
// Method: random runs over a growing log, some of which die with their files open; then one more.
func TestEveryEventOnce(t *testing.T) {
	t.Parallel()
	log := history(t, 40, event.Kinds()[:2])
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			r.Fatal(err)
		}
		n := 0
		for range rapid.IntRange(0, 3).Draw(r, "runs") {
			n = rapid.IntRange(n, len(log)).Draw(r, "events")
			export(r, dir, log[:n], rapid.Bool().Draw(r, "finishes"))
		}
		export(r, dir, log, true)
		expect(r, dir, log)
		err = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if strings.HasSuffix(path, ".unfinished") {
				r.Errorf("%s is left", path)
			}
			return err
		})
		if err != nil {
			r.Fatal(err)
		}
	})
}

// expect compares the files with a log.
func expect(t rapid.TB, dir string, log []platform.Event) {
	t.Helper()
	rows := read(t, dir)
	if len(rows) != len(log) {
		t.Fatalf("%d rows of %d events", len(rows), len(log))
	}
	for _, e := range log {
		want := filepath.Join(dir, "day="+e.Time.Format("2006-01-02"), "type="+e.Type)
		if got := filepath.Dir(rows[e.ID]["path"].(string)); got != want {
			t.Fatalf("%s is in %s, not in %s", e.ID, got, want)
		}
	}
}

// Goal: a log that jumps between more days and types than files may be open loses nothing.
// Method: every kind in turn over four days, twice.
func TestMoreFoldersThanOpenFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := history(t, 96, event.Kinds())
	for _, e := range log[:40] { // the first days once more
		e.ID += "_again"
		log = append(log, e)
	}
	export(t, dir, log, true)
	expect(t, dir, log)
}

// Goal: the columns hold what the payload says: numbers, money, times, lists as JSON; and all of it
// is there. Method: the columns of every event against its own JSON.
func TestColumnsAreThePayload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := history(t, len(event.Kinds()), event.Kinds())
	export(t, dir, log, true)
	rows := read(t, dir)
	for _, e := range log {
		row := rows[e.ID]
		if row["event_sequence"] != e.Sequence || text(row["event_subject"]) != e.Subject {
			t.Errorf("%s: the envelope is %v", e.ID, row)
		}
		var data map[string]json.RawMessage
		if err := json.Unmarshal(e.Data, &data); err != nil {
			t.Fatal(err)
		}
		for name, raw := range data {
			if err := same(row, name, raw); err != nil {
				t.Errorf("%s: %v", e.Type, err)
			}
		}
	}
	i := slices.IndexFunc(log, func(e platform.Event) bool {
		return e.Type == (&event.PaymentCaptured{}).Type()
	})
	row := rows[log[i].ID]
	if row["amount"] != int64(i) || text(row["amount_currency"]) != "EUR" {
		t.Errorf("the money is %v %v", row["amount"], row["amount_currency"])
	}
}

// same compares a column with a field of the payload.
func same(row map[string]any, name string, raw json.RawMessage) error {
	got, ok := row[name]
	if !ok {
		return fmt.Errorf("no column for %q", name)
	}
	want := string(raw)
	switch raw[0] {
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
			if got != at.UnixMicro() {
				return fmt.Errorf("%q is %v, not %v", name, got, at.UnixMicro())
			}
			return nil
		}
		want = s
	case '{':
		var m shop.Money
		if _, money := row[name+"_currency"]; money {
			if err := json.Unmarshal(raw, &m); err != nil {
				return err
			}
			want = fmt.Sprint(m.Amount)
		}
	case 'n':
		want = "<nil>"
	}
	if text(got) == want {
		return nil
	}
	var field any // a column of JSON comes back decoded
	if err := json.Unmarshal(raw, &field); err != nil {
		return err
	}
	again, err := json.Marshal(got)
	sorted, werr := json.Marshal(field)
	if err != nil || werr != nil || string(again) != string(sorted) {
		return fmt.Errorf("%q is %s, not %s", name, text(got), want)
	}
	return nil
}

// Goal: a folder takes one log only, a version that it knows only, and types that it knows only;
// the refusal changes nothing. Method: each, then the files again.
func TestRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := history(t, 5, event.Kinds())
	export(t, dir, log, true)
	x, err := parquet.Open(dir, event.NewCatalogue())
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Of("evt_other"); shop.CodeOf(err) != shop.Conflict {
		t.Errorf("another log: %v", err)
	}
	unheard := platform.Event{ID: "evt_6", Type: "souk.order.unheard.v9", Data: []byte("{}")}
	err = x.Write("6", unheard)
	if shop.CodeOf(err) != shop.Invalid {
		t.Errorf("an unknown type: %v", err)
	}
	broken := log[0]
	broken.Data = []byte("{")
	if err := x.Write("6", broken); err == nil {
		t.Error("a payload that is no JSON was taken")
	}
	if err := x.Abandon(); err != nil {
		t.Error(err)
	}
	if n := len(read(t, dir)); n != len(log) {
		t.Errorf("%d rows are left", n)
	}
	newer := []byte(`{"format":2}`)
	if err := os.WriteFile(filepath.Join(dir, "_souk.json"), newer, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := parquet.Open(dir, event.NewCatalogue()); shop.CodeOf(err) != shop.Invalid {
		t.Errorf("a newer folder: %v", err)
	}
}
