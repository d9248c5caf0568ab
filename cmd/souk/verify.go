package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	payer "github.com/souk-commerce/souk/shop/ledger/sandbox"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// verifyCommand checks a data directory that no server has open, a backup that was restored, or a
// shop on AWS, which may go on meanwhile as long as nothing is committed.
type verifyCommand struct {
	Data       string `default:"./data" help:"Data directory that no server has open; or aws:STAGE, a shop that souk deploy aws deployed." placeholder:"DIR|aws:STAGE"`
	SandboxURL string `name:"sandbox-url" env:"SOUK_SANDBOX_URL" help:"Address of the payment sandbox of a shop on AWS, whose ledger is compared." placeholder:"URL"`
	Structural bool   `help:"Check only that the log is whole and the records are its fold." xor:"part"`
	Envelopes  bool   `help:"Check only that the log is whole: its order, ids, sequences, times and causes." xor:"part"`
	Profile    string `help:"Write a CPU profile of the whole run to this file." type:"path"`
}

// Run implements the command.
func (c *verifyCommand) Run(e *env) (err error) {
	if c.Profile != "" {
		stop, err := profileTo(c.Profile)
		if err != nil {
			return err
		}
		defer stop()
	}
	w, err := openAudited(e, c.Data, c.SandboxURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	r, err := c.check(e, w)
	if err != nil {
		return err
	}
	if e.json {
		err = e.print(r)
	} else {
		_, err = fmt.Fprint(e.out, r)
	}
	if err == nil && !r.Clean() {
		err = errFound
	}
	return err
}

// audited is a world whose books are checked: every port, keys too, and the payment provider's own
// ledger. Nobody writes to it meanwhile.
type audited struct {
	platform.Platform
	ledger  func(fn func(verify.Effect) error) error // nil when there is none to compare with
	payouts func(fn func(verify.Paid) error) error   // likewise, of whoever pays dealers

	// chain checks the links of an archived log; nil where there are none.
	chain func(ctx context.Context, broken func(segment int64, what string)) (int64, error)
	// notes tells what the report should say of how the world was read; may be nil.
	notes     func() []string
	unwatched bool // other processes deliver
}

// openAudited opens the world that --data names. It is the only place that knows which kind it is.
func openAudited(e *env, data, sandboxURL string) (audited, error) {
	if stage, ok := strings.CutPrefix(data, onAWS); ok {
		return openStage(e, stage, sandboxURL)
	}
	data = kong.ExpandPath(data)
	p, err := openOffline(e, data, true)
	if err != nil {
		return audited{}, err
	}
	return audited{
		Platform: p, ledger: sandboxLedger(filepath.Join(data, ledgerFile)),
		payouts: payerLedger(filepath.Join(data, payoutsFile)),
	}, nil
}

// sandboxLedger reads the sandbox's ledger; nil if there is none.
func sandboxLedger(path string) func(fn func(verify.Effect) error) error {
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	return func(fn func(verify.Effect) error) error {
		return sandbox.ReadLedger(path, func(l sandbox.Entry) error { return fn(effect(l)) })
	}
}

// payerLedger reads the ledger of the sandbox that pays dealers; nil if there is none.
func payerLedger(path string) func(fn func(verify.Paid) error) error {
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	return func(fn func(verify.Paid) error) error {
		return payer.ReadLedger(path, func(l payer.Entry) error { return fn(payout(l)) })
	}
}

// check opens the rooms over a world without letting anything happen, and runs every check that its
// platform's promises allow.
func (c *verifyCommand) check(e *env, w audited) (*verify.Report, error) {
	cat := event.NewCatalogue()
	a, err := app.Open(app.Config{
		Platform: w.Platform, Catalogue: cat, Clock: embedded.SystemClock{}, Log: e.log,
		IDs:     noIDs{},
		Payment: payment.Options{Name: "sandbox", Provider: noProvider{}}, Unwatched: w.unwatched,
		Machines: !w.unwatched, // their deliveries count as well
	})
	if err != nil {
		return nil, err
	}
	quiet, err := atRest(e.ctx, w.Delivery())
	if err != nil {
		return nil, err
	}
	var notes []string
	if w.notes != nil {
		notes = w.notes()
	}
	ballast := make([]byte, ballastBytes)
	defer runtime.KeepAlive(ballast)
	return verify.Run(e.ctx, verify.Input{
		History: w.History(), Delivery: w.Delivery(), Rooms: a.Rooms(), Catalogue: cat,
		Features: verify.FeaturesOf(w.Platform), Provider: w.ledger, LedgerOf: sandbox.Name,
		Payouts:   w.payouts,
		Quiescent: quiet, Structural: c.Structural, Envelopes: c.Envelopes,
		Chain: w.chain, Notes: notes, Progress: e.progress("events"),
	})
}

// ballastBytes makes the heap look larger than it is. Nearly all that verify reads is garbage at
// once, so the collector would run all the time, with little to keep; now it waits for that much
// more. Nobody writes to the ballast, so it takes no memory itself.
const ballastBytes = 64 << 20

// effect is a line of the sandbox's ledger in the checker's words.
func effect(l sandbox.Entry) verify.Effect {
	return verify.Effect{
		Key: l.Key, Payment: l.Payment, Order: l.Order, Kind: l.Kind, Amount: l.Amount,
		Currency: l.Currency, At: l.At, Ref: l.Ref,
	}
}

// payout is a line of the payer's ledger in the checker's words.
func payout(l payer.Entry) verify.Paid {
	return verify.Paid{
		Key: l.Key, Payout: l.Payout, Dealer: l.Dealer, Kind: l.Kind, Amount: l.Amount,
		Currency: l.Currency,
	}
}

// atRest reports whether every subscription had handled everything when the directory was closed.
// Only then must what follows from an event be there.
func atRest(ctx context.Context, d platform.Delivery) (bool, error) {
	subscriptions, err := d.Status(ctx)
	if err != nil {
		return false, err
	}
	for _, s := range subscriptions {
		if s.Pending > 0 || s.Waiting > 0 {
			return false, nil
		}
	}
	return true, nil
}

// progressEvery is how often long work says how far it is.
const progressEvery = 2 * time.Second

// progress returns a function that says now and then how far something is, on standard error.
func (e *env) progress(what string) func(done, total int64) {
	began, last := time.Now(), time.Now()
	return func(done, total int64) {
		if e.json || time.Since(last) < progressEvery {
			return
		}
		last = time.Now()
		rate := float64(done) / time.Since(began).Seconds()
		if total > 0 {
			fmt.Fprintf(e.err, "%d of %d %s (%d %%), %.0f/s\n",
				done, total, what, 100*done/total, rate)
			return
		}
		fmt.Fprintf(e.err, "%d %s, %.0f/s\n", done, what, rate)
	}
}

// errChecking answers whoever would ask a provider meanwhile.
var errChecking = errors.New("nothing is paid or asked while the books are checked")

// noProvider stands where nothing may be paid.
type noProvider struct{}

// Do implements payment.Provider.
func (noProvider) Do(context.Context, payment.Request) (payment.Outcome, error) {
	return payment.Outcome{}, errChecking
}

// Status implements payment.Provider.
func (noProvider) Status(context.Context, payment.Request) (payment.Outcome, error) {
	return payment.Outcome{}, errChecking
}

// noIDs stands where nothing may be made.
type noIDs struct{}

// NewID implements shop.IDs.
func (noIDs) NewID(prefix string) shop.ID {
	panic("souk: a read-only directory has no use for a new " + prefix)
}
