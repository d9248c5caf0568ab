package event

import "github.com/souk-commerce/souk/shop"

// StockRuled says how many units of a SKU are kept back from orders, and from how few on somebody
// is told that it runs low.
type StockRuled struct {
	SKU     shop.SKU `json:"sku"`
	Dealer  shop.ID  `json:"dealer"`
	Safety  int64    `json:"safety" doc:"units that are never promised to orders"`
	Watched bool     `json:"watched" doc:"somebody is to be told when it runs low"`
	LowAt   int64    `json:"lowAt" doc:"so few, or fewer, that orders can have are low"`
	Low     bool     `json:"low" doc:"it is low now, so that nobody is told before it was not"`
	Aside   int64    `json:"aside" doc:"units that no order takes unasked: safety and the last"`
}

// StockLow says that orders can have no more than a few units of a SKU, for the first time since
// there were more.
type StockLow struct {
	SKU       shop.SKU `json:"sku"`
	Dealer    shop.ID  `json:"dealer"`
	LowAt     int64    `json:"lowAt"`
	Available int64    `json:"available" doc:"units that orders can have; below 0: safety lacks"`
}

// StockRecovered says that a SKU that was low is not low any more.
type StockRecovered struct {
	SKU       shop.SKU `json:"sku"`
	Dealer    shop.ID  `json:"dealer"`
	LowAt     int64    `json:"lowAt"`
	Available int64    `json:"available"`
}

// StockCounted says what a stock-take found, and what the books said at that moment. Where they
// differ a StockMoved of the same id brings the books to what was found.
type StockCounted struct {
	Take     shop.ID  `json:"take"`
	SKU      shop.SKU `json:"sku"`
	Dealer   shop.ID  `json:"dealer"`
	By       shop.ID  `json:"by" doc:"who counted"`
	Counted  int64    `json:"counted" doc:"units on the shelf, those reserved for orders included"`
	Book     int64    `json:"book" doc:"units that the books had on hand"`
	Reserved int64    `json:"reserved" doc:"of them promised to orders"`
}

// StockShort says that units are promised to orders which a stock-take did not find.
type StockShort struct {
	SKU    shop.SKU `json:"sku"`
	Dealer shop.ID  `json:"dealer"`
	Take   shop.ID  `json:"take" doc:"the stock-take that found it"`
	Units  int64    `json:"units" doc:"all that are missing now"`
}

// StockCovered says that units which were missing are not missing any more.
type StockCovered struct {
	SKU    shop.SKU `json:"sku"`
	Dealer shop.ID  `json:"dealer"`
	Take   shop.ID  `json:"take"`
	Units  int64    `json:"units" doc:"that are not missing any more"`
	Left   int64    `json:"left" doc:"that still are; 0 ends the shortage"`
	By     string   `json:"by" enum:"stock,release" doc:"units came or were found, or orders ended"`
}

// Type implements Fact.
func (*StockRuled) Type() string { return "souk.inventory.ruled.v1" }

// Type implements Fact.
func (*StockLow) Type() string { return "souk.inventory.low.v1" }

// Type implements Fact.
func (*StockRecovered) Type() string { return "souk.inventory.recovered.v1" }

// Type implements Fact.
func (*StockCounted) Type() string { return "souk.inventory.counted.v1" }

// Type implements Fact.
func (*StockShort) Type() string { return "souk.inventory.short.v1" }

// Type implements Fact.
func (*StockCovered) Type() string { return "souk.inventory.covered.v1" }

// Subject implements Fact.
func (f *StockRuled) Subject() string { return stockSubject(f.SKU) }

// Subject implements Fact.
func (f *StockLow) Subject() string { return stockSubject(f.SKU) }

// Subject implements Fact.
func (f *StockRecovered) Subject() string { return stockSubject(f.SKU) }

// Subject implements Fact.
func (f *StockCounted) Subject() string { return stockSubject(f.SKU) }

// Subject implements Fact.
func (f *StockShort) Subject() string { return stockSubject(f.SKU) }

// Subject implements Fact.
func (f *StockCovered) Subject() string { return stockSubject(f.SKU) }

func stockSubject(sku shop.SKU) string { return "stock/" + string(sku) }

// stockKinds are the facts about a SKU of which more is asked than to be counted.
func stockKinds() []Kind {
	return []Kind{
		kind[StockRuled]("how much of a SKU is kept back, and when it is low",
			rule("not_negative", "data.safety >= 0 && data.lowAt >= 0",
				func(f *StockRuled) bool { return f.Safety >= 0 && f.LowAt >= 0 }),
			rule("low_is_watched", "data.watched || !data.low",
				func(f *StockRuled) bool { return f.Watched || !f.Low }),
			rule("aside_is_safety_and_the_last",
				"data.aside == (data.watched && !data.low ? "+
					"data.safety + data.lowAt + 1 : data.safety)",
				func(f *StockRuled) bool {
					if f.Watched && !f.Low {
						return partsOf(f.Aside, f.Safety, f.LowAt, 1)
					}
					return f.Aside == f.Safety
				})),
		kind[StockLow]("a SKU runs low, for the first time since it was not",
			rule("really_low", "data.available <= data.lowAt",
				func(f *StockLow) bool { return f.Available <= f.LowAt })),
		kind[StockRecovered]("a SKU that was low is not low any more",
			rule("really_above", "data.available > data.lowAt",
				func(f *StockRecovered) bool { return f.Available > f.LowAt })),
		kind[StockCounted]("what a stock-take found, and what the books said",
			rule("not_negative", "data.counted >= 0 && data.book >= 0 && data.reserved >= 0",
				func(f *StockCounted) bool {
					return f.Counted >= 0 && f.Book >= 0 && f.Reserved >= 0
				})),
		kind[StockShort]("units are promised to orders that a stock-take did not find",
			rule("something_missing", "data.units > 0",
				func(f *StockShort) bool { return f.Units > 0 })),
		kind[StockCovered]("units that were missing are not missing any more",
			rule("something_covered", "data.units > 0 && data.left >= 0",
				func(f *StockCovered) bool { return f.Units > 0 && f.Left >= 0 }),
			rule("by_stock_or_release", "data.by in ['stock', 'release']",
				func(f *StockCovered) bool { return f.By == "stock" || f.By == "release" })),
	}
}
