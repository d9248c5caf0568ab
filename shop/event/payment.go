package event

import (
	"time"

	"github.com/souk-commerce/souk/shop"
)

// PaymentIntended says that a provider is about to be asked to move money. It is committed before
// the call, so that no call can be forgotten; Key makes the call idempotent at the provider.
type PaymentIntended struct {
	Payment   shop.ID    `json:"payment"`
	Order     shop.ID    `json:"order"`
	Customer  shop.ID    `json:"customer,omitempty" doc:"of an authorisation"`
	Operation string     `json:"operation" enum:"authorise,capture,void,refund"`
	Attempt   int        `json:"attempt" doc:"of this operation, from 1"`
	Key       string     `json:"key" doc:"the provider's idempotency key"`
	Amount    shop.Money `json:"amount"`
	Method    shop.ID    `json:"method,omitempty" doc:"of an authorisation"`
	Shipment  shop.ID    `json:"shipment,omitempty" doc:"of a capture"`
	Refund    shop.ID    `json:"refund,omitempty" doc:"of a refund"`
	Reason    string     `json:"reason,omitempty"`
	Provider  string     `json:"provider"`

	Captures int     `json:"captures,omitempty" doc:"of an authorisation: how many captures to expect; none says one"`
	Cards    int     `json:"cards,omitempty" doc:"of an authorisation: how many cards may be tried; none says one"`
	Apart    bool    `json:"apart,omitempty" doc:"of a void: that attempt alone is given up, the payment goes on"`
	Next     shop.ID `json:"next,omitempty" doc:"of a void apart: the method that is tried after it"`
	Instead  shop.ID `json:"instead,omitempty" doc:"of a refund: the one that came back, which it makes good"`
}

// PaymentAuthorized says that the provider keeps the amount for us.
type PaymentAuthorized struct {
	Payment   shop.ID    `json:"payment"`
	Order     shop.ID    `json:"order"`
	Attempt   int        `json:"attempt"`
	Amount    shop.Money `json:"amount"`
	Reference string     `json:"reference" doc:"the provider's name for the authorisation"`
}

// PaymentRequiresAction says that the customer must confirm with their bank before Until, at the
// address in Page.
type PaymentRequiresAction struct {
	Payment   shop.ID             `json:"payment"`
	Order     shop.ID             `json:"order"`
	Attempt   int                 `json:"attempt"`
	Until     time.Time           `json:"until"`
	Page      shop.Sealed[string] `json:"page,omitzero" doc:"where the customer confirms; whoever has it may"`
	Reference string              `json:"reference,omitempty" doc:"the provider's name for the authorisation"`
}

// PaymentFailed says that an attempt to authorise ended without money. With Final the payment as a
// whole has failed and no further attempt is made. Attempt 0 is none: the order ended between two.
type PaymentFailed struct {
	Payment shop.ID `json:"payment"`
	Order   shop.ID `json:"order"`
	Attempt int     `json:"attempt"`
	Reason  string  `json:"reason" doc:"declined, abandoned …"`
	Final   bool    `json:"final"`
}

// PaymentUnresolved says that a call ended without an answer: the provider is asked again until it
// tells, and nothing else happens to this operation before.
type PaymentUnresolved struct {
	Payment   shop.ID `json:"payment"`
	Order     shop.ID `json:"order"`
	Operation string  `json:"operation"`
	Key       string  `json:"key"`
}

// PaymentCaptured says that money of one shipment was taken. Totals are frozen from the first one.
type PaymentCaptured struct {
	Payment   shop.ID    `json:"payment"`
	Order     shop.ID    `json:"order"`
	Shipment  shop.ID    `json:"shipment"`
	Amount    shop.Money `json:"amount"`
	Key       string     `json:"key"`
	Reference string     `json:"reference"`
}

// PaymentCaptureFailed says that the provider refused a capture: the goods stay. The order is held,
// and its approval has the capture tried again under another key.
type PaymentCaptureFailed struct {
	Payment  shop.ID    `json:"payment"`
	Order    shop.ID    `json:"order"`
	Shipment shop.ID    `json:"shipment"`
	Amount   shop.Money `json:"amount,omitzero" doc:"that was not taken"`
	Key      string     `json:"key"`
	Reason   string     `json:"reason"`
}

// PaymentVoided says that an authorisation was given back. Late says that it had arrived after the
// order had already ended.
type PaymentVoided struct {
	Payment shop.ID    `json:"payment"`
	Order   shop.ID    `json:"order"`
	Amount  shop.Money `json:"amount" doc:"what was authorised and is now free"`
	Late    bool       `json:"late"`
}

// PaymentAttemptVoided says that an authorisation which this payment does not use was given back:
// of a card that was given up for another, or that the bank had refused first. Amount is what was
// held.
type PaymentAttemptVoided struct {
	Payment shop.ID    `json:"payment"`
	Order   shop.ID    `json:"order"`
	Attempt int        `json:"attempt"`
	Amount  shop.Money `json:"amount"`
	Key     string     `json:"key" doc:"of the void"`
}

// PaymentRefunded says that captured money went back to the customer.
type PaymentRefunded struct {
	Payment   shop.ID    `json:"payment"`
	Order     shop.ID    `json:"order"`
	Refund    shop.ID    `json:"refund"`
	Shipment  shop.ID    `json:"shipment" doc:"whose money went back"`
	Amount    shop.Money `json:"amount"`
	Key       string     `json:"key"`
	Reason    string     `json:"reason"`
	Reference string     `json:"reference"`
}

// PaymentRefundFailed says that the provider refused a refund; nothing moved. What is owed is an
// open case until it has gone back.
type PaymentRefundFailed struct {
	Payment shop.ID `json:"payment"`
	Order   shop.ID `json:"order"`
	Refund  shop.ID `json:"refund"`
	Key     string  `json:"key"`
	Reason  string  `json:"reason"`
}

// PaymentRefundReturned says that a refund which had been announced failed at last: its money is
// with us again, and owed. Another refund makes it good, and names it.
type PaymentRefundReturned struct {
	Payment  shop.ID    `json:"payment"`
	Order    shop.ID    `json:"order"`
	Refund   shop.ID    `json:"refund"`
	Shipment shop.ID    `json:"shipment" doc:"whose money it is"`
	Amount   shop.Money `json:"amount"`
	Key      string     `json:"key" doc:"of the refund"`
	Reason   string     `json:"reason"`
}

// PaymentCaseOpened says that a person has to look: the provider does not tell, its answers
// contradict ours, or it refused to give money back.
type PaymentCaseOpened struct {
	Payment   shop.ID `json:"payment"`
	Order     shop.ID `json:"order"`
	Key       string  `json:"key" doc:"of the operation in doubt"`
	Operation string  `json:"operation"`
	Reason    string  `json:"reason"`
}

// PaymentCaseClosed says that the doubt is gone, or the money back, and how.
type PaymentCaseClosed struct {
	Payment    shop.ID `json:"payment"`
	Order      shop.ID `json:"order"`
	Key        string  `json:"key"`
	Resolution string  `json:"resolution"`
}

// PaymentCheckDue is a timer's fact: ask the provider about an operation without an answer.
type PaymentCheckDue struct {
	Payment shop.ID `json:"payment"`
	Key     string  `json:"key"`
	Round   int     `json:"round" doc:"how often it was asked before"`
	Missing int     `json:"missing,omitempty" doc:"how often in a row it knew of nothing"`
}

// Type implements Fact.
func (*PaymentIntended) Type() string { return "souk.payment.intended.v1" }

// Type implements Fact.
func (*PaymentAuthorized) Type() string { return "souk.payment.authorized.v1" }

// Type implements Fact.
func (*PaymentRequiresAction) Type() string { return "souk.payment.requires_action.v1" }

// Type implements Fact.
func (*PaymentFailed) Type() string { return "souk.payment.failed.v1" }

// Type implements Fact.
func (*PaymentUnresolved) Type() string { return "souk.payment.unresolved.v1" }

// Type implements Fact.
func (*PaymentCaptured) Type() string { return "souk.payment.captured.v1" }

// Type implements Fact.
func (*PaymentCaptureFailed) Type() string { return "souk.payment.capture_failed.v1" }

// Type implements Fact.
func (*PaymentVoided) Type() string { return "souk.payment.voided.v1" }

// Type implements Fact.
func (*PaymentRefunded) Type() string { return "souk.payment.refunded.v1" }

// Type implements Fact.
func (*PaymentRefundFailed) Type() string { return "souk.payment.refund_failed.v1" }

// Type implements Fact.
func (*PaymentCaseOpened) Type() string { return "souk.payment.case_opened.v1" }

// Type implements Fact.
func (*PaymentCaseClosed) Type() string { return "souk.payment.case_closed.v1" }

// Type implements Fact.
func (*PaymentAttemptVoided) Type() string { return "souk.payment.attempt_voided.v1" }

// Type implements Fact.
func (*PaymentRefundReturned) Type() string { return "souk.payment.refund_returned.v1" }

// Type implements Fact.
func (*PaymentCheckDue) Type() string { return "souk.payment.check_due.v1" }

// Subject implements Fact.
func (f *PaymentIntended) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentAuthorized) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentRequiresAction) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentFailed) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentUnresolved) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentCaptured) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentCaptureFailed) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentVoided) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentRefunded) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentRefundFailed) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentCaseOpened) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentCaseClosed) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentAttemptVoided) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentRefundReturned) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentCheckDue) Subject() string { return "timer/payment-check/" + string(f.Payment) }

func paymentSubject(id shop.ID) string { return "payment/" + string(id) }

// amountPositive is the rule of facts that exist because money moved.
const amountPositive = "data.amount.amount > 0"

func paymentKinds() []Kind {
	return append([]Kind{
		kind[PaymentIntended]("a provider is about to be asked to move money",
			rule("has_key", "size(data.key) > 0",
				func(f *PaymentIntended) bool { return f.Key != "" }),
			rule("amount_not_negative", "data.amount.amount >= 0",
				func(f *PaymentIntended) bool { return f.Amount.Amount >= 0 }),
			rule("known_operation",
				"data.operation in ['authorise', 'capture', 'void', 'refund']",
				func(f *PaymentIntended) bool {
					switch f.Operation {
					case "authorise", "capture", "void", "refund":
						return true
					}
					return false
				})),
		kind[PaymentAuthorized]("the provider keeps the amount for us",
			rule("amount_not_negative", "data.amount.amount >= 0",
				func(f *PaymentAuthorized) bool { return f.Amount.Amount >= 0 })),
		kind[PaymentRequiresAction]("the customer must confirm with their bank"),
		kind[PaymentFailed]("an attempt to authorise ended without money"),
		kind[PaymentUnresolved]("a call ended without an answer; we ask until the provider tells"),
		kind[PaymentCaptured]("money of one shipment was taken; totals are frozen",
			rule("amount_positive", amountPositive,
				func(f *PaymentCaptured) bool { return f.Amount.Amount > 0 })),
		kind[PaymentCaptureFailed]("the provider refused a capture: the goods stay"),
		kind[PaymentVoided]("an authorisation was given back"),
		kind[PaymentRefunded]("captured money went back to the customer",
			rule("amount_positive", amountPositive,
				func(f *PaymentRefunded) bool { return f.Amount.Amount > 0 })),
		kind[PaymentRefundFailed]("the provider refused a refund; nothing moved"),
		kind[PaymentCaseOpened]("a person has to look at an operation"),
		kind[PaymentCaseClosed]("the doubt about an operation is gone"),
		kind[PaymentCheckDue]("it is time to ask the provider again (announced by its timer)"),
		kind[PaymentAttemptVoided]("an authorisation that the payment does not use was given back",
			rule("amount_not_negative", "data.amount.amount >= 0",
				func(f *PaymentAttemptVoided) bool { return f.Amount.Amount >= 0 })),
		kind[PaymentRefundReturned]("a refund failed after it had been announced; it is owed again",
			rule("amount_positive", amountPositive,
				func(f *PaymentRefundReturned) bool { return f.Amount.Amount > 0 })),
	}, disputeKinds()...)
}
