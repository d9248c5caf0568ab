package payment

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// DisputeView is a dispute as it is shown.
type DisputeView struct {
	ID         shop.ID    `json:"id"`
	Status     string     `json:"status" enum:"open,won,lost,closed"`
	Inquiry    bool       `json:"inquiry,omitempty" doc:"the bank only asks; no money has moved"`
	Amount     shop.Money `json:"amount" doc:"contested"`
	Taken      shop.Money `json:"taken" doc:"what the bank has of ours for it now, without fees"`
	Reason     string     `json:"reason"`
	Until      time.Time  `json:"until" doc:"evidence counts until then"`
	Evidence   string     `json:"evidence" enum:"none,intended,submitted,refused"`
	NeedsProof bool       `json:"needsEvidence,omitempty" doc:"a person has to act before until"`
	Provider   string     `json:"provider"`
	Reference  string     `json:"reference" doc:"the provider's name for it"`
}

func (d *Dispute) view(p *Payment) DisputeView {
	evidence := map[Stage]string{
		"": "none", intended: "intended", done: "submitted", refused: "refused",
	}[d.Evidence]
	return DisputeView{
		ID: d.ID, Status: d.State, Inquiry: d.Inquiry, Amount: p.money(d.Amount),
		Taken: p.money(d.taken()), Reason: d.Reason, Until: d.Until, Evidence: evidence,
		NeedsProof: d.Case, Provider: d.Provider, Reference: d.Reference,
	}
}

// PostEvidenceIn is POST /v1/payments/{id}/disputes/{dispute}/evidence.
type PostEvidenceIn struct {
	ID      string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Dispute string `path:"dispute" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Key     string `header:"Idempotency-Key" maxLength:"255"`
	Body    Evidence
}

// EvidenceTaken says that evidence will be handed in. The outcome shows at the payment.
type EvidenceTaken struct {
	Payment shop.ID   `json:"payment"`
	Dispute shop.ID   `json:"dispute"`
	Attempt int       `json:"attempt"`
	Until   time.Time `json:"until" doc:"when evidence counts no more"`
}

// PostEvidence hands evidence in, once a dispute. Admins only: it may not be taken back.
func (s *Service) PostEvidence(ctx context.Context, in *PostEvidenceIn) (*AcceptedOut, error) {
	who := room.CallerOf(ctx)
	if !who.May(room.Admin()) {
		return nil, shop.Errorf(shop.Forbidden, "only an admin hands in evidence")
	}
	id, once, err := onceOf(ctx, "disputes/"+in.Dispute+"/evidence", in.ID, in.Key, in.Body)
	if err != nil {
		return nil, err
	}
	if err := in.Body.check(); err != nil {
		return nil, err
	}
	p, err := s.Payment(ctx, id)
	if err != nil {
		return nil, err
	}
	box, err := shop.Seal(ctx, s.desk.Keys, p.Customer, in.Body)
	if err != nil {
		return nil, err
	}
	raw, err := room.Encode(in.Body)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(raw)
	return s.answer(ctx, id, once, func(ctx context.Context, u *unit) (any, error) {
		dispute := shop.ID(in.Dispute)
		intent, err := u.p.planEvidence(dispute, digest[:], who.ID, u.tx.Now())
		if err != nil {
			return nil, err
		}
		room.Put(u.tx, evidenceKey(id, dispute, intent.Attempt), &kept{Evidence: box})
		return EvidenceTaken{
			Payment: id, Dispute: dispute, Attempt: intent.Attempt,
			Until: u.p.dispute(dispute).Until,
		}, u.announce(ctx, intent)
	})
}
