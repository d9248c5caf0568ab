package notification

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// hookKind is an event that endpoints can be told of, and what of it they are told: these fields of
// its payload and no others. Whatever is sealed is never among them.
type hookKind struct {
	fact event.Fact
	keep string // fields, in the order in which they are sent
	// dealers may be told, of their own; where the fact does not name the dealer, whose the
	// shipment is is asked.
	dealers bool
}

// hookKinds is the whole contract of webhooks.
func hookKinds() []hookKind {
	return []hookKind{
		{&event.ShipmentRequested{}, "shipment order dealer lines amount parcels", true},
		{
			&event.ShipmentReduced{},
			"shipment order dealer cancellation lines amount left empty reason", true,
		},
		{&event.ShipmentPacked{}, "shipment order dealer amount", true},
		{&event.ShipmentCleared{}, "shipment order", true},
		{&event.ShipmentDispatched{}, "shipment order lines tracking", true},
		{&event.ShipmentDelivered{}, "shipment order dealer", true},
		{&event.ShipmentLost{}, "shipment order dealer at", true},
		{&event.ShipmentTurnedUp{}, "shipment order dealer at", true},
		{&event.ShipmentCancelled{}, "shipment order", true},
		{&event.StockLow{}, "sku dealer lowAt available", true},
		{&event.StockRecovered{}, "sku dealer lowAt available", true},
		{&event.StockShort{}, "sku dealer take units", true},
		{&event.StockCovered{}, "sku dealer take units left by", true},
		{&event.OrderPlaced{}, "order customer payment currency total parcels", false},
		{&event.OrderCancelled{}, "order customer reason from", false},
		{&event.OrderExpired{}, "order customer", false},
		{&event.OrderHeld{}, "order reason round", false},
		{&event.OrderApproved{}, "order round", false},
		{&event.OrderCompleted{}, "order customer", false},
		{&event.PaymentCaptured{}, "payment order shipment amount", false},
		{&event.PaymentRefunded{}, "payment order refund shipment amount reason", false},
		{&event.PaymentCaseOpened{}, "payment order operation reason", false},
		{&event.PaymentCaseClosed{}, "payment order resolution", false},
	}
}

// hookFacts lists the kinds for a subscription.
func hookFacts() []event.Fact {
	var facts []event.Fact
	for _, k := range hookKinds() {
		facts = append(facts, k.fact)
	}
	return facts
}

// HookTypes lists the types of events that endpoints can be told of: all of them, or those of which
// dealers can.
func HookTypes(dealers bool) []string {
	var types []string
	for _, k := range hookKinds() {
		if k.dealers || !dealers {
			types = append(types, k.fact.Type())
		}
	}
	return types
}

// hookKindsByType makes what answers for every event of which kind it is.
func hookKindsByType() map[string]hookKind {
	kinds := make(map[string]hookKind)
	for _, k := range hookKinds() {
		kinds[k.fact.Type()] = k
	}
	return kinds
}

// shipmentOf names the parcel that a fact for dealers is about, and its dealer where it says so; of
// a fact about stock only its dealer.
func shipmentOf(f event.Fact) (shipment, dealer shop.ID) {
	switch f := f.(type) {
	case *event.ShipmentRequested:
		return f.Shipment, f.Dealer
	case *event.ShipmentPacked:
		return f.Shipment, f.Dealer
	case *event.ShipmentCleared:
		return f.Shipment, ""
	case *event.ShipmentDispatched:
		return f.Shipment, ""
	case *event.ShipmentDelivered:
		return f.Shipment, f.Dealer
	case *event.ShipmentLost:
		return f.Shipment, f.Dealer
	case *event.ShipmentTurnedUp:
		return f.Shipment, f.Dealer
	case *event.ShipmentCancelled:
		return f.Shipment, ""
	}
	return "", stockOf(f)
}

// stockOf names the dealer whose stock a fact is about, "" if it is about something else.
func stockOf(f event.Fact) shop.ID {
	switch f := f.(type) {
	case *event.StockLow:
		return f.Dealer
	case *event.StockRecovered:
		return f.Dealer
	case *event.StockShort:
		return f.Dealer
	case *event.StockCovered:
		return f.Dealer
	}
	return ""
}

// MaxHookBody bounds the body of a webhook, in bytes. What is larger is sent without its lists.
const MaxHookBody = 20_000

// hookBody is what an endpoint is sent of a fact: the same bytes in every attempt.
func hookBody(k hookKind, f event.Fact, at time.Time) (string, error) {
	raw, err := json.Marshal(f)
	if err != nil {
		return "", fmt.Errorf("encode %s: %w", f.Type(), err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return "", fmt.Errorf("encode %s: %w", f.Type(), err)
	}
	body := writeBody(k, fields, at, false)
	if len(body) > MaxHookBody {
		body = writeBody(k, fields, at, true)
	}
	return body, nil
}

// writeBody writes the kept fields in their order; short leaves lists out and says so.
func writeBody(
	k hookKind, fields map[string]json.RawMessage, at time.Time, short bool,
) string {
	var b bytes.Buffer
	stamp := at.UTC().Format(time.RFC3339Nano)
	fmt.Fprintf(&b, `{"type":%q,"timestamp":%q,"data":{`, k.fact.Type(), stamp)
	first := true
	for name := range strings.FieldsSeq(k.keep) {
		value, there := fields[name]
		if !there || short && value[0] == '[' {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		fmt.Fprintf(&b, "%q:%s", name, value)
	}
	if short {
		b.WriteString(`,"shortened":true`)
	}
	b.WriteString("}}")
	return b.String()
}
