package order

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// MaxPage bounds one page of a list.
const MaxPage = 100

// Get returns an order with its lines, for its customer, an administrator or a machine of the
// operator's; to everybody else it does not exist (NotFound). The address and the email are
// opened for the first two only, and are missing when the person was erased.
func (s *Service) Get(ctx context.Context, id shop.ID) (View, error) {
	by := room.CallerOf(ctx)
	tx := s.desk.Begin(room.Cause{})
	o, err := find(ctx, tx, id, by)
	if err != nil {
		return View{}, err
	}
	b, err := loadBody(ctx, tx, o)
	if err != nil {
		return View{}, err
	}
	v := viewOf(o, b.Lines)
	units, err := returnedOf(ctx, tx, o)
	if err != nil {
		return View{}, err
	}
	showReturned(v.Items, units)
	if units, err = cancelledOf(ctx, tx, o); err != nil {
		return View{}, err
	}
	showCancelled(v.Items, units)
	if v.Edits, err = s.editsOf(ctx, o); err != nil {
		return View{}, fmt.Errorf("list what was added to %s: %w", id, err)
	}
	if v.Tracking, err = trackingOf(ctx, tx, o); err != nil {
		return View{}, err
	}
	if v.Action != nil && by.ID == o.Customer {
		if v.Action.URL, err = s.pageOf(ctx, o); err != nil {
			return View{}, err
		}
	}
	if by.May(room.ServiceRole()) || b.ShipTo == nil || b.Contact == nil {
		return v, nil
	}
	shipTo, err := b.ShipTo.Open(ctx, s.desk.Keys)
	if errors.Is(err, platform.ErrErased) {
		return v, nil
	}
	if err != nil {
		return View{}, fmt.Errorf("open the address of %s: %w", id, err)
	}
	contact, err := b.Contact.Open(ctx, s.desk.Keys)
	if err != nil {
		return View{}, fmt.Errorf("open the contact of %s: %w", id, err)
	}
	v.ShipTo, v.Email = &shipTo, contact.Email
	return v, nil
}

// pageOf opens the address where the customer confirms; "" if there is none, or the person was
// erased.
func (s *Service) pageOf(ctx context.Context, o *Order) (string, error) {
	if o.Confirm.Page.Box == nil {
		return "", nil
	}
	page, err := o.Confirm.Page.Open(ctx, s.desk.Keys)
	if errors.Is(err, platform.ErrErased) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("open where %s is confirmed: %w", o.ID, err)
	}
	return page, nil
}

// Mine is a page of a customer's orders, without their lines. Next is the cursor of the following
// page, "" at the end.
type Mine struct {
	Orders []View
	Next   string
}

// ListMine returns a customer's orders, newest first, at most limit (1 to MaxPage), after the
// cursor. customer is the caller's own id or empty; an administrator or a machine may name
// anybody's.
func (s *Service) ListMine(
	ctx context.Context, customer shop.ID, after string, limit int,
) (Mine, error) {
	by := room.CallerOf(ctx)
	if customer == "" {
		customer = by.ID
	}
	if customer != by.ID && !by.May(room.Admin(), room.ServiceRole()) {
		return Mine{}, shop.Errorf(shop.NotFound, "there is no customer %q for you", customer)
	}
	if _, err := shop.ParseID(string(customer)); err != nil {
		return Mine{}, err
	}
	if limit < 1 || limit > MaxPage {
		return Mine{}, shop.Errorf(shop.Invalid, "a page has 1 to %d orders, not %d",
			MaxPage, limit)
	}
	recs, err := s.desk.Store.List(ctx, platform.Query{
		Part: customerPart(customer), After: after, Limit: limit, Reverse: true,
	})
	if err != nil {
		return Mine{}, fmt.Errorf("list the orders of %s: %w", customer, err)
	}
	page := Mine{Orders: make([]View, 0, len(recs))}
	tx := s.desk.Begin(room.Cause{})
	for _, rec := range recs {
		var m mark
		if err := room.Decode(rec.Value, &m); err != nil {
			return Mine{}, fmt.Errorf("decode %s/%s: %w", rec.Key.Part, rec.Key.Sort, err)
		}
		o, err := load(ctx, tx, m.Order)
		if err != nil {
			return Mine{}, err
		}
		if o != nil {
			page.Orders = append(page.Orders, viewOf(o, nil))
		}
	}
	if len(recs) == limit {
		page.Next = recs[len(recs)-1].Key.Sort
	}
	return page, nil
}

// History returns the facts of an order in their sequence, after the given number, at most limit
// (1 to MaxPage), for whoever may see the order. Personal data in them stays sealed, and to a
// customer the market's commissions are not shown.
func (s *Service) History(
	ctx context.Context, id shop.ID, after int64, limit int,
) ([]event.CloudEvent, error) {
	if limit < 1 || limit > MaxPage {
		return nil, shop.Errorf(shop.Invalid, "a page has 1 to %d events, not %d", MaxPage, limit)
	}
	by := room.CallerOf(ctx)
	if _, err := find(ctx, s.desk.Begin(room.Cause{}), id, by); err != nil {
		return nil, err
	}
	facts, err := s.desk.History.Subject(ctx, Subject(id), after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", id, err)
	}
	page := make([]event.CloudEvent, len(facts))
	for i, e := range facts {
		page[i] = room.CloudEvent(e)
		if !by.May(room.Customer()) {
			continue
		}
		if page[i].Data, err = withoutShares(e.Data); err != nil {
			return nil, fmt.Errorf("show event %s: %w", e.ID, err)
		}
	}
	return page, nil
}

// withoutShares is a fact without the market's share of it, which is between the market and its
// dealers and not for their customers.
func withoutShares(data []byte) ([]byte, error) {
	var fact any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&fact); err != nil {
		return nil, err
	}
	hideShares(fact)
	return json.Marshal(fact)
}

func hideShares(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "commission")
		delete(v, "commissionBps")
		for _, member := range v {
			hideShares(member)
		}
	case []any:
		for _, element := range v {
			hideShares(element)
		}
	}
}

// Subject is the subject of an order's facts.
func Subject(id shop.ID) string { return (&event.OrderCreated{Order: id}).Subject() }

// Due is what payment wants to know of an order.
type Due struct {
	Order    shop.ID
	Customer shop.ID
	Method   shop.ID // the reference to the card
	Amount   shop.Money
	Pending  bool // the order still waits for its money
	Parcels  int
	Cards    int // that may be tried; 0 is one
}

// Due answers payment's question, by one read of one record; between processes it is answered by
// read-only keys. NotFound if there is no such order.
func (s *Service) Due(ctx context.Context, id shop.ID) (Due, error) {
	o, err := load(ctx, s.desk.Begin(room.Cause{}), id)
	if err != nil {
		return Due{}, err
	}
	if o == nil {
		return Due{}, noSuch(id)
	}
	return Due{
		Order: o.ID, Customer: o.Customer, Method: o.Method, Amount: o.money(o.Total),
		Pending: o.Status == PendingPayment(), Parcels: o.Parcels, Cards: o.Cards,
	}, nil
}

// Frozen answers fulfilment's question: the lines of an order as they were frozen at checkout.
// Between processes it is answered by read-only keys. NotFound if there is no such order.
func (s *Service) Frozen(ctx context.Context, id shop.ID) ([]event.OrderLine, error) {
	tx := s.desk.Begin(room.Cause{})
	o, err := load(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	if o == nil {
		return nil, noSuch(id)
	}
	b, err := loadBody(ctx, tx, o)
	return b.Lines, err
}
