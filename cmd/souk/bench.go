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
	Spike       bool          `help:"A tenfold step: 300 a second, then 3,000 for a minute, then 300."`
	Only        string        `default:"" enum:",many,hot,rates,spike,restart" help:"One part: ${enum}."`
	SKUs        int           `name:"skus" default:"1000" help:"Listings."`
	Customers   int           `default:"2000" help:"Customers."`
	Dir         string        `help:"Where to put the data; a temporary directory when empty." type:"path"`
	Keep        bool          `help:"Do not remove the data afterwards."`
	Profile     string        `help:"Write a CPU profile of the server's saturation run to this file." type:"path"`
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

func (b *bench) run(ctx context.Context) (err error) {
	b.report.Machine = fmt.Sprintf("%d cores, %s", runtime.NumCPU(), runtime.Version())
	args := []string{}
	if b.Profile != "" {
		args = append(args, "--profile", b.Profile)
	}
	if b.child, err = startChild(ctx, b.dir, args...); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.child.stop()) }()
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
	if err := b.saturation(ctx); err != nil {
		return err
	}
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

// saturation measures throughput with every connection busy: many SKUs, then one that everybody
// wants.
func (b *bench) saturation(ctx context.Context) error {
	for _, hot := range []bool{false, true} {
		name := map[bool]string{false: "many", true: "hot"}[hot]
		if !b.part(name) {
			continue
		}
		b.market.hot = hot
		b.progress("%d orders over %d connections, %s", b.Orders, b.Connections, name)
		s, err := b.saturate(ctx, name)
		if err != nil {
			return err
		}
		b.report.Saturation = append(b.report.Saturation, s)
	}
	b.market.hot = false
	return nil
}

func (b *bench) saturate(ctx context.Context, name string) (saturation, error) {
	before, err := b.child.usage()
	if err != nil {
		return saturation{}, err
	}
	disk, err := diskBytes(b.dir)
	if err != nil {
		return saturation{}, err
	}
	began := time.Now()
	o, err := b.market.saturate(ctx, b.child, b.Connections, b.Orders)
	if err != nil {
		return saturation{}, err
	}
	answered := time.Since(began)
	peak, err := b.child.usage()
	if err != nil {
		return saturation{}, err
	}
	if err := b.child.quiet(ctx); err != nil {
		return saturation{}, err
	}
	took := time.Since(began)
	after, err := b.child.usage()
	if err != nil {
		return saturation{}, err
	}
	diskAfter, err := diskBytes(b.dir)
	if err != nil {
		return saturation{}, err
	}
	n := float64(max(o.accepted, 1))
	return saturation{
		Name: name, Accepted: o.accepted, Shed: o.shed, Failed: o.failed, Worst: o.worst,
		OrdersPerSecond: n / took.Seconds(), AnsweredPerSecond: n / answered.Seconds(),
		Answer:        percentiles(o.latency),
		CPUPerOrder:   time.Duration(float64(after.cpu-before.cpu) / n),
		FsyncsPer1k:   (after.fsyncs - before.fsyncs) / n * 1000,
		BytesPerOrder: (after.bytes - before.bytes) / n,
		DiskPerOrder:  float64(diskAfter-disk) / n,
		RSS:           max(peak.rss, after.rss), Fsync: after.fsync,
	}, nil
}

// steady measures from arrival to placed, with orders that arrive whether or not the server keeps
// up.
func (b *bench) steady(ctx context.Context, rate float64) error {
	b.progress("%.0f orders a second for %s, answered when placed", rate, b.For)
	connections := max(64, int(rate/4))
	o, err := b.market.arrivals(ctx, b.child, connections, rate, b.For, "wait=20")
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
	b.report.Steady = append(b.report.Steady, steady{
		Rate: rate, Accepted: o.accepted, Shed: o.shed, Failed: o.failed, Worst: o.worst,
		Placed: percentiles(o.latency), Fsync: u.fsync, SixFsyncs: 6 * u.fsync, RSS: u.rss,
	})
	return nil
}

// spike steps from 300 to 3,000 arrivals a second for a minute and back.
func (b *bench) spike(ctx context.Context) error {
	for _, phase := range []struct {
		rate float64
		last time.Duration
	}{{300, 10 * time.Second}, {3000, time.Minute}, {300, 10 * time.Second}} {
		b.progress("spike: %.0f orders a second for %s", phase.rate, phase.last)
		o, err := b.market.arrivals(ctx, b.child, 512, phase.rate, phase.last, "wait=20")
		if err != nil {
			return err
		}
		u, err := b.child.usage()
		if err != nil {
			return err
		}
		b.report.Spike = append(b.report.Spike, steady{
			Rate: phase.rate, Accepted: o.accepted, Shed: o.shed, Failed: o.failed, Worst: o.worst,
			Placed: percentiles(o.latency), Fsync: u.fsync, SixFsyncs: 6 * u.fsync, RSS: u.rss,
		})
	}
	return b.child.quiet(ctx)
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
