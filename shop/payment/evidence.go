package payment

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Disputer is a provider that tells of disputes. Implementations are safe for concurrent use.
type Disputer interface {
	// Dispute tells how a dispute stands. NotFound if the provider knows of none.
	Dispute(ctx context.Context, reference string) (Report, error)
	// Submit hands evidence in, for good. The same Key must have its effect once. Succeeded and
	// Refused are the provider's answer; an error says that nobody knows.
	Submit(ctx context.Context, e Submission) (Outcome, error)
}

// Submission is evidence as the provider is given it.
type Submission struct {
	Key       string
	Reference string // the provider's name for the dispute
	Evidence  Evidence
}

// Evidence is what the shop says to the customer's bank.
type Evidence struct {
	Explanation string `json:"explanation" maxLength:"10000" doc:"what happened, in words"`
	Product     string `json:"product,omitempty" maxLength:"5000" doc:"what was sold"`
	Carrier     string `json:"carrier,omitempty" maxLength:"200"`
	Tracking    string `json:"tracking,omitempty" maxLength:"200" doc:"the carrier's number of the parcel"`
	ShippedOn   string `json:"shippedOn,omitempty" pattern:"^(|[0-9]{4}-[0-9]{2}-[0-9]{2})$" doc:"as in 2026-11-29"`
}

// texts lists what a person wrote.
func (e Evidence) texts() []string {
	return []string{e.Explanation, e.Product, e.Carrier, e.Tracking, e.ShippedOn}
}

// check refuses evidence that says nothing, or holds what looks like a card.
func (e Evidence) check() error {
	if e.Explanation == "" {
		return shop.Errorf(shop.Invalid, "evidence without an explanation is none; it was not kept")
	}
	for _, text := range e.texts() {
		if shop.LooksLikeCard(text) {
			return shop.Errorf(shop.Invalid,
				"the evidence holds what looks like a card number; it was not kept")
		}
	}
	return nil
}

// kept is evidence between its intent and the provider, sealed for the customer of whom it tells.
type kept struct {
	Evidence shop.Sealed[Evidence] `json:"evidence"`
}

func evidenceKey(payment, dispute shop.ID, attempt int) platform.Key {
	return platform.Key{
		Part: room.AuxPrefix + "evidence/" + string(payment),
		Sort: fmt.Sprintf("%s#%d", dispute, attempt),
	}
}

// planEvidence intends to hand evidence in. There is no second chance but after a refusal.
func (p *Payment) planEvidence(
	id shop.ID, digest []byte, by shop.ID, now time.Time,
) (*event.PaymentEvidenceIntended, error) {
	d := p.dispute(id)
	switch {
	case d == nil:
		return nil, shop.Errorf(shop.NotFound, "this payment has no dispute %s", id)
	case d.State != disputeOpen:
		return nil, shop.Errorf(shop.Illegal, "the dispute is %s; nothing was handed in", d.State)
	case !now.Before(d.Until):
		return nil, shop.Errorf(shop.Illegal,
			"evidence counted until %s; nothing was handed in", d.Until.Format(time.RFC3339))
	case d.Evidence == intended || d.Evidence == done:
		return nil, shop.Errorf(shop.Conflict, "evidence is handed in once, and was already")
	}
	attempt := d.Attempt + 1
	text := hex.EncodeToString(digest)
	return &event.PaymentEvidenceIntended{
		Payment: p.ID, Order: p.Order, Dispute: id, Attempt: attempt, Digest: text, By: by,
		Key: keyOf(p.ID, "evidence", fmt.Sprintf("%s#%d#%s", id, attempt, text), p.money(d.Amount)),
	}, nil
}

// hearDispute asks a provider about a dispute and commits what follows; also goes into the commit.
// The payment is found by what the provider says, or is known.
func (s *Service) hearDispute(
	ctx context.Context, c room.Cause, desk *Other, reference string, id shop.ID, round int,
	also func(ctx context.Context, u *unit) error,
) error {
	r, err := s.report(ctx, desk, reference)
	if err != nil {
		return err
	}
	if id == "" {
		id = r.Payment
	}
	return s.do(ctx, c, id, func(ctx context.Context, u *unit) error {
		if u.p == nil {
			return platform.ErrNotYet
		}
		if also != nil {
			if err := also(ctx, u); err != nil {
				return err
			}
		}
		for range maxMoves {
			facts := u.p.followDispute(desk.Name, r)
			if len(facts) == 0 {
				break
			}
			if err := u.announce(ctx, facts...); err != nil {
				return err
			}
		}
		if u.p.ended() { // what comes back of an ended order's money is not ours
			if err := u.announce(ctx, u.p.planClose()...); err != nil {
				return err
			}
		}
		return u.watch(ctx, disputeID(desk.Name, reference), round)
	})
}

func (s *Service) report(ctx context.Context, desk *Other, reference string) (Report, error) {
	d, ok := desk.Provider.(Disputer)
	if !ok {
		return Report{}, shop.Errorf(shop.Unavailable,
			"the provider %q tells nothing of disputes", desk.Name)
	}
	s.nums.questions.Add(1)
	limited, cancel := context.WithTimeout(ctx, s.opt.Policy.CallTimeout)
	defer cancel()
	return d.Dispute(limited, reference)
}

// maxLooks bounds how often a dispute is looked at: more than a year, daily.
const maxLooks = 400

// watch warns when evidence is due soon and there is none, and sets the timer of the next look.
func (u *unit) watch(ctx context.Context, id shop.ID, round int) error {
	d := u.p.dispute(id)
	if d == nil || d.over() || round > maxLooks {
		u.tx.CancelTimer(disputeTimer(id))
		return nil
	}
	policy := u.s.opt.Policy
	now := u.tx.Now()
	next, warn := now.Add(policy.Watch), d.Until.Add(-policy.Warning)
	due := d.State == disputeOpen && d.Case && !d.Warned
	switch {
	case due && !now.Before(warn):
		err := u.announce(ctx, &event.PaymentEvidenceWarned{
			Payment: u.p.ID, Order: u.p.Order, Dispute: id, Amount: u.p.money(d.Amount),
			Until: d.Until,
		})
		if err != nil {
			return err
		}
	case due && warn.Before(next):
		next = warn
	}
	return u.tx.SetTimer(disputeTimer(id), next, &event.PaymentDisputeDue{
		Payment: u.p.ID, Dispute: id, Round: round + 1,
	})
}

func disputeTimer(id shop.ID) string { return "dispute/" + string(id) }

// dispute deals with a webhook that tells of a dispute: what is true of it the provider is asked.
func (h *hearing) dispute(ctx context.Context) error {
	r, err := h.s.report(ctx, h.desk, h.n.Data.Reference)
	if shop.CodeOf(err) == shop.NotFound && err != nil {
		return h.keep(ctx, "unmatched")
	}
	if err != nil {
		return shop.Errorf(shop.Unavailable, "the provider does not tell of the dispute yet").
			WithHint("it will send its notice again")
	}
	if _, err := shop.ParseID(string(r.Payment)); err != nil {
		return h.keep(ctx, "unmatched")
	}
	_, err = h.s.Payment(ctx, r.Payment)
	switch {
	case err != nil && shop.CodeOf(err) == shop.NotFound:
		return h.keep(ctx, "unmatched")
	case err != nil:
		return err
	}
	as := "asked"
	if h.n.Data.Amount != (shop.Money{}) && h.n.Data.Amount != r.Amount {
		as = "wrong" // what the provider says when asked is what counts
	}
	return h.s.hearDispute(ctx, h.cause, h.desk, h.n.Data.Reference, r.Payment, 0,
		func(ctx context.Context, u *unit) error {
			return h.s.once(ctx, u.tx, h.key, func() { h.mark(u.tx, as) })
		})
}

func (s *Service) watchOnDisputeDue(
	ctx context.Context, f *event.PaymentDisputeDue, c room.Cause,
) error {
	p, err := s.Payment(ctx, f.Payment)
	if err != nil {
		return err
	}
	d := p.dispute(f.Dispute)
	if d == nil || d.over() {
		return nil
	}
	desk := s.at(d.Provider)
	if desk == nil {
		return s.nobody(d.Provider)
	}
	err = s.hearDispute(ctx, c, desk, d.Reference, p.ID, f.Round, nil)
	if err == nil || shop.CodeOf(err) != shop.NotFound {
		return err
	}
	return s.do(ctx, c, p.ID, func(ctx context.Context, u *unit) error { // no news: look again
		return u.watch(ctx, f.Dispute, f.Round)
	})
}

// submitOnEvidenceIntended asks first whether the evidence is there, since an earlier delivery may
// have handed it in; the key makes even a wrong belief harmless.
func (s *Service) submitOnEvidenceIntended(
	ctx context.Context, f *event.PaymentEvidenceIntended, c room.Cause,
) error {
	p, err := s.Payment(ctx, f.Payment)
	if err != nil {
		return err
	}
	d := p.dispute(f.Dispute)
	if d == nil {
		return platform.ErrNotYet
	}
	if d.Evidence != intended || d.Key != f.Key {
		return nil
	}
	desk := s.at(d.Provider)
	if desk == nil {
		return s.nobody(d.Provider)
	}
	r, err := s.report(ctx, desk, d.Reference)
	switch {
	case err != nil:
		return err
	case r.Evidence:
		return s.evidenceEnds(ctx, c, f, Outcome{Verdict: Succeeded})
	case r.State != disputeOpen, !s.desk.Clock.Now().Before(d.Until):
		return s.evidenceEnds(ctx, c, f, Outcome{Verdict: Refused, Reason: "too_late"})
	}
	e, refusal, err := s.evidence(ctx, f)
	if err != nil {
		return err
	}
	if refusal != "" {
		return s.evidenceEnds(ctx, c, f, Outcome{Verdict: Refused, Reason: refusal})
	}
	s.nums.calls.Add(1)
	limited, cancel := context.WithTimeout(ctx, s.opt.Policy.CallTimeout)
	defer cancel()
	out, err := desk.Provider.(Disputer).Submit(limited, Submission{
		Key: f.Key, Reference: d.Reference, Evidence: e,
	})
	if err != nil {
		s.nums.unanswered.Add(1)
		return err // asked again before anything is sent again
	}
	return s.evidenceEnds(ctx, c, f, out)
}

func (s *Service) evidence(
	ctx context.Context, f *event.PaymentEvidenceIntended,
) (e Evidence, refusal string, err error) {
	key := evidenceKey(f.Payment, f.Dispute, f.Attempt)
	have, err := room.Get[kept](ctx, s.desk.Begin(room.Cause{}), key)
	switch {
	case err != nil:
		return e, "", err
	case have == nil:
		return e, "evidence_lost", nil
	}
	e, err = have.Evidence.Open(ctx, s.desk.Keys)
	if errors.Is(err, platform.ErrErased) {
		return e, "evidence_erased", nil
	}
	return e, "", err
}

// evidenceEnds commits what became of evidence, once.
func (s *Service) evidenceEnds(
	ctx context.Context, c room.Cause, f *event.PaymentEvidenceIntended, out Outcome,
) error {
	return s.do(ctx, c, f.Payment, func(ctx context.Context, u *unit) error {
		d := u.p.dispute(f.Dispute)
		if d == nil || d.Evidence != intended || d.Key != f.Key {
			return nil
		}
		key := evidenceKey(f.Payment, f.Dispute, f.Attempt)
		have, err := room.Get[kept](ctx, u.tx, key)
		if err != nil {
			return err
		}
		if have != nil {
			u.tx.Delete(key)
		}
		if out.Verdict == Succeeded {
			return u.announce(ctx, u.p.submitted(d)...)
		}
		return u.announce(ctx, &event.PaymentEvidenceFailed{
			Payment: f.Payment, Order: f.Order, Dispute: f.Dispute, Attempt: f.Attempt, Key: f.Key,
			Reason: reason(out),
		})
	})
}
