package app

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/souk-commerce/souk/platform"
)

// meters are the numbers that the app shows to Prometheus, in a registry of its own.
type meters struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	sheds    *prometheus.CounterVec
	orders   *prometheus.CounterVec
	streams  prometheus.Gauge
}

func newMeters() *meters {
	m := &meters{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "From request to answer, by route.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30},
		}, []string{"route"}),
		sheds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "souk_shed_total", Help: "Requests refused because the shop was behind.",
		}, []string{"load"}),
		orders: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "souk_orders_total",
			Help: "Orders that reached a status, since the process started.",
		}, []string{"status"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "souk_streams", Help: "Open streams of Server-Sent Events.",
		}),
	}
	m.registry.MustRegister(m.requests, m.seconds, m.sheds, m.orders, m.streams,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// handler serves the numbers.
func (m *meters) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

func (m *meters) shed(l Load) { m.sheds.WithLabelValues(l.String()).Inc() }

// gauge measures one route. The counters of each status are found once and kept.
type gauge struct {
	route    string
	requests *prometheus.CounterVec
	seconds  prometheus.Observer
	byStatus [600]atomic.Pointer[prometheus.Counter]
}

func (m *meters) gauge(route string) *gauge {
	return &gauge{
		route: route, requests: m.requests, seconds: m.seconds.WithLabelValues(route),
	}
}

// count takes one answer into the numbers. A status of 0 is a client that went away before one.
func (g *gauge) count(status int, took time.Duration) {
	if status < 0 || status >= len(g.byStatus) {
		status = 0
	}
	c := g.byStatus[status].Load()
	if c == nil {
		made := g.requests.WithLabelValues(g.route, strconv.Itoa(status))
		c = &made
		g.byStatus[status].Store(c)
	}
	(*c).Inc()
	g.seconds.Observe(took.Seconds())
}

// world collects what the platform says of itself each time it is asked.
type world struct {
	delivery platform.Delivery
	stats    func() map[string]float64 // nil if the platform has none
	pending  *prometheus.Desc
	waiting  *prometheus.Desc
	dead     *prometheus.Desc
	oldest   *prometheus.Desc
	done     *prometheus.Desc
	failed   *prometheus.Desc
}

func newWorld(p platform.Platform) *world {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("souk_subscription_"+name, help, []string{"subscription"}, nil)
	}
	w := &world{
		delivery: p.Delivery(),
		pending:  desc("pending", "Events committed and not yet done."),
		waiting:  desc("waiting", "Events parked or between attempts."),
		dead:     desc("dead_letters", "Events given up on."),
		oldest:   desc("oldest_seconds", "Age of the oldest event that is not done."),
		done:     desc("done_total", "Events done since the process started."),
		failed:   desc("failed_total", "Attempts that failed since the process started."),
	}
	if s, ok := p.(interface{ Metrics() map[string]float64 }); ok {
		w.stats = s.Metrics
	}
	return w
}

// Describe implements prometheus.Collector. It describes nothing: the platform's own numbers are
// not known beforehand.
func (w *world) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (w *world) Collect(out chan<- prometheus.Metric) {
	const patience = 2 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	status, err := w.delivery.Status(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(w.pending, err)
		return
	}
	send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, name string) {
		out <- prometheus.MustNewConstMetric(d, kind, v, name)
	}
	for _, s := range status {
		send(w.pending, prometheus.GaugeValue, float64(s.Pending), s.Name)
		send(w.waiting, prometheus.GaugeValue, float64(s.Waiting), s.Name)
		send(w.dead, prometheus.GaugeValue, float64(s.DeadLetters), s.Name)
		send(w.oldest, prometheus.GaugeValue, s.Oldest.Seconds(), s.Name)
		send(w.done, prometheus.CounterValue, float64(s.Done), s.Name)
		send(w.failed, prometheus.CounterValue, float64(s.Failed), s.Name)
	}
	if w.stats == nil {
		return
	}
	for name, v := range w.stats() {
		d := prometheus.NewDesc(name, "A number of the platform's.", nil, nil)
		out <- prometheus.MustNewConstMetric(d, prometheus.UntypedValue, v)
	}
}

// moved counts an order that reached a status.
func (m *meters) moved(typ string) {
	switch typ {
	case "souk.order.created.v1":
		m.orders.WithLabelValues("created").Inc()
	case "souk.order.placed.v1", "souk.order.placed.v2":
		m.orders.WithLabelValues("placed").Inc()
	case "souk.order.cancelled.v1":
		m.orders.WithLabelValues("cancelled").Inc()
	case "souk.order.expired.v1":
		m.orders.WithLabelValues("expired").Inc()
	case "souk.order.completed.v1":
		m.orders.WithLabelValues("completed").Inc()
	}
}
