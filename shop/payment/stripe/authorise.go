package stripe

import (
	"context"
	"fmt"
	"strings"

	"github.com/stripe/stripe-go/v86"

	"github.com/souk-commerce/souk/shop/payment"
)

// authorise makes and confirms a PaymentIntent that is captured by hand. Where several captures are
// to be expected, several are asked for, if the card allows them; and the card is kept with a
// customer of Stripe's that has no name, so that later parcels can be charged to it if it does not.
func (p *Provider) authorise(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	params := &stripe.PaymentIntentCreateParams{
		Amount: stripe.Int64(r.Amount.Amount), Currency: small(r.Amount.Currency),
		CaptureMethod: stripe.String("manual"), Confirm: stripe.Bool(true),
		PaymentMethodTypes: []*string{stripe.String("card")}, Metadata: metadata(r),
	}
	params.SetIdempotencyKey(r.Key)
	params.AddExpand("latest_charge")
	if p.opt.Return != "" {
		params.ReturnURL = stripe.String(p.opt.Return)
	}
	switch {
	case strings.HasPrefix(r.Token, "pm_"):
		params.PaymentMethod = stripe.String(r.Token)
	case strings.HasPrefix(r.Token, "ctoken_"):
		params.ConfirmationToken = stripe.String(r.Token)
	default:
		method, out, err := p.method(ctx, r)
		if method == "" {
			return out, err
		}
		params.PaymentMethod = stripe.String(method)
	}
	if r.Captures > 1 {
		customer, err := p.customer(ctx, r)
		if err != nil {
			return payment.Outcome{}, err
		}
		params.Customer = stripe.String(customer)
		params.SetupFutureUsage = stripe.String("off_session")
		params.PaymentMethodOptions = &stripe.PaymentIntentCreatePaymentMethodOptionsParams{
			Card: &stripe.PaymentIntentCreatePaymentMethodOptionsCardParams{
				RequestMulticapture: stripe.String("if_available"),
			},
		}
	}
	pi, err := p.api.V1PaymentIntents.Create(ctx, params)
	if err == nil {
		return p.authorisation(ctx, pi)
	}
	e := faultOf(err)
	switch {
	case !certain(e):
		return payment.Outcome{}, unknown("authorise", err)
	case e.PaymentIntent != nil && e.PaymentIntent.ID != "":
		return p.bury(ctx, e.PaymentIntent, reasonOf(e))
	}
	return declined(reasonOf(e)), nil
}

func declined(reason string) payment.Outcome {
	return payment.Outcome{
		Verdict: payment.Refused, Reason: reason, Again: mayTryAgain(reason),
	}
}

// method makes a PaymentMethod of a card token, as older front ends have them. Without one the
// outcome or the error says why.
func (p *Provider) method(
	ctx context.Context, r payment.Request,
) (string, payment.Outcome, error) {
	params := &stripe.PaymentMethodCreateParams{
		Type: stripe.String("card"),
		Card: &stripe.PaymentMethodCreateCardParams{Token: stripe.String(r.Token)},
	}
	params.SetIdempotencyKey(r.Key + "-method")
	m, err := p.api.V1PaymentMethods.Create(ctx, params)
	if err == nil {
		return m.ID, payment.Outcome{}, nil
	}
	if e := faultOf(err); certain(e) {
		return "", declined(reasonOf(e)), nil
	}
	return "", payment.Outcome{}, unknown("read a card token", err)
}

// customer makes the holder of a card that later parcels may be charged to.
func (p *Provider) customer(ctx context.Context, r payment.Request) (string, error) {
	params := &stripe.CustomerCreateParams{Metadata: map[string]string{
		metaPayment: string(r.Payment), metaOrder: string(r.Order),
	}}
	params.SetIdempotencyKey(r.Key + "-customer")
	c, err := p.api.V1Customers.Create(ctx, params)
	if err != nil {
		return "", unknown("make a customer", err)
	}
	return c.ID, nil
}

// bury cancels a PaymentIntent that was declined, so that nobody can confirm it with another card:
// only then is the attempt known to be dead.
func (p *Provider) bury(
	ctx context.Context, pi *stripe.PaymentIntent, reason string,
) (payment.Outcome, error) {
	if pi.Status != stripe.PaymentIntentStatusCanceled {
		if _, err := p.cancel(ctx, pi.ID, "abandoned"); err != nil {
			return payment.Outcome{}, unknown("end a declined payment", err)
		}
	}
	out := declined(reason)
	out.Reference = pi.ID
	return out, nil
}

func (p *Provider) cancel(
	ctx context.Context, id, reason string,
) (*stripe.PaymentIntent, error) {
	params := &stripe.PaymentIntentCancelParams{CancellationReason: stripe.String(reason)}
	params.AddExpand("latest_charge")
	params.SetIdempotencyKey("cancel-" + id + "-" + reason)
	return p.api.V1PaymentIntents.Cancel(ctx, id, params)
}

// authorisation says what a PaymentIntent means for its authorisation.
func (p *Provider) authorisation(
	ctx context.Context, pi *stripe.PaymentIntent,
) (payment.Outcome, error) {
	switch pi.Status {
	case stripe.PaymentIntentStatusRequiresCapture, stripe.PaymentIntentStatusSucceeded:
		return success(pi, pi.Amount), nil
	case stripe.PaymentIntentStatusRequiresAction:
		return waiting(pi), nil
	case stripe.PaymentIntentStatusProcessing:
		return payment.Outcome{Verdict: payment.Pending}, nil
	case stripe.PaymentIntentStatusCanceled:
		if held(pi) > 0 && pi.CancellationReason != "automatic" {
			return success(pi, pi.Amount), nil // our own void has ended it
		}
		return ended(pi), nil
	case stripe.PaymentIntentStatusRequiresPaymentMethod:
		return p.bury(ctx, pi, lastReason(pi))
	}
	return payment.Outcome{}, fmt.Errorf("%w: a payment that is %q", ErrNoAnswer, pi.Status)
}

// ended is an authorisation that is no more: the bank took it back, or it never was.
func ended(pi *stripe.PaymentIntent) payment.Outcome {
	out := declined(lastReason(pi))
	out.Reference, out.Again = pi.ID, false
	if pi.LastPaymentError == nil {
		out.Reason = "lapsed"
		if pi.CancellationReason != "automatic" {
			out.Reason = "voided"
		}
	}
	return out
}

func waiting(pi *stripe.PaymentIntent) payment.Outcome {
	out := payment.Outcome{
		Verdict: payment.Action, Payment: success(pi, 0).Payment, Reference: pi.ID,
	}
	if a := pi.NextAction; a != nil && a.RedirectToURL != nil {
		out.Page = a.RedirectToURL.URL
	}
	return out
}

func lastReason(pi *stripe.PaymentIntent) string {
	if pi.LastPaymentError != nil {
		return reasonOf(pi.LastPaymentError)
	}
	return "declined"
}

// held is how much of a PaymentIntent the bank kept for us once.
func held(pi *stripe.PaymentIntent) int64 {
	if c := pi.LatestCharge; c != nil && c.Paid {
		return c.Amount
	}
	return 0
}

// authorised finds an authorisation: by its name, where we have it, and by our key otherwise. The
// search is some seconds behind; the room asks several times before it sends again, under the same
// key, by which Stripe then knows it.
func (p *Provider) authorised(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	if r.Own == "" {
		pi, err := p.search(ctx, r.Key)
		if err != nil || pi == nil {
			return payment.Outcome{Verdict: payment.Missing}, err
		}
		r.Own = pi.ID // what was found may be old: read it
	}
	pi, err := p.intent(ctx, r.Own)
	if err != nil {
		return payment.Outcome{}, unknown("ask for an authorisation", err)
	}
	return p.authorisation(ctx, pi)
}

// search finds the PaymentIntent with our key, or nil.
func (p *Provider) search(ctx context.Context, key string) (*stripe.PaymentIntent, error) {
	params := &stripe.PaymentIntentSearchParams{}
	params.Query = fmt.Sprintf("metadata['%s']:'%s'", metaKey, key)
	params.Limit = stripe.Int64(1)
	list := p.api.V1PaymentIntents.Search(ctx, params)
	if list.Err() != nil {
		return nil, unknown("look for a payment", list.Err())
	}
	for _, pi := range list.Data() {
		if pi.Metadata[metaKey] == key {
			return pi, nil
		}
	}
	return nil, nil
}

// void gives back what is left of an authorisation, or ends one that never was.
func (p *Provider) void(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	pi, err := p.target(ctx, r)
	if err != nil {
		return payment.Outcome{}, err
	}
	switch pi.Status {
	case stripe.PaymentIntentStatusCanceled:
		return success(pi, held(pi)), nil
	case stripe.PaymentIntentStatusSucceeded:
		return nothingLeft(pi, r), nil
	case stripe.PaymentIntentStatusProcessing:
		return payment.Outcome{Verdict: payment.Pending}, nil
	}
	if pi.AmountReceived > 0 { // several captures, and more could come: release the rest
		params := &stripe.PaymentIntentCaptureParams{
			AmountToCapture: stripe.Int64(0), FinalCapture: stripe.Bool(true),
		}
		params.SetIdempotencyKey(r.Key)
		if pi, err = p.api.V1PaymentIntents.Capture(ctx, pi.ID, params); err != nil {
			return payment.Outcome{}, unknown("release an authorisation", err)
		}
		return nothingLeft(pi, r), nil
	}
	if pi, err = p.cancel(ctx, pi.ID, "requested_by_customer"); err != nil {
		return payment.Outcome{}, unknown("void", err) // asked about, and tried again
	}
	return success(pi, held(pi)), nil
}

// nothingLeft is a void after captures. Had somebody else captured, more would have come in than we
// know of, and freed is not what is missing.
func nothingLeft(pi *stripe.PaymentIntent, r payment.Request) payment.Outcome {
	if pi.AmountReceived != ours(pi) {
		return refusal("captured_elsewhere")
	}
	return success(pi, 0)
}

// target is the PaymentIntent that an operation acts on.
func (p *Provider) target(
	ctx context.Context, r payment.Request,
) (*stripe.PaymentIntent, error) {
	if r.Reference == "" {
		pi, err := p.search(ctx, r.Of)
		if err == nil && pi == nil {
			err = fmt.Errorf("%w: the authorisation cannot be found", ErrNoAnswer)
		}
		if err != nil {
			return nil, err
		}
		r.Reference = pi.ID
	}
	pi, err := p.intent(ctx, r.Reference)
	if err != nil {
		return nil, unknown("read an authorisation", err)
	}
	return pi, nil
}

// voided says what became of a void: it is over when nothing can be captured any more.
func (p *Provider) voided(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	pi, err := p.target(ctx, r)
	if err != nil {
		return payment.Outcome{}, err
	}
	switch pi.Status {
	case stripe.PaymentIntentStatusCanceled:
		return success(pi, held(pi)), nil
	case stripe.PaymentIntentStatusSucceeded:
		return nothingLeft(pi, r), nil
	}
	return payment.Outcome{Verdict: payment.Missing}, nil
}
