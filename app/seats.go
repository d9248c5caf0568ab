package app

import (
	"context"
	"slices"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// maxQueued is how many purchases one customer may have in the purchase queue, so that nobody can
// fill it for everybody else.
const maxQueued = 8

// seating is a customer's purchases that may still be in the queue: at most maxQueued. One that
// has left it keeps its seat until somebody needs it.
type seating struct {
	Taken []seat `json:"taken"`
}

type seat struct {
	Order shop.ID   `json:"order"`
	At    time.Time `json:"at"`
}

func seatsKey(customer shop.ID) platform.Key {
	return platform.Key{Part: room.AuxPrefix + "seats/" + string(customer), Sort: "seats"}
}

// admit takes a seat in the queue for a customer's purchase, or finds that it has one. Busy when
// all of the customer's are taken; nothing was done then.
func (p *purchases) admit(ctx context.Context, customer, order shop.ID) error {
	return p.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		key := seatsKey(customer)
		have, err := room.Get[seating](ctx, tx, key)
		if err != nil {
			return err
		}
		if have == nil {
			have = &seating{}
		}
		if slices.ContainsFunc(have.Taken, func(o seat) bool { return o.Order == order }) {
			return nil
		}
		now := have.Taken
		if len(now) >= maxQueued {
			if now, err = waiting(ctx, tx, now); err != nil {
				return err
			}
		}
		if len(now) >= maxQueued {
			return shop.Errorf(shop.Busy,
				"%d of your orders are in the queue already; nothing was done", maxQueued).
				WithHint("send it again with the same key, or without respond-async")
		}
		room.Put(tx, key, &seating{Taken: append(slices.Clone(now), seat{order, tx.Now()})})
		return nil
	})
}

// waiting returns the seats whose purchases are still in the queue, or about to be.
func waiting(ctx context.Context, tx *room.Tx, taken []seat) ([]seat, error) {
	var kept []seat
	for _, one := range taken {
		have, err := room.Get[row](ctx, tx, rowKey(one.Order))
		if err != nil {
			return nil, err
		}
		age := tx.Now().Sub(one.At)
		if have == nil && age < MaxRequest || // its request is under way
			have != nil && have.State.Status == "queued" && age < intakePolicy().Retention {
			kept = append(kept, one)
		}
	}
	return kept, nil
}
