package app

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// house holds what all doors share.
type house struct {
	clock    platform.Clock
	log      *slog.Logger
	verify   func(ctx context.Context, token string) (room.Caller, error)
	behind   func() time.Duration // how far the shop is; see pace. nil: never
	patience time.Duration
	most     int64 // requests at once
	meters   *meters

	mux     *http.ServeMux
	nothing http.HandlerFunc // answers what has no path
	// published is the document, made once: anybody may ask for it at any time.
	published func() ([]byte, error)
	api       huma.API
	routes    map[string]Route // by operation id, while they are being mounted
	order     []string         // operation ids as in the table

	busy   atomic.Int64
	bodies sync.Pool
	// dressed are headers of every answer, whose values are shared and never modified.
	dressed []fixed
}

// fixed is a header that all answers have.
type fixed struct {
	name   string
	values []string
}

// build mounts the table.
func (h *house) build(table []Route) {
	h.bodies.New = func() any { return bytes.NewBuffer(make([]byte, 0, 1024)) }
	h.dressed = []fixed{
		{"X-Content-Type-Options", []string{"nosniff"}},
		{"Cache-Control", []string{"no-store"}},
		{"Content-Security-Policy", []string{"default-src 'none'; frame-ancestors 'none'"}},
		{"Referrer-Policy", []string{"no-referrer"}},
	}
	h.mux = http.NewServeMux()
	h.routes = make(map[string]Route, len(table))
	h.api = huma.NewAPI(h.config(), adapter{h})
	allow := make(map[string][]string)
	for _, r := range table {
		h.routes[r.ID] = r
		h.order = append(h.order, r.ID)
		h.mount(r)
		allow[r.Path] = append(allow[r.Path], r.Method)
		if r.Method == http.MethodGet {
			allow[r.Path] = append(allow[r.Path], http.MethodHead)
		}
	}
	for path, methods := range allow {
		methods = append(methods, http.MethodOptions)
		slices.Sort(methods)
		h.mux.Handle(path, h.otherwise(strings.Join(methods, ", ")))
	}
	h.nothing = h.otherwise("")
	h.mux.Handle("/", h.nothing)
	h.prune()
	h.published = sync.OnceValues(h.document)
}

func (h *house) mount(r Route) {
	op := r.operation(h.api.OpenAPI().Components)
	if r.serve.plain != nil {
		h.api.OpenAPI().AddOperation(&op)
		h.stand(&op)
		return
	}
	r.serve.bind(h.api, op)
	r.finish(h.api.OpenAPI())
}

// adapter mounts our doors where huma, which has drawn an operation by then, would mount handlers.
type adapter struct{ house *house }

// Handle implements huma.Adapter.
func (a adapter) Handle(op *huma.Operation, _ func(huma.Context)) { a.house.stand(op) }

// ServeHTTP implements huma.Adapter.
func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.house.mux.ServeHTTP(w, r) }

var _ huma.Adapter = adapter{}

func (h *house) stand(op *huma.Operation) {
	route := h.routes[op.OperationID]
	d := &door{house: h, route: route, gauge: h.meters.gauge(route.ID)}
	if route.serve.typed != nil {
		d.typed = route.serve.typed(h, op)
	}
	h.mux.Handle(route.Method+" "+route.Path, d)
}

// otherwise answers what no route does: 404 where there is no path, 405 or OPTIONS where there is.
func (h *house) otherwise(allow string) http.HandlerFunc {
	gauge := h.meters.gauge("none")
	return func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w}
		h.dress(rec, causeOf(r.Header))
		switch {
		case allow == "":
			h.refuse(r.Context(), rec, refusal(shop.NotFound, "there is nothing at this path"))
		case r.Method == http.MethodOptions:
			rec.Header().Set("Allow", allow)
			rec.WriteHeader(http.StatusNoContent)
		default:
			rec.Header().Set("Allow", allow)
			h.refuse(r.Context(), rec, refusal(NotAllowed, "this path answers to %s", allow))
		}
		gauge.count(rec.status, 0)
	}
}

// dress gives an answer the headers that all have.
func (h *house) dress(w *recorder, cause room.Cause) {
	head := w.Header()
	for _, one := range h.dressed {
		head[one.name] = one.values
	}
	w.set(headerCorrelation, cause.Correlation)
}

// admit refuses what the shop has no room for now. Nothing was done then.
func (h *house) admit(load Load) error {
	if load == Carry {
		return nil
	}
	if h.busy.Load() > h.most {
		return refusal(shop.Busy, "too many requests at once; nothing was done, try again")
	}
	if h.behind == nil || h.patience <= 0 {
		return nil
	}
	behind := h.behind()
	if behind > 2*h.patience || load == Browse && behind > h.patience {
		h.meters.shed(load)
		return refusal(shop.Unavailable,
			"the shop is busy with orders; nothing was done, try again")
	}
	return nil
}

// refuse answers with a problem.
func (h *house) refuse(ctx context.Context, w http.ResponseWriter, err error) {
	p := problemOf(err)
	h.tell(ctx, p)
	p.write(w)
}

// tell logs a fault of ours with its cause; refusals that are not faults are only counted.
func (h *house) tell(ctx context.Context, p *Problem) {
	if p.Status != http.StatusInternalServerError {
		return
	}
	h.log.ErrorContext(ctx, "a request failed", "code", p.Code, "cause", p.cause,
		"correlation", room.RequestCause(ctx).Correlation)
}

// config sets huma up to draw the document, and nothing else: no requests, no pages of its own.
func (h *house) config() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "Souk", Version: "1", Description: description},
			Components: &huma.Components{
				Schemas:   words(),
				Responses: map[string]*huma.Response{},
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT"},
				},
			},
		},
	}
}
