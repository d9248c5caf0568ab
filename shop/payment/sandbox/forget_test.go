package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/shop/payment"
)

// twins are two providers of which one remembers eight operations and the other all.
type twins struct {
	t          *rapid.T
	tb         testing.TB
	paths      [2]string
	box        [2]*Sandbox
	clock      [2]*hand
	keys, refs []string
}

func (w *twins) open() {
	for i, remember := range []int{8, 1 << 16} {
		at := time.Duration(0)
		if w.clock[i] != nil {
			at = w.clock[i].Now().Sub(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
		}
		w.box[i], w.clock[i] = open(w.tb, Options{Path: w.paths[i], Remember: remember})
		w.clock[i].move(at)
	}
}

// do has both do the same and requires the same answer.
func (w *twins) do(r payment.Request) {
	few, err := w.box[0].Do(context.Background(), r)
	all, other := w.box[1].Do(context.Background(), r)
	if few != all || !errors.Is(err, other) {
		w.t.Fatalf("%s %s of %s (%s), amount %d: with eight remembered %+v, %v; with all %+v, %v",
			r.Operation, r.Key, r.Of, r.Reference, r.Amount.Amount, few, err, all, other)
	}
	w.keys, w.refs = append(w.keys, r.Key), append(w.refs, all.Reference)
}

// old picks an operation that moved money or may yet; of others the ledger knows nothing, nor has
// anybody a reference to them.
func (w *twins) old() (key, ref string) {
	if len(w.keys) == 0 {
		return "nobody", ""
	}
	n := rapid.IntRange(0, len(w.keys)-1).Draw(w.t, "operation")
	key, ref = w.keys[n], w.refs[n]
	all, err := w.box[1].Status(context.Background(), payment.Request{Key: key})
	few, other := w.box[0].Status(context.Background(), payment.Request{Key: key})
	o := w.box[1].known(key)
	if o == nil || o.moved == 0 && o.verdict != payment.Pending {
		return "nobody", ref
	}
	if few != all || err != nil || other != nil {
		w.t.Fatalf("%s: with eight remembered %+v, %v; with all %+v, %v", key, few, other, all, err)
	}
	return key, ref
}

// step is one random operation.
func (w *twins) step(n int) {
	amount := 2 * rapid.Int64Range(1, 50).Draw(w.t, "halves")
	key := fmt.Sprint("k", n)
	operation := rapid.SampledFrom([]string{
		Authorise, Authorise, Capture, Capture, Capture, Void, Refund, Refund, "later", "open",
	}).Draw(w.t, "what")
	switch operation {
	case Authorise:
		token := rapid.SampledFrom([]string{
			"tok_visa", "tok_visa", "tok_declined", "tok_capture_declined", "tok_refund_fails",
			"tok_partial_capture", "tok_authorised_then_declined", "tok_chargeback",
			"tok_refund_reversed", "tok_late_success", "tok_charge_then_timeout",
		}).Draw(w.t, "token")
		w.do(request(Authorise, key, "", token, 100))
	case "later":
		d := time.Duration(rapid.IntRange(1, 400).Draw(w.t, "seconds")) * time.Second
		w.clock[0].move(d)
		w.clock[1].move(d)
	case "open":
		if w.paths[0] != "" && rapid.IntRange(0, 5).Draw(w.t, "reopen") == 0 {
			w.close()
			w.open()
		}
	default:
		of, ref := w.old()
		r := request(operation, key, of, "", amount)
		r.Reference = ref
		if rapid.IntRange(0, 19).Draw(w.t, "wrong reference") == 0 {
			_, r.Reference = w.old()
		}
		w.do(r)
	}
}

func (w *twins) close() {
	var ledgers [2][]Entry
	for i, s := range w.box {
		ledgers[i] = entries(w.tb, s)
		if err := s.Close(); err != nil {
			w.t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(ledgers[0], ledgers[1]) {
		w.t.Fatalf("the ledgers differ: %+v\n%+v", ledgers[0], ledgers[1])
	}
}

// Goal: what is forgotten is forgotten to no effect. Method: random operations, most on old ones,
// done by two providers, one of which remembers eight; their answers and their ledgers are the
// same, also when they are opened again.
func TestForgettingChangesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		w := &twins{t: rt, tb: t}
		if rapid.Bool().Draw(rt, "file") {
			for i := range w.paths {
				f, err := os.CreateTemp(dir, "ledger")
				if err != nil {
					rt.Fatal(err)
				}
				w.paths[i] = f.Name()
				if err := f.Close(); err != nil {
					rt.Fatal(err)
				}
			}
		}
		w.open()
		for n := range rapid.IntRange(1, 120).Draw(rt, "steps") {
			w.step(n)
		}
		w.close()
	})
}

// Goal: entries are found by their numbers in a ledger with gaps, as a restore leaves one, and what
// acts on them is bounded. Method: of 2,000 authorisations every third and one long run are
// removed; each of the others is captured, twice in part, by a provider that remembers two.
func TestLedgerWithGaps(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	s, _ := open(t, Options{Path: path})
	for n := range 2000 {
		do(t, s, request(Authorise, fmt.Sprint("a", n), "", "tok_visa", 10), payment.Succeeded)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kept := func(n int) bool { return n%3 != 0 && (n < 500 || n > 1100) }
	var rest strings.Builder
	for n, line := range strings.SplitAfter(string(whole), "\n") {
		if kept(n) {
			rest.WriteString(line)
		}
	}
	if err := os.WriteFile(path, []byte(rest.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ = open(t, Options{Path: path, Remember: 2})
	for n := range 2000 {
		if !kept(n) && n%50 != 0 {
			continue
		}
		for i, want := range []payment.Verdict{
			payment.Succeeded, payment.Succeeded, payment.Refused,
		} {
			r := request(Capture, fmt.Sprint("c", i, "-", n), fmt.Sprint("a", n), "", 5)
			r.Reference = reference(int64(n+1), 0)
			if !kept(n) {
				want = payment.Refused
			}
			do(t, s, r, want)
			if i == 0 { // forget it before the second
				do(t, s, request(Authorise, fmt.Sprint("x", n), "", "", 1), payment.Succeeded)
				do(t, s, request(Authorise, fmt.Sprint("y", n), "", "", 1), payment.Succeeded)
			}
		}
	}
}

// BenchmarkCaptureForgotten measures the capture of an authorisation that was forgotten, with
// ledgers in a file. The times should not depend on its length.
func BenchmarkCaptureForgotten(b *testing.B) {
	for _, n := range []int{2_000, 20_000, 200_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "ledger.jsonl")
			s, _ := open(b, Options{Path: path, Remember: 64})
			for i := range n {
				if err := charge(s, fmt.Sprint("a", i), "tok_visa"); err != nil {
					b.Fatal(err)
				}
			}
			i := 0
			for b.Loop() {
				at := i * 7919 % n
				r := request(Capture, fmt.Sprint("c", i), fmt.Sprint("a", at), "", 1)
				r.Reference = reference(int64(at+1), 0)
				if _, err := s.Do(context.Background(), r); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}
