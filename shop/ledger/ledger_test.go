package ledger

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// books is the simplest model of the room: balances, and parcels, moved by transactions.
type books struct {
	accounts map[string]int64
	parcels  map[shop.ID]*Parcel
	auth     *Transaction
}

func (b *books) post(t *rapid.T, f *event.LedgerPosted) {
	if f == nil {
		return
	}
	var sum int64
	for _, e := range f.Entries {
		sum += e.Amount
		b.accounts[e.Account] += e.Amount
	}
	if sum != 0 || len(f.Entries) == 0 {
		t.Fatalf("%s does not balance: %+v", f.Transaction, f.Entries)
	}
	if f.Kind == kindAuthorisation || f.Kind == kindVoid {
		return
	}
	for _, s := range f.Splits {
		p := b.parcels[s.Shipment]
		if p == nil {
			p = &Parcel{Shipment: s.Shipment, Order: f.Order, Currency: f.Currency}
			b.parcels[s.Shipment] = p
		}
		p.follow(f.Kind, s)
	}
}

// Goal: any sequence of captures, refunds, maturities and a void keeps the books balanced, refunds
// never exceed captures, no share is reversed beyond what it was or further than a unit from its
// exact part, and refunding everything leaves every account at nothing.
// Method: random orders and steps against the model; at the end refund all and void the rest.
func TestBooksStayBalanced(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		order := drawOrder(t)
		b := &books{accounts: map[string]int64{}, parcels: map[shop.ID]*Parcel{}}
		posted := authorise(order, func(n int) shop.ID { return shipmentID(order.Order, n) })
		b.post(t, posted)
		b.auth = &Transaction{
			ID: posted.Transaction, Order: order.Order, Currency: order.Currency,
			Entries: posted.Entries, Splits: posted.Splits,
		}
		for range rapid.IntRange(0, 12).Draw(t, "steps") {
			b.step(t)
			b.check(t)
		}
		b.unwind(t, order)
		for account, amount := range b.accounts {
			if amount != 0 {
				t.Fatalf("%s holds %d after everything went back", account, amount)
			}
		}
	})
}

// step does one random thing to one random parcel. What the rules refuse moves nothing.
func (b *books) step(t *rapid.T) {
	split := rapid.SampledFrom(b.auth.Splits).Draw(t, "parcel")
	p := b.parcels[split.Shipment]
	switch what := rapid.SampledFrom([]string{"capture", "refund", "mature"}).Draw(t, "what"); {
	case what == "capture" && p == nil:
		amount := rapid.Int64Range(0, split.Amount+1).Draw(t, "captured")
		f, err := capture(b.auth, event.ParcelSplit{}, &event.PaymentCaptured{
			Order: b.auth.Order, Shipment: split.Shipment,
			Amount: shop.Money{Amount: amount, Currency: "GBP"},
		})
		if (err == nil) != (amount > 0 && amount <= split.Amount) {
			t.Fatalf("capturing %d of %d: %v", amount, split.Amount, err)
		}
		b.post(t, f)
	case what == "refund" && p != nil:
		left := p.Captured.Amount - p.Reversed.Amount
		amount := rapid.Int64Range(0, left+1).Draw(t, "refunded")
		f, err := b.refund(p, amount)
		if (err == nil) != (amount > 0 && amount <= left) {
			t.Fatalf("refunding %d of %d: %v", amount, left, err)
		}
		b.post(t, f)
	case what == "mature" && p != nil:
		b.post(t, mature(p))
	}
}

func (b *books) refund(p *Parcel, amount int64) (*event.LedgerPosted, error) {
	return refund(p, &event.PaymentRefunded{
		Order: p.Order, Shipment: p.Shipment, Refund: "rfn_1",
		Amount: shop.Money{Amount: amount, Currency: "GBP"},
	})
}

func (b *books) check(t *rapid.T) {
	for _, p := range b.parcels {
		c, r := p.Captured, p.Reversed
		for _, share := range [][2]int64{
			{r.Amount, c.Amount}, {r.Tax, c.Tax},
			{r.Commission, c.Commission}, {earned(r), earned(c)},
		} {
			back, whole := share[0], share[1]
			if back < 0 || back > whole {
				t.Fatalf("%d of a share of %d was reversed: %+v", back, whole, p)
			}
			if d := back*c.Amount - r.Amount*whole; d <= -c.Amount || d >= c.Amount {
				t.Fatalf("%d of %d is not near the part of %d in %d",
					back, whole, r.Amount, c.Amount)
			}
		}
	}
}

// unwind refunds what is left and voids what was not captured. A maturity that came between the
// refunds leaves opposite sides in the dealer's two accounts, so they are looked at together.
func (b *books) unwind(t *rapid.T, order *event.OrderPlaced) {
	rest := order.Total
	for _, p := range b.parcels {
		rest -= p.Captured.Amount
		if left := p.Captured.Amount - p.Reversed.Amount; left > 0 {
			f, err := b.refund(p, left)
			if err != nil {
				t.Fatalf("refund the rest: %v", err)
			}
			b.post(t, f)
		}
	}
	if rest > 0 {
		f, err := void(b.auth, &event.PaymentVoided{
			Order: order.Order, Amount: shop.Money{Amount: rest, Currency: "GBP"},
		})
		if err != nil {
			t.Fatalf("void the rest: %v", err)
		}
		b.post(t, f)
	}
}

func drawOrder(t *rapid.T) *event.OrderPlaced {
	f := &event.OrderPlaced{Order: "ord_x", Currency: "GBP"}
	for range rapid.IntRange(1, 4).Draw(t, "parcels") {
		p := event.Parcel{
			Dealer: shop.ID("dlr_" + rapid.SampledFrom([]string{"1", "2"}).Draw(t, "dealer")),
			Items:  rapid.Int64Range(0, 5000).Draw(t, "items"),
			Tax:    rapid.Int64Range(0, 1000).Draw(t, "tax"),
		}
		p.Shipping = rapid.Int64Range(0, 300).Draw(t, "shipping")
		p.Commission = rapid.Int64Range(0, p.Items).Draw(t, "commission")
		p.Amount = p.Items + p.Shipping + p.Tax
		f.Parcels = append(f.Parcels, p)
		f.Total += p.Amount
	}
	return f
}

// Goal: the shares at every point do not depend on how the refunds were cut.
// Method: refund the same sum in random pieces and in one.
func TestRefundsDoNotDependOnTheirPieces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		whole := event.ParcelSplit{
			Shipment: "shp_x_1", Dealer: "dlr_1",
			Tax:        rapid.Int64Range(0, 50).Draw(t, "tax"),
			Commission: rapid.Int64Range(0, 50).Draw(t, "commission"),
		}
		whole.Amount = whole.Tax + whole.Commission + rapid.Int64Range(1, 100).Draw(t, "earned")
		p := &Parcel{Shipment: "shp_x_1", Order: "ord_x", Currency: "GBP", Captured: whole}
		for range rapid.IntRange(1, 8).Draw(t, "pieces") {
			left := whole.Amount - p.Reversed.Amount
			if left == 0 {
				break
			}
			amount := rapid.Int64Range(1, left).Draw(t, "piece")
			f, err := (&books{}).refund(p, amount)
			if err != nil {
				t.Fatal(err)
			}
			p.follow(kindRefund, f.Splits[0])
		}
		once, err := part(whole, p.Reversed.Amount)
		if err != nil || once != p.Reversed {
			t.Fatalf("in pieces %+v, at once %+v (%v)", p.Reversed, once, err)
		}
	})
}

// Goal: names of transactions are derived, tell refunds apart, and fit into an id.
// Method: the longest ids there are.
func TestTransactionNames(t *testing.T) {
	t.Parallel()
	const x, y = "0123456789abcdefghijklmnop", "z0123456789abcdefghijklmno"
	for _, c := range []struct{ got, want shop.ID }{
		{transactionID(kindAuthorisation, "ord_"+x, ""), "txn_authorisation_" + x},
		{transactionID(kindCapture, "ord_"+x, parcelNumber("shp_"+x+"_12")),
			"txn_capture_" + x + "_12"},
		{transactionID(kindRefund, "ord_"+x, refundName("ord_"+x, "rfn_end_"+x+"_1")),
			"txn_refund_" + x + "_end_1"},
		{transactionID(kindRefund, "ord_"+x, refundName("ord_"+x, "rfn_"+y)),
			"txn_refund_" + x + "_" + y},
	} {
		if c.got != c.want || len(c.got) > shop.MaxID {
			t.Errorf("%s (%d), want %s", c.got, len(c.got), c.want)
		}
	}
}
