package verify_test

import (
	"slices"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
)

func corruptOrders() []corruption {
	return slices.Concat(corruptTransitions(), corruptLost(), corruptStops(), corruptTermination(),
		corruptTimers())
}

func corruptStops() []corruption {
	return []corruption{
		{"I28", "a hold is not counted", func(tp *tape) {
			edit(tp, func(f *event.OrderHeld) bool { f.Round++; return true })
		}},
		{"I28", "an approval ends another hold", func(tp *tape) {
			edit(tp, func(f *event.OrderApproved) bool { f.Round++; return true })
		}},
		{"I28", "an approval forgets a refused capture", func(tp *tape) {
			edit(tp, func(f *event.OrderApproved) bool {
				some := len(f.Captures) > 0
				f.Captures = nil
				return some
			})
		}},
		{"I28", "a parcel leaves on hold", func(tp *tape) {
			drop(tp, func(f *event.ParcelsResumed) bool {
				return has(tp, func(d *event.ShipmentDispatched) bool {
					return d.Order == f.Order
				})
			})
		}},
		{"I28", "an order shows its customer until another moment than the bank", func(tp *tape) {
			edit(tp, func(f *event.OrderProgressed) bool {
				asks := f.Confirm.Attempt > 0
				f.Confirm.Until = f.Confirm.Until.Add(time.Hour)
				return asks
			})
		}},
		{"I28", "an order asks its customer for what no bank wants", func(tp *tape) {
			edit(tp, func(f *event.OrderProgressed) bool {
				none := f.Confirm.Attempt == 0
				f.Confirm.Attempt = 1
				return none
			})
		}},
		{"I28", "parcels are stopped by no hold", func(tp *tape) {
			edit(tp, func(f *event.ParcelsStopped) bool { f.Round++; return true })
		}},
		{"I29", "fulfilment never hears of a hold", func(tp *tape) {
			drop(tp, func(f *event.ParcelsStopped) bool {
				return !has(tp, func(r *event.ParcelsResumed) bool { return r.Order == f.Order }) &&
					!has(tp, func(c *event.OrderCancelled) bool { return c.Order == f.Order })
			})
		}},
		{"I29", "a refused capture is never tried again", func(tp *tape) {
			_, failed := find(tp, func(f *event.PaymentCaptureFailed, _ platform.Event) bool {
				return has(tp, func(i *event.PaymentIntended) bool {
					return i.Key == f.Key && i.Attempt > 1
				})
			})
			drop(tp, func(f *event.PaymentIntended) bool { return f.Key == failed.Key })
			drop(tp, func(f *event.PaymentCaptureFailed) bool { return f.Key == failed.Key })
			drop(tp, func(f *event.OrderHeld) bool {
				return strings.HasSuffix(f.Cause, failed.Key)
			})
		}},
	}
}

func corruptLost() []corruption {
	return []corruption{
		{"I28", "a parcel is lost that had arrived", func(tp *tape) {
			at, f := find[*event.ShipmentDelivered](tp, nil)
			tp.add(&event.ShipmentLost{
				Shipment: f.Shipment, Order: f.Order, Dealer: f.Dealer, By: "adm_1", At: f.At,
			}, at)
		}},
		{"I28", "a parcel turns up that was not lost", func(tp *tape) {
			at, f := find[*event.ShipmentDelivered](tp, nil)
			tp.add(&event.ShipmentTurnedUp{
				Shipment: f.Shipment, Order: f.Order, Dealer: f.Dealer, At: f.At,
			}, at)
		}},
		{"I28", "a parcel turns up twice", func(tp *tape) {
			at, f := find[*event.ShipmentTurnedUp](tp, nil)
			tp.add(f, at)
		}},
		{"I28", "an order counts a lost parcel as another number", func(tp *tape) {
			edit(tp, func(f *event.OrderProgressed) bool {
				some := f.Lost > 0
				f.Lost++
				return some
			})
		}},
		{"I9", "an order never hears that a parcel is lost", func(tp *tape) {
			_, f := find[*event.ShipmentLost](tp, nil)
			drop(tp, func(p *event.OrderProgressed) bool {
				return p.Cause == "fulfilment.lost/"+string(f.Shipment)
			})
		}},
	}
}

func corruptTransitions() []corruption {
	return []corruption{
		{"I28", "completed before it was placed", func(tp *tape) {
			_, f := find[*event.OrderCompleted](tp, nil)
			drop(tp, func(p *event.OrderPlaced) bool { return p.Order == f.Order })
		}},
		{"I28", "cancelled and placed", func(tp *tape) {
			at, c := find[*event.OrderCancelled](tp, nil)
			_, f := find[*event.OrderPlaced](tp, nil)
			f.Order = c.Order
			tp.add(f, at)
		}},
		{"I28", "expired without a deadline", func(tp *tape) {
			_, f := find[*event.OrderExpired](tp, nil)
			drop(tp, func(d *event.OrderDeadline) bool { return d.Order == f.Order })
		}},
		{"I28", "placed for less than it costs", func(tp *tape) {
			_, p := find[*event.OrderPlaced](tp, nil)
			edit(tp, func(f *event.PaymentAuthorized) bool {
				if f.Order == p.Order {
					f.Amount.Amount--
				}
				return f.Order == p.Order
			})
		}},
		{"I28", "cancelled from where it does not stand", func(tp *tape) {
			edit(tp, func(f *event.OrderCancelled) bool { f.From = "on_hold"; return true })
		}},
		{"I28", "out of stock that was there", func(tp *tape) {
			edit(tp, func(f *event.OrderCancelled) bool {
				ok := f.Reason == "payment_failed"
				f.Reason = "out_of_stock"
				return ok
			})
		}},
		{"I28", "an axis is wrong", func(tp *tape) {
			edit(tp, func(f *event.OrderProgressed) bool { f.Payment = "refunded"; return true })
		}},
		{"I28", "money moves without a cause", func(tp *tape) {
			edit(tp, func(f *event.OrderProgressed) bool {
				ok := strings.HasPrefix(f.Cause, "fulfilment.dispatched/")
				f.Captured++
				return ok
			})
		}},
		{"I28", "a parcel is dispatched twice", func(tp *tape) {
			at, f := find[*event.ShipmentDispatched](tp, nil)
			tp.add(f, at)
		}},
		{"I28", "a parcel leaves that was not cleared", func(tp *tape) {
			_, f := find[*event.ShipmentDispatched](tp, nil)
			drop(tp, func(c *event.ShipmentCleared) bool { return c.Shipment == f.Shipment })
		}},
	}
}

func corruptTermination() []corruption {
	return []corruption{
		{"I29", "the deadline passes, and nothing happens", func(tp *tape) {
			_, f := find[*event.OrderExpired](tp, nil)
			drop(tp, func(e *event.OrderExpired) bool { return e.Order == f.Order })
		}},
		{"I29", "the stock is refused, and nothing happens", func(tp *tape) {
			drop(tp, func(f *event.OrderCancelled) bool { return f.Reason == "out_of_stock" })
		}},
		{"I29", "the payment fails, and nothing happens", func(tp *tape) {
			drop(tp, func(f *event.OrderCancelled) bool { return f.Reason == "payment_failed" })
		}},
		{"I29", "the return window closes, and nothing happens", func(tp *tape) {
			drop[*event.OrderCompleted](tp, nil)
		}},
		{"I29", "a parcel is paid, and nothing happens", func(tp *tape) {
			drop(tp, func(f *event.ShipmentCleared) bool {
				return !has(tp, func(d *event.ShipmentDispatched) bool {
					return d.Shipment == f.Shipment
				}) && !has(tp, func(c *event.ShipmentCancelled) bool {
					return c.Shipment == f.Shipment
				})
			})
		}},
	}
}

func corruptTimers() []corruption {
	return []corruption{
		{"I32", "a deadline comes early", func(tp *tape) {
			edit(tp, func(f *event.OrderDeadline) bool {
				f.Due = f.Due.Add(time.Hour)
				return true
			})
		}},
		{"I32", "a timer fires early", func(tp *tape) {
			at, _ := find[*event.PaymentCheckDue](tp, nil)
			e := &tp.events[at]
			key, _, _ := strings.Cut(e.ID, "@")
			e.ID = key + "@9000000000000000000"
		}},
		{"I32", "a timer fires twice", func(tp *tape) {
			at, _ := find[*event.OrderReturnWindowClosed](tp, nil)
			tp.events = slices.Insert(tp.events, at, tp.events[at])
		}},
		{"I32", "a deadline comes twice", func(tp *tape) {
			at, _ := find[*event.OrderDeadline](tp, nil)
			again := tp.events[at]
			again.ID = "order/deadline/again@1"
			tp.events = slices.Insert(tp.events, at, again)
		}},
		{"I32", "a return window closes that was not opened", func(tp *tape) {
			at, f := find[*event.OrderCancelled](tp, nil)
			again := tp.add(&event.OrderReturnWindowClosed{Order: f.Order}, at)
			tp.events[again].Sequence, tp.events[again].ID = 0, "order/returns/again@1"
		}},
	}
}
