package analytics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// TopSize is how many products and dealers a summary names.
const TopSize = 10

// Service is the room. It is safe for concurrent use.
type Service struct{ desk *room.Desk }

var _ room.Room = (*Service)(nil)

// New opens the room at its desk, whose Apply it sets to its own.
func New(desk *room.Desk) *Service {
	s := &Service{desk: desk}
	desk.Apply = s.Apply
	return s
}

// Name implements room.Room.
func (*Service) Name() string { return "analytics" }

// Orders counts orders, and parcels that were delivered.
type Orders struct {
	Created   int64 `json:"created"`
	Placed    int64 `json:"placed"`
	Cancelled int64 `json:"cancelled"`
	Expired   int64 `json:"expired"`
	Delivered int64 `json:"delivered" doc:"parcels"`
}

// Takings is the money of one currency, in minor units.
type Takings struct {
	Currency shop.Currency `json:"currency"`
	Ordered  int64         `json:"ordered"  doc:"total of the placed orders"`
	Captured int64         `json:"captured"`
	Refunded int64         `json:"refunded"`
}

// Product is what placed orders had of one SKU.
type Product struct {
	SKU    shop.SKU `json:"sku"`
	Units  int64    `json:"units"`
	Orders int64    `json:"orders"`
}

// DealerSales is what placed orders had of one dealer, in one currency.
type DealerSales struct {
	Dealer  shop.ID    `json:"dealer"`
	Parcels int64      `json:"parcels"`
	Revenue shop.Money `json:"revenue" doc:"goods and shipping, without tax"`
}

// Summary is what happened so far.
type Summary struct {
	Orders   Orders        `json:"orders"`
	Takings  []Takings     `json:"takings"  maxItems:"200" doc:"by currency"`
	Products []Product     `json:"products" maxItems:"10"  doc:"most units first"`
	Dealers  []DealerSales `json:"dealers"  maxItems:"10"  doc:"most revenue first, currency by currency"`
}

// Summary reads every counter. The numbers run behind the facts, and are Unavailable while they are
// being counted again. It keeps no more than the totals and twice TopSize in memory.
func (s *Service) Summary(ctx context.Context) (Summary, error) {
	rebuilding, err := s.rebuilding(ctx)
	if err != nil {
		return Summary{}, err
	}
	if rebuilding {
		return Summary{}, errRebuilding()
	}
	sum := Summary{Takings: []Takings{}, Products: []Product{}, Dealers: []DealerSales{}}
	if err := s.readTotals(ctx, &sum); err != nil {
		return sum, err
	}
	err = s.each(ctx, "product/", func(sku string, r platform.Record) {
		p := Product{SKU: shop.SKU(sku), Units: r.Counters[units], Orders: r.Counters[orders]}
		sum.Products = keepTop(sum.Products, p, mostUnits)
	})
	if err != nil {
		return sum, err
	}
	err = s.each(ctx, "dealer/", func(dealer string, r platform.Record) {
		sum.Dealers = keepTop(sum.Dealers, DealerSales{
			Dealer: shop.ID(dealer), Parcels: r.Counters[parcels],
			Revenue: shop.Money{Amount: r.Counters[revenue], Currency: shop.Currency(r.Key.Sort)},
		}, mostRevenue)
	})
	return sum, err
}

func (s *Service) readTotals(ctx context.Context, sum *Summary) error {
	takings := make(map[string]*Takings)
	err := s.each(ctx, "total/", func(_ string, r platform.Record) {
		sum.Orders.Created += r.Counters[created]
		sum.Orders.Placed += r.Counters[placed]
		sum.Orders.Cancelled += r.Counters[cancelled]
		sum.Orders.Expired += r.Counters[expired]
		sum.Orders.Delivered += r.Counters[delivered]
		if r.Key.Sort == noCurrency {
			return
		}
		t := takings[r.Key.Sort]
		if t == nil {
			t = &Takings{Currency: shop.Currency(r.Key.Sort)}
			takings[r.Key.Sort] = t
		}
		t.Ordered += r.Counters[ordered]
		t.Captured += r.Counters[captured]
		t.Refunded += r.Counters[refunded]
	})
	for _, t := range takings {
		sum.Takings = append(sum.Takings, *t)
	}
	slices.SortFunc(sum.Takings, func(a, b Takings) int {
		return cmp.Compare(a.Currency, b.Currency)
	})
	return err
}

// each calls fn for every record whose partition begins with prefix, with what follows it.
func (s *Service) each(
	ctx context.Context, prefix string, fn func(name string, r platform.Record),
) error {
	prefix = s.Name() + "/" + prefix
	err := s.desk.History.Records(ctx, prefix, func(r platform.Record) error {
		fn(strings.TrimPrefix(r.Key.Part, prefix), r)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", prefix, err)
	}
	return nil
}

func errRebuilding() error {
	return shop.Errorf(shop.Unavailable, "the numbers are being counted again").
		WithHint("if no rebuild is at work, one was interrupted: run it again")
}

func (s *Service) rebuilding(ctx context.Context) (bool, error) {
	_, err := s.desk.Store.Get(ctx, rebuildKey())
	if errors.Is(err, platform.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// keepTop puts v into its place in a list that holds the TopSize first ones.
func keepTop[T any](top []T, v T, order func(a, b T) int) []T {
	at, _ := slices.BinarySearchFunc(top, v, order)
	if at == TopSize {
		return top
	}
	top = slices.Insert(top, at, v)
	return top[:min(len(top), TopSize)]
}

func mostUnits(a, b Product) int {
	return cmp.Or(cmp.Compare(b.Units, a.Units), cmp.Compare(a.SKU, b.SKU))
}

func mostRevenue(a, b DealerSales) int {
	return cmp.Or(
		cmp.Compare(b.Revenue.Amount, a.Revenue.Amount),
		cmp.Compare(a.Dealer, b.Dealer), cmp.Compare(a.Revenue.Currency, b.Revenue.Currency))
}
