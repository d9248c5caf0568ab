package sandbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/ledger"
)

// Name is what the provider is called in facts.
const Name = "sandbox"

// What calls end with instead of an answer.
var (
	ErrTimeout = errors.New("sandbox: the call took too long")
	ErrServer  = errors.New("sandbox: 500")
)

// Clock is the time by which the provider lives; every platform's clock is one.
type Clock interface{ Now() time.Time }

// Options opens a Sandbox. Only Clock is required.
type Options struct {
	Clock Clock
	// Path of the ledger's file; "" keeps it in memory. What is in the file is remembered: a
	// sandbox outlives the process.
	Path string
	// Later is when money comes back; 0 is two days.
	Later time.Duration
}

const (
	slowFor = time.Hour
	lieFor  = 5 * time.Minute
	twoDays = 48 * time.Hour
)

// Sandbox is the provider. It is safe for concurrent use.
type Sandbox struct {
	opt     Options
	journal *journal

	mu  sync.Mutex
	ops map[string]*operation
}

var _ ledger.Provider = (*Sandbox)(nil)

// operation is what the provider knows of one key.
type operation struct {
	entry Entry // of its effect; Seq is 0 while it has none
	calls int
	back  bool // the money came back
}

// Open opens the provider, with the ledger at opt.Path.
func Open(opt Options) (*Sandbox, error) {
	if opt.Clock == nil {
		return nil, shop.Errorf(shop.Internal, "the sandbox needs a clock")
	}
	if opt.Later == 0 {
		opt.Later = twoDays
	}
	j, err := openJournal(opt.Path)
	if err != nil {
		return nil, err
	}
	s := &Sandbox{opt: opt, journal: j, ops: make(map[string]*operation)}
	for _, e := range j.entries {
		o := s.ops[e.Key]
		if o == nil {
			o = &operation{calls: 1}
			s.ops[e.Key] = o
		}
		if e.Kind == KindReturn {
			o.back = true
			continue
		}
		o.entry = e
	}
	return s, nil
}

// Close closes the ledger. No call may follow.
func (s *Sandbox) Close() error { return s.journal.close() }

// Ledger calls fn for every entry so far, in order. It stops at fn's first error.
func (s *Sandbox) Ledger(fn func(Entry) error) error {
	s.mu.Lock()
	var err error
	for _, e := range s.journal.entries {
		err = errors.Join(err, s.ripen(s.ops[e.Key]))
	}
	all := s.journal.entries
	s.mu.Unlock()
	if err != nil {
		return err
	}
	for _, e := range all {
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

// Pay implements ledger.Provider.
func (s *Sandbox) Pay(_ context.Context, r ledger.Request) (ledger.Outcome, error) {
	if r.Key == "" || r.Payout == "" || r.Amount.Amount <= 0 || !r.Amount.Currency.Valid() {
		return ledger.Outcome{}, shop.Errorf(shop.Invalid,
			"a payout has a key, a name and an amount in a currency")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o, f := s.ops[r.Key], fateOf(r.Token)
	if o == nil {
		o = &operation{}
		s.ops[r.Key] = o
	}
	o.calls++
	if o.entry.Seq > 0 {
		if o.entry.Amount != r.Amount.Amount || o.entry.Currency != r.Amount.Currency {
			return ledger.Outcome{}, shop.Errorf(shop.Invalid,
				"this key belongs to another payout")
		}
		return s.outcome(o)
	}
	switch {
	case f == timesOut && o.calls == 1:
		return ledger.Outcome{}, ErrTimeout
	case f == refused:
		return ledger.Outcome{Verdict: ledger.Refused, Reason: "account_closed"}, nil
	}
	if err := s.effect(o, r, f); err != nil {
		return ledger.Outcome{}, err
	}
	if f == answerLost || f == statusLies || f == silent {
		return ledger.Outcome{}, ErrTimeout
	}
	out, err := s.outcome(o)
	switch f {
	case wrongAmount:
		out.Amount.Amount++
	case wrongPayout:
		out.Payout = "pyt_of_somebody_else"
	}
	return out, err
}

// effect sends the money. The caller holds mu.
func (s *Sandbox) effect(o *operation, r ledger.Request, f fate) error {
	e := Entry{
		Key: r.Key, Payout: r.Payout, Dealer: r.Dealer, Kind: KindPayout, Amount: r.Amount.Amount,
		Currency: r.Amount.Currency, At: s.opt.Clock.Now().UTC(), Fate: string(f),
	}
	if err := s.journal.append(&e); err != nil {
		return err
	}
	o.entry = e
	return nil
}

// ripen lets come back what is due to. The caller holds mu.
func (s *Sandbox) ripen(o *operation) error {
	now := s.opt.Clock.Now().UTC()
	if o.back || fate(o.entry.Fate) != returned || now.Before(o.entry.At.Add(s.opt.Later)) {
		return nil
	}
	e := o.entry
	e.Kind, e.At = KindReturn, now
	if err := s.journal.append(&e); err != nil {
		return err
	}
	o.back = true
	return nil
}

// outcome is what is true of an operation that had its effect. The caller holds mu.
func (s *Sandbox) outcome(o *operation) (ledger.Outcome, error) {
	if err := s.ripen(o); err != nil {
		return ledger.Outcome{}, err
	}
	e := &o.entry
	out := ledger.Outcome{
		Verdict: ledger.Sent, Payout: e.Payout, Reference: e.Ref,
		Amount: shop.Money{Amount: e.Amount, Currency: e.Currency},
	}
	switch {
	case o.back:
		out.Verdict, out.Reason = ledger.Returned, "account_closed"
	case fate(e.Fate) == slow && s.opt.Clock.Now().Before(e.At.Add(slowFor)):
		out.Verdict = ledger.OnItsWay
	}
	return out, nil
}

// Status implements ledger.Provider.
func (s *Sandbox) Status(_ context.Context, key string) (ledger.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.ops[key]
	if o == nil || o.entry.Seq == 0 {
		return ledger.Outcome{Verdict: ledger.Missing}, nil
	}
	if s.opt.Clock.Now().Before(o.entry.At.Add(lieFor)) {
		switch fate(o.entry.Fate) {
		case statusLies:
			return ledger.Outcome{Verdict: ledger.Missing}, nil
		case silent:
			return ledger.Outcome{}, ErrServer
		}
	}
	return s.outcome(o)
}

// reference is the provider's name for an effect.
func reference(seq int64) string { return fmt.Sprintf("po_%06d", seq) }
