package payment

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Notice is what a provider's webhook says: that something happened to an operation. Nothing in it
// is believed but that it is worth asking. It is the body, in JSON.
type Notice struct {
	ID   string     `json:"-"`    // the same for every retry
	Type string     `json:"type"` // as in "operation.succeeded"
	At   time.Time  `json:"timestamp"`
	Data NoticeData `json:"data"`
}

// NoticeData names the operation.
type NoticeData struct {
	Payment   shop.ID    `json:"payment"`
	Order     shop.ID    `json:"order,omitempty"`
	Key       string     `json:"key"`
	Operation string     `json:"operation,omitempty"`
	Amount    shop.Money `json:"amount,omitzero"`     // that moved; compared with ours
	Reference string     `json:"reference,omitempty"` // the provider's name for it; likewise
}

// The types of notice that make us ask for the operation's status. Every other type is stored and
// counted.
const (
	NoticeSucceeded = "operation.succeeded"
	NoticeRefused   = "operation.refused"
	NoticeAction    = "operation.requires_action"
	NoticeReversed  = "operation.reversed"
	NoticeDispute   = "dispute.changed" // Reference is the provider's name for the dispute
)

const (
	// maxNotice bounds a webhook's body.
	maxNotice = 20_000
	// signatureAge bounds how far a webhook's time stamp may be from ours.
	signatureAge = 5 * time.Minute
	// maxNoticeID bounds a webhook's id.
	maxNoticeID = 128
	// maxSignatures bounds how many of a webhook's signatures are tried.
	maxSignatures = 8
)

// Sign returns the signature of a webhook: "v1," and the base64 of the HMAC-SHA256 over id,
// seconds and body, joined by dots, as Standard Webhooks 1.0 has it.
func Sign(secret []byte, id string, at time.Time, body []byte) string {
	return "v1," + base64.StdEncoding.EncodeToString(mac(secret, id, at.Unix(), body))
}

func mac(secret []byte, id string, seconds int64, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(id + "." + strconv.FormatInt(seconds, 10) + "."))
	h.Write(body)
	return h.Sum(nil)
}

// Signed is a webhook as it came in: headers and raw body.
type Signed struct {
	ID        string
	Timestamp string // seconds
	Signature string // one or more, separated by spaces
	Stripe    string // of providers that put time and signatures into one header, as Stripe does
	Body      []byte
}

// Standard listens to webhooks in the format of Standard Webhooks, signed with one of some secrets.
type Standard struct{ Secrets [][]byte }

// Hear implements Listener.
func (s Standard) Hear(w Signed, now time.Time) (Notice, error) {
	if err := s.verify(w, now); err != nil {
		return Notice{}, err
	}
	n := Notice{ID: w.ID}
	if err := json.Unmarshal(w.Body, &n); err != nil {
		return Notice{}, shop.Errorf(shop.Invalid, "the webhook's body is not a notice in JSON")
	}
	return n, nil
}

// verify accepts a webhook that one of our secrets signed within the last five minutes.
func (s Standard) verify(w Signed, now time.Time) error {
	seconds, err := strconv.ParseInt(w.Timestamp, 10, 64)
	if err != nil || w.ID == "" || len(w.ID) > maxNoticeID || len(w.Body) > maxNotice {
		return shop.Errorf(shop.Invalid, "a webhook has an id, a time in seconds and a small body")
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > signatureAge || age < -signatureAge {
		return shop.Errorf(shop.Unauthorised, "the webhook's time stamp is too far from now").
			WithHint("compare the clocks; a captured webhook must not be played back")
	}
	for i, have := range strings.Fields(w.Signature) {
		version, text, _ := strings.Cut(have, ",")
		sum, err := base64.StdEncoding.DecodeString(text)
		if i >= maxSignatures || version != "v1" || err != nil {
			continue
		}
		for _, secret := range s.Secrets {
			if hmac.Equal(sum, mac(secret, w.ID, seconds, w.Body)) {
				return nil
			}
		}
	}
	return shop.Errorf(shop.Unauthorised, "no signature of the webhook is one of ours").
		WithHint("the secrets differ, or somebody is guessing")
}

// noticed marks a webhook as dealt with.
type noticed struct {
	Type string    `json:"type"`
	At   time.Time `json:"at"`
	As   string    `json:"as"` // "asked", "wrong", "unknown" or "unmatched"

	About string `json:"about,omitempty"` // the provider's name for what it told of
}

// Receive deals with a webhook: it checks the signature, drops what came before, and asks the
// provider for the status of the operation that is named. It refuses a wrong signature
// (Unauthorised), and with Unavailable when the provider cannot be asked, so that it sends again.
// What has a type or names an operation that we do not know is kept and counted. What names one of
// ours with another amount, currency or reference opens its case, and changes nothing.
func (s *Service) Receive(ctx context.Context, provider string, w Signed) error {
	desk := s.at(provider)
	if desk == nil || provider == "" {
		return shop.Errorf(shop.NotFound, "there is no such payment provider")
	}
	if desk.Listener == nil {
		return shop.Errorf(shop.Unauthorised, "webhooks of this provider are not taken").
			WithHint("give the provider its webhook secrets")
	}
	h := hearing{s: s, desk: desk, now: s.desk.Clock.Now().UTC(), cause: room.RequestCause(ctx)}
	var err error
	if h.n, err = desk.Listener.Hear(w, h.now); err != nil {
		return err
	}
	if h.n.ID == "" || len(h.n.ID) > maxNoticeID {
		return shop.Errorf(shop.Invalid,
			"a webhook has an id of at most %d characters", maxNoticeID)
	}
	h.key = webhookKey(provider, h.n.ID)
	seen, err := room.Get[noticed](ctx, s.desk.Begin(room.Cause{}), h.key)
	if err != nil {
		return err
	}
	if seen != nil {
		return s.count(ctx, "duplicate")
	}
	if h.n.Type == NoticeDispute {
		return h.dispute(ctx)
	}
	return h.operation(ctx)
}

// hearing is one webhook that is being dealt with.
type hearing struct {
	s     *Service
	desk  *Other
	n     Notice
	now   time.Time
	key   platform.Key
	cause room.Cause
}

// mark says in tx that the webhook was dealt with, and how.
func (h *hearing) mark(tx *room.Tx, as string) {
	room.Put(tx, h.key, &noticed{
		Type: clip(h.n.Type), At: h.now, As: as, About: word(h.n.Data.Reference),
	})
	tx.Add(countsKey(), platform.Move{Counter: as, Delta: 1, Floor: platform.NoFloor})
}

// keep only marks.
func (h *hearing) keep(ctx context.Context, as string) error {
	return h.s.desk.Do(ctx, h.cause, func(ctx context.Context, tx *room.Tx) error {
		return h.s.once(ctx, tx, h.key, func() { h.mark(tx, as) })
	})
}

// operation deals with what a notice says of an operation.
func (h *hearing) operation(ctx context.Context) error {
	as, p, op, err := h.s.match(ctx, h.n)
	switch {
	case err != nil:
		return err
	case p == nil:
		return h.keep(ctx, as)
	}
	if why := p.misfit(op, h.n); why != "" {
		return h.doubt(ctx, p, op, why)
	}
	due := event.PaymentCheckDue{Payment: p.ID, Key: op.Key}
	out := h.s.status(ctx, p, op)
	switch out.Verdict {
	case Succeeded, Refused, Action:
		return h.s.conclude(ctx, h.cause, due, out, func(ctx context.Context, u *unit) error {
			return h.s.once(ctx, u.tx, h.key, func() { h.mark(u.tx, "asked") })
		})
	}
	return shop.Errorf(shop.Unavailable, "the provider does not confirm its own notice yet").
		WithHint("it will be sent again; meanwhile the operation's own timer goes on asking")
}

// doubt opens the case of the operation that a notice contradicts, and lets the provider be asked:
// when it says what we know, the case is closed.
func (h *hearing) doubt(ctx context.Context, p *Payment, about *Operation, why string) error {
	if about == nil {
		about = p.last(Authorise)
	}
	return h.s.do(ctx, h.cause, p.ID, func(ctx context.Context, u *unit) error {
		known, err := room.Get[noticed](ctx, u.tx, h.key)
		if err != nil || known != nil || u.p == nil {
			return err
		}
		h.mark(u.tx, "wrong")
		op := u.p.operation(about.Key)
		if op == nil || op.Case {
			return nil
		}
		err = u.announce(ctx, &event.PaymentCaseOpened{
			Payment: u.p.ID, Order: u.p.Order, Key: op.Key, Operation: op.Kind, Reason: why,
		})
		if err != nil || op.State == moot || op.State == action { // which has a timer of its own
			return err
		}
		return u.ask(&event.PaymentCheckDue{Payment: u.p.ID, Key: op.Key}, h.s.opt.Policy.CaseAfter)
	})
}

// misfit names what a notice says otherwise than our books; "" if nothing.
func (p *Payment) misfit(op *Operation, n Notice) string {
	d := n.Data
	switch {
	case op == nil, d.Payment != p.ID:
		return "notice_reference"
	case d.Reference != "" && op.Reference != "" && d.Reference != op.Reference:
		return "notice_reference"
	case n.Type != NoticeSucceeded || d.Amount == (shop.Money{}):
		return ""
	case d.Amount.Currency != p.Currency:
		return "notice_currency"
	case op.Kind != Void && d.Amount.Amount != op.Amount:
		return "notice_amount"
	}
	return ""
}

// once runs do if no record is at key.
func (s *Service) once(ctx context.Context, tx *room.Tx, key platform.Key, do func()) error {
	have, err := room.Get[noticed](ctx, tx, key)
	if err == nil && have == nil {
		do()
	}
	return err
}

// match finds the payment and the operation that a notice speaks of, or says what the notice counts
// as. A notice that names an order of ours with another payment is about the order's own; one that
// names a payment of ours and no operation of it has none.
func (s *Service) match(ctx context.Context, n Notice) (string, *Payment, *Operation, error) {
	switch n.Type {
	case NoticeSucceeded, NoticeRefused, NoticeAction, NoticeReversed:
	default:
		return "unknown", nil, nil, nil
	}
	for _, id := range []shop.ID{n.Data.Payment, Of(n.Data.Order)} {
		if _, err := shop.ParseID(string(id)); err != nil {
			continue
		}
		p, err := s.Payment(ctx, id)
		switch {
		case err != nil && shop.CodeOf(err) != shop.NotFound:
			return "", nil, nil, err
		case err == nil && p.last(Authorise) != nil:
			return "asked", p, p.operation(n.Data.Key), nil
		}
	}
	return "unmatched", nil, nil, nil
}

func (s *Service) count(ctx context.Context, as string) error {
	return s.desk.Do(ctx, room.Cause{}, func(_ context.Context, tx *room.Tx) error {
		tx.Add(countsKey(), platform.Move{Counter: as, Delta: 1, Floor: platform.NoFloor})
		return nil
	})
}

// Notices counts the webhooks that were dealt with: "asked", "wrong", "unknown", "unmatched" and
// "duplicate".
func (s *Service) Notices(ctx context.Context) (map[string]int64, error) {
	return s.desk.Begin(room.Cause{}).Counters(ctx, countsKey())
}

func clip(s string) string {
	if len(s) > maxWord || shop.LooksLikeCard(s) {
		return "other"
	}
	return s
}
