package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Payee is where a dealer's payouts go, and how often. The account itself is a provider's token,
// sealed under the dealer's key outside the domain state; Destination names it.
type Payee struct {
	Dealer      shop.ID   `json:"dealer"`
	Destination shop.ID   `json:"destination"`
	Label       string    `json:"label,omitempty"`
	Schedule    string    `json:"schedule"`
	By          shop.ID   `json:"by"`
	At          time.Time `json:"at"`
	Seq         int64     `json:"seq"`
}

// The schedules of payouts. By schedule a dealer is paid at the beginning of a day in UTC.
const (
	Manual  = "manual" // only when somebody asks
	Daily   = "daily"
	Weekly  = "weekly"  // on Mondays
	Monthly = "monthly" // on the first
)

// account is a token as it is kept.
type account struct {
	Token shop.Sealed[string] `json:"token"`
}

const tokenPrefix = "ba_"

// SetPayee names the account to which a dealer's money goes, by a provider's token ("ba_" and up to
// 60 letters, digits, '_' or '-'), and the schedule. Account numbers are refused and never
// repeated. The dealer and administrators may. Setting the same again changes nothing, unless that
// account refused a payout since: then the dealer confirms it, and it is tried again.
func (s *Service) SetPayee(
	ctx context.Context, dealer shop.ID, token, schedule string,
) (*Payee, error) {
	if err := own(ctx, dealer); err != nil {
		return nil, err
	}
	if err := checkToken(token); err != nil {
		return nil, err
	}
	if schedule != Manual && nextPayout(schedule, time.Time{}).IsZero() {
		return nil, shop.Errorf(shop.Invalid, "there is no schedule %q", schedule)
	}
	box, err := shop.Seal(ctx, s.desk.Keys, dealer, token)
	if err != nil {
		return nil, err
	}
	f := &event.DealerPayeeSet{
		Dealer: dealer, Destination: destinationOf(dealer, token), Schedule: schedule,
		By: room.CallerOf(ctx).ID,
	}
	if s.opt.Describe != nil {
		f.Label = s.opt.Describe(token)
	}
	var p *Payee
	err = s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		p, err = s.setPayee(ctx, tx, f, &account{box})
		return err
	})
	return p, err
}

func (s *Service) setPayee(
	ctx context.Context, tx *room.Tx, f *event.DealerPayeeSet, a *account,
) (*Payee, error) {
	p, blocked, err := payeeOf(ctx, tx, f.Dealer)
	if err != nil {
		return nil, err
	}
	var seq int64 = 1
	if p != nil {
		if p.Destination == f.Destination && p.Schedule == f.Schedule && !blocked {
			return p, nil
		}
		seq = p.Seq + 1
	}
	f.At = tx.Now()
	if err := tx.Announce(ctx, f, seq); err != nil {
		return nil, err
	}
	key := bankKey(f.Dealer, f.Destination)
	have, err := room.Get[account](ctx, tx, key)
	if err != nil {
		return nil, err
	}
	if have == nil {
		room.Put(tx, key, a)
	}
	if err := arm(tx, f.Dealer, f.Schedule); err != nil {
		return nil, err
	}
	return room.Get[Payee](ctx, tx, payeeKey(f.Dealer))
}

// Payee returns where a dealer's payouts go, and whether that account has refused one, to the
// dealer and to administrators; NotFound to others, and while there is none.
func (s *Service) Payee(ctx context.Context, dealer shop.ID) (p *Payee, blocked bool, err error) {
	if err := own(ctx, dealer); err != nil {
		return nil, false, err
	}
	p, blocked, err = payeeOf(ctx, s.desk.Begin(room.Cause{}), dealer)
	if err == nil && p == nil {
		err = shop.Errorf(shop.NotFound, "no account is named for %s", dealer)
	}
	return p, blocked, err
}

func payeeOf(
	ctx context.Context, tx *room.Tx, dealer shop.ID,
) (p *Payee, blocked bool, err error) {
	p, err = room.Get[Payee](ctx, tx, payeeKey(dealer))
	if err != nil || p == nil {
		return nil, false, err
	}
	refused, err := room.Get[mark](ctx, tx, blockedKey(dealer, p.Seq))
	return p, refused != nil, err
}

// token opens what SetPayee kept. The refusal, if any, is a word for the books.
func (s *Service) token(
	ctx context.Context, dealer, destination shop.ID,
) (token, refusal string, err error) {
	a, err := room.Get[account](ctx, s.desk.Begin(room.Cause{}), bankKey(dealer, destination))
	switch {
	case err != nil:
		return "", "", err
	case a == nil:
		return "", "destination_unknown", nil
	}
	token, err = a.Token.Open(ctx, s.desk.Keys)
	if errors.Is(err, platform.ErrErased) {
		return "", "destination_erased", nil
	}
	return token, "", err
}

// destinationOf names an account without telling anything of it.
func destinationOf(dealer shop.ID, token string) shop.ID {
	sum := sha256.Sum256([]byte(string(dealer) + "|" + token))
	return shop.ID("dst_" + hex.EncodeToString(sum[:13]))
}

func checkToken(token string) error {
	_, err := shop.ParseID(token)
	if err != nil || !strings.HasPrefix(token, tokenPrefix) || len(token) == len(tokenPrefix) {
		return shop.Errorf(shop.Invalid,
			"an account is named by ba_ and up to 60 letters, digits, '_' or '-'; "+
				"nothing was stored").
			WithHint("send the token that the provider gave for the account, never its number")
	}
	return nil
}

// nextPayout is the first moment after now at which a schedule pays; zero if it never does.
func nextPayout(schedule string, now time.Time) time.Time {
	y, m, d := now.UTC().Date()
	at := func(month time.Month, day int) time.Time {
		return time.Date(y, month, day, 0, 0, 0, 0, time.UTC)
	}
	switch schedule {
	case Daily:
		return at(m, d+1)
	case Weekly:
		return at(m, d+1+int(8-now.UTC().AddDate(0, 0, 1).Weekday())%7)
	case Monthly:
		return at(m+1, 1)
	}
	return time.Time{}
}

// arm sets the timer of a dealer's next payout, or cancels it.
func arm(tx *room.Tx, dealer shop.ID, schedule string) error {
	key := "payout/" + string(dealer)
	due := nextPayout(schedule, tx.Now())
	if due.IsZero() {
		tx.CancelTimer(key)
		return nil
	}
	return tx.SetTimer(key, due, &event.PayoutDue{Dealer: dealer, Due: day(due)})
}

// own refuses whoever is neither the dealer nor above: to others there is nothing.
func own(ctx context.Context, dealer shop.ID) error {
	who := room.CallerOf(ctx)
	if who.May(room.Admin(), room.ServiceRole()) || who.May(room.Dealer()) && who.ID == dealer {
		return nil
	}
	return shop.Errorf(shop.NotFound, "there is no dealer %q here", dealer)
}
