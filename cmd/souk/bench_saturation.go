package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"text/tabwriter"
	"time"
)

// saturation is a run with every connection busy.
type saturation struct {
	Name              string        `json:"name"`
	Accepted          int64         `json:"accepted"`
	Shed              int64         `json:"shed"`
	Failed            int64         `json:"failed"`
	Worst             string        `json:"worst,omitempty"`
	OrdersPerSecond   float64       `json:"ordersPerSecond"`   // whole orders: until all reactions were done
	AnsweredPerSecond float64       `json:"answeredPerSecond"` // checkouts
	Answer            latencies     `json:"answer"`            // until the checkout was durable
	CPUPerOrder       time.Duration `json:"cpuPerOrderNs"`     // of the server
	FsyncsPer1k       float64       `json:"fsyncsPer1000"`
	BytesPerOrder     float64       `json:"loggedBytesPerOrder"`
	DiskPerOrder      float64       `json:"diskBytesPerOrder"`
	RSS               int64         `json:"rssBytes"`
	Fsync             time.Duration `json:"fsyncNs"` // median
	Stages            *stages       `json:"stages,omitempty"`
	Curve             []tenth       `json:"curve,omitempty"`

	seen []sighting
}

// tenth is a part of a saturation run. The last one ends when all reactions are done.
type tenth struct {
	Orders          int64         `json:"orders"` // accepted from the beginning of the run to its end
	OrdersPerSecond float64       `json:"ordersPerSecond"`
	CPUPerOrder     time.Duration `json:"cpuPerOrderNs"`
	DiskPerOrder    float64       `json:"diskBytesPerOrder"` // that the directory grew, which compaction moves about
	DiskSoFar       float64       `json:"diskBytesPerOrderSoFar"`
	RSS             int64         `json:"rssBytes"`
}

// curveFrom is from how many orders on a run is shown by tenths in any case.
const curveFrom = 20_000

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
	var s saturation
	line := &curve{b: b}
	if err := line.mark(nil); err != nil {
		return s, err
	}
	var each func(*outcome) error
	if b.Curve || b.Orders > curveFrom {
		each = line.mark
	}
	o, err := b.market.saturate(ctx, b.child, b.Connections, b.Orders, each)
	if err != nil {
		return s, err
	}
	answered := time.Since(line.marks[0].at)
	peak, err := b.child.usage()
	if err != nil {
		return s, err
	}
	if err := b.child.quiet(ctx); err != nil {
		return s, err
	}
	if err := line.mark(o); err != nil {
		return s, err
	}
	first, last := line.marks[0], line.marks[len(line.marks)-1]
	whole := last.since(first)
	n := float64(max(o.accepted, 1))
	s = saturation{
		Name: name, Accepted: o.accepted, Shed: o.shed, Failed: o.failed, Worst: o.worst,
		OrdersPerSecond: whole.OrdersPerSecond, AnsweredPerSecond: n / answered.Seconds(),
		Answer: percentiles(o.latency), CPUPerOrder: whole.CPUPerOrder,
		FsyncsPer1k:   (last.usage.fsyncs - first.usage.fsyncs) / n * 1000,
		BytesPerOrder: (last.usage.bytes - first.usage.bytes) / n,
		DiskPerOrder:  whole.DiskPerOrder, RSS: max(peak.rss, last.usage.rss),
		Fsync: last.usage.fsync, seen: o.seen,
	}
	if each != nil {
		s.Curve = line.tenths()
	}
	return s, nil
}

// curve is what a run cost up to some of its orders. It is safe for concurrent use.
type curve struct {
	b     *bench
	mu    sync.Mutex
	marks []mark
}

type mark struct {
	at     time.Time
	orders int64
	usage  usage
	disk   int64
}

// mark looks at what was used so far; nil is before the first order.
func (c *curve) mark(o *outcome) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var orders int64
	if o != nil {
		orders = o.soFar()
	}
	u, err := c.b.child.usage()
	if err != nil {
		return err
	}
	disk, err := diskBytes(c.b.dir)
	if err != nil {
		return err
	}
	c.marks = append(c.marks, mark{at: time.Now(), orders: orders, usage: u, disk: disk})
	return nil
}

// since is what an order cost from one mark to another.
func (m mark) since(before mark) tenth {
	n := float64(max(m.orders-before.orders, 1))
	return tenth{
		Orders: m.orders, OrdersPerSecond: n / m.at.Sub(before.at).Seconds(),
		CPUPerOrder:  time.Duration(float64(m.usage.cpu-before.usage.cpu) / n),
		DiskPerOrder: float64(m.disk-before.disk) / n, RSS: m.usage.rss,
	}
}

func (c *curve) tenths() []tenth {
	var list []tenth
	for i := 1; i < len(c.marks); i++ {
		t := c.marks[i].since(c.marks[i-1])
		t.DiskSoFar = c.marks[i].since(c.marks[0]).DiskPerOrder
		list = append(list, t)
	}
	return list
}

// saturationText prints the runs for people, then each by its tenths.
func (r *report) saturationText(out io.Writer) {
	if len(r.Saturation) == 0 {
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "saturation\torders/s\tanswer p50\tp95\tp99\tCPU/order\tfsyncs/1000"+
		"\tlogged/order\tdisk/order\tRSS\tshed\tfailed\t")
	for _, s := range r.Saturation {
		fmt.Fprintf(w, "%s\t%.0f\t%s\t%s\t%s\t%s\t%.0f\t%s\t%s\t%s\t%d\t%d\t\n", s.Name,
			s.OrdersPerSecond, ms(s.Answer.P50), ms(s.Answer.P95), ms(s.Answer.P99),
			ms(s.CPUPerOrder), s.FsyncsPer1k, kib(s.BytesPerOrder), kib(s.DiskPerOrder),
			mib(s.RSS), s.Shed, s.Failed)
	}
	_ = w.Flush() // to a terminal or a buffer
	fmt.Fprintln(out)
	for _, s := range r.Saturation {
		if len(s.Curve) == 0 {
			continue
		}
		fmt.Fprintf(w, "%s, up to\torders/s\tCPU/order\tdisk/order\tso far\tRSS\t\n", s.Name)
		for _, t := range s.Curve {
			fmt.Fprintf(w, "%d\t%.0f\t%s\t%s\t%s\t%s\t\n", t.Orders, t.OrdersPerSecond,
				ms(t.CPUPerOrder), kib(t.DiskPerOrder), kib(t.DiskSoFar), mib(t.RSS))
		}
		_ = w.Flush()
		fmt.Fprintln(out)
	}
}
