package stripe

import (
	"context"
	"time"

	"github.com/stripe/stripe-go/v86"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
)

// Dispute implements payment.Disputer. Whose it is stands at its PaymentIntent.
func (p *Provider) Dispute(ctx context.Context, reference string) (payment.Report, error) {
	params := &stripe.DisputeRetrieveParams{}
	params.AddExpand("payment_intent")
	d, err := p.api.V1Disputes.Retrieve(ctx, reference, params)
	switch {
	case missing(err):
		return payment.Report{}, shop.Errorf(shop.NotFound, "Stripe knows of no such dispute")
	case err != nil:
		return payment.Report{}, unknown("ask for a dispute", err)
	}
	return reportOf(d), nil
}

func reportOf(d *stripe.Dispute) payment.Report {
	r := payment.Report{
		Reference: d.ID, Amount: money(d.Amount, d.Currency), Reason: string(d.Reason),
		Until: time.Unix(d.Created, 0).UTC(), // where no answer is allowed
	}
	if d.PaymentIntent != nil {
		r.Payment = shop.ID(d.PaymentIntent.Metadata[metaPayment])
	}
	if e := d.EvidenceDetails; e != nil {
		r.Evidence = e.SubmissionCount > 0
		if e.DueBy > 0 {
			r.Until = time.Unix(e.DueBy, 0).UTC()
		}
	}
	r.State = "open"
	switch d.Status {
	case stripe.DisputeStatusWarningNeedsResponse:
		r.Inquiry = true
	case stripe.DisputeStatusWarningUnderReview:
		r.Inquiry, r.Evidence = true, true
	case stripe.DisputeStatusUnderReview:
		r.Evidence = true
	case stripe.DisputeStatusWon:
		r.State = "won"
	case stripe.DisputeStatusLost:
		r.State = "lost"
	case stripe.DisputeStatusWarningClosed:
		r.State, r.Inquiry = "closed", true
	case stripe.DisputeStatusPrevented:
		r.State = "closed"
	}
	for _, t := range d.BalanceTransactions {
		r.Moves = append(r.Moves, movementOf(t))
	}
	return r
}

// movementOf is money that a dispute moved. Amounts below zero left us. A fee below zero came back.
func movementOf(t *stripe.BalanceTransaction) payment.Movement {
	m := payment.Movement{ID: t.ID, Amount: -t.Amount, Fee: t.Fee}
	if t.Amount > 0 || t.Amount == 0 && t.Fee < 0 {
		m.Back, m.Amount, m.Fee = true, t.Amount, -t.Fee
	}
	m.Fee = max(m.Fee, 0)
	return m
}

// Submit implements payment.Disputer.
func (p *Provider) Submit(
	ctx context.Context, e payment.Submission,
) (payment.Outcome, error) {
	params := &stripe.DisputeUpdateParams{
		Evidence: evidenceOf(e.Evidence), Submit: stripe.Bool(true),
		Metadata: map[string]string{metaKey: e.Key},
	}
	params.SetIdempotencyKey(e.Key)
	_, err := p.api.V1Disputes.Update(ctx, e.Reference, params)
	if err == nil {
		return payment.Outcome{Verdict: payment.Succeeded}, nil
	}
	if f := faultOf(err); certain(f) {
		return refusal(reasonOf(f)), nil
	}
	return payment.Outcome{}, unknown("hand in evidence", err)
}

func evidenceOf(e payment.Evidence) *stripe.DisputeUpdateEvidenceParams {
	params := &stripe.DisputeUpdateEvidenceParams{}
	for _, f := range []struct {
		to   **string
		text string
	}{
		{&params.UncategorizedText, e.Explanation}, {&params.ProductDescription, e.Product},
		{&params.ShippingCarrier, e.Carrier}, {&params.ShippingTrackingNumber, e.Tracking},
		{&params.ShippingDate, e.ShippedOn},
	} {
		if f.text != "" {
			*f.to = stripe.String(f.text)
		}
	}
	return params
}
