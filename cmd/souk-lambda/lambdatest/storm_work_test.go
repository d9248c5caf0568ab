package lambdatest_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/cmd/souk-lambda/lambdatest"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/aws/awstest"
	"github.com/souk-commerce/souk/shop/event"
)

const holder = "inventory.hold-on-order-created"

// openHolder is a shop in which stock is held by a deployed worker.
func openHolder(t *testing.T, dir string) (*storm, *stormWorker) {
	s := openStorm(t, dir)
	w := s.worker(holder, (&event.OrderCreated{}).Type())
	s.list("LAMP")
	return s, w
}

// start has a function's process started, by a payload that is none.
func (s *storm) start(f *lambdatest.Function) (process int) {
	s.t.Helper()
	if _, err := f.Invoke(s.t.Context(), []byte(`{}`)); err == nil {
		s.t.Fatal("no batch was taken for one")
	}
	return f.Process()
}

// Goal: a worker that dies after its commit and before its answer has its effect once. Method: the
// deployed binary is killed when the table has made its transaction; its message comes again to
// another process.
func workerDies(t *testing.T, dir string) {
	s, w := openHolder(t, dir)
	s.checkout("LAMP", "k1")
	s.carry()
	victim := s.start(w.Function)
	s.weather.Plan(writes, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		answer, err := next.RoundTrip(r)
		if err == nil {
			_ = answer.Body.Close()
		}
		return nil, errors.Join(awstest.ErrLost, err, syscall.Kill(victim, syscall.SIGKILL))
	})
	list := w.take()
	if _, err := w.handle(list); len(list) != 1 || !errors.Is(err, lambdatest.ErrExited) {
		t.Fatalf("%d messages, %v", len(list), err)
	}
	s.mustSay("/v1/stock/LAMP", `"available":9`)
	w.again(list)
	if failed, err := w.handle(w.take()); len(failed) > 0 || err != nil || w.Starts() != 2 {
		t.Errorf("again: %v, %v, %d processes\n%s", failed, err, w.Starts(), w.Log)
	}
	s.mustSay("/v1/stock/LAMP", `"available":9`)
}

// Goal: a batch of which part fails is answered in part; what failed for the weather is not counted
// against it and succeeds later. Method: two orders and a message that nobody can read; then all
// writes refused, for credentials that expired, a table that is elsewhere, and a role that may not.
func batchHalfFails(t *testing.T, dir string) {
	s, w := openHolder(t, dir)
	s.checkout("LAMP", "k1")
	s.checkout("LAMP", "k2")
	s.carry()
	list := append(w.take(), message{MessageId: "junk", ReceiptHandle: "junk", Body: "no event"})
	failed, err := w.handle(list)
	if len(list) != 3 || !slices.Equal(failed, []string{"junk"}) || err != nil {
		t.Fatalf("%d messages, failed: %v, %v\n%s", len(list), failed, err, w.Log)
	}
	s.mustSay("/v1/stock/LAMP", `"available":8`)
	s.checkout("LAMP", "k3")
	s.checkout("LAMP", "k4")
	s.carry()
	list = w.take()
	for _, code := range []string{
		"ExpiredTokenException", "ResourceNotFoundException", "AccessDeniedException",
	} {
		s.turn(code)
		failed, err = w.handle(list)
		s.turn("")
		if len(list) != 2 || len(failed) != 2 || err != nil {
			t.Errorf("%s: %d messages, failed: %v, %v", code, len(list), failed, err)
		}
		s.mustSay("/v1/stock/LAMP", `"available":8`)
		w.again(list)
		list = w.take()
	}
	if failed, err = w.handle(list); len(list) != 2 || len(failed) > 0 || err != nil {
		t.Errorf("in good weather: %d messages, failed: %v, %v\n%s", len(list), failed, err, w.Log)
	}
	s.mustSay("/v1/stock/LAMP", `"available":6`)
	s.mustSay("/v1/ops/dead-letters?subscription="+holder, `"items":[]`)
}

// Goal: an event that no message can carry arrives all the same, and one whose records come twice
// and backwards has its effect once. Method: an order's event of 300 KB, between others, through
// the deployed relay and worker.
func eventsLargeAndDoubled(t *testing.T, dir string) {
	s, w := openHolder(t, dir)
	s.checkout("LAMP", "k1")
	s.checkout("LAMP", "k2")
	large := &event.OrderCreated{Order: "ord_large", Customer: "cus_1", Currency: "GBP",
		Lines: []event.OrderLine{{SKU: "LAMP", Dealer: "dlr_1", Quantity: 1, UnitPrice: 510,
			Amount: 510}}, Items: 510, Total: 510, Deadline: time.Now().Add(time.Hour)}
	s.commit("order", large.Type(), large.Subject(),
		string(encode(t, large))+strings.Repeat(" ", 300_000))
	list := s.fresh()
	slices.Reverse(list)
	for _, part := range [][]record{list, list[:1], list} {
		if failed, err := s.invoke(s.relay, part); len(failed) > 0 || err != nil {
			t.Fatalf("the relay: %v, %v\n%s", failed, err, s.relay.Log)
		}
	}
	handled := 0
	for batch := w.take(); len(batch) > 0; batch = w.take() {
		handled += len(batch)
		for _, m := range batch {
			if len(m.Body) > 256<<10 {
				t.Errorf("a message of %d bytes", len(m.Body))
			}
		}
		if failed, err := w.handle(batch); len(failed) > 0 || err != nil {
			t.Fatalf("%v, %v\n%s", failed, err, w.Log)
		}
	}
	if handled < 6 {
		t.Errorf("%d messages, want each twice or more", handled)
	}
	s.mustSay("/v1/stock/LAMP", `"available":7`)
}

// Goal: what the bus does not take comes again, what was taken is not lost, and nothing is on the
// bus that is not in the archive. Method: the deployed relay, with a bus that refuses entries, with
// credentials that have expired, with an archive that may not be written, and killed when the bus
// has its entries.
func relayInBadWeather(t *testing.T, dir string) {
	s, w := openHolder(t, dir)
	s.carry()
	for w.take() != nil {
	}
	s.checkout("LAMP", "k1")
	s.checkout("LAMP", "k2")
	list := s.fresh()
	victim := s.start(s.relay)
	refuseSecond := func(detail string) bool { return strings.Contains(detail, "order.created") }
	for _, one := range []struct {
		name   string
		faults awstest.EventBridgeFaults
		before func()
		dies   bool
	}{
		{"an archive that is closed", awstest.EventBridgeFaults{}, func() {
			s.weather.Plan(http.MethodPut, times(9, forbidden)...)
		}, false},
		{"credentials that expired", awstest.EventBridgeFaults{Call: func(string) error {
			return &smithy.GenericAPIError{Code: "ExpiredTokenException", Message: "old"}
		}}, nil, false},
		{"entries that are refused", awstest.EventBridgeFaults{Entry: refuseSecond}, nil, false},
		{"killed when they were published", awstest.EventBridgeFaults{Double: func(string) bool {
			return syscall.Kill(victim, syscall.SIGKILL) == nil && false
		}}, nil, true},
	} {
		if one.before != nil {
			one.before()
		}
		s.bus.SetFaults(one.faults)
		failed, err := s.invoke(s.relay, list)
		s.bus.SetFaults(awstest.EventBridgeFaults{})
		s.weather.Clear()
		switch {
		case one.dies && !errors.Is(err, lambdatest.ErrExited):
			t.Errorf("%s: %v, %v", one.name, failed, err)
		case !one.dies && (err != nil || len(failed) != 1 || !isOf(list, failed[0])):
			t.Errorf("%s: %v, %v\n%s", one.name, failed, err, s.relay.Log)
		}
	}
	published := w.take() // by the one that was killed
	if failed, err := s.invoke(s.relay, list); len(failed) > 0 || err != nil {
		t.Fatalf("in good weather: %v, %v\n%s", failed, err, s.relay.Log)
	}
	for batch := append(published, w.take()...); len(batch) > 0; batch = w.take() {
		if failed, err := w.handle(batch); len(failed) > 0 || err != nil {
			t.Fatalf("%v, %v\n%s", failed, err, w.Log)
		}
	}
	s.mustSay("/v1/stock/LAMP", `"available":8`)
}

// forbidden is S3's answer to a role that may not write.
func forbidden(r *http.Request, _ http.RoundTripper) (*http.Response, error) {
	answer, err := awstest.Refuse("AccessDenied", "no", "")(r, nil)
	answer.StatusCode = http.StatusForbidden
	return answer, err
}

func isOf(list []record, sequence string) bool {
	return slices.ContainsFunc(list, func(r record) bool {
		return r.Dynamodb.SequenceNumber == sequence
	})
}

// Goal: a timer fires once, whatever happens to the sweeper. Method: the deployed sweeper while the
// table is throttled, killed after its commit, and in good weather.
func sweeperInBadWeather(t *testing.T, dir string) {
	s := openStorm(t, dir)
	due := &event.OrderDeadline{Order: "ord_1", Due: time.Now()}
	s.must(s.p.Store("order").Commit(t.Context(), platform.Batch{Timers: []platform.Timer{{
		Key: "deadline/ord_1", Due: time.Now().Add(-time.Minute), Event: platform.Event{
			Type: due.Type(), Subject: due.Subject(), Data: encode(t, due)},
	}}}))
	f := s.deploy(function.Sweeper)
	s.turn("ThrottlingException")
	if answer, err := f.Invoke(t.Context(), []byte(`{}`)); err == nil {
		t.Errorf("while it was throttled: %s", answer)
	}
	s.turn("")
	if n := len(s.fresh()); n != 1 { // the timer itself
		t.Errorf("%d things were put into the table, want the timer", n)
	}
	victim := f.Process()
	s.weather.Plan(writes, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		answer, err := next.RoundTrip(r)
		return answer, errors.Join(err, awstest.ErrLost, syscall.Kill(victim, syscall.SIGKILL))
	})
	if _, err := f.Invoke(t.Context(), []byte(`{}`)); !errors.Is(err, lambdatest.ErrExited) {
		t.Errorf("killed: %v", err)
	}
	answer, err := f.Invoke(t.Context(), []byte(`{}`))
	if err != nil || string(answer) != `{"fired":0,"more":false}` {
		t.Errorf("afterwards: %s, %v", answer, err)
	}
	if n := len(s.fresh()); n != 1 {
		t.Errorf("%d events, want one", n)
	}
}

// commit announces something as a room does, past every check.
func (s *storm) commit(room, typ, subject, data string) {
	s.t.Helper()
	s.must(s.p.Store(room).Commit(s.t.Context(), platform.Batch{Events: []platform.Event{{
		ID: fmt.Sprint(typ, "/", subject), Type: typ, Subject: subject, Data: []byte(data),
	}}}))
}
