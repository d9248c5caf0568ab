package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// phase is a part of the spike: orders as in a steady run, and visitors who browse beside them.
type phase struct {
	steady
	Seconds  float64  `json:"seconds"`
	Browsing browsing `json:"browsing"`
	Order    shedding `json:"sheddingOrder"`
}

// browsing is what became of the visitors' looks. The shop sheds them before checkouts.
type browsing struct {
	Rate     float64   `json:"ratePerSecond"`
	Accepted int64     `json:"accepted"`
	Shed     int64     `json:"shed"`
	Failed   int64     `json:"failed"`
	Worst    string    `json:"worst,omitempty"`
	Answer   latencies `json:"answer"`
}

// shedding tells whether the less important was shed first: it looks at the slices of a phase in
// which a checkout was shed.
type shedding struct {
	Slices    int   `json:"slicesWithCheckoutsShed"` // of a tenth of a second
	Checkouts share `json:"checkoutsInThem"`
	Browsing  share `json:"browsingInThem"`
	// Inverted counts those in which many browsed and no look was shed, nor in the slice before or
	// after: 0, or the order was not kept.
	Inverted int `json:"slicesInverted"`
}

// share is how much of something was shed.
type share struct {
	Asked int64 `json:"asked"`
	Shed  int64 `json:"shed"`
}

// manyLooks is how many looks within a slice say something when none of them was shed.
const manyLooks = 10

// sheddingOf compares what was answered in each slice of a phase.
func sheddingOf(orders, looks []slice) (s shedding) {
	for i, o := range orders {
		if o.shed == 0 {
			continue
		}
		s.Slices++
		s.Checkouts.add(o)
		if i >= len(looks) {
			continue
		}
		s.Browsing.add(looks[i])
		var shed int64
		for _, near := range looks[max(i-1, 0):min(i+2, len(looks))] {
			shed += near.shed
		}
		if looks[i].accepted >= manyLooks && shed == 0 {
			s.Inverted++
		}
	}
	return s
}

func (s *share) add(in slice) {
	s.Asked += in.accepted + in.shed
	s.Shed += in.shed
}

func (s share) percent() float64 { return 100 * float64(s.Shed) / float64(max(s.Asked, 1)) }

// The rates of the spike, and how many connections it may need: clients who come do not wait for
// those who came before.
const (
	calmRate          = 300
	spikeRate         = 3000
	spikeConnections  = 8192
	browseConnections = 256
)

// spike steps from 300 to 3,000 orders a second and back, with visitors beside them.
func (b *bench) spike(ctx context.Context) error {
	calm := max(b.SpikeFor/6, time.Second)
	for _, step := range []struct {
		rate float64
		last time.Duration
	}{{calmRate, calm}, {spikeRate, b.SpikeFor}, {calmRate, calm}} {
		b.progress("spike: %.0f orders and %.0f looks a second for %s", step.rate, b.Browsing,
			step.last)
		p, err := b.phase(ctx, step.rate, step.last)
		if err != nil {
			return err
		}
		b.report.Spike = append(b.report.Spike, p)
	}
	return b.child.quiet(ctx)
}

func (b *bench) phase(ctx context.Context, rate float64, last time.Duration) (phase, error) {
	var looks *outcome
	var failed error
	done := make(chan struct{})
	go func() { // ends with the phase, which waits for it
		defer close(done)
		if b.Browsing <= 0 {
			looks = newOutcome(0)
			return
		}
		looks, failed = b.market.arrivals(ctx, b.child, load{
			rate: b.Browsing, last: last, connections: browseConnections, ask: b.market.browse,
			seed: 3,
		})
	}()
	orders, err := b.market.arrivals(ctx, b.child, load{
		rate: rate, last: last, connections: spikeConnections, ask: b.market.placing,
		sampled: true, seed: 2,
	})
	<-done
	if err := errors.Join(err, failed); err != nil {
		return phase{}, err
	}
	u, err := b.child.usage()
	if err != nil {
		return phase{}, err
	}
	return phase{
		steady: steadyOf(rate, orders, u), Seconds: last.Seconds(),
		Browsing: browsing{
			Rate: b.Browsing, Accepted: looks.accepted, Shed: looks.shed, Failed: looks.failed,
			Worst: looks.worst, Answer: percentiles(looks.latency),
		},
		Order: sheddingOf(orders.slices, looks.slices),
	}, nil
}

// spikeText prints the phases for people.
func (r *report) spikeText(out io.Writer) {
	if len(r.Spike) == 0 {
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "spike\t\taccepted\tshed\tfailed\tanswer p50\tp95\tp99\tmax\tfsync\tRSS\t")
	for _, p := range r.Spike {
		fmt.Fprintf(w, "%s for %.0f s\tcheckouts\t%d\t%d\t%d\t%s\t%s\t%s\t\n", perSecond(p.Rate),
			p.Seconds, p.Accepted, p.Shed, p.Failed, p.Placed.cells(), ms(p.Fsync), mib(p.RSS))
		l := p.Browsing
		fmt.Fprintf(w, "\tbrowsing\t%d\t%d\t%d\t%s\t\t\t\n", l.Accepted, l.Shed, l.Failed,
			l.Answer.cells())
	}
	_ = w.Flush() // to a terminal or a buffer
	for _, p := range r.Spike {
		fmt.Fprintf(out, "%s: %s\n", perSecond(p.Rate), p.Order)
	}
	fmt.Fprintln(out)
}

// String says it in a sentence.
func (s shedding) String() string {
	if s.Slices == 0 {
		return "no checkout was shed"
	}
	kept := "criticality order kept"
	if s.Inverted > 0 || s.Browsing.Asked > 0 && s.Browsing.percent() < s.Checkouts.percent() {
		kept = fmt.Sprintf("criticality order NOT KEPT, %d times with no look shed", s.Inverted)
	}
	return fmt.Sprintf(
		"in the %d tenths of a second with a checkout shed, %.0f %% of browsing and %.0f %% of "+
			"checkouts were; %s",
		s.Slices, s.Browsing.percent(), s.Checkouts.percent(), kept)
}
