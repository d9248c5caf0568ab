package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/fulfilment/paper"
	post "github.com/souk-commerce/souk/shop/fulfilment/sandbox"
	books "github.com/souk-commerce/souk/shop/ledger"
	payer "github.com/souk-commerce/souk/shop/ledger/sandbox"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/notification/webhook"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

const (
	tokenIssuer = "souk"
	inMemory    = "mem:"
	ledgerFile  = "sandbox-ledger.jsonl" // beside the data directory's own files
	payoutsFile = "sandbox-payouts.jsonl"
)

// rememberPayments is how many operations the sandbox keeps at hand; it looks older ones up in its
// ledger.
const rememberPayments = 1 << 14

// policyFlags are the operator's decisions that serve and bench share.
type policyFlags struct {
	Deadline  time.Duration `default:"10m" help:"From checkout until an order is placed or expires."`
	Returns   time.Duration `default:"336h" help:"From the last delivery until an order is complete."`
	Shipping  int64         `default:"0" help:"Charge for each parcel, in minor units."`
	TaxBPS    int64         `name:"tax-bps" default:"0" help:"Tax, in 1/10,000 of items and shipping."`
	MinPayout int64         `default:"100" help:"The least that is paid out to a dealer, in minor units."`
	Patience  time.Duration `default:"20ms" help:"How far behind the shop may be before browsing is shed; new orders at twice that."`
	OpenMeter bool          `name:"open-metrics" help:"Serve /metrics on the API without a token."`

	// Of webhooks, read by serve; none makes a random one, which nobody can sign with.
	Secrets [][]byte `kong:"-"`

	// Who takes the money, read by serve; zero is the sandbox.
	Providers providerFlags `kong:"-"`
	// How messages leave, read by serve; by default webhooks alone do.
	Messages notification.Options `kong:"-"`

	// What only the demo decides; zero is the rooms' own.
	Payment   payment.Policy `kong:"-"`
	ActionTTL time.Duration  `kong:"-"`
}

func (f policyFlags) policy() app.Policy {
	orders := order.DefaultPolicy()
	orders.TTL, orders.ReturnWindow = f.Deadline, f.Returns
	if f.ActionTTL != 0 {
		orders.ActionTTL = f.ActionTTL
	}
	orders.Charges = order.Charges{ShippingPerParcel: f.Shipping, TaxBPS: f.TaxBPS}
	return app.Policy{
		Issuer: tokenIssuer, Order: orders, Patience: f.Patience, OpenMeters: f.OpenMeter,
	}
}

// world is one embedded market with everything it stands on.
type world struct {
	platform *embedded.Platform
	provider *sandbox.Sandbox
	payer    *payer.Sandbox
	carrier  *post.Sandbox
	app      *app.App
	cat      *event.Catalogue
	dir      string // "" in memory
	backups  string // where backups of a running market are put
}

// The collector's settings: it runs less often than by default while there is room, since most of
// what a request makes is garbage at once, and more often near the bound.
const gcPercent = 300

// tuneMemory is for processes that serve.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryBound)
	}
}

// openWorld opens or makes the market in a data directory.
func openWorld(e *env, data string, f policyFlags) (*world, error) {
	tuneMemory()
	w := &world{cat: event.NewCatalogue()}
	ledger, payouts := "", ""
	if data != inMemory {
		w.dir = data
		ledger, payouts = filepath.Join(data, ledgerFile), filepath.Join(data, payoutsFile)
		w.backups = filepath.Clean(data) + "-backups"
	}
	var err error
	w.platform, err = embedded.Open(embedded.Options{
		Dir: w.dir, Check: app.Check(w.cat), Log: e.log, Beside: besides(),
	})
	if err != nil {
		return nil, err
	}
	secrets, err := secretsOf(f)
	if err != nil {
		return nil, errors.Join(err, w.platform.Close())
	}
	clock := embedded.SystemClock{}
	w.provider, err = sandbox.Open(sandbox.Options{
		Clock: clock, Path: ledger, Remember: rememberPayments,
	})
	if err != nil {
		return nil, errors.Join(err, w.platform.Close())
	}
	w.payer, err = payer.Open(payer.Options{Clock: clock, Path: payouts})
	if err != nil {
		return nil, errors.Join(err, w.provider.Close(), w.platform.Close())
	}
	w.carrier = post.New(clock, secrets[0])
	pay, err := f.Providers.providers(payment.Options{
		Name: sandbox.Name, Provider: w.provider, Describe: sandbox.Describe,
		Secrets: secrets, Policy: f.Payment,
	})
	if err != nil {
		return nil, errors.Join(err, w.payer.Close(), w.provider.Close(), w.platform.Close())
	}
	w.app, err = app.Open(app.Config{
		Platform: w.platform, Catalogue: w.cat, Clock: clock, Log: e.log, Policy: f.policy(),
		IDs: shop.RandomIDs{Now: time.Now, Chance: rand.Reader}, Backups: w.backer(),
		Machines: true,
		Payment:  pay,
		Payouts: books.Options{
			Name: payer.Name, Provider: w.payer, Describe: payer.Describe,
			Policy: books.Policy{Minimum: f.MinPayout},
		},
		Fulfilment: fulfilment.Options{
			Carrier: w.carrier, Secrets: secrets, Depot: depot(), Printer: paper.Printer{},
		},
		Notification: messagesOf(f),
	})
	if err != nil {
		return nil, errors.Join(err, w.payer.Close(), w.provider.Close(), w.platform.Close())
	}
	return w, nil
}

// secretsOf are those that the operator gave, or a random one.
func secretsOf(f policyFlags) ([][]byte, error) {
	if len(f.Secrets) > 0 {
		return f.Secrets, nil
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return nil, fmt.Errorf("make a webhook secret: %w", err)
	}
	return [][]byte{secret}, nil
}

// messagesOf are what serve was told, or webhooks alone.
func messagesOf(f policyFlags) notification.Options {
	if f.Messages.Poster == nil {
		f.Messages.Poster = webhook.New(webhook.Options{})
	}
	return f.Messages
}

// close ends everything in the order in which it depends on each other.
func (w *world) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	return errors.Join(
		w.app.Close(ctx), w.platform.Close(), w.provider.Close(), w.payer.Close())
}

// openOffline opens a data directory that no server has open, without delivering anything.
func openOffline(e *env, dir string, readOnly bool) (*embedded.Platform, error) {
	if _, err := os.Stat(filepath.Join(dir, "FORMAT")); errors.Is(err, os.ErrNotExist) {
		return nil, &shop.Error{
			Code: shop.NotFound, Err: platform.ErrNotFound,
			Message: dir + " is no data directory of Souk",
			Hint:    "name one with --data; souk serve makes one",
		}
	}
	return embedded.Open(embedded.Options{
		Dir: dir, ReadOnly: readOnly, Log: e.log, Beside: besides(),
	})
}

// besides lists the files that a backup has beside the platform's own.
func besides() []string { return []string{ledgerFile, payoutsFile} }
