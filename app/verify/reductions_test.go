package verify_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/fulfilment"
)

// cutSome lets people cancel units of every every-th order, one or all of a parcel's first line. It
// may be too late, as in life.
func (d *town) cutSome(key string, every int) {
	d.each(func(n int, id shop.ID) {
		sh, err := d.app.Fulfilment.Get(d.admin(), staff(), id)
		if err != nil || n%every != 0 || len(sh.Lines) == 0 {
			return
		}
		units := int64(1)
		if n%(2*every) == 0 {
			units = sh.Lines[0].Quantity
		}
		in := &fulfilment.PostCancelLinesIn{ID: string(sh.Order), Key: key + string(id)}
		in.Body.Lines = []event.ParcelLine{{SKU: sh.Lines[0].SKU, Quantity: units}}
		_, _ = d.app.Fulfilment.PostCancelLines(d.admin(), in)
	})
	d.settle()
}

// cutLife is the life of a town in which units are cancelled before and after they are paid.
func (d *town) cutLife(orders int, calm func(when string)) {
	d.shop(orders)
	d.cutSome("early-", 2)
	calm("units were cancelled")
	d.pack()
	d.cutSome("late-", 3)
	calm("paid units were cancelled")
	d.ship()
	calm("parcels are delivered")
	for _, later := range []time.Duration{
		30 * time.Minute, 3 * time.Hour, 4 * 24 * time.Hour, 11 * 24 * time.Hour,
		40 * 24 * time.Hour,
	} {
		d.advance(later)
		calm(later.String() + " later")
	}
	d.payOut()
	calm("dealers were paid")
}

// Goal: nothing is found where units are cancelled as they should be, whatever mood the provider is
// in, and whatever happens at the same time. Method: a town in which everything happens at once.
func TestCancelledUnitsInAHealthyTown(t *testing.T) {
	t.Parallel()
	d := newTown(t, 40, 2)
	d.cutLife(120, func(when string) {
		if r := record(t, d).verify(t, nil); !r.Clean() {
			t.Fatalf("%s:\n%s", when, r)
		}
	})
}

// Goal: every way in which cancelled units could go wrong is found by the law that it breaks, also
// in a log without an order. Method: a quiet town whose tape is changed in one place each.
func TestCorruptCancellationsAreCaught(t *testing.T) {
	t.Parallel()
	d := newQuietTown(t, 24, 1000)
	d.cutLife(36, func(string) {})
	tp := record(t, d)
	if r := tp.verify(t, nil); !r.Clean() {
		t.Fatalf("the history is not clean before anything was changed:\n%s", r)
	}
	for _, c := range corruptCuts() {
		t.Run(c.law+" "+c.name, func(t *testing.T) {
			bad := tp.copy()
			c.change(bad)
			r := bad.verify(t, nil)
			at := slices.IndexFunc(r.Invariants, func(i verify.Invariant) bool {
				return i.ID == c.law
			})
			if r.Invariants[at].Broken == 0 || r.Clean() {
				t.Errorf("not caught:\n%s", r)
				return
			}
			f := r.Invariants[at].Findings[0]
			t.Logf("%s at %d: %s %v", c.law, f.Position, f.Message, f.Witness)
		})
	}
}

// Goal: no field of a fact about cancelled units can be changed unnoticed. Method: each field of
// each kind once, where it first occurs, on the tape of a quiet town.
func TestNoFieldOfACancellationChangesUnnoticed(t *testing.T) {
	t.Parallel()
	d := newQuietTown(t, 24, 1000)
	d.cutLife(36, func(string) {})
	unnoticedFields(t, record(t, d), nil, &event.ShipmentReduced{}, &event.StockFreed{},
		&event.PaymentReduced{}, &event.OrderReduced{})
}

// unnoticedFields changes each field of the facts' kinds once and requires that it is noticed, but
// for those that are allowed, each with a reason.
func unnoticedFields(t *testing.T, tp *tape, allowed map[string]string, facts ...event.Fact) {
	t.Helper()
	tried := make(map[string]bool)
	for i, e := range tp.events {
		if !slices.ContainsFunc(facts, func(f event.Fact) bool { return f.Type() == e.Type }) {
			continue
		}
		decoder := json.NewDecoder(bytes.NewReader(e.Data))
		decoder.UseNumber()
		var payload any
		if err := decoder.Decode(&payload); err != nil {
			t.Fatal(err)
		}
		leaves(payload, e.Type, func(path string, old any, set func(any)) {
			if tried[path] {
				return
			}
			tried[path] = true
			set(other(path, old))
			bad := tp.copy()
			bad.events[i].Data = encode(payload)
			set(old)
			if bad.unnoticed(t, func(*verify.Input) {}) != (allowed[path] != "") {
				t.Errorf("%s changes from %v to %v: allowed to be unnoticed: %q",
					path, old, other(path, old), allowed[path])
			}
		})
	}
	t.Logf("%d fields were changed", len(tried))
}

func corruptCuts() []corruption {
	return slices.Concat(corruptCutParcels(), corruptCutStock(), corruptCutMoney(),
		corruptCutOrders())
}

func corruptCutParcels() []corruption {
	return []corruption{
		{"I20", "cancelled units cost a cent less", func(tp *tape) {
			edit(tp, func(f *event.ShipmentReduced) bool { f.Amount.Amount--; return true })
		}},
		{"I20", "a parcel costs a cent more without them", func(tp *tape) {
			edit(tp, func(f *event.ShipmentReduced) bool { f.Left.Amount++; return true })
		}},
		{"I20", "more units are cancelled than there are", func(tp *tape) {
			edit(tp, func(f *event.ShipmentReduced) bool { f.Lines[0].Quantity += 9; return true })
		}},
		{"I20", "an empty parcel is said to hold something", func(tp *tape) {
			edit(tp, func(f *event.ShipmentReduced) bool { f.Empty = !f.Empty; return true })
		}},
		{"I28", "the same units are cancelled twice", func(tp *tape) {
			at, f := find(tp, func(f *event.ShipmentReduced, _ platform.Event) bool {
				return !f.Empty
			})
			tp.add(f, at)
		}},
		{"I20", "cancelled units leave all the same", func(tp *tape) {
			edit(tp, func(f *event.ShipmentDispatched) bool {
				f.Lines[0].Quantity++
				return has(tp, func(r *event.ShipmentReduced) bool {
					return r.Shipment == f.Shipment
				})
			})
		}},
	}
}

func corruptCutStock() []corruption {
	return []corruption{
		{"I18", "cancelled units stay away from the shelf", func(tp *tape) {
			drop(tp, func(f *event.StockFreed) bool { return !f.Last })
		}},
		{"I18", "units become available that nobody cancelled", func(tp *tape) {
			edit(tp, func(f *event.StockFreed) bool { f.Refund += "9"; return true })
		}},
		{"I16", "a unit more becomes available than is kept", func(tp *tape) {
			edit(tp, func(f *event.StockFreed) bool { f.Items[0].Quantity += 99; return true })
		}},
		{"I16", "a hold goes on without units", func(tp *tape) {
			edit(tp, func(f *event.StockFreed) bool { f.Last = !f.Last; return true })
		}},
		{"I16", "a chunk has another number", func(tp *tape) {
			edit(tp, func(f *event.StockFreed) bool { f.Chunk++; return true })
		}},
	}
}

func corruptCutMoney() []corruption {
	return []corruption{
		{"I23", "a cent more is given up than was cancelled", func(tp *tape) {
			edit(tp, func(f *event.PaymentReduced) bool { f.Amount.Amount++; return true })
		}},
		{"I23", "money is given up that nobody cancelled", func(tp *tape) {
			edit(tp, func(f *event.PaymentReduced) bool { f.Refund += "9"; return true })
		}},
		{"I9", "nobody sees to the money", func(tp *tape) {
			drop(tp, func(f *event.PaymentReduced) bool { return true })
		}},
		{"I23", "a cent more goes back than was cancelled", func(tp *tape) {
			edit(tp, func(f *event.PaymentIntended) bool {
				f.Amount.Amount++
				return f.Reason == "cancelled" && f.Operation == "refund"
			})
		}},
		{"I9", "nobody gives back what was taken", func(tp *tape) {
			drop(tp, func(f *event.PaymentIntended) bool {
				return f.Reason == "cancelled" && f.Operation == "refund"
			})
		}},
		{"I26", "what is not taken is kept from the customer", func(tp *tape) {
			_, f := find(tp, func(f *event.PaymentVoided, _ platform.Event) bool {
				return f.Amount.Amount > 0 && has(tp, func(o *event.OrderCompleted) bool {
					return o.Order == f.Order
				})
			})
			drop(tp, func(v *event.PaymentVoided) bool { return v.Order == f.Order })
			drop(tp, func(i *event.PaymentIntended) bool {
				return i.Order == f.Order && i.Operation == "void"
			})
		}},
	}
}

func corruptCutOrders() []corruption {
	return []corruption{
		{"I9", "an order never hears that units were cancelled", func(tp *tape) {
			drop(tp, func(f *event.OrderReduced) bool { return !f.Empty })
		}},
		{"I9", "an order counts the same units twice", func(tp *tape) {
			at, f := find(tp, func(f *event.OrderReduced, _ platform.Event) bool {
				return !f.Empty
			})
			tp.add(f, at)
		}},
		{"I28", "an order counts a unit more", func(tp *tape) {
			edit(tp, func(f *event.OrderReduced) bool { f.Units++; return true })
		}},
		{"I28", "an order counts a cent more", func(tp *tape) {
			edit(tp, func(f *event.OrderReduced) bool { f.Amount++; return true })
		}},
		{"I28", "an order counts units that nobody cancelled", func(tp *tape) {
			edit(tp, func(f *event.OrderReduced) bool { f.Cause += "9"; return true })
		}},
		{"I28", "the fulfilment axis goes where no parcel leads", func(tp *tape) {
			edit(tp, func(f *event.OrderReduced) bool {
				f.Fulfilment = "delivered"
				return true
			})
		}},
		{"I28", "an order knows of other money that is not taken", func(tp *tape) {
			edit(tp, func(f *event.OrderProgressed) bool {
				f.Freed++
				return strings.HasPrefix(f.Cause, "payment.reduced/")
			})
		}},
		{"I29", "everything was cancelled, and the order goes on", func(tp *tape) {
			_, f := find(tp, func(f *event.OrderReduced, _ platform.Event) bool {
				return f.Empty && has(tp, func(c *event.OrderCancelled) bool {
					return c.Order == f.Order && c.From == "placed" && c.Reason == f.Reason
				}) && wholly(tp, f)
			})
			drop(tp, func(c *event.OrderCancelled) bool { return c.Order == f.Order })
		}},
	}
}

// wholly reports whether a fact counts the last units of its order.
func wholly(tp *tape, f *event.OrderReduced) bool {
	_, c := find(tp, func(c *event.OrderCreated, _ platform.Event) bool {
		return c.Order == f.Order
	})
	var units int64
	for _, l := range c.Lines {
		units += l.Quantity
	}
	return units == f.Units
}
