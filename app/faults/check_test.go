package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app/verify"
	payer "github.com/souk-commerce/souk/shop/ledger/sandbox"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// outcome is where a script has led, in words, without what differs from run to run: orders,
// stock, the shop's books, messages, and the provider's own books.
func (m *market) outcome() string {
	m.t.Helper()
	var b strings.Builder
	for _, line := range slices.Concat(
		m.orders(), m.stock(), m.messages(), m.effects(), m.payouts(),
	) {
		b.WriteString(line + "\n")
	}
	b.Write(m.ask(request{who: admin, verb: "GET /v1/ops/ledger/trial-balance"}).body)
	return b.String()
}

func (m *market) orders() []string {
	m.t.Helper()
	var page struct {
		Items []struct{ Status, PaymentStatus, FulfilmentStatus, ReturnStatus string }
	}
	m.ask(request{who: buyer, verb: "GET /v1/orders?limit=100"}).decode(m.t, &page)
	var all []string
	for _, o := range page.Items {
		all = append(all, fmt.Sprintf("order %+v", o))
	}
	slices.Sort(all)
	return all
}

func (m *market) stock() []string {
	m.t.Helper()
	var page struct{ Items []struct{ ID string } }
	m.ask(request{who: buyer, verb: "GET /v1/products?limit=100"}).decode(m.t, &page)
	var all []string
	for _, p := range page.Items {
		a := m.ask(request{who: dealer, verb: "GET /v1/stock/" + p.ID})
		all = append(all, fmt.Sprintf("stock %s", a.body))
	}
	return all
}

func (m *market) messages() []string {
	m.t.Helper()
	var page struct{ Items []struct{ Topic string } }
	m.ask(request{who: buyer, verb: "GET /v1/messages"}).decode(m.t, &page)
	var all []string
	for _, p := range page.Items {
		all = append(all, "message "+p.Topic)
	}
	slices.Sort(all)
	return all
}

// effects are the provider's books. No key may have its effect twice.
func (m *market) effects() []string {
	m.t.Helper()
	var all []string
	seen := make(map[string]bool)
	for _, e := range ledgerOf(m.t, m.bank) {
		if seen[e.Key] && (e.Kind == sandbox.Authorise || e.Kind == sandbox.Capture) {
			m.t.Errorf("the provider has done %s twice: %+v", e.Key, e)
		}
		seen[e.Key] = true
		all = append(all, fmt.Sprintf("%s %d", e.Kind, e.Amount))
	}
	for _, e := range paidBy(m.t, m.payer) {
		if seen[e.Kind+e.Key] {
			m.t.Errorf("the payer has done %s twice: %+v", e.Key, e)
		}
		seen[e.Kind+e.Key] = true
		all = append(all, fmt.Sprintf("%s %d", e.Kind, e.Amount))
	}
	slices.Sort(all)
	return all
}

// payouts is how the dealer was paid, and what is left.
func (m *market) payouts() []string {
	m.t.Helper()
	var page struct {
		Items []struct{ Status string }
	}
	m.ask(request{who: dealer, verb: "GET /v1/payouts?limit=100"}).decode(m.t, &page)
	all := []string{
		string(m.ask(request{who: dealer, verb: "GET /v1/dealers/" + dealer + "/balance"}).body),
	}
	for _, p := range page.Items {
		all = append(all, "payout "+p.Status)
	}
	return all
}

func paidBy(t testing.TB, bank *payer.Sandbox) []payer.Entry {
	t.Helper()
	var all []payer.Entry
	err := bank.Ledger(func(e payer.Entry) error {
		all = append(all, e)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return all
}

func ledgerOf(t testing.TB, bank *sandbox.Sandbox) []sandbox.Entry {
	t.Helper()
	var all []sandbox.Entry
	err := bank.Ledger(func(e sandbox.Entry) error {
		all = append(all, e)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return all
}

// encodeLedger writes entries as the file in which a provider keeps them.
func encodeLedger(entries []sandbox.Entry) []byte {
	var b []byte
	for _, e := range entries {
		line, err := json.Marshal(e)
		if err != nil {
			panic("an entry has no JSON: " + err.Error())
		}
		b = append(append(b, line...), '\n')
	}
	return b
}

// audit checks everything that must hold of a market at rest.
func (m *market) audit() {
	m.t.Helper()
	p, err := m.pulse()
	if err != nil || p.dead > 0 || p.pending+p.waiting > 0 {
		m.t.Errorf("deliveries: %+v, %v", p, err)
	}
	m.verify(true)
}

// verify runs the checker over the whole history.
func (m *market) verify(quiescent bool) {
	m.t.Helper()
	if m.contracts == nil {
		m.contracts = compiled(m.t)
	}
	for {
		end := m.end()
		report, err := verify.Run(context.Background(), verify.Input{
			History: m.p.History(), Delivery: m.p.Delivery(), Rooms: m.app.Rooms(),
			Catalogue: m.cat, Quiescent: quiescent, Provider: m.provided, Payouts: m.paid,
			LedgerOf: sandbox.Name, Contracts: m.contracts,
		})
		switch {
		case err != nil:
			m.t.Errorf("verify: %v", err)
		case m.end() != end && !m.t.Failed():
			continue // on a busy machine a timer fired meanwhile, and only what rests is judged
		case !report.Clean() || report.Open() > 0:
			m.t.Errorf("%s", report)
		}
		return
	}
}

// end is where the log ends now.
func (m *market) end() string {
	m.t.Helper()
	const farAway = 1 << 40 // seconds
	cursor, err := m.p.History().Seek(context.Background(), time.Unix(farAway, 0))
	if err != nil {
		m.t.Errorf("find the end of the log: %v", err)
	}
	return cursor
}

// provided is the provider's books in verify's terms.
func (m *market) provided(fn func(verify.Effect) error) error {
	return m.bank.Ledger(func(e sandbox.Entry) error {
		return fn(verify.Effect{
			Key: e.Key, Payment: e.Payment, Order: e.Order, Kind: e.Kind, Amount: e.Amount,
			Currency: e.Currency, At: e.At, Ref: e.Ref,
		})
	})
}

// paid is the payer's books in verify's terms.
func (m *market) paid(fn func(verify.Paid) error) error {
	return m.payer.Ledger(func(e payer.Entry) error {
		return fn(verify.Paid{
			Key: e.Key, Payout: e.Payout, Dealer: e.Dealer, Kind: e.Kind, Amount: e.Amount,
			Currency: e.Currency,
		})
	})
}

// sameLines compares two sorted lists.
func sameLines(t testing.TB, want, got []string) {
	t.Helper()
	if !slices.Equal(want, got) {
		t.Errorf("want %q, got %q", want, got)
	}
}
