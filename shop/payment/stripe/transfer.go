package stripe

import (
	"context"

	"github.com/stripe/stripe-go/v86"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
)

// Transfers sends dealers' money to their connected accounts, as separate charges and transfers do:
// from the platform's balance, whichever payments it came from. It is safe for concurrent use. The
// room that pays dealers declares its own seam; whoever wires it makes one of this.
type Transfers struct{ api *stripe.Client }

// NewTransfers returns transfers of the same account as the provider's.
func NewTransfers(p *Provider) Transfers { return Transfers{p.api} }

// Transfer is a payout as Stripe has it. Of a verdict other than Succeeded only the reason counts.
type Transfer struct {
	payment.Verdict
	Payout    shop.ID    // as Stripe has it
	Amount    shop.Money // likewise
	Reference string
	Reason    string // of a refusal: a short word
	Returned  bool   // all of it came back
}

// What a transfer carries in its metadata.
const (
	metaPayout = "souk_payout"
	metaDealer = "souk_dealer"
)

// Send sends money to a connected account (acct_…). The same key has its effect once. Succeeded and
// Refused are Stripe's answer; an error says that nobody knows, and never repeats the account.
func (t Transfers) Send(
	ctx context.Context, key string, payout, dealer shop.ID, amount shop.Money, account string,
) (Transfer, error) {
	params := &stripe.TransferCreateParams{
		Amount: stripe.Int64(amount.Amount), Currency: small(amount.Currency),
		Destination: stripe.String(account), TransferGroup: stripe.String(key),
		Metadata: map[string]string{
			metaKey: key, metaPayout: string(payout), metaDealer: string(dealer),
		},
	}
	params.SetIdempotencyKey(key)
	tr, err := t.api.V1Transfers.Create(ctx, params)
	if err == nil {
		return transferOf(tr), nil
	}
	if e := faultOf(err); certain(e) {
		return Transfer{Verdict: payment.Refused, Reason: reasonOf(e)}, nil
	}
	return Transfer{}, unknown("pay a dealer", err)
}

// Find tells what became of the transfer with that key: Missing if Stripe knows of none. A list by
// transfer group is not a search, so what was made a moment ago is in it.
func (t Transfers) Find(ctx context.Context, key string) (Transfer, error) {
	params := &stripe.TransferListParams{TransferGroup: stripe.String(key)}
	list := t.api.V1Transfers.List(ctx, params)
	if list.Err() != nil {
		return Transfer{}, unknown("ask for a payout", list.Err())
	}
	for _, tr := range list.Data() {
		if tr.Metadata[metaKey] == key {
			return transferOf(tr), nil
		}
	}
	return Transfer{Verdict: payment.Missing}, nil
}

func transferOf(tr *stripe.Transfer) Transfer {
	return Transfer{
		Verdict: payment.Succeeded, Payout: shop.ID(tr.Metadata[metaPayout]), Reference: tr.ID,
		Amount:   money(tr.Amount, tr.Currency),
		Returned: tr.Reversed || tr.Amount > 0 && tr.AmountReversed >= tr.Amount,
	}
}
