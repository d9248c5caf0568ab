package importer

import (
	"context"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/order"
)

// cardToken pays for everything: the file does not say how anything was paid.
const cardToken = "tok_visa"

// order reads the file again and places an order for each invoice that has something to order.
// What becomes of cancellations is counted later.
func (im *Importer) order(ctx context.Context) error {
	im.enter(PhaseOrder, im.report.Lines)
	im.report.Worth = shop.Money{Currency: Currency}
	return sideBySide(ctx, im.cfg.InFlight, func(ctx context.Context, begin beginner) error {
		return im.invoices(ctx, func(v *invoice) error {
			if v.kind == cancelling {
				im.progress.done.Add(int64(len(v.rows)))
				return nil
			}
			var o *placed
			return begin(func() (err error) {
				o, err = im.place(ctx, v)
				return err
			}, func() error { return im.count(v, o) })
		})
	})
}

// placed is an order that was placed, now or before.
type placed struct {
	order.View
	before bool // it was there when this run came to its invoice
}

// count counts an invoice that is decided. o is nil if it became no order.
func (im *Importer) count(v *invoice, o *placed) error {
	im.progress.done.Add(int64(len(v.rows)))
	if o != nil {
		im.report.Orders++
		im.progress.orders.Add(1)
		im.report.Worth.Amount += o.Total.Amount
		if v.customer == "" {
			im.report.Guests++
		}
		if o.before {
			im.report.Before++
		}
	}
	return im.tally(v, &im.report.Ordered)
}

// place takes an invoice through the checkout and waits until the order is decided. It returns the
// order if it was placed, and otherwise refuses the lines.
func (im *Importer) place(ctx context.Context, v *invoice) (*placed, error) {
	rows := v.good()
	if len(rows) == 0 {
		return nil, nil
	}
	b := im.basket(v, rows)
	_, err := im.cfg.App.Order.Due(ctx, b.Order)
	o := &placed{before: err == nil}
	err = im.again(ctx, func() (err error) {
		o.View, err = im.checkout(ctx, b)
		return err
	})
	switch {
	case stands(err):
		v.refuse(Refused, string(shop.CodeOf(err))+": "+err.Error())
		return nil, nil
	case err != nil:
		return nil, shop.Errorf(shop.CodeOf(err), "order invoice %s: %w", v.number, err)
	}
	if o.Status == order.PendingPayment().String() {
		if o.View, err = im.await(ctx, o.ID); err != nil {
			return nil, shop.Errorf(shop.CodeOf(err), "wait for invoice %s: %w", v.number, err)
		}
	}
	if why := notPlaced(&o.View); why != "" {
		v.refuse(NotPlaced, why)
		return nil, nil
	}
	return o, nil
}

// checkout is what a customer does: hand a card over, and order.
func (im *Importer) checkout(ctx context.Context, b order.Basket) (order.View, error) {
	m, err := im.cfg.App.Payment.Vault(ctx, b.Customer, string(importerID), cardToken)
	if err != nil {
		return order.View{}, err
	}
	b.Method = m.ID
	return im.cfg.App.Order.Checkout(ctx, b)
}

// basket makes a basket of an invoice.
func (im *Importer) basket(v *invoice, rows []*row) order.Basket {
	b := order.Basket{
		Order: orderID(v.number), Customer: customerID(v), Origin: "import", At: v.at,
		ShipTo: shop.Address{
			Name: "Guest", Line1: "not recorded", City: v.country, Country: countryCode(v.country),
		},
		Items: make([]order.Item, len(rows)),
	}
	if v.customer != "" {
		b.ShipTo.Name = "Customer " + v.customer
	}
	if b.ShipTo.City == "" {
		b.ShipTo.City = "not recorded"
	}
	for i, r := range rows {
		b.Items[i] = order.Item{SKU: im.wares.sku(r), Quantity: r.quantity}
	}
	return b
}

func orderID(invoice string) shop.ID { return shop.ID("ord_uci_" + invoice) }

// customerID names the customer; an invoice without one has a guest of its own.
func customerID(v *invoice) shop.ID {
	if v.customer == "" {
		return shop.ID("gst_uci_" + v.number)
	}
	return shop.ID("cus_uci_" + v.customer)
}

// lookAgain is how often an order is read without having been told that it moved.
const lookAgain = 500 * time.Millisecond

// await returns the order once it is decided. The order's own deadline bounds the wait.
func (im *Importer) await(ctx context.Context, id shop.ID) (order.View, error) {
	moved, leave, err := im.cfg.App.Watch(id)
	if err != nil {
		return order.View{}, err
	}
	defer leave()
	for {
		due, err := im.cfg.App.Order.Due(ctx, id)
		if err != nil {
			return order.View{}, err
		}
		if !due.Pending {
			return im.cfg.App.Order.Get(ctx, id)
		}
		select {
		case <-moved:
		case <-im.cfg.Clock.After(lookAgain):
		case <-ctx.Done():
			return order.View{}, context.Cause(ctx)
		}
	}
}

// notPlaced says why an order was never placed. One that was cancelled later was placed.
func notPlaced(o *order.View) string {
	switch o.Status {
	case order.Expired().String():
		return "expired"
	case order.Cancelled().String():
		if o.Reason == "out_of_stock" || o.Reason == "payment_failed" {
			return o.Reason
		}
	}
	return ""
}

// countryCode is the ISO 3166-1 code of a country as the file calls it; ZZ, which stands for
// nothing there, for any other.
func countryCode(name string) string {
	const codes = "Australia=AU Austria=AT Bahrain=BH Belgium=BE Brazil=BR Canada=CA " +
		"Channel_Islands=GG Cyprus=CY Czech_Republic=CZ Denmark=DK EIRE=IE European_Community=EU " +
		"Finland=FI France=FR Germany=DE Greece=GR Hong_Kong=HK Iceland=IS Israel=IL Italy=IT " +
		"Japan=JP Lebanon=LB Lithuania=LT Malta=MT Netherlands=NL Norway=NO Poland=PL " +
		"Portugal=PT RSA=ZA Saudi_Arabia=SA Singapore=SG Spain=ES Sweden=SE Switzerland=CH " +
		"USA=US United_Arab_Emirates=AE United_Kingdom=GB"
	key := " " + strings.ReplaceAll(name, " ", "_") + "="
	if _, after, ok := strings.Cut(" "+codes, key); ok && name != "" {
		return after[:2]
	}
	return "ZZ"
}
