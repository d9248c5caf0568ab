package sandbox

import (
	"bytes"
	"io"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
)

// effect decides an operation as an honest provider does, but for its plan. The caller holds mu.
func (s *Sandbox) effect(key string, o *operation, now time.Time) {
	switch o.kind {
	case Authorise:
		s.authorise(key, o, now)
	case Capture:
		s.capture(key, o, now)
	case Void:
		s.void(key, o, now)
	case Refund:
		s.refund(key, o, now)
	default:
		s.refuse(key, o, "unknown_operation", now)
	}
	if o.plan.Has(StatusDown) || o.plan.Has(StatusLies) || o.plan.Has(StatusStale) {
		o.lieUntil = now.Add(s.opt.LieFor)
	}
}

func (s *Sandbox) authorise(key string, o *operation, now time.Time) {
	switch {
	case o.ended:
		s.refuse(key, o, "voided", now)
	case o.plan.Has(Declined):
		s.refuse(key, o, "declined", now)
	case o.plan.Has(TryAgain) && !s.tries[o.payment]:
		if len(s.tries) > 1<<12 {
			clear(s.tries) // bounded: a payment that is forgotten is refused once more
		}
		s.tries[o.payment] = true
		o.again = true
		s.refuse(key, o, "try_again", now)
	case o.plan.Has(NeedsAction) && o.verdict != payment.Action:
		o.verdict, o.until = payment.Action, now.Add(10*time.Minute)
		s.notify(key, o, payment.NoticeAction, now)
	case o.verdict == payment.Action:
	default:
		s.move(key, o, o.amount.Amount, now)
		if o.plan.Has(LaterDeclined) {
			s.later = append(s.later, event{now.Add(s.opt.Later), "lapse", key, o})
		}
	}
}

func (s *Sandbox) capture(key string, o *operation, now time.Time) {
	amount := o.amount.Amount
	if o.plan.Has(PartialCapture) {
		amount /= 2
	}
	a := o.of
	switch {
	case a == nil || a.kind != Authorise || a.verdict != payment.Succeeded:
		s.refuse(key, o, "no_authorisation", now)
	case a.ended:
		s.refuse(key, o, "authorisation_ended", now)
	case o.plan.Has(CaptureRefused):
		s.refuse(key, o, "declined", now)
	case a.used+amount > a.moved:
		s.refuse(key, o, "over_authorised", now)
	default:
		a.used += amount
		s.move(key, o, amount, now)
		if o.plan.Has(Chargeback) {
			s.later = append(s.later, event{now.Add(s.opt.Later), "chargeback", key, o})
		}
	}
}

// void ends an authorisation, also one that waits for the customer or never came: it can then no
// longer succeed.
func (s *Sandbox) void(key string, o *operation, now time.Time) {
	a := o.of
	if a == nil || a.kind != Authorise {
		s.refuse(key, o, "no_authorisation", now)
		return
	}
	var rest int64
	if a.verdict == payment.Succeeded && !a.ended {
		rest = a.moved - a.used
	}
	a.ended = true
	if a.verdict == payment.Action {
		a.verdict, a.reason = payment.Refused, "voided"
	}
	s.move(key, o, rest, now)
}

func (s *Sandbox) refund(key string, o *operation, now time.Time) {
	c := o.of
	switch {
	case c == nil || c.kind != Capture || c.verdict != payment.Succeeded:
		s.refuse(key, o, "no_capture", now)
	case o.plan.Has(RefundRefused):
		s.refuse(key, o, "refund_refused", now)
	case c.used+o.amount.Amount > c.moved:
		s.refuse(key, o, "over_captured", now)
	default:
		c.used += o.amount.Amount
		s.move(key, o, o.amount.Amount, now)
		if o.plan.Has(RefundReversed) {
			s.later = append(s.later, event{now.Add(s.opt.Later), "refund_reversal", key, o})
		}
	}
}

func (s *Sandbox) refuse(key string, o *operation, reason string, now time.Time) {
	o.verdict, o.reason = payment.Refused, reason
	s.notify(key, o, payment.NoticeRefused, now)
}

// move is an effect: it succeeds, and stands in the ledger if any money moved.
func (s *Sandbox) move(key string, o *operation, amount int64, now time.Time) {
	o.verdict, o.moved = payment.Succeeded, amount
	if o.ref == "" {
		o.ref = reference(s.seq+1, o.token)
	}
	if amount > 0 {
		s.book(key, o, o.kind, now)
	}
	s.notify(key, o, payment.NoticeSucceeded, now)
}

// book joins an entry to the next write, under mu, so that the ledger is in the order of effects.
func (s *Sandbox) book(key string, o *operation, kind string, now time.Time) {
	s.seq++
	e := Entry{
		Seq: s.seq, Key: key, Payment: o.payment, Order: o.order, Kind: kind, Amount: o.moved,
		Currency: o.amount.Currency, At: now, Ref: o.ref,
	}
	if o.of != nil {
		e.Of = o.of.ref
	}
	if kind != o.kind {
		e.Ref, e.Of = reference(s.seq, o.token), o.ref
	}
	var room [320]byte
	line, err := appendEntry(room[:0], &e)
	if err != nil {
		panic("sandbox: a checked request cannot be written: " + err.Error())
	}
	o.pack = s.journal.join(line)
}

// ripen lets happen what was to happen by now, and returns the last write that it began. The caller
// holds mu.
func (s *Sandbox) ripen(now time.Time) (last *pack) {
	if len(s.later) == 0 {
		return nil
	}
	due := s.later
	s.later = nil
	for _, e := range due {
		if now.Before(e.at) {
			s.later = append(s.later, e)
			continue
		}
		switch e.kind {
		case "effect":
			s.effect(e.key, e.op, e.at)
		case "lapse":
			if e.op.ended {
				continue
			}
			e.op.ended = true
			fallthrough
		default:
			s.book(e.key, e.op, e.kind, e.at)
			e.op.verdict, e.op.reason = payment.Refused, e.kind
			s.notify(e.key, e.op, payment.NoticeReversed, e.at)
		}
		if e.op.pack != nil {
			last = e.op.pack
		}
	}
	return last
}

// remember keeps an operation and forgets the oldest. The caller holds mu.
func (s *Sandbox) remember(key string, o *operation) {
	s.ops[key] = o
	if len(s.order) < s.opt.Remember {
		s.order = append(s.order, key)
		return
	}
	delete(s.ops, s.order[s.oldest])
	s.order[s.oldest] = key
	s.oldest = (s.oldest + 1) % len(s.order)
	s.older = true
}

// find returns what is known of a key, from the ledger if it was forgotten. The caller holds mu.
func (s *Sandbox) find(key string) *operation {
	if o := s.ops[key]; o != nil || !s.older || key == "" {
		return o
	}
	found, err := s.search(key)
	if err != nil || found == nil {
		return nil
	}
	s.remember(key, found)
	return found
}

// search reads the ledger for the operation with that key and for what acted on it.
func (s *Sandbox) search(key string) (*operation, error) {
	var o *operation
	err := s.journal.each(func(e Entry) error {
		switch {
		case e.Key == key:
			o = s.replay(o, e)
		case o != nil && e.Of == o.ref:
			acted(o, e)
		}
		return nil
	})
	return o, err
}

// replay makes the operation that an entry speaks of, or changes it.
func (s *Sandbox) replay(o *operation, e Entry) *operation {
	if o == nil {
		token := min(max(tokenOf(e.Ref), 0), len(s.plans)-1)
		o = &operation{
			kind: e.Kind, payment: e.Payment, order: e.Order, plan: s.plans[token], token: token,
			amount: shop.Money{Amount: e.Amount, Currency: e.Currency}, moved: e.Amount,
			calls: 1, begun: true, verdict: payment.Succeeded, ref: e.Ref,
		}
		return o
	}
	if e.Kind != o.kind {
		o.verdict, o.reason, o.ended = payment.Refused, e.Kind, true
	}
	return o
}

// acted changes an operation by an entry that acts on it.
func acted(o *operation, e Entry) {
	switch e.Kind {
	case Capture, Refund:
		o.used += e.Amount
	case Void:
		o.ended = true
	}
}

// tailPerOperation is how many bytes of the ledger are read for each operation that is remembered.
const tailPerOperation = 256

// load remembers the end of the ledger.
func (s *Sandbox) load() error {
	if s.journal.file == nil {
		return nil
	}
	info, err := s.journal.file.Stat()
	if err != nil {
		return shop.Errorf(shop.Unavailable, "read the sandbox's ledger: %w", err)
	}
	from := max(0, info.Size()-int64(s.opt.Remember)*tailPerOperation)
	s.older = from > 0
	r, err := s.journal.reader(from)
	if err != nil {
		return err
	}
	if from > 0 {
		if r, err = afterLine(r); err != nil {
			return err
		}
	}
	byRef := make(map[string]*operation)
	return readLines(r, func(e Entry) error {
		s.seq = e.Seq
		o := s.ops[e.Key]
		if o == nil {
			o = s.replay(nil, e)
			s.remember(e.Key, o)
			byRef[e.Ref] = o
		} else {
			s.replay(o, e)
		}
		if of := byRef[e.Of]; of != nil {
			o.of = of
			acted(of, e)
		}
		return nil
	})
}

// afterLine skips the rest of the line in which r begins.
func afterLine(r io.Reader) (io.Reader, error) {
	head := make([]byte, maxLine)
	n, err := io.ReadFull(r, head)
	if err != nil && n == 0 {
		return nil, shop.Errorf(shop.Unavailable, "read the sandbox's ledger: %w", err)
	}
	at := bytes.IndexByte(head[:n], '\n') + 1
	return io.MultiReader(bytes.NewReader(head[at:n]), r), nil
}
