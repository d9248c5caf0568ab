package analytics

import (
	"context"
	"fmt"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// chunk is how many records one commit counts in, its mark not included. Only orders of very many
// products need more than one commit.
const chunk = 80

// Reactions implements room.Room.
func (s *Service) Reactions() []room.Reaction {
	return []room.Reaction{
		counting[*event.OrderCreated](s, "analytics.count-on-order-created"),
		counting[*event.OrderPlaced](s, "analytics.count-on-order-placed"),
		counting[*event.OrderCancelled](s, "analytics.count-on-order-cancelled"),
		counting[*event.OrderExpired](s, "analytics.count-on-order-expired"),
		counting[*event.PaymentCaptured](s, "analytics.count-on-payment-captured"),
		counting[*event.PaymentRefunded](s, "analytics.count-on-payment-refunded"),
		counting[*event.ShipmentDelivered](s, "analytics.count-on-fulfilment-delivered"),
	}
}

// counting is the one reaction of this room, for facts of type F.
func counting[F event.Fact](s *Service, name string) room.Reaction {
	return room.On(name, platform.Background, func(ctx context.Context, f F, c room.Cause) error {
		counts := tally(f)
		for first := 0; first < len(counts); first += chunk {
			err := s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
				return countOnce(ctx, tx, c.Causation, first/chunk, part(counts, first))
			})
			if err != nil {
				return fmt.Errorf("count %s: %w", c.Causation, err)
			}
		}
		return nil
	})
}

func part(counts []count, first int) []count {
	return counts[first:min(first+chunk, len(counts))]
}

// countOnce counts one part of an event, with the mark that it did in the same commit.
func countOnce(
	ctx context.Context, tx *room.Tx, eventID string, number int, counts []count,
) error {
	key := seenKey(eventID, number)
	seen, err := room.Get[mark](ctx, tx, key)
	if err != nil || seen != nil {
		return err
	}
	room.Put(tx, key, &mark{})
	write(tx, counts)
	return nil
}
