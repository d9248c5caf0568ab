package ledger

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// PayoutView is a payout as it is shown.
type PayoutView struct {
	ID        shop.ID    `json:"id"`
	Dealer    shop.ID    `json:"dealer"`
	Number    int64      `json:"number" doc:"of this dealer and currency"`
	Amount    shop.Money `json:"amount"`
	Status    string     `json:"status" enum:"intended,unresolved,paid,failed,returned"`
	Doubt     string     `json:"doubt,omitempty" doc:"why nobody knows, or what does not fit"`
	Reason    string     `json:"reason,omitempty" doc:"why it failed"`
	Reference string     `json:"reference,omitempty" doc:"the provider's name for it"`
	Due       string     `json:"due,omitempty" doc:"the day of the schedule that made it"`
	CreatedAt time.Time  `json:"createdAt"`
}

// View is how the payout is shown.
func (p *Payout) View() PayoutView {
	return PayoutView{
		ID: p.ID, Dealer: p.Dealer, Number: p.Number, Amount: p.Amount, Status: string(p.Stage),
		Doubt: p.Doubt, Reason: p.Reason, Reference: p.Reference, Due: p.Due, CreatedAt: p.At,
	}
}

// Payout returns a payout to its dealer and to administrators; to others there is none.
func (s *Service) Payout(ctx context.Context, id shop.ID) (*Payout, error) {
	p, err := room.Get[Payout](ctx, s.desk.Begin(room.Cause{}), payoutKey(id))
	if err != nil {
		return nil, err
	}
	if p == nil || own(ctx, p.Dealer) != nil {
		return nil, shop.Errorf(shop.NotFound, "there is no payout %s", id)
	}
	return p, nil
}

// PayoutIn names a payout.
type PayoutIn struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
}

// PayoutOut is a payout.
type PayoutOut struct{ Body PayoutView }

// GetPayout answers GET /v1/payouts/{id}, for the dealer and administrators.
func (s *Service) GetPayout(ctx context.Context, in *PayoutIn) (*PayoutOut, error) {
	p, err := s.Payout(ctx, shop.ID(in.ID))
	if err != nil {
		return nil, err
	}
	return &PayoutOut{Body: p.View()}, nil
}

// PostPayoutCheck answers POST /v1/payouts/{id}/check: it asks the provider now what became of a
// payout, and returns the payout after that. Admins and machines only.
func (s *Service) PostPayoutCheck(ctx context.Context, in *PayoutIn) (*PayoutOut, error) {
	if !room.CallerOf(ctx).May(room.Admin(), room.ServiceRole()) {
		return nil, shop.Errorf(shop.Forbidden, "only an administrator may ask for a payout")
	}
	p, err := s.Payout(ctx, shop.ID(in.ID))
	if err != nil {
		return nil, err
	}
	due := event.PayoutCheckDue{Payout: p.ID, Key: p.Key}
	if err := s.pursue(ctx, room.RequestCause(ctx), due, true); err != nil {
		return nil, err
	}
	return s.GetPayout(ctx, in)
}

// GetPayoutsIn asks for a page of a dealer's payouts.
type GetPayoutsIn struct {
	Dealer string `query:"dealer" pattern:"^[A-Za-z0-9_-]{0,64}$" doc:"whose; a dealer may leave it out"`
	Limit  int    `query:"limit"  minimum:"1" maximum:"100" default:"20"`
	Cursor string `query:"cursor" pattern:"^([0-9]{20}\\.[A-Za-z0-9_-]{1,64})?$" doc:"next of the page before"`
}

// PayoutsOut is a page of payouts.
type PayoutsOut struct {
	Body struct {
		Items []PayoutView `json:"items" maxItems:"100"`
		Next  string       `json:"next,omitempty" doc:"the cursor of the next page, if there may be one"`
	}
}

// GetPayouts answers GET /v1/payouts: a dealer's payouts, newest first.
func (s *Service) GetPayouts(ctx context.Context, in *GetPayoutsIn) (*PayoutsOut, error) {
	dealer := whose(ctx, in.Dealer)
	if _, err := shop.ParseID(string(dealer)); err != nil {
		return nil, shop.Errorf(shop.Invalid, "say which dealer: %w", err)
	}
	if err := own(ctx, dealer); err != nil {
		return nil, err
	}
	return s.page(ctx, platform.Query{
		Part: paidPart(dealer), After: in.Cursor, Limit: in.Limit, Reverse: true,
	})
}

// whose is the dealer that is asked for: a dealer's own, if nobody is named.
func whose(ctx context.Context, dealer string) shop.ID {
	who := room.CallerOf(ctx)
	if dealer == "" && who.May(room.Dealer()) {
		return who.ID
	}
	return shop.ID(dealer)
}

// GetOpenPayoutsIn asks for the payouts that somebody waits for.
type GetOpenPayoutsIn struct {
	Limit  int    `query:"limit"  minimum:"1" maximum:"100" default:"20"`
	Cursor string `query:"cursor" pattern:"^[A-Za-z0-9_-]{0,64}$" doc:"next of the page before"`
}

// GetOpenPayouts answers GET /v1/ops/ledger/payouts: those without an outcome, and those of which
// the provider contradicts itself. Admins and machines only.
func (s *Service) GetOpenPayouts(
	ctx context.Context, in *GetOpenPayoutsIn,
) (*PayoutsOut, error) {
	if !room.CallerOf(ctx).May(room.Admin(), room.ServiceRole()) {
		return nil, shop.Errorf(shop.Forbidden, "only an administrator may see all payouts")
	}
	return s.page(ctx, platform.Query{Part: openPart, After: in.Cursor, Limit: in.Limit})
}

// page reads a list of names, and the payouts that they lead to.
func (s *Service) page(ctx context.Context, q platform.Query) (*PayoutsOut, error) {
	list, err := s.desk.Store.List(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list payouts: %w", err)
	}
	out := &PayoutsOut{}
	out.Body.Items = make([]PayoutView, 0, len(list))
	tx := s.desk.Begin(room.Cause{})
	for _, r := range list {
		var n name
		if err := room.Decode(r.Value, &n); err != nil {
			return nil, fmt.Errorf("decode %s/%s: %w", r.Key.Part, r.Key.Sort, err)
		}
		p, err := room.Get[Payout](ctx, tx, payoutKey(n.ID))
		if err != nil {
			return nil, err
		}
		if p != nil {
			out.Body.Items = append(out.Body.Items, p.View())
		}
	}
	if len(list) == q.Limit {
		out.Body.Next = list[len(list)-1].Key.Sort
	}
	return out, nil
}

// PostPayoutIn is POST /v1/payouts.
type PostPayoutIn struct {
	Key  string `header:"Idempotency-Key" maxLength:"255"`
	Body struct {
		Dealer   shop.ID       `json:"dealer,omitempty" maxLength:"64" pattern:"^[A-Za-z0-9_-]{0,64}$" doc:"whose; a dealer may leave it out"`
		Currency shop.Currency `json:"currency" pattern:"^[A-Z]{3}$"`
	}
}

// PostPayoutOut is the stored answer to a payout that was accepted: 202 and a PayoutView.
type PostPayoutOut struct {
	Status      int
	ContentType string `header:"Content-Type"`
	Location    string `header:"Location"`
	Body        []byte
}

// PostPayout pays out all that a dealer may have in a currency. The dealer, administrators and
// machines may ask for it. The outcome shows at the payout.
func (s *Service) PostPayout(ctx context.Context, in *PostPayoutIn) (*PostPayoutOut, error) {
	who, dealer := room.CallerOf(ctx), whose(ctx, string(in.Body.Dealer))
	if in.Key == "" {
		return nil, shop.Errorf(shop.KeyMissing, "send an Idempotency-Key with this request")
	}
	if _, err := shop.ParseID(string(dealer)); err != nil {
		return nil, shop.Errorf(shop.Invalid, "say which dealer: %w", err)
	}
	if err := own(ctx, dealer); err != nil {
		return nil, err
	}
	print, err := room.Fingerprint(in.Body)
	if err != nil {
		return nil, err
	}
	once := room.Once{
		Principal: string(who.ID), Route: "POST /v1/payouts", Key: in.Key, Fingerprint: print,
	}
	var answer room.Answer
	err = s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		answer, err = s.payOnce(ctx, tx, once, dealer, in.Body.Currency)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &PostPayoutOut{
		Status: answer.Status, ContentType: "application/json",
		Location: "/v1/payouts/" + answer.Ref, Body: answer.Body,
	}, nil
}

// payOnce commits a payout and the answer to its request together.
func (s *Service) payOnce(
	ctx context.Context, tx *room.Tx, once room.Once, dealer shop.ID, c shop.Currency,
) (room.Answer, error) {
	answer, found, err := once.Recall(ctx, tx)
	if err != nil || found {
		return answer, err
	}
	if s.opt.Provider == nil {
		return answer, shop.Errorf(shop.Unavailable,
			"there is no provider to pay dealers with; nothing was paid out").
			WithHint("the process that opens the ledger is given one")
	}
	p, err := s.intend(ctx, tx, dealer, c, occasion{by: room.CallerOf(ctx).ID})
	if err != nil {
		return answer, err
	}
	body, err := room.Encode(p.View())
	if err != nil {
		return answer, shop.Errorf(shop.Internal, "encode the answer: %w", err)
	}
	answer = room.Answer{Status: http.StatusAccepted, Body: body, Ref: string(p.ID)}
	once.Remember(tx, answer, time.Time{})
	return answer, nil
}
