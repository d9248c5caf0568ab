package order

import (
	"context"
	"slices"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// MaxEdits bounds how often something may be added to one order.
const MaxEdits = 20

// Addition is what is to be added to a placed order.
type Addition struct {
	Version  int64 // of the order as the caller saw it; another is a Conflict
	Items    []Item
	Expected *shop.Money // what they cost; refused with TotalChanged when it is another
}

// edit is one edit of an order: the supplement that has what is added, and what became of it.
type edit struct {
	Edit   shop.ID `json:"edit"`
	Total  int64   `json:"total"`
	Closed bool    `json:"closed,omitempty"`
	Done   bool    `json:"done,omitempty"`
	Reason string  `json:"reason,omitempty"`
}

func editKey(id, edit shop.ID) platform.Key {
	return platform.Key{Part: string(id), Sort: "edit/" + string(edit)}
}

// mayEdit refuses an order to which nothing can be added now, and one that is not as its caller saw
// it: of two edits at once, one finds another version.
func (o *Order) mayEdit(version int64) error {
	switch {
	case o.Supplements != "":
		return shop.Errorf(shop.Conflict, "order %s supplements %s; nothing was added",
			o.ID, o.Supplements).WithHint("add to that one")
	case o.Status != Placed():
		return shop.Errorf(shop.Illegal,
			"order %s is %s (version %d): one adds to a placed order only; nothing was added",
			o.ID, o.Status, o.Seq)
	case o.Declined > 0 || o.Acted > 1: // the order only knows the card of its checkout
		return shop.Errorf(shop.Illegal, "order %s was not paid with the card of its checkout; "+
			"nothing was added", o.ID).WithHint("order what is to be added by itself")
	case o.Editing != "":
		return shop.Errorf(shop.Conflict,
			"another edit of order %s waits for stock or money; nothing was added", o.ID).
			WithHint("wait for %s, or cancel it", o.Editing)
	case o.Seq != version:
		return shop.Errorf(shop.Conflict,
			"order %s has version %d, not %d; nothing was added", o.ID, o.Seq, version).
			WithHint("look at the order again, and at what it would cost")
	case o.Edits >= MaxEdits:
		return shop.Errorf(shop.Conflict, "an order is edited at most %d times", MaxEdits)
	}
	return nil
}

// supplement prices what is to be added, as a checkout would, and makes it an order that goes where
// the first one went and is paid with the same card. Everything remote happens here, before the
// commit.
func (s *Service) supplement(
	ctx context.Context, o *Order, b body, a Addition,
) (*event.OrderCreated, error) {
	if err := checkItems(a.Items); err != nil {
		return nil, err
	}
	skus := make([]shop.SKU, len(a.Items))
	for i, item := range a.Items {
		skus[i] = item.SKU
	}
	offers, err := s.seams.Prices.Prices(ctx, skus)
	if err != nil {
		return nil, err
	}
	q, err := price(a.Items, offers, s.policy.Charges)
	if err != nil {
		return nil, err
	}
	total := shop.Money{Amount: q.total, Currency: q.currency}
	switch {
	case q.currency != o.Currency:
		return nil, shop.Errorf(shop.Invalid, "order %s is in %s, what is to be added in %s",
			o.ID, o.Currency, q.currency)
	case a.Expected != nil && *a.Expected != total:
		return nil, shop.Errorf(shop.TotalChanged,
			"what is to be added costs %s, not %s as expected; nothing was added",
			total, *a.Expected)
	}
	if err := checkSize(q.lines); err != nil {
		return nil, err
	}
	now := s.now()
	return &event.OrderCreated{
		Order: s.desk.IDs.NewID(strings.TrimSuffix(idPrefix, "_")), Customer: o.Customer,
		Lines: q.lines, Currency: q.currency, Items: q.items, Shipping: q.shipping, Tax: q.tax,
		Total: q.total, Method: o.Method, ShipTo: *b.ShipTo, Contact: *b.Contact, At: now,
		Deadline: now.Add(s.policy.TTL), Origin: "edit", Supplements: o.ID,
	}, nil
}

// beginEdit commits the edit and its supplement together.
func beginEdit(
	ctx context.Context, tx *room.Tx, o *Order, version int64, plan *event.OrderCreated,
	by shop.ID,
) error {
	if err := o.mayEdit(version); err != nil {
		return err
	}
	if err := tx.Announce(ctx, &event.OrderEditBegun{
		Order: o.ID, Edit: plan.Order, Total: plan.Total, By: by,
	}, o.Seq+1); err != nil {
		return err
	}
	if err := tx.Announce(ctx, plan, 1); err != nil {
		return err
	}
	due := &event.OrderDeadline{Order: plan.Order, Due: plan.Deadline}
	return tx.SetTimer(deadlineTimer(plan.Order), plan.Deadline, due)
}

// closeEdit tells the order that is supplemented what became of it, in the commit in which that is
// decided.
func closeEdit(ctx context.Context, tx *room.Tx, o *Order, done bool, reason string) error {
	if o.Supplements == "" {
		return nil
	}
	first, err := load(ctx, tx, o.Supplements)
	if err != nil {
		return err
	}
	if first == nil || first.Editing != o.ID {
		return nil // it was closed when it was placed; this is a later end
	}
	return tx.Announce(ctx, &event.OrderEditClosed{
		Order: first.ID, Edit: o.ID, Done: done, Reason: reason,
	}, first.Seq+1)
}

// dropEdit cancels what is to be added to an order that ends, or is stopped.
func dropEdit(ctx context.Context, tx *room.Tx, o *Order, reason string, by shop.ID) error {
	if o.Editing == "" {
		return nil
	}
	added, err := load(ctx, tx, o.Editing)
	if err != nil {
		return err
	}
	if added == nil {
		return shop.Errorf(shop.Internal, "order %s is edited by %s, which is not there",
			o.ID, o.Editing)
	}
	if _, err := added.Decide(cancel(), Given{}); err != nil {
		return nil // it was decided: the order hears of it in that commit
	}
	return announceCancelled(ctx, tx, added, reason, by)
}

// applyEdit keeps what an edit has come to.
func applyEdit(ctx context.Context, tx *room.Tx, o *Order, f event.Fact) error {
	switch f := f.(type) {
	case *event.OrderEditBegun:
		o.Editing, o.Edits = f.Edit, o.Edits+1
		room.Put(tx, editKey(o.ID, f.Edit), &edit{Edit: f.Edit, Total: f.Total})
	case *event.OrderEditClosed:
		o.Editing = ""
		e, err := room.Get[edit](ctx, tx, editKey(o.ID, f.Edit))
		if err != nil {
			return err
		}
		if e == nil {
			return shop.Errorf(shop.Internal, "order %s ends an edit %s that was never begun",
				o.ID, f.Edit)
		}
		room.Put(tx, editKey(o.ID, f.Edit), &edit{
			Edit: e.Edit, Total: e.Total, Closed: true, Done: f.Done, Reason: f.Reason,
		})
	}
	return nil
}

// editsOf lists the edits of an order by their supplements' ids, which is by time.
func (s *Service) editsOf(ctx context.Context, o *Order) ([]EditView, error) {
	if o.Edits == 0 {
		return nil, nil
	}
	recs, err := s.desk.Store.List(ctx, platform.Query{
		Part: string(o.ID), After: "edit/", Limit: MaxEdits,
	})
	if err != nil {
		return nil, err
	}
	views := make([]EditView, 0, o.Edits)
	for _, rec := range recs {
		if !strings.HasPrefix(rec.Key.Sort, "edit/") {
			break
		}
		var e edit
		if err := room.Decode(rec.Value, &e); err != nil {
			return nil, err
		}
		views = append(views, viewEdit(o, &e))
	}
	return slices.Clip(views), nil
}
