package remote

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"sync"

	"github.com/souk-commerce/souk/platform"
)

// Server is the far side. It is safe for concurrent use.
type Server struct {
	platform platform.Platform
	publish  func(events []platform.Event) (done int, err error)

	mu    sync.Mutex
	sweep func() (fired int, err error)
	done  func(room string)
}

// NewServer serves a platform, with publish as the bus. No timer is ever due, until OnSweep.
func NewServer(
	p platform.Platform, publish func(events []platform.Event) (done int, err error),
) *Server {
	return &Server{
		platform: p, publish: publish, sweep: func() (int, error) { return 0, nil },
		done: func(string) {},
	}
}

// OnSweep has sweep answer sweepers from now on.
func (s *Server) OnSweep(sweep func() (fired int, err error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep = sweep
}

// OnCommit has done called after each commit was made and before it is answered: the moment at
// which a process knows least.
func (s *Server) OnCommit(done func(room string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = done
}

func (s *Server) hooks() (sweep func() (int, error), done func(string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sweep, s.done
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var c call
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var out result
	err := s.do(r.Context(), c, &out)
	out.Fault = faultOf(err)
	if err := json.NewEncoder(w).Encode(out); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (s *Server) do(ctx context.Context, c call, out *result) (err error) {
	switch c.Method {
	case "get", "list", "commit":
		return s.store(ctx, c, out)
	case "send", "release", "delete", "depth":
		return s.queue(ctx, c, out)
	case "seal":
		out.Data, err = s.platform.Keys().Seal(ctx, c.Name, c.Data)
	case "open":
		out.Data, err = s.platform.Keys().Open(ctx, c.Name, c.Data)
	case "sign":
		out.Data, out.Name, err = s.platform.Keys().Sign(ctx, c.Data)
	case "keys":
		var keys map[string]ed25519.PublicKey
		keys, err = s.platform.Keys().PublicKeys(ctx)
		out.Keys = make(map[string][]byte, len(keys))
		for id, k := range keys {
			out.Keys[id] = k
		}
	case "subject":
		out.Events, err = s.platform.History().Subject(ctx, c.Name, c.After, c.Limit)
		out.Events = bare(out.Events)
	case "records":
		err = s.platform.History().Records(ctx, c.Name, func(r platform.Record) error {
			r.Object = nil
			out.Records = append(out.Records, r)
			return nil
		})
	case "status":
		out.Status, err = s.platform.Delivery().Status(ctx)
	case "carry":
		out.Count, err = s.publish(c.Events)
	case "sweep":
		sweep, _ := s.hooks()
		out.Count, err = sweep()
	default:
		return platform.ErrInvalid
	}
	return err
}

func (s *Server) store(ctx context.Context, c call, out *result) (err error) {
	store := s.platform.Store(c.Room)
	switch c.Method {
	case "get":
		out.Record, err = store.Get(ctx, c.Key)
		out.Record.Object = nil
	case "list":
		out.Records, err = store.List(ctx, c.Query)
		for i := range out.Records {
			out.Records[i].Object = nil
		}
	case "commit":
		err = store.Commit(ctx, *c.Batch)
		_, done := s.hooks()
		done(c.Room)
	}
	return err
}

func (s *Server) queue(ctx context.Context, c call, out *result) error {
	q, err := s.platform.Queue(c.Name, c.Policy)
	if err != nil {
		return err
	}
	switch c.Method {
	case "send":
		return q.Send(ctx, c.Message, c.Delay)
	case "release":
		return q.Release(ctx, c.Receipt, c.Delay)
	case "delete":
		return q.Delete(ctx, c.Receipt)
	}
	out.Depth, err = q.Depth(ctx)
	return err
}
