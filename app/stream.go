package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
)

// streams serves the life of an order as Server-Sent Events: its history first, then what happens.
// Every event is read from the log, so a client that comes back with Last-Event-ID misses nothing
// and sees nothing twice.
type streams struct {
	order  *order.Service
	watch  *watch
	clock  platform.Clock
	meters *meters
	house  *house
	done   chan struct{} // closed when the app drains

	persons persons
}

const (
	heartbeat  = 15 * time.Second // of silence, after which a comment is sent
	writeLimit = 10 * time.Second // a client that does not read for so long is let go
	streamPage = 50               // events read at once
	streamLife = time.Hour        // then the client must come back with a token that is still good
	maxStreams = 100              // of one person at once
)

// ServeHTTP answers GET /v1/orders/{id}/events for who accepts text/event-stream.
func (s *streams) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.serve(r.Context(), w, r); err != nil {
		s.house.refuse(r.Context(), w, err)
	}
}

// serve returns an error only while nothing has been written.
func (s *streams) serve(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	id, err := shop.ParseID(r.PathValue("id"))
	if err != nil {
		return err
	}
	after, err := lastEvent(r)
	if err != nil {
		return err
	}
	away, err := s.persons.come(room.CallerOf(ctx))
	if err != nil {
		return err
	}
	defer away()
	moved, leave, err := s.watch.Join(id)
	if err != nil {
		return err
	}
	defer leave()
	view, err := s.order.Get(ctx, id)
	if err != nil {
		return err
	}
	if isEnd(view.Status) && after >= view.Version {
		w.WriteHeader(http.StatusNoContent) // tells an EventSource not to come back
		return nil
	}
	if after > view.Version {
		return refusal(shop.Invalid, "the order has no event %d yet", after)
	}
	s.meters.streams.Inc()
	defer s.meters.streams.Dec()
	out := &sse{w: w, rc: http.NewResponseController(w), clock: s.clock}
	if out.open() == nil {
		s.follow(ctx, out, id, after, moved)
	}
	return nil
}

// follow writes until the order has ended, the client has gone, or the app drains. The client
// comes back by itself, which is why nothing here needs a word of farewell.
func (s *streams) follow(
	ctx context.Context, out *sse, id shop.ID, after int64, moved <-chan struct{},
) {
	over := s.clock.After(streamLife)
	for {
		page, err := s.order.History(ctx, id, after, streamPage)
		if err != nil {
			return
		}
		for _, e := range page {
			if out.event(e) != nil || isEnd(statusAfter(e.Type)) {
				return
			}
			after = e.Sequence
		}
		if len(page) == streamPage {
			continue
		}
		select {
		case <-moved:
		case <-s.clock.After(heartbeat):
			if out.beat() != nil {
				return
			}
		case <-ctx.Done():
			return
		case <-s.done:
			return
		case <-over:
			return
		}
	}
}

func isEnd(status string) bool {
	return status == "completed" || status == "cancelled" || status == "expired"
}

// statusAfter is the status in which a fact leaves its order, if that is an end.
func statusAfter(typ string) string {
	switch typ {
	case (*event.OrderCompleted)(nil).Type():
		return "completed"
	case (*event.OrderCancelled)(nil).Type():
		return "cancelled"
	case (*event.OrderExpired)(nil).Type():
		return "expired"
	}
	return ""
}

// lastEvent is where the stream goes on: the header that a browser sends when it comes back, or
// the query of the first time.
func lastEvent(r *http.Request) (int64, error) {
	value := first(r.Header, "Last-Event-Id")
	if value == "" {
		value = r.URL.Query().Get("after")
	}
	if value == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 0 {
		return 0, refusal(shop.Invalid, "Last-Event-ID is the number of an event")
	}
	return n, nil
}

// sse writes one stream.
type sse struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	clock platform.Clock
}

func (s *sse) open() error {
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // proxies must not collect
	if err := s.rc.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("let the stream outlive its request: %w", err)
	}
	s.w.WriteHeader(http.StatusOK)
	return s.write("retry: 1000\n\n")
}

func (s *sse) event(e event.CloudEvent) error {
	data, err := json.Marshal(e) // has no line breaks
	if err != nil {
		return fmt.Errorf("encode event %s: %w", e.ID, err)
	}
	return s.write(fmt.Sprintf("id: %d\nevent: %s\ndata: %s\n\n", e.Sequence, e.Type, data))
}

func (s *sse) beat() error { return s.write(": \n\n") }

func (s *sse) write(text string) error {
	if err := s.rc.SetWriteDeadline(s.clock.Now().Add(writeLimit)); err != nil {
		return fmt.Errorf("bound the write: %w", err)
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return fmt.Errorf("write to the stream: %w", err)
	}
	return s.rc.Flush()
}
