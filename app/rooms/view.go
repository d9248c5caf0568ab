package rooms

import (
	"context"
	"fmt"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/room"
)

// view is a neighbour's desk at which nothing but its records can be read: it has no keys, no
// history and no ids, and its store refuses to write. Only a seam that declares read-only keys gets
// one.
func (r *Row) view(s Seam) *room.Desk {
	if s.How != ReadOnlyKeys() {
		panic("rooms: " + s.Name + " is not answered by read-only keys")
	}
	return &room.Desk{
		Store: readOnly{r.cfg.Platform.Store(s.Asked), s}, Clock: r.cfg.Clock,
		Catalogue: r.cfg.Catalogue,
	}
}

// readOnly is a store that is only read. Where the platform grants by key prefix it could not be
// written either: this says so before anything is sent.
type readOnly struct {
	platform.Store
	seam Seam
}

// Commit implements platform.Store: it refuses with ErrReadOnly, and nothing was done.
func (s readOnly) Commit(context.Context, platform.Batch) error {
	return fmt.Errorf("%s reads what belongs to %s; nothing was written: %w: read-only keys",
		s.seam.Name, s.seam.Asked, platform.ErrReadOnly)
}
