package payment_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

func as(id shop.ID, role room.Role) context.Context {
	return room.WithCaller(context.Background(), room.Caller{ID: id, Role: role})
}

// paid is a stage with one order that was authorised and whose only parcel was captured.
func paid(t *testing.T, token string) *stage {
	t.Helper()
	st := newStage(t)
	st.checkout("ord_1", token, 1000)
	st.rest(time.Minute)
	st.pack("ord_1", "shp_1_1", 1000)
	st.rest(time.Minute)
	return st
}

func refundOf(n int64, key string) *payment.PostRefundIn {
	in := &payment.PostRefundIn{ID: "pay_1", Key: key}
	in.Body.Shipment, in.Body.Amount = "shp_1_1", gbp(n)
	return in
}

func expectCode(t *testing.T, what string, err error, want shop.Code) {
	t.Helper()
	if err == nil || shop.CodeOf(err) != want {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

// Goal: a refund is made once a key, within its bounds, by those who may. Method: the door itself.
func TestRefundDoor(t *testing.T) {
	t.Parallel()
	st := paid(t, "tok_visa")
	door := func(ctx context.Context, in *payment.PostRefundIn) ([]byte, error) {
		out, err := st.live.service.PostRefund(ctx, in)
		if err != nil {
			return nil, err
		}
		return out.Body, nil
	}
	_, err := door(as("cus_1", room.Customer()), refundOf(300, "k1"))
	expectCode(t, "a customer", err, shop.Forbidden)
	_, err = door(admin(), refundOf(300, ""))
	expectCode(t, "no key", err, shop.KeyMissing)
	first, err := door(admin(), refundOf(300, "k1"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := door(admin(), refundOf(300, "k1"))
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("sent again: %s, %v; want %s", again, err, first)
	}
	_, err = door(admin(), refundOf(301, "k1"))
	expectCode(t, "the key with another amount", err, shop.KeyReused)
	_, err = door(admin(), refundOf(701, "k2"))
	expectCode(t, "more than is left", err, shop.Conflict)
	st.rest(time.Minute)
	if p := st.payment("ord_1"); p.Refunded != 300 || p.Status() != "partially_refunded" {
		t.Errorf("refunded %d, %s", p.Refunded, p.Status())
	}
	if _, err := door(admin(), refundOf(700, "k3")); err != nil {
		t.Error(err)
	}
	st.rest(time.Minute)
	if p := st.payment("ord_1"); p.Status() != "refunded" {
		t.Errorf("the payment is %s", p.Status())
	}
	st.fold()
}

// Goal: a refund that the provider refuses moves nothing, is a case, and can be asked for again.
func TestRefundFails(t *testing.T) {
	t.Parallel()
	st := paid(t, "tok_refund_fails")
	for _, key := range []string{"k1", "k2"} {
		if _, err := st.live.service.PostRefund(admin(), refundOf(1000, key)); err != nil {
			t.Fatal(err)
		}
		st.rest(time.Minute)
	}
	p := st.payment("ord_1")
	if p.Refunded != 0 || p.Status() != "captured" || len(p.Operations) != 4 {
		t.Errorf("%s: %+v", p.Status(), p.Operations)
	}
	expectCases(t, st, "refund refund_refused", "refund refund_refused")
}

// Goal: a refused capture holds the goods, and an admin can try again under another key.
func TestCaptureDoor(t *testing.T) {
	t.Parallel()
	st := paid(t, "tok_capture_declined")
	in := &payment.PostCaptureIn{ID: "pay_1", Key: "k1"}
	in.Body.Shipment = "shp_1_1"
	if _, err := st.live.service.PostCapture(admin(), in); err != nil {
		t.Fatal(err)
	}
	other := *in
	other.Key = "k2"
	_, err := st.live.service.PostCapture(admin(), &other)
	expectCode(t, "while the first waits", err, shop.Conflict)
	st.rest(time.Minute)
	keys := map[string]bool{}
	for _, f := range st.facts() {
		if f, ok := f.(*event.PaymentCaptureFailed); ok {
			keys[f.Key] = true
		}
	}
	if len(keys) != 2 {
		t.Errorf("%d keys for two attempts", len(keys))
	}
}

// Goal: a payment shows to its customer and to admins, and to nobody else is it there.
func TestGetPayment(t *testing.T) {
	t.Parallel()
	st := paid(t, "tok_visa")
	for _, test := range []struct {
		ctx context.Context
		may bool
	}{
		{as("cus_1", room.Customer()), true}, {admin(), true},
		{as("svc_1", room.ServiceRole()), true},
		{as("cus_2", room.Customer()), false}, {as("cus_1", room.Dealer()), false},
		{as("", room.Customer()), false}, {context.Background(), false},
	} {
		out, err := st.live.service.GetPayment(test.ctx, &payment.GetPaymentIn{ID: "pay_1"})
		if test.may && (err != nil || out.Body.Captured != gbp(1000)) {
			t.Errorf("%+v: %+v, %v", room.CallerOf(test.ctx), out, err)
		}
		if !test.may {
			expectCode(t, "somebody else", err, shop.NotFound)
		}
	}
}

// hook makes a signed webhook.
func hook(st *stage, id string, n payment.Notice, secret string) payment.Signed {
	body, err := json.Marshal(n)
	if err != nil {
		st.t.Fatalf("encode: %v", err)
	}
	return payment.Signed{
		ID: id, Timestamp: strconv.FormatInt(st.now.Unix(), 10), Body: body,
		Signature: "v1,AAAA " + payment.Sign([]byte(secret), id, st.now, body),
	}
}

// Goal: a webhook is believed only to the point of asking: signatures, age, doubles, unknown types
// and operations are each dealt with, and a webhook that claims a charge makes none.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.checkout("ord_1", "tok_requires_action", 1000)
	st.rest(time.Second)
	key := st.payment("ord_1").Operations[0].Key
	say := payment.Notice{Type: payment.NoticeSucceeded, Data: payment.NoticeData{
		Payment: "pay_1", Key: key, Amount: gbp(1000),
	}}
	send := func(w payment.Signed) error {
		return st.live.service.Receive(context.Background(), sandbox.Name, w)
	}
	expectCode(t, "forged", send(hook(st, "e1", say, "guess")), shop.Unauthorised)
	old := hook(st, "e1", say, "secret")
	st.now = st.now.Add(6 * time.Minute)
	expectCode(t, "played back", send(old), shop.Unauthorised)
	expectCode(t, "no time", send(payment.Signed{ID: "e1"}), shop.Invalid)
	expectCode(t, "another provider",
		st.live.service.Receive(context.Background(), "acme", hook(st, "e1", say, "secret")),
		shop.NotFound)
	// The claim is false: the customer has not confirmed. Asked, the provider says so.
	if err := send(hook(st, "e2", say, "secret")); err != nil {
		t.Error(err)
	}
	if p := st.payment("ord_1"); p.Granted {
		t.Error("a webhook was believed")
	}
	if err := st.sandbox.Confirm(key); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := send(hook(st, "e3", say, "secret")); err != nil {
			t.Error(err)
		}
	}
	if p := st.payment("ord_1"); p.Status() != "authorized" || p.Authorised != 1000 {
		t.Errorf("after the customer confirmed: %s, %d", p.Status(), p.Authorised)
	}
	strange := say
	strange.Type = "balance.available"
	stray := say
	stray.Data.Key = "of nobody"
	stray.Data.Payment = "pay_of_somebody_else"
	for id, n := range map[string]payment.Notice{"e4": strange, "e5": stray} {
		if err := send(hook(st, id, n, "secret")); err != nil {
			t.Error(err)
		}
	}
	// The third that was asked about is the sandbox's own, that it waits for the customer.
	counts, err := st.live.service.Notices(context.Background())
	if err != nil || counts["asked"] != 3 || counts["duplicate"] != 2 || counts["unknown"] != 1 ||
		counts["unmatched"] != 1 {
		t.Errorf("counted %v, %v", counts, err)
	}
	st.rest(20 * time.Minute)
	st.fold()
}

// Goal: money that comes back by itself opens a case when the provider tells.
func TestReversals(t *testing.T) {
	t.Parallel()
	for token, operation := range map[string]string{
		"tok_authorised_then_declined": "authorise", "tok_chargeback": "capture",
		"tok_refund_reversed": "refund",
	} {
		st := paid(t, token)
		if _, err := st.live.service.PostRefund(admin(), refundOf(500, "k1")); err != nil {
			t.Fatal(err)
		}
		st.rest(time.Minute)
		st.pass(15 * time.Minute)
		st.rest(time.Minute)
		cases, _, err := st.live.service.Cases(context.Background(), "", 10)
		if err != nil || len(cases) != 1 || cases[0].Operation != operation ||
			cases[0].Reason != "reversed_after_success" {
			t.Errorf("%s: cases %+v, %v", token, cases, err)
		}
	}
}

// Goal: I22, I34: no event, no record, no error, no line of the provider's ledger holds the token,
// in plain or in base64. Method: a token that is a canary, through every path, and a scan.
func TestTokenStaysInTheVault(t *testing.T) {
	t.Parallel()
	const canary = "tok_canary_9f3b7c1d5e"
	st := paid(t, canary)
	st.checkout("ord_2", canary, 500)
	st.rest(time.Minute)
	st.cancel("ord_2")
	st.rest(time.Minute)
	view, err := st.live.service.GetPayment(admin(), &payment.GetPaymentIn{ID: "pay_1"})
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, e := range st.log {
		all = append(all, e.Data)
	}
	for k, rec := range st.records {
		all = append(all, rec.Value, []byte(k.Part+k.Sort))
	}
	for _, v := range []any{st.ledger(), view.Body} {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, raw)
	}
	plain := []byte(canary)
	coded := []byte(base64.StdEncoding.EncodeToString(plain)[:20])
	for _, text := range all {
		if bytes.Contains(text, plain) || bytes.Contains(text, coded) {
			t.Errorf("the token is in %s", text)
		}
	}
	_, err = st.live.service.Vault(context.Background(), "cus_1", "k", "4242424242424242")
	expectCode(t, "a card number", err, shop.Invalid)
}

// Goal: a method is made once a request; a stranger's method pays nothing.
func TestVault(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	ctx := context.Background()
	one, err := st.live.service.Vault(ctx, "cus_1", "k1", "tok_mastercard")
	if err != nil || one.Brand != "mastercard" || one.Last4 != "4444" {
		t.Fatalf("%+v, %v", one, err)
	}
	again, err := st.live.service.Vault(ctx, "cus_1", "k1", "tok_mastercard")
	if err != nil || again != one {
		t.Errorf("again: %+v, %v", again, err)
	}
	other, err := st.live.service.Vault(ctx, "cus_2", "k1", "tok_visa")
	if err != nil || other.ID == one.ID {
		t.Errorf("another customer: %+v, %v", other, err)
	}
	st.checkout("ord_1", "tok_visa", 1000)
	st.orders["ord_1"].Method = other.ID
	st.rest(time.Minute)
	if p := st.payment("ord_1"); p.Failed != "method_unknown" || len(st.ledger()) != 0 {
		t.Errorf("paid with another's card: %+v", p)
	}
}
