package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// MaxLines is how many lines one page of a statement holds.
const MaxLines = 1000

// Dues is what a dealer has, in minor units: what waits for return windows, and what may be paid
// out. Below zero the dealer owes it, since more was given back than was left.
type Dues struct {
	Pending   int64 `json:"pending"`
	Available int64 `json:"available"`
}

// Account is what a dealer has in one currency.
type Account struct {
	Currency shop.Currency `json:"currency"`
	Dues
	OnItsWay int64 `json:"onItsWay" doc:"of a payout that has no outcome yet"`
}

// Term is the days of a statement: from the first, to the one before To, in UTC.
type Term struct {
	From time.Time
	To   time.Time
}

// NewTerm makes a term of two days as in "2026-11-01"; the second is the first that is not in it.
func NewTerm(from, to string) (Term, error) {
	var t Term
	for _, one := range []struct {
		text string
		at   *time.Time
	}{{from, &t.From}, {to, &t.To}} {
		at, err := time.Parse(time.DateOnly, one.text)
		if err != nil {
			return t, shop.Errorf(shop.Invalid, "%q is no day as in 2026-11-30", one.text)
		}
		*one.at = at
	}
	if !t.From.Before(t.To) {
		return t, shop.Errorf(shop.Invalid, "a statement ends after it begins: %s is not after %s",
			to, from)
	}
	if t.From.Year() < 1971 || t.To.Year() > 2260 { // what a moment's key can hold
		return t, shop.Errorf(shop.Invalid, "there are no statements for %s to %s", from, to)
	}
	return t, nil
}

// Statement is what happened to a dealer's money in a term. Opening and what the totals add up to
// is Closing.
type Statement struct {
	Dealer   shop.ID       `json:"dealer"`
	Currency shop.Currency `json:"currency"`
	From     string        `json:"from" doc:"the first day, in UTC"`
	To       string        `json:"to" doc:"the first day that is not in it"`
	Final    bool          `json:"final" doc:"nothing will be added to it"`
	Opening  Dues          `json:"opening"`
	Closing  Dues          `json:"closing"`
	Totals   Totals        `json:"totals"`
}

// late is how long after the end of a day something may still be booked on it: what a commit may
// last, and clocks may differ.
const late = 5 * time.Minute

// Accounts returns what a dealer has, in every currency, to the dealer and to administrators.
func (s *Service) Accounts(ctx context.Context, dealer shop.ID) ([]Account, error) {
	if err := own(ctx, dealer); err != nil {
		return nil, err
	}
	currencies, err := s.currencies(ctx, dealer)
	if err != nil {
		return nil, err
	}
	all := make([]Account, len(currencies))
	for i, c := range currencies {
		all[i].Currency = c
		if all[i].Dues, _, err = s.dues(ctx, dealer, c); err != nil {
			return nil, err
		}
		if all[i].OnItsWay, err = s.onItsWay(ctx, dealer, c); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// dues reads a dealer's two accounts, and a number that grows with what is booked on them.
func (s *Service) dues(
	ctx context.Context, dealer shop.ID, c shop.Currency,
) (d Dues, version int64, err error) {
	pending, first, err := s.balance(ctx, Pending(dealer), c)
	if err != nil {
		return d, 0, err
	}
	payable, second, err := s.balance(ctx, Payable(dealer), c)
	return Dues{Pending: -pending, Available: -payable}, first + second, err
}

func (s *Service) onItsWay(
	ctx context.Context, dealer shop.ID, c shop.Currency,
) (int64, error) {
	tx := s.desk.Begin(room.Cause{})
	r, err := room.Get[run](ctx, tx, runKey(dealer, c))
	if err != nil || r == nil || !r.Stage.open() {
		return 0, err
	}
	p, err := room.Get[Payout](ctx, tx, payoutKey(r.ID))
	if err != nil || p == nil {
		return 0, err
	}
	return p.Amount.Amount, nil
}

// Statement returns a dealer's statement without its lines, to the dealer and to administrators. It
// reads the counters of the days since the term began, never the lines.
func (s *Service) Statement(
	ctx context.Context, dealer shop.ID, c shop.Currency, t Term,
) (*Statement, error) {
	if err := own(ctx, dealer); err != nil {
		return nil, err
	}
	if !c.Valid() {
		return nil, shop.Errorf(shop.Invalid, "say which currency, as in GBP")
	}
	st := &Statement{
		Dealer: dealer, Currency: c, From: day(t.From), To: day(t.To),
		Final: s.desk.Clock.Now().After(t.To.Add(late)),
	}
	// The opening balance is what there is now less all since, so the two are read as of one
	// moment: the accounts must be after the days what they were before.
	const tries = 5
	for range tries {
		now, before, err := s.dues(ctx, dealer, c)
		if err != nil {
			return nil, err
		}
		since, in, totals, err := s.sinceAndIn(ctx, dealer, c, t)
		if err != nil {
			return nil, err
		}
		if _, after, err := s.dues(ctx, dealer, c); err != nil || after != before {
			if err != nil {
				return nil, err
			}
			continue
		}
		st.Opening = Dues{now.Pending - since.Pending, now.Available - since.Available}
		st.Closing = Dues{st.Opening.Pending + in.Pending, st.Opening.Available + in.Available}
		st.Totals = totals
		return st, nil
	}
	return nil, shop.Errorf(shop.Busy, "too much is being booked for %s; ask again", dealer)
}

// sinceAndIn adds up the days since a term began, and those in it.
func (s *Service) sinceAndIn(
	ctx context.Context, dealer shop.ID, c shop.Currency, t Term,
) (since, in Dues, totals Totals, err error) {
	q := platform.Query{
		Part: totalsPart(dealer), Prefix: string(c) + "#",
		After: string(c) + "#" + day(t.From), Limit: platform.MaxList,
	}
	for {
		list, err := s.desk.Store.List(ctx, q)
		if err != nil {
			return since, in, totals, fmt.Errorf("read the days of %s: %w", dealer, err)
		}
		for _, r := range list {
			since.Pending += r.Counters[countPending]
			since.Available += r.Counters[countAvailable]
			if dayOf(r.Key.Sort) < day(t.To) {
				in.Pending += r.Counters[countPending]
				in.Available += r.Counters[countAvailable]
				totals.add(r.Counters)
			}
		}
		if len(list) < q.Limit {
			return since, in, totals, nil
		}
		q.After = list[len(list)-1].Key.Sort
	}
}

// currencyOf and dayOf read the key of a day: "GBP#2026-11-30#07".
func currencyOf(key string) shop.Currency {
	c, _, _ := strings.Cut(key, "#")
	return shop.Currency(c)
}

func dayOf(key string) string {
	_, rest, _ := strings.Cut(key, "#")
	d, _, _ := strings.Cut(rest, "#")
	return d
}

// Lines returns a page of a statement's lines, in the order in which they were booked, at most
// limit (1 to MaxLines) of them, after a cursor; "" is the beginning. next is the cursor of the
// next page, "" if there is none.
func (s *Service) Lines(
	ctx context.Context, dealer shop.ID, c shop.Currency, t Term, cursor string, limit int,
) (lines []Line, next string, err error) {
	if err := own(ctx, dealer); err != nil {
		return nil, "", err
	}
	if limit < 1 || limit > MaxLines {
		return nil, "", shop.Errorf(shop.Invalid,
			"a page has 1 to %d lines, not %d", MaxLines, limit)
	}
	// A moment alone sorts before what was booked in it.
	after, end := max(momentKey(t.From), cursor), momentKey(t.To)
	list, err := s.desk.Store.List(ctx, platform.Query{
		Part: linesPart(dealer, c), After: after, Limit: limit,
	})
	if err != nil {
		return nil, "", fmt.Errorf("read the statement of %s: %w", dealer, err)
	}
	lines = make([]Line, 0, len(list))
	for _, r := range list {
		if r.Key.Sort >= end {
			return lines, "", nil
		}
		var l Line
		if err := room.Decode(r.Value, &l); err != nil {
			return nil, "", fmt.Errorf("decode %s/%s: %w", r.Key.Part, r.Key.Sort, err)
		}
		lines = append(lines, l)
	}
	if len(list) == limit {
		next = list[limit-1].Key.Sort
	}
	return lines, next, nil
}
