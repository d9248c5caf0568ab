package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/charmbracelet/x/term"

	"github.com/souk-commerce/souk/app/demo"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/room"
)

// demoCommand plays a day in a small market and checks its books.
type demoCommand struct {
	Data     string        `help:"Keep the market in this directory, new or empty; else it is temporary." type:"path"`
	Seed     uint64        `default:"1" help:"What the shoppers want follows from it."`
	Shoppers int           `default:"300" help:"Shoppers who stroll in, 20 to 2000."`
	Rush     int           `default:"200" help:"Shoppers who come for the flash sale of ten lamps."`
	Length   time.Duration `default:"7s" help:"How long shoppers keep coming."`
	Deadline time.Duration `default:"8s" help:"How long an order may stay unpaid before it expires."`
	Keep     bool          `help:"Leave the server running for a look, until ctrl-c."`
	Listen   string        `default:"127.0.0.1:0" help:"Address of the API; port 0 is a free one."`
}

// demoReturns is how long a parcel may be returned: short, so that dealers are paid while one looks
// on.
const demoReturns = 4 * time.Second

// policy is what the demo's market charges, and how long it waits: an order that is not paid
// expires while one looks on, and the provider is asked again sooner than one that is far away.
func (c *demoCommand) policy() policyFlags {
	return policyFlags{
		Deadline: c.Deadline, ActionTTL: time.Millisecond, Returns: demoReturns,
		Shipping: 395, TaxBPS: 2000, Patience: time.Second,
		Payment: payment.Policy{
			FirstCheck: 200 * time.Millisecond, LastCheck: time.Second, Missing: 2,
		},
	}
}

// Run implements the command.
func (c *demoCommand) Run(e *env) (err error) {
	if err := c.script().Check(); err != nil {
		return err
	}
	dir, remove, err := c.directory()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	quiet := *e
	quiet.log = slog.New(slog.DiscardHandler) // it would tear the panel
	w, err := openWorld(&quiet, dir, c.policy())
	if err != nil {
		return err
	}
	s, err := w.serve(&quiet, c.Listen, "")
	if err != nil {
		return errors.Join(err, w.close())
	}
	err = c.play(e, w, s)
	return errors.Join(err, s.stop(), w.close())
}

func (c *demoCommand) script() demo.Script {
	return demo.Script{Seed: c.Seed, Shoppers: c.Shoppers, Rush: c.Rush, Length: c.Length}
}

// directory makes sure that the market begins empty. remove takes away what was only lent.
func (c *demoCommand) directory() (dir string, remove func() error, err error) {
	if c.Data == "" {
		dir, err = os.MkdirTemp("", "souk-demo-")
		return dir, func() error { return os.RemoveAll(dir) }, err
	}
	entries, err := os.ReadDir(c.Data)
	if err == nil && len(entries) > 0 {
		return "", nil, shop.Errorf(shop.Conflict, "%s is not empty; nothing was done", c.Data).
			WithHint("name a directory that does not exist yet, or leave --data out")
	}
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return c.Data, func() error { return nil }, err
}

// play runs the day, prints what happened, and keeps the market open if it was asked to.
func (c *demoCommand) play(e *env, w *world, s *servers) error {
	stage := newStage(e)
	summary, err := demo.Run(e.ctx, demo.Config{
		Script: c.script(), URL: "http://" + s.api, Issue: w.issue,
		Platform: w.platform, Rooms: w.app.Rooms(), Catalogue: w.cat, Ledger: w.provider.Ledger,
		Payouts: w.payer.Ledger, Returns: demoReturns, Show: stage.Draw,
	})
	stage.Close()
	if err != nil {
		if e.ctx.Err() != nil {
			return errors.New("the demo was stopped before its end; nothing was checked")
		}
		return err
	}
	var open *openMarket
	if c.Keep {
		if open, err = newOpenMarket(e.ctx, w, s); err != nil {
			return err
		}
	}
	if err := c.tell(e, summary, open); err != nil {
		return err
	}
	if open != nil {
		select {
		case <-e.ctx.Done():
		case err := <-s.failed:
			return err
		}
	}
	if !summary.Balanced {
		return errFound
	}
	return nil
}

// tell prints the summary and, if the market stays open, how to get in.
func (c *demoCommand) tell(e *env, s *demo.Summary, open *openMarket) error {
	if e.json {
		return e.print(struct {
			*demo.Summary
			Open *openMarket `json:"open,omitempty"`
		}{s, open})
	}
	if err := s.Write(e.out, terminal(e.out) != nil && os.Getenv("NO_COLOR") == ""); err != nil {
		return err
	}
	if open != nil {
		return open.write(e.out, c.Data == "")
	}
	return nil
}

func (w *world) issue(
	ctx context.Context, who room.Caller, life time.Duration,
) (string, error) {
	return w.app.Identity.Issue(ctx, who, life)
}

// openMarket is how to get into a market that stays open.
type openMarket struct {
	URL      string `json:"url"`
	Customer string `json:"customer"` // tokens
	Dealer   string `json:"dealer"`
	Admin    string `json:"admin"`
}

func newOpenMarket(ctx context.Context, w *world, s *servers) (*openMarket, error) {
	o := &openMarket{URL: "http://" + s.api}
	for _, one := range []struct {
		token *string
		who   room.Caller
	}{
		{&o.Customer, room.Caller{ID: demo.Customer, Role: room.Customer()}},
		{&o.Dealer, room.Caller{ID: demo.Dealer, Role: room.Dealer()}},
		{&o.Admin, room.Caller{ID: demo.Admin, Role: room.Admin()}},
	} {
		var err error
		if *one.token, err = w.issue(ctx, one.who, 24*time.Hour); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (o *openMarket) write(out io.Writer, temporary bool) error {
	end := "ctrl-c closes it"
	if temporary {
		end += " and removes its directory"
	}
	_, err := fmt.Fprintf(out, `
The market stays open at %[1]s
(%[2]s). A customer, a dealer and an admin:

CUSTOMER=%[3]s

DEALER=%[4]s

ADMIN=%[5]s

Buy some tea, look at the parcels to pack, look at the books:

curl -s %[1]s/v1/orders -H "Authorization: Bearer $CUSTOMER" \
  -H "Idempotency-Key: $RANDOM" -H "Prefer: wait=5" \
  -H "Content-Type: application/json" \
  -d '{"items":[{"sku":"TEA-MINT","quantity":1}],"payment":{"token":"tok_visa"},
       "shipTo":{"name":"Me","line1":"1 Road","city":"Leeds","country":"GB"}}'

curl -s "%[1]s/v1/shipments?limit=3" \
  -H "Authorization: Bearer $DEALER"

curl -s %[1]s/v1/dealers/dlr_lamps/balance \
  -H "Authorization: Bearer $DEALER"

curl -s %[1]s/v1/ops/ledger/trial-balance \
  -H "Authorization: Bearer $ADMIN"

`, o.URL, end, o.Customer, o.Dealer, o.Admin)
	return err
}

// stage is where the demo can be looked at.
type stage interface {
	Draw(v demo.View)
	Close()
}

// newStage draws a panel on a terminal that is large enough, and tells in lines on any other.
func newStage(e *env) stage {
	out := e.out
	if e.json {
		out = e.err
	}
	size := terminal(out)
	if size == nil || os.Getenv("TERM") == "dumb" {
		return demo.NewLines(e.err)
	}
	if columns, rows := size(); columns < demo.MinColumns || rows < demo.MinRows {
		return demo.NewLines(e.err)
	}
	return demo.NewPanel(out, size, os.Getenv("NO_COLOR") == "")
}

// terminal returns how to ask a terminal for its size; nil if w is none.
func terminal(w io.Writer) (size func() (columns, rows int)) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(f.Fd()) {
		return nil
	}
	return func() (int, int) {
		columns, rows, err := term.GetSize(f.Fd())
		if err != nil {
			return 80, 24
		}
		return columns, rows
	}
}
