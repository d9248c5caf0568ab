package payment_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
	"pgregory.net/rapid"
)

// Goal: whatever the provider does and wherever the process dies, nobody is charged twice, our
// books and the provider's agree but for open cases, and everything is resolved once the provider
// is honest (I23 to I26). Method: random schedules of the sandbox's behaviours, random
// interleavings of deliveries, doubled deliveries, deaths before and after commits and calls, time,
// webhooks, cancellations, parcels, refunds, confirmations and approvals; then an honest provider
// for an hour, and an audit.
func TestCampaign(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		st := newStage(t)
		schedule := sandbox.Schedule{
			Seed:    rapid.Uint64().Draw(t, "seed"),
			Percent: rapid.IntRange(0, 100).Draw(t, "percent"),
		}
		st.plan = schedule.Plan
		c := &campaign{stage: st, orders: rapid.IntRange(1, 3).Draw(t, "orders")}
		for i := range c.orders {
			st.checkout(orderNo(i), "tok_visa", 1000)
		}
		for range rapid.IntRange(5, 60).Draw(t, "steps") {
			c.step(t)
		}
		st.plan = nil
		st.rest(time.Hour)
		audit(t, st)
	})
}

type campaign struct {
	*stage
	orders  int
	refunds int
}

func orderNo(i int) shop.ID { return shop.ID(fmt.Sprintf("ord_%d", i)) }

func (c *campaign) step(t *rapid.T) {
	order := orderNo(rapid.IntRange(0, c.orders-1).Draw(t, "order"))
	switch rapid.IntRange(0, 14).Draw(t, "step") {
	case 0, 1, 2, 3, 4:
		if len(c.queue) > 0 {
			how := crash(rapid.SampledFrom([]int{0, 0, 0, 0, 1, 2, 3, 4}).Draw(t, "crash"))
			c.deliver(rapid.IntRange(0, len(c.queue)-1).Draw(t, "event"), how)
		}
	case 5:
		if len(c.log) > 0 {
			c.again(rapid.IntRange(0, len(c.log)-1).Draw(t, "again"))
		}
	case 6, 7:
		c.pass(time.Duration(rapid.IntRange(100, 60_000).Draw(t, "ms")) * time.Millisecond)
	case 8:
		c.cancel(order)
	case 9, 10:
		if c.granted(order) {
			n := rapid.IntRange(1, 2).Draw(t, "parcel")
			c.pack(order, shop.ID(fmt.Sprintf("shp_%s_%d", order[4:], n)), 500)
		}
	case 11:
		c.sandbox.Deliver(context.Background(), c.receive)
	case 12:
		c.refund(t, order)
	case 13:
		c.confirm(order)
	case 14: // whatever was refused so far, old and new
		c.approve(order, 1, refusals(c.facts(), order)...)
	}
}

// granted reports whether the order would be placed by now, so that its parcels can be packed.
func (c *campaign) granted(order shop.ID) bool {
	for _, f := range c.facts() {
		if a, ok := f.(*event.PaymentAuthorized); ok && a.Order == order {
			return true
		}
	}
	return false
}

func (c *campaign) refund(t *rapid.T, order shop.ID) {
	c.refunds++
	in := &payment.PostRefundIn{ID: string(payment.Of(order)), Key: fmt.Sprint("k", c.refunds)}
	in.Body.Refund = c.refused(order)
	if in.Body.Refund == "" || rapid.Bool().Draw(t, "another") {
		in.Body.Refund, in.Body.Shipment = "", shop.ID(fmt.Sprintf("shp_%s_%d", order[4:], 1))
		in.Body.Amount = gbp(int64(rapid.IntRange(1, 600).Draw(t, "refund")))
	}
	_, err := c.live.service.PostRefund(admin(), in)
	switch shop.CodeOf(err) {
	case shop.NotFound, shop.Illegal, shop.Conflict, shop.Invalid:
	default:
		if err != nil {
			t.Fatalf("refund: %v", err)
		}
	}
}

// refused names a refund of the order that was refused once; "" if there is none.
func (c *campaign) refused(order shop.ID) shop.ID {
	for _, f := range c.facts() {
		if f, ok := f.(*event.PaymentRefundFailed); ok && f.Order == order {
			return f.Refund
		}
	}
	return ""
}

func (c *campaign) confirm(order shop.ID) {
	p, err := c.live.service.Payment(context.Background(), payment.Of(order))
	if err != nil {
		return
	}
	for _, op := range p.Operations {
		_ = c.sandbox.Confirm(op.Key) // refused unless the customer is waited for
	}
}

func admin() context.Context {
	return room.WithCaller(context.Background(), room.Caller{ID: "adm_1", Role: room.Admin()})
}

// move is money that moved, as one side's books have it.
type move struct {
	payment  shop.ID
	kind     string
	key      string
	amount   int64
	currency shop.Currency
}

// audit compares the room's facts and records with the provider's own ledger.
func audit(t *rapid.T, st *stage) {
	st.fold()
	cases := openCases(t, st)
	ours := map[move]int{}
	for _, f := range st.facts() {
		if m, ok := moved(st, f); ok {
			ours[m]++
		}
	}
	theirs := map[move]int{}
	for _, e := range st.ledger() {
		switch e.Kind {
		case "lapse": // what is free already is not freed by our void
			free(ours, e)
			continue
		case "chargeback", "refund_reversal": // known if their webhook came: see TestReversals
			continue
		}
		m := move{e.Payment, e.Kind, e.Key, e.Amount, e.Currency}
		theirs[m]++
		if theirs[m] > 1 {
			t.Fatalf("the provider moved the same money twice: %+v", e)
		}
	}
	for m, n := range ours { // I24
		if theirs[m] != n && !cases[m.key] {
			t.Fatalf("our books have %d of %+v, the provider's %d: %s", n, m, theirs[m], story(st))
		}
	}
	for m, n := range theirs {
		if ours[m] != n && !cases[m.key] {
			t.Fatalf("the provider's books have %d of %+v, ours %d", n, m, ours[m])
		}
	}
	for order, due := range st.orders {
		auditPayment(t, st, order, due, cases)
	}
	auditOrder(t, st)
}

// free takes our void of a lapsed authorisation out of the comparison.
func free(ours map[move]int, e sandbox.Entry) {
	for m := range ours {
		if m.payment == e.Payment && m.kind == "void" {
			delete(ours, m)
		}
	}
}

func openCases(t *rapid.T, st *stage) map[string]bool {
	list, _, err := st.live.service.Cases(context.Background(), "", 1000)
	if err != nil {
		t.Fatalf("list cases: %v", err)
	}
	keys := map[string]bool{}
	for _, c := range list {
		keys[c.Key] = true
	}
	return keys
}

// moved says what money a fact says has moved.
func moved(st *stage, f event.Fact) (move, bool) {
	key := func(id shop.ID, kind string, attempt int) string {
		p, _ := st.live.service.Payment(context.Background(), id)
		for _, op := range p.Operations {
			if op.Kind == kind && op.Attempt == attempt {
				return op.Key
			}
		}
		return ""
	}
	var m move
	var amount shop.Money
	switch f := f.(type) {
	case *event.PaymentAuthorized:
		m = move{payment: f.Payment, kind: "authorise", key: key(f.Payment, "authorise", f.Attempt)}
		amount = f.Amount
	case *event.PaymentCaptured:
		m, amount = move{payment: f.Payment, kind: "capture", key: f.Key}, f.Amount
	case *event.PaymentVoided:
		m = move{payment: f.Payment, kind: "void", key: key(f.Payment, "void", 1)}
		amount = f.Amount
	case *event.PaymentRefunded:
		m, amount = move{payment: f.Payment, kind: "refund", key: f.Key}, f.Amount
	}
	m.amount, m.currency = amount.Amount, amount.Currency
	return m, amount.Amount > 0
}

// auditPayment checks the bounds (I23), that nothing is left open but with a case (I25), and that
// the money of an order that ended is free or back (I26).
func auditPayment(
	t *rapid.T, st *stage, order shop.ID, due *payment.Due, cases map[string]bool,
) {
	p := st.payment(order)
	if p.Captured > p.Authorised || p.Refunded > p.Captured || p.Voided > p.Authorised-p.Captured {
		t.Fatalf("%s is out of bounds: %+v", order, p)
	}
	inCase, granted, refused := false, 0, false
	for _, op := range p.Operations {
		inCase = inCase || op.Case
		if op.Case != cases[op.Key] {
			t.Fatalf("the list of cases and %s disagree about %+v", order, op)
		}
		if (op.State == "intended" || op.State == "unresolved") && !op.Case && !waits(p, op) {
			t.Fatalf("nobody knows of the %s of %s: %+v", op.Kind, order, p.Operations)
		}
		if op.Kind == "authorise" && op.State == "done" {
			granted++
		}
		refused = refused || op.Kind == "refund" && op.State == "refused"
	}
	for _, part := range p.Parts {
		if part.Refunded > part.Captured || part.Captured > 500 { // each parcel is of 500
			t.Fatalf("a shipment of %s is out of bounds: %+v", order, part)
		}
	}
	if granted > 1 {
		t.Fatalf("%s was authorised %d times", order, granted)
	}
	auditRefunds(t, p)
	ended := !due.Open && !inCase && !refused && p.Granted
	if ended && (p.Captured != p.Refunded || p.Voided != p.Authorised-p.Captured) {
		t.Fatalf("%s has ended and its money is not back: %+v", order, p)
	}
}

// auditRefunds checks that somebody is told of each refund that was refused, once, until it was
// made or nothing of the parcel's money is left.
func auditRefunds(t *rapid.T, p *payment.Payment) {
	made, cases := map[shop.ID]bool{}, map[shop.ID]int{}
	for _, op := range p.Operations {
		if op.Kind == "refund" && op.State == "done" {
			made[op.Refund] = true
		}
		if op.Kind == "refund" && op.State == "refused" && op.Case {
			cases[op.Refund]++
		}
	}
	for _, op := range p.Operations {
		if op.Kind != "refund" || op.State != "refused" || made[op.Refund] {
			continue
		}
		left := false
		for _, part := range p.Parts {
			left = left || part.Shipment == op.Shipment && part.Refunded < part.Captured
		}
		if n := cases[op.Refund]; left && n != 1 {
			t.Fatalf("%d cases about the refused %s: %+v", n, op.Refund, p.Operations)
		}
	}
}

// waits reports whether an operation stands behind one with an open case.
func waits(p *payment.Payment, op payment.Operation) bool {
	if op.Kind != "void" {
		return false
	}
	for _, o := range p.Operations {
		if o.Case {
			return true
		}
	}
	return false
}

// auditOrder checks in the provider's ledger that nothing is captured after a void, nor more than
// is there.
func auditOrder(t *rapid.T, st *stage) {
	type sums struct{ authorised, captured, refunded int64 }
	per := map[shop.ID]*sums{}
	ended := map[shop.ID]bool{}
	for _, e := range st.ledger() {
		s := per[e.Payment]
		if s == nil {
			s = &sums{}
			per[e.Payment] = s
		}
		switch e.Kind {
		case "authorise":
			s.authorised += e.Amount
		case "void":
			ended[e.Payment] = true
		case "capture":
			s.captured += e.Amount
			if ended[e.Payment] {
				t.Fatalf("captured after the void: %+v", e)
			}
		case "refund":
			s.refunded += e.Amount
		}
		if s.authorised > 1000 || s.captured > s.authorised || s.refunded > s.captured {
			t.Fatalf("the provider's books are out of bounds at %+v: %+v", e, *s)
		}
	}
}

// story prints the room's log and the provider's ledger.
func story(st *stage) string {
	var text strings.Builder
	for _, e := range st.log {
		fmt.Fprintf(&text, "\n%s %s", e.Type, e.Data)
	}
	for _, e := range st.ledger() {
		fmt.Fprintf(&text, "\n%+v", e)
	}
	return text.String()
}
