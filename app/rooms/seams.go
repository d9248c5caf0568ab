package rooms

import (
	"context"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/catalog"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/ledger"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/room"
)

// How says how a question between two rooms is answered in a process that opens only the one that
// asks. The set is closed.
type How struct{ name string }

// ReadOnlyKeys lets the process of the asker read the neighbour's records, and never write them.
func ReadOnlyKeys() How { return How{"read-only keys"} }

// InPerson means that the question changes the neighbour's records, which it alone may write: a
// process that asks opens both rooms.
func InPerson() How { return How{"in person"} }

// String names it as decision records do.
func (h How) String() string { return h.name }

// Seam is a question of one room to another.
type Seam struct {
	Name  string // "<asker>.<question>"
	Asker string
	Asked string
	How   How
}

// Seams lists every question between rooms. What a process that opens some rooms may read besides
// its own keys follows from it.
func Seams() []Seam {
	return []Seam{
		seamOwners(), seamPrices(), seamTerms(), seamVault(), seamDues(), seamFrozen(),
		seamSellers(), seamParcels(),
	}
}

// seamOwners asks who may count a SKU.
func seamOwners() Seam { return Seam{"inventory.owners", "inventory", "catalog", ReadOnlyKeys()} }

// seamPrices asks what things cost now.
func seamPrices() Seam { return Seam{"order.prices", "order", "catalog", ReadOnlyKeys()} }

// seamTerms asks what the market takes of a dealer's goods.
func seamTerms() Seam { return Seam{"order.terms", "order", "ledger", ReadOnlyKeys()} }

// seamVault asks for a reference to a card: the token is written by payment and by nobody else.
func seamVault() Seam { return Seam{"order.vault", "order", "payment", InPerson()} }

// seamDues asks what an order owes.
func seamDues() Seam { return Seam{"payment.dues", "payment", "order", ReadOnlyKeys()} }

// seamFrozen asks what the units of a parcel cost.
func seamFrozen() Seam { return Seam{"fulfilment.orders", "fulfilment", "order", ReadOnlyKeys()} }

// seamSellers asks whose a SKU is of which somebody wanted more than there is.
func seamSellers() Seam {
	return Seam{"notification.sellers", "notification", "catalog", ReadOnlyKeys()}
}

// seamParcels asks whose a parcel is.
func seamParcels() Seam {
	return Seam{"notification.parcels", "notification", "fulfilment", ReadOnlyKeys()}
}

// catalogFor is the catalogue as the asker of a seam may see it: the room if it is open here. A
// view remembers no prices, since it does not hear of changes.
func (r *Row) catalogFor(s Seam) *catalog.Service {
	if r.Catalog != nil {
		return r.Catalog
	}
	policy := r.cfg.Catalog
	policy.Cache = 0
	return catalog.New(r.view(s), policy)
}

// orderFor is the order room as the asker of a seam may see it: the room if it is open here.
func (r *Row) orderFor(s Seam) *order.Service {
	if r.Order != nil {
		return r.Order
	}
	return order.New(r.view(s), order.Seams{}, r.cfg.Order)
}

// ledgerFor is the ledger as the asker of a seam may see it. It is a view even where the room is
// open, since order is opened first; terms lie ahead when they are set, so no view of them is late.
func (r *Row) ledgerFor(s Seam) *ledger.Service {
	return ledger.New(r.view(s), ledger.Options{})
}

// fulfilmentFor is the fulfilment room as the asker of a seam may see it: the room if it is open
// here.
func (r *Row) fulfilmentFor(s Seam) *fulfilment.Service {
	if r.Fulfilment != nil {
		return r.Fulfilment
	}
	return fulfilment.New(r.view(s), fulfilment.Options{})
}

// parcels answers notification with the fulfilment room.
type parcels struct{ fulfilment *fulfilment.Service }

// Dealer implements notification.Parcels.
func (p parcels) Dealer(ctx context.Context, shipment shop.ID) (shop.ID, error) {
	sh, err := p.fulfilment.Get(ctx, room.Caller{Role: room.ServiceRole()}, shipment)
	if err != nil {
		return "", err
	}
	return sh.Dealer, nil
}

// owners answers inventory and notification with the catalogue.
type owners struct{ catalog *catalog.Service }

// Owner implements inventory.Owners and notification.Owners.
func (o owners) Owner(ctx context.Context, sku shop.SKU) (shop.ID, error) {
	l, err := o.catalog.Get(ctx, sku)
	if shop.CodeOf(err) == shop.NotFound {
		return "", shop.Errorf(shop.UnknownSKU, "there is no product %q", sku)
	}
	return l.Dealer, err
}

// prices answers order with the catalogue, and with the ledger: where a dealer has terms, they say
// the market's share of all that the dealer sells, whatever a listing says.
type prices struct {
	catalog *catalog.Service
	ledger  *ledger.Service
}

// Prices implements order.Prices.
func (p prices) Prices(ctx context.Context, skus []shop.SKU) ([]order.Offer, error) {
	listings, err := p.catalog.Prices(ctx, skus)
	if err != nil {
		return nil, err
	}
	offers := make([]order.Offer, len(listings))
	for i, l := range listings {
		offers[i] = order.Offer{
			SKU: l.SKU, Dealer: l.Dealer, Title: l.Title, Price: l.Price,
			CommissionBPS: l.CommissionBPS,
		}
		bps, ok, err := p.ledger.Commission(ctx, l.Dealer)
		if err != nil {
			return nil, err
		}
		if ok {
			offers[i].CommissionBPS = bps
		}
	}
	return offers, nil
}

// Vault is the seam by which a card token becomes a reference. In a process without the payment
// room it refuses with Unavailable.
func (r *Row) Vault() order.Vault { return vault{r} }

// vault answers order with payment. Order is opened before payment, so it looks the room up when
// it is asked.
type vault struct{ row *Row }

// Vault implements order.Vault.
func (v vault) Vault(
	ctx context.Context, customer shop.ID, requestKey, provider, token string,
) (shop.ID, error) {
	if v.row.Payment == nil {
		s := seamVault()
		return "", shop.Errorf(shop.Unavailable, "no card can be taken here; nothing was done").
			WithHint("%s is answered %s: open the room %s in the process that asks",
				s.Name, s.How, s.Asked)
	}
	m, err := v.row.Payment.VaultAt(ctx, provider, customer, requestKey, token)
	return m.ID, err
}

// dues answers payment with order.
type dues struct{ order *order.Service }

// Due implements payment.Dues.
func (d dues) Due(ctx context.Context, id shop.ID) (payment.Due, error) {
	due, err := d.order.Due(ctx, id)
	if err != nil {
		return payment.Due{}, err
	}
	return payment.Due{
		Customer: due.Customer, Method: due.Method, Amount: due.Amount, Open: due.Pending,
		Captures: due.Parcels, Cards: due.Cards,
	}, nil
}

// frozen answers fulfilment with order.
type frozen struct{ order *order.Service }

// Priced implements fulfilment.Orders.
func (f frozen) Priced(ctx context.Context, id shop.ID) ([]fulfilment.Priced, error) {
	lines, err := f.order.Frozen(ctx, id)
	if err != nil {
		return nil, err
	}
	priced := make([]fulfilment.Priced, len(lines))
	for i, l := range lines {
		priced[i] = fulfilment.Priced{
			SKU: l.SKU, Dealer: l.Dealer, Title: l.Title, Amount: l.Amount, Units: l.Quantity,
		}
	}
	return priced, nil
}
