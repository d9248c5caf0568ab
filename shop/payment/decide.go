package payment

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Of names the payment of an order.
func Of(order shop.ID) shop.ID {
	return shop.ID("pay_" + strings.TrimPrefix(string(order), "ord_"))
}

// keyOf derives the provider's idempotency key from the business fact alone, so that whoever
// decides the same thing again, after whatever crash, asks under the same key.
func keyOf(payment shop.ID, operation, part string, amount shop.Money) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s|%s|%s|%d|%s",
		payment, operation, part, amount.Amount, amount.Currency))
	return hex.EncodeToString(sum[:16])
}

// noCharge is the reference of an authorisation that no provider was asked for.
const noCharge = "none"

// begin intends the first authorisation of an order. Nothing is due for an order of 0: it is
// authorised at once, by nobody.
func begin(order shop.ID, d Due, provider string) []event.Fact {
	id := Of(order)
	intent := authorisation(id, order, d.Customer, d.Method, d.Amount, provider, 1)
	if d.Captures > 1 {
		intent.Captures = d.Captures
	}
	if d.Cards > 1 {
		intent.Cards = min(d.Cards, MaxCards)
	}
	if d.Amount.Amount == 0 {
		return []event.Fact{intent, &event.PaymentAuthorized{
			Payment: id, Order: order, Attempt: 1, Amount: d.Amount, Reference: noCharge,
		}}
	}
	return []event.Fact{intent}
}

func authorisation(
	id, order, customer, method shop.ID, amount shop.Money, provider string, attempt int,
) *event.PaymentIntended {
	return &event.PaymentIntended{
		Payment: id, Order: order, Customer: customer, Operation: Authorise, Attempt: attempt,
		Key:    keyOf(id, Authorise, fmt.Sprint(attempt), amount),
		Amount: amount, Method: method, Provider: provider,
	}
}

// planCapture intends to take a shipment's money. A capture that waits or was made is not made
// again: no fact. One that was refused gets another attempt, and so another key, unless there is an
// open case about it. The error says why it is not allowed.
func (p *Payment) planCapture(shipment shop.ID, amount shop.Money) (*event.PaymentIntended, error) {
	if op := p.captureOf(shipment); op != nil && op.State != refused {
		return nil, nil
	}
	switch {
	case p.Closed:
		return nil, shop.Errorf(shop.Illegal, "the order has ended; nothing more is captured")
	case !p.Granted:
		return nil, shop.Errorf(shop.Illegal,
			"the payment is %s; only authorised money is captured", p.Status())
	case p.inDoubt(shipment):
		return nil, shop.Errorf(shop.Conflict,
			"whether the money of %s was taken is in doubt; nothing is captured before it is known",
			shipment).WithHint("see the payment's open case, and ask the provider")
	case amount.Currency != p.Currency || amount.Amount <= 0:
		return nil, shop.Errorf(shop.Invalid, "capture a positive amount of %s", p.Currency)
	case amount.Amount > p.most(shipment, amount.Amount):
		return nil, shop.Errorf(shop.Conflict, "units of %s were cancelled: it costs %s",
			shipment, p.money(p.most(shipment, amount.Amount)))
	case amount.Amount > p.Authorised-p.Captured-p.inFlight(Capture, "")-p.freed():
		return nil, shop.Errorf(shop.Conflict, "%s is more than what is left of the authorisation",
			amount).WithHint("compare the shipments' amounts with the order's total")
	case len(p.Operations) >= maxOperations:
		return nil, p.full()
	}
	attempt := p.attempts(shipment) + 1
	return &event.PaymentIntended{
		Payment: p.ID, Order: p.Order, Operation: Capture, Attempt: attempt,
		Key:    keyOf(p.ID, Capture, fmt.Sprintf("%s#%d", shipment, attempt), amount),
		Amount: amount, Shipment: shipment, Provider: p.provider(),
	}, nil
}

// captureAgain tries a capture again that was refused and that an approval names by its key. One
// that is not the last of its shipment was tried again already, so nothing follows from an approval
// that comes twice, or late. What may not even be asked for is refused once more, and so the order
// is held once more.
func (p *Payment) captureAgain(key string) (event.Fact, error) {
	op := p.operation(key)
	if op == nil || op.Kind != Capture || op.State != refused || p.Closed ||
		op.Key != p.captureOf(op.Shipment).Key {
		return nil, nil
	}
	if len(p.Operations) >= maxOperations {
		return nil, p.full()
	}
	due := p.money(p.most(op.Shipment, op.Amount))
	if due.Amount <= 0 {
		return nil, nil // all of the parcel was cancelled since
	}
	intent, err := p.planCapture(op.Shipment, due)
	if err != nil {
		return p.refusal(op.Shipment, due, shop.CodeOf(err)), nil
	}
	return intent, nil
}

// refusal is the fact of a capture that may not even be asked for.
func (p *Payment) refusal(shipment shop.ID, amount shop.Money, code shop.Code) event.Fact {
	return &event.PaymentCaptureFailed{
		Payment: p.ID, Order: p.Order, Shipment: shipment, Amount: amount, Reason: string(code),
		Key: keyOf(p.ID, Capture, fmt.Sprintf("%s#%d", shipment, p.attempts(shipment)+1), amount),
	}
}

// planRefund intends to send captured money of a shipment back. The same refund id again gives no
// fact. Refunds that wait count as made, so that two of them cannot pass the bound together.
func (p *Payment) planRefund(
	id, shipment shop.ID, amount shop.Money, reason string,
) (*event.PaymentIntended, error) {
	if p.refundOf(id) != nil {
		return nil, nil
	}
	part := p.part(shipment)
	switch {
	case part == nil:
		return nil, shop.Errorf(shop.Illegal, "nothing was captured for this shipment")
	case amount.Currency != p.Currency || amount.Amount <= 0:
		return nil, shop.Errorf(shop.Invalid, "refund a positive amount of %s", p.Currency)
	case amount.Amount > p.refundable(part):
		return nil, shop.Errorf(shop.Conflict, "%s is more than the %d that can still be refunded",
			amount, p.refundable(part))
	case p.owing(shipment) >= maxOwed:
		return nil, shop.Errorf(shop.Conflict, "%d refunds of this parcel were refused already",
			maxOwed).WithHint("try one of those again: see the open cases")
	case len(p.Operations) >= maxOperations:
		return nil, p.full()
	}
	return p.refundIntent(id, shipment, amount, reason), nil
}

func (p *Payment) refundIntent(
	id, shipment shop.ID, amount shop.Money, reason string,
) *event.PaymentIntended {
	return &event.PaymentIntended{
		Payment: p.ID, Order: p.Order, Operation: Refund, Attempt: 1,
		Key: keyOf(p.ID, Refund, string(id), amount), Amount: amount,
		Shipment: shipment, Refund: id, Reason: reason, Provider: p.provider(),
	}
}

// refundable is what may still go back of a parcel's money. What the bank has taken for a dispute
// is not ours to give.
func (p *Payment) refundable(part *Part) int64 {
	return part.Captured - part.Refunded - part.Disputed - p.inFlight(Refund, part.Shipment)
}

func (p *Payment) full() error {
	return shop.Errorf(shop.Conflict, "a payment has at most %d operations", maxOperations)
}

// orderEnded is why money goes back without anybody having asked for it.
const orderEnded = "order_ended"

// planClose lists what must be intended because the order has ended: the void of what is authorised
// and the refund of what was captured, at most maxIntents facts. It is called again until it lists
// nothing, and a second call for the same reason lists nothing. An authorisation without an answer
// is not waited for: the void stands behind it.
func (p *Payment) planClose() []event.Fact {
	if p.Failed != "" {
		return nil
	}
	var facts []event.Fact
	switch {
	case p.closing() != nil:
	case p.idle(): // between two cards: there is nothing to give back
		return []event.Fact{&event.PaymentFailed{
			Payment: p.ID, Order: p.Order, Reason: orderEnded, Final: true,
		}}
	default:
		facts = p.planVoid()
	}
	for i := range p.Parts {
		if len(facts) >= maxIntents {
			break
		}
		if f := p.giveBack(p.Parts[i].Shipment); f != nil {
			facts = append(facts, f)
		}
	}
	return facts
}

// planVoid closes the payment. When all that was authorised was taken there is nothing to ask the
// provider for, and the void is over at once.
func (p *Payment) planVoid() []event.Fact {
	rest := p.money(p.Due)
	if p.Granted {
		rest = p.money(p.Authorised - p.Captured)
	}
	facts := []event.Fact{&event.PaymentIntended{
		Payment: p.ID, Order: p.Order, Operation: Void, Attempt: 1,
		Key: keyOf(p.ID, Void, "1", rest), Amount: rest, Provider: p.provider(),
	}}
	if rest.Amount == 0 {
		facts = append(facts, &event.PaymentVoided{Payment: p.ID, Order: p.Order, Amount: rest})
	}
	return facts
}

// endPrefix begins the names of the refunds that an order's end has made.
const endPrefix = "rfn_end_"

// giveBack intends to refund all that is left of a shipment's money, once.
func (p *Payment) giveBack(shipment shop.ID) event.Fact {
	id := shop.ID(endPrefix + strings.TrimPrefix(string(shipment), "shp_"))
	part := p.part(shipment)
	if part == nil || p.refundable(part) <= 0 {
		return nil
	}
	if first := p.refundOf(id); first != nil && first.State == done {
		id = insteadOf(id) // a dispute that was won brought money back after that
	}
	if p.refundOf(id) != nil {
		return nil
	}
	return p.refundIntent(id, shipment, p.money(p.refundable(part)), orderEnded)
}
