package verify

import (
	"context"
	"hash/maphash"

	"github.com/souk-commerce/souk/shop/event/contract"
)

// RunWithin is Run with less room: so many ids in one reading, so many records in one comparison.
func RunWithin(ctx context.Context, in Input, ids int64, records int) (*Report, error) {
	return runWithin(ctx, in, limits{ids: ids, records: records})
}

// Kept reads a sound history and returns of how many orders something is kept when the last event
// was read.
func Kept(ctx context.Context, in Input) (int, error) {
	r := newRun(in, &hints{
		limits: limits{ids: 1 << 20, records: 1 << 20}, seed: maphash.MakeSeed(),
		joins: make(joins), reader: contract.NewReader(),
	})
	if err := r.findTotal(ctx); err != nil {
		return 0, err
	}
	if err := r.survey(ctx); err != nil {
		return 0, err
	}
	if err := r.readMeaning(ctx); err != nil {
		return 0, err
	}
	kept := make(map[number]bool)
	for n := range r.books.lives {
		kept[n] = n != 0
	}
	for _, f := range r.folds {
		for n := range f.states {
			kept[n] = true
		}
	}
	delete(kept, 0)
	return len(kept), nil
}
