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
	Type string     `json:"type"` // as in "operation.succeeded"
	At   time.Time  `json:"timestamp"`
	Data NoticeData `json:"data"`
}

// NoticeData names the operation.
type NoticeData struct {
	Payment   shop.ID    `json:"payment"`
	Key       string     `json:"key"`
	Operation string     `json:"operation,omitempty"`
	Amount    shop.Money `json:"amount,omitzero"` // read by nobody
}

// The types of notice that make us ask for the operation's status. Every other type is stored and
// counted.
const (
	NoticeSucceeded = "operation.succeeded"
	NoticeRefused   = "operation.refused"
	NoticeAction    = "operation.requires_action"
	NoticeReversed  = "operation.reversed"
)

const (
	// maxNotice bounds a webhook's body.
	maxNotice = 20_000
	// signatureAge bounds how far a webhook's time stamp may be from ours.
	signatureAge = 5 * time.Minute
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
	Body      []byte
}

// verify accepts a webhook that one of our secrets signed within the last five minutes.
func (s *Service) verify(w Signed, now time.Time) error {
	seconds, err := strconv.ParseInt(w.Timestamp, 10, 64)
	if err != nil || w.ID == "" || len(w.ID) > 128 || len(w.Body) > maxNotice {
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
		for _, secret := range s.opt.Secrets {
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
	As   string    `json:"as"` // "asked", "unknown" or "unmatched"
}

// Receive deals with a webhook: it checks the signature, drops what came before, and asks the
// provider for the status of the operation that is named. It refuses a wrong signature
// (Unauthorised), and with Unavailable when the provider cannot be asked, so that it sends again.
// What has a type or names an operation that we do not know is kept and counted.
func (s *Service) Receive(ctx context.Context, provider string, w Signed) error {
	if provider != s.opt.Name {
		return shop.Errorf(shop.NotFound, "there is no such payment provider")
	}
	now := s.desk.Clock.Now().UTC()
	if err := s.verify(w, now); err != nil {
		return err
	}
	var n Notice
	if err := json.Unmarshal(w.Body, &n); err != nil {
		return shop.Errorf(shop.Invalid, "the webhook's body is not a notice in JSON")
	}
	key := webhookKey(provider, w.ID)
	seen, err := room.Get[noticed](ctx, s.desk.Begin(room.Cause{}), key)
	if err != nil {
		return err
	}
	if seen != nil {
		return s.count(ctx, "duplicate")
	}
	cause := room.RequestCause(ctx)
	mark := func(tx *room.Tx, as string) {
		room.Put(tx, key, &noticed{Type: clip(n.Type), At: now, As: as})
		tx.Add(countsKey(), platform.Move{Counter: as, Delta: 1, Floor: platform.NoFloor})
	}
	as, op, err := s.match(ctx, n)
	if err != nil {
		return err
	}
	if op == nil {
		return s.desk.Do(ctx, cause, func(ctx context.Context, tx *room.Tx) error {
			return s.once(ctx, tx, key, func() { mark(tx, as) })
		})
	}
	out := s.status(ctx, op.Key)
	due := event.PaymentCheckDue{Payment: n.Data.Payment, Key: op.Key}
	switch out.Verdict {
	case Succeeded, Refused, Action:
		return s.heed(ctx, cause, due, out, key, func(tx *room.Tx) { mark(tx, "asked") })
	}
	return shop.Errorf(shop.Unavailable, "the provider does not confirm its own notice yet").
		WithHint("it will be sent again; meanwhile the operation's own timer goes on asking")
}

// heed commits what the provider answered to our question, and the mark with it.
func (s *Service) heed(
	ctx context.Context, c room.Cause, due event.PaymentCheckDue, out Outcome, key platform.Key,
	mark func(tx *room.Tx),
) error {
	return s.conclude(ctx, c, due, out, func(ctx context.Context, u *unit) error {
		return s.once(ctx, u.tx, key, func() { mark(u.tx) })
	})
}

// once runs do if no record is at key.
func (s *Service) once(ctx context.Context, tx *room.Tx, key platform.Key, do func()) error {
	have, err := room.Get[noticed](ctx, tx, key)
	if err == nil && have == nil {
		do()
	}
	return err
}

// match finds the operation that a notice speaks of, or says what the notice counts as.
func (s *Service) match(ctx context.Context, n Notice) (string, *Operation, error) {
	switch n.Type {
	case NoticeSucceeded, NoticeRefused, NoticeAction, NoticeReversed:
	default:
		return "unknown", nil, nil
	}
	if _, err := shop.ParseID(string(n.Data.Payment)); err != nil {
		return "unmatched", nil, nil
	}
	p, err := s.Payment(ctx, n.Data.Payment)
	switch {
	case err != nil && shop.CodeOf(err) == shop.NotFound:
		return "unmatched", nil, nil
	case err != nil:
		return "", nil, err
	}
	op := p.operation(n.Data.Key)
	if op == nil {
		return "unmatched", nil, nil
	}
	return "asked", op, nil
}

func (s *Service) count(ctx context.Context, as string) error {
	return s.desk.Do(ctx, room.Cause{}, func(_ context.Context, tx *room.Tx) error {
		tx.Add(countsKey(), platform.Move{Counter: as, Delta: 1, Floor: platform.NoFloor})
		return nil
	})
}

// Notices counts the webhooks that were dealt with: "asked", "unknown", "unmatched" and
// "duplicate".
func (s *Service) Notices(ctx context.Context) (map[string]int64, error) {
	return s.desk.Begin(room.Cause{}).Counters(ctx, countsKey())
}

func clip(s string) string {
	if len(s) > maxWord || looksLikeCard(s) {
		return "other"
	}
	return s
}
