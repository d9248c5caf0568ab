package order

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Prices is what this room asks of the catalogue: the offer of each SKU, in the order asked. It
// refuses with UnknownSKU, naming one that is not for sale. Between processes it is answered by
// read-only keys, so a price is never older than the last durable reprice.
type Prices interface {
	Prices(ctx context.Context, skus []shop.SKU) ([]Offer, error)
}

// Vault is what this room asks of payment: to take a card token, before anything is committed
// here, and to give a reference for it. The same request key gives the same reference. provider is
// whose token it is; "" is the shop's first one.
type Vault interface {
	Vault(ctx context.Context, customer shop.ID, requestKey, provider, token string) (
		shop.ID, error)
}

// Watcher tells that something happened to an order, so that whoever waits reads it again. A
// missed or an idle signal does no harm: waiting looks again by itself every so often.
type Watcher interface {
	// Watch returns a channel that receives after facts of the order were delivered, and what
	// ends the watch.
	Watch(order shop.ID) (<-chan struct{}, func())
}

// Seams is what the room asks of its neighbours. Watcher may be nil.
type Seams struct {
	Prices  Prices
	Vault   Vault
	Watcher Watcher
}

// Policy is what the operator decides.
type Policy struct {
	TTL          time.Duration // from checkout to the deadline
	ActionTTL    time.Duration // how much later the deadline may become when the bank asks
	ReturnWindow time.Duration // from the last delivery to completion
	Charges      Charges
}

// DefaultPolicy gives an order 10 minutes, a bank's question 20 more, and returns 14 days;
// shipping and tax are nothing.
func DefaultPolicy() Policy {
	return Policy{
		TTL: 10 * time.Minute, ActionTTL: 20 * time.Minute, ReturnWindow: 14 * 24 * time.Hour,
	}
}

// Service is the room. It is safe for concurrent use.
type Service struct {
	desk   *room.Desk
	seams  Seams
	policy Policy
}

var _ room.Room = (*Service)(nil)

// New opens the room at its desk, whose Apply it sets to its own.
func New(desk *room.Desk, seams Seams, p Policy) *Service {
	s := &Service{desk: desk, seams: seams, policy: p}
	desk.Apply = s.Apply
	return s
}

// Name implements room.Room.
func (*Service) Name() string { return "order" }

// Basket is what a customer checks out. Prices are not part of it: they come from the catalogue.
type Basket struct {
	Order    shop.ID // made up if empty; "ord_…". The same id twice is one order
	Customer shop.ID
	Items    []Item
	Cart     shop.ID // becomes this one order; may be empty. Without Items, what SaveCart put in it
	Method   shop.ID // payment's reference to the card
	ShipTo   shop.Address
	Email    string      // may be empty
	Phone    string      // may be empty; else as in +442079460123
	Expected *shop.Money // refused with TotalChanged when the total is another; nil accepts any
	Origin   string      // "http", "queue" or "import"
	At       time.Time   // when the customer ordered; zero is now
	Cards    int         // how many cards may be tried, at most MaxCards; 0 is one
}

// MaxCards bounds how many cards may be tried for one order.
const MaxCards = 5

// Checkout makes an order that waits for stock and money: everything is priced, frozen, and
// committed at once with the deadline's timer. It refuses an unknown SKU (UnknownSKU), another
// total than expected (TotalChanged), a cart that is an order already (Conflict) and whatever
// cannot be an order (Invalid). Calling it again with the same Order returns the order that
// there is, if it asks for the same items for the same customer (Conflict otherwise). The cause
// is taken from ctx.
func (s *Service) Checkout(ctx context.Context, b Basket) (View, error) {
	if b.Order != "" { // it may be there already, priced as things were then
		tx := s.desk.Begin(room.Cause{})
		have, err := load(ctx, tx, b.Order)
		if err != nil {
			return View{}, err
		}
		if have != nil {
			return existing(ctx, tx, have, &b)
		}
	}
	if err := s.complete(ctx, &b); err != nil {
		return View{}, err
	}
	if _, err := shop.ParseID(string(b.Method)); err != nil {
		return View{}, shop.Errorf(shop.Invalid, "payment method: %w", err)
	}
	plan, err := s.plan(ctx, b)
	if err != nil {
		return View{}, err
	}
	var v View
	err = s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		v, err = s.create(ctx, tx, plan)
		return err
	})
	return v, err
}

// plan prices and seals a complete basket. Everything slow or remote happens here, before the
// commit.
func (s *Service) plan(ctx context.Context, b Basket) (*event.OrderCreated, error) {
	skus := make([]shop.SKU, len(b.Items))
	for i, item := range b.Items {
		skus[i] = item.SKU
	}
	offers, err := s.seams.Prices.Prices(ctx, skus)
	if err != nil {
		return nil, err
	}
	q, err := price(b.Items, offers, s.policy.Charges)
	if err != nil {
		return nil, err
	}
	if total := (shop.Money{Amount: q.total, Currency: q.currency}); b.Expected != nil &&
		*b.Expected != total {
		return nil, shop.Errorf(shop.TotalChanged,
			"the total is %s, not %s as expected; nothing was ordered", total, *b.Expected)
	}
	if err := checkSize(q.lines); err != nil {
		return nil, err
	}
	shipTo, err := seal(ctx, s.desk.Keys, b.Customer, b.ShipTo)
	if err != nil {
		return nil, err
	}
	contact, err := seal(ctx, s.desk.Keys, b.Customer,
		event.Contact{Email: b.Email, Phone: b.Phone})
	if err != nil {
		return nil, err
	}
	return &event.OrderCreated{
		Order: b.Order, Customer: b.Customer, Lines: q.lines, Currency: q.currency, Items: q.items,
		Shipping: q.shipping, Tax: q.tax, Total: q.total, Method: b.Method, ShipTo: shipTo,
		Contact: contact, At: b.At, Cart: b.Cart, Origin: b.Origin,
		Deadline: s.now().Add(s.policy.TTL), Cards: cardsOf(b.Cards),
	}, nil
}

// cardsOf says nothing of the one card that every order may be paid with.
func cardsOf(n int) int {
	if n <= 1 {
		return 0
	}
	return min(n, MaxCards)
}

// complete fills in what the basket leaves open and refuses what is wrong in itself.
func (s *Service) complete(ctx context.Context, b *Basket) (err error) {
	if len(b.Items) == 0 && b.Cart != "" {
		if b.Items, err = s.itemsOf(ctx, b.Customer, b.Cart); err != nil {
			return err
		}
	}
	if err := checkItems(b.Items); err != nil {
		return err
	}
	if b.Order == "" {
		b.Order = s.desk.IDs.NewID(strings.TrimSuffix(idPrefix, "_"))
	}
	for _, id := range []struct{ what, value string }{
		{"order", string(b.Order)}, {"customer", string(b.Customer)},
	} {
		if _, err := shop.ParseID(id.value); err != nil {
			return shop.Errorf(shop.Invalid, "%s: %w", id.what, err)
		}
	}
	if !strings.HasPrefix(string(b.Order), idPrefix) || len(b.Order) > maxOrderID {
		return shop.Errorf(shop.Invalid,
			"an order's id begins with %q and has at most %d characters", idPrefix, maxOrderID)
	}
	if b.Cart != "" {
		if _, err := shop.ParseID(string(b.Cart)); err != nil {
			return shop.Errorf(shop.Invalid, "cart: %w", err)
		}
	}
	if b.Origin != "http" && b.Origin != "queue" && b.Origin != "import" {
		return shop.Errorf(shop.Invalid, "an order comes from http, queue or import, not %q",
			b.Origin)
	}
	if b.At.IsZero() {
		b.At = s.now()
	}
	b.At = b.At.UTC().Truncate(time.Millisecond)
	if err := shop.CheckText("email", b.Email, 0, maxEmail); err != nil {
		return err
	}
	if err := shop.CheckText("phone", b.Phone, 0, maxPhone); err != nil {
		return err
	}
	return b.ShipTo.Check()
}

const (
	// maxOrderID leaves room for what is derived from it: shp_<x>_<n>.
	maxOrderID = 56
	maxEmail   = 254
	maxPhone   = 16 // E.164 with its '+'
	// maxBodyBytes bounds the encoded lines, so that the order's facts and its stored answer fit
	// into an item of the store, whatever the titles are.
	maxBodyBytes = 250_000
)

// checkSize refuses lines that would not fit. Below one chunk they always do.
func checkSize(lines []event.OrderLine) error {
	if len(lines) <= maxChunk/2 {
		return nil
	}
	raw, err := room.Encode(lines)
	if err != nil {
		return err
	}
	if len(raw) > maxBodyBytes {
		return shop.Errorf(shop.Invalid,
			"the order's lines take %d bytes, at most %d fit; split it", len(raw), maxBodyBytes)
	}
	return nil
}

func seal[T any](
	ctx context.Context, k shop.Sealer, person shop.ID, v T,
) (shop.Sealed[T], error) {
	box, err := shop.Seal(ctx, k, person, v)
	if errors.Is(err, platform.ErrErased) {
		return box, shop.Errorf(shop.Conflict, "customer %s was erased and cannot order: %w",
			person, err)
	}
	return box, err
}

// create commits a plan within tx.
func (s *Service) create(ctx context.Context, tx *room.Tx, plan *event.OrderCreated) (View, error) {
	have, err := load(ctx, tx, plan.Order)
	if err != nil {
		return View{}, err
	}
	if have != nil {
		b := &Basket{Customer: plan.Customer, Items: make([]Item, len(plan.Lines))}
		for i, l := range plan.Lines {
			b.Items[i] = Item{SKU: l.SKU, Quantity: l.Quantity}
		}
		return existing(ctx, tx, have, b)
	}
	if plan.Cart != "" {
		if err := closeCart(ctx, tx, plan.Customer, plan.Cart); err != nil {
			return View{}, err
		}
	}
	if err := tx.Announce(ctx, plan, 1); err != nil {
		return View{}, err
	}
	due := &event.OrderDeadline{Order: plan.Order, Due: plan.Deadline}
	if err := tx.SetTimer(deadlineTimer(plan.Order), plan.Deadline, due); err != nil {
		return View{}, err
	}
	made, err := load(ctx, tx, plan.Order)
	if err != nil {
		return View{}, err
	}
	return viewOf(made, plan.Lines), nil
}

// existing answers a checkout whose order is there: the same one again, or another's id. A basket
// that named only its cart is the same if the order came of that cart.
func existing(ctx context.Context, tx *room.Tx, have *Order, b *Basket) (View, error) {
	frozen, err := loadBody(ctx, tx, have)
	if err != nil {
		return View{}, err
	}
	same := len(frozen.Lines) == len(b.Items)
	for i := 0; same && i < len(b.Items); i++ {
		l := frozen.Lines[i]
		same = b.Items[i] == Item{SKU: l.SKU, Quantity: l.Quantity}
	}
	if len(b.Items) == 0 {
		same = b.Cart != "" && b.Cart == have.Cart
	}
	if !same || have.Customer != b.Customer {
		return View{}, shop.Errorf(shop.Conflict, "there is another order %s; nothing was ordered",
			have.ID)
	}
	return viewOf(have, frozen.Lines), nil
}

// now is the time of a fact: milliseconds are enough, and shorter.
func (s *Service) now() time.Time { return s.desk.Clock.Now().UTC().Truncate(time.Millisecond) }
