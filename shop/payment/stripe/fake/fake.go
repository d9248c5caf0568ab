// Package fake is a small Stripe with state, for tests: PaymentIntents, refunds, disputes,
// transfers, idempotency keys, 3-D Secure, declines, multicapture, and signed webhooks.
//
// It promises to refuse what Stripe refuses for the calls that this shop makes, and to break
// connections on demand, before or after the effect. It knows nothing else of Stripe. Only tests
// import it.
package fake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The ways in which a call can go wrong.
const (
	Before = "before" // no effect, 500
	After  = "after"  // effect, and the connection breaks
	Busy   = "busy"   // no effect, 429
)

// Server is the fake. It is an http.Handler, safe for concurrent use.
type Server struct {
	// Secret signs webhooks. Now is the time by which it lives.
	Secret string
	Now    func() time.Time
	// Fault chooses how a call goes wrong: "" is not at all. Calls counts them, from 1, by method
	// and path. It may be nil.
	Fault func(method, path string, call int) string

	mu    sync.Mutex
	n     int
	calls map[string]int
	keys  map[string]remembered
	all   map[string]object // by id
	order []string          // ids, oldest first
	hooks []Hook
}

// object is a resource as it is written.
type object map[string]any

// remembered is what an idempotency key was answered with.
type remembered struct {
	request string
	status  int
	body    []byte
}

// fault is a refusal in Stripe's words.
type fault struct {
	status                     int
	kind, code, decline, about string
	intent                     object
}

func (o object) text(key string) string { s, _ := o[key].(string); return s }
func (o object) number(key string) int64 {
	n, _ := o[key].(int64)
	return n
}

func (o object) meta() map[string]string {
	m, _ := o["metadata"].(map[string]string)
	return m
}

// New returns a Stripe that lives by a clock.
func New(now func() time.Time, secret string) *Server {
	return &Server{
		Now: now, Secret: secret, calls: make(map[string]int), keys: make(map[string]remembered),
		all: make(map[string]object),
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "no form", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	call := r.Method + " " + r.URL.Path
	s.calls[call]++
	how := ""
	if s.Fault != nil {
		how = s.Fault(r.Method, r.URL.Path, s.calls[call])
	}
	status, body := 0, []byte(nil)
	switch how {
	case Before:
		status, body = encoded(nil, &fault{status: 500, kind: "api_error"})
	case Busy:
		status, body = encoded(nil, &fault{
			status: 429, kind: "invalid_request_error", code: "rate_limit",
		})
	default:
		status, body = s.once(r)
	}
	s.mu.Unlock()
	if how == After {
		panic(http.ErrAbortHandler) // the connection breaks
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Request-Id", "req_fake")
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever asked may have gone
}

// once answers a request with a key as it did before, and refuses the key with another request.
func (s *Server) once(r *http.Request) (int, []byte) {
	key := r.Header.Get("Idempotency-Key")
	if r.Method != http.MethodPost || key == "" {
		return s.answer(r)
	}
	request := r.URL.Path + "?" + r.PostForm.Encode()
	if have, ok := s.keys[key]; ok {
		if have.request != request {
			return encoded(nil, &fault{status: 400, kind: "idempotency_error"})
		}
		return have.status, have.body
	}
	status, body := s.answer(r)
	s.keys[key] = remembered{request, status, body}
	return status, body
}

func (s *Server) answer(r *http.Request) (int, []byte) {
	o, f := s.route(r)
	return encoded(o, f)
}

func encoded(o object, f *fault) (int, []byte) {
	if f == nil {
		body, _ := json.Marshal(o)
		return http.StatusOK, body
	}
	e := object{"type": f.kind, "code": f.code, "message": "Secret words about " + f.about}
	if f.decline != "" {
		e["decline_code"] = f.decline
	}
	if f.intent != nil {
		e["payment_intent"] = f.intent
	}
	body, _ := json.Marshal(object{"error": e})
	return f.status, body
}

func (s *Server) route(r *http.Request) (object, *fault) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
	get := r.Method == http.MethodGet
	what, id, verb := parts[0], "", ""
	if len(parts) > 1 {
		id = parts[1]
	}
	if len(parts) > 2 {
		verb = parts[2]
	}
	switch {
	case what == "customers":
		return s.put("cus", object{"object": "customer", "metadata": metaOf(r)}), nil
	case what == "payment_methods" && id == "":
		return s.put("pm", object{
			"object": "payment_method", "type": "card", "card": object{"brand": "visa"},
			"token": r.PostForm.Get("card[token]"),
		}), nil
	case what == "payment_intents" && id == "" && !get:
		return s.create(r)
	case what == "payment_intents" && id == "search":
		return s.search(r), nil
	case id == "" && get:
		return s.list(what, r), nil
	case what == "payment_intents" && verb == "capture":
		return s.capture(id, r)
	case what == "payment_intents" && verb == "cancel":
		return s.cancel(id, r)
	case what == "refunds" && id == "":
		return s.refund(r)
	case what == "disputes" && !get:
		return s.submit(id, r)
	case what == "transfers" && !get:
		return s.transfer(r)
	}
	return s.read(id, r)
}

func (s *Server) read(id string, r *http.Request) (object, *fault) {
	o := s.all[id]
	if o == nil {
		return nil, &fault{
			status: 404, kind: "invalid_request_error", code: "resource_missing", about: id,
		}
	}
	for _, name := range r.Form["expand[0]"] {
		if inner := s.all[o.text(name)]; inner != nil {
			o = with(o, name, inner)
		}
	}
	return o, nil
}

func with(o object, name string, v any) object {
	c := object{}
	for k, v := range o {
		c[k] = v
	}
	c[name] = v
	return c
}

func (s *Server) put(prefix string, o object) object {
	s.n++
	id := fmt.Sprintf("%s_%d", prefix, s.n)
	o["id"], o["created"] = id, s.Now().Unix()
	s.all[id] = o
	s.order = append(s.order, id)
	return o
}

func (s *Server) list(what string, r *http.Request) object {
	data := []object{}
	for i := len(s.order) - 1; i >= 0; i-- {
		o := s.all[s.order[i]]
		same := o.text("object") == strings.TrimSuffix(what, "s")
		for _, f := range []string{"customer", "payment_intent", "transfer_group"} {
			if want := r.Form.Get(f); want != "" && o.text(f) != want {
				same = false
			}
		}
		if same {
			data = append(data, o)
		}
	}
	return object{"object": "list", "data": data, "has_more": false, "url": "/v1/" + what}
}

// search is as late as Stripe's is: what is younger than a second is not found.
func (s *Server) search(r *http.Request) object {
	data := []object{}
	for _, id := range s.order {
		o := s.all[id]
		young := s.Now().Unix()-o.number("created") < 1
		if o.text("object") != "payment_intent" || young {
			continue
		}
		for k, v := range o.meta() {
			if r.Form.Get("query") == fmt.Sprintf("metadata['%s']:'%s'", k, v) {
				data = append(data, o)
			}
		}
	}
	return object{"object": "search_result", "data": data, "has_more": false, "url": r.URL.Path}
}

func metaOf(r *http.Request) map[string]string {
	m := make(map[string]string)
	for k, v := range r.PostForm {
		if name, ok := strings.CutPrefix(k, "metadata["); ok {
			m[strings.TrimSuffix(name, "]")] = v[0]
		}
	}
	return m
}
