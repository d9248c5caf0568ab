package lambdatest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/aws/awstest"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// gust is one kind of bad weather, and what the doors answer in it.
type gust struct {
	name   string
	op     string
	faults []awstest.Fault
	far    error // what the embedded platform says in the same case; nil if nothing is wrong
	done   bool  // and it has happened all the same
	status int
	code   string
}

func times(n int, f awstest.Fault) []awstest.Fault {
	list := make([]awstest.Fault, n)
	for i := range list {
		list[i] = f
	}
	return list
}

// skewed is a service whose clock is an hour ahead of whoever signs.
func skewed(code string) awstest.Fault {
	return func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		now := time.Now().Add(time.Hour)
		signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err != nil || now.Sub(signed).Abs() < 15*time.Minute {
			return next.RoundTrip(r)
		}
		answer, err := awstest.Refuse(code, "Signature expired", "")(r, next)
		answer.Header.Set("Date", now.UTC().Format(http.TimeFormat))
		return answer, err
	}
}

const writes, reads = "TransactWriteItems", "GetItem"

// patience is how often a room's commit is sent before it is given up: eight times by the adapter,
// for each of six times that the room decides.
const patience = 8 * 6

// gusts lists the weather of a write, and of a read.
func gusts() []gust {
	refuse := func(code string) awstest.Fault { return awstest.Refuse(code, "no", "") }
	lost := errors.New("nobody answered")
	return []gust{
		{"a lost answer", writes, times(1, awstest.LoseAnswer()), nil, false, 201, ""},
		{"a clock that differs", writes, times(8, skewed("InvalidSignatureException")),
			nil, false, 201, ""},
		{"a request too skewed", writes, times(8, skewed("RequestTimeTooSkewed")),
			nil, false, 201, ""},
		{"throttled for long", writes, times(patience, refuse("ThrottlingException")),
			platform.ErrThrottled, false, 429, "busy"},
		{"another transaction for a while", writes,
			times(9, awstest.Cancel("TransactionConflict")), nil, false, 201, ""},
		{"too large together", writes,
			times(1, awstest.Cancel("ItemCollectionSizeLimitExceeded")),
			platform.ErrTooLarge, false, 422, "invalid"},
		{"expired credentials", writes, times(1, refuse("ExpiredTokenException")),
			platform.ErrReadOnly, false, 503, "unavailable"},
		{"a role that may not", writes, times(1, refuse("AccessDeniedException")),
			platform.ErrReadOnly, false, 503, "unavailable"},
		{"a table in another region", writes, times(1, refuse("ResourceNotFoundException")),
			platform.ErrReadOnly, false, 503, "unavailable"},
		{"a clock that stays wrong", writes, times(8, refuse("InvalidSignatureException")),
			platform.ErrReadOnly, false, 503, "unavailable"},
		{"requests that are lost", writes, times(8, awstest.LoseRequest()), lost, false,
			500, "unknown"},
		{"answers that are lost", writes, times(8, awstest.LoseAnswer()), lost, true,
			500, "unknown"},
		{"a read that is throttled", reads, times(3, refuse("ThrottlingException")),
			platform.ErrThrottled, false, 429, "busy"},
		{"a read with expired credentials", reads, times(3, refuse("ExpiredTokenException")),
			platform.ErrUnavailable, false, 503, "unavailable"},
		{"a read in another region", reads, times(3, refuse("ResourceNotFoundException")),
			platform.ErrUnavailable, false, 503, "unavailable"},
		{"a read that nobody answers", reads, times(3, awstest.LoseRequest()),
			platform.ErrUnavailable, false, 503, "unavailable"},
	}
}

// Goal: in every bad weather the doors on AWS answer as they do on the embedded platform, with a
// stable code; what they say was not done was not; and whoever asks again with the same key gets
// what was asked for, once. Method: the deployed API function behind a transport that breaks the
// store's requests as planned, beside the doors on an embedded platform whose store says the error
// that the port has for it.
func doorsInBadWeather(t *testing.T, dir string) {
	s := openStorm(t, dir)
	for i, g := range gusts() {
		sku := fmt.Sprintf("LAMP-%d", i)
		ask := func() reply {
			if g.op == reads {
				return s.ask(room.Dealer(), "dlr_1", "GET", "/v1/products/"+sku, "", "")
			}
			return s.ask(room.Dealer(), "dlr_1", "POST", "/v1/products", product(sku), sku)
		}
		if s.ask(room.Customer(), "cus_1", "GET", "/v1/products/NONE", "", ""); g.op == reads {
			s.ask(room.Dealer(), "dlr_1", "POST", "/v1/products", product(sku), sku)
		}
		s.weather.Plan(g.op, g.faults...)
		have := ask()
		s.weather.Clear()
		want := farDoors(t, g, sku)
		if have.StatusCode != g.status || !strings.Contains(have.Body, codeIn(g.code)) ||
			g.code != "" && have.Headers["Content-Type"] != "application/problem+json" {
			t.Errorf("%s: %d %s %v, want %d %s\n%s", g.name, have.StatusCode, have.Body,
				have.Headers, g.status, g.code, s.api.Log)
		}
		if want.Code != have.StatusCode || !strings.Contains(want.Body.String(), codeIn(g.code)) ||
			want.Header().Get("Retry-After") != have.Headers["Retry-After"] {
			t.Errorf("%s: the embedded platform's doors answer %d %s %v, AWS's %d %v", g.name,
				want.Code, want.Body, want.Header(), have.StatusCode, have.Headers)
		}
		there := s.ask(room.Customer(), "cus_1", "GET", "/v1/products/"+sku, "", "").StatusCode
		wanted := http.StatusNotFound
		if g.code == "" || g.done || g.op == reads {
			wanted = http.StatusOK
		}
		if there != wanted {
			t.Errorf("%s: afterwards the product answers %d, want %d", g.name, there, wanted)
		}
		if again := ask(); again.StatusCode != 201 && g.op == writes || again.StatusCode >= 300 {
			t.Errorf("%s: asked again: %d %s", g.name, again.StatusCode, again.Body)
		}
	}
	if s.api.Starts() != 1 {
		t.Errorf("it took %d processes", s.api.Starts())
	}
}

func codeIn(code string) string {
	if code == "" {
		return ""
	}
	return `"code":"` + code + `"`
}

func product(sku string) string {
	return fmt.Sprintf(`{"sku":%q,"title":"A thing","price":{"amount":510,"currency":"GBP"}}`, sku)
}

// farDoors asks the doors of a shop on the embedded platform the same, in the same weather.
func farDoors(t *testing.T, g gust, sku string) *httptest.ResponseRecorder {
	t.Helper()
	cat := event.NewCatalogue()
	p, err := embedded.Open(embedded.Options{Check: app.Check(cat)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	broken := &broken{Platform: p}
	bank, err := sandbox.Open(sandbox.Options{Clock: function.Clock{}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.Open(app.Config{
		Platform: broken, Catalogue: cat, Clock: function.Clock{}, IDs: shop.RandomIDs{},
		Log: slog.New(slog.DiscardHandler), Unwatched: true,
		Payment: payment.Options{Name: sandbox.Name, Provider: bank},
		Policy:  app.Policy{Patience: -1},
	})
	if err != nil {
		t.Fatal(err)
	}
	who := room.Caller{ID: "dlr_1", Role: room.Dealer()}
	token, err := a.Identity.Issue(t.Context(), who, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", sku)
		a.Handler().ServeHTTP(w, r)
		return w
	}
	if g.op == reads {
		ask(http.MethodPost, "/v1/products", product(sku))
		broken.read = g.far
		return ask(http.MethodGet, "/v1/products/"+sku, "")
	}
	broken.write = g.far
	return ask(http.MethodPost, "/v1/products", product(sku))
}

// broken is a platform whose stores fail.
type broken struct {
	platform.Platform
	read, write error
}

func (b *broken) Store(room string) platform.Store { return brokenStore{b.Platform.Store(room), b} }

type brokenStore struct {
	platform.Store
	b *broken
}

func (s brokenStore) Get(ctx context.Context, k platform.Key) (platform.Record, error) {
	if s.b.read != nil {
		return platform.Record{}, fmt.Errorf("read: %w", s.b.read)
	}
	return s.Store.Get(ctx, k)
}

func (s brokenStore) Commit(ctx context.Context, b platform.Batch) error {
	if s.b.write != nil {
		return fmt.Errorf("commit: %w", s.b.write)
	}
	return s.Store.Commit(ctx, b)
}
