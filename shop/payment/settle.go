package payment

import (
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// settle lists the facts that follow from what a provider says of an operation. Nothing follows
// from what is known already. An answer that contradicts what we asked, or what the provider said
// before, moves no money in our books: it opens a case.
func (p *Payment) settle(op *Operation, out Outcome, maxAttempts int) []event.Fact {
	if out.Verdict == Succeeded || out.Verdict == Refused {
		if doubt := p.contradiction(op, out); doubt != "" {
			return append(p.doubt(op, doubt), p.remedy(op, out, doubt)...)
		}
	}
	if op.State == done || op.State == refused || op.State == moot {
		return p.closeCase(op, out)
	}
	var facts []event.Fact
	switch {
	case out.Verdict == Unknown, out.Verdict == Missing, out.Verdict == Pending:
		return p.unresolve(op)
	case op.Kind == Authorise:
		facts = p.settleAuthorise(op, out, maxAttempts)
	case out.Verdict == Action: // only an authorisation can wait for the customer
		return p.doubt(op, "action_unexpected")
	case op.Kind == Capture:
		facts = p.settleCapture(op, out)
	case op.Kind == Void && op.Apart:
		facts = p.settleApart(op, out, out.next)
	case op.Kind == Void:
		facts = p.settleVoid(op, out)
	case op.Kind == Refund:
		facts = p.settleRefund(op, out)
	}
	if op.Case && len(facts) > 0 {
		if _, still := facts[0].(*event.PaymentCaseOpened); !still {
			facts = append(facts, p.caseClosed(op, out))
		}
	}
	if op.Kind == Refund && out.Verdict == Refused {
		facts = append(facts, p.oweRefund(op)...)
	}
	return facts
}

func (p *Payment) settleAuthorise(op *Operation, out Outcome, maxAttempts int) []event.Fact {
	switch out.Verdict {
	case Succeeded:
		return []event.Fact{&event.PaymentAuthorized{
			Payment: p.ID, Order: p.Order, Attempt: op.Attempt, Amount: p.money(op.Amount),
			Reference: word(out.Reference),
		}}
	case Action:
		if op.State == action {
			return nil
		}
		wait := &event.PaymentRequiresAction{
			Payment: p.ID, Order: p.Order, Attempt: op.Attempt, Until: out.Until,
			Reference: word(out.Reference),
		}
		if out.sealed != nil {
			wait.Page = *out.sealed
		}
		return []event.Fact{wait}
	}
	method := p.method(op)
	again := out.Again && p.tries(method) < maxAttempts && !p.Closed
	facts := []event.Fact{&event.PaymentFailed{
		Payment: p.ID, Order: p.Order, Attempt: op.Attempt, Reason: reason(out),
		Final: !again && !p.another(),
	}}
	if again {
		facts = append(facts, p.attemptWith(method, p.providerOf(op)))
	}
	return facts
}

func (p *Payment) settleCapture(op *Operation, out Outcome) []event.Fact {
	if out.Verdict == Refused {
		return []event.Fact{&event.PaymentCaptureFailed{
			Payment: p.ID, Order: p.Order, Shipment: op.Shipment, Amount: p.money(op.Amount),
			Key: op.Key, Reason: reason(out),
		}}
	}
	return []event.Fact{&event.PaymentCaptured{
		Payment: p.ID, Order: p.Order, Shipment: op.Shipment, Amount: p.money(op.Amount),
		Key: op.Key, Reference: word(out.Reference),
	}}
}

// settleVoid also tells how an authorisation ended that waited for the customer: without money, or
// with money that came after all and was given back with the rest.
func (p *Payment) settleVoid(op *Operation, out Outcome) []event.Fact {
	if out.Verdict == Refused {
		return p.doubt(op, "void_refused")
	}
	a := p.last(Authorise)
	if p.Granted || a == nil {
		return []event.Fact{&event.PaymentVoided{
			Payment: p.ID, Order: p.Order, Amount: p.money(p.Authorised - p.Captured), Late: p.Late,
		}}
	}
	if out.Amount.Amount == 0 {
		return []event.Fact{&event.PaymentFailed{
			Payment: p.ID, Order: p.Order, Attempt: a.Attempt, Reason: "abandoned", Final: true,
		}}
	}
	return []event.Fact{
		&event.PaymentAuthorized{
			Payment: p.ID, Order: p.Order, Attempt: a.Attempt, Amount: p.money(a.Amount),
			Reference: word(out.Reference),
		},
		&event.PaymentVoided{
			Payment: p.ID, Order: p.Order, Amount: p.money(a.Amount), Late: true,
		},
	}
}

func (p *Payment) settleRefund(op *Operation, out Outcome) []event.Fact {
	if out.Verdict == Refused {
		return []event.Fact{&event.PaymentRefundFailed{
			Payment: p.ID, Order: p.Order, Refund: op.Refund, Key: op.Key, Reason: reason(out),
		}}
	}
	return append([]event.Fact{&event.PaymentRefunded{
		Payment: p.ID, Order: p.Order, Refund: op.Refund, Shipment: op.Shipment,
		Amount: p.money(op.Amount), Key: op.Key, Reason: op.Reason, Reference: word(out.Reference),
	}}, p.makeGood(op)...)
}

// lateSuccess is the doubt about a success that comes after a refusal.
const lateSuccess = "success_after_refusal"

// remedy is what is done about a contradiction besides opening its case, where that is certain: an
// authorisation that the bank had refused is given back, and a refund that has failed at last is
// owed again.
func (p *Payment) remedy(op *Operation, out Outcome, doubt string) []event.Fact {
	switch {
	case doubt == lateSuccess && op.Kind == Authorise && out.Payment == p.ID:
		return p.giveUp(op, "")
	case doubt == reversed && op.Kind == Refund:
		return []event.Fact{&event.PaymentRefundReturned{
			Payment: p.ID, Order: p.Order, Refund: op.Refund, Shipment: op.Shipment,
			Amount: p.money(op.Amount), Key: op.Key, Reason: reason(out),
		}}
	}
	return nil
}

// reversed is the doubt about what was done and is not any more.
const reversed = "reversed_after_success"

// contradiction names what does not fit: another payment, another amount, another answer than
// before.
func (p *Payment) contradiction(op *Operation, out Outcome) string {
	switch {
	case op.State == done && out.Verdict == Refused:
		return reversed
	case op.State == refused && out.Verdict == Succeeded && op.Attempt > 0:
		return lateSuccess
	case out.Verdict != Succeeded:
		return ""
	case out.Payment != p.ID:
		return "wrong_payment"
	case out.Amount.Currency != p.Currency:
		return "wrong_currency"
	case op.Kind == Void && !p.canFree(op, out.Amount.Amount):
		return "wrong_amount"
	case op.Kind != Void && out.Amount.Amount != op.Amount:
		return "wrong_amount"
	}
	return ""
}

// canFree reports whether a void may have freed that much: all that was left, or nothing, when the
// authorisation had lapsed or never came.
func (p *Payment) canFree(op *Operation, amount int64) bool {
	left := p.Authorised - p.Captured
	if op.Apart {
		left = op.Amount
	} else if a := p.last(Authorise); a != nil && !p.Granted {
		left = a.Amount
	}
	return amount == 0 || amount == left
}

// doubt keeps the operation unresolved and opens its case, each once.
func (p *Payment) doubt(op *Operation, why string) []event.Fact {
	facts := p.unresolve(op)
	if !op.Case {
		facts = append(facts, &event.PaymentCaseOpened{
			Payment: p.ID, Order: p.Order, Key: op.Key, Operation: op.Kind, Reason: why,
		})
	}
	return facts
}

func (p *Payment) unresolve(op *Operation) []event.Fact {
	if op.State != intended {
		return nil
	}
	return []event.Fact{&event.PaymentUnresolved{
		Payment: p.ID, Order: p.Order, Operation: op.Kind, Key: op.Key,
	}}
}

// closeCase ends the doubt about an operation that was settled, when the provider confirms it.
// Money that is owed is no doubt.
func (p *Payment) closeCase(op *Operation, out Outcome) []event.Fact {
	agrees := op.State == done && out.Verdict == Succeeded ||
		op.State == refused && out.Verdict == Refused
	if !op.Case || !agrees || p.stillOwed(op) {
		return nil
	}
	return []event.Fact{p.caseClosed(op, out)}
}

func (p *Payment) caseClosed(op *Operation, out Outcome) event.Fact {
	resolution := "succeeded"
	switch out.Verdict {
	case Refused:
		resolution = "refused"
	case Action:
		resolution = "waits_for_customer"
	}
	return &event.PaymentCaseClosed{
		Payment: p.ID, Order: p.Order, Key: op.Key, Resolution: resolution,
	}
}

// reason is a refusal's reason as it may stand in our books.
func reason(out Outcome) string {
	if r := word(out.Reason); r != "" {
		return r
	}
	return "refused"
}

// maxWord bounds what is kept of a provider's words.
const maxWord = 64

// word keeps a provider's word when it is one: letters, digits, '_' and '-', and nothing that looks
// like a card. Whatever else a provider writes may hold what must never be stored.
func word(s string) string {
	if len(s) > maxWord || shop.LooksLikeCard(s) {
		return ""
	}
	if _, err := shop.ParseID(s); err != nil || s == tokenPrefix || isToken(s) {
		return ""
	}
	return s
}
