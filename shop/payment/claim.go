package payment

import (
	"context"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// claimed says that somebody was about to make the first call of an operation, and perhaps did.
type claimed struct{}

func claimKey(due event.PaymentCheckDue) platform.Key {
	return platform.Key{Part: room.AuxPrefix + "call/" + string(due.Payment), Sort: due.Key}
}

// claim reports whether this is certainly the first call of an operation, wherever its intent was
// committed: nobody calls without having claimed, and only one claim succeeds. A claim whose owner
// died before the call leaves an operation that is asked about before anything is sent.
func (s *Service) claim(
	ctx context.Context, c room.Cause, due event.PaymentCheckDue,
) (first bool, err error) {
	err = s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		have, err := room.Get[claimed](ctx, tx, claimKey(due))
		if err != nil {
			return err
		}
		if first = have == nil; first {
			room.Put(tx, claimKey(due), &claimed{})
		}
		return nil
	})
	return first && err == nil, err
}
