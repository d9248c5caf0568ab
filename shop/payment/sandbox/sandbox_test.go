package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
)

// hand is a clock that a test moves by hand.
type hand struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hand) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hand) move(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *hand) After(time.Duration) <-chan time.Time { return make(chan time.Time) }

func open(t testing.TB, opt Options) (*Sandbox, *hand) {
	t.Helper()
	clock := &hand{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	opt.Clock = clock
	s, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	return s, clock
}

func request(operation, key, of, token string, amount int64) payment.Request {
	return payment.Request{
		Operation: operation, Key: key, Of: of, Token: token, Payment: "pay_1", Order: "ord_1",
		Amount: shop.Money{Amount: amount, Currency: "GBP"},
	}
}

// do requires a verdict of a call.
func do(t testing.TB, s *Sandbox, r payment.Request, want payment.Verdict) payment.Outcome {
	t.Helper()
	out, err := s.Do(context.Background(), r)
	if err != nil || out.Verdict != want {
		t.Fatalf("%s %s: %+v, %v; want verdict %d", r.Operation, r.Key, out, err, want)
	}
	return out
}

// charge authorises 5.
func charge(s *Sandbox, key, token string) error {
	_, err := s.Do(context.Background(), request(Authorise, key, "", token, 5))
	return err
}

func entries(t testing.TB, s *Sandbox) []Entry {
	t.Helper()
	var all []Entry
	if err := s.Ledger(func(e Entry) error { all = append(all, e); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

// Goal: the bounds of a real provider hold. Method: one authorisation, walked through its life.
func TestBounds(t *testing.T) {
	t.Parallel()
	s, _ := open(t, Options{})
	do(t, s, request(Authorise, "a", "", "tok_visa", 100), payment.Succeeded)
	do(t, s, request(Authorise, "a", "", "tok_visa", 100), payment.Succeeded) // the same key again
	do(t, s, request(Capture, "c1", "a", "", 60), payment.Succeeded)
	do(t, s, request(Capture, "c2", "a", "", 60), payment.Refused)
	do(t, s, request(Refund, "r1", "c1", "", 50), payment.Succeeded)
	do(t, s, request(Refund, "r2", "c1", "", 11), payment.Refused)
	out := do(t, s, request(Void, "v", "a", "", 40), payment.Succeeded)
	if out.Amount.Amount != 40 {
		t.Errorf("the void freed %s, want 40", out.Amount)
	}
	do(t, s, request(Capture, "c3", "a", "", 10), payment.Refused)
	do(t, s, request(Capture, "c4", "nobody", "", 10), payment.Refused)
	var kinds []string
	for i, e := range entries(t, s) {
		kinds = append(kinds, fmt.Sprint(e.Kind, e.Amount))
		if e.Seq != int64(i+1) {
			t.Errorf("entry %d has number %d", i+1, e.Seq)
		}
	}
	want := []string{"authorise100", "capture60", "refund50", "void40"}
	if !reflect.DeepEqual(kinds, want) {
		t.Errorf("the ledger holds %v, want %v", kinds, want)
	}
}

// Goal: the provider outlives the process, a cut-off line included, and answers for what it no
// longer has at hand. Method: a ledger in a file, opened again with room for two operations.
func TestLedgerOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	s, _ := open(t, Options{Path: path})
	for i := range 20 {
		do(t, s, request(Authorise, fmt.Sprint("a", i), "", "tok_capture_declined", 100),
			payment.Succeeded)
	}
	do(t, s, request(Authorise, "v", "", "tok_visa", 100), payment.Succeeded)
	do(t, s, request(Capture, "vc", "v", "", 70), payment.Succeeded)
	// The process is killed here: nothing is closed, and half a line is on the disk.
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"seq":23,"key":"half`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again, _ := open(t, Options{Path: path, Remember: 2})
	if out, err := again.Status(context.Background(), payment.Request{Key: "a3"}); err != nil ||
		out.Verdict != payment.Succeeded || out.Amount.Amount != 100 {
		t.Errorf("an old operation is %+v, %v", out, err)
	}
	if out, err := again.Status(context.Background(), payment.Request{Key: "nobody"}); err != nil ||
		out.Verdict != payment.Missing {
		t.Errorf("an operation that never was is %+v, %v", out, err)
	}
	do(t, again, request(Capture, "c4", "a4", "", 10), payment.Refused) // the token is remembered
	do(t, again, request(Capture, "vc2", "v", "", 31), payment.Refused) // and what was captured
	do(t, again, request(Capture, "vc3", "v", "", 30), payment.Succeeded)
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	err = ReadLedger(path, func(e Entry) error {
		n++
		if e.Seq != n {
			return fmt.Errorf("entry %d has number %d", n, e.Seq)
		}
		return nil
	})
	if err != nil || n != 23 {
		t.Errorf("the ledger has %d entries, %v; want 23", n, err)
	}
}

// Goal: an effect is in the file before it is answered for, and in order, with many callers at
// once. Method: 64 callers; each reads the file when its call returns.
func TestConcurrentEffectsAreWrittenFirst(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	s, _ := open(t, Options{Path: path})
	var all sync.WaitGroup
	for c := range 64 {
		all.Go(func() {
			for i := range 20 {
				key := fmt.Sprintf("k%d-%d", c, i)
				if err := charge(s, key, "tok_visa"); err != nil {
					t.Error(err)
				}
				if i == 19 && !inFile(path, key) {
					t.Errorf("%s was answered for and is not in the file", key)
				}
			}
		})
	}
	all.Wait()
	last := int64(0)
	for _, e := range entries(t, s) {
		if e.Seq != last+1 {
			t.Fatalf("number %d follows %d", e.Seq, last)
		}
		last = e.Seq
	}
	if last != 64*20 {
		t.Errorf("%d entries", last)
	}
}

func inFile(path, key string) bool {
	found := errors.New("found")
	return errors.Is(ReadLedger(path, func(e Entry) error {
		if e.Key == key {
			return found
		}
		return nil
	}), found)
}

// Goal: a full disk takes no effect's trace away. Method: a file that cannot be written, as when no
// byte is left; then one that can.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	s, _ := open(t, Options{Path: path})
	good := s.journal.file
	bad, err := os.Open(path) // for reading only: every write fails
	if err != nil {
		t.Fatal(err)
	}
	s.journal.file = bad
	if err := charge(s, "a", "tok_visa"); err == nil {
		t.Fatal("the call succeeded without a line in the ledger")
	}
	if _, err := s.Status(context.Background(), payment.Request{Key: "a"}); err == nil {
		t.Fatal("the status answers for what is not in the ledger")
	}
	s.journal.file = good
	out, err := s.Status(context.Background(), payment.Request{Key: "a"})
	if err != nil || out.Verdict != payment.Succeeded {
		t.Fatalf("after there was room: %+v, %v", out, err)
	}
	if got := entries(t, s); len(got) != 1 || got[0].Key != "a" {
		t.Errorf("the ledger holds %+v", got)
	}
}

// Goal: an entry is written as encoding/json would read and write it.
func TestEntryIsJSON(t *testing.T) {
	t.Parallel()
	e := Entry{
		Seq: 7, Key: "k", Payment: "pay_1", Order: "ord_1", Kind: "capture", Amount: -3,
		Currency: "GBP", At: time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC), Ref: "r", Of: "o",
	}
	line, err := appendEntry(nil, &e)
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(e)
	if err != nil || string(line) != string(want)+"\n" {
		t.Errorf("wrote %swant  %s, %v", line, want, err)
	}
	e.Ref = "a\"b"
	if _, err := appendEntry(nil, &e); err == nil {
		t.Error("a quote was written as it is")
	}
}

// Goal: the status tells the truth once its time of lying is over. Method: the tokens that lie.
func TestStatusLiesForAWhile(t *testing.T) {
	t.Parallel()
	for token, lie := range map[string]payment.Verdict{
		"tok_lying_status": payment.Missing, "tok_stale_status": payment.Pending,
	} {
		s, clock := open(t, Options{})
		if err := charge(s, "a", token); err == nil {
			t.Errorf("%s answered", token)
		}
		if out, _ := s.Status(context.Background(), payment.Request{Key: "a"}); out.Verdict != lie {
			t.Errorf("%s: the status is %d, want the lie %d", token, out.Verdict, lie)
		}
		clock.move(6 * time.Minute)
		out, _ := s.Status(context.Background(), payment.Request{Key: "a"})
		if out.Verdict != payment.Succeeded {
			t.Errorf("%s: the status still is %d", token, out.Verdict)
		}
	}
}

// BenchmarkDo measures one honest authorisation with the ledger in a file.
func BenchmarkDo(b *testing.B) {
	s, _ := open(b, Options{Path: filepath.Join(b.TempDir(), "ledger.jsonl")})
	var n sync.Mutex
	next := 0
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n.Lock()
			next++
			key := fmt.Sprintf("%032d", next)
			n.Unlock()
			if err := charge(s, key, "tok_visa"); err != nil {
				b.Error(err)
			}
		}
	})
}
