package app_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/room"
)

// market is one order of two parcels, at the doors that move it.
type market struct {
	*stage
	order   string
	tokens  [3]string // of the dealers dlr_1 and dlr_2
	admin   string
	buyer   string
	request int
}

// openMarket sells one thing of each dealer to a card.
func openMarket(t *testing.T, card string) *market {
	t.Helper()
	m := &market{stage: open(t)}
	m.list("dlr_1", "LAMP", 10)
	m.list("dlr_2", "RUG", 10)
	m.tokens[1], m.tokens[2] = m.token("dlr_1", room.Dealer()), m.token("dlr_2", room.Dealer())
	m.admin, m.buyer = m.token("adm_1", room.Admin()), m.token("cus_1", room.Customer())
	body := fmt.Sprintf(`{"items":[{"sku":"LAMP","quantity":1},{"sku":"RUG","quantity":1}],`+
		`"payment":{"token":%q},"shipTo":%s}`, card, address)
	a := m.ask("POST", "/v1/orders", m.buyer, body, "Idempotency-Key", "k1", "Prefer", "wait=10")
	var o struct{ ID, Status string }
	a.decode(t, &o)
	if a.status != 201 || o.Status != "placed" {
		t.Fatalf("checkout: %d %s", a.status, a.body)
	}
	m.order = o.ID
	m.until("both parcels are requested", func() bool {
		return m.state(1) == "requested" && m.state(2) == "requested"
	})
	return m
}

func (m *market) parcel(n int) string {
	return fmt.Sprintf("/v1/shipments/shp_%s_%d", strings.TrimPrefix(m.order, "ord_"), n)
}

func (m *market) state(n int) string {
	var v struct{ State string }
	if a := m.ask("GET", m.parcel(n), m.tokens[n], ""); a.status == 200 {
		a.decode(m.t, &v)
	}
	return v.State
}

func (m *market) status() string {
	var v struct{ Status, Reason string }
	m.ask("GET", "/v1/orders/"+m.order, m.buyer, "").decode(m.t, &v)
	return strings.TrimSpace(v.Status + " " + v.Reason)
}

// move takes a step of a parcel as its dealer, always under the same key, and requires the status
// and the code of the answer.
func (m *market) move(n int, verb string, status int, code string) {
	m.t.Helper()
	a := m.ask("POST", m.parcel(n)+"/"+verb, m.tokens[n], "",
		"Idempotency-Key", fmt.Sprint(verb, n))
	if a.status != status || a.code() != code {
		m.t.Fatalf("%s parcel %d: %d %s, want %d %s", verb, n, a.status, a.body, status, code)
	}
}

// command holds or approves the order.
func (m *market) command(verb string) {
	m.t.Helper()
	m.request++
	a := m.ask("POST", "/v1/orders/"+m.order+"/"+verb, m.admin, "",
		"Idempotency-Key", fmt.Sprint("command-", m.request))
	if a.status != 200 {
		m.t.Fatalf("%s: %d %s", verb, a.status, a.body)
	}
}

// told are the types of what was announced about a subject, without their version.
func (m *market) told(subject string) []string {
	events, err := m.p.History().Subject(m.t.Context(), subject, 0, platform.MaxList)
	if err != nil {
		m.t.Fatal(err)
	}
	types := make([]string, len(events))
	for i, e := range events {
		types[i] = strings.Split(e.Type, ".")[2]
	}
	return types
}

// Goal: whatever an administrator holds is not packed, over HTTP, until it is approved. Method:
// hold twice, with two dealers who pack meanwhile.
func TestHeldOrderIsNotPacked(t *testing.T) {
	t.Parallel()
	m := openMarket(t, "tok_visa")
	for round := 1; round <= 2; round++ {
		m.command("hold")
		m.until("fulfilment knows of the hold", func() bool {
			return len(m.told("parcels/"+m.order)) == 2*round-1
		})
		m.move(round, "pack", 409, "order_on_hold")
		m.move(round, "pack", 409, "order_on_hold")
		if have := m.state(round) + ", " + m.status(); have != "requested, on_hold admin" {
			t.Errorf("round %d: %s", round, have)
		}
		m.command("approve")
		m.until("fulfilment knows of the approval", func() bool {
			return len(m.told("parcels/"+m.order)) == 2*round
		})
		m.move(round, "pack", 200, "")
		m.until("the parcel is paid", func() bool { return m.state(round) == "cleared" })
	}
	want := []string{"stopped", "resumed", "stopped", "resumed"}
	if have := m.told("parcels/" + m.order); !slices.Equal(have, want) {
		t.Errorf("fulfilment announced %v", have)
	}
	m.command("hold")
	m.until("fulfilment knows", func() bool { return len(m.told("parcels/"+m.order)) == 5 })
	m.move(1, "dispatch", 409, "order_on_hold")
	m.command("approve")
	m.until("fulfilment knows", func() bool { return len(m.told("parcels/"+m.order)) == 6 })
	m.move(1, "dispatch", 200, "")
}

// Goal: a capture that is refused holds the whole order, and its approval has it tried again: when
// the provider agrees, the parcel leaves. Method: a card whose first capture is refused.
func TestApprovalCapturesAgain(t *testing.T) {
	t.Parallel()
	m := openMarket(t, "tok_capture_declined_once")
	m.move(1, "pack", 200, "")
	m.until("the order is on hold, and fulfilment knows", func() bool {
		return m.status() == "on_hold capture_failed" && len(m.told("parcels/"+m.order)) == 1
	})
	m.move(1, "dispatch", 409, "order_on_hold")
	m.move(2, "pack", 409, "order_on_hold")
	m.command("approve")
	m.until("the parcel is paid, and fulfilment knows", func() bool {
		return m.state(1) == "cleared" && len(m.told("parcels/"+m.order)) == 2
	})
	m.move(1, "dispatch", 200, "")
	m.move(2, "pack", 200, "")
	m.until("the other parcel is paid", func() bool { return m.state(2) == "cleared" })
	m.move(2, "dispatch", 200, "")
	want := []string{
		"intended", "authorized", "intended", "capture_failed", "intended", "captured", "intended",
		"captured",
	}
	pay := strings.Replace(m.order, "ord_", "payment/pay_", 1)
	if have := m.told(pay); !slices.Equal(have, want) {
		t.Errorf("payment announced %v, want %v", have, want)
	}
	var p struct {
		Status     string
		Operations []struct {
			Kind, Status string
			Attempt      int
		}
	}
	m.ask("GET", "/v1/"+strings.Replace(pay, "payment/", "payments/", 1), m.admin, "").decode(t, &p)
	if p.Status != "captured" || p.Operations[2].Attempt != 2 || p.Operations[2].Status != "done" {
		t.Errorf("the payment is %+v", p)
	}
	m.until("the order has left", func() bool { return m.status() == "placed" })
}

// Goal: a capture that is refused again after the approval holds the order again, and the order can
// still be cancelled. Method: a card that refuses every capture; approve twice, then cancel.
func TestRefusedAgainIsHeldAgain(t *testing.T) {
	t.Parallel()
	m := openMarket(t, "tok_capture_declined")
	m.move(1, "pack", 200, "")
	holds := func() (n int) {
		for _, typ := range m.told("order/" + m.order) {
			if typ == "held" {
				n++
			}
		}
		return n
	}
	for round := 1; round <= 3; round++ {
		m.until("the order is held", func() bool {
			return holds() == round && len(m.told("parcels/"+m.order)) == 2*round-1
		})
		m.move(1, "dispatch", 409, "order_on_hold")
		if round < 3 {
			m.command("approve")
		}
	}
	m.command("cancel")
	m.until("both parcels are cancelled", func() bool {
		return m.state(1) == "cancelled" && m.state(2) == "cancelled"
	})
	m.move(1, "dispatch", 409, "illegal_state")
	m.until("the money is free", func() bool {
		pay := strings.Replace(m.order, "ord_", "payment/pay_", 1)
		return slices.Contains(m.told(pay), "voided")
	})
}
