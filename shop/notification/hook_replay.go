package notification

import (
	"context"
	"fmt"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Deliveries returns a page of an endpoint's webhooks, newest first: at most limit (1 to MaxPage),
// after the place that the page before ended with ("" begins). next is "" when there are no more.
func (s *Service) Deliveries(
	ctx context.Context, who room.Caller, endpoint shop.ID, after string, limit int,
) (hooks []*Hook, next string, err error) {
	if _, err := s.Endpoint(ctx, who, endpoint); err != nil {
		return nil, "", err
	}
	if after != "" && !isPlace(after) {
		return nil, "", shop.Errorf(shop.Invalid, "this is not the cursor of a page")
	}
	return s.hooksOf(ctx, platform.Query{
		Part: hooksPart(endpoint), After: after, Limit: max(1, min(limit, MaxPage)), Reverse: true,
	})
}

func (s *Service) hooksOf(
	ctx context.Context, q platform.Query,
) (hooks []*Hook, next string, err error) {
	recs, err := s.desk.Store.List(ctx, q)
	if err != nil {
		return nil, "", fmt.Errorf("list webhooks: %w", err)
	}
	tx := s.desk.Begin(room.Cause{})
	for _, rec := range recs {
		_, id := placed(rec.Key.Sort)
		h, err := room.Get[Hook](ctx, tx, hookKey(id))
		if err != nil {
			return nil, "", err
		}
		if h != nil {
			hooks = append(hooks, h)
		}
	}
	if len(recs) == q.Limit {
		next = recs[len(recs)-1].Key.Sort
	}
	return hooks, next, nil
}

// Replay has one webhook sent again, under the same id and with the same body, from the first
// attempt on. One that waits already is left as it is.
func (s *Service) Replay(
	ctx context.Context, who room.Caller, endpoint, hook shop.ID,
) (int, error) {
	if _, err := s.Endpoint(ctx, who, endpoint); err != nil {
		return 0, err
	}
	h, err := room.Get[Hook](ctx, s.desk.Begin(room.Cause{}), hookKey(hook))
	if err != nil {
		return 0, err
	}
	if h == nil || h.Endpoint != endpoint {
		return 0, shop.Errorf(shop.NotFound, "endpoint %q has no webhook %q", endpoint, hook)
	}
	return s.replay(ctx, who, h)
}

// replayPage is how many webhooks one request has sent again.
const replayPage = 200

// ReplaySince has every webhook sent again that was queued at or after a moment and was not taken,
// or all of them: at most so many that a request is answered in time. next, if it is not "", is
// where to go on; it is taken instead of since.
func (s *Service) ReplaySince(
	ctx context.Context, who room.Caller, endpoint shop.ID, since time.Time, after string, all bool,
) (count int, next string, err error) {
	if _, err := s.Endpoint(ctx, who, endpoint); err != nil {
		return 0, "", err
	}
	switch {
	case after == "":
		after = place(since, "")
	case !isPlace(after):
		return 0, "", shop.Errorf(shop.Invalid, "this is not the cursor of a replay")
	}
	hooks, next, err := s.hooksOf(ctx, platform.Query{
		Part: hooksPart(endpoint), After: after, Limit: replayPage,
	})
	if err != nil {
		return 0, "", err
	}
	for _, h := range hooks {
		if h.State == HookDelivered && !all {
			continue
		}
		n, err := s.replay(ctx, who, h)
		if err != nil {
			return count, "", fmt.Errorf("%d were queued again, the rest was not: %w", count, err)
		}
		count += n
	}
	return count, next, nil
}

// replay queues a webhook again, and returns how many it queued.
func (s *Service) replay(ctx context.Context, who room.Caller, h *Hook) (n int, err error) {
	err = s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		n = 0
		h, err := room.Get[Hook](ctx, tx, hookKey(h.ID))
		if err != nil || h == nil || h.State == HookWaits && h.Attempts == 0 {
			return err
		}
		n = 1
		err = tx.Announce(ctx, &event.HookReplayed{
			Hook: h.ID, Endpoint: h.Endpoint, By: who.ID, At: tx.Now(),
		}, h.Seq+1)
		if err != nil {
			return err
		}
		return s.wake(tx, h.Endpoint, tx.Now())
	})
	return n, err
}
