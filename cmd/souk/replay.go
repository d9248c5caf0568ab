package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
)

// replayCommand delivers what was delivered again, on a directory that no server has open.
type replayCommand struct {
	Subscription string        `required:"" help:"Whose events, as in analytics.count-on-order-placed."`
	From         moment        `required:"" help:"The first moment that counts: RFC 3339, or how long ago."`
	Dry          bool          `help:"Only count; nothing is delivered or written."`
	Data         string        `default:"./data" help:"Data directory; no server may have it open." type:"path"`
	Wait         time.Duration `default:"10m" help:"How long to wait until everything is quiet, at most 24h."`
	Policy       policyFlags   `embed:""`
}

// replayed is what a replay did.
type replayed struct {
	Subscription string       `json:"subscription"`
	From         time.Time    `json:"from"`
	Dry          bool         `json:"dry"`
	Events       int          `json:"events"`      // that match, from the moment on
	Done         int64        `json:"done"`        // handled since, by this subscription
	Failed       int64        `json:"failed"`      // attempts
	DeadLetters  []deadLetter `json:"deadLetters"` // of this subscription, the first ones
	Others       []worked     `json:"others"`      // subscriptions that had something to do as well
}

// worked is what a subscription did meanwhile.
type worked struct {
	Name   string `json:"name"`
	Done   int64  `json:"done"`
	Failed int64  `json:"failed"`
}

// deadLetter is an event that a subscription gave up on.
type deadLetter struct {
	ID       string `json:"id"`
	Event    string `json:"event"`
	Type     string `json:"type"`
	Attempts int    `json:"attempts"`
	Error    string `json:"error"`
}

// shownDead bounds the dead letters that are listed.
const shownDead = 20

// Validate refuses a wait that is none.
func (c *replayCommand) Validate() error {
	if c.Wait <= 0 || c.Wait > 24*time.Hour {
		return fmt.Errorf("--wait is more than nothing and at most 24h, not %v", c.Wait)
	}
	return nil
}

// Run implements the command.
func (c *replayCommand) Run(e *env) error {
	if c.Dry {
		return c.count(e)
	}
	if err := c.exists(e); err != nil {
		return err
	}
	w, err := openWorld(e, c.Data, c.Policy)
	if err != nil {
		return replayInUse(err)
	}
	res, err := c.deliver(e, w)
	if err := errors.Join(err, w.close()); err != nil {
		return err
	}
	return c.report(e, res)
}

// exists refuses a directory or a subscription that is not there, before anything is delivered.
func (c *replayCommand) exists(e *env) error {
	r, err := openReading(e, c.Data, time.Time{})
	if err != nil {
		return replayInUse(err)
	}
	_, err = c.matching(e.ctx, r)
	return errors.Join(err, r.close())
}

// count is a replay that does nothing.
func (c *replayCommand) count(e *env) error {
	r, err := openReading(e, c.Data, time.Time{})
	if err != nil {
		return replayInUse(err)
	}
	n, err := c.matching(e.ctx, r)
	if err := errors.Join(err, r.close()); err != nil {
		return err
	}
	return c.report(e, &replayed{Events: n, Dry: true})
}

func (c *replayCommand) matching(ctx context.Context, r *reading) (int, error) {
	n, err := r.p.Delivery().Replay(ctx, c.Subscription, c.From.Time, true)
	if !errors.Is(err, platform.ErrNotFound) {
		return n, err
	}
	status, serr := r.p.Delivery().Status(ctx)
	if serr != nil {
		return 0, serr
	}
	names := make([]string, len(status))
	for i, s := range status {
		names[i] = s.Name
	}
	slices.Sort(names)
	return 0, shop.Errorf(shop.NotFound, "there is no subscription %q; nothing was delivered",
		c.Subscription).WithHint("name one of these:\n    %s", strings.Join(names, "\n    "))
}

// deliver moves the cursor back and waits until every subscription is quiet. The purchase queue is
// not worked on: a replay takes no new orders.
func (c *replayCommand) deliver(e *env, w *world) (*replayed, error) {
	delivery := w.platform.Delivery()
	ctx, cancel := context.WithTimeout(e.ctx, c.Wait)
	defer cancel()
	if err := w.app.Machines.Define(ctx); err != nil { // a replay may start some
		return nil, err
	}
	if err := delivery.Start(context.WithoutCancel(e.ctx)); err != nil {
		return nil, err
	}
	n, err := delivery.Replay(ctx, c.Subscription, c.From.Time, false)
	if err != nil {
		return nil, err
	}
	res := &replayed{Events: n}
	if err := c.settle(ctx, e, delivery, res); err != nil {
		return nil, err
	}
	letters, err := delivery.DeadLetters(e.ctx, c.Subscription, "", shownDead)
	if err != nil {
		return nil, err
	}
	for _, l := range letters {
		res.DeadLetters = append(res.DeadLetters, deadLetter{
			ID: l.ID, Event: l.Event.ID, Type: l.Event.Type, Attempts: l.Attempts,
			Error: l.LastError,
		})
	}
	return res, nil
}

// settle waits until nothing is pending or waiting, and says now and then how far it is.
func (c *replayCommand) settle(
	ctx context.Context, e *env, d platform.Delivery, res *replayed,
) error {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for told := time.Now(); ; {
		status, err := d.Status(ctx)
		if err != nil {
			return c.tooLong(ctx, err)
		}
		left := res.take(c.Subscription, status)
		if left == 0 {
			return nil
		}
		if time.Since(told) > time.Second {
			told = time.Now()
			fmt.Fprintf(e.err, "%d of %d delivered again\n", res.Done, res.Events)
		}
		select {
		case <-ctx.Done():
			return c.tooLong(ctx, ctx.Err())
		case <-look.C:
		}
	}
}

// take copies what the subscriptions say, and returns how much is still to be done.
func (res *replayed) take(name string, status []platform.SubscriptionStatus) int {
	left := 0
	res.Others = []worked{}
	for _, s := range status {
		if !s.Paused {
			left += s.Pending + s.Waiting
		}
		switch {
		case s.Name == name:
			res.Done, res.Failed = s.Done, s.Failed
		case s.Done > 0 || s.Failed > 0:
			res.Others = append(res.Others, worked{s.Name, s.Done, s.Failed})
		}
	}
	return left
}

// tooLong explains an end before everything is quiet. What was begun goes on with the next server.
func (c *replayCommand) tooLong(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return shop.Errorf(shop.Busy,
		"the replay was begun and is not finished: %w", context.Cause(ctx)).
		WithHint("the rest is delivered by the next souk serve, or give it more time with --wait")
}

func (c *replayCommand) report(e *env, res *replayed) error {
	res.Subscription, res.From = c.Subscription, c.From.UTC()
	if res.DeadLetters == nil {
		res.DeadLetters = []deadLetter{}
	}
	if res.Others == nil {
		res.Others = []worked{}
	}
	if e.json {
		if err := e.print(res); err != nil {
			return err
		}
		return res.verdict()
	}
	t := &text{w: e.out}
	since := fmt.Sprintf("%s since %s", howMany(int64(res.Events), "event", "events"),
		timeText(res.From))
	if res.Dry {
		t.line("%s would be delivered to %s again; nothing was done", since, res.Subscription)
		return t.err
	}
	t.line("%s delivered to %s again", since, res.Subscription)
	t.line("  %d handled, %d attempts failed", res.Done, res.Failed)
	for _, s := range res.Others {
		t.line("  %s also had %d to handle", s.Name, s.Done)
	}
	for _, l := range res.DeadLetters {
		t.line("  dead letter %s: %s after %d attempts: %s", l.ID, l.Event, l.Attempts, l.Error)
	}
	if t.err != nil {
		return t.err
	}
	return res.verdict()
}

// verdict makes dead letters a failure of the command.
func (res *replayed) verdict() error {
	if len(res.DeadLetters) > 0 {
		return errFound
	}
	return nil
}

func replayInUse(err error) error {
	if !errors.Is(err, platform.ErrInUse) {
		return err
	}
	return (&shop.Error{Code: shop.Conflict, Message: err.Error(), Err: err}).
		WithHint("a running server replays too: POST /v1/ops/replays")
}
