package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
)

// paymentPage is the money of one order.
type paymentPage struct {
	AsOf    *time.Time       `json:"asOf,omitempty"`
	Status  string           `json:"status"`
	Payment *payment.Payment `json:"payment"`
	Story   story            `json:"story"`
}

func (r *reading) payment(ctx context.Context, id shop.ID) (*paymentPage, error) {
	subject := "payment/" + string(id)
	events, err := r.subject(ctx, subject)
	if err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, r.missing(ctx, "payment", string(id), subject)
	}
	s, err := r.folded(ctx, "payment", events)
	if err != nil {
		return nil, err
	}
	p := valueOf[payment.Payment](s)
	if p == nil {
		return nil, shop.Errorf(shop.Internal, "the events of %s make no payment", id)
	}
	told, err := r.storyOf(ctx, []string{subject})
	return &paymentPage{AsOf: r.asOf(), Status: p.Status(), Payment: p, Story: told}, err
}

func (p *paymentPage) write(t *text) {
	m := p.Payment
	money := func(n int64) string { return moneyText(shop.Money{Amount: n, Currency: m.Currency}) }
	t.title("payment "+string(m.ID), p.AsOf)
	t.line("")
	t.pairs("status", p.Status, "order", string(m.Order), "customer", string(m.Customer),
		"provider", join(m.Provider, m.Reference), "due", money(m.Due),
		"authorised", money(m.Authorised), "captured", money(m.Captured),
		"refunded", money(m.Refunded), "failed", m.Failed)
	if len(m.Operations) > 0 {
		t.heading("operations")
		rows := make([][]string, len(m.Operations))
		for i, o := range m.Operations {
			open := ""
			if o.Case {
				open = "a person has to look"
			}
			rows[i] = []string{
				o.Kind, string(o.State), money(o.Amount), o.Key,
				join(string(o.Shipment), string(o.Refund), o.Reference, o.Reason, open),
			}
		}
		t.table([]string{"", "", ">", "", ""}, rows)
	}
	p.Story.write(t, nameOf(m.Order))
}

// shipmentPage is one parcel.
type shipmentPage struct {
	AsOf     *time.Time         `json:"asOf,omitempty"`
	Shipment shipmentPart       `json:"shipment"`
	Order    shop.ID            `json:"order"`
	Lines    []event.ParcelLine `json:"lines"`
	ShipTo   *shop.Address      `json:"shipTo,omitempty"`
	Story    story              `json:"story"`
}

func (r *reading) shipment(ctx context.Context, id shop.ID, private bool) (*shipmentPage, error) {
	subject := "shipment/" + string(id)
	sh, err := r.parcel(ctx, id)
	if err != nil {
		return nil, err
	}
	if sh == nil {
		return nil, r.missing(ctx, "shipment", string(id), subject)
	}
	p := &shipmentPage{AsOf: r.asOf(), Shipment: partOf(sh), Order: sh.Order, Lines: sh.Lines}
	if private {
		if p.ShipTo, err = opened(ctx, r, sh.ShipTo); err != nil {
			return nil, err
		}
	}
	p.Story, err = r.storyOf(ctx, []string{subject})
	return p, err
}

func (p *shipmentPage) write(t *text) {
	s := p.Shipment
	t.title("shipment "+string(s.Shipment), p.AsOf)
	t.line("")
	t.pairs("state", s.State, "order", string(p.Order), "dealer", string(s.Dealer),
		"amount", moneyText(s.Amount), "tracking", s.Tracking)
	if a := p.ShipTo; a != nil {
		t.heading("sent to")
		t.pairs("name", a.Name, "address", join(a.Line1, a.Line2),
			"city", strings.TrimSpace(a.PostalCode+" "+a.City), "country", a.Country)
	}
	t.heading("lines")
	rows := make([][]string, len(p.Lines))
	for i, l := range p.Lines {
		rows[i] = []string{fmt.Sprint(l.Quantity), string(l.SKU)}
	}
	t.table([]string{">", ""}, rows)
	p.Story.write(t, nameOf(p.Order))
}
