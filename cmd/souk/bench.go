package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// benchCommand measures the shop the way it is used: over HTTP, in a process of its own, with fsync
// before every answer.
type benchCommand struct {
	Orders      int64         `default:"40000" help:"Orders of each saturation run."`
	Connections int           `default:"256" help:"Connections of a saturation run."`
	Rates       []float64     `default:"500,1500" help:"Steady arrivals a second to measure latency at."`
	For         time.Duration `default:"15s" help:"How long each steady rate lasts."`
	Spike       bool          `help:"A tenfold step: 300 a second, then 3,000 for a minute, then 300, beside visitors who browse."`
	SpikeFor    time.Duration `default:"1m" help:"How long the step lasts; a sixth of it before and after."`
	Browsing    float64       `default:"300" help:"Visitors' looks a second, all through the spike."`
	Curve       bool          `help:"Print each saturation run by tenths; always with more than 20,000 orders."`
	Patience    time.Duration `help:"The server's --patience for arrivals, if not its default."`
	Only        string        `default:"" enum:",many,hot,rates,spike,restart" help:"One part: ${enum}."`
	SKUs        int           `name:"skus" default:"1000" help:"Listings."`
	Customers   int           `default:"2000" help:"Customers."`
	Dir         string        `help:"Where to put the data; a temporary directory when empty." type:"path"`
	Keep        bool          `help:"Do not remove the data afterwards."`
	Profile     string        `help:"Write a CPU profile of the first part's server to this file." type:"path"`
}

// Run implements the command.
func (c *benchCommand) Run(e *env) (err error) {
	dir := c.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "souk-bench-"); err != nil {
			return fmt.Errorf("make a directory for the data: %w", err)
		}
	}
	if !c.Keep {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	b := &bench{benchCommand: c, e: e, dir: filepath.Join(dir, "data")}
	if err := b.run(e.ctx); err != nil {
		return err
	}
	if e.json {
		return e.print(b.report)
	}
	b.report.text(e.out)
	return nil
}

// bench is one run of the command.
type bench struct {
	*benchCommand
	e      *env
	dir    string
	child  *child
	market *market
	report report
}

// part reports whether a part of the bench was asked for.
func (b *bench) part(name string) bool { return b.Only == "" || b.Only == name }

func (b *bench) run(ctx context.Context) error {
	b.report.Machine = fmt.Sprintf("%d cores, %s", runtime.NumCPU(), runtime.Version())
	if err := b.with(ctx, "-1s", b.busy); err != nil {
		return err
	}
	patience := ""
	if b.Patience != 0 {
		patience = b.Patience.String()
	}
	if b.part("rates") || b.part("restart") || b.Only == "spike" {
		if err := b.with(ctx, patience, b.calm); err != nil {
			return err
		}
	}
	return b.lookBack(ctx)
}

// with runs parts against a server of its own, with this patience; "" is the server's default.
func (b *bench) with(
	ctx context.Context, patience string, parts func(ctx context.Context) error,
) (err error) {
	args := []string{}
	if patience != "" {
		args = append(args, "--patience="+patience)
	}
	if b.Profile != "" && (b.part("many") || b.part("hot")) == (b.market == nil) {
		args = append(args, "--profile", b.Profile)
	}
	if b.child, err = startChild(ctx, b.dir, args...); err != nil {
		return err
	}
	err = parts(ctx)
	return errors.Join(err, b.child.stop())
}

// busy stocks the shop and runs the parts in which every connection always asks: nothing is shed.
func (b *bench) busy(ctx context.Context) error {
	u, err := b.child.usage()
	if err != nil {
		return err
	}
	b.report.IdleRSS = u.rss
	b.progress("listing %d products", b.SKUs)
	b.market = &market{
		dealers: 10, skus: b.SKUs, customers: b.Customers,
		run: fmt.Sprintf("b%d-", time.Now().UnixMilli()),
	}
	if err := b.market.seed(ctx, b.child); err != nil {
		return err
	}
	return b.saturation(ctx)
}

// calm runs the parts in which orders arrive by themselves.
func (b *bench) calm(ctx context.Context) error {
	if b.part("rates") {
		for _, rate := range b.Rates {
			if err := b.steady(ctx, rate); err != nil {
				return err
			}
		}
	}
	if b.Spike && b.part("spike") || b.Only == "spike" {
		if err := b.spike(ctx); err != nil {
			return err
		}
	}
	if b.part("restart") {
		return b.restart(ctx)
	}
	return nil
}

func (b *bench) progress(format string, args ...any) {
	if !b.e.json {
		fmt.Fprintf(b.e.err, "bench: "+format+"\n", args...)
	}
}

// steady measures from arrival to placed, with orders that arrive whether or not the server keeps
// up.
func (b *bench) steady(ctx context.Context, rate float64) error {
	b.progress("%.0f orders a second for %s, answered when placed", rate, b.For)
	o, err := b.market.arrivals(ctx, b.child, load{
		rate: rate, last: b.For, connections: max(64, int(rate/4)), ask: b.market.placing,
		sampled: true, seed: 2,
	})
	if err != nil {
		return err
	}
	if err := b.child.quiet(ctx); err != nil {
		return err
	}
	u, err := b.child.usage()
	if err != nil {
		return err
	}
	b.report.Steady = append(b.report.Steady, steadyOf(rate, o, u))
	return nil
}

// restart kills the server with everything that was stored so far and measures until it is ready.
func (b *bench) restart(ctx context.Context) error {
	b.progress("kill -9 and restart")
	if err := b.child.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = b.child.cmd.Wait() // it was killed
	began := time.Now()
	next, err := startChild(ctx, b.dir)
	if err != nil {
		return err
	}
	b.child = next
	b.report.Restart = time.Since(began)
	b.report.Orders = b.market.n.Load()
	return b.child.quiet(ctx)
}
