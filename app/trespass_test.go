package app_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/room"
)

// placed is an order of cus_1's for things of dlr_1's, and the names of what belongs to it.
func (s *stage) placed(key string) (order, payment, shipment string) {
	s.t.Helper()
	var o struct{ ID, Status string }
	a := s.ask("POST", "/v1/orders", s.token("cus_1", room.Customer()),
		checkout("a", 1, "tok_visa"), "Idempotency-Key", key, "Prefer", "wait=20")
	if a.decode(s.t, &o); o.Status != "placed" {
		s.t.Fatalf("the order was not placed: %d %s", a.status, a.body)
	}
	name := strings.TrimPrefix(o.ID, "ord_")
	return o.ID, "pay_" + name, "shp_" + name + "_1"
}

// Goal: what belongs to others is not there, whoever asks for it in whichever way, and stays as it
// is. Method: every route with a name in its path, as another of each role that it admits and that
// does not stand above, and the lists that can be asked for by name.
func TestThingsOfOthersAreNotThere(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "a", 10)
	order, pay, shipment := s.placed("k1")
	s.ask("POST", "/v1/purchases", s.token("svc_1", room.ServiceRole()), purchase("ord_bought"))
	s.until("the purchase is an order", func() bool {
		status, _ := s.became(s.token("cus_1", room.Customer()), "ord_bought")
		return status == "ordered"
	})
	names := map[string]string{
		"orders": order, "payments": pay, "shipments": shipment, "purchases": "ord_bought",
		"products": "a", "stock": "a", "dealers": "dlr_1", "payouts": "pyt_1",
		"returns": s.sentBack(order, shipment),
	}
	bodies := map[string]string{
		"patchProduct": `{"withdrawn":true}`, "putStock": `{"onHand":0}`,
		"putStockRules": `{"safety":1}`, "postStockCount": `{"counted":0}`,
		"putPayee":    `{"token":"ba_mine","schedule":"daily"}`,
		"postAttempt": `{"payment":{"token":"tok_visa"}}`,
	}
	bodies["postReturn"] = fmt.Sprintf(
		`{"shipment":%q,"lines":[{"sku":"a","quantity":1,"reason":"other"}]}`, shipment)
	bodies["postDeclineReturn"] = `{"reason":"other"}`
	bodies["postReceiveReturn"] = `{"items":[{"sku":"a","quantity":1}]}`
	bodies["postInspectReturn"] = `{"units":[{"sku":"a","quantity":1,"verdict":"scrap"}]}`
	bodies["postCancelLines"], bodies["previewCancelLines"] = cutBody("a"), cutBody("a")
	bodies["postEdit"], bodies["previewEdit"] = addBody("a"), addBody("a")
	bodies["postNote"] = `{"text":"x"}`
	const days = "?currency=GBP&from=2026-01-01&to=2026-02-01"
	queries := map[string]string{"getStatement": days, "getStatementCSV": days}
	tried, before := 0, s.events()
	for _, r := range s.app.Routes() {
		part, _, _ := strings.Cut(strings.TrimPrefix(r.Path, "/v1/"), "/")
		if names[part] == "" || !strings.Contains(r.Path, "{") || len(r.Roles) == 0 {
			continue
		}
		path := strings.NewReplacer("{id}", names[part], "{sku}", names[part]).Replace(r.Path)
		for _, role := range []room.Role{room.Customer(), room.Dealer()} {
			if !slices.Contains(r.Roles, role) {
				continue
			}
			// The name of a dealer on a customer's token opens nothing of the dealer's.
			for _, other := range []shop.ID{"other_1", "dlr_1", "cus_1"} {
				if role == room.Customer() && other == "cus_1" ||
					role == room.Dealer() && other == "dlr_1" {
					continue
				}
				a := s.ask(r.Method, path+queries[r.ID], s.token(other, role), bodies[r.ID],
					"Idempotency-Key", "k1", "If-Match", "*")
				want := "not_found"
				if r.ID == "patchProduct" { // whose a listing is, everybody may know
					want = "forbidden"
				}
				if tried++; a.code() != want {
					t.Errorf("%s %s as %s %s: %d %s", r.Method, path, role, other, a.status, a.body)
				}
			}
		}
	}
	if tried < 12 {
		t.Errorf("only %d requests were tried", tried)
	}
	s.trespassLists()
	if after := s.events(); after != before {
		t.Errorf("trespassing left %d events", after-before)
	}
}

// trespassLists asks for others' lists, and for another's payout.
func (s *stage) trespassLists() {
	s.t.Helper()
	for path, role := range map[string]room.Role{
		"/v1/orders?customer=cus_1":   room.Customer(),
		"/v1/messages?customer=cus_1": room.Customer(),
		"/v1/shipments?dealer=dlr_1":  room.Dealer(),
		"/v1/payouts?dealer=dlr_1":    room.Dealer(),
	} {
		if a := s.ask("GET", path, s.token("other_1", role), ""); a.code() != "not_found" {
			s.t.Errorf("GET %s of another: %d %s", path, a.status, a.body)
		}
	}
	if a := s.ask("POST", "/v1/payouts", s.token("other_1", room.Dealer()),
		`{"dealer":"dlr_1","currency":"GBP"}`, "Idempotency-Key", "k1"); a.code() != "not_found" {
		s.t.Errorf("another dealer's payout: %d %s", a.status, a.body)
	}
}

func purchase(order string) string {
	return fmt.Sprintf(`{"orderId":%q,"customerId":"cus_1",`+
		`"itemList":[{"sku":"a","quantity":1}],"paymentStatus":"pending",`+
		`"payment":{"token":"tok_visa"},"shipTo":%s}`, order, address)
}

// Goal: a client decides nothing that is the shop's to decide. Method: every body that there is,
// with each field that an answer has and a request has not.
func TestNothingIsAssignedByTheClient(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "a", 10)
	order, pay, shipment := s.placed("k1")
	tokens := map[string]string{
		"cus": s.token("cus_1", room.Customer()), "dlr": s.token("dlr_1", room.Dealer()),
		"adm": s.token("adm_1", room.Admin()), "svc": s.token("svc_1", room.ServiceRole()),
	}
	requests := []struct{ who, line, body string }{
		{"cus", "POST /v1/orders", checkout("a", 1, "tok_visa")},
		{"cus", "PUT /v1/carts/cart_1", `{"items":[{"sku":"a","quantity":1}]}`},
		{"cus", "POST /v1/orders/" + order + "/cancel", `{"reason":"mistake"}`},
		{"adm", "POST /v1/orders/" + order + "/hold", `{"reason":"fraud"}`},
		{"dlr", "POST /v1/products", `{"sku":"b","title":"B","price":{"amount":1,"currency":"GBP"}}`},
		{"dlr", "PATCH /v1/products/a", `{"price":{"amount":2,"currency":"GBP"}}`},
		{"dlr", "PUT /v1/stock/a", `{"onHand":20}`},
		{"dlr", "POST /v1/shipments/" + shipment + "/dispatch", `{"tracking":"x"}`},
		{"adm", "POST /v1/payments/" + pay + "/capture", `{"shipment":"` + shipment + `"}`},
		{"adm", "POST /v1/payments/" + pay + "/refunds", `{"shipment":"` + shipment +
			`","amount":{"amount":1,"currency":"GBP"}}`},
		{"svc", "POST /v1/purchases", purchase("ord_bought")},
		{"dlr", "PUT /v1/dealers/dlr_1/payee", `{"token":"ba_mine","schedule":"daily"}`},
		{"adm", "PUT /v1/dealers/dlr_1/terms", `{"commissionBps":700}`},
		{"dlr", "POST /v1/payouts", `{"currency":"GBP"}`},
	}
	fields := []string{
		"id", "order", "customer", "total", "status", "version", "seq", "role", "captured",
		"available", "operation", "commission", "createdAt", "Items", "__proto__", "$set", "",
	}
	before := s.events()
	for _, r := range requests {
		method, path, _ := strings.Cut(r.line, " ")
		for i, f := range fields {
			for _, body := range []string{
				strings.Replace(r.body, "{", fmt.Sprintf(`{%q:1,`, f), 1),
				strings.Replace(r.body, `"quantity":1`, fmt.Sprintf(`"quantity":1,%q:1`, f), 1),
			} {
				if body == r.body { // it has no items
					continue
				}
				a := s.ask(method, path, tokens[r.who], body,
					"Idempotency-Key", fmt.Sprint("m", i), "If-Match", "*")
				if a.code() != "invalid" {
					t.Errorf("%s with %q: %d %s", r.line, f, a.status, a.body)
				}
			}
		}
	}
	for _, field := range []string{`"commissionBps":0`, `"dealer":"dlr_2"`} { // are an admin's
		a := s.ask("POST", "/v1/products", tokens["dlr"], `{"sku":"b","title":"B",`+field+
			`,"price":{"amount":1,"currency":"GBP"}}`, "Idempotency-Key", "own")
		if a.code() != "forbidden" {
			t.Errorf("a dealer who sets %s: %d %s", field, a.status, a.body)
		}
	}
	if after := s.events(); after != before {
		t.Errorf("refusals left %d events", after-before)
	}
}

// Goal: only our own signature over just these bytes speaks for somebody. Method: a good token,
// changed in every part; each must be as good as none.
func TestForgedTokens(t *testing.T) {
	t.Parallel()
	s := open(t)
	good := s.token("cus_1", room.Customer())
	part := strings.Split(good, ".")
	encode := func(text string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(text))
	}
	claims, err := base64.RawURLEncoding.DecodeString(part[1])
	if err != nil {
		t.Fatal(err)
	}
	admin := encode(strings.Replace(string(claims), "customer", "admin", 1))
	none := encode(`{"alg":"none","typ":"JWT"}`)
	stranger := open(t).token("cus_1", room.Customer()) // of another shop, with its own keys
	for name, token := range map[string]string{
		"another role":       part[0] + "." + admin + "." + part[2],
		"no algorithm":       none + "." + part[1] + ".",
		"no algorithm, kept": none + "." + part[1] + "." + part[2],
		"a shared secret":    encode(`{"alg":"HS256","typ":"JWT"}`) + "." + part[1] + "." + part[2],
		"a key of its own": encode(`{"alg":"EdDSA","jwk":{"kty":"OKP"}}`) + "." + part[1] + "." +
			part[2],
		"no signature":     part[0] + "." + part[1] + ".",
		"two parts":        part[0] + "." + part[1],
		"four parts":       good + "." + part[2],
		"padding":          good + "=",
		"a space":          good + " x",
		"a comma":          good + "," + good,
		"another shop's":   stranger,
		"a signature less": good[:len(good)-2],
		"nothing":          "",
		"a great deal":     strings.Repeat("a", 9_000),
	} {
		a := s.ask("GET", "/v1/orders", "", "", "Authorization", "Bearer "+token)
		if a.status != 401 || a.code() != "unauthorised" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for _, scheme := range []string{"Basic ", "", "Bearer", "Token ", "Bearer\u00a0"} {
		if a := s.ask("GET", "/v1/orders", "", "", "Authorization", scheme+good); a.status != 401 {
			t.Errorf("scheme %q: %d", scheme, a.status)
		}
	}
	for _, path := range []string{"?access_token=" + good, "?token=" + good} {
		if a := s.ask("GET", "/v1/orders"+path, "", "", "Cookie", "token="+good); a.status != 401 {
			t.Errorf("a token that is no header: %d", a.status)
		}
	}
}

// Goal: a webhook that we have no secret for, that was changed, or that is old has no effect.
// Method: a good one, and each way of spoiling it.
func TestForgedWebhooks(t *testing.T) {
	t.Parallel()
	secret := []byte("a secret of at least 32 bytes, as it must be")
	s := openWith(t, func(c *app.Config) { c.Payment.Secrets = [][]byte{secret} })
	const body = `{"type":"operation.succeeded","timestamp":"2026-01-01T00:00:00Z",` +
		`"data":{"payment":"pay_none","key":"none"}}`
	now := time.Now()
	seconds := func(at time.Time) string { return fmt.Sprint(at.Unix()) }
	sign := func(secret []byte, at time.Time) string {
		return payment.Sign(secret, "msg_1", at, []byte(body))
	}
	good, old := sign(secret, now), now.Add(-time.Hour)
	before := s.events()
	for name, c := range map[string]struct {
		id, at, signature, body string
		status                  int
	}{
		"good":            {"msg_1", seconds(now), good, body, 204},
		"good, again":     {"msg_1", seconds(now), good, body, 204},
		"one of several":  {"msg_1", seconds(now), "v1,AAAA v2,x " + good, body, 204},
		"another id":      {"msg_2", seconds(now), good, body, 401},
		"another time":    {"msg_1", seconds(now.Add(time.Minute)), good, body, 401},
		"another body":    {"msg_1", seconds(now), good, body + " ", 401},
		"another version": {"msg_1", seconds(now), "v2" + good[2:], body, 401},
		"another secret":  {"msg_1", seconds(now), sign([]byte("guess"), now), body, 401},
		"an empty secret": {"msg_1", seconds(now), sign(nil, now), body, 401},
		"none":            {"msg_1", seconds(now), "", body, 401},
		"after eight bad": {"msg_1", seconds(now), strings.Repeat("v1,A ", 8) + good, body, 401},
		"old":             {"msg_1", seconds(old), sign(secret, old), body, 401},
		"the end of time": {"msg_1", "9223372036854775807", good, body, 401},
		"the beginning":   {"msg_1", "-9223372036854775808", good, body, 401},
		"no time":         {"msg_1", "now", good, body, 422},
		"no id":           {"", seconds(now), good, body, 422},
	} {
		a := s.ask("POST", "/v1/webhooks/sandbox", "", c.body, "webhook-id", c.id,
			"webhook-timestamp", c.at, "webhook-signature", c.signature)
		if a.status != c.status {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	a := s.ask("POST", "/v1/webhooks/other", "", body, "webhook-id", "msg_1",
		"webhook-timestamp", seconds(now), "webhook-signature", good)
	if a.status != 404 {
		t.Errorf("of another provider: %d %s", a.status, a.body)
	}
	if after := s.events(); after != before {
		t.Errorf("webhooks of nothing left %d events", after-before)
	}
}

// Goal: what the market earns is not shown to customers, and is to administrators. Method: an
// order's history and stream as both.
func TestCustomersDoNotSeeCommissions(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "a", 10)
	order, _, _ := s.placed("k1")
	buyer := s.token("cus_1", room.Customer())
	path := "/v1/orders/" + order + "/events"
	shown := s.ask("GET", path, buyer, "")
	if strings.Contains(string(shown.body), "ommission") ||
		!strings.Contains(string(shown.body), `"unitPrice":510`) {
		t.Errorf("the customer is shown %s", shown.body)
	}
	all := s.ask("GET", path, s.token("adm_1", room.Admin()), "")
	if !strings.Contains(string(all.body), `"commission":51`) {
		t.Errorf("the administrator is shown %s", all.body)
	}
	s.ask("POST", "/v1/orders/"+order+"/cancel", buyer, "", "Idempotency-Key", "c")
	live := s.ask("GET", path, buyer, "", "Accept", "text/event-stream") // ends with the order
	if strings.Contains(string(live.body), "ommission") ||
		!strings.Contains(string(live.body), "souk.order.cancelled") {
		t.Errorf("the stream shows %s", live.body)
	}
}

// Goal: a checkout is paid with the card that it names. Method: the same name as an idempotency
// key of a refused checkout and as a purchase of a machine, with different cards.
func TestCardsAreNotMistaken(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "a", 10)
	var o struct{ Status, Reason string }
	a := s.ask("POST", "/v1/orders", s.token("cus_1", room.Customer()),
		checkout("a", 1, "tok_declined"), "Idempotency-Key", "ord_trick", "Prefer", "wait=20")
	if a.decode(t, &o); o.Status != "cancelled" || o.Reason != "payment_failed" {
		t.Fatalf("a declined card: %d %s", a.status, a.body)
	}
	machine := s.token("svc_1", room.ServiceRole())
	if a := s.ask("POST", "/v1/purchases", machine, purchase("ord_trick")); a.status != 202 {
		t.Fatalf("the purchase: %d %s", a.status, a.body)
	}
	s.until("the purchase is decided", func() bool {
		a := s.ask("GET", "/v1/orders/ord_trick", machine, "")
		o.Status = "pending_payment"
		if a.status == http.StatusOK {
			a.decode(t, &o)
		}
		return o.Status != "pending_payment"
	})
	if o.Status != "placed" {
		t.Errorf("paid with another card, the order is %s (%s)", o.Status, o.Reason)
	}
}
