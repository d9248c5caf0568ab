package verify_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// placedAt returns the place of the order.placed in the middle of the tape's.
func placedAt(tp *tape) (int, *event.OrderPlaced) {
	n := 0
	return find(tp, func(*event.OrderPlaced, platform.Event) bool { n++; return n == 15 })
}

func corruptLog() []corruption {
	return slices.Concat(corruptPositions(), corruptRecords(), corruptContracts(), corruptCauses())
}

func corruptPositions() []corruption {
	return []corruption{
		{"I1", "an event is lost", func(tp *tape) {
			at, _ := find[*event.PaymentIntended](tp, nil)
			tp.cut(at, at+1)
		}},
		{"I1", "positions are lost", func(tp *tape) { tp.shift = 3 }},
		{"I1", "positions come again", func(tp *tape) { tp.shift = -1 }},
		{"I1", "an event is there twice", func(tp *tape) {
			at, _ := placedAt(tp)
			tp.events = slices.Insert(tp.events, at, tp.events[at])
		}},
		{"I1", "two events of a subject change places", func(tp *tape) {
			at, f := find[*event.OrderPlaced](tp, nil)
			first, _ := find(tp, func(c *event.OrderCreated, _ platform.Event) bool {
				return c.Order == f.Order
			})
			tp.events[at], tp.events[first] = tp.events[first], tp.events[at]
		}},
		{"I1", "an id is another's", func(tp *tape) {
			at, _ := placedAt(tp)
			tp.events[at].ID += "0"
		}},
		{"I1", "the clock fell back", func(tp *tape) {
			at, _ := placedAt(tp)
			tp.events[at].Time = tp.events[at].Time.Add(-time.Hour)
		}},
		{"I1", "a fact has no sequence", func(tp *tape) {
			at, _ := placedAt(tp)
			tp.events[at].Sequence = 0
		}},
	}
}

func corruptRecords() []corruption {
	return []corruption{
		{"I5", "a value is changed", func(tp *tape) {
			tp.edits("order/ord_", func(r *platform.Record) bool {
				return field(r, "status", func(json.RawMessage) any { return "placed " })
			})
		}},
		{"I5", "a counter is changed", func(tp *tape) {
			tp.counter("analytics/total", "placed", 1)
		}},
		{"I5", "a record is lost", func(tp *tape) {
			tp.records = slices.DeleteFunc(tp.records, func(r platform.Record) bool {
				return r.Key.Part == "catalog/dealer/dlr_1" && r.Key.Sort == string(skuOf(1))
			})
		}},
		{"I5", "a record comes from nowhere", func(tp *tape) {
			tp.records = append(tp.records, platform.Record{
				Key: platform.Key{Part: "order/ord_ghost", Sort: "head"}, Value: []byte(`{}`),
			})
		}},
		{"I5", "a fact says something else than its record", func(tp *tape) {
			edit(tp, func(f *event.MessageSent) bool { f.Title += "!"; return true })
		}},
		{"I5", "the last fact is lost", func(tp *tape) {
			drop(tp, func(f *event.OrderCompleted) bool { return true })
		}},
	}
}

func corruptContracts() []corruption {
	replace := func(tp *tape, old, with string) {
		at, _ := placedAt(tp)
		e := &tp.events[at]
		if !bytes.Contains(e.Data, []byte(old)) {
			panic("nothing to replace in " + string(e.Data))
		}
		e.Data = bytes.Replace(bytes.Clone(e.Data), []byte(old), []byte(with), 1)
	}
	return []corruption{
		{"I6", "a field is unknown", func(tp *tape) { replace(tp, `{"order"`, `{"x":1,"order"`) }},
		{"I6", "a field has another type", func(tp *tape) {
			replace(tp, `"total":`, `"total":"1",`)
		}},
		{"I6", "an invariant does not hold", func(tp *tape) {
			edit(tp, func(f *event.OrderCreated) bool { f.Total++; return true })
		}},
		{"I6", "the payload is cut off", func(tp *tape) {
			at, _ := placedAt(tp)
			tp.events[at].Data = tp.events[at].Data[:20]
		}},
		{"I6", "the type is unknown", func(tp *tape) {
			at, _ := placedAt(tp)
			tp.events[at].Type = "souk.order.placed.v9"
		}},
		{"I6", "the envelope is about something else", func(tp *tape) {
			at, _ := placedAt(tp)
			tp.events[at].Subject = "order/ord_9999"
		}},
		{"I6", "an old version cannot be made new", func(tp *tape) {
			at, f := placedAt(tp)
			e := &tp.events[at]
			e.Type = (&event.OrderPlacedV1{}).Type()
			e.Data = encode(&event.OrderPlacedV1{ // its lines pass its total
				Order: f.Order, Total: 1, Currency: f.Currency,
				Lines: []event.OrderLine{{SKU: "a", Dealer: "b", Quantity: 1, Amount: 2}},
			})
		}},
	}
}

func corruptCauses() []corruption {
	return []corruption{
		{"I7", "the cause is not in the log", func(tp *tape) {
			at, _ := placedAt(tp)
			tp.events[at].Causation = "payment/pay_none/3"
		}},
		{"I7", "the cause comes later", func(tp *tape) {
			at, _ := placedAt(tp)
			tp.events[at].Causation = tp.events[at+5].ID
		}},
		{"I7", "the chain changes", func(tp *tape) {
			at, _ := placedAt(tp)
			tp.events[at].Correlation += "x"
		}},
		{"I7", "stock is held for no reason", func(tp *tape) {
			at, _ := find[*event.StockHeld](tp, nil)
			tp.events[at].Causation = ""
		}},
	}
}

func corruptSecrets() []corruption {
	says := func(text string) func(tp *tape) {
		return func(tp *tape) {
			edit(tp, func(f *event.MessageSent) bool { f.Text = text; return true })
		}
	}
	return []corruption{
		{"I34", "a card number", says("paid with 4242424242424242, thank you")},
		{"I34", "a card number in groups", says("5555 5555 5555 4444")},
		{"I34", "a card number with dashes behind another number", says("2 3782-822463-10005")},
		{"I34", "a token", says("the token tok_visa was used")},
		{"I34", "a card number in a record", func(tp *tape) {
			tp.edits("notification/message/", func(r *platform.Record) bool {
				return field(r, "title", func(json.RawMessage) any { return "4111111111111111" })
			})
		}},
		{"I34", "a token in a stored answer", func(tp *tape) {
			body := base64.StdEncoding.EncodeToString([]byte(`{"token":"tok_declined"}`))
			tp.records = append(tp.records, platform.Record{
				Key:   platform.Key{Part: "order/~once/cus_1", Sort: "POST /v1/orders#1"},
				Value: []byte(`{"fp":"x","answer":{"status":201,"body":"` + body + `"}}`),
			})
		}},
	}
}

func corruptEffects() []corruption {
	return slices.Concat(corruptOnce(), corruptDelivery(), corruptSingles())
}

// posted finds a transaction of a kind.
func posted(tp *tape, kind string) (int, *event.LedgerPosted) {
	return find(tp, func(f *event.LedgerPosted, _ platform.Event) bool { return f.Kind == kind })
}

func corruptOnce() []corruption {
	book := func(kind string) func(tp *tape) {
		return func(tp *tape) {
			at, f := posted(tp, kind)
			f.Transaction += "_again"
			tp.add(f, at)
		}
	}
	return []corruption{
		{"I9", "an order counts a capture twice", func(tp *tape) {
			at, f := find(tp, func(f *event.OrderProgressed, _ platform.Event) bool {
				return strings.HasPrefix(f.Cause, "payment.captured/")
			})
			tp.add(f, at)
		}},
		{"I9", "the ledger books an authorisation twice", book("authorisation")},
		{"I9", "the ledger books a capture twice", book("capture")},
		{"I9", "the ledger books a maturity twice", book("maturity")},
		{"I9", "the customer was never told", func(tp *tape) { drop[*event.MessageSent](tp, nil) }},
		{"I9", "the ledger forgot a capture", func(tp *tape) {
			drop(tp, func(f *event.LedgerPosted) bool { return f.Kind == "capture" })
		}},
		{"I9", "the order never heard of a capture", func(tp *tape) {
			drop(tp, func(f *event.OrderProgressed) bool {
				return strings.HasPrefix(f.Cause, "payment.captured/")
			})
		}},
	}
}

func corruptDelivery() []corruption {
	return []corruption{
		{"I10", "events are pending", func(tp *tape) { tp.status[3].Pending = 2 }},
		{"I10", "events are parked", func(tp *tape) { tp.status[5].Waiting = 1 }},
		{"I10", "a background subscription is behind", func(tp *tape) {
			i := slices.IndexFunc(tp.status, func(s platform.SubscriptionStatus) bool {
				return strings.HasPrefix(s.Name, "analytics.")
			})
			tp.status[i].Pending = 7
		}},
	}
}

func corruptSingles() []corruption {
	return []corruption{
		{"I12", "a parcel is captured twice", func(tp *tape) {
			at, f := find[*event.PaymentCaptured](tp, nil)
			f.Key += "x"
			tp.add(f, at)
		}},
		{"I12", "an order is authorised twice", func(tp *tape) {
			at, f := find[*event.PaymentAuthorized](tp, nil)
			tp.add(f, at)
		}},
		{"I12", "a parcel is requested twice", func(tp *tape) {
			at, f := find[*event.ShipmentRequested](tp, nil)
			tp.add(f, at)
		}},
		{"I12", "a parcel that there is not", func(tp *tape) {
			at, f := find[*event.ShipmentRequested](tp, nil)
			f.Shipment = shop.ID(strings.TrimRight(string(f.Shipment), "0123456789") + "77")
			tp.add(f, at)
		}},
		{"I12", "a customer is told twice", func(tp *tape) {
			at, f := find[*event.MessageSent](tp, nil)
			f.Message += "_again"
			tp.add(f, at)
		}},
		{"I12", "a message is sent again that left", func(tp *tape) {
			_, gone := find[*event.MessageHandedOver](tp, nil)
			at, f := find(tp, func(f *event.MessageAttempted, _ platform.Event) bool {
				return f.Message == gone.Message
			})
			f.Attempt, f.Claim = 2, "try_again"
			tp.add(f, at)
		}},
		{"I12", "a message is sent again of which nobody knows", func(tp *tape) {
			_, lost := find[*event.MessageUnresolved](tp, nil)
			at, f := find(tp, func(f *event.MessageAttempted, _ platform.Event) bool {
				return f.Message == lost.Message
			})
			f.Attempt, f.Claim = 2, "try_again"
			tp.add(f, at)
		}},
		{"I12", "a message leaves twice", func(tp *tape) {
			at, f := find[*event.MessageHandedOver](tp, nil)
			tp.add(f, at)
		}},
		{"I12", "nothing is said of an attempt", func(tp *tape) {
			drop[*event.MessageUnresolved](tp, nil)
		}},
		{"I12", "a message that left is refused", func(tp *tape) {
			at, f := find[*event.MessageHandedOver](tp, nil)
			tp.add(&event.MessageRefused{
				Message: f.Message, Order: f.Order, Channel: f.Channel, Attempt: f.Attempt,
				Reason: "rejected", Final: true,
			}, at)
		}},
		{"I12", "a key is intended twice", func(tp *tape) {
			at, f := find[*event.PaymentIntended](tp, nil)
			tp.add(f, at)
		}},
		{"I12", "the provider charges twice under one key", func(tp *tape) {
			tp.effects = append(tp.effects, tp.effects[0])
		}},
	}
}
