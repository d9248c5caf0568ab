package inventory

import (
	"context"
	"errors"
	"sync"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// allotments remembers which SKUs are split, so that a reservation need not ask. What it remembers
// may be too few, never too many, because allotments are only ever added; a shortage makes it look
// again. It holds at most platform.MaxList SKUs, as many as can be split.
type allotments struct {
	store  platform.Store
	mu     sync.RWMutex
	loaded bool
	of     map[shop.SKU]int // at least 2 each
}

func newAllotments(store platform.Store) *allotments {
	return &allotments{store: store, of: make(map[shop.SKU]int)}
}

// load reads the list of split SKUs, the first time.
func (a *allotments) load(ctx context.Context) error {
	a.mu.RLock()
	loaded := a.loaded
	a.mu.RUnlock()
	if loaded {
		return nil
	}
	list, err := a.store.List(ctx, platform.Query{Part: allotmentsPart, Limit: platform.MaxList})
	if err != nil {
		return err
	}
	for _, rec := range list {
		if err := a.learn(rec); err != nil {
			return err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.loaded = true
	return nil
}

// look reads how a SKU is split now.
func (a *allotments) look(ctx context.Context, sku shop.SKU) error {
	rec, err := a.store.Get(ctx, policyKey(sku))
	if errors.Is(err, platform.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return a.learn(rec)
}

func (a *allotments) learn(rec platform.Record) error {
	var p policy
	if err := room.Decode(rec.Value, &p); err != nil {
		return shop.Errorf(shop.Internal, "decode the allotments of %s: %w", rec.Key.Sort, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of[shop.SKU(rec.Key.Sort)] = p.Allotments
	return nil
}

// count returns into how many allotments a SKU is split.
func (a *allotments) count(sku shop.SKU) int {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return max(1, a.of[sku])
}

// Allot splits the stock of a hot SKU into n allotments (2 to MaxAllotments) and spreads what is
// available over them. Orders then take from different records, which matters on a platform where
// adds to one record do not commute. The number can grow, never shrink. The same movement again
// changes nothing.
func (s *Service) Allot(ctx context.Context, movement shop.ID, sku shop.SKU, n int) error {
	if n < 2 || n > MaxAllotments {
		return shop.Errorf(shop.Invalid, "stock is split into 2 to %d allotments, not %d",
			MaxAllotments, n)
	}
	var err error
	for range maxMoves {
		err = s.desk.Do(ctx, room.RequestCause(ctx),
			func(ctx context.Context, tx *room.Tx) error {
				return s.allotOnce(ctx, tx, movement, sku, n)
			})
		if !errors.Is(err, platform.ErrBound) {
			break
		}
	}
	if errors.Is(err, platform.ErrBound) {
		return &shop.Error{
			Code: shop.Busy, Err: err,
			Message: string(sku) + " is selling too fast to be split now; nothing was done",
			Hint:    "try again when it is calmer",
		}
	}
	if err != nil {
		return err
	}
	return s.split.look(ctx, sku)
}

func (s *Service) allotOnce(
	ctx context.Context, tx *room.Tx, movement shop.ID, sku shop.SKU, n int,
) error {
	had, err := room.Get[Movement](ctx, tx, MovementKey(movement))
	if err != nil {
		return err
	}
	if had != nil {
		return had.same(event.StockMoved{Movement: movement, SKU: sku, Reason: reasonAllot})
	}
	p, err := room.Get[policy](ctx, tx, policyKey(sku))
	if err != nil {
		return err
	}
	if p != nil && p.Allotments > n {
		return shop.Errorf(shop.Conflict, "%s has %d allotments already, and they only grow",
			sku, p.Allotments)
	}
	care, err := room.Get[Care](ctx, tx, CareKey(sku))
	if err != nil {
		return err
	}
	if care != nil {
		return shop.Errorf(shop.Conflict,
			"%s has rules or was counted, and such stock is not split; nothing was done", sku)
	}
	if p == nil {
		if err := s.roomForAnother(ctx); err != nil {
			return err
		}
	}
	available := make([]int64, n)
	for i := range available {
		counters, err := tx.Counters(ctx, StockKey(sku, i))
		if err != nil {
			return err
		}
		available[i] = counters[Available]
	}
	spread := spreadEvenly(sum(available), n)
	for i := range spread {
		spread[i] -= available[i]
	}
	return tx.Announce(ctx, &event.StockAllotted{
		Movement: movement, SKU: sku, Allotments: n, Spread: spread,
	}, 1)
}

// roomForAnother refuses to split more SKUs than one list can name.
func (s *Service) roomForAnother(ctx context.Context) error {
	all := platform.Query{Part: allotmentsPart, Limit: platform.MaxList}
	list, err := s.desk.Store.List(ctx, all)
	if err != nil {
		return err
	}
	if len(list) == platform.MaxList {
		return shop.Errorf(shop.Conflict, "%d SKUs are split already, and more cannot be",
			platform.MaxList)
	}
	return nil
}
