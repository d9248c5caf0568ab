package sandbox

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
)

// Webhook is a signed notice on its way. Due is when it may be delivered.
type Webhook struct {
	payment.Signed
	Due time.Time
	key string
}

// maxHooks bounds the webhooks that wait; over it the oldest is lost, as webhooks are.
const maxHooks = 4096

// notify makes the webhooks of what happened to an operation. The caller holds mu.
func (s *Sandbox) notify(key string, o *operation, typ string, now time.Time) {
	if s.opt.Secret == nil || o.plan.Has(HookMissing) {
		return
	}
	n := payment.Notice{Type: typ, At: now, Data: payment.NoticeData{
		Payment: o.payment, Order: o.order, Key: key, Operation: o.kind, Reference: o.ref,
		Amount: shop.Money{Amount: o.moved, Currency: o.amount.Currency},
	}}
	switch {
	case o.plan.Has(HookWrong):
		n.Data.Payment = "pay_of_somebody_else"
		n.Data.Amount = shop.Money{Amount: o.moved + 1, Currency: "ZZZ"}
	case o.plan.Has(HookAmount):
		n.Data.Amount.Amount++
	case o.plan.Has(HookCurrency):
		n.Data.Amount.Currency = "ZZZ"
	case o.plan.Has(HookReference):
		n.Data.Reference = "sbx-0-0"
	case o.plan.Has(HookUnknown):
		s.post(key, o, payment.Notice{Type: "card.sneezed", At: now, Data: n.Data}, now)
	}
	s.post(key, o, n, now)
}

// post puts a notice among the webhooks that are to be sent. The caller holds mu.
func (s *Sandbox) post(key string, o *operation, n payment.Notice, now time.Time) {
	if s.opt.Secret == nil || o.plan.Has(HookMissing) {
		return
	}
	body, err := json.Marshal(n)
	if err != nil {
		panic("sandbox: a notice cannot be encoded: " + err.Error())
	}
	s.hookNo++
	w := Webhook{Due: now, key: key}
	w.ID = "evt_" + strconv.FormatInt(now.UnixNano(), 36) + "_" + strconv.FormatInt(s.hookNo, 10)
	w.Body = body
	copies := 1
	switch {
	case o.plan.Has(HookTwice):
		copies = 3
	case o.plan.Has(HookReordered):
		w.Due = now.Add(time.Minute)
	case o.plan.Has(HookLate):
		w.Due = now.Add(72 * time.Hour)
	}
	if o.plan.Has(HookForged) {
		w.Signature = "forged"
	}
	if o.plan.Has(HookExpired) {
		w.Timestamp = "expired"
	}
	for range copies {
		if len(s.hooks) >= maxHooks {
			s.hooks = append(s.hooks[:0], s.hooks[1:]...)
		}
		s.hooks = append(s.hooks, w)
	}
}

// sign stamps and signs a webhook as it is sent, which a retry is anew.
func (s *Sandbox) sign(w Webhook, now time.Time) Webhook {
	at, secret := now, s.opt.Secret
	if w.Timestamp == "expired" {
		at = now.Add(-time.Hour)
	}
	if w.Signature == "forged" {
		secret = []byte("not the secret that was agreed on")
	}
	w.Timestamp = strconv.FormatInt(at.Unix(), 10)
	w.Signature = payment.Sign(secret, w.ID, at, w.Body)
	return w
}

// Deliver sends the webhooks that are due, each once, newest first, and keeps those that send
// refused for half a minute later. It returns how many were taken.
func (s *Sandbox) Deliver(ctx context.Context, send func(context.Context, Webhook) error) int {
	now := s.opt.Clock.Now().UTC()
	s.mu.Lock()
	last := s.ripen(now)
	var due []Webhook
	rest := s.hooks[:0]
	for _, w := range s.hooks {
		if now.Before(w.Due) {
			rest = append(rest, w)
		} else {
			due = append(due, w)
		}
	}
	s.hooks = rest
	s.mu.Unlock()
	if s.settled(last) != nil {
		return 0
	}
	taken := 0
	for i := len(due) - 1; i >= 0; i-- {
		if err := send(ctx, s.sign(due[i], now)); err == nil {
			taken++
			continue
		}
		due[i].Due = now.Add(30 * time.Second)
		s.mu.Lock()
		if len(s.hooks) < maxHooks && now.Sub(born(due[i])) < giveUp {
			s.hooks = append(s.hooks, due[i])
		}
		s.mu.Unlock()
	}
	return taken
}

// giveUp is how long a webhook that nobody takes is sent again.
const giveUp = 73 * time.Hour

// born is when the webhook's fact happened; it is part of its id.
func born(w Webhook) time.Time {
	for i := len("evt_"); i < len(w.ID); i++ {
		if w.ID[i] == '_' {
			n, err := strconv.ParseInt(w.ID[len("evt_"):i], 36, 64)
			if err == nil {
				return time.Unix(0, n)
			}
		}
	}
	return time.Time{}
}

// early sends the webhooks of an operation whose plan says that they overtake the answer.
func (s *Sandbox) early(ctx context.Context, key string) {
	if s.opt.Sink == nil || s.opt.Secret == nil {
		return
	}
	now := s.opt.Clock.Now().UTC()
	s.mu.Lock()
	var due []Webhook
	rest := s.hooks[:0]
	o := s.known(key)
	for _, w := range s.hooks {
		if w.key == key && o != nil && o.plan.Has(HookEarly) {
			due = append(due, w)
		} else {
			rest = append(rest, w)
		}
	}
	s.hooks = rest
	s.mu.Unlock()
	for _, w := range due {
		_ = s.opt.Sink(ctx, s.sign(w, now)) // a webhook that is refused is one that got lost
	}
}
