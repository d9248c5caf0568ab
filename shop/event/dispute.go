package event

import (
	"time"

	"github.com/souk-commerce/souk/shop"
)

// PaymentDisputed says that the customer contests captured money at the bank. With Inquiry the bank
// only asks, and no money has moved. Money that moves is in PaymentDisputeMoved.
type PaymentDisputed struct {
	Payment   shop.ID    `json:"payment"`
	Order     shop.ID    `json:"order"`
	Dispute   shop.ID    `json:"dispute"`
	Amount    shop.Money `json:"amount" doc:"that is contested"`
	Reason    string     `json:"reason" doc:"the bank's, as in fraudulent or product_not_received"`
	Inquiry   bool       `json:"inquiry,omitempty"`
	Until     time.Time  `json:"until" doc:"evidence counts until then"`
	Provider  string     `json:"provider"`
	Reference string     `json:"reference" doc:"the provider's name for the dispute"`
}

// PaymentEvidenceWarned says that a dispute will be lost for want of evidence unless somebody acts
// before Until.
type PaymentEvidenceWarned struct {
	Payment shop.ID    `json:"payment"`
	Order   shop.ID    `json:"order"`
	Dispute shop.ID    `json:"dispute"`
	Amount  shop.Money `json:"amount"`
	Until   time.Time  `json:"until"`
}

// PaymentEvidenceIntended says that evidence is about to be handed in. What it says is in no event:
// it tells of a person.
type PaymentEvidenceIntended struct {
	Payment shop.ID `json:"payment"`
	Order   shop.ID `json:"order"`
	Dispute shop.ID `json:"dispute"`
	Attempt int     `json:"attempt" doc:"from 1; another only after a refusal"`
	Key     string  `json:"key" doc:"the provider's idempotency key"`
	Digest  string  `json:"digest" doc:"SHA-256 of the evidence"`
	By      shop.ID `json:"by"`
}

// PaymentEvidenceSubmitted says that the provider has the evidence. There is no second chance.
type PaymentEvidenceSubmitted struct {
	Payment shop.ID `json:"payment"`
	Order   shop.ID `json:"order"`
	Dispute shop.ID `json:"dispute"`
	Attempt int     `json:"attempt"`
	Key     string  `json:"key"`
}

// PaymentEvidenceFailed says that the provider refused the evidence: before Until it may be handed
// in again.
type PaymentEvidenceFailed struct {
	Payment shop.ID `json:"payment"`
	Order   shop.ID `json:"order"`
	Dispute shop.ID `json:"dispute"`
	Attempt int     `json:"attempt"`
	Key     string  `json:"key"`
	Reason  string  `json:"reason"`
}

// DisputeShare is a parcel's part of money that a dispute moved.
type DisputeShare struct {
	Shipment shop.ID `json:"shipment"`
	Amount   int64   `json:"amount" doc:"minor units, above zero"`
}

// PaymentDisputeMoved says that a dispute moved money between the provider and us: away from us, or
// with Back to us again. The shares tell whose; what is beyond all that was left of the captures is
// nobody's but the market's. The fee is the provider's, and comes on top.
type PaymentDisputeMoved struct {
	Payment  shop.ID        `json:"payment"`
	Order    shop.ID        `json:"order"`
	Dispute  shop.ID        `json:"dispute"`
	Back     bool           `json:"back" doc:"reinstated, not withdrawn"`
	Amount   shop.Money     `json:"amount" doc:"without the fee"`
	Fee      int64          `json:"fee" doc:"minor units, of the same currency; a fee that comes back is in a fact with back"`
	Shares   []DisputeShare `json:"shares"`
	Beyond   int64          `json:"beyond" doc:"of the amount, what is no parcel's"`
	Movement string         `json:"movement" doc:"the provider's name for it; each is announced once"`
}

// PaymentDisputeClosed says how a dispute ended: won, lost, or closed, which is an inquiry that
// came to nothing or a dispute that was taken back.
type PaymentDisputeClosed struct {
	Payment shop.ID    `json:"payment"`
	Order   shop.ID    `json:"order"`
	Dispute shop.ID    `json:"dispute"`
	Outcome string     `json:"outcome" enum:"won,lost,closed"`
	Amount  shop.Money `json:"amount" doc:"that was contested"`
	Inquiry bool       `json:"inquiry,omitempty" doc:"the bank had only asked"`
}

// PaymentDisputeDue is a timer's fact: look at a dispute again.
type PaymentDisputeDue struct {
	Payment shop.ID `json:"payment"`
	Dispute shop.ID `json:"dispute"`
	Round   int     `json:"round" doc:"how often the provider was asked before"`
}

// Type implements Fact.
func (*PaymentDisputed) Type() string { return "souk.payment.disputed.v1" }

// Type implements Fact.
func (*PaymentEvidenceIntended) Type() string { return "souk.payment.evidence_intended.v1" }

// Type implements Fact.
func (*PaymentEvidenceSubmitted) Type() string { return "souk.payment.evidence_submitted.v1" }

// Type implements Fact.
func (*PaymentEvidenceFailed) Type() string { return "souk.payment.evidence_failed.v1" }

// Type implements Fact.
func (*PaymentEvidenceWarned) Type() string { return "souk.payment.evidence_warned.v1" }

// Type implements Fact.
func (*PaymentDisputeMoved) Type() string { return "souk.payment.dispute_moved.v1" }

// Type implements Fact.
func (*PaymentDisputeClosed) Type() string { return "souk.payment.dispute_closed.v1" }

// Type implements Fact.
func (*PaymentDisputeDue) Type() string { return "souk.payment.dispute_due.v1" }

// Subject implements Fact.
func (f *PaymentDisputed) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentEvidenceIntended) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentEvidenceSubmitted) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentEvidenceFailed) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentEvidenceWarned) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentDisputeMoved) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentDisputeClosed) Subject() string { return paymentSubject(f.Payment) }

// Subject implements Fact.
func (f *PaymentDisputeDue) Subject() string {
	return "timer/payment-dispute/" + string(f.Payment)
}

func disputeKinds() []Kind {
	return []Kind{
		kind[PaymentDisputed]("captured money is contested at the bank",
			rule("amount_positive", amountPositive,
				func(f *PaymentDisputed) bool { return f.Amount.Amount > 0 })),
		kind[PaymentEvidenceWarned]("evidence is due soon, and there is none"),
		kind[PaymentEvidenceIntended]("evidence is about to be handed in",
			rule("has_key", "size(data.key) > 0",
				func(f *PaymentEvidenceIntended) bool { return f.Key != "" })),
		kind[PaymentEvidenceSubmitted]("the provider has the evidence"),
		kind[PaymentEvidenceFailed]("the provider refused the evidence"),
		kind[PaymentDisputeMoved]("a dispute moved money, away from us or back",
			rule("nothing_negative", "data.amount.amount >= 0 && data.fee >= 0",
				func(f *PaymentDisputeMoved) bool { return f.Amount.Amount >= 0 && f.Fee >= 0 }),
			rule("shares_are_a_list", "data.shares != null",
				func(f *PaymentDisputeMoved) bool { return f.Shares != nil }),
			rule("shares_positive", "data.shares.all(s, s.amount > 0)",
				func(f *PaymentDisputeMoved) bool {
					return all(f.Shares, func(s DisputeShare) bool { return s.Amount > 0 })
				}),
			rule("shares_add_up",
				"data.shares.map(s, s.amount).sum() + data.beyond == data.amount.amount",
				disputeAddsUp)),
		kind[PaymentDisputeClosed]("a dispute was won, was lost, or came to nothing",
			rule("known_outcome", "data.outcome in ['won', 'lost', 'closed']",
				func(f *PaymentDisputeClosed) bool {
					return f.Outcome == "won" || f.Outcome == "lost" || f.Outcome == "closed"
				})),
		kind[PaymentDisputeDue]("it is time to look at a dispute (announced by its timer)"),
	}
}

func disputeAddsUp(f *PaymentDisputeMoved) bool {
	shares, ok := sumOf(f.Shares, func(s DisputeShare) int64 { return s.Amount })
	return ok && partsOf(f.Amount.Amount, shares, f.Beyond)
}
