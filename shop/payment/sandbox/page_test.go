package sandbox_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// Goal: the address that a customer is given leads to a page that confirms, once, or refuses.
// Method: two payments that want confirmation, answered yes and no.
func TestPages(t *testing.T) {
	t.Parallel()
	s, err := sandbox.Open(sandbox.Options{Clock: platformtest.NewClock(platformtest.Start())})
	if err != nil {
		t.Fatal(err)
	}
	for answer, want := range map[string]payment.Verdict{
		"yes": payment.Succeeded, "no": payment.Refused,
	} {
		r := payment.Request{
			Operation: payment.Authorise, Key: "k" + answer, Payment: "pay_1", Order: "ord_1",
			Amount: shop.Money{Amount: 1000, Currency: "GBP"}, Token: "tok_requires_action",
		}
		out, err := s.Do(context.Background(), r)
		if err != nil || out.Page != sandbox.PagePath+r.Key {
			t.Fatalf("%+v, %v", out, err)
		}
		ask := func(method, body string) int {
			req := httptest.NewRequestWithContext(t.Context(), method, out.Page,
				strings.NewReader(body))
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			rec := httptest.NewRecorder()
			s.Pages().ServeHTTP(rec, req)
			return rec.Code
		}
		if code := ask(http.MethodGet, ""); code != http.StatusOK {
			t.Errorf("the page: %d", code)
		}
		for _, code := range []int{http.StatusOK, http.StatusConflict} {
			if got := ask(http.MethodPost, "answer="+answer); got != code {
				t.Errorf("%s: %d, want %d", answer, got, code)
			}
		}
		if now, err := s.Status(context.Background(), r); err != nil || now.Verdict != want {
			t.Errorf("%s: %+v, %v", answer, now, err)
		}
	}
}
