package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/inventory"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
)

// orderPage is an order across all rooms.
type orderPage struct {
	Order      shop.ID    `json:"order"`
	AsOf       *time.Time `json:"asOf,omitempty"`
	Status     string     `json:"status"`
	Payment    string     `json:"paymentStatus"`
	Fulfilment string     `json:"fulfilmentStatus"`
	Returns    string     `json:"returnStatus"`
	Reason     string     `json:"reason,omitempty"`
	By         shop.ID    `json:"by,omitempty"`
	Customer   shop.ID    `json:"customer"`
	Method     shop.ID    `json:"method"`
	Origin     string     `json:"origin"`
	CreatedAt  time.Time  `json:"createdAt"`
	Deadline   time.Time  `json:"deadline"`

	Items    shop.Money `json:"items"`
	Shipping shop.Money `json:"shipping"`
	Tax      shop.Money `json:"tax"`
	Total    shop.Money `json:"total"`
	Captured shop.Money `json:"captured"`
	Refunded shop.Money `json:"refunded"`

	Lines     []event.OrderLine `json:"lines"`
	ShipTo    *shop.Address     `json:"shipTo,omitempty"` // opened only when asked for
	Email     string            `json:"email,omitempty"`
	Hold      *holdPart         `json:"hold,omitempty"`
	Shipments []shipmentPart    `json:"shipments"`
	Story     story             `json:"story"`

	private bool
}

// holdPart is what inventory keeps for an order.
type holdPart struct {
	State string `json:"state"`
	Units int64  `json:"units"` // kept now
}

// shipmentPart is one parcel of an order.
type shipmentPart struct {
	Shipment shop.ID    `json:"shipment"`
	Dealer   shop.ID    `json:"dealer"`
	State    string     `json:"state"`
	Amount   shop.Money `json:"amount"`
	Units    int64      `json:"units"`
	Tracking string     `json:"tracking,omitempty"`
}

// order folds an order and what belongs to it.
func (r *reading) order(ctx context.Context, id shop.ID, private bool) (*orderPage, error) {
	o, created, err := r.head(ctx, id)
	if err != nil {
		return nil, err
	}
	p := pageOf(o, created)
	p.AsOf, p.private = r.asOf(), private
	if private {
		if err := r.unseal(ctx, p, created); err != nil {
			return nil, err
		}
	}
	if err := r.addHold(ctx, p); err != nil {
		return nil, err
	}
	subjects := []string{
		order.Subject(id), "hold/" + string(id), "payment/" + string(paymentOf(id)),
		"parcels/" + string(id),
	}
	for n := 1; n <= o.Parcels; n++ {
		sh, err := r.parcel(ctx, fulfilment.ID(id, n))
		if err != nil {
			return nil, err
		}
		if sh != nil {
			p.Shipments = append(p.Shipments, partOf(sh))
		}
		subjects = append(subjects, "shipment/"+string(fulfilment.ID(id, n)))
	}
	more, err := r.derived(ctx, o)
	if err != nil {
		return nil, err
	}
	p.Story, err = r.storyOf(ctx, append(subjects, more...))
	return p, err
}

// head folds the order itself.
func (r *reading) head(ctx context.Context, id shop.ID) (*order.Order, *event.OrderCreated, error) {
	events, err := r.subject(ctx, order.Subject(id))
	if err != nil {
		return nil, nil, err
	}
	if len(events) == 0 {
		return nil, nil, r.missing(ctx, "order", string(id), order.Subject(id))
	}
	s, err := r.folded(ctx, "order", events)
	if err != nil {
		return nil, nil, err
	}
	first, err := room.FactOf(r.cat, events[0])
	if err != nil {
		return nil, nil, err
	}
	created, ok := first.(*event.OrderCreated)
	o := valueOf[order.Order](s)
	if !ok || o == nil {
		return nil, nil, shop.Errorf(shop.Internal, "%s does not begin with its creation", id).
			WithHint("souk verify --data %s says what is wrong", r.dir)
	}
	return o, created, nil
}

func pageOf(o *order.Order, created *event.OrderCreated) *orderPage {
	money := func(n int64) shop.Money { return shop.Money{Amount: n, Currency: o.Currency} }
	return &orderPage{
		Order: o.ID, Status: o.Status.String(), Payment: o.PaymentStatus().String(),
		Fulfilment: o.FulfilmentStatus().String(), Returns: o.Returns.String(), Reason: o.Reason,
		By: o.By, Customer: o.Customer, Method: o.Method, Origin: o.Origin, CreatedAt: o.At,
		Deadline: o.Deadline, Items: money(o.Items), Shipping: money(o.Shipping), Tax: money(o.Tax),
		Total: money(o.Total), Captured: money(o.Captured), Refunded: money(o.Refunded),
		Lines: created.Lines, Shipments: []shipmentPart{},
	}
}

// unseal opens the person's data of an order; what was erased stays empty.
func (r *reading) unseal(ctx context.Context, p *orderPage, created *event.OrderCreated) error {
	shipTo, err := opened(ctx, r, created.ShipTo)
	if err != nil {
		return err
	}
	contact, err := opened(ctx, r, created.Contact)
	if err != nil {
		return err
	}
	p.ShipTo = shipTo
	if contact != nil {
		p.Email = contact.Email
	}
	return nil
}

func (r *reading) addHold(ctx context.Context, p *orderPage) error {
	events, err := r.subject(ctx, "hold/"+string(p.Order))
	if err != nil || len(events) == 0 {
		return err
	}
	s, err := r.folded(ctx, "inventory", events)
	if err != nil {
		return err
	}
	if h := valueOf[inventory.Hold](s); h != nil {
		p.Hold = &holdPart{State: h.State.String(), Units: h.Units}
	}
	return nil
}

// parcel folds one shipment; nil if it was not requested.
func (r *reading) parcel(ctx context.Context, id shop.ID) (*fulfilment.Shipment, error) {
	events, err := r.subject(ctx, "shipment/"+string(id))
	if err != nil || len(events) == 0 {
		return nil, err
	}
	s, err := r.folded(ctx, "fulfilment", events)
	if err != nil {
		return nil, err
	}
	return valueOf[fulfilment.Shipment](s), nil
}

func partOf(sh *fulfilment.Shipment) shipmentPart {
	part := shipmentPart{
		Shipment: sh.ID, Dealer: sh.Dealer, State: sh.State.String(), Amount: sh.Amount,
		Tracking: sh.Tracking,
	}
	for _, l := range sh.Lines {
		part.Units += l.Quantity
	}
	return part
}

// nameOf is what an order shares with its payment, shipments, transactions and messages.
func nameOf(id shop.ID) string { return strings.TrimPrefix(string(id), "ord_") }

func paymentOf(id shop.ID) shop.ID { return shop.ID("pay_" + nameOf(id)) }

// derived finds the subjects of the transactions and messages of an order. Their names are derived
// from the order's, with an ending of their room's; the records that they left say which there are.
func (r *reading) derived(ctx context.Context, o *order.Order) ([]string, error) {
	var subjects []string
	name := nameOf(o.ID)
	add := func(rm, part, subject string) error {
		prefix := rm + "/" + part
		err := r.p.History().Records(ctx, prefix, func(rec platform.Record) error {
			rest := strings.TrimPrefix(rec.Key.Part, prefix)
			if rest == "" || rest[0] == '_' {
				subjects = append(subjects, subject+strings.TrimPrefix(prefix+rest, rm+"/"+subject))
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("look for %s: %w", prefix, err)
		}
		return nil
	}
	for _, kind := range []string{
		"authorisation", "capture", "refund", "return", "dispute", "void", "maturity",
	} {
		part := "transaction/txn_" + kind + "_" + name
		if err := add("ledger", part, "transaction/"); err != nil {
			return nil, err
		}
	}
	told, err := r.messages(ctx, o.Customer, name)
	return append(subjects, told...), err
}

// messages finds the messages about an order in its customer's mailbox.
func (r *reading) messages(
	ctx context.Context, customer shop.ID, name string,
) ([]string, error) {
	var subjects []string
	box := "notification/customer/" + string(customer)
	done := errors.New("the next mailbox begins")
	err := r.p.History().Records(ctx, box, func(rec platform.Record) error {
		if rec.Key.Part != box {
			return done
		}
		_, id, _ := strings.Cut(rec.Key.Sort, "/")
		if strings.HasSuffix(id, "_"+name) || strings.Contains(id, "_"+name+"_") {
			subjects = append(subjects, "message/"+id)
		}
		return nil
	})
	if err != nil && !errors.Is(err, done) {
		return nil, fmt.Errorf("look through the messages of %s: %w", customer, err)
	}
	return subjects, nil
}

func (p *orderPage) write(t *text) {
	t.title("order "+string(p.Order), p.AsOf)
	t.line("")
	t.table([]string{"", "", "", ""}, [][]string{
		{"status", p.Status, "customer", string(p.Customer)},
		{"payment", p.Payment, "ordered", timeText(p.CreatedAt)},
		{"fulfilment", p.Fulfilment, "deadline", timeText(p.Deadline)},
		{"returns", p.Returns, "origin", p.Origin},
	})
	t.pairs("reason", join(p.Reason, by(p.By)))
	if p.private {
		t.heading("sent to")
		t.pairs(p.person()...)
	}
	t.heading("lines, " + string(p.Total.Currency))
	rows := make([][]string, len(p.Lines))
	for i, l := range p.Lines {
		rows[i] = []string{
			fmt.Sprint(l.Quantity), string(l.SKU), l.Title, string(l.Dealer),
			amountText(l.UnitPrice, p.Total.Currency), amountText(l.Amount, p.Total.Currency),
		}
	}
	for _, sum := range p.sums() {
		rows = append(rows, []string{
			"", "", sum.name, "", "", amountText(sum.money.Amount, sum.money.Currency),
		})
	}
	t.table([]string{">", "", "", "", ">", ">"}, rows)
	if p.Hold != nil {
		t.heading("stock")
		t.pairs(p.Hold.State, "keeps "+howMany(p.Hold.Units, "unit", "units"))
	}
	writeParcels(t, p.Shipments)
	p.Story.write(t, nameOf(p.Order))
}

func (p *orderPage) person() []string {
	if p.ShipTo == nil {
		return []string{"", "the person was erased: nobody can open this any more"}
	}
	a := p.ShipTo
	return []string{
		"name", a.Name, "address", join(a.Line1, a.Line2),
		"city", strings.TrimSpace(a.PostalCode + " " + a.City), "country", a.Country,
		"e-mail", p.Email,
	}
}

type namedSum struct {
	name  string
	money shop.Money
}

func (p *orderPage) sums() []namedSum {
	sums := []namedSum{{"items", p.Items}}
	for _, s := range []namedSum{{"shipping", p.Shipping}, {"tax", p.Tax}} {
		if s.money.Amount != 0 {
			sums = append(sums, s)
		}
	}
	sums = append(sums, namedSum{"total", p.Total}, namedSum{"captured", p.Captured})
	if p.Refunded.Amount != 0 {
		sums = append(sums, namedSum{"refunded", p.Refunded})
	}
	return sums
}

func writeParcels(t *text, parts []shipmentPart) {
	if len(parts) == 0 {
		return
	}
	t.heading("shipments")
	rows := make([][]string, len(parts))
	for i, s := range parts {
		rows[i] = []string{
			string(s.Shipment), string(s.Dealer), s.State, howMany(s.Units, "unit", "units"),
			moneyText(s.Amount), s.Tracking,
		}
	}
	t.table([]string{"", "", "", ">", ">", ""}, rows)
}
