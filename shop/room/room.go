package room

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Room is what the app and the checkers see of every room.
type Room interface {
	// Name is the room's prefix for ever: of its records, timers and event types.
	Name() string
	// Reactions is the complete list of "when this fact, do that".
	Reactions() []Reaction
	// Apply changes the room's records by one fact: one of its own, or, in a room that only counts,
	// one that it listens to. It reads and writes through tx alone and must be deterministic. A
	// fact that the room does not keep is ignored.
	Apply(ctx context.Context, tx *Tx, f event.Fact, m Meta) error
}

// Meta is what the envelope says of a fact that is being applied.
type Meta struct {
	ID       string
	Sequence int64
}

// AuxPrefix starts the partition of every record that is not domain state: dedupe marks,
// idempotency rows and secrets. Folding the log does not make them.
const AuxPrefix = "~"

// IsAux reports whether a record of the whole platform's store (its Part still begins with the
// room's name) is outside the domain state.
func IsAux(k platform.Key) bool {
	_, part, ok := strings.Cut(k.Part, "/")
	return ok && strings.HasPrefix(part, AuxPrefix)
}

// Cause is why something is done: it is copied into every fact that follows.
type Cause struct {
	Correlation string
	Causation   string
	TraceParent string
}

// Desk is where one room works. All fields are set by the app and never change.
type Desk struct {
	Store     platform.Store // already limited to the room
	History   platform.History
	Keys      platform.Keys
	Clock     platform.Clock
	IDs       shop.IDs
	Catalogue *event.Catalogue
	Apply     func(ctx context.Context, tx *Tx, f event.Fact, m Meta) error
}

// maxAttempts bounds how often Do decides anew after a conflict. With full jitter, sixteen writers
// of one record all get through well within it.
const maxAttempts = 24

// maxThrottled bounds how often Do goes on after the store was too busy. A store that is reached
// over a network has sent the batch several times by then, and waited longer each time.
const maxThrottled = 6

// Do runs one unit of work and commits it. When somebody else changed what it had read, it runs
// work again from the start, so work must have no effect besides tx. A BoundError is work's to
// explain: it comes back as it is. An unknown outcome comes back with the code shop.Unknown.
func (d *Desk) Do(
	ctx context.Context, cause Cause, work func(ctx context.Context, tx *Tx) error,
) error {
	for attempt, throttled := 1, 0; ; attempt++ {
		tx := d.Begin(cause)
		err := work(ctx, tx)
		if err == nil {
			err = tx.commit(ctx)
		}
		if errors.Is(err, platform.ErrThrottled) {
			throttled++
		}
		switch {
		case err == nil:
			return nil
		case !isRetryable(err):
			return err
		case attempt == maxAttempts, throttled == maxThrottled:
			return &shop.Error{
				Code: shop.Busy, Err: err,
				Message: "too many others are changing the same thing; nothing was done, try again",
				Hint:    "a hot record: see the conflict counters, or split it into allotments",
			}
		}
		if err := d.pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// Begin starts a unit of work that Do does not manage: a fold, or a read.
func (d *Desk) Begin(cause Cause) *Tx { return &Tx{desk: d, cause: cause} }

// pause waits a random time between nothing and 0.1 ms · 2^attempt, at most 25 ms.
func (d *Desk) pause(ctx context.Context, attempt int) error {
	most := int64(100_000) << min(attempt, 8)
	wait := platformDuration(rand.Int64N(most)) // chance decides only when, never what
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-d.Clock.After(wait):
		return nil
	}
}

// Encode is the one encoding of records: JSON, so that an operator can read what is stored.
func Encode(v any) ([]byte, error) { return json.Marshal(v) }

// Decode reads what Encode wrote.
func Decode(data []byte, v any) error { return json.Unmarshal(data, v) }
