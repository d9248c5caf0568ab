package verify

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/payment"
)

// comeback is a return as its facts tell it.
type comeback struct {
	id       shop.ID
	shipment shop.ID
	stage    string    // "requested", "approved" or "over"
	by       time.Time // of the two below, the one that it waits for
	answerBy time.Time
	arriveBy time.Time // zero until it is approved
	lines    []backLine
	sums     []repayment
	restocks []restock
	at       place
}

// backLine is the units of one SKU in a return.
type backLine struct {
	sku                                 shop.SKU
	asked, missing, received, inspected int64
	units, due                          int64
}

// repayment is the money of one inspection.
type repayment struct {
	refund shop.ID
	amount int64 // that was to go back
	asked  int64 // of the provider
	heard  bool  // by the return
	known  bool  // intended, or refused by us
	at     place
}

// restock is units that an inspection puts on the shelf.
type restock struct {
	inspection int
	sku        shop.SKU
	left       int64 // to be moved
	at         place
}

// comes looks at what is about goods that come back.
func (b *books) comes(it *item, l *life) {
	switch f := it.fact.(type) {
	case *event.ReturnRequested:
		b.returnAsked(it, l, f)
	case *event.ReturnApproved:
		if r := b.returnOf(it, l, f.Return, "requested"); r != nil {
			r.stage, r.by, r.arriveBy = "approved", f.ArriveBy, f.ArriveBy
		}
	case *event.ReturnDeclined:
		b.returnOver(it, l, f.Return, "requested")
	case *event.ReturnCancelled:
		b.returnOver(it, l, f.Return, "requested", "approved")
	case *event.ReturnReceived:
		b.returnCame(it, l, f)
	case *event.ReturnInspected:
		b.returnJudged(it, l, f)
	case *event.ReturnRefunded:
		b.returnPaid(it, l, f)
	case *event.ReturnLapsed:
		b.returnLapsed(it, l, f)
	case *event.ReturnClosed:
		b.returnClosed(it, l, f)
	case *event.StockMoved:
		b.restocked(it, l, f)
	case *event.PaymentIntended:
		b.repaid(it, l, f)
	case *event.OrderReturnMoved:
		b.orders.returnMoved(it, l, f)
	}
}

// returnOf finds a return that must be in one of some stages.
func (b *books) returnOf(it *item, l *life, id shop.ID, stages ...string) *comeback {
	b.check(returns)
	r := l.comeback(id)
	switch {
	case r == nil:
		b.broken(returns, it.at, "nobody asked for this return", "return", id, "order", l.id,
			"type", it.e.Type)
	case !slices.Contains(stages, r.stage):
		b.broken(returns, it.at, "a return goes a way that there is not",
			"return", id, "stage", r.stage, "type", it.e.Type)
	}
	return r
}

func (b *books) returnOver(it *item, l *life, id shop.ID, from ...string) {
	if r := b.returnOf(it, l, id, from...); r != nil {
		r.stage = "over"
	}
}

// returnAsked notes what is to come back. Whether it may is looked at now, or, where the log does
// not say what was before, when all of the order was seen.
func (b *books) returnAsked(it *item, l *life, f *event.ReturnRequested) {
	r := comeback{
		id: f.Return, shipment: f.Shipment, stage: "requested", at: it.at,
		by: f.AnswerBy, answerBy: f.AnswerBy,
	}
	for _, line := range f.Lines {
		r.lines = append(r.lines, backLine{
			sku: line.SKU, asked: line.Quantity, units: line.Units, due: line.Due,
		})
	}
	l.returns = append(l.returns, r)
	if b.ordered {
		b.judgeReturn(l, &l.returns[len(l.returns)-1])
	}
}

// judgeReturn requires that the goods were delivered, that no unit is claimed twice, and that what
// was paid for them is what the order froze.
func (b *books) judgeReturn(l *life, r *comeback) {
	b.check(returns)
	q, n := l.parcel(r.shipment)
	if q == nil || q.way != delivered || l.created == nil {
		b.broken(returns, r.at, "a return of what was not delivered", "return", r.id,
			"shipment", r.shipment)
		return
	}
	shares := b.sharesOf(l, n)
	for _, line := range r.lines {
		want := shares[line.sku]
		if line.units != want.units || line.due != want.due {
			b.broken(returns, r.at, "a return is worth another amount than was paid",
				"return", r.id, "sku", line.sku, "due", line.due, "paid", want.due,
				"units", line.units, "delivered", want.units)
		}
		var claimed int64
		for i := range l.returns {
			if l.returns[i].shipment == r.shipment {
				claimed += l.returns[i].claims(line.sku)
			}
		}
		if claimed > want.units {
			b.broken(returns, r.at, "more comes back than was delivered", "return", r.id,
				"sku", line.sku, "claimed", claimed, "delivered", want.units)
		}
	}
}

// claims counts the units of a SKU that a return takes back, or may.
func (r *comeback) claims(sku shop.SKU) int64 {
	l := r.line(sku)
	switch {
	case l == nil:
		return 0
	case r.stage == "over":
		return l.received
	}
	return l.asked - l.missing
}

func (r *comeback) line(sku shop.SKU) *backLine {
	for i := range r.lines {
		if r.lines[i].sku == sku {
			return &r.lines[i]
		}
	}
	return nil
}

// worth is what was paid for all units of a SKU in a parcel.
type worth struct{ units, due int64 }

// sharesOf divides what the n-th parcel cost over its SKUs, as the order froze it.
func (b *books) sharesOf(l *life, n int) map[shop.SKU]worth {
	p := &l.plan[n-1]
	goods := make(map[shop.SKU]worth)
	for _, line := range l.created.Lines {
		if line.Dealer == p.Dealer {
			g := goods[line.SKU]
			goods[line.SKU] = worth{g.units + line.Quantity, g.due + line.Amount}
		}
	}
	weights := make([]int64, len(p.Lines))
	for i, line := range p.Lines {
		g := goods[line.SKU]
		weights[i] = partOf(g.due, line.Quantity, g.units)
	}
	shares := make(map[shop.SKU]worth, len(p.Lines))
	parts, err := shop.Money{Amount: p.Amount}.Allocate(weights)
	if err != nil {
		return shares // the order has a finding
	}
	for i, line := range p.Lines {
		shares[line.SKU] = worth{line.Quantity, parts[i].Amount}
	}
	return shares
}

func (b *books) returnCame(it *item, l *life, f *event.ReturnReceived) {
	r := b.returnOf(it, l, f.Return, "approved")
	if r == nil {
		return
	}
	for _, i := range f.Items {
		line := r.line(i.SKU)
		if line == nil || line.received+i.Quantity > line.asked-line.missing {
			b.broken(returns, it.at, "more arrives than was to come back", "return", f.Return,
				"sku", i.SKU, "quantity", i.Quantity)
			continue
		}
		line.received += i.Quantity
	}
}

func (b *books) returnLapsed(it *item, l *life, f *event.ReturnLapsed) {
	r := b.returnOf(it, l, f.Return, "approved")
	if r == nil {
		return
	}
	b.check(timers)
	if it.e.Time.Before(r.by) {
		b.broken(timers, it.at, "goods are given up before their time", "return", f.Return,
			"until", r.by)
	}
	for _, i := range f.Items {
		line := r.line(i.SKU)
		if line == nil || line.received+i.Quantity != line.asked-line.missing {
			b.broken(returns, it.at, "what is missing is not what was awaited", "return", f.Return,
				"sku", i.SKU, "quantity", i.Quantity)
			continue
		}
		line.missing += i.Quantity
	}
}

// returnJudged requires that only what arrived is judged, each unit once, and that the money is the
// frozen share of those units: of the units of all returns so far, less that of those before.
func (b *books) returnJudged(it *item, l *life, f *event.ReturnInspected) {
	r := b.returnOf(it, l, f.Return, "approved")
	if r == nil {
		return
	}
	var amount int64
	for _, u := range f.Units {
		line := r.line(u.SKU)
		if line == nil || line.inspected+u.Quantity > line.received {
			b.broken(returns, it.at, "a verdict on units that did not arrive", "return", f.Return,
				"sku", u.SKU, "quantity", u.Quantity)
			continue
		}
		var before int64
		for i := range l.returns {
			if other := l.returns[i].line(u.SKU); other != nil &&
				l.returns[i].shipment == f.Shipment {
				before += other.inspected
			}
		}
		line.inspected += u.Quantity
		amount += partOf(line.due, before+u.Quantity, line.units) -
			partOf(line.due, before, line.units)
		if u.Verdict == "restock" {
			r.restocks = append(r.restocks, restock{f.Inspection, u.SKU, u.Quantity, it.at})
		}
	}
	if amount != f.Amount.Amount {
		b.broken(returns, it.at, "what goes back is not what was paid", "return", f.Return,
			"amount", f.Amount.Amount, "paid", amount)
	}
	if f.Refund != "" {
		r.sums = append(r.sums, repayment{
			refund: f.Refund, amount: f.Amount.Amount, at: it.at,
		})
	}
}

// partOf is what count of so many units cost of what all cost, rounded down.
func partOf(due, count, units int64) int64 {
	if count >= units {
		return due
	}
	hi, lo := bits.Mul64(uint64(due), uint64(count))
	q, _ := bits.Div64(hi, lo, uint64(units))
	return int64(q)
}

// restocked requires that units which came back are put on the shelf once.
func (b *books) restocked(it *item, l *life, f *event.StockMoved) {
	if f.Return == "" {
		return
	}
	b.check(returns)
	for i := range l.returns {
		r := &l.returns[i]
		for j := range r.restocks {
			s := &r.restocks[j]
			name := string(r.id) + "_" + strconv.Itoa(s.inspection) + "_"
			if s.sku == f.SKU && strings.HasPrefix(string(f.Movement), name) && r.id == f.Return {
				s.left -= f.Quantity
				if s.left < 0 {
					b.broken(returns, it.at, "units of a return are put on the shelf twice",
						"return", f.Return, "sku", f.SKU, "quantity", f.Quantity)
				}
				return
			}
		}
	}
	b.broken(returns, it.at, "units are put on the shelf that no return brought back",
		"return", f.Return, "sku", f.SKU)
}

// repayment finds the money of an inspection by its refund.
func (l *life) repayment(refund shop.ID) *repayment {
	for i := range l.returns {
		for j := range l.returns[i].sums {
			if s := &l.returns[i].sums[j]; s.refund == refund {
				return s
			}
		}
	}
	return nil
}

// repaid requires that the provider is asked for what an inspection promised, or for all that is
// left of the parcel's money. It is looked at before the intent is kept.
func (b *books) repaid(it *item, l *life, f *event.PaymentIntended) {
	if f.Operation != payment.Refund || !strings.HasPrefix(string(f.Refund), "rfn_ret_") {
		return
	}
	b.check(returns)
	s := l.repayment(f.Refund)
	if s == nil {
		b.broken(returns, it.at, "money goes back for goods that nobody inspected",
			"refund", f.Refund, "order", l.id)
		return
	}
	want := s.amount
	if f.Attempt > 1 {
		want = s.asked
	} else if q, _ := l.parcel(f.Shipment); q != nil {
		want = min(want, q.captured-q.refunded-l.purse.underway(f.Shipment, f.Key))
	}
	s.asked, s.known = f.Amount.Amount, true
	if f.Amount.Amount != want {
		b.broken(returns, it.at, "a refund is not what the inspection allows",
			"refund", f.Refund, "amount", f.Amount.Amount, "allowed", want)
	}
}

// underway adds up the refunds of a parcel that have no answer yet, but for one.
func (p *purse) underway(shipment shop.ID, but string) int64 {
	var sum int64
	for i := range p.ops {
		if o := &p.ops[i]; o.kind == payment.Refund && o.shipment == shipment && o.open() &&
			o.key != but {
			sum += o.amount
		}
	}
	return sum
}

// refundRefused follows a refund that was refused by us, without asking the provider, because all
// of the parcel's money had gone back before.
func (m *money) refundRefused(it *item, l *life, f *event.PaymentRefundFailed) {
	o := l.purse.op(f.Key)
	s := l.repayment(f.Refund)
	if o == nil && s != nil && !s.known && f.Reason == "nothing_left" {
		s.known = true
		l.purse.ops = append(l.purse.ops, op{
			key: f.Key, kind: payment.Refund, refund: f.Refund, stage: refused, at: it.at,
		})
		return
	}
	if o = m.answered(it, l, o, payment.Refund); o != nil {
		m.about(it, l, f.Refund == o.refund)
		o.stage = refused
	}
}

func (b *books) returnPaid(it *item, l *life, f *event.ReturnRefunded) {
	r := b.returnOf(it, l, f.Return, "approved")
	s := l.repayment(f.Refund)
	if r == nil {
		return
	}
	if s == nil || s.heard || f.Amount.Amount != s.asked {
		b.broken(returns, it.at, "a return is paid what was not asked for", "return", f.Return,
			"refund", f.Refund, "amount", f.Amount.Amount)
	}
	if s != nil {
		s.heard = true
	}
}

// returnClosed requires that nothing is left to be done for a return.
func (b *books) returnClosed(it *item, l *life, f *event.ReturnClosed) {
	r := b.returnOf(it, l, f.Return, "approved")
	if r == nil {
		return
	}
	var came, went int64
	for i := range r.lines {
		line := &r.lines[i]
		came += line.received
		if f.Reason == "settled" &&
			(line.inspected != line.received || line.received != line.asked-line.missing) {
			b.broken(returns, it.at, "a return is closed before its end", "return", f.Return,
				"sku", line.sku)
		}
	}
	for i := range r.sums {
		went += r.sums[i].asked
		if !r.sums[i].heard {
			b.broken(returns, it.at, "a return is closed before its money is back",
				"return", f.Return, "refund", r.sums[i].refund)
		}
	}
	if went != f.Refunded.Amount || f.Reason == "nothing_arrived" && came > 0 {
		b.broken(returns, it.at, "a return ends with what did not happen", "return", f.Return,
			"refunded", f.Refunded.Amount, "went", went, "received", came)
	}
	r.stage = "over"
}

// returnsEnd requires, once all is quiet, that what follows from a return did, and that none waits
// beyond its time.
func (b *books) returnsEnd(l *life) {
	if !b.quiescent {
		return
	}
	for i := range l.returns {
		r := &l.returns[i]
		b.check(returns)
		if r.stage != "over" && b.census.now.After(r.by.Add(grace)) && r.waits() {
			b.owed(termination, l, "a return waits beyond its time", "return", r.id,
				"stage", r.stage, "until", r.by)
		}
		for _, s := range r.restocks {
			if s.left > 0 {
				b.owed(returns, l, "units that came back are not on the shelf", "return", r.id,
					"sku", s.sku, "units", s.left)
			}
		}
		for _, s := range r.sums {
			if !s.known {
				b.owed(returns, l, "nobody was asked to give the money of a return back",
					"return", r.id, "refund", s.refund)
			}
		}
		heard := 0
		for _, c := range l.head.returns {
			if c.id == r.id {
				heard = c.stage
			}
		}
		want := map[string]int{"requested": 1, "approved": 2, "over": 3}[r.stage]
		if heard != want {
			b.owed(effectsOnce, l, "the order did not hear of a return", "return", r.id,
				"stage", r.stage)
		}
	}
}

// waits reports whether a return waits for what its timer is about.
func (r *comeback) waits() bool {
	for i := range r.lines {
		if l := &r.lines[i]; l.asked > l.missing+l.received {
			return true
		}
	}
	return false
}

// coming is how far an order has heard of a return.
type coming struct {
	id    shop.ID
	stage int
}

// returnMoved requires that the return axis is what the returns so far make it.
func (o *orders) returnMoved(it *item, l *life, f *event.OrderReturnMoved) {
	o.check(transitions)
	h := &l.head
	kind, ref, _ := strings.Cut(f.Cause, "/")
	for _, i := range f.Items {
		h.cameBack += i.Quantity
	}
	stage := map[string]int{
		"fulfilment.return_requested": 1, "fulfilment.return_approved": 2,
		"fulfilment.return_declined": 3, "fulfilment.return_cancelled": 3,
		"fulfilment.return_closed": 3,
	}[kind]
	if stage > 0 {
		at := slices.IndexFunc(h.returns, func(c coming) bool { return c.id == shop.ID(ref) })
		if at < 0 {
			at = len(h.returns)
			h.returns = append(h.returns, coming{id: shop.ID(ref)})
		}
		if stage <= h.returns[at].stage {
			o.twice(it, l, f.Cause)
		}
		h.returns[at].stage = stage
	}
	if f.Units != h.cameBack || f.Return != h.returnAxis(l) || stage == 0 && !f.Closed {
		o.broken(transitions, it.at, "the return axis moves to where no return leads",
			"order", l.id, "axis", f.Return, "expected", h.returnAxis(l), "units", f.Units,
			"returned", h.cameBack, "cause", f.Cause)
	}
}

// returning counts the returns of which the order has heard by how far they are.
func (h *head) returning() (asked, moving int) {
	for _, c := range h.returns {
		switch c.stage {
		case 1:
			asked++
		case 2:
			moving++
		}
	}
	return asked, moving
}

func (h *head) returnAxis(l *life) string {
	asked, moving := h.returning()
	var units int64
	if l.created != nil {
		for _, line := range l.created.Lines {
			units += line.Quantity
		}
	}
	switch {
	case moving > 0:
		return order.ReturnInProgress().String()
	case asked > 0:
		return order.ReturnRequested().String()
	case h.cameBack == 0:
		return order.NoReturn().String()
	case h.cameBack < units:
		return order.PartlyReturned().String()
	}
	return order.Returned().String()
}
