package stripe

import (
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v86"
	"github.com/stripe/stripe-go/v86/webhook"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
)

const (
	// maxHook bounds a webhook's body.
	maxHook = 256 << 10
	// maxSignatures bounds how many of its signatures are tried.
	maxSignatures = 8
)

// Hear implements payment.Listener: a webhook is signed with one of the endpoint's secrets over its
// raw body, within the library's tolerance of five minutes.
func (p *Provider) Hear(w payment.Signed, now time.Time) (payment.Notice, error) {
	if len(w.Body) > maxHook {
		return payment.Notice{}, shop.Errorf(shop.Invalid, "a webhook's body is at most 256 KiB")
	}
	if err := p.verify(w, now); err != nil {
		return payment.Notice{}, err
	}
	var e stripe.Event
	if err := json.Unmarshal(w.Body, &e); err != nil || e.ID == "" || e.Object != "event" {
		return payment.Notice{}, shop.Errorf(shop.Invalid,
			"the webhook's body is no event of Stripe's")
	}
	return noticeOf(&e), nil
}

func (p *Provider) verify(w payment.Signed, now time.Time) error {
	at, signatures, ok := header(w.Stripe)
	if !ok {
		return shop.Errorf(shop.Unauthorised, "the webhook has no signature of Stripe's").
			WithHint("Stripe sends t=… and v1=… in the header Stripe-Signature")
	}
	if age := now.Sub(at); age > webhook.DefaultTolerance || age < -webhook.DefaultTolerance {
		return shop.Errorf(shop.Unauthorised, "the webhook's time stamp is too far from now").
			WithHint("compare the clocks; a captured webhook must not be played back")
	}
	for _, secret := range p.opt.Secrets {
		want := webhook.ComputeSignature(at, w.Body, secret)
		for _, have := range signatures {
			if hmac.Equal(have, want) {
				return nil
			}
		}
	}
	return shop.Errorf(shop.Unauthorised, "no signature of the webhook is one of ours").
		WithHint("the secrets differ, or somebody is guessing")
}

// header reads t=seconds,v1=hex,v1=hex. Other versions than v1 are not looked at.
func header(text string) (at time.Time, signatures [][]byte, ok bool) {
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			seconds, err := strconv.ParseInt(value, 10, 64)
			if err != nil || ok {
				return at, nil, false
			}
			at, ok = time.Unix(seconds, 0), true
		case "v1":
			sum, err := hex.DecodeString(value)
			if err == nil && len(signatures) < maxSignatures {
				signatures = append(signatures, sum)
			}
		}
	}
	return at, signatures, ok && len(signatures) > 0
}

// noticeOf says what an event of Stripe's means to us. Of those that mean nothing only the type is
// told, and the object's name.
func noticeOf(e *stripe.Event) payment.Notice {
	n := payment.Notice{ID: e.ID, Type: string(e.Type), At: time.Unix(e.Created, 0).UTC()}
	if e.Data == nil {
		return n
	}
	var o object
	if json.Unmarshal(e.Data.Raw, &o) != nil {
		return n
	}
	n.Data.Reference = o.ID
	meaning := meaningOf(string(e.Type))
	if meaning == "" {
		return n
	}
	n.Data.Amount = money(o.Amount, o.Currency)
	if n.Type = meaning; meaning == payment.NoticeDispute {
		return n
	}
	n.Data.Payment = shop.ID(o.Metadata[metaPayment])
	n.Data.Order = shop.ID(o.Metadata[metaOrder])
	n.Data.Key, n.Data.Operation = o.Metadata[metaKey], o.Metadata[metaOperation]
	return n
}

// object is what all of Stripe's objects that concern us have in common.
type object struct {
	ID       string            `json:"id"`
	Amount   int64             `json:"amount"`
	Currency stripe.Currency   `json:"currency"`
	Metadata map[string]string `json:"metadata"`
}

// meaningOf maps the types of Stripe's events to ours: "" is a type that means nothing here, which
// the room keeps and counts.
func meaningOf(typ string) string {
	switch typ {
	case "payment_intent.amount_capturable_updated", "payment_intent.succeeded":
		return payment.NoticeSucceeded
	case "payment_intent.payment_failed", "payment_intent.canceled":
		return payment.NoticeRefused
	case "payment_intent.requires_action":
		return payment.NoticeAction
	case "refund.created", "refund.updated", "charge.refund.updated":
		return payment.NoticeAction // whatever it is now: the room asks
	case "refund.failed":
		return payment.NoticeReversed
	case "charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed",
		"charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated":
		return payment.NoticeDispute
	}
	return ""
}
