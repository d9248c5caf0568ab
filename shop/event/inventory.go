package event

import "github.com/souk-commerce/souk/shop"

// StockItem is a quantity of one SKU from one of its allotments. Lists of them are sorted by SKU,
// then by allotment, and name each pair once.
type StockItem struct {
	SKU       shop.SKU `json:"sku"`
	Quantity  int64    `json:"quantity"`
	Allotment int      `json:"allotment,omitempty" doc:"from 0; 0 unless the stock is split"`
}

// StockMoved says that units came in or went out by hand: a delivery, a correction.
type StockMoved struct {
	Movement shop.ID  `json:"movement"`
	SKU      shop.SKU `json:"sku"`
	Quantity int64    `json:"quantity" doc:"negative when units went out"`
	Reason   string   `json:"reason" doc:"receive, adjust, count, dispatch or return"`
	Spread   []int64  `json:"spread,omitempty" doc:"change of each allotment; absent: of the first"`
	Order    shop.ID  `json:"order,omitempty" doc:"of a return"`
	Return   shop.ID  `json:"return,omitempty" doc:"that brought the units back"`
}

// StockAllotted says that a SKU's stock is kept in so many allotments from now on, and how the
// available units moved between them.
type StockAllotted struct {
	Movement   shop.ID  `json:"movement"`
	SKU        shop.SKU `json:"sku"`
	Allotments int      `json:"allotments"`
	Spread     []int64  `json:"spread" doc:"change of each allotment, from the first"`
}

// StockGathered says that one chunk of a large order was taken off the shelf's available units. The
// hold is not decided yet: Held or Released follows.
type StockGathered struct {
	Order shop.ID     `json:"order"`
	Chunk int         `json:"chunk" doc:"from 0"`
	Items []StockItem `json:"items"`
}

// StockHeld says that every unit of the order is kept for it. A small order is taken and held by
// this one fact, and Items lists it; for a large one the units are in the StockGathered before it.
type StockHeld struct {
	Order  shop.ID     `json:"order"`
	Chunks int         `json:"chunks" doc:"chunks gathered before; 0 when items holds everything"`
	Items  []StockItem `json:"items,omitempty"`
}

// StockRejected says that the order cannot be had, and names one SKU that is short. Whatever was
// gathered is given back by the StockReleased that follow.
type StockRejected struct {
	Order     shop.ID  `json:"order"`
	SKU       shop.SKU `json:"sku"`
	Wanted    int64    `json:"wanted"`
	Available int64    `json:"available"`
}

// StockCommitted says that the held units belong to the placed order.
type StockCommitted struct {
	Order shop.ID `json:"order"`
}

// StockReleased says that units are available again. The fact with Last ends the hold.
type StockReleased struct {
	Order shop.ID     `json:"order"`
	Chunk int         `json:"chunk"`
	Items []StockItem `json:"items,omitempty"`
	Last  bool        `json:"last"`
}

// StockConsumed says that units left the building in a shipment.
type StockConsumed struct {
	Order    shop.ID     `json:"order"`
	Shipment shop.ID     `json:"shipment"`
	Chunk    int         `json:"chunk" doc:"of the shipment, from 0"`
	Items    []StockItem `json:"items"`
	Last     bool        `json:"last" doc:"nothing of the hold is left"`
}

// Type implements Fact.
func (*StockMoved) Type() string { return "souk.inventory.moved.v1" }

// Type implements Fact.
func (*StockAllotted) Type() string { return "souk.inventory.allotted.v1" }

// Type implements Fact.
func (*StockGathered) Type() string { return "souk.inventory.gathered.v1" }

// Type implements Fact.
func (*StockHeld) Type() string { return "souk.inventory.held.v1" }

// Type implements Fact.
func (*StockRejected) Type() string { return "souk.inventory.rejected.v1" }

// Type implements Fact.
func (*StockCommitted) Type() string { return "souk.inventory.committed.v1" }

// Type implements Fact.
func (*StockReleased) Type() string { return "souk.inventory.released.v1" }

// Type implements Fact.
func (*StockConsumed) Type() string { return "souk.inventory.consumed.v1" }

// Subject implements Fact.
func (f *StockMoved) Subject() string { return "movement/" + string(f.Movement) }

// Subject implements Fact.
func (f *StockAllotted) Subject() string { return "movement/" + string(f.Movement) }

// Subject implements Fact.
func (f *StockGathered) Subject() string { return holdSubject(f.Order) }

// Subject implements Fact.
func (f *StockHeld) Subject() string { return holdSubject(f.Order) }

// Subject implements Fact.
func (f *StockRejected) Subject() string { return holdSubject(f.Order) }

// Subject implements Fact.
func (f *StockCommitted) Subject() string { return holdSubject(f.Order) }

// Subject implements Fact.
func (f *StockReleased) Subject() string { return holdSubject(f.Order) }

// Subject implements Fact.
func (f *StockConsumed) Subject() string { return holdSubject(f.Order) }

func holdSubject(order shop.ID) string { return "hold/" + string(order) }

const (
	hasItems      = "size(data.items) > 0"
	itemsPositive = "data.items.all(i, i.quantity > 0)"
)

func positive(items []StockItem) bool {
	return all(items, func(i StockItem) bool { return i.Quantity > 0 })
}

func inventoryKinds() []Kind {
	return []Kind{
		kind[StockMoved]("units came in or went out by hand",
			rule("something_moved", "data.quantity != 0",
				func(f *StockMoved) bool { return f.Quantity != 0 }),
			rule("spread_adds_up", "!has(data.spread) || data.spread.sum() == data.quantity",
				func(f *StockMoved) bool {
					return len(f.Spread) == 0 || partsOf(f.Quantity, f.Spread...)
				})),
		kind[StockAllotted]("a SKU's stock is kept in so many allotments; no unit came or went",
			rule("one_change_each", "data.allotments > 0 && size(data.spread) == data.allotments",
				func(f *StockAllotted) bool {
					return f.Allotments > 0 && len(f.Spread) == f.Allotments
				}),
			rule("nothing_comes_or_goes", "data.spread.sum() == 0",
				func(f *StockAllotted) bool { return partsOf(0, f.Spread...) })),
		kind[StockGathered]("one chunk of a large order was taken; the hold is not decided yet",
			rule("has_items", hasItems,
				func(f *StockGathered) bool { return len(f.Items) > 0 }),
			rule("quantities_positive", itemsPositive,
				func(f *StockGathered) bool { return positive(f.Items) })),
		kind[StockHeld]("every unit of the order is kept for it",
			rule("quantities_positive", "!has(data.items) || "+itemsPositive,
				func(f *StockHeld) bool { return positive(f.Items) }),
			rule("items_or_chunks",
				"(has(data.items) && size(data.items) > 0) != (data.chunks > 0)",
				func(f *StockHeld) bool { return (len(f.Items) > 0) != (f.Chunks > 0) })),
		kind[StockRejected]("the order cannot be had; one SKU that is short is named",
			rule("really_short", "data.available < data.wanted",
				func(f *StockRejected) bool { return f.Available < f.Wanted })),
		kind[StockCommitted]("the held units belong to the placed order"),
		kind[StockReleased]("units of a hold are available again",
			rule("quantities_positive", "!has(data.items) || "+itemsPositive,
				func(f *StockReleased) bool { return positive(f.Items) })),
		kind[StockConsumed]("units left the building in a shipment",
			rule("has_items", hasItems,
				func(f *StockConsumed) bool { return len(f.Items) > 0 }),
			rule("quantities_positive", itemsPositive,
				func(f *StockConsumed) bool { return positive(f.Items) })),
	}
}
