package importer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/inventory"
	"github.com/souk-commerce/souk/shop/room"
)

// Config is everything that an import is given. App, Delivery, Clock and Open are required.
type Config struct {
	App      *app.App          // started
	Delivery platform.Delivery // the app's
	Clock    platform.Clock
	// Open opens the file from its beginning. It is called once a pass, up to four times.
	Open func() (io.ReadCloser, error)
	// Refused is given every refused line as one line of JSON; nil drops them.
	Refused io.Writer
	// InFlight bounds the orders, and listings, that are under way at once; 0 is 64.
	InFlight int
	// Fulfil packs, dispatches and delivers every order that was placed and not cancelled.
	Fulfil bool
}

// Importer is one import. Run may be called once; Progress at any time, from anywhere.
type Importer struct {
	cfg      Config
	began    time.Time
	wares    *wares
	torn     torn
	digest   string
	report   Report
	out      *refusals
	progress progress
}

// defaultInFlight keeps two cores busy and the group commit full.
const defaultInFlight = 64

// New prepares an import.
func New(cfg Config) *Importer {
	if cfg.InFlight <= 0 {
		cfg.InFlight = defaultInFlight
	}
	return &Importer{
		cfg: cfg, wares: newWares(), out: newRefusals(cfg.Refused),
		report: Report{Reasons: make(map[Reason]int64)},
	}
}

// Run imports the file, and returns when everything that follows from it has been delivered. It
// stops when ctx ends, or at the first failure that is not a line's fault, and then returns what
// was counted so far with the error; running a new Importer with the same file goes on where it
// was. A file that cannot be read to its end, or is of another format, is refused before anything
// is imported.
func (im *Importer) Run(ctx context.Context) (Report, error) {
	im.began = im.cfg.Clock.Now()
	ctx = room.WithCaller(ctx, room.Caller{ID: importerID, Role: room.ServiceRole()})
	ctx = room.WithCause(ctx, room.Cause{Correlation: string(importerID)})
	steps := []func(context.Context) error{
		im.survey, im.stock, im.order, im.quiet, im.cancel, im.quiet, im.fulfil, im.close,
	}
	var err error
	for _, step := range steps {
		if err = step(ctx); err != nil {
			break
		}
	}
	im.report.Seconds = im.cfg.Clock.Now().Sub(im.began).Seconds()
	return im.report, err
}

// importerID is who asks the use cases.
const importerID shop.ID = "svc_import"

// survey reads the file once, to learn what it sells and which invoices are torn.
func (im *Importer) survey(ctx context.Context) error {
	im.enter(PhaseSurvey, 0)
	tears := newTears()
	g := group(nil, im.wares.addAll)
	count, digest, err := each(ctx, im.cfg.Open, func(r row) error {
		im.progress.done.Add(1)
		if r.why != Malformed {
			if err := tears.add(r.invoice); err != nil {
				return err
			}
		}
		return g.add(r)
	})
	if err == nil {
		err = g.finish()
	}
	im.torn, im.digest, im.report.Lines = tears.torn, digest, count
	return err
}

// invoices reads the file again and calls fn for every invoice.
func (im *Importer) invoices(ctx context.Context, fn func(v *invoice) error) error {
	g := group(im.torn, fn)
	_, digest, err := each(ctx, im.cfg.Open, g.add)
	if err == nil {
		err = g.finish()
	}
	if err == nil && digest != im.digest {
		return shop.Errorf(shop.Conflict, "the file was changed while it was imported").
			WithHint("import it again; what is done already is not done twice")
	}
	return err
}

// receive puts on the shelf what the file orders of an offer. The movements are named after the
// whole file's content, so the same file gives its units once, and another file gives its own.
func (im *Importer) receive(ctx context.Context, o *offer) error {
	for n, left := 0, o.demand; left > 0; n++ {
		units := min(left, inventory.MaxUnits)
		left -= units
		sum := sha256.Sum256(fmt.Appendf(nil, "%s|%s|%d", im.digest, o.sku, n))
		id := shop.ID("mov_uci_" + hex.EncodeToString(sum[:16]))
		err := im.again(ctx, func() error {
			return im.cfg.App.Inventory.Receive(ctx, id, o.sku, units)
		})
		if err != nil {
			return shop.Errorf(shop.CodeOf(err), "receive %s: %w", o.sku, err)
		}
	}
	return nil
}

// close makes sure that nothing was dropped.
func (im *Importer) close(context.Context) error {
	r := &im.report
	if r.Ordered+r.Cancelled+r.Refused != r.Lines {
		return shop.Errorf(shop.Internal,
			"%d lines were ordered, %d cancelled and %d refused, but the file has %d",
			r.Ordered, r.Cancelled, r.Refused, r.Lines)
	}
	return im.out.err
}

// Trying again: the first wait, its bound, and how often.
const (
	firstWait = 20 * time.Millisecond
	lastWait  = 2 * time.Second
	maxTries  = 10
)

// again runs a use case until it has an outcome that counts. Every one that is given to it may be
// run twice.
func (im *Importer) again(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		switch code := shop.CodeOf(err); {
		case err == nil, ctx.Err() != nil, try == maxTries:
			return err
		case code != shop.Busy && code != shop.Unknown:
			return err
		}
		if err := im.pause(ctx, min(firstWait<<try, lastWait)); err != nil {
			return err
		}
	}
}

func (im *Importer) pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-im.cfg.Clock.After(d):
		return nil
	}
}

// stands says that doing it again cannot change a refusal.
func stands(err error) bool {
	switch shop.CodeOf(err) {
	case shop.Internal, shop.Unknown, shop.Busy, shop.Unavailable, shop.KeyInFlight:
		return false
	}
	return err != nil
}
