package ledger

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Terms is what the market takes of a dealer's goods, and from when on. What was in force is never
// changed: an order keeps the commission that was frozen when it was made.
type Terms struct {
	Dealer  shop.ID  `json:"dealer"`
	Periods []Period `json:"periods"` // by From, oldest first
	Seq     int64    `json:"seq"`
}

// Period is one rate, from a moment until the next one's.
type Period struct {
	CommissionBPS int64     `json:"commissionBps" doc:"the market's share, in 1/10,000"`
	From          time.Time `json:"from"`
	By            shop.ID   `json:"by"`
}

const (
	// TermsLead is how long before they take effect terms are set, at least. Whoever asks for a
	// rate may have looked termsKept ago, and still be right.
	TermsLead = time.Minute
	termsKept = 30 * time.Second
	// maxPeriods bounds one dealer's record.
	maxPeriods = 500
	wholeBPS   = 10_000
)

// follow enters a period, in the place of one with the same beginning.
func (t *Terms) follow(f *event.DealerTermsSet) {
	p := Period{CommissionBPS: f.CommissionBPS, From: f.From, By: f.By}
	at, found := slices.BinarySearchFunc(t.Periods, p, func(a, b Period) int {
		return a.From.Compare(b.From)
	})
	if found {
		t.Periods[at] = p
		return
	}
	t.Periods = slices.Insert(t.Periods, at, p)
}

// at returns the rate in force at a moment; false if there is none.
func (t *Terms) at(m time.Time) (bps int64, ok bool) {
	if t == nil {
		return 0, false
	}
	for _, p := range slices.Backward(t.Periods) {
		if !p.From.After(m) {
			return p.CommissionBPS, true
		}
	}
	return 0, false
}

// SetTerms has the market take another share of a dealer's goods from a moment on, at the earliest
// TermsLead from now; the zero moment is the earliest. Only an admin or a machine may. Setting the
// same again changes nothing.
func (s *Service) SetTerms(
	ctx context.Context, dealer shop.ID, bps int64, from time.Time,
) (*Terms, error) {
	who := room.CallerOf(ctx)
	if !who.May(room.Admin(), room.ServiceRole()) {
		return nil, shop.Errorf(shop.Forbidden, "only an administrator may set a dealer's terms")
	}
	if bps < 0 || bps > wholeBPS {
		return nil, shop.Errorf(shop.Invalid, "a commission is 0 to %d, not %d", wholeBPS, bps)
	}
	if _, err := shop.ParseID(string(dealer)); err != nil {
		return nil, err
	}
	var t *Terms
	err := s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		var err error
		if t, err = room.Get[Terms](ctx, tx, termsKey(dealer)); err != nil {
			return err
		}
		f, err := t.plan(dealer, bps, from, tx.Now(), who.ID)
		if err != nil || f == nil {
			return err
		}
		var seq int64 = 1
		if t != nil {
			seq = t.Seq + 1
		}
		if err := tx.Announce(ctx, f, seq); err != nil {
			return err
		}
		t, err = room.Get[Terms](ctx, tx, termsKey(dealer))
		return err
	})
	return t, err
}

// plan is what setting terms announces; nil if they are set.
func (t *Terms) plan(
	dealer shop.ID, bps int64, from, now time.Time, by shop.ID,
) (*event.DealerTermsSet, error) {
	earliest := now.Add(TermsLead)
	if from.IsZero() {
		if set, ok := t.at(earliest); ok && set == bps {
			return nil, nil
		}
		from = earliest
	}
	from = from.UTC()
	if t != nil {
		for _, p := range t.Periods {
			if p.From.Equal(from) && p.CommissionBPS == bps {
				return nil, nil
			}
		}
		if len(t.Periods) >= maxPeriods {
			return nil, shop.Errorf(shop.Illegal,
				"the terms of %s were changed %d times; nothing was done", dealer, maxPeriods)
		}
	}
	if from.Before(earliest) {
		return nil, shop.Errorf(shop.Invalid,
			"terms take effect %s from now at the earliest, not at %s; nothing was done",
			TermsLead, from.Format(time.RFC3339)).
			WithHint("what is in force is never changed: orders were made under it")
	}
	return &event.DealerTermsSet{Dealer: dealer, CommissionBPS: bps, From: from, By: by}, nil
}

// Terms returns a dealer's terms to the dealer and to administrators; to others there are none.
func (s *Service) Terms(ctx context.Context, dealer shop.ID) (*Terms, error) {
	if err := own(ctx, dealer); err != nil {
		return nil, err
	}
	t, err := room.Get[Terms](ctx, s.desk.Begin(room.Cause{}), termsKey(dealer))
	if err == nil && t == nil {
		t = &Terms{Dealer: dealer}
	}
	return t, err
}

// Commission is the market's share, in 1/10,000, of a dealer's goods that are ordered now; false if
// no terms say so. It may have looked half a minute ago, which is less than TermsLead: what it says
// is true all the same.
func (s *Service) Commission(ctx context.Context, dealer shop.ID) (bps int64, ok bool, err error) {
	now := s.desk.Clock.Now()
	t, known := s.known.get(dealer, now)
	if !known {
		t, err = room.Get[Terms](ctx, s.desk.Begin(room.Cause{}), termsKey(dealer))
		if err != nil {
			return 0, false, err
		}
		s.known.keep(dealer, t, now)
	}
	bps, ok = t.at(now)
	return bps, ok, nil
}

// knownTerms remembers terms for a little while. It is safe for concurrent use.
type knownTerms struct {
	mu  sync.RWMutex
	all map[shop.ID]keptTerms
}

type keptTerms struct {
	terms *Terms // nil: the dealer has none
	read  time.Time
}

// maxKnown bounds what is remembered; beyond it everything is forgotten.
const maxKnown = 20_000

func (k *knownTerms) get(dealer shop.ID, now time.Time) (*Terms, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	one, ok := k.all[dealer]
	return one.terms, ok && now.Sub(one.read) < termsKept
}

func (k *knownTerms) keep(dealer shop.ID, t *Terms, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all == nil || len(k.all) >= maxKnown {
		k.all = make(map[shop.ID]keptTerms)
	}
	k.all[dealer] = keptTerms{t, now}
}
