package fulfilment

import (
	"fmt"
	"slices"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// The bounds of returns.
const (
	// MaxReturnLines bounds the SKUs of one return; a larger parcel takes several.
	MaxReturnLines = 50
	// MaxReturns bounds the returns of one parcel.
	MaxReturns = 100
	// maxInspections bounds the inspections of one return, and so its refunds.
	maxInspections = 100
)

// The verdicts on a unit that came back.
const (
	Restock    = "restock"    // as good as new: back on the shelf
	Scrap      = "scrap"      // worth nothing any more
	Quarantine = "quarantine" // kept apart until somebody knows
)

// Wish is what a customer wants to send back of one SKU, and why.
type Wish struct {
	SKU      shop.SKU `json:"sku"`
	Quantity int64    `json:"quantity" minimum:"1" maximum:"1000000000"`
	Reason   string   `json:"reason" enum:"damaged,wrong_item,not_as_described,unwanted,too_late,other"`
}

// ask decides what a wish to return becomes. It refuses a parcel that has not arrived, one whose
// window has closed, and more than was delivered and is not coming back already. What the SKUs of
// the parcel cost is in shares, in the order of its lines.
func (s *Shipment) ask(
	c *Claims, id shop.ID, wishes []Wish, shares []int64, now time.Time, p Policy,
) (*event.ReturnRequested, error) {
	switch {
	case s.State != Delivered():
		return nil, shop.Errorf(shop.Illegal,
			"parcel %s is %s; only what was delivered can come back", s.ID, s.State)
	case s.Arrived.IsZero():
		return nil, shop.Errorf(shop.Illegal,
			"it is not known when parcel %s arrived; nothing was done", s.ID).
			WithHint("an administrator can give the money back by hand")
	case now.After(s.Arrived.Add(p.ReturnWindow)):
		return nil, shop.Errorf(shop.Illegal,
			"the return window of parcel %s closed at %s; nothing was done", s.ID,
			s.Arrived.Add(p.ReturnWindow).Format(time.RFC3339))
	case len(wishes) == 0 || len(wishes) > MaxReturnLines:
		return nil, shop.Errorf(shop.Invalid, "a return has 1 to %d lines, not %d",
			MaxReturnLines, len(wishes))
	case c.Returns >= MaxReturns:
		return nil, shop.Errorf(shop.Conflict, "a parcel has at most %d returns", MaxReturns)
	}
	f := &event.ReturnRequested{
		Return: id, Order: s.Order, Shipment: s.ID, Customer: s.Customer, Dealer: s.Dealer,
		Payment: s.Payment, Currency: s.Amount.Currency, At: now, AnswerBy: now.Add(p.Answer),
	}
	for i, w := range wishes {
		at := slices.IndexFunc(s.Lines, func(l event.ParcelLine) bool { return l.SKU == w.SKU })
		switch {
		case at < 0:
			return nil, shop.Errorf(shop.Invalid, "parcel %s holds no %s", s.ID, w.SKU)
		case slices.ContainsFunc(wishes[:i], func(o Wish) bool { return o.SKU == w.SKU }):
			return nil, shop.Errorf(shop.Invalid, "%s is named twice", w.SKU)
		case !slices.Contains(event.ReturnReasons(), w.Reason):
			return nil, shop.Errorf(shop.Invalid, "there is no reason %q for a return", w.Reason)
		}
		units := s.Lines[at].Quantity
		if left := units - c.of(w.SKU).Claimed; w.Quantity < 1 || w.Quantity > left {
			return nil, shop.Errorf(shop.Conflict,
				"%d of %s cannot come back: %d were delivered and %d may still be returned",
				w.Quantity, w.SKU, units, left)
		}
		f.Lines = append(f.Lines, event.ReturnLine{
			SKU: w.SKU, Quantity: w.Quantity, Reason: w.Reason, Units: units, Due: shares[at],
		})
	}
	return f, nil
}

// approve decides what follows when the goods may come back. Approving again says nothing new.
func (r *Return) approve(by shop.ID, now time.Time, p Policy) ([]event.Fact, error) {
	switch r.Stage {
	case Asked():
		return []event.Fact{&event.ReturnApproved{
			Return: r.ID, Order: r.Order, Shipment: r.Shipment, By: by,
			ArriveBy: now.Add(p.Arrival),
		}}, nil
	case Allowed():
		return nil, nil
	}
	return nil, r.refuse("approved")
}

// decline decides what follows when the dealer refuses.
func (r *Return) decline(by shop.ID, why string) ([]event.Fact, error) {
	if !slices.Contains(event.DeclineReasons(), why) {
		return nil, shop.Errorf(shop.Invalid, "there is no reason %q to decline a return", why)
	}
	switch r.Stage {
	case Asked():
		return []event.Fact{&event.ReturnDeclined{
			Return: r.ID, Order: r.Order, Shipment: r.Shipment, By: by, Reason: why,
		}}, nil
	case Refused():
		return nil, nil
	}
	return nil, r.refuse("declined")
}

// withdraw decides what follows when the customer keeps the goods: nothing of them may have
// arrived.
func (r *Return) withdraw(by shop.ID) ([]event.Fact, error) {
	switch {
	case r.Stage == Withdrawn():
		return nil, nil
	case r.Stage.Over() || r.Receipts > 0:
		return nil, r.refuse("cancelled")
	}
	return []event.Fact{&event.ReturnCancelled{
		Return: r.ID, Order: r.Order, Shipment: r.Shipment, By: by,
	}}, nil
}

// receive decides what follows when goods arrived: never more than were asked for.
func (r *Return) receive(by shop.ID, items []event.ParcelLine) ([]event.Fact, error) {
	if r.Stage != Allowed() {
		return nil, r.refuse("received")
	}
	if len(items) == 0 || len(items) > MaxReturnLines {
		return nil, shop.Errorf(shop.Invalid, "say what arrived: 1 to %d lines", MaxReturnLines)
	}
	for i, item := range items {
		l := r.line(item.SKU)
		switch {
		case l == nil:
			return nil, shop.Errorf(shop.Invalid, "return %s has no %s", r.ID, item.SKU)
		case slices.ContainsFunc(items[:i], func(o event.ParcelLine) bool {
			return o.SKU == item.SKU
		}):
			return nil, shop.Errorf(shop.Invalid, "%s is named twice", item.SKU)
		case item.Quantity < 1 || item.Quantity > l.awaited():
			return nil, shop.Errorf(shop.Conflict,
				"%d of %s cannot have arrived: return %s awaits %d; nothing was done",
				item.Quantity, item.SKU, r.ID, l.awaited())
		}
	}
	return []event.Fact{&event.ReturnReceived{
		Return: r.ID, Order: r.Order, Shipment: r.Shipment, By: by, Receipt: r.Receipts + 1,
		Items: items,
	}}, nil
}

// judge decides what follows from an inspection: the verdict on units that have arrived, and the
// money for them. It refuses verdicts on more units than wait for one.
func (r *Return) judge(
	c *Claims, by shop.ID, units []event.InspectedUnits,
) ([]event.Fact, error) {
	switch {
	case r.Stage != Allowed():
		return nil, r.refuse("inspected")
	case len(units) == 0 || len(units) > 3*MaxReturnLines:
		return nil, shop.Errorf(shop.Invalid, "say what became of which units")
	case r.Inspections >= maxInspections:
		return nil, shop.Errorf(shop.Conflict, "a return has at most %d inspections",
			maxInspections)
	}
	judged := make(map[shop.SKU]int64, len(units))
	for i, u := range units {
		switch {
		case u.Verdict != Restock && u.Verdict != Scrap && u.Verdict != Quarantine:
			return nil, shop.Errorf(shop.Invalid, "there is no verdict %q on a unit", u.Verdict)
		case slices.ContainsFunc(units[:i], func(o event.InspectedUnits) bool {
			return o.SKU == u.SKU && o.Verdict == u.Verdict
		}):
			return nil, shop.Errorf(shop.Invalid, "%s is to %s twice", u.SKU, u.Verdict)
		case u.Quantity < 1 || u.Quantity > maxUnits:
			return nil, shop.Errorf(shop.Invalid, "%d units of %s cannot be inspected",
				u.Quantity, u.SKU)
		}
		judged[u.SKU] += u.Quantity
	}
	var amount int64
	for sku, n := range judged {
		l := r.line(sku)
		if l == nil {
			return nil, shop.Errorf(shop.Invalid, "return %s has no %s", r.ID, sku)
		}
		if waiting := l.Received - l.inspected(); n > waiting {
			return nil, shop.Errorf(shop.Conflict,
				"%d of %s cannot be inspected: %d arrived and wait; nothing was done",
				n, sku, waiting)
		}
		paid := c.of(sku).Paid
		amount += portion(l.Due, paid+n, l.Units) - portion(l.Due, paid, l.Units)
	}
	f := &event.ReturnInspected{
		Return: r.ID, Order: r.Order, Shipment: r.Shipment, Payment: r.Payment, By: by,
		Inspection: r.Inspections + 1, Units: units,
		Amount: shop.Money{Amount: amount, Currency: r.Currency},
	}
	if amount > 0 {
		f.Refund = RefundID(r.ID, f.Inspection)
	}
	return []event.Fact{f}, nil
}

// maxUnits bounds a quantity, as a movement of stock does.
const maxUnits = 1_000_000_000

// refundPrefix begins the names of the refunds that returns make.
const refundPrefix = "rfn_ret_"

// RefundID names the refund of an inspection of a return.
func RefundID(id shop.ID, inspection int) shop.ID {
	return shop.ID(fmt.Sprintf("rfn_%s_%d", id, inspection))
}

// paid decides what follows when the money of an inspection went back; once.
func (r *Return) paid(refund shop.ID, amount shop.Money) []event.Fact {
	one := r.refund(refund)
	if one == nil || one.State == refundDone {
		return nil
	}
	return []event.Fact{&event.ReturnRefunded{
		Return: r.ID, Order: r.Order, Shipment: r.Shipment, Refund: refund, Amount: amount,
	}}
}

// unpaid decides what follows when the provider refused. Nothing to give back is no refusal: the
// parcel's money went back before, by other hands, and so the return is settled.
func (r *Return) unpaid(refund shop.ID, why string) []event.Fact {
	one := r.refund(refund)
	switch {
	case one == nil || one.State != refundWanted:
		return nil
	case why == NothingLeft:
		return r.paid(refund, shop.Money{Currency: r.Currency})
	}
	return []event.Fact{&event.ReturnUnpaid{
		Return: r.ID, Order: r.Order, Shipment: r.Shipment, Refund: refund, Reason: why,
	}}
}

// NothingLeft is why payment does not even ask the provider: all of the parcel's money is back.
const NothingLeft = "nothing_left"

// lapse decides what follows when the goods had their time to arrive.
func (r *Return) lapse() []event.Fact {
	if r.Stage != Allowed() {
		return nil
	}
	missing := r.count((*ReturnedLine).awaited)
	switch {
	case len(missing) == 0:
		return nil
	case r.Receipts == 0:
		return []event.Fact{r.closed("nothing_arrived")}
	}
	return []event.Fact{&event.ReturnLapsed{
		Return: r.ID, Order: r.Order, Shipment: r.Shipment, Items: missing,
	}}
}

// end closes the return if nothing more is to be expected of it: every unit has arrived or is
// given up, was inspected, and its money is back.
func (r *Return) end() []event.Fact {
	if r.Stage != Allowed() || r.Status() != "inspected" {
		return nil
	}
	for i := range r.Refunds {
		if r.Refunds[i].State != refundDone {
			return nil
		}
	}
	return []event.Fact{r.closed("settled")}
}

func (r *Return) closed(why string) event.Fact {
	return &event.ReturnClosed{
		Return: r.ID, Order: r.Order, Shipment: r.Shipment, Customer: r.Customer, Reason: why,
		Items: r.returned(), Refunded: shop.Money{Amount: r.Refunded(), Currency: r.Currency},
	}
}

func (r *Return) refuse(verb string) error {
	return shop.Errorf(shop.Illegal,
		"return %s is %s and cannot be %s; nothing was done", r.ID, r.Status(), verb)
}
