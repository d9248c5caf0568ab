package order

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// The room's records:
//
//	<order>              head           the Order; the only record that changes
//	<order>              body/<nnn>     its lines, maxChunk a record, and its sealed personal data
//	<order>              cause/<fact>   that a fact which the head has no place for was counted
//	<order>              return/<return> how far a return of it is: coming
//	<order>              seen/<nn>      where a carrier saw a parcel last
//	<order>              back           what came back, by SKU
//	<order>              cancelled      what was cancelled of it, by SKU
//	<order>              edit/<order>   what was added to it: edit
//	<order>              note/<nnn>     what somebody wrote down about it: note
//	<order>              notes          how many of those there are
//	customer/<customer>  <time>#<order> that the customer has the order, by time of checkout
//	cart/<customer>      <cart>         the order that the cart became
//	~cart/<customer>     <cart>         what is in a cart that may still change: a note

// idPrefix begins the id of every order; what follows is shared with its payment and shipments.
const idPrefix = "ord_"

// maxChunk is how many lines one body record holds.
const maxChunk = 250

// body is one chunk of what was frozen at checkout. Only the first has the personal data.
type body struct {
	Lines   []event.OrderLine           `json:"lines"`
	ShipTo  *shop.Sealed[shop.Address]  `json:"shipTo,omitempty"`
	Contact *shop.Sealed[event.Contact] `json:"contact,omitempty"`
}

// Clone implements room.Kept.
func (b *body) Clone() any {
	c := *b
	c.Lines = slices.Clone(b.Lines)
	c.ShipTo, c.Contact = clonePtr(b.ShipTo), clonePtr(b.Contact)
	return &c
}

func clonePtr[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

// Clone implements room.Kept.
func (o *Order) Clone() any {
	c := *o
	c.Refused = slices.Clone(o.Refused)
	return &c
}

// mark says only that something is so.
type mark struct {
	Order shop.ID `json:"order"`
}

func headKey(id shop.ID) platform.Key { return platform.Key{Part: string(id), Sort: "head"} }

func bodyKey(id shop.ID, chunk int) platform.Key {
	return platform.Key{Part: string(id), Sort: fmt.Sprintf("body/%03d", chunk)}
}

func causeKey(id shop.ID, cause string) platform.Key {
	return platform.Key{Part: string(id), Sort: "cause/" + cause}
}

func comingKey(id, ret shop.ID) platform.Key {
	return platform.Key{Part: string(id), Sort: "return/" + string(ret)}
}

func backKey(id shop.ID) platform.Key { return platform.Key{Part: string(id), Sort: "back"} }

func customerPart(customer shop.ID) string { return "customer/" + string(customer) }

// customerKey sorts by time; the fixed width makes bytes compare as times do.
func customerKey(customer shop.ID, at time.Time, id shop.ID) platform.Key {
	sort := at.UTC().Format("20060102T150405.000") + "#" + string(id)
	return platform.Key{Part: customerPart(customer), Sort: sort}
}

func cartKey(customer, cart shop.ID) platform.Key {
	return platform.Key{Part: "cart/" + string(customer), Sort: string(cart)}
}

func deadlineTimer(id shop.ID) string { return "deadline/" + string(id) }

func returnsTimer(id shop.ID) string { return "returns/" + string(id) }

// chunks is how many body records so many lines take.
func chunks(lines int) int { return (lines + maxChunk - 1) / maxChunk }

// Apply implements room.Room. It is the only place that writes the room's domain records.
func (s *Service) Apply(ctx context.Context, tx *room.Tx, f event.Fact, m room.Meta) error {
	if created, ok := f.(*event.OrderCreated); ok {
		applyCreated(tx, created, m.Sequence)
		return nil
	}
	if noted, ok := f.(*event.OrderNoted); ok {
		applyNoted(tx, noted)
		return nil
	}
	id, cause := aboutOf(f)
	if id == "" {
		return nil
	}
	o, err := room.Get[Order](ctx, tx, headKey(id))
	if err != nil {
		return err
	}
	if o == nil {
		return shop.Errorf(shop.Internal, "order %s has a %s before it was created", id, f.Type())
	}
	if err := o.apply(f, m.Sequence); err != nil {
		return err
	}
	switch f := f.(type) {
	case *event.OrderReturnMoved:
		err = applyReturn(ctx, tx, o, f)
	case *event.OrderTracked:
		err = applyTracked(tx, o, f)
	case *event.OrderReduced:
		err = applyReduced(ctx, tx, o, f)
	case *event.OrderEditBegun, *event.OrderEditClosed:
		err = applyEdit(ctx, tx, o, f)
	}
	if err != nil {
		return err
	}
	room.Put(tx, headKey(id), o)
	if cause != "" {
		room.Put(tx, causeKey(id, cause), &mark{Order: id})
	}
	return nil
}

// aboutOf returns the order that a fact of ours is about, and the cause to be marked, if its
// second coming cannot be told from the head.
func aboutOf(f event.Fact) (shop.ID, string) {
	switch f := f.(type) {
	case *event.OrderPlaced:
		return f.Order, ""
	case *event.OrderCancelled:
		return f.Order, ""
	case *event.OrderExpired:
		return f.Order, ""
	case *event.OrderHeld:
		return f.Order, f.Cause
	case *event.OrderApproved:
		return f.Order, ""
	case *event.OrderCompleted:
		return f.Order, ""
	case *event.OrderReturnMoved:
		return f.Order, ""
	case *event.OrderTracked:
		return f.Order, ""
	case *event.OrderReduced:
		return f.Order, f.Cause
	case *event.OrderEditBegun:
		return f.Order, ""
	case *event.OrderEditClosed:
		return f.Order, ""
	case *event.OrderProgressed:
		kind, _, _ := strings.Cut(f.Cause, "/")
		switch kind {
		case onRefunded, onCapFailed, onReturned, onDisputed, onSettled, onFreed:
			return f.Order, f.Cause
		}
		return f.Order, ""
	}
	return "", "" // the timers' facts change nothing by themselves
}

func applyCreated(tx *room.Tx, f *event.OrderCreated, seq int64) {
	dealers := make([]shop.ID, 0, 4)
	for _, l := range f.Lines {
		if indexOf(dealers, l.Dealer) < 0 {
			dealers = append(dealers, l.Dealer)
		}
	}
	room.Put(tx, headKey(f.Order), &Order{
		ID: f.Order, Customer: f.Customer, Method: f.Method, Cart: f.Cart, Origin: f.Origin,
		Currency: f.Currency, Items: f.Items, Shipping: f.Shipping, Tax: f.Tax, Total: f.Total,
		Lines: len(f.Lines), Parcels: len(dealers), At: f.At, Deadline: f.Deadline,
		Status: PendingPayment(), Cards: f.Cards, Supplements: f.Supplements, Seq: seq,
	})
	for n := range chunks(len(f.Lines)) {
		b := &body{Lines: f.Lines[n*maxChunk : min((n+1)*maxChunk, len(f.Lines))]}
		if n == 0 {
			b.ShipTo, b.Contact = &f.ShipTo, &f.Contact
		}
		room.Put(tx, bodyKey(f.Order, n), b)
	}
	room.Put(tx, customerKey(f.Customer, f.At, f.Order), &mark{Order: f.Order})
	if f.Cart != "" {
		room.Put(tx, cartKey(f.Customer, f.Cart), &mark{Order: f.Order})
	}
}

// load returns the head of an order, or nil.
func load(ctx context.Context, tx *room.Tx, id shop.ID) (*Order, error) {
	return room.Get[Order](ctx, tx, headKey(id))
}

// loadBody returns the lines of an order and its sealed data.
func loadBody(ctx context.Context, tx *room.Tx, o *Order) (body, error) {
	var whole body
	for n := range chunks(o.Lines) {
		b, err := room.Get[body](ctx, tx, bodyKey(o.ID, n))
		if err != nil {
			return body{}, err
		}
		if b == nil {
			return body{}, shop.Errorf(shop.Internal, "order %s has lost chunk %d of its lines",
				o.ID, n)
		}
		if n == 0 {
			whole = *b
			continue
		}
		whole.Lines = append(whole.Lines, b.Lines...)
	}
	return whole, nil
}
