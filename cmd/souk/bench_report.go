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
	Spike      []steady      `json:"spike,omitempty"`
	Restart    time.Duration `json:"restartNs,omitempty"`
	Orders     int64         `json:"orders"`
}

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
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "%s; idle %s\n\n", r.Machine, mib(r.IdleRSS))
	if len(r.Saturation) > 0 {
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
	}
	for _, part := range []struct {
		name string
		list []steady
	}{{"steady", r.Steady}, {"spike", r.Spike}} {
		if len(part.list) == 0 {
			continue
		}
		fmt.Fprintln(w,
			part.name+"\taccepted\tshed\tfailed\tplaced p50\tp95\tp99\tmax\tfsync\t6 fsyncs\tRSS\t")
		for _, s := range part.list {
			fmt.Fprintf(w, "%.0f/s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", s.Rate, s.Accepted,
				s.Shed, s.Failed, ms(s.Placed.P50), ms(s.Placed.P95), ms(s.Placed.P99),
				ms(s.Placed.Max), ms(s.Fsync), ms(s.SixFsyncs), mib(s.RSS))
		}
		_ = w.Flush()
		fmt.Fprintln(out)
	}
	if r.Restart > 0 {
		fmt.Fprintf(out, "ready %s after kill -9 with %d orders\n", ms(r.Restart), r.Orders)
	}
	for _, s := range r.Saturation {
		if s.Worst != "" {
			fmt.Fprintf(out, "%s, an answer that was neither yes nor later: %s\n", s.Name, s.Worst)
		}
	}
}

func ms(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}
func mib(n int64) string   { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }
func kib(n float64) string { return fmt.Sprintf("%.1f KiB", n/1024) }
