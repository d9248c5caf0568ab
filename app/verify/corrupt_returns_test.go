package verify_test

import (
	"slices"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// corruptReturns changes what is told of goods that come back.
func corruptReturns() []corruption {
	return slices.Concat(corruptWishes(), corruptInspections(), corruptAxis(),
		corruptLabels(), corruptSplits())
}

func corruptWishes() []corruption {
	return []corruption{
		{"I41", "a return is worth a cent more", func(tp *tape) {
			edit(tp, func(f *event.ReturnRequested) bool { f.Lines[0].Due++; return true })
		}},
		{"I41", "more comes back than was delivered", func(tp *tape) {
			edit(tp, func(f *event.ReturnRequested) bool {
				f.Lines[0].Quantity = f.Lines[0].Units
				return has(tp, func(o *event.ReturnReceived) bool {
					return o.Return == f.Return
				}) && has(tp, func(o *event.ReturnReceived) bool {
					return o.Shipment == f.Shipment && o.Return != f.Return
				})
			})
		}},
		{"I41", "a return of what never arrived", func(tp *tape) {
			_, f := find[*event.ReturnRequested](tp, nil)
			drop(tp, func(d *event.ShipmentDelivered) bool { return d.Shipment == f.Shipment })
		}},
		{"I41", "more arrives than was asked for", func(tp *tape) {
			edit(tp, func(f *event.ReturnReceived) bool { f.Items[0].Quantity++; return true })
		}},
		{"I41", "goods arrive before anybody agreed", func(tp *tape) {
			_, f := find[*event.ReturnReceived](tp, nil)
			drop(tp, func(a *event.ReturnApproved) bool { return a.Return == f.Return })
		}},
	}
}

func corruptInspections() []corruption {
	return []corruption{
		{"I41", "a verdict on more units than arrived", func(tp *tape) {
			edit(tp, func(f *event.ReturnInspected) bool { f.Units[0].Quantity++; return true })
		}},
		{"I41", "a cent more goes back than was paid", func(tp *tape) {
			edit(tp, func(f *event.ReturnInspected) bool {
				f.Amount.Amount++
				return f.Refund != ""
			})
		}},
		{"I41", "the provider is asked for less than the inspection allows", func(tp *tape) {
			edit(tp, func(f *event.PaymentIntended) bool {
				f.Amount.Amount--
				return f.Reason == "return" && f.Amount.Amount > 0
			})
		}},
		{"I41", "money goes back for what nobody inspected", func(tp *tape) {
			_, f := find(tp, func(f *event.PaymentIntended, _ platform.Event) bool {
				return f.Reason == "return"
			})
			drop(tp, func(i *event.ReturnInspected) bool { return i.Refund == f.Refund })
		}},
		{"I41", "nobody gives the money back", func(tp *tape) {
			drop(tp, func(f *event.PaymentIntended) bool { return f.Reason == "return" })
		}},
		{"I41", "units come back on the shelf twice", func(tp *tape) {
			at, f := find(tp, isRestock)
			f.Movement += "9"
			tp.add(f, at)
		}},
		{"I41", "sound units stay in the yard", func(tp *tape) {
			drop(tp, func(f *event.StockMoved) bool { return f.Return != "" })
		}},
		{"I41", "units on the shelf that came with no return", func(tp *tape) {
			edit(tp, func(f *event.StockMoved) bool {
				was := f.Return != ""
				f.Return = shop.ID(string(f.Return) + "x")
				return was
			})
		}},
	}
}

func corruptAxis() []corruption {
	return []corruption{
		{"I41", "a return is closed before its money is back", func(tp *tape) {
			drop(tp, func(f *event.ReturnRefunded) bool { return f.Amount.Amount > 0 })
		}},
		{"I41", "a return goes on after its end", func(tp *tape) {
			at, f := find[*event.ReturnDeclined](tp, nil)
			tp.add(&event.ReturnApproved{
				Return: f.Return, Order: f.Order, Shipment: f.Shipment, By: f.By,
			}, at)
		}},
		{"I28", "the return axis goes where no return leads", func(tp *tape) {
			edit(tp, func(f *event.OrderReturnMoved) bool { f.Return = "returned"; return true })
		}},
		{"I9", "an order counts a return twice", func(tp *tape) {
			at, f := find(tp, func(f *event.OrderReturnMoved, _ platform.Event) bool {
				return len(f.Items) == 0
			})
			tp.add(f, at)
		}},
		{"I9", "an order never hears that something comes back", func(tp *tape) {
			_, f := find[*event.ReturnDeclined](tp, nil)
			for has(tp, func(m *event.OrderReturnMoved) bool { return m.Order == f.Order }) {
				drop(tp, func(m *event.OrderReturnMoved) bool { return m.Order == f.Order })
			}
		}},
		{"I41", "a return ends with more goods than arrived", func(tp *tape) {
			edit(tp, func(f *event.ReturnClosed) bool {
				if len(f.Items) == 0 {
					return false
				}
				f.Items[0].Quantity++
				return true
			})
		}},
		{"I41", "another order's payment is to pay for a return", func(tp *tape) {
			edit(tp, func(f *event.ReturnInspected) bool { f.Payment += "x"; return true })
		}},
		{"I20", "a return is paid in another currency", func(tp *tape) {
			edit(tp, func(f *event.ReturnClosed) bool { f.Refunded.Currency = "EUR"; return true })
		}},
		{"I32", "a timer names another parcel than its return", func(tp *tape) {
			edit(tp, func(f *event.ReturnDue) bool { f.Shipment += "1"; return true })
		}},
		{"I32", "goods are waited for that nobody let come", func(tp *tape) {
			edit(tp, func(f *event.ReturnDue) bool {
				was := f.Stage == "answer"
				f.Stage = "arrival"
				return was
			})
		}},
		{"I29", "a return waits beyond its time", func(tp *tape) {
			drop(tp, func(f *event.ReturnClosed) bool { return f.Reason == "nothing_arrived" })
		}},
	}
}

// isRestock tells movements that a return made from the others.
func isRestock(f *event.StockMoved, _ platform.Event) bool { return f.Return != "" }

func corruptLabels() []corruption {
	return []corruption{
		{"I12", "a carrier sells two labels for a parcel", func(tp *tape) {
			at, f := find[*event.LabelBought](tp, nil)
			f.Tracking += "2"
			tp.add(f, at)
		}},
		{"I12", "a label is bought that nobody wanted", func(tp *tape) {
			edit(tp, func(f *event.LabelBought) bool { f.Key += "0"; return true })
		}},
		{"I12", "a carrier is asked again before it has answered", func(tp *tape) {
			at, f := find[*event.LabelWanted](tp, nil)
			tp.add(f, at)
		}},
	}
}

func corruptSplits() []corruption {
	return []corruption{
		{"I20", "a part of a parcel costs a cent more", func(tp *tape) {
			edit(tp, func(f *event.ShipmentSplit) bool { f.Amount.Amount++; return true })
		}},
		{"I20", "a part holds more than the parcel", func(tp *tape) {
			edit(tp, func(f *event.ShipmentSplit) bool { f.Lines[0].Quantity += 100; return true })
		}},
		{"I20", "the rest is not what was left", func(tp *tape) {
			_, s := find[*event.ShipmentSplit](tp, nil)
			edit(tp, func(f *event.ShipmentRequested) bool {
				f.Lines[0].Quantity++
				return f.Shipment == s.Rest
			})
		}},
		{"I28", "a parcel leaves and does not know of its rest", func(tp *tape) {
			edit(tp, func(f *event.ShipmentDispatched) bool {
				was := f.Rest != ""
				f.Rest = ""
				return was
			})
		}},
		{"I12", "a parcel is split into another's number", func(tp *tape) {
			edit(tp, func(f *event.ShipmentSplit) bool { f.Rest += "1"; return true })
		}},
		{"I9", "an order never hears that a parcel was split", func(tp *tape) {
			_, s := find[*event.ShipmentSplit](tp, nil)
			drop(tp, func(f *event.OrderProgressed) bool {
				return f.Cause == "fulfilment.split/"+string(s.Rest)
			})
		}},
	}
}
