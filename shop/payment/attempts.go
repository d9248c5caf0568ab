package payment

import (
	"fmt"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// MaxCards bounds how many cards may be tried for one order.
const MaxCards = 5

// method is the card of an authorisation.
func (p *Payment) method(op *Operation) shop.ID {
	if op.Kind == Authorise && op.Method != "" {
		return op.Method
	}
	return p.Method
}

// providerOf is the provider of an operation.
func (p *Payment) providerOf(op *Operation) string {
	if op.Provider != "" {
		return op.Provider
	}
	return p.Provider
}

// provider is whoever has the newest authorisation: all that follows is asked of it.
func (p *Payment) provider() string {
	if a := p.last(Authorise); a != nil {
		return p.providerOf(a)
	}
	return p.Provider
}

// cards counts the cards that were tried.
func (p *Payment) cards() int {
	seen := make([]shop.ID, 0, MaxCards)
next:
	for i := range p.Operations {
		op := &p.Operations[i]
		if op.Kind != Authorise {
			continue
		}
		for _, m := range seen {
			if m == p.method(op) {
				continue next
			}
		}
		seen = append(seen, p.method(op))
	}
	return len(seen)
}

// another reports whether a further card may be tried.
func (p *Payment) another() bool { return !p.Closed && p.cards() < max(p.Cards, 1) }

// tries counts the authorisations with the same card.
func (p *Payment) tries(method shop.ID) int {
	n := 0
	for i := range p.Operations {
		if op := &p.Operations[i]; op.Kind == Authorise && p.method(op) == method {
			n++
		}
	}
	return n
}

// idle reports whether every attempt is dead and none is under way.
func (p *Payment) idle() bool {
	any := false
	for i := range p.Operations {
		if op := &p.Operations[i]; op.Kind == Authorise {
			if op.State != refused {
				return false
			}
			any = true
		}
	}
	return any
}

// planAttempt tries another card. It is begun only when the attempt before is known to be dead: one
// that the customer has not confirmed is given up first, and the new one stands behind its void.
func (p *Payment) planAttempt(method shop.ID, provider string) ([]event.Fact, error) {
	last := p.last(Authorise)
	switch {
	case p.Closed, p.Granted, last == nil:
		return nil, shop.Errorf(shop.Illegal,
			"the payment is %s; no other card is tried, nothing was charged", p.Status())
	case !p.another():
		return nil, shop.Errorf(shop.Illegal, "%d cards were tried, which is all that may be",
			p.cards()).WithHint("the order says at checkout how many may be tried: payment.cards")
	case len(p.Operations)+2 > maxOperations:
		return nil, p.full()
	case last.State.open(), last.Case, p.apart(last.Attempt) != nil &&
		p.apart(last.Attempt).State.open():
		return nil, shop.Errorf(shop.Conflict,
			"what became of the card before is not known yet; nothing was charged").
			WithHint("ask again in a moment: two authorisations must never be alive at once")
	case last.State == action:
		return p.giveUp(last, method), nil
	}
	return []event.Fact{p.attemptWith(method, provider)}, nil
}

func (p *Payment) attemptWith(method shop.ID, provider string) *event.PaymentIntended {
	return authorisation(p.ID, p.Order, p.Customer, method, p.money(p.Due), provider, p.Attempts+1)
}

// apart finds the void of one attempt alone.
func (p *Payment) apart(attempt int) *Operation {
	for i := range p.Operations {
		if op := &p.Operations[i]; op.Kind == Void && op.Apart && op.Attempt == attempt {
			return op
		}
	}
	return nil
}

// giveUp intends the void of one attempt, once; next is tried after it, if it is not "".
func (p *Payment) giveUp(a *Operation, next shop.ID) []event.Fact {
	if p.apart(a.Attempt) != nil {
		return nil
	}
	amount := p.money(a.Amount)
	return []event.Fact{&event.PaymentIntended{
		Payment: p.ID, Order: p.Order, Operation: Void, Attempt: a.Attempt, Apart: true, Next: next,
		Key:    keyOf(p.ID, Void, fmt.Sprintf("attempt %d", a.Attempt), amount),
		Amount: amount, Provider: p.providerOf(a),
	}}
}

// settleApart tells how an attempt ended that was given up. One that waited for the customer has
// failed, and the card that was to be next is tried; one that was refused first, and then succeeded
// all the same, is no longer in doubt.
func (p *Payment) settleApart(op *Operation, out Outcome, next string) []event.Fact {
	if out.Verdict == Refused {
		return p.doubt(op, "void_refused")
	}
	facts := []event.Fact{&event.PaymentAttemptVoided{
		Payment: p.ID, Order: p.Order, Attempt: op.Attempt, Key: op.Key,
		Amount: p.money(out.Amount.Amount),
	}}
	a := p.attempt(op.Attempt)
	switch {
	case a == nil:
	case a.State == action:
		follows := op.Method != "" && !p.Closed
		facts = append(facts, &event.PaymentFailed{
			Payment: p.ID, Order: p.Order, Attempt: a.Attempt, Reason: "abandoned",
			Final: !follows && !p.another(),
		})
		if follows {
			facts = append(facts, p.attemptWith(op.Method, next))
		}
	case a.State == refused && a.Case:
		facts = append(facts, &event.PaymentCaseClosed{
			Payment: p.ID, Order: p.Order, Key: a.Key, Resolution: "voided",
		})
	}
	return facts
}
