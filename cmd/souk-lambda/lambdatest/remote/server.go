package remote

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"net/http"

	"github.com/souk-commerce/souk/platform"
)

// Server is the far side.
type Server struct {
	Platform platform.Platform
	Publish  func(events []platform.Event) (done int, err error) // the bus
	Sweep    func() (fired int, err error)                       // the timers
	// Done is called after a commit has been made and before it is answered: the moment at which a
	// process knows least. May be nil.
	Done func(room string)
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
		out.Data, err = s.Platform.Keys().Seal(ctx, c.Name, c.Data)
	case "open":
		out.Data, err = s.Platform.Keys().Open(ctx, c.Name, c.Data)
	case "sign":
		out.Data, out.Name, err = s.Platform.Keys().Sign(ctx, c.Data)
	case "keys":
		var keys map[string]ed25519.PublicKey
		keys, err = s.Platform.Keys().PublicKeys(ctx)
		out.Keys = make(map[string][]byte, len(keys))
		for id, k := range keys {
			out.Keys[id] = k
		}
	case "subject":
		out.Events, err = s.Platform.History().Subject(ctx, c.Name, c.After, c.Limit)
		out.Events = bare(out.Events)
	case "records":
		err = s.Platform.History().Records(ctx, c.Name, func(r platform.Record) error {
			r.Object = nil
			out.Records = append(out.Records, r)
			return nil
		})
	case "status":
		out.Status, err = s.Platform.Delivery().Status(ctx)
	case "carry":
		out.Count, err = s.Publish(c.Events)
	case "sweep":
		out.Count, err = s.Sweep()
	default:
		return platform.ErrInvalid
	}
	return err
}

func (s *Server) store(ctx context.Context, c call, out *result) (err error) {
	store := s.Platform.Store(c.Room)
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
		if s.Done != nil {
			s.Done(c.Room)
		}
	}
	return err
}

func (s *Server) queue(ctx context.Context, c call, out *result) error {
	q, err := s.Platform.Queue(c.Name, c.Policy)
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
