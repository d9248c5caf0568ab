package payment

import (
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// paymentOf names the payment whose record a fact changes; "" for every other fact.
func paymentOf(f event.Fact) shop.ID {
	switch f := f.(type) {
	case *event.PaymentIntended:
		return f.Payment
	case *event.PaymentAuthorized:
		return f.Payment
	case *event.PaymentRequiresAction:
		return f.Payment
	case *event.PaymentFailed:
		return f.Payment
	case *event.PaymentUnresolved:
		return f.Payment
	case *event.PaymentCaptured:
		return f.Payment
	case *event.PaymentCaptureFailed:
		return f.Payment
	case *event.PaymentVoided:
		return f.Payment
	case *event.PaymentAttemptVoided:
		return f.Payment
	case *event.PaymentRefunded:
		return f.Payment
	case *event.PaymentRefundFailed:
		return f.Payment
	case *event.PaymentRefundReturned:
		return f.Payment
	case *event.PaymentReduced:
		return f.Payment
	case *event.PaymentCaseOpened:
		return f.Payment
	case *event.PaymentCaseClosed:
		return f.Payment
	case *event.PaymentDisputed:
		return f.Payment
	case *event.PaymentEvidenceWarned:
		return f.Payment
	case *event.PaymentEvidenceIntended:
		return f.Payment
	case *event.PaymentEvidenceSubmitted:
		return f.Payment
	case *event.PaymentEvidenceFailed:
		return f.Payment
	case *event.PaymentDisputeMoved:
		return f.Payment
	case *event.PaymentDisputeClosed:
		return f.Payment
	}
	return ""
}
