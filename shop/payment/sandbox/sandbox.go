package sandbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
)

// Name is what the provider is called in facts, and in the path of its webhooks.
const Name = "sandbox"

// The operations, as payment names them.
const (
	Authorise = payment.Authorise
	Capture   = payment.Capture
	Void      = payment.Void
	Refund    = payment.Refund
)

// What calls end with instead of an answer.
var (
	ErrTimeout   = errors.New("sandbox: the call took too long")
	ErrServer    = errors.New("sandbox: 500")
	ErrReset     = errors.New("sandbox: the connection was reset")
	ErrMalformed = errors.New("sandbox: the answer is no JSON")
	ErrThrottled = fmt.Errorf("sandbox: 429: %w", payment.ErrTooMany)
	ErrBusy      = errors.New("sandbox: 409, the first call with this key is still being worked on")
)

// Clock is the time by which the provider lives; every platform's clock is one.
type Clock interface {
	Now() time.Time
	After(d time.Duration) <-chan time.Time
}

// Options opens a Sandbox. Only Clock is required.
type Options struct {
	Clock Clock
	// Path of the ledger's file; "" keeps it in memory. What is in the file is remembered: a
	// sandbox outlives the process.
	Path string
	// Plan adds behaviours to a token's own; see Schedule. It must be deterministic.
	Plan func(operation, key string, call int) Plan
	// Remember is how many operations are kept at hand; 0 is 65,536. Like a real provider, the
	// sandbox forgets idempotency keys after a while: these. Older operations are found in the
	// ledger: fast by their reference, but for the first after Open, which may read all of it;
	// by their key alone, as for Status, slowly.
	Remember int
	// LieFor is how long a status lies; 0 is five minutes. Later is when money comes back; 0 is
	// ten. Evidence is how long evidence in a dispute counts; 0 is seven days.
	LieFor, Later, Evidence time.Duration
	// Page is the address before the operation's key where a customer confirms; see Pages. "" is
	// PagePath.
	Page string
	// Wait spends d for a slow answer and reports false when the caller went away first; nil waits
	// by the clock.
	Wait func(ctx context.Context, d time.Duration) bool
	// Secret signs webhooks, which are kept for Deliver; nil makes none. Sink is given those that
	// come before the answer.
	Secret []byte
	Sink   func(ctx context.Context, w Webhook) error
}

// Sandbox is the provider. It is safe for concurrent use.
type Sandbox struct {
	opt     Options
	tokens  map[string]int // place in plans
	plans   []Plan
	journal *journal

	mu     sync.Mutex
	ops    map[string]*operation
	order  []string // keys of ops, oldest first, as a ring
	oldest int
	seq    int64
	older  bool // the ledger holds more than ops
	past   past
	later  []event
	held   map[string]*operation // no longer in ops, but in later
	tries  map[shop.ID]bool      // payments whose first attempt TryAgain refused
	hooks  []Webhook
	hookNo int64

	disputes map[string]*dispute // by reference
}

var _ payment.Provider = (*Sandbox)(nil)

// operation is what the provider knows of one key.
type operation struct {
	kind           string
	payment, order shop.ID
	amount         shop.Money
	ofKey, ofRef   string     // names of the authorisation, or the capture
	of             *operation // it, during the effect
	plan           Plan
	token          int // place of the token
	calls          int
	begun          bool // accepted: its effect came, or will
	verdict        payment.Verdict
	reason         string
	again          bool
	until          time.Time
	moved          int64 // what the effect moved
	used           int64 // captured of an authorisation, refunded of a capture
	contested      int64 // of a capture: what a dispute has taken
	page           string
	ended          bool // an authorisation that was voided or lapsed
	declined       bool // an authorisation of which CaptureOnce refused a capture
	ref            string
	lieUntil       time.Time
	pack           *pack // the write of its effect
	awaits         int   // events to come
}

// event is something that happens by itself.
type event struct {
	at   time.Time
	kind string // "effect", "lapse", "chargeback", "refund_reversal", "dispute", "dispute_end"
	key  string
	op   *operation
}

// Open opens the provider, with the ledger at opt.Path.
func Open(opt Options) (*Sandbox, error) {
	if opt.Clock == nil {
		return nil, shop.Errorf(shop.Internal, "the sandbox needs a clock")
	}
	if opt.Remember <= 0 {
		opt.Remember = 1 << 16
	}
	if opt.LieFor == 0 {
		opt.LieFor = 5 * time.Minute
	}
	if opt.Later == 0 {
		opt.Later = 10 * time.Minute
	}
	if opt.Evidence == 0 {
		opt.Evidence = 7 * 24 * time.Hour
	}
	if opt.Page == "" {
		opt.Page = PagePath
	}
	if opt.Wait == nil {
		opt.Wait = func(ctx context.Context, d time.Duration) bool {
			select {
			case <-opt.Clock.After(d):
				return true
			case <-ctx.Done():
				return false
			}
		}
	}
	j, err := openJournal(opt.Path)
	if err != nil {
		return nil, err
	}
	s := &Sandbox{
		opt: opt, journal: j, tokens: make(map[string]int), ops: make(map[string]*operation),
		tries: make(map[shop.ID]bool), held: make(map[string]*operation),
		disputes: make(map[string]*dispute),
	}
	for i, t := range Tokens() {
		s.tokens[t.Token], s.plans = i, append(s.plans, t.Plan)
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, j.close())
	}
	return s, nil
}

// Close closes the ledger. No call may follow.
func (s *Sandbox) Close() error {
	all, _ := s.journal.join(nil)
	return errors.Join(s.settled(all), s.journal.flush(), s.journal.close())
}

// Ledger calls fn for every entry so far, in order. It stops at fn's first error.
func (s *Sandbox) Ledger(fn func(Entry) error) error {
	s.mu.Lock()
	s.ripen(s.opt.Clock.Now().UTC())
	all, _ := s.journal.join(nil)
	s.mu.Unlock()
	if err := s.settled(all); err != nil {
		return err
	}
	return s.journal.each(fn)
}

// Do implements payment.Provider.
func (s *Sandbox) Do(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	if err := check(r); err != nil {
		return payment.Outcome{}, err
	}
	if s.journal.full() {
		return payment.Outcome{}, s.journal.flush()
	}
	now := s.opt.Clock.Now().UTC()
	s.mu.Lock()
	s.ripen(now)
	o, plan, err := s.begin(r)
	n := o.calls
	if err == nil && (!o.begun || plan.Has(ForgetsKey)) {
		err = s.act(o, r, plan, now)
	} else if err == nil && o.verdict == payment.Pending && !o.plan.Has(RefundPending) {
		err = ErrBusy
	}
	out, p := o.outcome(), o.pack
	s.mu.Unlock()
	if waited := s.settled(p); waited != nil {
		return payment.Outcome{}, waited
	}
	if err == nil && n == 1 && plan.Has(Slow) && !s.opt.Wait(ctx, slowFor) {
		err = ErrTimeout
	}
	if err != nil {
		return payment.Outcome{}, err
	}
	if n == 1 {
		return s.answer(ctx, r, plan, out)
	}
	return out, nil
}

const (
	slowFor = 3 * time.Second
	lateBy  = 30 * time.Second
	// throttledCalls is how many calls Throttled refuses.
	throttledCalls = 3
)

func check(r payment.Request) error {
	switch {
	case r.Key == "" || !plain(r.Key) || !plain(string(r.Payment)) || !plain(string(r.Order)):
		return shop.Errorf(shop.Invalid, "a request has a key, a payment and an order")
	case r.Amount.Amount < 0 || !r.Amount.Currency.Valid():
		return shop.Errorf(shop.Invalid, "a request has an amount in a currency")
	}
	return nil
}

// begin finds or makes the operation and says what this call will not do. The caller holds mu.
func (s *Sandbox) begin(r payment.Request) (*operation, Plan, error) {
	o := s.known(r.Key)
	if o == nil {
		o = &operation{
			kind: r.Operation, payment: r.Payment, order: r.Order, amount: r.Amount,
			verdict: payment.Missing,
		}
		if r.Operation == Authorise {
			o.token = s.tokens[r.Token]
		} else {
			of, err := s.find(r.Of, r.Reference)
			if err != nil {
				return o, 0, err
			}
			if of != nil {
				o.token = of.token
			}
		}
		s.remember(r.Key, o)
	}
	o.calls++
	if o.ofKey == "" {
		o.ofKey, o.ofRef = r.Of, r.Reference
	}
	plan := s.plans[o.token]
	if s.opt.Plan != nil {
		plan |= s.opt.Plan(r.Operation, r.Key, o.calls)
	}
	o.plan |= plan
	switch {
	case o.calls == 1 && plan.Has(TimeoutBefore):
		return o, plan, ErrTimeout
	case o.calls <= throttledCalls && o.plan.Has(Throttled):
		return o, plan, ErrThrottled
	}
	return o, plan, nil
}

// act lets the operation have its effect, now or later. The caller holds mu.
func (s *Sandbox) act(o *operation, r payment.Request, plan Plan, now time.Time) error {
	if o.begun && o.amount != r.Amount {
		return shop.Errorf(shop.Invalid, "this key belongs to another request")
	}
	if o.calls == 1 && plan.Has(LateSuccess) {
		o.begun, o.verdict = true, payment.Pending
		s.await(event{now.Add(lateBy), "effect", r.Key, o})
		return ErrTimeout
	}
	if err := s.effect(r.Key, o, now); err != nil {
		return err
	}
	o.begun = true
	return nil
}

// answer is what the first call with a key is told.
func (s *Sandbox) answer(
	ctx context.Context, r payment.Request, plan Plan, out payment.Outcome,
) (payment.Outcome, error) {
	if plan == 0 {
		return out, nil
	}
	s.early(ctx, r.Key)
	for b, err := range map[Behaviour]error{
		TimeoutAfter: ErrTimeout, ErrorAfter: ErrServer, ResetAfter: ErrReset,
		MalformedAfter: ErrMalformed,
	} {
		if plan.Has(b) {
			return payment.Outcome{}, err
		}
	}
	switch {
	case plan.Has(WrongAmount):
		out.Amount.Amount++
	case plan.Has(WrongCurrency):
		out.Amount.Currency = "ZZZ"
	case plan.Has(WrongReference):
		out.Payment = "pay_of_somebody_else"
	}
	return out, nil
}

// Status implements payment.Provider.
func (s *Sandbox) Status(_ context.Context, r payment.Request) (payment.Outcome, error) {
	now := s.opt.Clock.Now().UTC()
	s.mu.Lock()
	s.ripen(now)
	o, err := s.find(r.Key, "")
	if err != nil || o == nil || !o.begun {
		s.mu.Unlock()
		return payment.Outcome{Verdict: payment.Missing}, err
	}
	out, p, lies := o.outcome(), o.pack, now.Before(o.lieUntil)
	s.mu.Unlock()
	if err := s.settled(p); err != nil {
		return payment.Outcome{}, err
	}
	switch {
	case lies && o.plan.Has(StatusDown):
		return payment.Outcome{}, ErrServer
	case lies && o.plan.Has(StatusStale):
		return payment.Outcome{Verdict: payment.Pending}, nil
	case out.Verdict == payment.Pending && o.plan.Has(RefundPending):
	case lies && o.plan.Has(StatusLies), out.Verdict == payment.Pending:
		return payment.Outcome{Verdict: payment.Missing}, nil
	}
	return out, nil
}

// Confirm is the customer confirming with their bank: the authorisation with that key succeeds if
// it still waits for that. It refuses every other.
func (s *Sandbox) Confirm(key string) error {
	now := s.opt.Clock.Now().UTC()
	s.mu.Lock()
	s.ripen(now)
	o := s.known(key)
	if o == nil || o.verdict != payment.Action || o.ended || now.After(o.until) {
		s.mu.Unlock()
		return shop.Errorf(shop.Conflict, "there is nothing to confirm under this key")
	}
	if o.plan.Has(ActionRefused) {
		s.refuse(key, o, "declined", now)
	} else {
		s.move(key, o, o.amount.Amount, now)
	}
	p := o.pack
	s.mu.Unlock()
	return s.settled(p)
}

// Deny is the customer failing to confirm: the authorisation with that key is refused if it still
// waits for that.
func (s *Sandbox) Deny(key string) error {
	now := s.opt.Clock.Now().UTC()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ripen(now)
	o := s.known(key)
	if o == nil || o.verdict != payment.Action || o.ended || now.After(o.until) {
		return shop.Errorf(shop.Conflict, "there is nothing to confirm under this key")
	}
	s.refuse(key, o, "authentication_failed", now)
	return nil
}

func (o *operation) outcome() payment.Outcome {
	return payment.Outcome{
		Verdict: o.verdict, Payment: o.payment, Reference: o.ref, Reason: o.reason, Again: o.again,
		Until: o.until, Page: o.page,
		Amount: shop.Money{Amount: o.moved, Currency: o.amount.Currency},
	}
}

// settled waits until p is with the operating system.
func (s *Sandbox) settled(p *pack) error {
	if p == nil {
		return nil
	}
	if p.lead.CompareAndSwap(false, true) {
		s.journal.lead(p)
	}
	<-p.done
	if p.err != nil {
		return s.journal.flush()
	}
	return nil
}
