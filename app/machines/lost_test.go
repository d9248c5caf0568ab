package machines_test

import (
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/app/machines"
	"github.com/souk-commerce/souk/platform/embedded/crashtest"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// lostCity is where the sandbox's carrier loses parcels.
const lostCity = "Lostwithal"

// execution is the one execution about a parcel; false while there is none.
func (m *market) execution(parcel string) (v machines.ExecutionView, ok bool) {
	m.t.Helper()
	var page struct{ Items []machines.ExecutionLine }
	m.ask("adm_1", "GET /v1/ops/executions?machine=lost-shipment", "", "").decode(m.t, &page)
	if len(page.Items) == 0 {
		return v, false
	}
	if len(page.Items) > 1 || page.Items[0].Name != parcel {
		m.t.Fatalf("there are %+v", page.Items)
	}
	a := m.ask("adm_1", "GET /v1/ops/executions/"+page.Items[0].Execution, "", "")
	if a.status != 200 {
		return v, false
	}
	a.decode(m.t, &v)
	return v, true
}

// question waits until a person is asked, and returns the token of the answer.
func (m *market) question(parcel string) (token string) {
	m.t.Helper()
	m.through("somebody is asked", func() bool {
		v, _ := m.execution(parcel)
		for _, c := range v.Calls {
			if token = c.Token; token != "" {
				return true
			}
		}
		return v.Status != "" && v.Status != "RUNNING"
	})
	return token
}

// ended waits for the end of the execution.
func (m *market) ended(parcel string) (v machines.ExecutionView) {
	m.t.Helper()
	m.through("the execution ends", func() bool {
		v, _ = m.execution(parcel)
		return v.Status != "" && v.Status != "RUNNING"
	})
	return v
}

// decide answers whoever asked.
func (m *market) decide(token, decision string) int {
	m.t.Helper()
	return m.ask("adm_1", "POST /v1/ops/tasks/success", "",
		`{"token":"`+token+`","output":"{\"decision\":\"`+decision+`\"}"}`).status
}

// refunded requires that the parcel's money went back, once and all of it.
func (m *market) refunded(parcel string) {
	m.t.Helper()
	n, left := 0, int64(0)
	for _, e := range m.books(m.t) {
		switch e.Kind {
		case sandbox.Capture:
			left += e.Amount
		case sandbox.Refund:
			left -= e.Amount
			n++
		}
	}
	var p struct{ Status string }
	m.ask("cus_1", "GET /v1/payments/pay_"+strings.TrimSuffix(
		strings.TrimPrefix(parcel, "shp_"), "_1"), "", "").decode(m.t, &p)
	if n != 1 || left != 0 || p.Status != "refunded" {
		m.t.Errorf("%d refunds, %d is left, the payment is %s", n, left, p.Status)
	}
	var b struct {
		Accounts []struct {
			Account string
			Balance struct{ Amount int64 }
		}
	}
	m.ask("adm_1", "GET /v1/ops/ledger/trial-balance", "", "").decode(m.t, &b)
	for _, a := range b.Accounts {
		if a.Balance.Amount != 0 {
			m.t.Errorf("the account %s ends with %d", a.Account, a.Balance.Amount)
		}
	}
}

// completed requires that the parcel is at its end, that nothing of it comes back, and that the
// order comes to its own.
func (m *market) completed(parcel string) {
	m.t.Helper()
	if state := m.parcel(parcel).State; state != "lost" {
		m.t.Errorf("the parcel is %s", state)
	}
	id := "ord_" + strings.TrimSuffix(strings.TrimPrefix(parcel, "shp_"), "_1")
	if a := m.ask("cus_1", "POST /v1/orders/"+id+"/returns", "back", `{"shipment":"`+parcel+
		`","lines":[{"sku":"lamp","quantity":1,"reason":"unwanted"}]}`); a.status != 409 {
		m.t.Errorf("a return of a lost parcel: %d %s", a.status, a.body)
	}
	var o struct {
		Status, PaymentStatus, FulfilmentStatus string
		Lost                                    int
	}
	m.through("the order is completed", func() bool {
		m.ask("cus_1", "GET /v1/orders/"+id, "", "").decode(m.t, &o)
		return o.Status == "completed"
	})
	if o.PaymentStatus != "refunded" || o.FulfilmentStatus != "fulfilled" || o.Lost != 1 {
		m.t.Errorf("the order ends as %+v", o)
	}
}

// Goal: a parcel that the carrier loses is asked about and its money goes back once; what a machine
// does shows at the doors. Method: the whole shop with a carrier that loses parcels; somebody who
// first waits and then refunds; every door of executions; the checker at the end, and again when
// the execution was removed.
func TestLostParcelIsRefunded(t *testing.T) {
	t.Parallel()
	m, err := openMarket(t, newOutside(t, platformtest.Start(), nil, nil), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	parcel := m.dispatched(lostCity)
	first := m.question(parcel)
	if status := m.decide(first, "wait"); status != 204 {
		t.Errorf("answered with %d", status)
	}
	m.through("the question is over", func() bool {
		v, _ := m.execution(parcel)
		return len(v.Calls) == 0
	})
	second := m.question(parcel)
	if second == first || second == "" {
		t.Errorf("asked with the token %q again", second)
	}
	if status := m.decide(first, "refund"); status != 404 {
		t.Errorf("an old token is answered with %d", status)
	}
	if status := m.decide(second, "refund"); status != 204 {
		t.Errorf("answered with %d", status)
	}
	v := m.ended(parcel)
	if v.Status != "SUCCEEDED" {
		t.Errorf("ended as %+v", v)
	}
	m.refunded(parcel)
	var page struct{ Items []machines.ExecutionRecord }
	m.ask("adm_1", "GET /v1/ops/executions/"+v.Execution+"/history?limit=1000", "", "").
		decode(t, &page)
	if n := len(page.Items); int64(n) != v.Records || page.Items[n-1].Type != "ExecutionSucceeded" {
		t.Errorf("%d records of %d", n, v.Records)
	}
	m.completed(parcel)
	m.verify()
	m.clock.Advance(89 * 24 * time.Hour)
	m.through("the execution is removed after ninety days", func() bool {
		return m.ask("adm_1", "GET /v1/ops/executions/"+v.Execution, "", "").status == 404
	})
	m.verify()
}

// Goal: whoever is not asked in time is refunded; a refund that the bank refuses waits for whoever
// works on its case, and is not made under another name. Method: nobody answers for two weeks; the
// first attempt at the refund is refused, and tried again by hand.
func TestLostParcelWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	var kind atomic.Bool
	o := newOutside(t, platformtest.Start(), nil, func(operation, _ string, _ int) sandbox.Plan {
		if operation == sandbox.Refund && !kind.Load() {
			return sandbox.Plan(0).With(sandbox.RefundRefused)
		}
		return 0
	})
	m, err := openMarket(t, o, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	parcel := m.dispatched(lostCity)
	m.question(parcel)
	var cases struct {
		Items []struct{ Payment, Refund string }
	}
	m.through("the refused refund is a case", func() bool {
		m.ask("adm_1", "GET /v1/ops/cases", "", "").decode(t, &cases)
		return len(cases.Items) == 1
	})
	kind.Store(true)
	one := cases.Items[0]
	if a := m.ask("adm_1", "POST /v1/payments/"+one.Payment+"/refunds", "again",
		`{"refund":"`+one.Refund+`"}`); a.status != 202 {
		t.Errorf("again: %d %s", a.status, a.body)
	}
	if v := m.ended(parcel); v.Status != "SUCCEEDED" {
		t.Errorf("ended as %+v", v)
	}
	m.refunded(parcel)
	m.completed(parcel)
	m.verify()
}

// Goal: whoever gives a parcel up by hand moves no money by it, and the machine still gives it
// back; only the operator may; a parcel that turns up after all stays lost, and that is said once.
// Method: the operator says so while the machine waits; the dealer says that it has arrived when
// the order is completed, twice.
func TestLostParcelTurnsUpTooLate(t *testing.T) {
	t.Parallel()
	m, err := openMarket(t, newOutside(t, platformtest.Start(), nil, nil), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	parcel := m.dispatched(lostCity)
	m.through("the machine waits", func() bool {
		v, _ := m.execution(parcel)
		return !v.WakesAt.IsZero()
	})
	for who, want := range map[shop.ID]int{"cus_1": 403, "dlr_1": 403} {
		if a := m.ask(who, "POST /v1/shipments/"+parcel+"/lost", "l", ""); a.status != want {
			t.Errorf("%s gives it up: %d %s", who, a.status, a.body)
		}
	}
	for range 2 {
		if a := m.ask("adm_1", "POST /v1/shipments/"+parcel+"/lost", "l", ""); a.status != 200 {
			t.Errorf("lost: %d %s", a.status, a.body)
		}
	}
	if v := m.ended(parcel); v.Status != "SUCCEEDED" {
		t.Errorf("ended as %+v", v)
	}
	m.refunded(parcel)
	m.completed(parcel)
	for _, key := range []string{"d", "e"} {
		if a := m.ask("dlr_1", "POST /v1/shipments/"+parcel+"/deliver", key, ""); a.status != 200 {
			t.Errorf("deliver: %d %s", a.status, a.body)
		}
	}
	if p := m.parcel(parcel); p.State != "lost" || p.TurnedUp.IsZero() {
		t.Errorf("it turned up, and is %+v", p)
	}
	m.refunded(parcel)
	m.verify()
}

// Goal: a parcel that turns up is not refunded. Method: the dealer says that it has arrived, while
// the machine waits.
func TestLostParcelTurnsUp(t *testing.T) {
	t.Parallel()
	m, err := openMarket(t, newOutside(t, platformtest.Start(), nil, nil), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	parcel := m.dispatched(lostCity)
	m.through("the machine waits", func() bool {
		v, _ := m.execution(parcel)
		return !v.WakesAt.IsZero()
	})
	if a := m.ask("dlr_1", "POST /v1/shipments/"+parcel+"/deliver", "d", ""); a.status != 200 {
		t.Errorf("deliver: %d %s", a.status, a.body)
	}
	if v := m.ended(parcel); v.Status != "SUCCEEDED" {
		t.Errorf("ended as %+v", v)
	}
	for _, e := range m.books(t) {
		if e.Kind == sandbox.Refund {
			t.Errorf("refunded: %+v", e)
		}
	}
	m.verify()
}

// Goal: a parcel that arrives while somebody is asked is not refunded, whether they say so after
// all or never answer. Method: the dealer says that it arrived while the question is open.
func TestLostParcelArrivesWhileAsked(t *testing.T) {
	t.Parallel()
	for _, answered := range []bool{true, false} {
		m, err := openMarket(t, newOutside(t, platformtest.Start(), nil, nil), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		parcel := m.dispatched(lostCity)
		token := m.question(parcel)
		if a := m.ask("dlr_1", "POST /v1/shipments/"+parcel+"/deliver", "d", ""); a.status != 200 {
			t.Errorf("deliver: %d %s", a.status, a.body)
		}
		if answered && m.decide(token, "refund") >= 300 {
			t.Error("the answer was not taken")
		}
		if v := m.ended(parcel); v.Status != "SUCCEEDED" {
			t.Errorf("ended as %+v", v)
		}
		for _, e := range m.books(t) {
			if e.Kind == sandbox.Refund {
				t.Errorf("answered %t: refunded: %+v", answered, e)
			}
		}
		m.verify()
		m.close()
	}
}

// Goal: deliveries that are doubled, late and out of order, and commits that are lost or of unknown
// outcome, leave one execution and one refund. Method: the whole story behind the default faults,
// three seeds.
func TestLostParcelUnderFaults(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		f := platformtest.DefaultFaults(seed)
		m, err := openMarket(t, newOutside(t, platformtest.Start(), nil, nil), nil, &f)
		if err != nil {
			t.Fatal(err)
		}
		parcel := m.dispatched(lostCity)
		token := m.question(parcel)
		m.until("the answer is taken", func() bool {
			status := m.decide(token, "refund")
			return status == 204 || status == 404 // it was, and nobody knew
		})
		if v := m.ended(parcel); v.Status != "SUCCEEDED" {
			t.Errorf("ended as %+v", v)
		}
		m.refunded(parcel)
		m.completed(parcel)
		m.verify()
		m.close()
	}
}

// beside is what a crash leaves alone, as it was then.
type beside struct {
	now    time.Time
	books  []sandbox.Entry
	parcel string
}

// Goal: the power may go at any write between the carrier's word and the end: the execution goes on
// where it was, and the money goes back once. Method: a sample of the writes (with SOUK_SOAK all of
// them); before each the file system as a crash would leave it, with the bank's books of that
// moment; then the shop is opened again, and the story told to its end.
func TestLostParcelCrashes(t *testing.T) {
	t.Parallel()
	mem := vfs.NewCrashableMem()
	o := newOutside(t, platformtest.Start(), nil, nil)
	m, err := openMarket(t, o, mem, nil)
	if err != nil {
		t.Fatal(err)
	}
	parcel := m.dispatched(lostCity)
	m.through("the machine waits", func() bool {
		v, _ := m.execution(parcel)
		return !v.WakesAt.IsZero()
	})
	m.rest()
	now, books := o.clock.Now(), o.books(t)
	m.close()
	base := mem.CrashClone(vfs.CrashCloneCfg{})
	every := 18
	if os.Getenv("SOUK_SOAK") != "" {
		every = 1
	}
	crashtest.Over(t, base, crashtest.Options{
		Every: every, Percents: []int{0},
		Beside: func() any { return beside{o.clock.Now(), o.books(t), parcel} },
	}, func(fs vfs.FS, _ *crashtest.Log) {
		o = newOutside(t, now, books, nil)
		m, err := openMarket(t, o, fs, nil)
		if err != nil {
			t.Error(err)
			return
		}
		m.tell(parcel)
		m.close()
	}, func(t *testing.T, crash crashtest.Crash) {
		t.Helper()
		out := crash.Beside.(beside)
		m, err := openMarket(t, newOutside(t, out.now, out.books, nil), crash.FS, nil)
		if err != nil {
			t.Errorf("open after the crash: %v", err)
			return
		}
		m.tell(out.parcel)
		m.verify()
		m.close()
	})
}

// tell tells the story to its end, from wherever it is.
func (m *market) tell(parcel string) {
	m.t.Helper()
	for range 3 {
		token := m.question(parcel)
		if token == "" {
			break
		}
		m.decide(token, "refund")
		m.through("the question is over", func() bool {
			v, _ := m.execution(parcel)
			return len(v.Calls) == 0 || v.Calls[0].Token != token
		})
	}
	if v := m.ended(parcel); v.Status != "SUCCEEDED" {
		m.t.Errorf("ended as %+v", v)
	}
	m.refunded(parcel)
	m.completed(parcel)
}
