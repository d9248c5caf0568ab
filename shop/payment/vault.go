package payment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// Method is a card as everybody else may see it.
type Method struct {
	ID    shop.ID `json:"id"`
	Brand string  `json:"brand"`
	Last4 string  `json:"last4"`
}

// Card is what a provider tells of a token.
type Card struct{ Brand, Last4 string }

// vaulted is a token as it is kept: sealed under the customer's key, outside the domain state.
type vaulted struct {
	Token shop.Sealed[string] `json:"token"`
	Brand string              `json:"brand"`
	Last4 string              `json:"last4"`
}

// tokenPrefix begins the tokens that every provider has; the others are Stripe's.
const tokenPrefix = "tok_"

func tokenPrefixes() []string { return []string{tokenPrefix, "pm_", "ctoken_"} }

// Vault keeps a provider's token for a customer and returns the reference by which every other room
// and every event calls it. The id follows from the customer, the request's idempotency key and the
// token, so a request that is sent again gets the same one, and another request never another's.
// It refuses whatever is not a token ("tok_" and up to 60 letters, digits, '_' or '-'), a card
// number above all, with Invalid, and never repeats it. The token is durable when Vault returns, so
// call it before the checkout that names it. It is a token of the first provider.
func (s *Service) Vault(
	ctx context.Context, customer shop.ID, requestKey, token string,
) (Method, error) {
	return s.VaultAt(ctx, "", customer, requestKey, token)
}

// VaultAt is Vault for a token of the named provider; "" is the first one. A provider that there is
// not is Invalid.
func (s *Service) VaultAt(
	ctx context.Context, provider string, customer shop.ID, requestKey, token string,
) (Method, error) {
	if err := checkToken(token); err != nil {
		return Method{}, err
	}
	desk := s.at(provider)
	if desk == nil {
		return Method{}, shop.Errorf(shop.Invalid,
			"there is no such payment provider here; the token was not kept").
			WithHint("the providers are %s", strings.Join(s.Provides(), ", "))
	}
	m := Method{ID: methodID(customer, requestKey, token), Brand: "card"}
	if desk.Name != s.opt.Name {
		m.ID += shop.ID("_" + desk.Name)
	}
	if desk.Describe != nil {
		card := desk.Describe(token)
		m.Brand, m.Last4 = card.Brand, card.Last4
	}
	box, err := shop.Seal(ctx, s.desk.Keys, customer, token)
	if err != nil {
		return Method{}, err
	}
	err = s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		key := vaultKey(customer, m.ID)
		have, err := room.Get[vaulted](ctx, tx, key)
		if err != nil {
			return err
		}
		if have != nil {
			m.Brand, m.Last4 = have.Brand, have.Last4
			return nil
		}
		room.Put(tx, key, &vaulted{Token: box, Brand: m.Brand, Last4: m.Last4})
		return nil
	})
	return m, err
}

// token opens what Vault kept. The refusal, if any, is a word for the customer's books.
func (s *Service) token(
	ctx context.Context, customer, method shop.ID,
) (token, refusal string, err error) {
	v, err := room.Get[vaulted](ctx, s.desk.Begin(room.Cause{}), vaultKey(customer, method))
	switch {
	case err != nil:
		return "", "", err
	case v == nil:
		return "", "method_unknown", nil
	}
	token, err = v.Token.Open(ctx, s.desk.Keys)
	if errors.Is(err, platform.ErrErased) {
		return "", "method_erased", nil
	}
	return token, "", err
}

func methodID(customer shop.ID, requestKey, token string) shop.ID {
	sum := sha256.Sum256([]byte(string(customer) + "|" + token + "|" + requestKey))
	return shop.ID("pm_" + hex.EncodeToString(sum[:16]))
}

func checkToken(token string) error {
	if shop.LooksLikeCard(token) {
		return shop.Errorf(shop.Invalid,
			"this looks like a card number; send the token that the payment provider gave you").
			WithHint("the number was not stored; the client must not send card numbers here")
	}
	_, err := shop.ParseID(token)
	if err != nil || !isToken(token) {
		return shop.Errorf(shop.Invalid,
			"a payment token is tok_ and up to 60 letters, digits, '_' or '-'")
	}
	return nil
}

// isToken reports whether a word begins as tokens do, and goes on.
func isToken(s string) bool {
	for _, prefix := range tokenPrefixes() {
		if len(s) > len(prefix) && strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}
