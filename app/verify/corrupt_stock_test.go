package verify_test

import (
	"encoding/json"
	"slices"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

func corruptStock() []corruption {
	return slices.Concat(corruptShelves(), corruptConservation(), corruptHolds(),
		corruptSupply(), corruptHoldsAndOrders())
}

// small holds and consumptions are made by one fact, and their units are on one shelf.
func smallHeld(f *event.StockHeld) bool { return len(f.Items) > 0 }

func corruptShelves() []corruption {
	return []corruption{
		{"I14", "a delivery never came", func(tp *tape) {
			drop(tp, func(f *event.StockMoved) bool { return f.SKU == skuOf(5) })
		}},
		{"I14", "more is held than there is", func(tp *tape) {
			edit(tp, func(f *event.StockHeld) bool {
				if smallHeld(f) {
					f.Items[0].Quantity += 2_000_000
				}
				return smallHeld(f)
			})
		}},
		{"I14", "more is released than was reserved", func(tp *tape) {
			edit(tp, func(f *event.StockReleased) bool {
				if len(f.Items) > 0 {
					f.Items[0].Quantity += 2_000_000
				}
				return len(f.Items) > 0
			})
		}},
		{"I14", "more leaves than is there", func(tp *tape) {
			edit(tp, func(f *event.StockConsumed) bool { f.Items[0].Quantity += 2e6; return true })
		}},
	}
}

func corruptConservation() []corruption {
	return []corruption{
		{"I15", "on hand is off by one", func(tp *tape) {
			tp.counter("inventory/stock/", "onHand", 1)
		}},
		{"I15", "reserved is off by one", func(tp *tape) {
			tp.counter("inventory/stock/", "reserved", -1)
		}},
		{"I15", "available is off by one", func(tp *tape) {
			tp.counter("inventory/stock/", "available", 1)
		}},
		{"I15", "a delivery was larger", func(tp *tape) {
			edit(tp, func(f *event.StockMoved) bool { f.Quantity++; return true })
		}},
		{"I15", "a release is lost", func(tp *tape) {
			drop(tp, func(f *event.StockReleased) bool { return len(f.Items) > 0 })
		}},
		{"I15", "a hold's record keeps less", func(tp *tape) {
			tp.edits("inventory/hold/", func(r *platform.Record) bool {
				return field(r, "items", func(old json.RawMessage) any {
					var items []event.StockItem
					if json.Unmarshal(old, &items) != nil || len(items) == 0 {
						return nil
					}
					items[0].Quantity--
					return items
				})
			})
		}},
		{"I15", "a parcel left with more than was taken", func(tp *tape) {
			edit(tp, func(f *event.ShipmentDispatched) bool { f.Lines[0].Quantity++; return true })
		}},
	}
}

func corruptHolds() []corruption {
	return []corruption{
		{"I16", "a hold is released twice", func(tp *tape) {
			at, f := find(tp, func(f *event.StockReleased, _ platform.Event) bool { return f.Last })
			tp.add(f, at)
		}},
		{"I16", "a hold that was refused is held", func(tp *tape) {
			at, f := find[*event.StockRejected](tp, nil)
			tp.add(&event.StockHeld{Order: f.Order, Items: []event.StockItem{
				{SKU: scarce, Quantity: 1},
			}}, at)
		}},
		{"I16", "units leave that were never committed", func(tp *tape) {
			_, f := find[*event.StockConsumed](tp, nil)
			drop(tp, func(c *event.StockCommitted) bool { return c.Order == f.Order })
		}},
		{"I16", "a hold ends with units", func(tp *tape) {
			edit(tp, func(f *event.StockReleased) bool {
				ok := f.Last && len(f.Items) > 0
				if ok {
					f.Items[0].Quantity++
				}
				return ok
			})
		}},
		{"I16", "a chunk is lost", func(tp *tape) { drop[*event.StockGathered](tp, nil) }},
		{"I16", "a large hold was never decided", func(tp *tape) {
			drop(tp, func(f *event.StockHeld) bool {
				return f.Chunks > 0 && has(tp, func(c *event.StockCommitted) bool {
					return c.Order == f.Order
				})
			})
		}},
		{"I16", "a hold stands between two states", func(tp *tape) {
			_, f := find(tp, func(f *event.StockRejected, _ platform.Event) bool {
				return has(tp, func(g *event.StockGathered) bool { return g.Order == f.Order })
			})
			drop(tp, func(r *event.StockReleased) bool { return r.Order == f.Order })
		}},
	}
}

func corruptSupply() []corruption {
	return []corruption{
		{"I17", "there were fewer to begin with", func(tp *tape) {
			edit(tp, func(f *event.StockMoved) bool {
				if f.SKU == scarce {
					f.Quantity = 1
				}
				return f.SKU == scarce
			})
		}},
		{"I17", "an order takes more", func(tp *tape) {
			edit(tp, func(f *event.OrderPlaced) bool {
				f.Parcels[0].Lines[0].Quantity += 2_000_000
				return true
			})
		}},
		{"I17", "what was sold is taken away", func(tp *tape) {
			at := tp.add(&event.StockMoved{
				Movement: "mov_thief", SKU: scarce, Quantity: -few, Reason: "adjust",
			}, 0)
			tp.events[at].Causation, tp.events[at].Correlation = "", "req_thief"
		}},
	}
}

func corruptHoldsAndOrders() []corruption {
	return []corruption{
		{"I18", "less is held than was ordered", func(tp *tape) {
			edit(tp, func(f *event.StockHeld) bool {
				if smallHeld(f) && f.Items[0].Quantity > 1 {
					f.Items[0].Quantity--
					return true
				}
				return false
			})
		}},
		{"I18", "something else is held", func(tp *tape) {
			edit(tp, func(f *event.StockHeld) bool {
				if smallHeld(f) {
					f.Items[0].SKU = skuOf(77)
				}
				return smallHeld(f)
			})
		}},
		{"I18", "a hold for no order", func(tp *tape) {
			at, _ := find[*event.StockHeld](tp, nil)
			tp.add(&event.StockHeld{Order: "ord_ghost", Items: []event.StockItem{
				{SKU: skuOf(1), Quantity: 1},
			}}, at)
		}},
		{"I18", "placed without stock", func(tp *tape) {
			var order shop.ID
			drop(tp, func(f *event.StockHeld) bool {
				order = f.Order
				return has(tp, func(p *event.OrderPlaced) bool { return p.Order == order })
			})
		}},
		{"I18", "placed and never committed", func(tp *tape) {
			drop(tp, func(f *event.StockCommitted) bool {
				return !has(tp, func(c *event.StockConsumed) bool { return c.Order == f.Order }) &&
					!has(tp, func(c *event.OrderCancelled) bool { return c.Order == f.Order })
			})
		}},
		{"I18", "cancelled and still held", func(tp *tape) {
			drop(tp, func(f *event.StockReleased) bool { return len(f.Items) > 0 && f.Last })
		}},
	}
}
