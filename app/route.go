package app

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// Load says what happens to a route when the shop is behind with its critical work.
type Load uint8

// The loads, in the order in which they are shed. Carry is never shed: whatever moves, cancels or
// completes something that has begun, and whatever tells how the system is.
const (
	Carry  Load = iota // never shed
	Begin              // takes a new order: shed at twice the patience
	Browse             // reading that can wait: shed at the patience
)

// Route is one line of the table: the router, the document and the policy are made from it.
type Route struct {
	Method  string
	Path    string
	ID      string // OpenAPI's operationId
	Summary string
	Roles   []room.Role // who may ask; nobody named: anybody, and the token is not looked at
	Status  int         // of success
	Codes   []shop.Code // refusals besides those that follow from the other fields
	Load    Load
	Keyed   bool // an Idempotency-Key is required
	serve   serving
}

// serving is how a route is answered: with typed input and output, or as a plain handler that
// writes for itself.
type serving struct {
	bind  func(api huma.API, op huma.Operation) // draws typed in the document
	typed func(h *house, op *huma.Operation) typed
	plain http.HandlerFunc
	live  http.HandlerFunc // answers instead of bind when a client asks for text/event-stream
	media string           // what plain or live writes, or what the bytes of an answer are
	body  reflect.Type     // what the stored bytes of an answer hold, for the document
	takes bool             // the route reads a body
	raw   bool             // and takes it as it is
	most  int64            // bytes of the body; 0: SmallBody
	// second is another status of success, 0 if there is none, and means says when.
	second int
	means  string
	bodies []reflect.Type // of which it holds one
}

// typed reads a request, lets a room answer it and writes the answer. It returns an error only
// while nothing has been written.
type typed func(ctx context.Context, w *recorder, a asked) error

// handle serves a route with a room's handler. The types I and O carry huma's tags.
func handle[I, O any](h func(context.Context, *I) (*O, error)) serving {
	_, takes := reflect.TypeFor[I]().FieldByName("Body")
	_, raw := reflect.TypeFor[I]().FieldByName("RawBody")
	return serving{
		takes: takes || raw,
		raw:   raw,
		bind:  func(api huma.API, op huma.Operation) { huma.Register(api, op, h) },
		typed: func(shared *house, op *huma.Operation) typed {
			form := newForm(op, shared.api.OpenAPI().Components.Schemas, reflect.TypeFor[I]())
			reply := newReply(op.DefaultStatus, reflect.TypeFor[O]())
			return func(ctx context.Context, w *recorder, a asked) error {
				in := new(I)
				if err := form.fill(a, reflect.ValueOf(in).Elem()); err != nil {
					return err
				}
				out, err := h(ctx, in)
				if err != nil {
					return err
				}
				return reply.write(shared, w, reflect.ValueOf(out))
			}
		},
	}
}

// named serves a path that names a SKU: one that is not listed is simply not there.
func named[I, O any](
	h func(context.Context, *I) (*O, error),
) func(context.Context, *I) (*O, error) {
	return func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if shop.CodeOf(err) == shop.UnknownSKU {
			return nil, shop.Errorf(shop.NotFound, "%w", err)
		}
		return out, err
	}
}

// answers is handle for a handler that answers with stored bytes, which hold a B.
func answers[B, I, O any](h func(context.Context, *I) (*O, error)) serving {
	s := handle(h)
	s.body = reflect.TypeFor[B]()
	return s
}

// also documents a second status of success, whose body is like one of the examples.
func (s serving) also(status int, means string, examples ...any) serving {
	s.second, s.means = status, means
	for _, e := range examples {
		s.bodies = append(s.bodies, reflect.TypeOf(e))
	}
	return s
}

// as documents that the route answers with bytes of a media type.
func (s serving) as(media string) serving {
	s.media = media
	return s
}

// upTo lets a body have more bytes, where it holds many items.
func (s serving) upTo(most int64) serving {
	s.most = most
	return s
}

// bound is how many bytes a body may have.
func (s serving) bound() int64 {
	if s.most == 0 {
		return SmallBody
	}
	return s.most
}

// lively lets a route answer with Server-Sent Events as well.
func (s serving) lively(h http.HandlerFunc) serving {
	s.live, s.media = h, "text/event-stream"
	return s.also(http.StatusNoContent, "The stream has nothing more to tell")
}

// writes serves a route that writes for itself.
func writes(media string, h http.HandlerFunc) serving {
	return serving{plain: h, media: media}
}

// refusals lists every code with which the route may refuse: its own, and those that follow from
// what it reads, whom it admits and whether it may be shed.
func (r Route) refusals() []shop.Code {
	codes := slices.Clone(r.Codes)
	codes = append(codes, shop.Internal, shop.Unavailable, shop.Unknown, shop.Busy)
	if len(r.Roles) > 0 {
		codes = append(codes, shop.Unauthorised, shop.Forbidden)
	}
	if r.serve.bind != nil {
		codes = append(codes, shop.Invalid)
	}
	if r.serve.takes {
		codes = append(codes, Malformed, TooLarge, WrongType, TooSlow)
	}
	if r.Keyed {
		codes = append(codes, shop.KeyMissing, shop.KeyReused, shop.KeyInFlight)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// admits reports whether a caller of that role may ask.
func (r Route) admits(c room.Caller) bool { return len(r.Roles) == 0 || c.May(r.Roles...) }

func (r Route) roleNames() []string {
	names := make([]string, 0, len(r.Roles))
	for _, role := range r.Roles {
		names = append(names, role.String())
	}
	return names
}

// tag groups the document by what the path is about.
func (r Route) tag() string {
	part, _, _ := strings.Cut(strings.TrimPrefix(r.Path, "/v1/"), "/")
	if part == "" || !strings.HasPrefix(r.Path, "/v1/") {
		return "system"
	}
	return part
}

// String names a load as the document does.
func (l Load) String() string {
	return [...]string{"carry", "begin", "browse"}[l]
}

// The bounds of a request.
const (
	MaxBody    = 1 << 20          // bytes of a request body that holds items
	SmallBody  = 32 << 10         // bytes of any other
	MaxValues  = 20_000           // names and values in a body; an order of 1,200 lines has 7,211
	MaxHeader  = 16 << 10         // bytes of a request's headers
	MaxKey     = 255              // characters of an Idempotency-Key
	MaxRequest = 40 * time.Second // from its first byte to its answer, streams excepted
	MaxUpload  = 15 * time.Second // for a body to arrive
)
