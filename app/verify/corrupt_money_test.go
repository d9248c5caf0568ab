package verify_test

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

func corruptMoney() []corruption {
	return slices.Concat(corruptAmounts(), corruptTotals(), corruptBounds(), corruptProvider(),
		corruptOutcomes(), corruptCharges())
}

func corruptAmounts() []corruption {
	return []corruption{
		{"I20", "a line costs more", func(tp *tape) {
			edit(tp, func(f *event.OrderCreated) bool { // every sum in it is right
				l := &f.Lines[0]
				l.UnitPrice, l.Amount = l.UnitPrice+1, l.Amount+l.Quantity
				f.Items, f.Total = f.Items+l.Quantity, f.Total+l.Quantity
				return has(tp, func(p *event.OrderPlaced) bool { return p.Order == f.Order })
			})
		}},
		{"I20", "a line does not multiply", func(tp *tape) {
			edit(tp, func(f *event.OrderCreated) bool { f.Lines[0].Amount++; return true })
		}},
		{"I20", "the market takes more", func(tp *tape) {
			edit(tp, func(f *event.OrderPlaced) bool { f.Parcels[0].Commission++; return true })
		}},
		{"I20", "tax moves to another parcel", func(tp *tape) {
			edit(tp, func(f *event.OrderPlaced) bool {
				if len(f.Parcels) < 2 {
					return false
				}
				f.Parcels[0].Items, f.Parcels[0].Tax = f.Parcels[0].Items+1, f.Parcels[0].Tax-1
				return true
			})
		}},
		{"I20", "less is charged than the order costs", func(tp *tape) {
			edit(tp, func(f *event.PaymentIntended) bool {
				f.Amount.Amount--
				return f.Operation == "authorise"
			})
		}},
		{"I20", "a shipment costs more than its parcel", func(tp *tape) {
			edit(tp, func(f *event.ShipmentRequested) bool { f.Amount.Amount++; return true })
		}},
		{"I20", "an order has two currencies", func(tp *tape) {
			edit(tp, func(f *event.PaymentIntended) bool {
				f.Amount.Currency = "EUR"
				return f.Operation == "capture"
			})
		}},
		{"I20", "something else is captured than was asked for", func(tp *tape) {
			edit(tp, func(f *event.PaymentCaptured) bool { f.Amount.Amount--; return true })
		}},
	}
}

// paid finds an order of which money was taken.
func paid(tp *tape) (int, shop.ID) {
	at, f := find[*event.PaymentCaptured](tp, nil)
	return at, f.Order
}

func corruptTotals() []corruption {
	head := func(name string, to any) func(tp *tape) {
		return func(tp *tape) {
			_, id := paid(tp)
			tp.edits("order/"+string(id), func(r *platform.Record) bool {
				return r.Key.Sort == "head" &&
					field(r, name, func(json.RawMessage) any { return to })
			})
		}
	}
	return []corruption{
		{"I21", "the stored total changes", head("total", 12345)},
		{"I21", "the stored tax changes", head("tax", 1)},
		{"I21", "the stored currency changes", head("currency", "EUR")},
		{"I21", "the order is placed again for more", func(tp *tape) {
			at, id := paid(tp)
			_, f := find(tp, func(f *event.OrderPlaced, _ platform.Event) bool {
				return f.Order == id
			})
			f.Total, f.Parcels[0].Amount = f.Total+1, f.Parcels[0].Amount+1
			f.Parcels[0].Shipping++
			tp.add(f, at)
		}},
		{"I21", "the order is made again for less", func(tp *tape) {
			at, id := paid(tp)
			_, f := find(tp, func(f *event.OrderCreated, _ platform.Event) bool {
				return f.Order == id
			})
			f.Total, f.Tax = f.Total-1, f.Tax-1
			tp.add(f, at)
		}},
	}
}

func corruptBounds() []corruption {
	return []corruption{
		{"I23", "more is captured than is authorised", func(tp *tape) {
			edit(tp, func(f *event.PaymentCaptured) bool { f.Amount.Amount += 1e6; return true })
		}},
		{"I23", "money is captured after it was given back", func(tp *tape) {
			at, void := find(tp, func(f *event.PaymentVoided, _ platform.Event) bool {
				return f.Amount.Amount > 0
			})
			tp.add(&event.PaymentCaptured{
				Payment: void.Payment, Order: void.Order, Key: "late", Amount: void.Amount,
				Shipment: shop.ID("shp_" + strings.TrimPrefix(string(void.Order), "ord_") + "_1"),
			}, at)
		}},
		{"I23", "more is refunded than was captured", func(tp *tape) {
			edit(tp, func(f *event.PaymentRefunded) bool { f.Amount.Amount += 1e6; return true })
		}},
		{"I23", "more is given back than is left", func(tp *tape) {
			edit(tp, func(f *event.PaymentVoided) bool { f.Amount.Amount += 100; return true })
		}},
		{"I23", "money is asked for after the end", func(tp *tape) {
			at, f := find(tp, func(f *event.PaymentIntended, _ platform.Event) bool {
				return f.Operation == "void"
			})
			f.Operation, f.Key, f.Shipment = "capture", "late", "shp_x_1"
			tp.add(f, at)
		}},
	}
}

// moved returns the place of an effect of the provider that is no fault of its own.
func moved(tp *tape, kind string) int {
	return slices.IndexFunc(tp.effects, func(e sandbox.Entry) bool {
		return e.Kind == kind &&
			has(tp, func(f *event.PaymentCaptured) bool { return f.Key == e.Key })
	})
}

func corruptProvider() []corruption {
	external := func(change func(e *sandbox.Entry)) func(tp *tape) {
		return func(tp *tape) { change(&tp.effects[moved(tp, "capture")]) }
	}
	return []corruption{
		{"I24", "the provider has lost a capture", func(tp *tape) {
			at := moved(tp, "capture")
			tp.effects = slices.Delete(tp.effects, at, at+1)
		}},
		{"I24", "the provider did what nobody asked for", external(func(e *sandbox.Entry) {
			e.Key = "unheard"
		})},
		{"I24", "the provider took more", external(func(e *sandbox.Entry) { e.Amount++ })},
		{"I24", "the provider took other money", external(func(e *sandbox.Entry) {
			e.Currency = "USD"
		})},
		{"I24", "the provider did something else", external(func(e *sandbox.Entry) {
			e.Kind = "refund"
		})},
		{"I24", "the provider took it twice", func(tp *tape) {
			tp.effects = append(tp.effects, tp.effects[moved(tp, "capture")])
		}},
		{"I24", "it is another payment's", external(func(e *sandbox.Entry) {
			e.Payment = "pay_x"
		})},
		{"I24", "money came back, and nobody knows", external(func(e *sandbox.Entry) {
			e.Kind = "chargeback"
		})},
		{"I24", "we forgot what the provider did", func(tp *tape) {
			edit(tp, func(f *event.PaymentFailed) bool { return f.Final && f.Attempt > 0 })
			_, f := find(tp, func(f *event.PaymentFailed, _ platform.Event) bool {
				return f.Final && f.Attempt > 0
			})
			_, asked := find(tp, func(i *event.PaymentIntended, _ platform.Event) bool {
				return i.Payment == f.Payment && i.Operation == "authorise"
			})
			tp.effects = append(tp.effects, sandbox.Entry{
				Key: asked.Key, Payment: f.Payment, Order: f.Order, Kind: "authorise",
				Amount: asked.Amount.Amount, Currency: asked.Amount.Currency,
			})
		}},
	}
}

func corruptOutcomes() []corruption {
	return []corruption{
		{"I25", "another key for the same charge", func(tp *tape) {
			at, f := find[*event.PaymentIntended](tp, nil)
			f.Key += "2"
			tp.add(f, at)
		}},
		{"I25", "a second charge before the first is resolved", func(tp *tape) {
			at, f := find(tp, func(f *event.PaymentIntended, _ platform.Event) bool {
				return f.Operation == "authorise" && has(tp, func(u *event.PaymentUnresolved) bool {
					return u.Key == f.Key
				})
			})
			f.Key, f.Attempt = "again", f.Attempt+1
			tp.add(f, at)
		}},
		{"I25", "an outcome of what nobody was asked for", func(tp *tape) {
			edit(tp, func(f *event.PaymentCaptured) bool { f.Key = "unheard"; return true })
		}},
		{"I25", "an operation ends twice", func(tp *tape) {
			at, f := find(tp, func(f *event.PaymentRefunded, _ platform.Event) bool { return true })
			tp.add(&event.PaymentRefundFailed{
				Payment: f.Payment, Order: f.Order, Refund: f.Refund, Key: f.Key, Reason: "late",
			}, at)
		}},
		{"I25", "a case is closed that nobody opened", func(tp *tape) {
			at, f := find(tp, func(f *event.PaymentCaptured, _ platform.Event) bool {
				return !has(tp, func(c *event.PaymentCaseOpened) bool { return c.Key == f.Key })
			})
			tp.add(&event.PaymentCaseClosed{Payment: f.Payment, Order: f.Order, Key: f.Key}, at)
		}},
		{"I25", "nobody is told of a long doubt", func(tp *tape) {
			at, f := find(tp, func(f *event.PaymentIntended, _ platform.Event) bool {
				return f.Operation == "authorise" && has(tp, func(a *event.PaymentAuthorized) bool {
					return a.Payment == f.Payment && a.Attempt == f.Attempt
				})
			})
			drop(tp, func(a *event.PaymentAuthorized) bool { return a.Payment == f.Payment })
			e := tp.add(&event.PaymentCheckDue{Payment: f.Payment, Key: f.Key, Round: 40}, at)
			tp.events[e].Sequence, tp.events[e].ID = 0, "payment/check/x@1"
		}},
	}
}

func corruptCharges() []corruption {
	return []corruption{
		{"I26", "the provider charged for no order", func(tp *tape) {
			tp.effects = append(tp.effects, sandbox.Entry{
				Key: "k", Payment: "pay_x", Order: "ord_x", Kind: "capture",
				Amount: 5, Currency: "GBP",
			})
		}},
		{"I26", "money moves for an order that is not there", func(tp *tape) {
			_, f := find[*event.PaymentIntended](tp, nil)
			drop(tp, func(c *event.OrderCreated) bool { return c.Order == f.Order })
		}},
		{"I26", "a parcel leaves unpaid", func(tp *tape) {
			_, f := find[*event.ShipmentDispatched](tp, nil)
			drop(tp, func(c *event.PaymentCaptured) bool { return c.Shipment == f.Shipment })
		}},
		{"I26", "an authorisation is kept after the end", func(tp *tape) {
			_, f := find(tp, func(f *event.PaymentVoided, _ platform.Event) bool {
				return f.Amount.Amount > 0
			})
			drop(tp, func(v *event.PaymentVoided) bool { return v.Order == f.Order })
			drop(tp, func(i *event.PaymentIntended) bool {
				return i.Order == f.Order && i.Operation == "void"
			})
		}},
		{"I26", "a capture is kept after the end", func(tp *tape) {
			_, f := find(tp, func(f *event.PaymentRefunded, _ platform.Event) bool {
				return f.Reason == "order_ended"
			})
			drop(tp, func(r *event.PaymentRefunded) bool { return r.Key == f.Key })
			drop(tp, func(i *event.PaymentIntended) bool { return i.Key == f.Key })
		}},
	}
}

func corruptLedger() []corruption {
	first := func(change func(f *event.LedgerPosted)) func(tp *tape) {
		return func(tp *tape) {
			edit(tp, func(f *event.LedgerPosted) bool {
				if f.Kind == "capture" {
					change(f)
				}
				return f.Kind == "capture"
			})
		}
	}
	return []corruption{
		{"I22", "a transaction does not balance", first(func(f *event.LedgerPosted) {
			f.Entries[0].Amount++
		})},
		{"I22", "a transaction is for more", first(func(f *event.LedgerPosted) {
			f.Entries[0].Amount++
			f.Entries[1].Amount--
		})},
		{"I22", "a transaction books another event", first(func(f *event.LedgerPosted) {
			f.Cause = "payment/pay_none/1"
		})},
		{"I22", "a transaction is in another currency", first(func(f *event.LedgerPosted) {
			f.Currency = "USD"
		})},
		{"I22", "the agreed shares change", func(tp *tape) {
			edit(tp, func(f *event.LedgerPosted) bool { f.Splits[0].Commission++; return true })
		}},
		{"I22", "an account's record is off by one", func(tp *tape) {
			tp.counter("ledger/account/GBP/market:commission", "balance", 1)
		}},
		{"I22", "an account's record is lost", func(tp *tape) {
			at := slices.IndexFunc(tp.records, func(r platform.Record) bool {
				return r.Key.Part == "ledger/account/GBP/tax:payable"
			})
			tp.records = slices.Delete(tp.records, at, at+1)
		}},
		{"I22", "a transaction is lost", func(tp *tape) {
			drop(tp, func(f *event.LedgerPosted) bool { return f.Kind == "authorisation" })
		}},
	}
}
