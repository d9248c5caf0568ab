package verify

import (
	"cmp"
	"slices"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
)

// wholeBPS is the whole of an amount, in basis points.
const wholeBPS = 10_000

// created requires that an order's amounts follow from its lines.
func (m *money) created(it *item, l *life, f *event.OrderCreated) {
	m.check(arithmetic)
	m.frozen(it, l, f.Total, f.Currency)
	var items shop.Money
	for i, line := range f.Lines {
		price := shop.Money{Amount: line.UnitPrice, Currency: f.Currency}
		amount, err := price.Times(line.Quantity)
		if err != nil || amount.Amount != line.Amount {
			m.broken(arithmetic, it.at, "a line's amount is not quantity times price",
				"order", l.id, "line", i+1, "quantity", line.Quantity, "price", line.UnitPrice,
				"amount", line.Amount)
			return
		}
		if items, err = items.Add(amount); err != nil {
			m.broken(arithmetic, it.at, "the lines do not add up: "+err.Error(), "order", l.id)
			return
		}
	}
	if items.Amount != f.Items || f.Items+f.Shipping+f.Tax != f.Total {
		m.broken(arithmetic, it.at, "the order does not add up", "order", l.id,
			"lines", items.Amount, "items", f.Items, "shipping", f.Shipping, "tax", f.Tax,
			"total", f.Total)
	}
}

// frozen requires that totals stay as they were once money was taken.
func (m *money) frozen(it *item, l *life, total int64, c shop.Currency) {
	m.check(frozenTotals)
	if l.created == nil || total == l.created.Total && c == l.created.Currency {
		return
	}
	if !m.ordered {
		l.late.total = &naming{total, it.at}
	} else if l.purse.firstTaken != (place{}) {
		m.broken(frozenTotals, it.at, "the total changes after money was taken", "order", l.id,
			"total", l.created.Total, "now", total, "taken", l.purse.firstTaken.id)
	}
}

// placed requires that the parcels are the order, divided by dealer.
func (m *money) placed(it *item, l *life, f *event.OrderPlaced) {
	m.check(arithmetic)
	m.frozen(it, l, f.Total, f.Currency)
	if l.placed == nil {
		m.sum(f.Currency).Ordered += f.Total
	}
	c := l.created
	if c == nil {
		return // transitions has a finding
	}
	var whole event.Parcel
	for i := range f.Parcels {
		p := &f.Parcels[i]
		whole.Items += p.Items
		whole.Shipping += p.Shipping
		whole.Tax += p.Tax
		whole.Amount += p.Amount
	}
	split := whole.Items == c.Items && whole.Shipping == c.Shipping && whole.Tax == c.Tax
	if it.old { // the first version did not carry shipping and tax apart
		split = whole.Items == c.Items
	}
	if !split || whole.Amount != c.Total || f.Total != c.Total || f.Currency != c.Currency {
		m.broken(arithmetic, it.at, "the parcels are not the order", "order", l.id,
			"items", c.Items, "shipping", c.Shipping, "tax", c.Tax, "total", c.Total,
			"parcels", whole.Items, "theirShipping", whole.Shipping, "theirTax", whole.Tax,
			"placed", f.Total)
		return
	}
	m.divided(it, l, f)
}

// share is what one dealer's lines come to.
type share struct {
	dealer            shop.ID
	items, commission int64
	lines             []event.StockItem
}

// divided requires that every parcel has the goods, the amount and the commission of its dealer's
// lines.
func (m *money) divided(it *item, l *life, f *event.OrderPlaced) {
	var shares []share
	for _, line := range l.created.Lines {
		at := slices.IndexFunc(shares, func(s share) bool { return s.dealer == line.Dealer })
		if at < 0 {
			at = len(shares)
			shares = append(shares, share{dealer: line.Dealer})
		}
		s := &shares[at]
		s.items += line.Amount
		s.commission += line.Amount/wholeBPS*line.CommissionBPS +
			line.Amount%wholeBPS*line.CommissionBPS/wholeBPS
		s.lines = append(s.lines, event.StockItem{SKU: line.SKU, Quantity: line.Quantity})
	}
	for i := range max(len(shares), len(f.Parcels)) {
		if i >= len(shares) || i >= len(f.Parcels) || !shares[i].fits(&f.Parcels[i]) {
			m.broken(arithmetic, it.at, "a parcel is not its dealer's part of the order",
				"order", l.id, "parcel", i+1, "parcels", len(f.Parcels), "dealers", len(shares))
			return
		}
	}
}

func (s *share) fits(p *event.Parcel) bool {
	lines := make([]event.StockItem, len(p.Lines))
	for i, line := range p.Lines {
		lines[i] = event.StockItem{SKU: line.SKU, Quantity: line.Quantity}
	}
	return s.dealer == p.Dealer && s.items == p.Items && s.commission == p.Commission &&
		slices.Equal(sumUp(s.lines), sumUp(lines))
}

// requested requires that a shipment is its parcel.
func (m *money) requested(it *item, l *life, f *event.ShipmentRequested) {
	m.check(arithmetic)
	_, n := l.parcel(f.Shipment)
	if n == 0 {
		return // singletons has a finding
	}
	p := &l.plan[n-1]
	want := shop.Money{Amount: p.Amount, Currency: l.placed.Currency}
	if f.Amount != want || f.Dealer != p.Dealer || f.Parcels != len(l.placed.Parcels) ||
		!slices.Equal(f.Lines, p.Lines) {
		m.broken(arithmetic, it.at, "a shipment is not the parcel that was placed",
			"shipment", f.Shipment, "amount", f.Amount, "parcel", want)
	}
}

// packed requires that a parcel is packed for its own price.
func (m *money) packed(it *item, l *life, f *event.ShipmentPacked) {
	_, n := l.parcel(f.Shipment)
	if n == 0 {
		return // singletons has a finding
	}
	m.check(arithmetic)
	p := &l.plan[n-1]
	want := shop.Money{Amount: p.Amount, Currency: l.placed.Currency}
	if f.Amount != want || f.Dealer != p.Dealer || f.Payment != payment.Of(l.id) {
		m.broken(arithmetic, it.at, "a parcel is packed for another price, dealer or payment",
			"shipment", f.Shipment, "amount", f.Amount, "parcel", want)
	}
}

// dispatched requires that nothing leaves unpaid.
func (m *money) dispatched(it *item, l *life, f *event.ShipmentDispatched) {
	m.check(chargeAndOrder)
	q, n := l.parcel(f.Shipment)
	if n == 0 {
		m.broken(chargeAndOrder, it.at, "a parcel leaves that nobody ordered",
			"order", l.id, "shipment", f.Shipment)
		return
	}
	due := l.plan[n-1].Amount
	if q.captured < due || q.captured > due+l.cutFor(f.Shipment) {
		m.broken(chargeAndOrder, it.at, "a parcel leaves, and its money was not taken",
			"shipment", f.Shipment, "due", due, "captured", q.captured)
	}
	if !slices.Equal(f.Lines, l.plan[n-1].Lines) {
		m.broken(arithmetic, it.at, "something else leaves than was ordered",
			"shipment", f.Shipment)
	}
	var units int64
	for _, line := range f.Lines {
		units += line.Quantity
	}
	q.units += units
}

// ofDealer requires that a parcel arrives, or is lost, as its own dealer's.
func (m *money) ofDealer(it *item, l *life, shipment, dealer shop.ID) {
	m.check(arithmetic)
	if _, n := l.parcel(shipment); n > 0 && dealer != l.plan[n-1].Dealer {
		m.broken(arithmetic, it.at, "a parcel arrives, or is lost, from another dealer",
			"shipment", shipment, "dealer", dealer)
	}
}

// end requires, once all is quiet, that the money of an order that has ended is where it belongs.
func (m *money) end(l *life) {
	if !m.quiescent || l.created == nil {
		return
	}
	m.check(chargeAndOrder)
	m.booked(l)
	p := &l.purse
	switch l.head.status.String() {
	case "cancelled", "expired":
		if left := p.authorised - p.captured - p.voided; left != 0 && !p.excused("void") {
			m.owed(chargeAndOrder, l,
				"the order has ended, and its authorisation was not given back",
				"authorised", p.authorised, "captured", p.captured, "voided", p.voided)
		}
		left := p.captured - p.refunded - p.contested("")
		if left > 0 && !p.excused("refund") {
			m.owed(chargeAndOrder, l, "the order has ended, and its money was not given back",
				"captured", p.captured, "refunded", p.refunded)
		}
	case "completed":
		if p.captured+p.freed != l.created.Total {
			m.owed(chargeAndOrder, l, "the order is completed, and not all of it was paid",
				"captured", p.captured, "total", l.created.Total)
		}
	}
}

// sortedCurrencies lists the currencies that occur.
func sortedCurrencies[V any](of map[shop.Currency]V) []shop.Currency {
	all := make([]shop.Currency, 0, len(of))
	for c := range of {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b shop.Currency) int { return cmp.Compare(a, b) })
	return all
}
