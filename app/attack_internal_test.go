package app

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// Goal: clients that dawdle with their bodies keep nobody else out of a checkout. Method: more
// requests than may be at once, each of which has sent all but the end of its body; then one that
// is whole.
func TestSlowBodiesKeepNobodyOut(t *testing.T) {
	t.Parallel()
	h := doorOf(failing(nil), Begin)
	h.most = 3
	arrived := make(chan struct{}, 100)
	verify := h.verify
	h.verify = func(ctx context.Context, token string) (room.Caller, error) {
		arrived <- struct{}{}
		return verify(ctx, token)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	var slow []*io.PipeWriter
	ended := make(chan error, 8)
	for range cap(ended) {
		body, rest := io.Pipe()
		slow = append(slow, rest)
		go func() { // ends with its body
			resp, err := http.DefaultClient.Do(slowly(t.Context(), server.URL, body))
			if err == nil {
				err = resp.Body.Close()
			}
			ended <- err
		}()
		if _, err := io.WriteString(rest, checkoutBody[:10]); err != nil {
			t.Fatal(err)
		}
	}
	for range slow {
		<-arrived
	}
	for h.busy.Load() > 0 { // until the last of them waits for its body
		runtime.Gosched()
	}
	for range 10 {
		if status, code, _ := send(t, h); status != 201 {
			t.Errorf("beside slow ones: %d %s", status, code)
		}
	}
	for _, rest := range slow {
		if err := rest.CloseWithError(io.ErrUnexpectedEOF); err != nil {
			t.Error(err)
		}
	}
	for range cap(ended) {
		<-ended
	}
	server.Close()
	if n := h.busy.Load(); n != 0 {
		t.Errorf("%d requests are still counted", n)
	}
}

func slowly(ctx context.Context, url string, body io.Reader) *http.Request {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/orders", body)
	if err != nil {
		panic(err) // the address is the test server's
	}
	req.Header = http.Header{
		"Content-Type": {"application/json"}, "Idempotency-Key": {"k"},
		"Authorization": {"Bearer x"},
	}
	return req
}

// Goal: half an answer never looks like a whole one. Method: a handler that panics in the middle of
// what it writes.
func TestAPanicCutsTheAnswer(t *testing.T) {
	t.Parallel()
	h := doorOf(writes("text/plain", func(w http.ResponseWriter, _ *http.Request) {
		for range 10_000 {
			_, _ = io.WriteString(w, "half an answer ")
		}
		panic("secret")
	}), Begin)
	server := httptest.NewServer(h)
	defer server.Close()
	resp, err := http.DefaultClient.Do(slowly(t.Context(), server.URL, http.NoBody))
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("%d bytes arrived as if they were all", len(body))
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
}

// Goal: one person cannot take all streams, machines can have many, and who leaves makes room.
// Method: a person and a machine, up to the bound and beyond.
func TestStreamsOfAPerson(t *testing.T) {
	t.Parallel()
	var p persons
	buyer := room.Caller{ID: "cus_1", Role: room.Customer()}
	var away []func()
	for range maxStreams {
		leave, err := p.come(buyer)
		if err != nil {
			t.Fatal(err)
		}
		away = append(away, leave)
	}
	if _, err := p.come(buyer); err == nil || problemOf(err).Code != string(shop.Busy) {
		t.Errorf("one more: %v", err)
	}
	other := room.Caller{ID: "cus_2", Role: room.Customer()}
	leave, err := p.come(other)
	if err != nil {
		t.Errorf("another person: %v", err)
	}
	leave()
	for range 3 * maxStreams {
		if _, err := p.come(room.Caller{ID: "svc_1", Role: room.ServiceRole()}); err != nil {
			t.Fatalf("a machine: %v", err)
		}
	}
	for _, leave := range away {
		leave()
	}
	if len(p.count) != 0 {
		t.Errorf("after all have left it still counts %v", p.count)
	}
}
