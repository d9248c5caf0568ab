package catalog_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/catalog"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// stage is a world with the catalogue alone in it.
type stage struct {
	*roomtest.World
	*catalog.Service
}

func newStage(t roomtest.T, opts ...roomtest.Option) *stage {
	t.Helper()
	w := roomtest.New(t, opts...)
	s := &stage{World: w, Service: catalog.New(w.Desk("catalog"), catalog.DefaultPolicy())}
	w.Start(t, s.Service)
	return s
}

func gbp(n int64) shop.Money { return shop.Money{Amount: n, Currency: "GBP"} }

func (s *stage) dealer(t roomtest.T) context.Context { return s.As(t, "dlr_a", room.Dealer()) }

func (s *stage) list(t roomtest.T, ctx context.Context, sku shop.SKU, price int64) catalog.Listing {
	t.Helper()
	var l catalog.Listing
	if err := s.Persist(func() (err error) {
		l, _, err = s.List(ctx, catalog.NewListing{SKU: sku, Title: "a thing", Price: gbp(price)})
		return err
	}); err != nil {
		t.Fatalf("list %s: %v", sku, err)
	}
	return l
}

// Goal: the life of a listing, with exactly its facts, through faults. Method: list, list again,
// reprice to the same and to another price, withdraw twice.
func TestLifeOfAListing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := s.dealer(t)
	s.list(t, ctx, "MUG", 500)
	s.list(t, ctx, "MUG", 500)
	persist := func(call func() (catalog.Listing, error)) (l catalog.Listing) {
		t.Helper()
		if err := s.Persist(func() (err error) {
			l, err = call()
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, price := range []int64{500, 600, 600} {
		l := persist(func() (catalog.Listing, error) { return s.Reprice(ctx, "MUG", gbp(price)) })
		if l.Price != gbp(price) {
			t.Errorf("repriced to %d: %+v", price, l)
		}
	}
	for range 2 {
		l := persist(func() (catalog.Listing, error) { return s.Withdraw(ctx, "MUG") })
		if !l.Withdrawn || l.Seq != 3 {
			t.Errorf("withdrawn: %+v", l)
		}
	}
	s.ExpectEvents(t,
		&event.Listed{
			SKU: "MUG", Dealer: "dlr_a", Title: "a thing", Price: gbp(500), CommissionBPS: 1000,
		},
		&event.Repriced{SKU: "MUG", Price: gbp(600)},
		&event.Withdrawn{SKU: "MUG"},
	)
	s.FoldEqualsState(t, s.Service)
}

// Goal: whatever must be refused is, with its code. Method: table.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newStage(t, roomtest.Calm())
	ctx, admin := s.dealer(t), s.As(t, "adm_1", room.Admin())
	rival, customer := s.As(t, "dlr_b", room.Dealer()), s.As(t, "dlr_a", room.Customer())
	s.list(t, ctx, "MUG", 500)
	five := int64(500)
	type listing = catalog.NewListing
	good := listing{SKU: "POT", Title: "a pot", Price: gbp(1)}
	with := func(change func(*listing)) listing {
		n := good
		change(&n)
		return n
	}
	for name, c := range map[string]struct {
		ctx  context.Context
		n    catalog.NewListing
		want shop.Code
	}{
		"nobody":       {t.Context(), good, shop.Unauthorised},
		"a customer":   {customer, good, shop.Forbidden},
		"other's name": {rival, with(func(n *listing) { n.Dealer = "dlr_a" }), shop.Forbidden},
		"own share":    {ctx, with(func(n *listing) { n.CommissionBPS = &five }), shop.Forbidden},
		"free":         {ctx, with(func(n *listing) { n.Price = gbp(0) }), shop.Invalid},
		"no currency":  {ctx, with(func(n *listing) { n.Price.Currency = "" }), shop.Invalid},
		"no title":     {ctx, with(func(n *listing) { n.Title = "" }), shop.Invalid},
		"bad SKU":      {ctx, with(func(n *listing) { n.SKU = "a b" }), shop.Invalid},
		"no dealer":    {admin, good, shop.Invalid},
		"otherwise":    {ctx, with(func(n *listing) { n.SKU = "MUG" }), shop.Conflict},
		"by a rival":   {rival, with(func(n *listing) { n.SKU = "MUG" }), shop.Conflict},
	} {
		if _, _, err := s.List(c.ctx, c.n); shop.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	change := func(
		name string, ctx context.Context, sku shop.SKU, c catalog.Change, want shop.Code,
	) {
		t.Helper()
		if _, err := s.Change(ctx, sku, c); shop.CodeOf(err) != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	ten, euro := gbp(10), shop.Money{Amount: 10, Currency: "EUR"}
	change("a rival", rival, "MUG", catalog.Change{Withdraw: true}, shop.Forbidden)
	change("nobody", t.Context(), "MUG", catalog.Change{Withdraw: true}, shop.Unauthorised)
	change("unknown", ctx, "NONE", catalog.Change{Withdraw: true}, shop.NotFound)
	change("stale", ctx, "MUG", catalog.Change{Price: &ten, Version: 2}, catalog.Stale)
	change("currency", ctx, "MUG", catalog.Change{Price: &euro}, shop.Invalid)
	if _, err := s.Withdraw(admin, "MUG"); err != nil {
		t.Fatal(err)
	}
	change("withdrawn", ctx, "MUG", catalog.Change{Price: &ten}, shop.Illegal)
	_, err := s.Prices(t.Context(), []shop.SKU{"MUG"})
	if shop.CodeOf(err) != shop.UnknownSKU || !bytes.Contains([]byte(err.Error()), []byte("MUG")) {
		t.Errorf("the price of what was withdrawn: %v", err)
	}
}

// Goal: nobody is told a price older than the last reprice that was acknowledged before they
// asked, nor one that never was; with a cache of every size, also one that is always full.
// Method: writers raise the price of each SKU by one, readers note the acknowledged floor before
// each question.
func TestPricesAreNeverOld(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 16, 20_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			w := roomtest.New(t, roomtest.Calm())
			p := catalog.DefaultPolicy()
			p.Cache = size
			s := &stage{World: w, Service: catalog.New(w.Desk("catalog"), p)}
			w.Start(t, s.Service)
			const kinds, raises = 24, 40
			var floor sync.Map
			skus := make([]shop.SKU, kinds)
			for i := range skus {
				skus[i] = shop.SKU(fmt.Sprint("SKU", i))
				s.list(t, s.dealer(t), skus[i], 1)
				floor.Store(skus[i], int64(1))
			}
			done := make(chan struct{})
			var readers, writers sync.WaitGroup
			for range 4 {
				readers.Go(func() {
					for {
						select {
						case <-done:
							return
						default:
							s.ask(t, skus, &floor)
						}
					}
				})
			}
			for _, sku := range skus {
				writers.Go(func() {
					ctx := s.dealer(t)
					for n := int64(2); n <= raises; n++ {
						if _, err := s.Reprice(ctx, sku, gbp(n)); err != nil {
							t.Errorf("reprice: %v", err)
						}
						floor.Store(sku, n)
					}
				})
			}
			writers.Wait()
			close(done)
			readers.Wait()
			listings, err := s.Prices(t.Context(), skus)
			for _, l := range listings {
				if l.Price.Amount != raises {
					t.Errorf("at rest %s costs %s, %v", l.SKU, l.Price, err)
				}
			}
		})
	}
}

func (s *stage) ask(t *testing.T, skus []shop.SKU, floor *sync.Map) {
	some := []shop.SKU{skus[rand.IntN(len(skus))], skus[rand.IntN(len(skus))]}
	var least [2]int64
	for i, sku := range some {
		n, _ := floor.Load(sku)
		least[i] = n.(int64)
	}
	listings, err := s.Prices(t.Context(), some)
	if err != nil {
		t.Errorf("prices: %v", err)
		return
	}
	for i, l := range listings {
		if l.SKU != some[i] || l.Price.Amount < least[i] {
			t.Errorf("%s costs %s, but %d was acknowledged before", l.SKU, l.Price, least[i])
		}
	}
}

// Goal: pages neither skip nor repeat, with any limit, with withdrawn listings left out, over all
// dealers and over one. Method: property over random catalogues.
func TestBrowseIsComplete(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newStage(t, roomtest.Calm())
		all, mine := make(map[shop.SKU]bool), make(map[shop.SKU]bool)
		for n := range rapid.IntRange(0, 60).Draw(t, "listings") {
			dealer := shop.ID(fmt.Sprint("dlr_", n%3))
			ctx := s.As(t, dealer, room.Dealer())
			sku := shop.SKU(fmt.Sprint("SKU", n))
			s.list(t, ctx, sku, 1)
			if rapid.IntRange(0, 4).Draw(t, "withdrawn") == 0 {
				if _, err := s.Withdraw(ctx, sku); err != nil {
					t.Fatal(err)
				}
				continue
			}
			all[sku] = true
			if n%3 == 1 {
				mine[sku] = true
			}
		}
		limit := rapid.IntRange(1, 100).Draw(t, "limit")
		s.walk(t, "", limit, all)
		s.walk(t, "dlr_1", limit, mine)
	})
}

func (s *stage) walk(t *rapid.T, dealer shop.ID, limit int, want map[shop.SKU]bool) {
	seen := make(map[shop.SKU]bool)
	for after := ""; ; {
		page, err := s.Browse(t.Context(), dealer, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range page.Listings {
			if seen[l.SKU] || !want[l.SKU] {
				t.Fatalf("%s is there twice, or should not be", l.SKU)
			}
			seen[l.SKU] = true
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if len(seen) != len(want) {
		t.Fatalf("dealer %q, limit %d: saw %d of %d", dealer, limit, len(seen), len(want))
	}
}

// Goal: the doors: a key is one listing and one answer; ETags guard changes and save bodies.
func TestDoors(t *testing.T) {
	t.Parallel()
	s := newStage(t, roomtest.Calm())
	ctx := s.dealer(t)
	in := &catalog.PostProductIn{IdempotencyKey: "k"}
	in.Body.SKU, in.Body.Title, in.Body.Price = "A%C", "a cup", gbp(333)
	one, err := s.PostProduct(ctx, in)
	if err != nil || one.Status != http.StatusCreated || one.Location != "/v1/products/A%25C" {
		t.Fatalf("post: %+v, %v", one, err)
	}
	if two, err := s.PostProduct(ctx, in); err != nil || !bytes.Equal(two.Body, one.Body) ||
		two.Status != one.Status {
		t.Errorf("post again: %+v, %v", two, err)
	}
	in.Body.Title = "another cup"
	if _, err := s.PostProduct(ctx, in); shop.CodeOf(err) != shop.KeyReused {
		t.Errorf("another body: %v", err)
	}
	in.IdempotencyKey = ""
	if _, err := s.PostProduct(ctx, in); shop.CodeOf(err) != shop.KeyMissing {
		t.Errorf("no key: %v", err)
	}
	got, err := s.GetProduct(ctx, &catalog.GetProductIn{ID: "A%C"})
	if err != nil || got.ETag != `"1"` || got.Body.Price != gbp(333) {
		t.Fatalf("get: %+v, %v", got, err)
	}
	none, err := s.GetProduct(ctx, &catalog.GetProductIn{ID: "A%C", IfNoneMatch: `"9", W/"1"`})
	if err != nil || none.Status != http.StatusNotModified || none.Body != nil {
		t.Errorf("get what is known: %+v, %v", none, err)
	}
	price := gbp(350)
	patch := &catalog.PatchProductIn{ID: "A%C", IfMatch: got.ETag}
	patch.Body.Price, patch.Body.Withdrawn = &price, true
	if out, err := s.PatchProduct(ctx, patch); err != nil || out.ETag != `"3"` || !out.Body.Withdrawn {
		t.Errorf("patch: %+v, %v", out, err)
	}
	if _, err := s.PatchProduct(ctx, patch); shop.CodeOf(err) != catalog.Stale {
		t.Errorf("patch of an old version: %v", err)
	}
	patch.IfMatch = ""
	if _, err := s.PatchProduct(ctx, patch); shop.CodeOf(err) != shop.Invalid {
		t.Errorf("patch without a version: %v", err)
	}
	s.list(t, ctx, "MUG", 5)
	page, err := s.GetProducts(ctx, &catalog.GetProductsIn{Limit: 20})
	if err != nil || len(page.Body.Items) != 1 || page.Body.Items[0].ID != "MUG" {
		t.Fatalf("browse: %+v, %v", page, err)
	}
	same, err := s.GetProducts(ctx, &catalog.GetProductsIn{Limit: 20, IfNoneMatch: page.ETag})
	if err != nil || same.Status != http.StatusNotModified {
		t.Errorf("browse what is known: %+v, %v", same, err)
	}
	for _, cursor := range []string{"x", "99/a", "-1/a", "1"} {
		_, err := s.GetProducts(ctx, &catalog.GetProductsIn{Limit: 20, Cursor: cursor})
		if shop.CodeOf(err) != shop.Invalid {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
}

// BenchmarkPrices asks for three prices of four thousand, with and without the cache.
func BenchmarkPrices(b *testing.B) {
	for _, size := range []int{0, 20_000} {
		b.Run(fmt.Sprint("cache=", size), func(b *testing.B) {
			w := roomtest.New(b, roomtest.Calm(), roomtest.RealClock())
			p := catalog.DefaultPolicy()
			p.Cache = size
			s := &stage{World: w, Service: catalog.New(w.Desk("catalog"), p)}
			w.Start(b, s.Service)
			skus := make([]shop.SKU, 4000)
			for i := range skus {
				skus[i] = shop.SKU(fmt.Sprint("SKU", i))
				s.list(b, s.dealer(b), skus[i], 1)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				at := i * 3 % 3990
				if _, err := s.Prices(b.Context(), skus[at:at+3]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
