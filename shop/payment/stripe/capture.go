package stripe

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/stripe/stripe-go/v86"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
)

// capture takes a parcel's money. A card that allows several captures is captured from again and
// again. One that allows a single one gives up the rest with it, so every later parcel is charged
// to the card anew, without the customer; the bank may then refuse.
func (p *Provider) capture(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	for range 2 { // another capture may come between the look and the call
		pi, err := p.target(ctx, r)
		if err != nil {
			return payment.Outcome{}, err
		}
		if amount, done := captureOf(pi, r.Key); done {
			return success(pi, amount), nil
		}
		switch pi.Status {
		case stripe.PaymentIntentStatusRequiresCapture:
		case stripe.PaymentIntentStatusSucceeded:
			return p.charge(ctx, r, pi)
		case stripe.PaymentIntentStatusCanceled:
			return refusal("authorisation_ended"), nil
		default:
			return refusal("no_authorisation"), nil
		}
		if r.Amount.Amount > pi.AmountCapturable {
			return refusal("over_authorised"), nil
		}
		out, err := p.take(ctx, r, pi)
		if e := faultOf(err); !wrongState(e) {
			return settledBy(out, e, err)
		}
	}
	return payment.Outcome{}, fmt.Errorf("%w: the authorisation keeps changing", ErrNoAnswer)
}

// settledBy is what a capture's answer means.
func settledBy(
	pi *stripe.PaymentIntent, e *stripe.Error, err error,
) (payment.Outcome, error) {
	switch {
	case err != nil && certain(e):
		return refusal(reasonOf(e)), nil
	case err != nil:
		return payment.Outcome{}, unknown("capture", err)
	}
	amount := pi.AmountReceived // where one capture is all there is
	if last, ok := captureOf(pi, pi.Metadata[metaLast]); ok {
		amount = last
	}
	return success(pi, amount), nil
}

// metaLast is the key of the newest capture.
const metaLast = "souk_last"

func (p *Provider) take(
	ctx context.Context, r payment.Request, pi *stripe.PaymentIntent,
) (*stripe.PaymentIntent, error) {
	params := &stripe.PaymentIntentCaptureParams{
		AmountToCapture: stripe.Int64(r.Amount.Amount),
		Metadata: map[string]string{
			metaCapture + r.Key: strconv.FormatInt(r.Amount.Amount, 10), metaLast: r.Key,
		},
	}
	params.SetIdempotencyKey(r.Key)
	if several(pi) {
		params.FinalCapture = stripe.Bool(r.Amount.Amount == pi.AmountCapturable)
	}
	return p.api.V1PaymentIntents.Capture(ctx, pi.ID, params)
}

// several reports whether the card allows more than one capture.
func several(pi *stripe.PaymentIntent) bool {
	c := pi.LatestCharge
	if c == nil || c.PaymentMethodDetails == nil || c.PaymentMethodDetails.Card == nil ||
		c.PaymentMethodDetails.Card.Multicapture == nil {
		return false
	}
	return c.PaymentMethodDetails.Card.Multicapture.Status ==
		stripe.ChargePaymentMethodDetailsCardMulticaptureStatusAvailable
}

// captureOf is how much a capture of ours took of a PaymentIntent, and whether it did.
func captureOf(pi *stripe.PaymentIntent, key string) (int64, bool) {
	n, err := strconv.ParseInt(pi.Metadata[metaCapture+key], 10, 64)
	return n, err == nil
}

// ours is how much all captures of ours took of a PaymentIntent.
func ours(pi *stripe.PaymentIntent) int64 {
	var sum int64
	for k := range pi.Metadata {
		if key, ok := strings.CutPrefix(k, metaCapture); ok {
			n, _ := captureOf(pi, key)
			sum += n
		}
	}
	return sum
}

// charge takes a later parcel's money from a card that allows one capture only. All charges
// together stay within what was authorised: the room bounds them, and knows what it took.
func (p *Provider) charge(
	ctx context.Context, r payment.Request, of *stripe.PaymentIntent,
) (payment.Outcome, error) {
	if of.Customer == nil || of.PaymentMethod == nil || r.Captured+r.Amount.Amount > of.Amount {
		return refusal("captured_before"), nil
	}
	params := &stripe.PaymentIntentCreateParams{
		Amount: stripe.Int64(r.Amount.Amount), Currency: small(r.Amount.Currency),
		CaptureMethod: stripe.String("automatic"), Confirm: stripe.Bool(true),
		OffSession: stripe.Bool(true), Customer: stripe.String(of.Customer.ID),
		PaymentMethod:      stripe.String(of.PaymentMethod.ID),
		PaymentMethodTypes: []*string{stripe.String("card")}, Metadata: metadata(r),
	}
	params.SetIdempotencyKey(r.Key + "-charge") // the capture itself may have used the key
	pi, err := p.api.V1PaymentIntents.Create(ctx, params)
	if err == nil {
		return p.charged(ctx, pi)
	}
	e := faultOf(err)
	switch {
	case !certain(e):
		return payment.Outcome{}, unknown("charge a later parcel", err)
	case e.PaymentIntent != nil && e.PaymentIntent.ID != "":
		out, err := p.bury(ctx, e.PaymentIntent, reasonOf(e))
		out.Again = false
		return out, err
	}
	return refusal(reasonOf(e)), nil
}

// charged says what a charge of a later parcel means. The customer is not there to confirm.
func (p *Provider) charged(
	ctx context.Context, pi *stripe.PaymentIntent,
) (payment.Outcome, error) {
	switch pi.Status {
	case stripe.PaymentIntentStatusSucceeded:
		return success(pi, pi.AmountReceived), nil
	case stripe.PaymentIntentStatusProcessing:
		return payment.Outcome{Verdict: payment.Pending}, nil
	case stripe.PaymentIntentStatusCanceled:
		return refusal(lastReason(pi)), nil
	}
	out, err := p.bury(ctx, pi, "authentication_required")
	out.Again = false
	return out, err
}

// captured finds a capture: in its PaymentIntent, or as a charge of its own.
func (p *Provider) captured(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	pi, err := p.target(ctx, r)
	if err != nil {
		return payment.Outcome{}, err
	}
	if amount, done := captureOf(pi, r.Key); done {
		return success(pi, amount), nil
	}
	if pi.Customer == nil || pi.Status != stripe.PaymentIntentStatusSucceeded {
		return payment.Outcome{Verdict: payment.Missing}, nil
	}
	params := &stripe.PaymentIntentListParams{Customer: stripe.String(pi.Customer.ID)}
	params.Limit = stripe.Int64(100)
	list := p.api.V1PaymentIntents.List(ctx, params)
	if list.Err() != nil {
		return payment.Outcome{}, unknown("look for a charge", list.Err())
	}
	for _, one := range list.Data() {
		if one.Metadata[metaKey] == r.Key {
			return p.charged(ctx, one)
		}
	}
	return payment.Outcome{Verdict: payment.Missing}, nil
}

// refund sends money of a capture back.
func (p *Provider) refund(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	params := &stripe.RefundCreateParams{
		PaymentIntent: stripe.String(r.Reference), Amount: stripe.Int64(r.Amount.Amount),
		Metadata: metadata(r),
	}
	params.SetIdempotencyKey(r.Key)
	re, err := p.api.V1Refunds.Create(ctx, params)
	if err == nil {
		return refundOutcome(re), nil
	}
	if e := faultOf(err); certain(e) {
		return refusal(reasonOf(e)), nil
	}
	return payment.Outcome{}, unknown("refund", err)
}

// refundOutcome says what a refund's status means. One that succeeded may still fail later.
func refundOutcome(re *stripe.Refund) payment.Outcome {
	out := payment.Outcome{
		Payment: shop.ID(re.Metadata[metaPayment]), Amount: money(re.Amount, re.Currency),
		Reference: re.ID,
	}
	switch re.Status {
	case stripe.RefundStatusSucceeded:
		out.Verdict = payment.Succeeded
	case stripe.RefundStatusFailed, stripe.RefundStatusCanceled:
		out.Verdict, out.Reason = payment.Refused, string(re.FailureReason)
		if out.Reason == "" {
			out.Reason = "refund_" + string(re.Status)
		}
	default:
		out.Verdict = payment.Pending
	}
	return out
}

// refunded finds a refund: by its name, or among those of its PaymentIntent.
func (p *Provider) refunded(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	if r.Own != "" {
		re, err := p.api.V1Refunds.Retrieve(ctx, r.Own, &stripe.RefundRetrieveParams{})
		if err != nil {
			return payment.Outcome{}, unknown("ask for a refund", err)
		}
		return refundOutcome(re), nil
	}
	params := &stripe.RefundListParams{PaymentIntent: stripe.String(r.Reference)}
	params.Limit = stripe.Int64(100)
	list := p.api.V1Refunds.List(ctx, params)
	if list.Err() != nil {
		return payment.Outcome{}, unknown("look for a refund", list.Err())
	}
	for re, err := range list.All(ctx) {
		if err != nil {
			return payment.Outcome{}, unknown("look for a refund", err)
		}
		if re.Metadata[metaKey] == r.Key {
			return refundOutcome(re), nil
		}
	}
	return payment.Outcome{Verdict: payment.Missing}, nil
}
