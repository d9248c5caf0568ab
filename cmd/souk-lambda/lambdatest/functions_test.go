package lambdatest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/cmd/souk-lambda/lambdatest"
	"github.com/souk-commerce/souk/shop/room"
)

// Goal: the functions are the shop. Method: the real binaries, built once, as processes under a
// Runtime API of our own; each case on a market of its own.
func TestFunctions(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds and starts every function binary; make test runs it")
	}
	dir := build(t)
	for name, play := range map[string]func(t *testing.T, dir string){
		"an order from checkout to delivered": orderIsDelivered,
		"killed after its commit":             killedAfterItsCommit,
		"a poisoned message":                  poisonedMessage,
		"wrong environments":                  wrongEnvironments,
		"the API's own errors":                apiErrors,
		"the end of a process":                endOfProcess,
		"a purchase from the queue":           purchaseFromTheQueue,
		"a sweep":                             sweep,
		"a lost parcel's machine":             lostParcel,
		"packages are small":                  packagesAreSmall,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, dir)
		})
	}
}

// Goal: an order placed through the API function travels by stream, bus, queues and workers to
// delivery, though every message comes twice; one with a declined card is cancelled. Method: every
// reaction is a process of its own.
func orderIsDelivered(t *testing.T, dir string) {
	m := openMarket(t, dir)
	m.list("LAMP")
	good, bad := m.checkout("LAMP", "tok_visa", "k1"), m.checkout("LAMP", "tok_declined", "k2")
	m.carry()
	parcel := "/v1/shipments/shp_" + strings.TrimPrefix(good, "ord_") + "_1"
	dealer := m.token("dlr_1", room.Dealer())
	for _, step := range []struct{ verb, state string }{
		{"pack", "cleared"}, {"dispatch", "dispatched"}, {"deliver", "delivered"},
	} {
		m.want(200, "POST", parcel+"/"+step.verb, dealer, "", step.verb)
		m.carry()
		if have := m.show(parcel, room.Dealer(), "dlr_1"); !strings.Contains(have, step.state) {
			t.Fatalf("after %s: %s", step.verb, have)
		}
	}
	for _, want := range []struct{ path, says string }{
		{"/v1/orders/" + good, `"fulfilmentStatus":"delivered"`},
		{"/v1/orders/" + good, `"paymentStatus":"captured"`},
		{"/v1/orders/" + bad, `"status":"cancelled"`},
		{"/v1/stock/LAMP", `"available":8`},
		{"/v1/ops/ledger/trial-balance", `"balanced":true`},
		{"/v1/ops/ledger/trial-balance", `"account":"dealers:pending","amount":-918`},
	} {
		if have := m.show(want.path, room.Admin(), "adm_1"); !strings.Contains(have, want.says) {
			t.Errorf("%s: %s, want %s", want.path, have, want.says)
		}
	}
	for name, q := range m.queues {
		if q.Left() > 0 || len(q.Dead()) > 0 {
			t.Errorf("%s: %d messages left, %d dead", name, q.Left(), len(q.Dead()))
		}
	}
}

// Goal: a function that dies after its commit and before its acknowledgement has its effect once.
// Method: the worker that holds stock is killed when the store has made its commit and has not
// answered; its message comes again to a new process.
func killedAfterItsCommit(t *testing.T, dir string) {
	m := openMarket(t, dir)
	m.list("LAMP")
	order := m.checkout("LAMP", "tok_visa", "k1")
	const holder = "inventory.hold-on-order-created"
	f := m.functions[holder]
	if f == nil {
		t.Fatalf("there is no %s", holder)
	}
	if _, _, failed, err := m.relay.Poll(t.Context()); failed != nil || err != nil {
		t.Fatal(failed, err)
	}
	if _, err := f.Invoke(t.Context(), []byte(`{}`)); err == nil { // starts the process
		t.Fatal("no batch was taken for one")
	}
	victim := f.Process()
	var killed atomic.Bool
	m.far.OnCommit(func(room string) {
		if room == "inventory" && killed.CompareAndSwap(false, true) {
			if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
				t.Errorf("kill: %v", err)
			}
		}
	})
	for !killed.Load() {
		taken, _, failed, err := m.pollers[holder].Poll(t.Context())
		if err != nil || taken == 0 ||
			killed.Load() && !errors.Is(failed, lambdatest.ErrExited) {
			t.Fatalf("%d taken, killed %v, %v, %v", taken, killed.Load(), failed, err)
		}
	}
	m.carry()
	if f.Starts() != 2 {
		t.Errorf("there were %d processes, want 2", f.Starts())
	}
	if have := m.show("/v1/stock/LAMP", room.Admin(), "adm_1"); !strings.Contains(have,
		`"available":8`) {
		t.Errorf("stock: %s", have)
	}
	if have := m.show("/v1/orders/"+order, room.Admin(), "adm_1"); !strings.Contains(have,
		`"status":"placed"`) {
		t.Errorf("order: %s", have)
	}
}

// Goal: a message that can never be handled is dead in the end, and costs nobody else anything.
// Method: two of them among the events of an order.
func poisonedMessage(t *testing.T, dir string) {
	m := openMarket(t, dir)
	m.list("LAMP")
	order := m.checkout("LAMP", "tok_visa", "k1")
	poisoned := m.queues["payment.authorise-on-stock-held"]
	if poisoned == nil {
		t.Fatal("there is no such subscription")
	}
	poisoned.MaxReceives = 4
	poisoned.Send(`{"Type":"souk.inventory.held.v1","Data":"bm90IEpTT04="}`)
	poisoned.Send(`no event at all`)
	for range 6 {
		m.carry()
	}
	if have := m.show("/v1/orders/"+order, room.Admin(), "adm_1"); !strings.Contains(have,
		`"status":"placed"`) {
		t.Errorf("order: %s", have)
	}
	if dead := poisoned.Dead(); len(dead) != 2 || poisoned.Left() != 0 {
		t.Errorf("dead: %v, and %d are left", dead, poisoned.Left())
	}
}

// Goal: a wrong environment is told before the first invocation, all of it, with what to do.
// Method: binaries with variables missing, misspelt, or another role's.
func wrongEnvironments(t *testing.T, dir string) {
	m := openMarket(t, dir)
	for _, one := range []struct {
		binary string
		env    []string
		says   []string
	}{
		{function.API, nil, []string{"SOUK_ROLE is not set: set it to api", "SOUK_SANDBOX_URL",
			"SOUK_EDGE_KEY", "SOUK_REMOTE"}},
		{function.Relay, []string{"SOUK_ROLE", "worker", "SOUK_REMOTE", "x"},
			[]string{`is \"worker\" and this binary does \"relay\"`}},
		{function.Worker, []string{"SOUK_ROLE", "worker"},
			[]string{"SOUK_SUBSCRIPTION is not set"}},
		{function.Worker, []string{"SOUK_ROLE", "worker", "SOUK_REMOTE", "x",
			"SOUK_SUBSCRIPTION", "app.watch-orders"}, []string{"the rooms are catalog"}},
		{function.Worker, []string{"SOUK_ROLE", "worker", "SOUK_REMOTE", "x",
			"SOUK_SUBSCRIPTION", "order.typo"}, []string{"order.expire-on-deadline"}},
		{function.Worker, []string{"SOUK_ROLE", "worker", "SOUK_REMOTE", "x",
			"SOUK_TASK", "payment.typo"}, []string{"payment.refundable"}},
		{function.Purchases, []string{"SOUK_ROLE", "purchases", "SOUK_REMOTE", "x",
			"SOUK_DEADLINE", "soon", "SOUK_TAX_BPS", "-1"},
			[]string{"SOUK_DEADLINE", "as in 10m", "SOUK_TAX_BPS"}},
	} {
		f := &lambdatest.Function{
			Binary: filepath.Join(m.dir, one.binary), Timeout: timeout,
			Env: lambdatest.Environment(one.env...),
		}
		_, err := f.Invoke(t.Context(), []byte(`{}`))
		report, ok := errors.AsType[*lambdatest.FunctionError](err)
		if !ok || !report.AtStart {
			t.Errorf("%s with %v: %v", one.binary, one.env, err)
			continue
		}
		for _, word := range one.says {
			if !strings.Contains(report.Body, word) {
				t.Errorf("%s with %v: %s, want %q", one.binary, one.env, report.Body, word)
			}
		}
		f.Close()
	}
}

// Goal: what is no request is reported and costs the process nothing; what is a bad request gets
// its problem; both can be found in the log by the invocation's id. Method: payloads of other
// formats, and requests that are refused.
func apiErrors(t *testing.T, dir string) {
	m := openMarket(t, dir)
	for _, raw := range []string{`[]`, `{"version":"1.0","path":"/"}`} {
		_, err := m.api.Invoke(t.Context(), []byte(raw))
		report, ok := errors.AsType[*lambdatest.FunctionError](err)
		if !ok || !strings.Contains(report.Body, "PayloadFormatVersion") {
			t.Errorf("%s: %v", raw, err)
		}
	}
	r := m.ask("GET", "/v1/orders/ord_1", "", "")
	if r.StatusCode != 401 || r.Headers["Content-Type"] != "application/problem+json" {
		t.Errorf("without a token: %+v", r)
	}
	if ready := m.ask("GET", "/readyz", "", ""); ready.StatusCode != 200 {
		t.Errorf("ready: %+v", ready)
	}
	if m.api.Starts() != 1 {
		t.Errorf("it took %d processes", m.api.Starts())
	}
	m.api.Close() // and all that it wrote is there
	id := r.Headers["X-Correlation-Id"]
	if log := fmt.Sprint(m.api.Log); id == "" || !strings.Contains(log, `"requestId":"`+id+`"`) {
		t.Errorf("correlation %q is not in the log:\n%s", id, log)
	}
}

// Goal: a process that is told to end says so and leaves nothing half done; one whose invocation
// passes its deadline is ended by the service, and the next is served by another. Method: SIGTERM
// between two invocations, and a store that does not answer.
func endOfProcess(t *testing.T, dir string) {
	m := openMarket(t, dir)
	if r := m.ask("GET", "/healthz", "", ""); r.StatusCode != 200 {
		t.Fatalf("health: %+v", r)
	}
	m.api.Close()
	if log := fmt.Sprint(m.api.Log); !strings.Contains(log, `"msg":"ended"`) {
		t.Errorf("it ended without a word:\n%s", log)
	}
	m.list("LAMP")
	asked, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	m.far.OnCommit(func(string) {
		close(asked)
		<-release
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // ends with the first commit
		<-asked
		cancel() // as if the deadline had passed
	}()
	_, err := m.api.Invoke(ctx, payload("POST", "/v1/products", "",
		m.token("dlr_1", room.Dealer()),
		`{"sku":"RUG","title":"A rug","price":{"amount":1,"currency":"GBP"}}`,
		"idempotency-key", "rug"))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("an answer without an end: %v", err)
	}
	m.far.OnCommit(func(string) {})
	if r := m.ask("GET", "/v1/products/RUG", "", ""); r.StatusCode != 200 || m.api.Starts() != 3 {
		t.Errorf("after it: %+v, %d processes", r, m.api.Starts())
	}
}

// Goal: a purchase that was promised becomes an order in the function that has the queue. Method:
// respond-async at the API, the platform's own queue handed to the function message by message, and
// one message that cannot be read.
func purchaseFromTheQueue(t *testing.T, dir string) {
	m := openMarket(t, dir)
	m.list("LAMP")
	r := m.ask("POST", "/v1/orders", m.token("cus_1", room.Customer()),
		`{"items":[{"sku":"LAMP","quantity":1}],"payment":{"token":"tok_visa"},"shipTo":`+
			`{"name":"A. Buyer","line1":"1 Road","city":"Leeds","country":"GB"}}`,
		"idempotency-key", "k1", "prefer", "respond-async")
	var o struct{ ID string }
	if err := json.Unmarshal([]byte(r.Body), &o); err != nil || r.StatusCode != 202 {
		t.Fatalf("%d %s %v", r.StatusCode, r.Body, err)
	}
	f := m.deploy(function.Purchases)
	q := &intake{m: m}
	poller := &lambdatest.QueuePoller{Queue: q, Function: f}
	taken, done, failed, err := poller.Poll(t.Context())
	if taken != 2 || done != 1 || failed != nil || err != nil {
		t.Fatalf("%d of %d, %v, %v\n%s", done, taken, failed, err, f.Log)
	}
	m.carry()
	if have := m.show("/v1/orders/"+o.ID, room.Admin(), "adm_1"); !strings.Contains(have,
		`"status":"placed"`) {
		t.Errorf("the order: %s", have)
	}
	have := m.show("/v1/purchases/"+o.ID, room.Admin(), "adm_1")
	if !strings.Contains(have, `"ordered"`) {
		t.Errorf("the purchase: %s", have)
	}
}

// Goal: a sweeper sweeps until nothing is due. Method: timers that fire in three sweeps.
func sweep(t *testing.T, dir string) {
	m := openMarket(t, dir)
	due := []int{25, 25, 3, 0, 99}
	m.far.OnSweep(func() (int, error) {
		n := due[0]
		due = due[1:]
		return n, nil
	})
	f := m.deploy(function.Sweeper)
	answer, err := f.Invoke(t.Context(), []byte(`{}`))
	if err != nil || string(answer) != `{"fired":53,"more":false}` || len(due) != 1 {
		t.Errorf("%s, %v, not asked for: %v", answer, err, due)
	}
	m.far.OnSweep(func() (int, error) { return 0, errors.New("the table does not answer") })
	_, err = f.Invoke(t.Context(), []byte(`{}`))
	if err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("a sweep that failed: %v", err)
	}
}
