package analytics

import (
	"context"
	"hash/fnv"
	"strconv"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// The room keeps records of counters only:
//
//	total/<slice>    <currency>, or "-"  orders and money; "-" is for facts without a currency
//	dealer/<dealer>  <currency>          parcels and revenue
//	product/<sku>    product             units and orders
//	~seen/<event>    <chunk>             the mark that this part of the event was counted
//	~rebuild         mark                the numbers are being counted again
//
// The totals are sums of slices, and an order always counts in the same one: every order moves
// them, and platforms differ in how many commits may move one record at once.

const (
	sliceCount = 16
	noCurrency = "-"
)

// mark is the empty record of a thing that is so.
type mark struct{}

func totalKey(order shop.ID, c shop.Currency) platform.Key {
	h := fnv.New32a()
	_, _ = h.Write([]byte(order)) // a hash never fails to write
	if c == "" {
		c = noCurrency
	}
	slice := strconv.Itoa(int(h.Sum32() % sliceCount))
	return platform.Key{Part: "total/" + slice, Sort: string(c)}
}

func dealerKey(dealer shop.ID, c shop.Currency) platform.Key {
	return platform.Key{Part: "dealer/" + string(dealer), Sort: string(c)}
}

func productKey(sku shop.SKU) platform.Key {
	return platform.Key{Part: "product/" + string(sku), Sort: "product"}
}

func seenKey(eventID string, chunk int) platform.Key {
	return platform.Key{
		Part: room.AuxPrefix + "seen/" + eventID, Sort: strconv.Itoa(chunk),
	}
}

func rebuildKey() platform.Key {
	return platform.Key{Part: room.AuxPrefix + "rebuild", Sort: "mark"}
}

// Apply implements room.Room: it counts a fact of another room. It reads nothing, so that counts of
// many orders at once never wait for each other.
func (s *Service) Apply(_ context.Context, tx *room.Tx, f event.Fact, _ room.Meta) error {
	write(tx, tally(f))
	return nil
}

func write(tx *room.Tx, counts []count) {
	for _, c := range counts {
		tx.Add(c.key, c.moves...)
	}
}
