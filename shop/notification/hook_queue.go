package notification

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// directory is what a process remembers of all endpoints, so that a fact which nobody wants to be
// told of costs nothing. It is never older than directoryAge: an endpoint that another process
// registered is told of what happens after that.
type directory struct {
	mu    sync.Mutex
	known bool
	at    time.Time
	all   []Listing
}

const directoryAge = time.Second

func (d *directory) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known = false
}

// endpoints returns all endpoints, as they were a moment ago.
func (s *Service) endpoints(ctx context.Context) ([]Listing, error) {
	now := s.desk.Clock.Now()
	d := &s.dir
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known && now.Sub(d.at) < directoryAge {
		return d.all, nil
	}
	all, err := s.listEndpoints(ctx)
	if err != nil {
		return nil, err
	}
	d.known, d.at, d.all = true, now, all
	return all, nil
}

func (s *Service) listEndpoints(ctx context.Context) ([]Listing, error) {
	var all []Listing
	for after := ""; ; {
		recs, err := s.desk.Store.List(ctx, platform.Query{
			Part: endpointsPart, After: after, Limit: platform.MaxList,
		})
		if err != nil {
			return nil, fmt.Errorf("list the endpoints: %w", err)
		}
		for _, rec := range recs {
			var l Listing
			if err := room.Decode(rec.Value, &l); err != nil {
				return nil, fmt.Errorf("decode the endpoint %s: %w", rec.Key.Sort, err)
			}
			all, after = append(all, l), rec.Key.Sort
		}
		if len(recs) < platform.MaxList {
			return all, nil
		}
	}
}

// hooksAtOnce is how many webhooks one commit queues: each is an event and three records.
const hooksAtOnce = 20

// hookOnFact queues a webhook for every endpoint that has to be told of a fact.
func (s *Service) hookOnFact(ctx context.Context, f event.Fact, c room.Cause) error {
	k, known := s.kinds[f.Type()]
	if !known {
		return nil
	}
	to, err := s.listeners(ctx, k, f)
	if err != nil || len(to) == 0 {
		return err
	}
	now := s.desk.Clock.Now().UTC()
	body, err := hookBody(k, f, now)
	if err != nil {
		return err
	}
	for len(to) > 0 {
		n := min(len(to), hooksAtOnce)
		err := s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
			return queueHooks(ctx, tx, to[:n], event.HookQueued{
				Event: c.Causation, Name: f.Type(), Body: body, At: now,
			})
		})
		if err != nil {
			return err
		}
		to = to[n:]
	}
	return nil
}

// queueHooks queues what was not queued before.
func queueHooks(ctx context.Context, tx *room.Tx, to []shop.ID, of event.HookQueued) error {
	for _, endpoint := range to {
		f := of
		f.Hook, f.Endpoint = hookID(endpoint, of.Event), endpoint
		known, err := room.Get[Hook](ctx, tx, hookKey(f.Hook))
		if err != nil {
			return err
		}
		if known != nil {
			continue
		}
		if err := tx.Announce(ctx, &f, 1); err != nil {
			return err
		}
	}
	return nil
}

// listeners lists the endpoints that have to be told of a fact: the office's, and those of the
// dealer whose it is.
func (s *Service) listeners(
	ctx context.Context, k hookKind, f event.Fact,
) ([]shop.ID, error) {
	all, err := s.endpoints(ctx)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	var to, dealers []shop.ID
	owners := make(map[shop.ID]shop.ID)
	for _, l := range all {
		switch {
		case !l.wants(f.Type()):
		case l.Owner == Office:
			to = append(to, l.ID)
		case k.dealers:
			dealers = append(dealers, l.ID)
			owners[l.ID] = l.Owner
		}
	}
	if len(dealers) == 0 {
		return to, nil
	}
	shipment, dealer := shipmentOf(f)
	if dealer == "" {
		if dealer, err = s.dealerOf(ctx, shipment); err != nil {
			return nil, err
		}
	}
	for _, id := range dealers {
		if owners[id] == dealer {
			to = append(to, id)
		}
	}
	return to, nil
}
