package verify_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/inventory"
)

// toldOnce is why a level that a fact tells can change where the log has no order.
const toldOnce = "it is compared with the level at that moment, in the order of the commits only"

// The goods of which more is asked than to be counted.
const (
	watchedSKU = 4  // low, and not low, over and over
	countedSKU = 13 // counted once, in the beginning
	lostSKU    = 17 // not found while its orders are packed
)

// keep sets rules for some goods, and takes stock of another. A town of few goods has no such care.
func (d *town) keep() {
	if d.skus <= lostSKU {
		return
	}
	rule := func(n int, safety, lowAt int64) {
		_, err := d.app.Inventory.PutRules(d.admin(), &inventory.PutRulesIn{
			SKU: string(skuOf(n)), Body: inventory.Rules{Safety: safety, LowAt: &lowAt},
		})
		d.must(err)
	}
	rule(watchedSKU, 20, 999_976)
	rule(watchedSKU+1, 5, 0)
	rule(watchedSKU+2, 1_000_000, 0)
	rule(watchedSKU+2, 0, 999_995)
	d.takeStock(countedSKU, 999_990)
}

func (d *town) takeStock(n int, counted int64) {
	if n >= d.skus {
		return
	}
	in := &inventory.PostCountIn{
		SKU: string(skuOf(n)), IdempotencyKey: fmt.Sprintf("count-%d-%d", n, counted),
	}
	in.Body.Counted = counted
	_, err := d.app.Inventory.PostCount(d.admin(), in)
	d.must(err)
}

// lose has a stock-take find nothing of what is promised.
func (d *town) lose() { d.takeStock(lostSKU, 1); d.settle() }

// find has the next one find everything.
func (d *town) find() { d.takeStock(lostSKU, 1_000_000); d.settle() }

func corruptCares() []corruption {
	return append(corruptKept(), corruptShortages()...)
}

func corruptKept() []corruption {
	return []corruption{
		{"I50", "nobody was told that it is low", func(tp *tape) {
			drop[*event.StockLow](tp, nil)
		}},
		{"I50", "it was told to be low twice", func(tp *tape) {
			drop[*event.StockRecovered](tp, nil)
		}},
		{"I50", "it was told to be low by another level", func(tp *tape) {
			edit(tp, func(f *event.StockLow) bool { f.Available--; return true })
		}},
		{"I50", "what is kept back was promised", func(tp *tape) {
			edit(tp, func(f *event.StockRuled) bool {
				f.Safety += 999_994
				f.Aside += 999_994
				return f.SKU == skuOf(watchedSKU+1)
			})
		}},
		{"I50", "rules keep other units aside", func(tp *tape) {
			edit(tp, func(f *event.StockRuled) bool { f.Aside++; return true })
		}},
		{"I50", "another dealer is told", func(tp *tape) {
			edit(tp, func(f *event.StockRecovered) bool { f.Dealer += "x"; return true })
		}},
		{"I15", "other units lie aside", func(tp *tape) {
			tp.counter("inventory/stock/", "aside", 1)
		}},
	}
}

func corruptShortages() []corruption {
	return []corruption{
		{"I51", "nobody was told that units are missing", func(tp *tape) {
			drop[*event.StockShort](tp, nil)
		}},
		{"I51", "the orders that ended covered nothing", func(tp *tape) {
			drop(tp, func(f *event.StockCovered) bool { return f.By == "release" })
		}},
		{"I51", "more is covered than was missing", func(tp *tape) {
			edit(tp, func(f *event.StockCovered) bool { f.Units++; return true })
		}},
		{"I51", "a stock-take was of other books", func(tp *tape) {
			edit(tp, func(f *event.StockCounted) bool { f.Book++; return true })
		}},
		{"I51", "the books were not moved to what was counted", func(tp *tape) {
			drop(tp, func(f *event.StockMoved) bool {
				return strings.HasPrefix(string(f.Movement), "cnt_") && f.SKU == skuOf(countedSKU)
			})
		}},
		{"I14", "less was found than is promised, and nobody was told", func(tp *tape) {
			drop[*event.StockShort](tp, nil)
		}},
		{"I5", "a shortage is not on the list", func(tp *tape) {
			tp.edits("inventory/stock/", func(r *platform.Record) bool {
				return r.Key.Sort == "care" && field(r, "dealer", func(json.RawMessage) any {
					return shop.ID("dlr_nobody")
				})
			})
		}},
	}
}
