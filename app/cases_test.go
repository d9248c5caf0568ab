package app_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// cases asks for the open cases, page by page of one.
func (s *stage) cases(token string) (all []payment.CaseView) {
	s.t.Helper()
	for next := ""; ; {
		var page struct {
			Items []payment.CaseView
			Next  string
		}
		a := s.ask("GET", "/v1/ops/cases?limit=1&cursor="+url.QueryEscape(next), token, "")
		a.decode(s.t, &page)
		if a.status != 200 || len(page.Items) > 1 || len(all) > 10 {
			s.t.Fatalf("cases after %q: %d %s", next, a.status, a.body)
		}
		if all = append(all, page.Items...); page.Next == "" {
			return all
		}
		if next = page.Next; url.QueryEscape(next) != next {
			s.t.Errorf("the cursor %q has to be escaped", next)
		}
	}
}

// captured is an order whose only parcel was packed, and its money taken.
func (s *stage) captured(buyer, dealer, key string) (order, parcel string) {
	s.t.Helper()
	var o struct{ ID, Status string }
	a := s.ask("POST", "/v1/orders", buyer, checkout("LAMP", 1, "tok_visa"),
		"Idempotency-Key", key, "Prefer", "wait=10")
	a.decode(s.t, &o)
	parcel = "shp_" + strings.TrimPrefix(o.ID, "ord_") + "_1"
	path := "/v1/shipments/" + parcel
	state := func(want string) func() bool {
		return func() bool {
			var v struct{ State string }
			if a := s.ask("GET", path, dealer, ""); a.status == 200 {
				a.decode(s.t, &v)
			}
			return v.State == want
		}
	}
	s.until("the parcel is requested", state("requested"))
	if a := s.ask("POST", path+"/pack", dealer, "", "Idempotency-Key", parcel); a.status != 200 {
		s.t.Fatalf("pack: %d %s", a.status, a.body)
	}
	s.until("its money is taken", state("cleared"))
	return o.ID, parcel
}

// Goal: when a cancelled order's refund is refused, an operator sees it, tries it again, and sees
// it gone when the money is back. Method: the whole shop with a provider that refuses refunds until
// it is told not to; two such orders, the list read page by page.
func TestRefusedRefundIsACase(t *testing.T) {
	t.Parallel()
	var kind atomic.Bool
	provider, err := sandbox.Open(sandbox.Options{
		Clock: machine{}, Plan: func(operation, _ string, _ int) sandbox.Plan {
			if operation == sandbox.Refund && !kind.Load() {
				return sandbox.Plan(0).With(sandbox.RefundRefused)
			}
			return 0
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := openWith(t, func(c *app.Config) { c.Payment.Provider = provider })
	s.list("dlr_1", "LAMP", 10)
	buyer, dealer := s.token("cus_1", room.Customer()), s.token("dlr_1", room.Dealer())
	admin, robot := s.token("adm_1", room.Admin()), s.token("robot", room.ServiceRole())
	if list := s.cases(admin); len(list) != 0 {
		t.Errorf("cases without an order: %+v", list)
	}
	began := time.Now()
	parcels := make(map[string]string)
	for i := range 2 {
		order, parcel := s.captured(buyer, dealer, fmt.Sprint("k", i))
		parcels[order] = parcel
		a := s.ask("POST", "/v1/orders/"+order+"/cancel", buyer, "", "Idempotency-Key", order)
		if a.status != 200 {
			t.Errorf("cancel: %d %s", a.status, a.body)
		}
	}
	s.until("both refunds are cases", func() bool { return len(s.cases(robot)) == 2 })
	for _, c := range s.cases(admin) {
		if c.Reason != "refund_refused" || c.Operation != "refund" || c.Status != "refused" ||
			c.Amount.Amount != 510 || string(c.Shipment) != parcels[string(c.Order)] ||
			c.OpenedAt.Before(began) || c.OpenedAt.After(time.Now()) || c.Age < 0 {
			t.Errorf("a case is shown as %+v", c)
		}
		kind.Store(true)
		a := s.ask("POST", "/v1/payments/"+string(c.Payment)+"/refunds", admin,
			fmt.Sprintf(`{"refund":%q}`, c.Refund), "Idempotency-Key", "again")
		if a.status != 202 {
			t.Errorf("again: %d %s", a.status, a.body)
		}
	}
	s.until("no case is open", func() bool { return len(s.cases(admin)) == 0 })
	for order := range parcels {
		var p payment.PaymentView
		id := "/v1/payments/pay_" + strings.TrimPrefix(order, "ord_")
		s.ask("GET", id, buyer, "").decode(t, &p)
		if p.Status != "refunded" || p.Refunded.Amount != 510 {
			t.Errorf("the payment of %s is %+v", order, p)
		}
	}
}
