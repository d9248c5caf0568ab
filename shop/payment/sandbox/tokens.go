package sandbox

import "github.com/souk-commerce/souk/shop/payment"

// Token is a magic token: with it the provider behaves as its plan says.
type Token struct {
	Token string
	Doc   string // one sentence, for the documents
	Plan  Plan
	Card  payment.Card
}

// Tokens lists the magic tokens. A token that is not listed is honoured like tok_visa. The place of
// a token in the list is part of the references that the provider gives out, so the list only grows
// at its end.
func Tokens() []Token {
	return append([]Token{
		visa("tok_visa", "Every operation succeeds."),
		visa("tok_mastercard", "Every operation succeeds."),
		visa("tok_declined", "The authorisation is refused.", Declined),
		visa("tok_try_again", "The first authorisation is refused, another attempt succeeds.",
			TryAgain),
		visa("tok_timeout", "The first call ends without an answer and without an effect.",
			TimeoutBefore),
		visa("tok_charge_then_timeout", "The first call has its effect and ends without an answer.",
			TimeoutAfter),
		visa("tok_500_after_charge", "The first call has its effect and answers with an error.",
			ErrorAfter),
		visa("tok_reset_after_charge",
			"The first call has its effect and the connection breaks in the middle of the answer.",
			ResetAfter),
		visa("tok_malformed", "The first call has its effect and answers with what is no JSON.",
			MalformedAfter),
		visa("tok_throttled", "The first three calls are refused because there are too many.",
			Throttled),
		visa("tok_slow", "Every first call takes three seconds.", Slow),
		visa("tok_late_success",
			"The first call ends without an answer; the effect comes half a minute later.",
			LateSuccess),
		visa("tok_requires_action", "The customer must confirm with their bank.", NeedsAction),
		visa("tok_lying_status",
			"The first call has its effect but no answer; the status denies it for five minutes.",
			TimeoutAfter, StatusLies),
		visa("tok_stale_status",
			"The first call has its effect but no answer; the status is pending for five minutes.",
			TimeoutAfter, StatusStale),
		visa("tok_silent",
			"The first call has its effect and no answer, and nor has the status for five minutes.",
			TimeoutAfter, StatusDown),
		visa("tok_forgets_key",
			"The first call has its effect and no answer, and a second call would have it again.",
			TimeoutAfter, ForgetsKey),
		visa("tok_wrong_amount", "The first answer names another amount.", WrongAmount),
		visa("tok_wrong_currency", "The first answer names another currency.", WrongCurrency),
		visa("tok_wrong_reference", "The first answer names another payment.", WrongReference),
		visa("tok_capture_declined", "Every capture is refused.", CaptureRefused),
		visa("tok_partial_capture", "Half of every capture is taken.", PartialCapture),
		visa("tok_refund_fails", "Every refund is refused.", RefundRefused),
		visa("tok_authorised_then_declined",
			"The bank takes the authorisation back after ten minutes.",
			LaterDeclined),
		visa("tok_chargeback", "The customer takes captured money back after ten minutes.",
			Chargeback),
		visa("tok_refund_reversed", "A refund comes back after ten minutes.", RefundReversed),
		visa("tok_webhook_twice", "Webhooks come three times.", HookTwice),
		visa("tok_webhook_reordered", "Webhooks come after later ones.", HookReordered),
		visa("tok_webhook_missing", "Webhooks do not come.", HookMissing),
		visa("tok_webhook_late", "Webhooks come three days later.", HookLate),
		visa("tok_webhook_early", "Webhooks come before the answer.", HookEarly),
		visa("tok_webhook_forged", "Webhooks are signed with another secret.", HookForged),
		visa("tok_webhook_expired", "Webhooks bear an old time stamp.", HookExpired),
		visa("tok_webhook_wrong", "Webhooks name another amount, currency and payment.", HookWrong),
		visa("tok_capture_declined_once",
			"The first capture of a payment is refused, every other succeeds.", CaptureOnce),
	}, laterTokens()...)
}

// laterTokens are those that came after the first release.
func laterTokens() []Token {
	return []Token{
		visa("tok_action_declined",
			"The customer must confirm with their bank, which then refuses.",
			NeedsAction, ActionRefused),
		visa("tok_declined_then_succeeds",
			"The authorisation is refused, and succeeds half a minute later all the same.",
			RefusedThenYes),
		visa("tok_refund_pending", "The bank works on every refund for two days.", RefundPending),
		visa("tok_dispute",
			"The customer contests captured money after ten minutes; evidence in time wins.",
			Disputed),
		visa("tok_dispute_lost",
			"The customer contests captured money after ten minutes; nothing wins.", DisputedLost),
		visa("tok_dispute_inquiry",
			"The bank asks about captured money after ten minutes; evidence in time ends it.",
			Inquiry),
		visa("tok_webhook_wrong_amount", "Webhooks name another amount.", HookAmount),
		visa("tok_webhook_wrong_currency", "Webhooks name another currency.", HookCurrency),
		visa("tok_webhook_wrong_reference",
			"Webhooks name another operation of the provider's.", HookReference),
		visa("tok_webhook_unknown", "A webhook of an unknown type comes with every other.",
			HookUnknown),
	}
}

func visa(token, doc string, bs ...Behaviour) Token {
	return Token{Token: token, Doc: doc, Plan: Plan(0).With(bs...), Card: Describe(token)}
}

// Describe says what may be shown of a token, as Tokens has it. It is what payment.Options.Describe
// wants, and is called at every checkout.
func Describe(token string) payment.Card {
	if token == "tok_mastercard" {
		return payment.Card{Brand: "mastercard", Last4: "4444"}
	}
	return payment.Card{Brand: "visa", Last4: "4242"}
}
