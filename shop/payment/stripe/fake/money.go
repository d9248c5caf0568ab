package fake

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v86"
	"github.com/stripe/stripe-go/v86/webhook"
)

// Card names whose PaymentMethods behave; every other is honoured, and allows several captures.
const (
	Visa          = "pm_card_visa"
	DeclinedCard  = "pm_card_chargeDeclined"
	SecureCard    = "pm_card_authenticationRequired"
	OneCapture    = "pm_card_oneCapture"    // one capture an authorisation
	NeverOffline  = "pm_card_neverOffline"  // likewise, and no charge without the customer
	PendingRefund = "pm_card_pendingRefund" // its refunds are pending until Refunded
)

func invalid(code string) *fault {
	return &fault{status: 400, kind: "invalid_request_error", code: code}
}

func amountOf(r *http.Request, name string) int64 {
	n, _ := strconv.ParseInt(r.PostForm.Get(name), 10, 64)
	return n
}

// create makes a PaymentIntent and confirms it.
func (s *Server) create(r *http.Request) (object, *fault) {
	f := r.PostForm
	method := f.Get("payment_method") + f.Get("confirmation_token")
	if m := s.all[method]; m != nil {
		method = m.text("token")
	}
	if f.Get("confirm") != "true" || amountOf(r, "amount") <= 0 || method == "" {
		return nil, invalid("parameter_missing")
	}
	pi := s.put("pi", object{
		"object": "payment_intent", "amount": amountOf(r, "amount"), "currency": f.Get("currency"),
		"metadata": metaOf(r), "customer": nilOr(f.Get("customer")), "payment_method": method,
		"capture_method": f.Get("capture_method"), "amount_received": int64(0),
		"amount_capturable": int64(0), "status": "requires_confirmation",
		"several": f.Get("payment_method_options[card][request_multicapture]") == "if_available" &&
			method != OneCapture && method != NeverOffline,
	})
	offline := f.Get("off_session") == "true"
	switch {
	case method == DeclinedCard, offline && method == NeverOffline:
		return nil, s.decline(pi)
	case method == SecureCard && offline:
		return nil, s.decline(pi)
	case method == SecureCard:
		pi["status"] = "requires_action"
		pi["next_action"] = object{"type": "redirect_to_url", "redirect_to_url": object{
			"url": "https://hooks.example/3ds/" + pi.text("id"), "return_url": f.Get("return_url"),
		}}
		s.tell("payment_intent.requires_action", pi)
	default:
		s.approve(pi)
	}
	return s.expanded(pi), nil
}

func nilOr(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (s *Server) expanded(pi object) object {
	if c := s.all[pi.text("latest_charge")]; c != nil {
		return with(pi, "latest_charge", c)
	}
	return pi
}

func (s *Server) decline(pi object) *fault {
	pi["status"] = "requires_payment_method"
	pi["last_payment_error"] = object{
		"type": "card_error", "code": "card_declined", "decline_code": "generic_decline",
	}
	s.tell("payment_intent.payment_failed", pi)
	return &fault{
		status: 402, kind: "card_error", code: "card_declined", decline: "generic_decline",
		about: pi.text("payment_method"), intent: pi,
	}
}

// approve is the bank's yes.
func (s *Server) approve(pi object) {
	status := "unavailable"
	if several, _ := pi["several"].(bool); several {
		status = "available"
	}
	charge := s.put("ch", object{
		"object": "charge", "amount": pi["amount"], "currency": pi["currency"], "paid": true,
		"captured": false, "payment_method_details": object{"type": "card", "card": object{
			"multicapture": object{"status": status},
		}},
	})
	delete(pi, "next_action")
	pi["latest_charge"] = charge.text("id")
	if pi.text("capture_method") == "automatic" {
		pi["status"], pi["amount_received"] = "succeeded", pi["amount"]
		s.tell("payment_intent.succeeded", pi)
		return
	}
	pi["status"], pi["amount_capturable"] = "requires_capture", pi["amount"]
	s.tell("payment_intent.amount_capturable_updated", pi)
}

func (s *Server) capture(id string, r *http.Request) (object, *fault) {
	pi := s.all[id]
	n := amountOf(r, "amount_to_capture")
	final := r.PostForm.Get("final_capture") != "false"
	several, _ := pi["several"].(bool)
	switch {
	case pi == nil:
		return nil, &fault{status: 404, kind: "invalid_request_error", code: "resource_missing"}
	case pi.text("status") != "requires_capture":
		return nil, invalid("payment_intent_unexpected_state")
	case n > pi.number("amount_capturable"), n == 0 && !final:
		return nil, invalid("amount_too_large")
	case !final && !several:
		return nil, invalid("multicapture_unavailable")
	}
	pi["amount_received"] = pi.number("amount_received") + n
	pi["amount_capturable"] = pi.number("amount_capturable") - n
	for k, v := range metaOf(r) {
		pi.meta()[k] = v
	}
	if final {
		pi["status"], pi["amount_capturable"] = "succeeded", int64(0)
		s.tell("payment_intent.succeeded", pi)
	}
	return s.expanded(pi), nil
}

func (s *Server) cancel(id string, r *http.Request) (object, *fault) {
	pi := s.all[id]
	if pi == nil || pi.text("status") == "succeeded" || pi.text("status") == "canceled" {
		return nil, invalid("payment_intent_unexpected_state")
	}
	pi["status"], pi["amount_capturable"] = "canceled", int64(0)
	pi["cancellation_reason"] = r.PostForm.Get("cancellation_reason")
	s.tell("payment_intent.canceled", pi)
	return s.expanded(pi), nil
}

func (s *Server) refund(r *http.Request) (object, *fault) {
	pi := s.all[r.PostForm.Get("payment_intent")]
	n := amountOf(r, "amount")
	if pi == nil || pi.number("amount_received") == 0 {
		return nil, invalid("charge_not_captured")
	}
	if n > pi.number("amount_received")-pi.number("refunded") {
		return nil, invalid("charge_already_refunded")
	}
	pi["refunded"] = pi.number("refunded") + n
	status := "succeeded"
	if pi.text("payment_method") == PendingRefund {
		status = "pending"
	}
	re := s.put("re", object{
		"object": "refund", "amount": n, "currency": pi["currency"], "metadata": metaOf(r),
		"payment_intent": pi.text("id"), "status": status,
	})
	s.tell("refund.created", re)
	return re, nil
}

func (s *Server) submit(id string, r *http.Request) (object, *fault) {
	d := s.all[id]
	details, _ := d["evidence_details"].(object)
	switch {
	case d == nil:
		return nil, &fault{status: 404, kind: "invalid_request_error", code: "resource_missing"}
	case details.number("submission_count") > 0 || r.PostForm.Get("submit") != "true":
		return nil, invalid("dispute_not_editable")
	}
	details["submission_count"], d["status"] = int64(1), "under_review"
	d["told"] = r.PostForm.Get("evidence[uncategorized_text]")
	return d, nil
}

func (s *Server) transfer(r *http.Request) (object, *fault) {
	if r.PostForm.Get("destination") == "acct_closed" {
		return nil, invalid("account_invalid")
	}
	return s.put("tr", object{
		"object": "transfer", "amount": amountOf(r, "amount"), "metadata": metaOf(r),
		"currency": r.PostForm.Get("currency"), "destination": r.PostForm.Get("destination"),
		"transfer_group": r.PostForm.Get("transfer_group"), "amount_reversed": int64(0),
		"reversed": false,
	}), nil
}

// Intent is a PaymentIntent as a test looks at it.
type Intent struct {
	ID, Status, Operation, Key   string
	Amount, Received, Capturable int64
	Refunded                     int64
}

// Intents lists all PaymentIntents, oldest first.
func (s *Server) Intents() []Intent {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Intent
	for _, id := range s.order {
		if o := s.all[id]; o.text("object") == "payment_intent" {
			list = append(list, Intent{
				ID: id, Status: o.text("status"), Operation: o.meta()["souk_operation"],
				Key: o.meta()["souk_key"], Amount: o.number("amount"),
				Received:   o.number("amount_received"),
				Capturable: o.number("amount_capturable"), Refunded: o.number("refunded"),
			})
		}
	}
	return list
}

// Count is how many objects of a kind there are.
func (s *Server) Count(object string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, o := range s.all {
		if o.text("object") == object {
			n++
		}
	}
	return n
}

// Calls is how often a method and path was called.
func (s *Server) Calls(call string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[call]
}

// Confirm is the customer confirming a PaymentIntent with their bank.
func (s *Server) Confirm(id string) {
	s.change(id, func(o object) { s.approve(o) })
}

// Deny is the customer failing to.
func (s *Server) Deny(id string) {
	s.change(id, func(o object) {
		delete(o, "next_action")
		s.decline(o)
	})
}

// Lapse is the bank taking an authorisation back.
func (s *Server) Lapse(id string) {
	s.change(id, func(o object) {
		o["status"], o["amount_capturable"] = "canceled", int64(0)
		o["cancellation_reason"] = "automatic"
		s.tell("payment_intent.canceled", o)
	})
}

// Refunded is what becomes of a refund, after it was said to be pending or even to have succeeded.
func (s *Server) Refunded(id, status string) {
	s.change(id, func(o object) {
		o["status"] = status
		if status == "failed" {
			o["failure_reason"] = "lost_or_stolen_card"
			pi := s.all[o.text("payment_intent")]
			pi["refunded"] = pi.number("refunded") - o.number("amount")
		}
		s.tell("refund.updated", o)
	})
}

// Contest opens a dispute about a PaymentIntent.
func (s *Server) Contest(id string, due time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	pi := s.all[id]
	amount := pi.number("amount_received")
	d := s.put("dp", object{
		"object": "dispute", "amount": amount, "currency": pi["currency"], "payment_intent": id,
		"status": "needs_response", "reason": "fraudulent", "metadata": map[string]string{},
		"evidence_details":     object{"due_by": due.Unix(), "submission_count": int64(0)},
		"balance_transactions": []object{s.moved(-amount, 1500)},
	})
	s.tell("charge.dispute.created", d)
	return d.text("id")
}

// Rule ends a dispute: "won" or "lost".
func (s *Server) Rule(id, how string) {
	s.change(id, func(d object) {
		d["status"] = how
		if how == "won" {
			moves, _ := d["balance_transactions"].([]object)
			d["balance_transactions"] = append(moves, s.moved(d.number("amount"), -1500))
		}
		s.tell("charge.dispute.closed", d)
	})
}

func (s *Server) moved(amount, fee int64) object {
	s.n++
	return object{"id": fmt.Sprintf("txn_%d", s.n), "amount": amount, "fee": fee}
}

func (s *Server) change(id string, do func(o object)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do(s.all[id])
}

// Hook is a webhook: its body, and the header that signs it.
type Hook struct {
	Type string
	Body []byte
	Sign string
}

// tell keeps a webhook. The caller holds mu.
func (s *Server) tell(typ string, about object) {
	s.n++
	body, _ := json.Marshal(object{
		"id": fmt.Sprintf("evt_%d", s.n), "object": "event", "type": typ,
		"api_version": stripe.APIVersion, "created": s.Now().Unix(),
		"data": object{"object": about},
	})
	s.hooks = append(s.hooks, Hook{Type: typ, Body: body})
}

// Hooks returns the webhooks since the last call, signed now.
func (s *Server) Hooks() []Hook {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.hooks
	s.hooks = nil
	for i := range list {
		list[i].Sign = Sign(s.Now(), list[i].Body, s.Secret)
	}
	return list
}

// Sign is the header of a webhook.
func Sign(at time.Time, body []byte, secrets ...string) string {
	parts := []string{fmt.Sprintf("t=%d", at.Unix())}
	for _, secret := range secrets {
		parts = append(parts,
			"v1="+hex.EncodeToString(webhook.ComputeSignature(at, body, secret)))
	}
	return strings.Join(parts, ",")
}
