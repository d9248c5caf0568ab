package payment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// PostAttemptIn is POST /v1/payments/{id}/attempts: another card for an order that still waits.
type PostAttemptIn struct {
	ID   string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Key  string `header:"Idempotency-Key" maxLength:"255"`
	Body struct {
		Payment struct {
			Token    string `json:"token" pattern:"^(tok|pm|ctoken)_[A-Za-z0-9_-]{1,60}$" patternDescription:"a token tok_…, never a card number" doc:"of the payment provider, never a card number"`
			Provider string `json:"provider,omitempty" pattern:"^[A-Za-z0-9]{0,20}$" doc:"whose token it is; the shop's first one if left out"`
		} `json:"payment"`
	}
}

// Attempted says that another card is tried. The outcome shows at the order.
type Attempted struct {
	Payment   shop.ID    `json:"payment"`
	Order     shop.ID    `json:"order"`
	Provider  string     `json:"provider"`
	Amount    shop.Money `json:"amount"`
	CardsLeft int        `json:"cardsLeft" doc:"how many others may be tried after it"`
}

// PostAttempt tries another card, for the customer alone, while the order waits for its payment and
// the card before is known to be dead. One that the bank wants confirmed is given up first.
func (s *Service) PostAttempt(ctx context.Context, in *PostAttemptIn) (*AcceptedOut, error) {
	who := room.CallerOf(ctx)
	body := in.Body
	sum := sha256.Sum256([]byte(body.Payment.Token))
	body.Payment.Token = hex.EncodeToString(sum[:])
	id, once, err := onceOf(ctx, "attempts", in.ID, in.Key, body)
	if err != nil {
		return nil, err
	}
	p, err := s.Payment(ctx, id)
	if err == nil && (!who.May(room.Customer()) || who.ID == "" || who.ID != p.Customer) {
		err = shop.Errorf(shop.NotFound, "there is no payment %s", id)
	}
	if err != nil {
		return nil, err
	}
	m, err := s.VaultAt(ctx, in.Body.Payment.Provider, who.ID, string(id)+"#"+in.Key,
		in.Body.Payment.Token)
	if err != nil {
		return nil, err
	}
	due, err := s.dues.Due(ctx, p.Order)
	if err != nil {
		return nil, err
	}
	return s.answer(ctx, id, once, func(ctx context.Context, u *unit) (any, error) {
		if !due.Open {
			return nil, shop.Errorf(shop.Illegal,
				"the order does not wait for its payment any more; nothing was charged")
		}
		provider := s.providerOf(m.ID)
		facts, err := u.p.planAttempt(m.ID, provider)
		if err != nil {
			return nil, err
		}
		left := max(u.p.Cards, 1) - u.p.cards() - 1
		return Attempted{
			Payment: id, Order: u.p.Order, Provider: provider, Amount: u.p.money(u.p.Due),
			CardsLeft: left,
		}, u.announce(ctx, facts...)
	})
}
