package app

import (
	"bytes"
	"context"
	"errors"
	"mime"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// door stands in front of one route.
type door struct {
	house *house
	route Route
	gauge *gauge
	typed typed // nil for a route that writes for itself
}

// ServeHTTP lets one request in, or says why not.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := d.house.clock.Now()
	rec := &recorder{ResponseWriter: w}
	cause := causeOf(r.Header)
	d.house.dress(rec, cause)
	live := d.streams(r)
	if !live { // streams are bounded by the watch, and cost next to nothing while they wait
		d.house.busy.Add(1)
	}
	defer func() {
		if !live {
			d.house.busy.Add(-1)
		}
		abort := false
		if fault := recover(); fault != nil {
			abort = d.fall(rec, r, cause, fault)
		}
		took := d.house.clock.Now().Sub(start)
		d.gauge.count(rec.status, took)
		d.house.logRequest(r, d.route.ID, rec, took, cause)
		if abort { // cut the connection, or the half of an answer would look like a whole one
			panic(http.ErrAbortHandler)
		}
	}()
	ctx := room.WithCause(r.Context(), cause)
	if err := d.enter(ctx, rec, r, live); err != nil {
		d.house.refuse(ctx, rec, err)
	}
}

// enter takes a request through the checks, cheap ones first, and serves it.
func (d *door) enter(ctx context.Context, w *recorder, r *http.Request, live bool) error {
	if err := d.house.admit(d.route.Load); err != nil {
		w.shed = true
		return err
	}
	if !live {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, MaxRequest)
		defer cancel()
	}
	if len(d.route.Roles) > 0 {
		caller, err := d.house.who(ctx, r.Header)
		if err != nil {
			return err
		}
		if !d.route.admits(caller) {
			return refusal(shop.Forbidden, "a %s may not do this", caller.Role)
		}
		ctx = room.WithCaller(ctx, caller)
	}
	if d.route.Keyed {
		if err := checkKey(r.Header); err != nil {
			return err
		}
	}
	a := asked{r: r}
	if d.typed != nil {
		var err error
		if a.query, err = readQuery(r.URL.RawQuery); err != nil {
			return err
		}
	}
	if d.route.serve.takes {
		d.house.busy.Add(-1) // a client that dawdles with its body keeps nobody else out
		body, err := d.house.takeBody(w, r, d.route.serve.bound())
		d.house.busy.Add(1)
		if err != nil {
			return err
		}
		defer d.house.giveBack(body)
		a.body = body.Bytes()
	}
	switch {
	case live:
		d.route.serve.live(w, r.WithContext(ctx))
	case d.route.serve.plain != nil:
		d.route.serve.plain(w, r.WithContext(ctx))
	default:
		return d.typed(ctx, w, a)
	}
	return nil
}

// streams reports whether the client asks for Server-Sent Events and the route has them.
func (d *door) streams(r *http.Request) bool {
	return d.route.serve.live != nil && r.Method == http.MethodGet &&
		strings.Contains(first(r.Header, "Accept"), "text/event-stream")
}

// fall ends a request that panicked: the client is told nothing but the code, the log everything.
// It reports whether the answer had begun, and must be broken off.
func (d *door) fall(w *recorder, r *http.Request, cause room.Cause, fault any) (abort bool) {
	if err, ok := fault.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		return true
	}
	if r.Context().Err() != nil && w.status != 0 {
		return true // the client has gone while it was being answered
	}
	d.house.log.Error("a request panicked", "route", d.route.ID, "fault", fault,
		"correlation", cause.Correlation, "stack", string(debug.Stack()))
	if w.status != 0 {
		return true
	}
	d.house.refuse(room.WithCause(r.Context(), cause), w, refusal(shop.Internal, "a panic"))
	return false
}

// who reads the bearer token.
func (h *house) who(ctx context.Context, head http.Header) (room.Caller, error) {
	values := head["Authorization"]
	if len(values) == 0 {
		return room.Caller{}, refusal(shop.Unauthorised,
			"a token is required: Authorization: Bearer …")
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if !ok || len(values) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return room.Caller{}, refusal(shop.Unauthorised,
			"one Authorization: Bearer … is required")
	}
	return h.verify(ctx, token)
}

// checkKey requires one Idempotency-Key of 1 to MaxKey printable characters, and takes the quotes
// of a structured field off, so that a key is the same key in both spellings.
func checkKey(h http.Header) error {
	values := h["Idempotency-Key"]
	if len(values) == 0 || values[0] == "" {
		return refusal(shop.KeyMissing, "an Idempotency-Key is required; nothing was done")
	}
	key := values[0]
	if len(key) >= 2 && key[0] == '"' && key[len(key)-1] == '"' {
		key = key[1 : len(key)-1]
	}
	bad := func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }
	if key == "" || len(key) > MaxKey || len(values) > 1 || strings.ContainsFunc(key, bad) {
		return refusal(shop.Invalid,
			"an Idempotency-Key is one header of 1 to %d printable ASCII characters", MaxKey)
	}
	values[0] = key
	return nil
}

// takeBody reads the whole body, bounded, before anything is done with it.
func (h *house) takeBody(
	w http.ResponseWriter, r *http.Request, most int64,
) (*bytes.Buffer, error) {
	if r.ContentLength != 0 {
		if err := checkMedia(r.Header); err != nil {
			return nil, err
		}
	}
	if r.ContentLength > most {
		return nil, tooLarge(most)
	}
	// Where there is no connection, as in a test, nobody can dawdle.
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(h.clock.Now().Add(MaxUpload))
	body := r.Body
	if r.ContentLength < 0 { // otherwise the server gives no more than was announced
		body = http.MaxBytesReader(w, body, most)
	}
	buf := h.bodies.Get().(*bytes.Buffer)
	if _, err := buf.ReadFrom(body); err != nil {
		h.giveBack(buf)
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, tooLarge(most)
		}
		if isTimeout(err) {
			return nil, refusal(TooSlow, "the request's body did not arrive in time")
		}
		return nil, refusal(Malformed, "the request's body did not arrive whole")
	}
	_ = conn.SetReadDeadline(time.Time{}) // or it would end the request
	return buf, nil
}

// giveBack keeps a buffer for the next request, unless it has grown beyond what requests need.
func (h *house) giveBack(buf *bytes.Buffer) {
	const most = 64 << 10
	if buf.Cap() <= most {
		buf.Reset()
		h.bodies.Put(buf)
	}
}

func tooLarge(most int64) error {
	return refusal(TooLarge, "the body of this request has at most %d bytes", most)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// checkMedia accepts application/json in UTF-8, spelled in any legal way, and nothing else.
func checkMedia(h http.Header) error {
	value := first(h, "Content-Type")
	if value == "application/json" && len(h["Content-Type"]) == 1 &&
		len(h["Content-Encoding"]) == 0 {
		return nil
	}
	media, params, err := mime.ParseMediaType(value)
	charset, named := params["charset"]
	if err != nil || media != "application/json" || len(h["Content-Encoding"]) > 0 ||
		len(h["Content-Type"]) > 1 || named && !strings.EqualFold(charset, "utf-8") {
		return refusal(WrongType, "the body must be application/json in UTF-8, not encoded further")
	}
	return nil
}
