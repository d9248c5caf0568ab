package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	payer "github.com/souk-commerce/souk/shop/ledger/sandbox"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// Config is what a demo is given: a shop that serves, that is empty, and that nobody else uses. All
// but Show is required.
type Config struct {
	Script    Script
	URL       string // of the API, as in "http://127.0.0.1:8080"
	Issue     func(ctx context.Context, who room.Caller, life time.Duration) (string, error)
	Platform  platform.Platform // is only watched
	Rooms     []room.Room       // for the checks at the end
	Catalogue *event.Catalogue
	Ledger    func(fn func(sandbox.Entry) error) error // the provider's own
	Payouts   func(fn func(payer.Entry) error) error   // of whoever pays dealers
	// Returns is how long parcels may be returned; then dealers are paid. 0: for longer than a day.
	Returns time.Duration
	// Show is given the market some eight times a second, from one goroutine at a time. It may be
	// nil.
	Show func(View)
}

// tokenLife is longer than any demo lasts.
const tokenLife = 4 * time.Hour

// Some of the people in the demo: a shopper, a dealer, and the admin who gives money back.
const (
	Customer shop.ID = "cus_0001"
	Dealer   shop.ID = "dlr_lamps"

	teaDealer shop.ID = "dlr_tea"

	Admin shop.ID = "adm_souk"
)

const marketOpen = "the market is open"

// demo is one run.
type demo struct {
	cfg    Config
	api    *client
	cast   []shopper
	stalls []stall
	watch  *watch
	admin  string // token
	closed chan struct{}

	mu     sync.Mutex // guards everything below
	faults []string
	first  map[shop.ID]bool // orders that the dealers see to before others
	tale   Tale
	// taleReturn is the return of the order that is followed.
	taleReturn shop.ID

	count struct{ clickers, clicks, clicked, regrets, tooLate, refunds int }
	rush  time.Duration // until the last shopper of the flash sale had an answer
}

// maxFaults bounds what is listed; one is enough to fail.
const maxFaults = 10

// Run plays the day and returns what happened. The error says that it could not be played to its
// end; what does not balance is in the summary.
func Run(ctx context.Context, cfg Config) (*Summary, error) {
	if err := cfg.Script.Check(); err != nil {
		return nil, err
	}
	d := &demo{
		cfg: cfg, cast: cfg.Script.cast(), stalls: stalls(), closed: make(chan struct{}),
		first: make(map[shop.ID]bool), watch: newWatch(cfg.Platform.History(), cfg.Catalogue),
	}
	d.api = newClient(cfg.URL, len(d.cast)+len(d.stalls))
	defer d.api.close()

	watching, stop := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	var lost error
	watcher.Go(func() { lost = d.watch.run(watching, d.show()) })
	err := d.day(ctx)
	stop()
	watcher.Wait()
	if err := errors.Join(err, lost); err != nil {
		return nil, err
	}
	return d.sum(ctx)
}

// day is everything until all is quiet.
func (d *demo) day(ctx context.Context) error {
	var err error
	if d.admin, err = d.token(ctx, Admin, room.Admin()); err != nil {
		return err
	}
	d.watch.begin("the dealers set up their stalls")
	if err := d.setUp(ctx); err != nil {
		return fmt.Errorf("set up the stalls: %w", err)
	}
	d.watch.begin(marketOpen)
	if err := d.play(ctx); err != nil {
		return err
	}
	d.watch.begin("the last parcels and the last answers")
	if err := d.quiet(ctx); err != nil {
		return err
	}
	return d.payday(ctx)
}

// play lets shoppers and dealers do what they do, and returns when all have gone home.
func (d *demo) play(ctx context.Context) error {
	opened := time.Now()
	var shoppers, dealers sync.WaitGroup
	for _, s := range d.stalls {
		dealers.Go(func() { d.note(d.keep(ctx, s)) })
	}
	rushed, rushing := false, atomic.Int64{}
	rushing.Store(int64(d.cfg.Script.Rush))
	for i := range d.cast {
		s := &d.cast[i]
		if err := pause(ctx, time.Until(opened.Add(s.arrive))); err != nil {
			break
		}
		if s.plot == rushes && !rushed {
			rushed = true
			d.watch.begin(fmt.Sprintf("flash sale: %d shoppers, %d lamps",
				d.cfg.Script.Rush, flashUnits))
		}
		shoppers.Go(func() {
			d.shop(ctx, s)
			if s.plot == rushes && rushing.Add(-1) == 0 {
				d.watch.begin(marketOpen)
			}
		})
	}
	shoppers.Wait()
	d.watch.begin("the dealers pack what is left")
	close(d.closed)
	dealers.Wait()
	return context.Cause(ctx)
}

// show completes what the watch sees by what the script says.
func (d *demo) show() func(View) {
	if d.cfg.Show == nil {
		return nil
	}
	return func(v View) {
		v.Shoppers, v.Rush, v.Units = len(d.cast), d.cfg.Script.Rush, flashUnits
		d.cfg.Show(v)
	}
}

func (d *demo) token(ctx context.Context, id shop.ID, role room.Role) (string, error) {
	token, err := d.cfg.Issue(ctx, room.Caller{ID: id, Role: role}, tokenLife)
	if err != nil {
		return "", fmt.Errorf("make a token for %s: %w", id, err)
	}
	return token, nil
}

// note keeps what went wrong, unless the demo was stopped.
func (d *demo) note(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.faults) < maxFaults {
		d.faults = append(d.faults, err.Error())
	}
}

// with changes what the players share.
func (d *demo) with(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}
