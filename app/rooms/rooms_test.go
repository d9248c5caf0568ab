package rooms_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app/rooms"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/catalog"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// stand is a platform in memory, and what rooms on it are opened with.
func stand(t *testing.T) rooms.Config {
	t.Helper()
	cat := event.NewCatalogue()
	p, err := embedded.Open(embedded.Options{Check: rooms.Check(cat)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return rooms.Config{
		Platform: p, Catalogue: cat, Clock: embedded.SystemClock{}, IDs: &ids{},
	}
}

// ids counts.
type ids struct{ n int }

// NewID implements shop.IDs.
func (i *ids) NewID(kind string) shop.ID {
	i.n++
	return shop.ID(kind + "_" + strings.Repeat("x", i.n))
}

func withProvider(t *testing.T, cfg rooms.Config) rooms.Config {
	t.Helper()
	provider, err := sandbox.Open(sandbox.Options{Clock: cfg.Clock})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Payment = payment.Options{Name: sandbox.Name, Provider: provider}
	return cfg
}

// listing is a thing for sale.
func listing(sku shop.SKU, pence int64) catalog.NewListing {
	price := shop.Money{Amount: pence, Currency: "GBP"}
	return catalog.NewListing{SKU: sku, Title: "A thing", Price: price}
}

// Goal: every room can be opened alone, and what it is called here is what it calls itself and its
// reactions. Method: open each; find each reaction's room by its name.
func TestEveryRoomOpensAlone(t *testing.T) {
	t.Parallel()
	for _, name := range rooms.Names() {
		cfg := withProvider(t, stand(t))
		row, err := rooms.Open(cfg, name)
		if err != nil {
			t.Fatalf("open %s: %v", name, err)
		}
		if len(row.Rooms()) != 1 || row.Rooms()[0].Name() != name {
			t.Errorf("open %s: there are %d rooms", name, len(row.Rooms()))
		}
		for _, s := range row.Subscriptions() {
			of, err := rooms.RoomOf(s.Name)
			if err != nil || of != name {
				t.Errorf("%s is a reaction of %s, its name says %q (%v)", s.Name, name, of, err)
			}
			one, err := row.Subscription(s.Name)
			if err != nil || one.Name != s.Name || one.Handle == nil {
				t.Errorf("find %s: %+v %v", s.Name, one, err)
			}
		}
	}
}

// Goal: who names what is not there is told what there is. Method: a room, a reaction, and a
// provider that are not there.
func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	cfg := stand(t)
	for _, one := range []struct {
		what string
		do   func() error
		says string
	}{
		{"a room", func() error {
			_, err := rooms.Open(cfg, "order", "odrer")
			return err
		}, "analytics"},
		{"a reaction of no room", func() error {
			_, err := rooms.RoomOf("app.watch-orders")
			return err
		}, "inventory"},
		{"a reaction of another room", func() error {
			row, err := rooms.Open(cfg, "order")
			if err != nil {
				return err
			}
			_, err = row.Subscription("ledger.post-on-order-placed")
			return err
		}, "order.place-on-payment-authorized"},
		{"a provider", func() error {
			_, err := rooms.Open(cfg, "payment")
			return err
		}, "provider"},
	} {
		err := one.do()
		e, ok := errors.AsType[*shop.Error](err)
		if !ok || !strings.Contains(e.Message+e.Hint, one.says) {
			t.Errorf("%s: %v, want a word of %q", one.what, err, one.says)
		}
	}
}

// Goal: seams name rooms that there are, once each, and a question that writes is never answered
// by a view. Method: the list; the vault asked where payment is not open.
func TestSeamsAreDeclared(t *testing.T) {
	t.Parallel()
	var seen []string
	for _, s := range rooms.Seams() {
		if !slices.Contains(rooms.Names(), s.Asker) || !slices.Contains(rooms.Names(), s.Asked) ||
			!strings.HasPrefix(s.Name, s.Asker+".") || s.How == (rooms.How{}) {
			t.Errorf("the seam %+v", s)
		}
		if slices.Contains(seen, s.Name) {
			t.Errorf("the seam %s stands twice", s.Name)
		}
		seen = append(seen, s.Name)
	}
	row, err := rooms.Open(stand(t), "order")
	if err != nil {
		t.Fatal(err)
	}
	_, err = row.Vault().Vault(t.Context(), "cus_1", "k", "", "tok_visa")
	if shop.CodeOf(err) != shop.Unavailable {
		t.Errorf("the vault without payment: %v", err)
	}
}

// Goal: a neighbour's keys are read and never written. Method: the catalogue and the order room
// through the views that inventory, order and payment have, and every write refused.
func TestViewsRefuseToWrite(t *testing.T) {
	t.Parallel()
	cfg := withProvider(t, stand(t))
	for _, s := range rooms.Seams() {
		if s.How != rooms.ReadOnlyKeys() {
			continue
		}
		store := rooms.ViewOf(cfg, s)
		err := store.Commit(t.Context(), platform.Batch{Writes: []platform.Write{{
			Kind: platform.Put, Key: platform.Key{Part: "p", Sort: "s"}, Expect: platform.Any,
			Value: []byte("{}"),
		}}})
		if !errors.Is(err, platform.ErrReadOnly) || !platform.Known(err) {
			t.Errorf("%s wrote: %v", s.Name, err)
		}
		if _, err := cfg.Platform.Store(s.Asked).Get(t.Context(),
			platform.Key{Part: "p", Sort: "s"}); !errors.Is(err, platform.ErrNotFound) {
			t.Errorf("%s left something: %v", s.Name, err)
		}
	}
}

// Goal: where a dealer has terms, they say the market's share of all that the dealer sells, from
// their moment on; where there are none, the listing does; and an order room that stands apart
// hears the same. Method: terms for one of two dealers, asked for before and after.
func TestTermsStandBeforeListings(t *testing.T) {
	t.Parallel()
	cfg := stand(t)
	clock := platformtest.NewClock(platformtest.Start())
	cfg.Clock, cfg.Catalog.CommissionBPS = clock, 1000
	whole, err := rooms.Open(withProvider(t, cfg))
	if err != nil {
		t.Fatal(err)
	}
	apart, err := rooms.Open(cfg, "order")
	if err != nil {
		t.Fatal(err)
	}
	for _, dealer := range []shop.ID{"dlr_1", "dlr_2"} {
		ctx := room.WithCaller(t.Context(), room.Caller{ID: dealer, Role: room.Dealer()})
		if _, _, err := whole.Catalog.List(ctx, listing(shop.SKU(dealer), 510)); err != nil {
			t.Fatal(err)
		}
	}
	admin := room.WithCaller(t.Context(), room.Caller{ID: "adm_1", Role: room.Admin()})
	if _, err := whole.Ledger.SetTerms(admin, "dlr_1", 250, time.Time{}); err != nil {
		t.Fatal(err)
	}
	for _, terms := range []int64{1000, 250} {
		for _, row := range []*rooms.Row{whole, apart} {
			for dealer, want := range map[shop.SKU]int64{"dlr_1": terms, "dlr_2": 1000} {
				offers, err := rooms.PricesOf(t.Context(), row, dealer)
				if err != nil || offers[0].CommissionBPS != want {
					t.Errorf("%s: %+v, %v; want %d", dealer, offers, err, want)
				}
			}
		}
		clock.Advance(2 * time.Minute)
	}
}

// Goal: what a view reads is what the room wrote last, however soon. Method: a dealer reprices and
// withdraws between two questions of an order room that stands apart.
func TestViewsAreNeverStale(t *testing.T) {
	t.Parallel()
	cfg := stand(t)
	cfg.Catalog.Cache = 100
	shelf, err := rooms.Open(cfg, "catalog")
	if err != nil {
		t.Fatal(err)
	}
	apart, err := rooms.Open(cfg, "inventory", "order")
	if err != nil {
		t.Fatal(err)
	}
	dealer := room.WithCaller(t.Context(), room.Caller{ID: "dlr_1", Role: room.Dealer()})
	if _, _, err := shelf.Catalog.List(dealer, listing("LAMP", 510)); err != nil {
		t.Fatal(err)
	}
	for _, amount := range []int64{510, 620, 730} {
		if amount != 510 {
			price := shop.Money{Amount: amount, Currency: "GBP"}
			if _, err := shelf.Catalog.Reprice(dealer, "LAMP", price); err != nil {
				t.Fatal(err)
			}
		}
		offers, err := rooms.PricesOf(t.Context(), apart, "LAMP")
		if err != nil || offers[0].Price.Amount != amount {
			t.Errorf("at %d the order room hears %+v, %v", amount, offers, err)
		}
	}
	if _, err := shelf.Catalog.Withdraw(dealer, "LAMP"); err != nil {
		t.Fatal(err)
	}
	if _, err := rooms.PricesOf(t.Context(), apart, "LAMP"); shop.CodeOf(err) != shop.UnknownSKU {
		t.Errorf("withdrawn, and still: %v", err)
	}
}
