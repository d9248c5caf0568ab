package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// showCommand shows one thing as the log tells it, now or as of any moment.
type showCommand struct {
	Kind    string `arg:"" enum:"order,payment,shipment,sku,account,customer" help:"What to show: ${enum}."`
	ID      string `arg:"" help:"Its id, as in ord_…, a SKU, or dealer:dlr_lamps:payable."`
	Data    string `default:"./data" help:"Data directory; no server may have it open." type:"path"`
	At      moment `help:"As of this moment: RFC 3339, or how long ago, as in 5m."`
	Limit   int    `default:"20" help:"Movements, postings or orders to list, the newest, 1 to 1000."`
	Private bool   `help:"Open what is sealed: names, addresses, e-mail."`
}

// Validate refuses what nothing can be called, before anything is opened.
func (c *showCommand) Validate() error {
	if c.Limit < 1 || c.Limit > platform.MaxList {
		return fmt.Errorf("--limit is 1 to %d, not %d", platform.MaxList, c.Limit)
	}
	switch c.Kind {
	case "account":
		return shop.CheckText("an account's name", c.ID, 1, 2*shop.MaxID)
	case "sku":
		_, err := shop.ParseSKU(c.ID)
		return err
	}
	_, err := shop.ParseID(c.ID)
	return err
}

// Run implements the command.
func (c *showCommand) Run(e *env) error {
	r, err := openReading(e, c.Data, c.At.Time)
	if err != nil {
		return err
	}
	page, err := c.read(e.ctx, r)
	err = errors.Join(err, r.close())
	if err != nil {
		return err
	}
	if e.json {
		return e.print(page)
	}
	t := &text{w: e.out}
	page.write(t)
	return t.err
}

// page is what one kind of thing looks like: its fields are the JSON document.
type page interface{ write(t *text) }

func (c *showCommand) read(ctx context.Context, r *reading) (page, error) {
	id := shop.ID(c.ID)
	switch c.Kind {
	case "account":
		return r.account(ctx, c.ID, c.Limit)
	case "sku":
		return r.stock(ctx, shop.SKU(c.ID), c.Limit)
	case "payment":
		return r.payment(ctx, id)
	case "shipment":
		return r.shipment(ctx, id, c.Private)
	case "customer":
		return r.customer(ctx, id, c.Limit)
	}
	return r.order(ctx, id, c.Private)
}

// moment is a point in time on the command line. The zero moment is now.
type moment struct{ time.Time }

// UnmarshalText reads RFC 3339, or a duration that has passed since.
func (m *moment) UnmarshalText(raw []byte) error {
	if ago, err := time.ParseDuration(string(raw)); err == nil {
		if ago < 0 {
			return fmt.Errorf("%q lies in the future", raw)
		}
		m.Time = time.Now().Add(-ago)
		return nil
	}
	at, err := time.Parse(time.RFC3339, string(raw))
	if err != nil {
		return fmt.Errorf(
			"%q is neither a moment like 2026-11-20T16:10:00Z nor a duration like 5m", raw)
	}
	m.Time = at
	return nil
}

// reading is a data directory that is only read, with the rooms that explain what is in it.
type reading struct {
	p   *embedded.Platform
	app *app.App
	cat *event.Catalogue
	at  time.Time // what happened later is not seen; zero: everything is
	dir string
}

// openReading opens a directory that no server has open. Nothing is delivered and nothing written.
func openReading(e *env, dir string, at time.Time) (*reading, error) {
	p, err := openOffline(e, dir, true)
	if err != nil {
		return nil, err
	}
	r := &reading{p: p, cat: event.NewCatalogue(), at: at, dir: dir}
	clock := embedded.SystemClock{}
	provider, err := sandbox.Open(sandbox.Options{Clock: clock}) // in memory: nobody is charged
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	r.app, err = app.Open(app.Config{
		Platform: p, Catalogue: r.cat, Clock: clock, Log: e.log, Machines: true,
		IDs: shop.RandomIDs{Now: time.Now, Chance: rand.Reader},
		Payment: payment.Options{
			Name: sandbox.Name, Provider: provider, Describe: sandbox.Describe,
		},
	})
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return r, nil
}

func (r *reading) close() error { return r.p.Close() }

// seen reports whether an event had happened at the moment that is looked at.
func (r *reading) seen(e platform.Event) bool { return r.at.IsZero() || !e.Time.After(r.at) }

// subject returns the events of one subject up to the moment.
func (r *reading) subject(ctx context.Context, subject string) ([]platform.Event, error) {
	var all []platform.Event
	for {
		after := int64(0)
		if len(all) > 0 {
			after = all[len(all)-1].Sequence
		}
		next, err := r.p.History().Subject(ctx, subject, after, platform.MaxList)
		if err != nil {
			return nil, fmt.Errorf("read the events of %s: %w", subject, err)
		}
		for _, e := range next {
			if !r.seen(e) {
				return all, nil
			}
			all = append(all, e)
		}
		if len(next) < platform.MaxList {
			return all, nil
		}
	}
}

// state returns the empty state of a room, for folding.
func (r *reading) state(name string) (*room.State, error) {
	for _, rm := range r.app.Rooms() {
		if rm.Name() == name {
			return room.NewState(&room.Desk{Catalogue: r.cat, Apply: rm.Apply}), nil
		}
	}
	return nil, shop.Errorf(shop.Internal, "there is no room %q", name)
}

// folded returns a room's state after the events of one aggregate.
func (r *reading) folded(
	ctx context.Context, name string, events []platform.Event,
) (*room.State, error) {
	s, err := r.state(name)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		if err := s.Fold(ctx, e); err != nil {
			return nil, fmt.Errorf("event %s: %w", e.ID, err)
		}
	}
	return s, nil
}

// valueOf returns the one record of type T in a state, or nil.
func valueOf[T any](s *room.State) *T {
	for _, key := range s.Keys() {
		if v := room.Value[T](s, key); v != nil {
			return v
		}
	}
	return nil
}

// missing says that something is not there, or was not there yet.
func (r *reading) missing(ctx context.Context, what, id, subject string) error {
	first, err := r.p.History().Subject(ctx, subject, 0, 1)
	if err != nil {
		return err
	}
	if len(first) == 0 {
		return shop.Errorf(shop.NotFound, "there is no %s %q in %s", what, id, r.dir).
			WithHint("souk show customer ID lists the orders of a customer")
	}
	return shop.Errorf(shop.NotFound, "there was no %s %q at %s: it begins at %s",
		what, id, timeText(r.at), timeText(first[0].Time))
}

// opened opens sealed data; nil when its person was erased.
func opened[T any](ctx context.Context, r *reading, s shop.Sealed[T]) (*T, error) {
	v, err := s.Open(ctx, r.p.Keys())
	if errors.Is(err, platform.ErrErased) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open what is sealed for %s: %w", s.Person, err)
	}
	return &v, nil
}

// asOf is the moment as a page shows it.
func (r *reading) asOf() *time.Time {
	if r.at.IsZero() {
		return nil
	}
	at := r.at.UTC()
	return &at
}
