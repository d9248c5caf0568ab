package verify_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
)

// Goal: a report can be read by people and machines, and a finding leads to the place. Method: one
// history; its own report, and those of copies in which one thing is wrong.
func TestReport(t *testing.T) {
	t.Parallel()
	tp := recorded(t, 40)
	t.Run("a clean one takes a dozen lines", func(t *testing.T) {
		text := tp.verify(t, nil).String()
		lines := strings.Count(text, "\n")
		if !strings.HasPrefix(text, "verify: clean\n") || lines > 12 {
			t.Errorf("%d lines:\n%s", lines, text)
		}
	})
	t.Run("it is plain data", func(t *testing.T) { plainData(t, tp) })
	t.Run("a record leads to its last fact", func(t *testing.T) { lastFact(t, tp) })
	t.Run("findings are few and counted all", func(t *testing.T) {
		bad := tp.copy()
		for i := range bad.events {
			bad.events[i].Correlation += "x"
		}
		bad.records = slices.DeleteFunc(bad.records, func(r platform.Record) bool {
			return strings.HasPrefix(r.Key.Part, "order/ord_")
		})
		for _, i := range bad.verify(t, nil).Invariants {
			if i.ID == "I5" && (len(i.Findings) != 5 || i.Broken < 80) {
				t.Errorf("%d of %d findings are listed", len(i.Findings), i.Broken)
			}
		}
	})
	t.Run("dead letters are open and excuse their orders", func(t *testing.T) { dead(t, tp) })
	t.Run("what waits is not missing", func(t *testing.T) {
		bad := tp.copy()
		drop[*event.OrderCompleted](bad, nil)
		for _, quiescent := range []bool{true, false} {
			r := bad.verify(t, func(in *verify.Input) { in.Quiescent = quiescent })
			if broken(r, "I29") != quiescent {
				t.Errorf("quiescent %t:\n%s", quiescent, r)
			}
		}
	})
	t.Run("the structure alone", func(t *testing.T) { structure(t, tp) })
	t.Run("the envelopes alone", func(t *testing.T) { envelopes(t, tp) })
	t.Run("progress", func(t *testing.T) {
		var last, of int64
		for _, envelopes := range []bool{false, true} {
			tp.verify(t, func(in *verify.Input) {
				in.Envelopes = envelopes
				in.Progress = func(done, total int64) { last, of = done, total }
			})
			if n := int64(len(tp.events)); last != n || of != n {
				t.Errorf("told %d of %d, there are %d", last, of, n)
			}
		}
	})
	t.Run("an old version", func(t *testing.T) { oldVersion(t, tp) })
}

func broken(r *verify.Report, id string) bool {
	return slices.ContainsFunc(r.Invariants, func(i verify.Invariant) bool {
		return i.ID == id && i.Broken > 0
	})
}

func plainData(t *testing.T, tp *tape) {
	r := tp.verify(t, nil)
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back verify.Report
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if back.String() != r.String() || !back.Clean() {
		t.Errorf("read back, it says\n%s", &back)
	}
	if r.Events != int64(len(tp.events)) || r.Records != int64(len(tp.records)) ||
		r.Orders != 43 || r.Money[0].Captured == 0 {
		t.Errorf("it counts wrong:\n%s", r)
	}
}

// lastFact changes an order's record: the finding must name the fact that wrote it last.
func lastFact(t *testing.T, tp *tape) {
	bad := tp.copy()
	key := bad.edits("order/ord_", func(r *platform.Record) bool {
		return field(r, "status", func(json.RawMessage) any { return "expired" })
	})
	var last platform.Event
	pos := 0
	for i, e := range bad.events {
		if e.Subject == key.Part {
			last, pos = e, i+1
		}
	}
	for _, f := range bad.verify(t, nil).Findings() {
		if f.Invariant != "I5" {
			continue
		}
		if f.Event != last.ID || f.Position != int64(pos) {
			t.Errorf("it leads to %s at %d, not to %s at %d", f.Event, f.Position, last.ID, pos)
		}
		return
	}
	t.Error("not found")
}

// dead lets the ledger give up on a capture: the books lack it, and that is open, not broken.
func dead(t *testing.T, tp *tape) {
	bad := tp.copy()
	at, f := find(bad, func(f *event.PaymentCaptured, _ platform.Event) bool {
		return has(bad, func(p *event.LedgerPosted) bool {
			return p.Order == f.Order && p.Kind == "maturity"
		})
	})
	name := "ledger.capture-on-payment-captured"
	i := slices.IndexFunc(bad.status, func(s platform.SubscriptionStatus) bool {
		return s.Name == name
	})
	bad.status[i].DeadLetters = 1
	bad.dead[name] = []platform.DeadLetter{{
		ID: "1", Event: bad.events[at], LastError: "the books are closed",
	}}
	r := bad.verify(t, nil)
	if !r.Clean() || r.Open() != 1 || !strings.Contains(r.String(), "the books are closed") {
		t.Errorf("a dead letter alone:\n%s", r)
	}
	for _, kind := range []string{"maturity", "capture"} {
		drop(bad, func(p *event.LedgerPosted) bool {
			return p.Order == f.Order && p.Kind == kind
		})
	}
	r = bad.verify(t, nil)
	if broken(r, "I9") || r.Open() < 2 {
		t.Errorf("with what is missing because of it:\n%s", r)
	}
}

// structure finds what the structure shows, and nothing else.
func structure(t *testing.T, tp *tape) {
	only := func(in *verify.Input) { in.Structural = true }
	r := tp.verify(t, only)
	if !r.Clean() || len(r.Invariants) != 3 {
		t.Errorf("a clean history:\n%s", r)
	}
	bad := tp.copy()
	bad.counter("inventory/stock/", "onHand", 1)
	if r := bad.verify(t, only); !broken(r, "I5") {
		t.Errorf("a counter was changed:\n%s", r)
	}
	bad = tp.copy()
	at, _ := find[*event.OrderPlaced](bad, nil)
	bad.cut(at, at+1)
	if r := bad.verify(t, only); !broken(r, "I1") || !broken(r, "I7") {
		t.Errorf("an event was lost:\n%s", r)
	}
	bad = tp.copy()
	bad.events[at].Data = []byte("{")
	if r := bad.verify(t, only); !broken(r, "I5") {
		t.Errorf("an event cannot be read:\n%s", r)
	}
}

// envelopes finds what the envelopes show, and reads nothing else.
func envelopes(t *testing.T, tp *tape) {
	only := func(in *verify.Input) { in.Envelopes = true }
	r := tp.verify(t, only)
	if !r.Clean() || len(r.Invariants) != 2 || r.Records != 0 || r.Events == 0 {
		t.Errorf("a clean history:\n%s", r)
	}
	bad := tp.copy()
	at, _ := find[*event.OrderPlaced](bad, nil)
	bad.events[at].Data = []byte("{")
	if r := bad.verify(t, only); !r.Clean() {
		t.Errorf("a payload was read:\n%s", r)
	}
	bad = tp.copy()
	bad.cut(at, at+1)
	if r := bad.verify(t, only); !broken(r, "I1") || !broken(r, "I7") {
		t.Errorf("an event was lost:\n%s", r)
	}
	whole, part := bad.verify(t, nil), bad.verify(t, only)
	for _, i := range part.Invariants {
		at := slices.IndexFunc(whole.Invariants, func(w verify.Invariant) bool {
			return w.ID == i.ID
		})
		if !reflect.DeepEqual(whole.Invariants[at], i) {
			t.Errorf("the whole says %+v, the envelopes say %+v", whole.Invariants[at], i)
		}
	}
}

// oldVersion tells the placing of an order as the first version did: it is brought to the newest,
// and is as good. Only books and counts differ, which took the tax that it does not carry apart.
func oldVersion(t *testing.T, tp *tape) {
	c := tp.copy()
	at, f := find(c, func(f *event.OrderPlaced, _ platform.Event) bool {
		return len(f.Parcels) == 1
	})
	_, made := find(c, func(m *event.OrderCreated, _ platform.Event) bool {
		return m.Order == f.Order
	})
	v1 := &event.OrderPlacedV1{
		Order: f.Order, Customer: f.Customer, Payment: f.Payment, Currency: f.Currency,
		Total: f.Total, Lines: made.Lines, ShipTo: f.ShipTo, Contact: f.Contact,
	}
	c.events[at].Type, c.events[at].Data = v1.Type(), encode(v1)
	r := c.verify(t, nil)
	for _, id := range []string{"I1", "I6", "I7", "I20", "I21", "I28", "I29"} {
		if broken(r, id) {
			t.Errorf("%s:\n%s", id, r)
		}
	}
}

// Goal: a shop that is still busy is judged by what it has done, not by what it has yet to do.
// Method: subscriptions are paused, so their events stay; then people shop.
func TestBusyTown(t *testing.T) {
	t.Parallel()
	d := newTown(t, 90, 2)
	for _, name := range []string{
		"ledger.authorise-on-order-placed", "fulfilment.request-on-order-placed",
		"notification.tell-on-order-cancelled", "analytics.count-on-order-placed",
		"inventory.release-on-order-cancelled", "order.progress-on-payment-voided",
	} {
		d.must(d.w.Raw.Delivery().Pause(t.Context(), name, true))
	}
	d.shop(40)
	d.settle()
	tp := record(t, d)
	r := tp.verify(t, func(in *verify.Input) { in.Quiescent = false })
	if !r.Clean() || len(r.Notes) != 2 {
		t.Errorf("busy:\n%s", r)
	}
	r = tp.verify(t, nil)
	for _, id := range []string{"I9", "I10", "I18", "I29"} {
		if !broken(r, id) {
			t.Errorf("if it is said to be quiet, %s must be broken:\n%s", id, r)
		}
	}
}

// Goal: what cannot be checked is refused. Method: an input without its parts.
func TestRunNeedsItsInput(t *testing.T) {
	t.Parallel()
	if _, err := verify.Run(t.Context(), verify.Input{}); err == nil {
		t.Error("nothing was checked, and nobody complained")
	}
}
