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

// shedding tells whether the less important was shed first, second by second.
type shedding struct {
	Seconds  int   `json:"secondsWithCheckoutsShed"`
	Asked    int64 `json:"browsingAskedInThem"`
	Admitted int64 `json:"browsingAdmittedInThem"`
	// Inverted counts those in which browsing was admitted and none of it shed: 0, or the order was
	// not kept.
	Inverted int `json:"secondsInverted"`
}

// sheddingOf compares what was answered in each second of a phase.
func sheddingOf(orders, looks []second) (s shedding) {
	for i, o := range orders {
		if o.shed == 0 || i >= len(looks) {
			continue
		}
		s.Seconds++
		s.Asked += looks[i].accepted + looks[i].shed
		s.Admitted += looks[i].accepted
		if looks[i].accepted > 0 && looks[i].shed == 0 {
			s.Inverted++
		}
	}
	return s
}

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
		Order: sheddingOf(orders.seconds, looks.seconds),
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
	if s.Seconds == 0 {
		return "no checkout was shed"
	}
	kept := "criticality order kept"
	if s.Inverted > 0 {
		kept = fmt.Sprintf("NOT KEPT: in %d of them no look was shed", s.Inverted)
	}
	return fmt.Sprintf(
		"checkouts were shed in %d seconds, in which %d of %d looks were admitted; %s",
		s.Seconds, s.Admitted, s.Asked, kept)
}
