package importer_test

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/app/importer"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// stage is a whole shop to import into.
type stage struct {
	t   testing.TB
	p   *embedded.Platform
	app *app.App
	ctx context.Context // a machine of the operator's asks
}

// world is what a stage stands on. The zero value is a shop in memory with a provider that keeps
// its word.
type world struct {
	fs       vfs.FS
	provider *sandbox.Sandbox
	check    func(platform.Event) error // besides the contracts
}

func newProvider(t testing.TB, o sandbox.Options) *sandbox.Sandbox {
	t.Helper()
	o.Clock = embedded.SystemClock{}
	s, err := sandbox.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t testing.TB, w world) *stage {
	t.Helper()
	cat := event.NewCatalogue()
	contracts := app.Check(cat)
	o := embedded.Options{FS: w.fs, Check: func(e platform.Event) error {
		if w.check != nil {
			if err := w.check(e); err != nil {
				return err
			}
		}
		return contracts(e)
	}}
	if w.fs != nil {
		o.Dir = "data"
	}
	if w.provider == nil {
		w.provider = newProvider(t, sandbox.Options{})
	}
	p, err := embedded.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.Open(app.Config{
		Platform: p, Catalogue: cat, Clock: embedded.SystemClock{},
		IDs: shop.RandomIDs{Now: time.Now, Chance: rand.Reader}, Log: slog.New(slog.DiscardHandler),
		Payment: payment.Options{Name: "sandbox", Provider: w.provider, Describe: sandbox.Describe},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	who := room.Caller{ID: "svc_test", Role: room.ServiceRole()}
	return &stage{t: t, p: p, app: a, ctx: room.WithCaller(t.Context(), who)}
}

func (s *stage) close() {
	s.t.Helper()
	if err := s.app.Close(context.Background()); err != nil {
		s.t.Error(err)
	}
	if err := s.p.Close(); err != nil {
		s.t.Error(err)
	}
}

// config imports a file whose opener is given.
func (s *stage) config(file func() (io.ReadCloser, error)) importer.Config {
	return importer.Config{
		App: s.app, Delivery: s.p.Delivery(), Clock: embedded.SystemClock{}, Open: file,
		InFlight: 8,
	}
}

// mustRun imports and fails the test if that fails.
func (s *stage) mustRun(c importer.Config) importer.Report {
	s.t.Helper()
	r, err := importer.New(c).Run(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// small opens the made-up file.
func small() (io.ReadCloser, error) { return importer.Open("testdata/small.csv") }

const head = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

// textFile opens a text of lines without the header.
func textFile(body string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(head + body)), nil
	}
}

// order returns an order's status, reason and total in pence.
func (s *stage) order(invoice string) (status, reason string, total int64) {
	s.t.Helper()
	v, err := s.app.Order.Get(s.ctx, shop.ID("ord_uci_"+invoice))
	if err != nil {
		if shop.CodeOf(err) == shop.NotFound {
			return "", "", 0
		}
		s.t.Fatal(err)
	}
	return v.Status, v.Reason, v.Total.Amount
}

// facts counts the events of the log by type.
func (s *stage) facts() map[string]int {
	s.t.Helper()
	all := make(map[string]int)
	err := s.p.History().Log(s.t.Context(), "", func(_ string, e platform.Event) error {
		all[e.Type]++
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}
