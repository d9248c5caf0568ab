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
	dressH map[string][]string // headers of every answer, shared and never modified
}

// build mounts the table.
func (h *house) build(table []Route) {
	h.bodies.New = func() any { return bytes.NewBuffer(make([]byte, 0, 1024)) }
	h.dressH = map[string][]string{
		"X-Content-Type-Options":  {"nosniff"},
		"Cache-Control":           {"no-store"},
		"Content-Security-Policy": {"default-src 'none'; frame-ancestors 'none'"},
		"Referrer-Policy":         {"no-referrer"},
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
		h.stand(&op, nil)
		return
	}
	r.serve.bind(h.api, op)
	r.finish(h.api.OpenAPI())
}

// adapter lets huma mount its handlers behind our doors.
type adapter struct{ house *house }

// Handle implements huma.Adapter.
func (a adapter) Handle(op *huma.Operation, typed func(huma.Context)) { a.house.stand(op, typed) }

// ServeHTTP implements huma.Adapter.
func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.house.mux.ServeHTTP(w, r) }

var _ huma.Adapter = adapter{}

func (h *house) stand(op *huma.Operation, typed func(huma.Context)) {
	route := h.routes[op.OperationID]
	h.mux.Handle(route.Method+" "+route.Path, &door{
		house: h, route: route, gauge: h.meters.gauge(route.ID), op: op, typed: typed,
		numbers: numbersOf(op),
	})
}

// otherwise answers what no route does: 404 where there is no path, 405 or OPTIONS where there is.
func (h *house) otherwise(allow string) http.HandlerFunc {
	gauge := h.meters.gauge("none")
	return func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w}
		h.dress(rec.Header(), causeOf(r.Header))
		switch {
		case allow == "":
			h.refuse(rec, r, refusal(shop.NotFound, "there is nothing at this path"))
		case r.Method == http.MethodOptions:
			rec.Header().Set("Allow", allow)
			rec.WriteHeader(http.StatusNoContent)
		default:
			rec.Header().Set("Allow", allow)
			h.refuse(rec, r, refusal(NotAllowed, "this path answers to %s", allow))
		}
		gauge.count(rec.status, 0)
	}
}

// dress gives an answer the headers that all have.
func (h *house) dress(head http.Header, cause room.Cause) {
	for key, values := range h.dressH {
		head[key] = values
	}
	head[headerCorrelation] = []string{cause.Correlation}
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
func (h *house) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	h.tell(r.Context(), p)
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

// config sets huma up: our JSON, our problems, no pages of its own.
func (h *house) config() huma.Config {
	format := jsonFormat()
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
		Formats: map[string]huma.Format{
			"application/json": format, "json": format,
		},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{h.transform},
	}
}

// transform turns what huma itself refuses into our problems, and logs our faults.
func (h *house) transform(ctx huma.Context, _ string, v any) (any, error) {
	switch p := v.(type) {
	case *Problem:
		h.tell(ctx.Context(), p)
	case *huma.ErrorModel:
		return h.problemOfHuma(ctx.Context(), p), nil
	}
	return v, nil
}

func (h *house) problemOfHuma(ctx context.Context, m *huma.ErrorModel) *Problem {
	code := shop.Invalid
	switch m.Status {
	case http.StatusBadRequest:
		code = Malformed
	case http.StatusRequestEntityTooLarge:
		code = TooLarge
	case http.StatusUnsupportedMediaType:
		code = WrongType
	case http.StatusInternalServerError:
		code = shop.Internal
	}
	p := problemOf(shop.Errorf(code, "%s", m.Detail))
	p.Status, p.Title = m.Status, http.StatusText(m.Status) // sent already
	for _, e := range m.Errors {
		if len(p.Errors) == maxDetails {
			break
		}
		p.Errors = append(p.Errors, Detail{Location: clip(e.Location), Message: clip(e.Message)})
	}
	h.tell(ctx, p)
	return p
}

// clip bounds what is repeated of a request's own words.
func clip(s string) string {
	const most = 200
	s = strings.ToValidUTF8(s, "?")
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
