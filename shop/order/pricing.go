package order

import (
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// The bounds of an order.
const (
	MaxLines    = 1200
	MaxQuantity = 1_000_000 // of one line
)

// Item is what a customer wants of one thing. The same SKU may stand in several items: each is a
// line of its own, priced and shown as it was given. Inventory holds their sum, and a parcel
// names the SKU once with their sum.
type Item struct {
	SKU      shop.SKU `json:"sku" minLength:"1" maxLength:"64"`
	Quantity int64    `json:"quantity" minimum:"1" maximum:"1000000"`
}

// Offer is what the catalogue says of a SKU now.
type Offer struct {
	SKU           shop.SKU
	Dealer        shop.ID
	Title         string
	Price         shop.Money
	CommissionBPS int64 // the market's share, in 1/10,000 of the amount
}

// Charges is what comes on top of the goods.
type Charges struct {
	ShippingPerParcel int64 // minor units of the order's currency, for each dealer's parcel
	TaxBPS            int64 // of goods and shipping, in 1/10,000
}

// wholeBPS is the whole of an amount.
const wholeBPS = 10_000

// quote is a priced basket.
type quote struct {
	lines                       []event.OrderLine
	currency                    shop.Currency
	items, shipping, tax, total int64
	parcels                     int
}

// checkItems refuses what no price could make an order of.
func checkItems(items []Item) error {
	if len(items) == 0 || len(items) > MaxLines {
		return shop.Errorf(shop.Invalid, "an order has 1 to %d lines, not %d", MaxLines, len(items))
	}
	for i, item := range items {
		if _, err := shop.ParseSKU(string(item.SKU)); err != nil {
			return shop.Errorf(shop.Invalid, "line %d: %w", i+1, err)
		}
		if item.Quantity < 1 || item.Quantity > MaxQuantity {
			return shop.Errorf(shop.Invalid, "line %d: a quantity is 1 to %d, not %d",
				i+1, MaxQuantity, item.Quantity)
		}
	}
	return nil
}

// price makes a quote of items and their offers, which go together one by one. Tax is taken on
// the whole order, goods and shipping together, and rounded half up to the minor unit once.
func price(items []Item, offers []Offer, c Charges) (quote, error) {
	if len(offers) != len(items) {
		return quote{}, shop.Errorf(shop.Internal, "asked for %d prices, got %d",
			len(items), len(offers))
	}
	q := quote{lines: make([]event.OrderLine, len(items)), currency: offers[0].Price.Currency}
	var sum shop.Money
	var dealers []shop.ID
	for i, item := range items {
		line, err := priceLine(item, offers[i], q.currency)
		if err != nil {
			return quote{}, shop.Errorf(shop.CodeOf(err), "line %d: %w", i+1, err)
		}
		if sum, err = sum.Add(shop.Money{Amount: line.Amount, Currency: q.currency}); err != nil {
			return quote{}, err
		}
		q.lines[i] = line
		if indexOf(dealers, line.Dealer) < 0 {
			if dealers = append(dealers, line.Dealer); len(dealers) > MaxParcels {
				return quote{}, shop.Errorf(shop.Invalid,
					"an order is for at most %d dealers; split it", MaxParcels)
			}
		}
	}
	q.items, q.parcels = sum.Amount, len(dealers)
	return q, q.charge(c)
}

func priceLine(item Item, o Offer, currency shop.Currency) (event.OrderLine, error) {
	if o.SKU != item.SKU {
		return event.OrderLine{}, shop.Errorf(shop.Internal,
			"asked for the price of %q, got that of %q", item.SKU, o.SKU)
	}
	if o.Price.Currency != currency {
		return event.OrderLine{}, shop.Errorf(shop.Invalid,
			"%q is sold in %s, the order is in %s; order them apart",
			o.SKU, o.Price.Currency, currency)
	}
	amount, err := o.Price.Times(item.Quantity)
	if err != nil {
		return event.OrderLine{}, err
	}
	return event.OrderLine{
		SKU: o.SKU, Dealer: o.Dealer, Title: o.Title, Quantity: item.Quantity,
		UnitPrice: o.Price.Amount, Amount: amount.Amount, CommissionBPS: o.CommissionBPS,
	}, nil
}

// charge adds shipping and tax.
func (q *quote) charge(c Charges) error {
	in := func(n int64) shop.Money { return shop.Money{Amount: n, Currency: q.currency} }
	shipping, err := in(c.ShippingPerParcel).Times(int64(q.parcels))
	if err != nil {
		return err
	}
	net, err := in(q.items).Add(shipping)
	if err != nil {
		return err
	}
	tax := net.Amount/wholeBPS*c.TaxBPS + (net.Amount%wholeBPS*c.TaxBPS+wholeBPS/2)/wholeBPS
	total, err := net.Add(in(tax))
	if err != nil {
		return err
	}
	q.shipping, q.tax, q.total = shipping.Amount, tax, total.Amount
	return nil
}

// split makes one parcel a dealer, in the order in which dealers first appear. It is a function
// of what was frozen at checkout alone. Shipping is shared out equally, since it is a flat price
// a parcel, and tax in proportion to goods and shipping, both by largest remainder, so the
// parcels add up to the total exactly. Commission is taken of each line's goods, rounded down
// (in the dealer's favour).
func split(lines []event.OrderLine, currency shop.Currency, shipping, tax int64) (
	[]event.Parcel, error,
) {
	var parcels []event.Parcel
	var dealers []shop.ID
	place := make(map[shop.SKU]int, len(lines)) // of a SKU in its parcel; a SKU has one dealer
	for _, l := range lines {
		at := indexOf(dealers, l.Dealer)
		if at < 0 {
			at = len(dealers)
			dealers = append(dealers, l.Dealer)
			parcels = append(parcels, event.Parcel{Dealer: l.Dealer})
		}
		p := &parcels[at]
		if i, ok := place[l.SKU]; ok {
			p.Lines[i].Quantity += l.Quantity
		} else {
			place[l.SKU] = len(p.Lines)
			p.Lines = append(p.Lines, event.ParcelLine{SKU: l.SKU, Quantity: l.Quantity})
		}
		p.Items += l.Amount
		p.Commission += commission(l.Amount, l.CommissionBPS)
	}
	return parcels, share(parcels, currency, shipping, tax)
}

func share(parcels []event.Parcel, currency shop.Currency, shipping, tax int64) error {
	weights := make([]int64, len(parcels)) // all zero: equal shares
	parts, err := shop.Money{Amount: shipping, Currency: currency}.Allocate(weights)
	if err != nil {
		return err
	}
	for i := range parcels {
		parcels[i].Shipping = parts[i].Amount
		weights[i] = parcels[i].Items + parcels[i].Shipping
	}
	parts, err = shop.Money{Amount: tax, Currency: currency}.Allocate(weights)
	if err != nil {
		return err
	}
	for i := range parcels {
		p := &parcels[i]
		p.Tax = parts[i].Amount
		p.Amount = p.Items + p.Shipping + p.Tax
	}
	return nil
}

// commission is bps 1/10,000 of amount, rounded down, without overflow at the largest amount.
func commission(amount, bps int64) int64 {
	return amount/wholeBPS*bps + amount%wholeBPS*bps/wholeBPS
}

// indexOf walks: there are at most MaxParcels dealers.
func indexOf(dealers []shop.ID, dealer shop.ID) int {
	for i, d := range dealers {
		if d == dealer {
			return i
		}
	}
	return -1
}
