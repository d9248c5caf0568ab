package importer

import (
	"context"
	"hash/fnv"
	"strconv"
	"unicode/utf8"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/catalog"
)

// maxOffers bounds what is kept of a file in memory: things and their prices.
const maxOffers = 1_000_000

// thing is what a stock code stands for.
type thing struct {
	code   string
	title  string // the first that the file gives it
	first  int64  // the price that is the listing's own
	offers map[int64]*offer
}

// offer is one thing at one price: a listing.
type offer struct {
	sku    shop.SKU
	thing  *thing
	price  int64
	demand int64 // units that the whole file orders
}

// wares is everything that a file sells.
type wares struct {
	things map[string]*thing
	offers []*offer // in the order of the file
}

func newWares() *wares { return &wares{things: make(map[string]*thing)} }

// addAll counts what an invoice orders.
func (w *wares) addAll(v *invoice) error {
	if v.kind != ordering {
		return nil
	}
	for _, r := range v.good() {
		if err := w.add(r); err != nil {
			return err
		}
	}
	return nil
}

// add counts a line that is ordered.
func (w *wares) add(r *row) error {
	t := w.things[r.code]
	if t == nil {
		t = &thing{code: r.code, first: r.price, offers: make(map[int64]*offer, 1)}
		w.things[r.code] = t
	}
	if t.title == "" {
		t.title = r.title
	}
	o := t.offers[r.price]
	if o == nil {
		if len(w.offers) == maxOffers {
			return shop.Errorf(shop.Invalid,
				"the file sells more than %d things and prices", maxOffers).
				WithHint("split the file and import the parts one after another")
		}
		o = &offer{sku: t.name(r.price), thing: t, price: r.price}
		t.offers[r.price] = o
		w.offers = append(w.offers, o)
	}
	o.demand += r.quantity
	return nil
}

// name is the SKU of a thing at a price.
func (t *thing) name(price int64) shop.SKU {
	if price == t.first {
		return shop.SKU(t.code)
	}
	return shop.SKU(t.code + "@" + strconv.FormatInt(price, 10))
}

// sku returns what a line is listed as. A cancellation may name what nobody ordered: "".
func (w *wares) sku(r *row) shop.SKU {
	if t := w.things[r.code]; t != nil {
		if o := t.offers[r.price]; o != nil {
			return o.sku
		}
	}
	return ""
}

// listing is what the catalogue is asked to list.
func (o *offer) listing() catalog.NewListing {
	title := o.thing.title
	if title == "" {
		title = o.thing.code
	}
	for utf8.RuneCountInString(title) > catalog.MaxTitle {
		_, last := utf8.DecodeLastRuneInString(title)
		title = title[:len(title)-last]
	}
	return catalog.NewListing{
		SKU: o.sku, Dealer: dealerOf(o.thing.code), Title: title,
		Price: shop.Money{Amount: o.price, Currency: Currency},
	}
}

// dealerOf gives every stock code one of a few made-up dealers.
func dealerOf(code string) shop.ID {
	dealers := []shop.ID{"dlr_ash", "dlr_birch", "dlr_cedar", "dlr_elder", "dlr_hazel"}
	h := fnv.New32a()
	_, _ = h.Write([]byte(code)) // a hash never fails to write
	return dealers[h.Sum32()%uint32(len(dealers))]
}

// stock lists every offer and puts on the shelf what the file orders of it.
func (im *Importer) stock(ctx context.Context) error {
	im.enter(PhaseStock, int64(len(im.wares.offers)))
	return sideBySide(ctx, im.cfg.InFlight, func(ctx context.Context, begin beginner) error {
		for _, o := range im.wares.offers {
			err := begin(func() error { return im.shelve(ctx, o) }, func() error {
				im.report.Listings++
				im.report.Units += o.demand
				im.progress.done.Add(1)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// shelve lists one offer and receives its units. A listing that is there under other terms gets the
// price of the file; orders that exist keep theirs. One that cannot be listed stays away, and the
// checkout refuses whoever wants it.
func (im *Importer) shelve(ctx context.Context, o *offer) error {
	l := o.listing()
	err := im.again(ctx, func() error {
		_, _, err := im.cfg.App.Catalog.List(ctx, l)
		if shop.CodeOf(err) == shop.Conflict {
			_, err = im.cfg.App.Catalog.Reprice(ctx, l.SKU, l.Price)
		}
		return err
	})
	if err != nil && !stands(err) {
		return shop.Errorf(shop.CodeOf(err), "list %s: %w", o.sku, err)
	}
	return im.receive(ctx, o)
}
