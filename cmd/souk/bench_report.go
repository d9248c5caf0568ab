package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// report is what the bench measured. Durations are in nanoseconds in JSON.
type report struct {
	Machine    string        `json:"machine"`
	IdleRSS    int64         `json:"idleRssBytes"`
	Saturation []saturation  `json:"saturation,omitempty"`
	Steady     []steady      `json:"steady,omitempty"`
	Spike      []phase       `json:"spike,omitempty"`
	Restart    time.Duration `json:"restartNs,omitempty"`
	Orders     int64         `json:"orders"`
}

// steady is a run with arrivals at a given rate.
type steady struct {
	Rate      float64       `json:"ratePerSecond"`
	Accepted  int64         `json:"accepted"`
	Shed      int64         `json:"shed"`
	Failed    int64         `json:"failed"`
	Worst     string        `json:"worst,omitempty"`
	Placed    latencies     `json:"placed"` // from arrival to placed
	Fsync     time.Duration `json:"fsyncNs"`
	SixFsyncs time.Duration `json:"sixFsyncsNs"` // what six commits in a row cost on this disk
	RSS       int64         `json:"rssBytes"`
	Stages    *stages       `json:"stages,omitempty"`

	seen []sighting
}

func steadyOf(rate float64, o *outcome, u usage) steady {
	return steady{
		Rate: rate, Accepted: o.accepted, Shed: o.shed, Failed: o.failed, Worst: o.worst,
		Placed: percentiles(o.latency), Fsync: u.fsync, SixFsyncs: 6 * u.fsync, RSS: u.rss,
		seen: o.seen,
	}
}

// latencies are percentiles.
type latencies struct {
	P50 time.Duration `json:"p50Ns"`
	P95 time.Duration `json:"p95Ns"`
	P99 time.Duration `json:"p99Ns"`
	Max time.Duration `json:"maxNs"`
}

func percentiles(h *hdrhistogram.Histogram) latencies {
	at := func(q float64) time.Duration {
		return time.Duration(h.ValueAtQuantile(q)) * time.Microsecond
	}
	return latencies{
		P50: at(50), P95: at(95), P99: at(99), Max: time.Duration(h.Max()) * time.Microsecond,
	}
}

// text prints the report for people.
func (r *report) text(out io.Writer) {
	fmt.Fprintf(out, "%s; idle %s\n\n", r.Machine, mib(r.IdleRSS))
	r.saturationText(out)
	r.steadyText(out)
	r.spikeText(out)
	if r.Restart > 0 {
		fmt.Fprintf(out, "ready %s after kill -9 with %d orders\n\n", ms(r.Restart), r.Orders)
	}
	worst := func(name, answer string) {
		if answer != "" {
			fmt.Fprintf(out, "%s, an answer that was neither yes nor later: %s\n", name, answer)
		}
	}
	for _, s := range r.Saturation {
		s.Stages.text(out, s.Name)
		worst(s.Name, s.Worst)
	}
	for _, s := range r.Steady {
		s.Stages.text(out, perSecond(s.Rate))
		worst(perSecond(s.Rate), s.Worst)
	}
	for _, p := range r.Spike {
		p.Stages.text(out, "spike, "+perSecond(p.Rate))
		worst("spike, "+perSecond(p.Rate), join(p.Worst, p.Browsing.Worst))
	}
}

func (r *report) steadyText(out io.Writer) {
	if len(r.Steady) == 0 {
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w,
		"steady\taccepted\tshed\tfailed\tplaced p50\tp95\tp99\tmax\tfsync\t6 fsyncs\tRSS\t")
	for _, s := range r.Steady {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t\n", perSecond(s.Rate), s.Accepted, s.Shed,
			s.Failed, s.Placed.cells(), ms(s.Fsync), ms(s.SixFsyncs), mib(s.RSS))
	}
	_ = w.Flush() // to a terminal or a buffer
	fmt.Fprintln(out)
}

func perSecond(rate float64) string { return fmt.Sprintf("%.0f/s", rate) }
func ms(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}
func mib(n int64) string   { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }
func kib(n float64) string { return fmt.Sprintf("%.1f KiB", n/1024) }
