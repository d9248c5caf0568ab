package payment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Cases lists the open cases, by payment, after the place that the last page ended with ("" at
// first), at most limit (1 to 1,000). It returns the place where the next page begins, or "".
func (s *Service) Cases(ctx context.Context, after string, limit int) ([]Case, string, error) {
	limit = max(1, min(limit, platform.MaxList))
	recs, err := s.desk.Store.List(ctx, platform.Query{Part: casesPart, After: after, Limit: limit})
	if err != nil {
		return nil, "", err
	}
	cases := make([]Case, len(recs))
	for i, rec := range recs {
		if err := room.Decode(rec.Value, &cases[i]); err != nil {
			return nil, "", shop.Errorf(shop.Internal, "decode case %s: %w", rec.Key.Sort, err)
		}
	}
	if len(recs) < limit {
		return cases, "", nil
	}
	return cases, recs[len(recs)-1].Key.Sort, nil
}

// CaseView is an open case as it is shown.
type CaseView struct {
	Payment   shop.ID    `json:"payment"`
	Order     shop.ID    `json:"order"`
	Operation string     `json:"operation" enum:"authorise,capture,void,refund,dispute"`
	Shipment  shop.ID    `json:"shipment,omitempty" doc:"of a capture or a refund"`
	Refund    shop.ID    `json:"refund,omitempty"`
	Dispute   shop.ID    `json:"dispute,omitempty" doc:"for which evidence is due"`
	Amount    shop.Money `json:"amount" doc:"of the operation, or contested"`
	Status    string     `json:"status" enum:"intended,unresolved,action,done,refused,moot,open"`
	Reason    string     `json:"reason"`
	OpenedAt  time.Time  `json:"openedAt"`
	Age       float64    `json:"ageSeconds"`
}

// GetCasesIn asks for a page of the open cases.
type GetCasesIn struct {
	Cursor string `query:"cursor" pattern:"^[A-Za-z0-9_.-]{0,200}$" doc:"next of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
}

// GetCasesOut answers GET /v1/ops/cases.
type GetCasesOut struct {
	Body struct {
		Items []CaseView `json:"items" maxItems:"100"`
		Next  string     `json:"next,omitempty" doc:"the cursor of the next page"`
	}
}

// GetCases answers GET /v1/ops/cases, by payment, for admins and machines.
func (s *Service) GetCases(ctx context.Context, in *GetCasesIn) (*GetCasesOut, error) {
	if !room.CallerOf(ctx).May(room.Admin(), room.ServiceRole()) {
		return nil, shop.Errorf(shop.Forbidden, "only an admin may see the open cases")
	}
	cases, next, err := s.Cases(ctx, strings.Replace(in.Cursor, ".", "#", 1), in.Limit)
	if err != nil {
		return nil, err
	}
	out := &GetCasesOut{}
	out.Body.Items = make([]CaseView, 0, len(cases))
	out.Body.Next = strings.Replace(next, "#", ".", 1) // as it may stand in a path
	now := s.desk.Clock.Now()
	for _, c := range cases {
		v, err := s.viewCase(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("show the case about %s of %s: %w", c.Key, c.Payment, err)
		}
		v.Age = max(0, now.Sub(v.OpenedAt).Seconds())
		out.Body.Items = append(out.Body.Items, v)
	}
	return out, nil
}

// viewCase adds what the payment and the log know of a case.
func (s *Service) viewCase(ctx context.Context, c Case) (CaseView, error) {
	v := CaseView{Payment: c.Payment, Order: c.Order, Operation: c.Operation, Reason: c.Reason}
	p, err := s.Payment(ctx, c.Payment)
	if err != nil {
		return v, err
	}
	op, d := p.operation(c.Key), p.dispute(shop.ID(c.Key))
	switch {
	case op != nil:
		v.Shipment, v.Refund, v.Status = op.Shipment, op.Refund, string(op.State)
		v.Amount = p.money(op.Amount)
	case d != nil:
		v.Dispute, v.Status, v.Amount = d.ID, d.State, p.money(d.Amount)
	default:
		return v, shop.Errorf(shop.Internal, "there is no such operation")
	}
	v.OpenedAt, err = s.openedAt(ctx, c)
	return v, err
}

// openedAt finds in the log when a case was opened, the last time.
func (s *Service) openedAt(ctx context.Context, c Case) (at time.Time, err error) {
	for after, more := int64(0), true; more; {
		events, err := s.desk.History.Subject(
			ctx, paymentSubject(c.Payment), after, platform.MaxList)
		if err != nil {
			return at, err
		}
		for _, e := range events {
			after = e.Sequence
			if e.Type != (&event.PaymentCaseOpened{}).Type() {
				continue
			}
			f, err := room.FactOf(s.desk.Catalogue, e)
			if err != nil {
				return at, err
			}
			if opened, ok := f.(*event.PaymentCaseOpened); ok && opened.Key == c.Key {
				at = e.Time
			}
		}
		more = len(events) == platform.MaxList
	}
	if at.IsZero() {
		return at, shop.Errorf(shop.Internal, "the log does not say when it was opened").
			WithHint("souk verify says what is wrong")
	}
	return at, nil
}

func paymentSubject(id shop.ID) string {
	return (&event.PaymentIntended{Payment: id}).Subject()
}

// refundRefused is why a case is open about money that is owed to a customer.
const refundRefused = "refund_refused"

// maxOwed bounds the refused refunds of one parcel, and so what one success may close.
const maxOwed = 30

// oweRefund opens the case of a refund that was refused: nothing else would tell anybody that the
// money has not gone back. It has one case, however often it is tried.
func (p *Payment) oweRefund(op *Operation) []event.Fact {
	for i := range p.Operations {
		if o := &p.Operations[i]; o != op && o.owes(op.Refund) {
			return nil
		}
	}
	return []event.Fact{&event.PaymentCaseOpened{
		Payment: p.ID, Order: p.Order, Key: op.Key, Operation: op.Kind, Reason: refundRefused,
	}}
}

// owes reports whether the operation is an attempt of that refund which was refused and has the
// case. With "" it is any refund.
func (o *Operation) owes(refund shop.ID) bool {
	return o.Kind == Refund && o.State == refused && o.Case &&
		(refund == "" || o.Refund == refund)
}

// makeGood closes the cases that end with the success of a refund: that of the same refund, refused
// before; and all of the parcel's when nothing of its money is left to give back.
func (p *Payment) makeGood(op *Operation) []event.Fact {
	part := p.part(op.Shipment)
	whole := part != nil && part.Refunded+op.Amount >= part.Captured
	var facts []event.Fact
	for i := range p.Operations {
		o := &p.Operations[i]
		if o == op || !o.owes("") || o.Shipment != op.Shipment {
			continue
		}
		if whole || o.Refund == op.Refund || o.Refund == op.Instead {
			facts = append(facts, &event.PaymentCaseClosed{
				Payment: p.ID, Order: p.Order, Key: o.Key, Resolution: "refunded",
			})
		}
	}
	return facts
}

// stillOwed reports whether a refused refund's money has not gone back since in any way, so that no
// confirmation of the refusal ends its case.
func (p *Payment) stillOwed(op *Operation) bool {
	if !op.owes("") {
		return false
	}
	for i := range p.Operations {
		o := &p.Operations[i]
		same := o.Refund == op.Refund || o.Instead == op.Refund
		if o.Kind == Refund && o.State == done && same {
			return false
		}
	}
	part := p.part(op.Shipment)
	return part == nil || part.Refunded < part.Captured
}

// owing counts the refused refunds of a parcel whose money has not gone back.
func (p *Payment) owing(shipment shop.ID) int {
	n := 0
	for i := range p.Operations {
		if o := &p.Operations[i]; o.Shipment == shipment && o.owes("") {
			n++
		}
	}
	return n
}

// insteadOf names the refund that makes good one that came back.
func insteadOf(id shop.ID) shop.ID {
	sum := sha256.Sum256([]byte(id))
	return shop.ID("rfn_" + hex.EncodeToString(sum[:13]))
}

// refundAgain intends a refund once more that the provider has refused, under another key. What it
// was for stands in the log; where the order has ended, that is the reason again.
func (p *Payment) refundAgain(id shop.ID, reason string) (*event.PaymentIntended, error) {
	last := p.refundOf(id)
	switch {
	case last == nil:
		return nil, shop.Errorf(shop.NotFound, "this payment has no refund %s", id)
	case last.State != refused:
		return nil, shop.Errorf(shop.Conflict,
			"the refund %s is %s; only a refused one is tried again", id, last.State)
	}
	part := p.part(last.Shipment)
	switch {
	case part == nil || last.Amount > p.refundable(part):
		return nil, shop.Errorf(shop.Conflict,
			"that much of the parcel's money is not left: another refund has it, or is about to")
	case len(p.Operations) >= maxOperations:
		return nil, p.full()
	}
	if strings.HasPrefix(string(id), endPrefix) {
		reason = orderEnded
	}
	if last.Returned { // it is in everybody's books, so what makes it good is another refund
		other := insteadOf(id)
		if p.refundOf(other) != nil {
			return nil, shop.Errorf(shop.Conflict, "the refund %s makes it good already", other)
		}
		again := p.refundIntent(other, last.Shipment, p.money(last.Amount), reason)
		again.Instead = id
		return again, nil
	}
	again := p.refundIntent(id, last.Shipment, p.money(last.Amount), reason)
	again.Attempt = last.Attempt + 1
	again.Key = keyOf(p.ID, Refund, fmt.Sprintf("%s#%d", id, again.Attempt), again.Amount)
	return again, nil
}
