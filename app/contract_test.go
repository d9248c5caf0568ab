package app_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/shop/room"
)

// contract is the published document, read by a library that did not write it.
type contract struct{ router routers.Router }

// readContract reads and checks the document that a shop serves. Another test holds it against
// docs/openapi.json.
func readContract(t testing.TB, a *app.App) *contract {
	t.Helper()
	raw, err := a.Document()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		t.Fatal(err)
	}
	router, err := legacy.NewRouter(doc, openapi3.IsOpenAPI31OrLater())
	if err != nil {
		t.Fatal(err)
	}
	return &contract{router}
}

// check holds one exchange against the document: every answer, and the request if it was taken.
// What has no operation in the document (another method, another path) is not part of it. A nil
// contract checks nothing, for tests that send the same by the thousand.
func (c *contract) check(t testing.TB, req *http.Request, body string, a answer) {
	t.Helper()
	if c == nil {
		return
	}
	asked := req.Clone(context.Background())
	asked.Body = io.NopCloser(strings.NewReader(body))
	route, values, err := c.router.FindRoute(asked)
	if err != nil {
		return
	}
	stream := strings.HasPrefix(a.head.Get("Content-Type"), "text/event-stream")
	in := &openapi3filter.RequestValidationInput{
		Request: asked, PathParams: values, Route: route,
		Options: &openapi3filter.Options{
			MultiError: true, IncludeResponseStatus: true, ExcludeResponseBody: stream,
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		},
	}
	if a.status < 300 {
		if err := openapi3filter.ValidateRequest(t.Context(), in); err != nil {
			t.Errorf("%s %s was taken, but not as the document says: %v\n%s",
				req.Method, req.URL.Path, err, body)
		}
	}
	err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: a.status, Header: a.head,
		Body: io.NopCloser(bytes.NewReader(a.body)), Options: in.Options,
	})
	if err != nil {
		t.Errorf("%s %s answered %d, but not as the document says: %v\n%s",
			req.Method, req.URL.Path, a.status, err, a.body)
	}
}

// Goal: the published document is OpenAPI 3.1, and the life of an order is in it, every request
// and every answer. Method: a second reader of the document, which every test of this package asks
// about every exchange, and one order that goes through all doors.
func TestEveryExchangeIsInTheDocument(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.list("dlr_1", "a", 10)
	buyer, seller := s.token("cus_1", room.Customer()), s.token("dlr_1", room.Dealer())
	admin, machine := s.token("adm_1", room.Admin()), s.token("svc_1", room.ServiceRole())
	var o struct{ ID string }
	s.ask("PUT", "/v1/carts/cart_1", buyer, `{"items":[{"sku":"a","quantity":1}]}`)
	s.ask("POST", "/v1/orders", buyer, checkout("a", 2, "tok_visa"),
		"Idempotency-Key", "k1", "Prefer", "wait=20").decode(t, &o)
	name := strings.TrimPrefix(o.ID, "ord_")
	for _, verb := range []string{"pack", "dispatch", "deliver"} {
		path := "/v1/shipments/shp_" + name + "_1"
		s.until("cleared", func() bool {
			a := s.ask("POST", path+"/"+verb, seller, "", "Idempotency-Key", verb)
			return a.status == 200
		})
	}
	s.ask("POST", "/v1/payments/pay_"+name+"/refunds", admin, `{"shipment":"shp_`+name+
		`_1","amount":{"amount":1,"currency":"GBP"}}`, "Idempotency-Key", "r1")
	s.ask("POST", "/v1/purchases", machine, `{"orderId":"ord_x","customerId":"cus_1",
		"itemList":[{"sku":"a","quantity":1}],"paymentStatus":"pending",
		"payment":{"token":"tok_visa"},"shipTo":`+address+`}`)
	for who, paths := range map[string][]string{
		buyer: {"/v1/orders", "/v1/orders/" + o.ID, "/v1/orders/" + o.ID + "/events",
			"/v1/payments/pay_" + name, "/v1/shipments/shp_" + name + "_1", "/v1/messages",
			"/v1/products", "/v1/products/a", "/v1/stock/a", "/.well-known/jwks.json"},
		seller: {"/v1/shipments", "/v1/shipments/shp_" + name + "_1"},
		admin: {"/v1/ops/analytics", "/v1/ops/ledger/trial-balance", "/v1/ops/subscriptions",
			"/v1/ops/dead-letters?subscription=app.watch-orders", "/v1/ops/intake", "/metrics",
			"/v1/messages?customer=cus_1", "/v1/orders?customer=cus_1"},
	} {
		for _, path := range paths {
			if a := s.ask("GET", path, who, ""); a.status != 200 {
				t.Errorf("GET %s: %d %s", path, a.status, a.body)
			}
		}
	}
}
