package payment

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Dues answers what an order owes. The order room satisfies it; where rooms run apart it is
// answered from read-only keys of the order room.
type Dues interface {
	// Due returns what is due for an order, or a NotFound error. The read is strongly consistent.
	Due(ctx context.Context, order shop.ID) (Due, error)
}

// Due is what an order owes, by whom, and how it is paid.
type Due struct {
	Customer shop.ID
	Method   shop.ID    // from Vault
	Amount   shop.Money // the order's total
	Open     bool       // the order still waits for its payment
	Captures int        // how many captures to expect: one a parcel; 0 says one
	Cards    int        // how many cards may be tried before the order is given up; 0 says one
}

// Options is what the app decides for the room. Name and Provider are required.
type Options struct {
	Name     string // of the provider, as in "sandbox": part of facts and of the webhook's path
	Provider Provider
	Describe func(token string) Card // what may be shown of a token; nil shows "card"
	Secrets  [][]byte                // that webhooks may be signed with; none refuses all
	Listener Listener                // of its webhooks; nil is Standard with Secrets
	Others   []Other                 // providers beside it: whoever pays names one of them
	Policy   Policy
	// Apart says that other processes open this room as well. Who may make the first call of an
	// operation is then decided by a mark in the store instead of by this process' memory, which
	// costs a read and a write for each operation.
	Apart bool
}

// Policy bounds waiting and asking. A zero field has the value of DefaultPolicy.
type Policy struct {
	CallTimeout time.Duration // of one call to the provider
	FirstCheck  time.Duration // after a call without an answer; doubles with every round
	LastCheck   time.Duration // bound of that wait, kept for as long as it takes
	CaseAfter   int           // rounds without an answer after which a case is opened
	Missing     int           // denials in a row before an operation is sent again
	ResendUntil int           // round after which nothing is sent again, only asked
	Attempts    int           // authorisations of one payment, while the refusal says "again"
	ActionLimit time.Duration // for the customer to confirm, whatever the provider grants
	Slow        time.Duration // between two questions about a refund that the bank works on
	Warning     time.Duration // before evidence counts no more, when somebody is warned
	Watch       time.Duration // between two looks at a dispute
}

// DefaultPolicy asks after 0.5, 1, 2 … 60 seconds, opens a case after about two minutes, and sends
// nothing again after about ten hours, since providers forget idempotency keys after a day.
func DefaultPolicy() Policy {
	return Policy{
		CallTimeout: 10 * time.Second, FirstCheck: 500 * time.Millisecond, LastCheck: time.Minute,
		CaseAfter: 8, Missing: 3, ResendUntil: 600, Attempts: 3, ActionLimit: 15 * time.Minute,
		Slow: time.Hour, Warning: 72 * time.Hour, Watch: 24 * time.Hour,
	}
}

func (p Policy) orDefault() Policy {
	d := DefaultPolicy()
	for _, f := range []struct{ have, std *time.Duration }{
		{&p.CallTimeout, &d.CallTimeout}, {&p.FirstCheck, &d.FirstCheck},
		{&p.LastCheck, &d.LastCheck}, {&p.ActionLimit, &d.ActionLimit},
		{&p.Slow, &d.Slow}, {&p.Warning, &d.Warning}, {&p.Watch, &d.Watch},
	} {
		if *f.have == 0 {
			*f.have = *f.std
		}
	}
	for _, f := range []struct{ have, std *int }{
		{&p.CaseAfter, &d.CaseAfter}, {&p.Missing, &d.Missing},
		{&p.ResendUntil, &d.ResendUntil}, {&p.Attempts, &d.Attempts},
	} {
		if *f.have == 0 {
			*f.have = *f.std
		}
	}
	return p
}

// wait is how long to wait before the given round of asking, from 1.
func (p Policy) wait(round int) time.Duration {
	return min(p.FirstCheck<<min(max(round-1, 0), 20), p.LastCheck)
}

// Service is the payment room. It is safe for concurrent use.
type Service struct {
	desk   *room.Desk
	dues   Dues
	opt    Options
	others []Other // all providers, the first one first
	calls  *calls
	nums   numbers
}

var _ room.Room = (*Service)(nil)

// New opens the room at its desk, whose Apply it sets to its own. It panics without a provider, its
// name, or dues: that is a fault of the wiring.
func New(desk *room.Desk, dues Dues, opt Options) *Service {
	if opt.Provider == nil || opt.Name == "" || dues == nil {
		panic("payment: the room needs a provider, its name, and dues")
	}
	if why := opt.check(); why != "" {
		panic("payment: " + why)
	}
	opt.Policy = opt.Policy.orDefault()
	s := &Service{desk: desk, dues: dues, opt: opt, others: desks(opt), calls: newCalls()}
	desk.Apply = s.Apply
	return s
}

// Name implements room.Room.
func (s *Service) Name() string { return "payment" }

// Apply implements room.Room.
func (s *Service) Apply(
	ctx context.Context, tx *room.Tx, f event.Fact, m room.Meta,
) error {
	id := paymentOf(f)
	if id == "" {
		return nil
	}
	p, err := room.Get[Payment](ctx, tx, paymentKey(id))
	if err != nil {
		return err
	}
	if p == nil {
		p = &Payment{}
	}
	p.Apply(f, m.Sequence)
	room.Put(tx, paymentKey(id), p)
	switch f := f.(type) {
	case *event.PaymentCaseOpened:
		room.Put(tx, caseKey(id, f.Key), (*Case)(f))
	case *event.PaymentCaseClosed:
		key := caseKey(id, f.Key)
		if _, err := room.Get[Case](ctx, tx, key); err != nil {
			return err
		}
		tx.Delete(key)
	}
	return nil
}

// Payment returns the payment, or NotFound. The value is the caller's own.
func (s *Service) Payment(ctx context.Context, id shop.ID) (*Payment, error) {
	p, err := room.Get[Payment](ctx, s.desk.Begin(room.Cause{}), paymentKey(id))
	if err == nil && p == nil {
		err = shop.Errorf(shop.NotFound, "there is no payment %s", id)
	}
	return p, err
}

// numbers counts since the process started.
type numbers struct{ calls, unanswered, questions, resent atomic.Int64 }

// Numbers are what to watch: calls to the provider, calls that ended without an answer, questions
// for an operation's status, and operations that were sent again. Since the process started.
type Numbers struct {
	Calls      int64 `json:"calls"`
	Unanswered int64 `json:"unanswered"`
	Questions  int64 `json:"questions"`
	Resent     int64 `json:"resent"`
}

// Numbers returns the numbers to watch.
func (s *Service) Numbers() Numbers {
	return Numbers{
		Calls: s.nums.calls.Load(), Unanswered: s.nums.unanswered.Load(),
		Questions: s.nums.questions.Load(), Resent: s.nums.resent.Load(),
	}
}
