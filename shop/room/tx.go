package room

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// platformDuration keeps the conversion from chance to time in one place.
func platformDuration(n int64) time.Duration { return time.Duration(n) }

// isRetryable says that deciding again on fresh records may succeed.
func isRetryable(err error) bool {
	return errors.Is(err, platform.ErrConflict) || errors.Is(err, platform.ErrThrottled)
}

// Tx is one unit of work: what was read, with its versions, and what will be written, announced and
// timed, all in one commit. It is not safe for concurrent use and lives for one attempt.
type Tx struct {
	desk    *Desk
	cause   Cause
	entries []*entry
	index   map[platform.Key]*entry // only for large units
	batch   platform.Batch
	state   *State // set in a fold: read and written instead of the store
}

// entry is one record as this unit of work sees it.
type entry struct {
	key     platform.Key
	version int64 // as read; Absent if it does not exist
	exists  bool
	read    bool // the version is known, so a write is conditional on it
	value   any  // decoded; a pointer
	raw     []byte
	object  any // what raw decodes to, if the store has it at hand; nobody's to change
	count   map[string]int64
	moves   []platform.Move
	dirty   bool
	deleted bool
	pinned  bool // written or not, the commit requires the version
}

// indexFrom is the number of entries from which a map beats walking the list.
const indexFrom = 12

func (tx *Tx) find(key platform.Key) *entry {
	if tx.index != nil {
		return tx.index[key]
	}
	for _, e := range tx.entries {
		if e.key == key {
			return e
		}
	}
	return nil
}

func (tx *Tx) add(e *entry) *entry {
	tx.entries = append(tx.entries, e)
	if tx.index != nil {
		tx.index[e.key] = e
	} else if len(tx.entries) == indexFrom {
		tx.index = make(map[platform.Key]*entry, 2*indexFrom)
		for _, e := range tx.entries {
			tx.index[e.key] = e
		}
	}
	return e
}

// fetch returns the entry of key, reading the record the first time.
func (tx *Tx) fetch(ctx context.Context, key platform.Key) (*entry, error) {
	if tx.state != nil {
		return tx.state.entry(key), nil
	}
	e := tx.find(key)
	if e != nil && (e.read || e.dirty) { // what this unit wrote is what it reads
		return e, nil
	}
	rec, err := tx.desk.Store.Get(ctx, key)
	if err != nil && !errors.Is(err, platform.ErrNotFound) {
		return nil, fmt.Errorf("read %s/%s: %w", key.Part, key.Sort, err)
	}
	if e == nil {
		e = tx.add(&entry{key: key})
	}
	e.read, e.version, e.exists = true, rec.Version, rec.Version > 0
	e.raw, e.object, e.count = rec.Value, rec.Object, rec.Counters
	return e, nil
}

// Get returns the record at key, decoded, or nil if there is none. The pointer is this unit's own:
// change it and Put it.
func Get[T any](ctx context.Context, tx *Tx, key platform.Key) (*T, error) {
	e, err := tx.fetch(ctx, key)
	if err != nil || !e.exists || e.deleted {
		return nil, err
	}
	if kept, ok := e.object.(Kept); ok && e.value == nil {
		if v, ok := kept.Clone().(*T); ok {
			e.value = v
		}
	}
	if e.value == nil && len(e.raw) > 0 {
		v := new(T)
		if err := Decode(e.raw, v); err != nil {
			return nil, fmt.Errorf("decode %s/%s: %w", key.Part, key.Sort, err)
		}
		e.value = v
	}
	v, _ := e.value.(*T)
	return v, nil
}

// Known is Get of what this unit of work has read or written already, and nil for what it has not:
// it never reads the store. In a fold it is Get.
func Known[T any](tx *Tx, key platform.Key) *T {
	var e *entry
	if tx.state != nil {
		e = tx.state.entries[key]
	} else {
		e = tx.find(key)
	}
	if e == nil || !e.exists || e.deleted {
		return nil
	}
	v, _ := e.value.(*T)
	return v
}

// Kept is a record that is read again soon after it was written, so that the store keeps it decoded
// as well, where it can. roomtest.CheckClone tests a Clone.
type Kept interface {
	// Clone returns a pointer to a copy that shares nothing with the original that anybody changes.
	// The bytes of a byte slice are never changed.
	Clone() any
}

// Counters returns the counters of the record at key, as they were read; nil if there are none.
func (tx *Tx) Counters(ctx context.Context, key platform.Key) (map[string]int64, error) {
	e, err := tx.fetch(ctx, key)
	if err != nil {
		return nil, err
	}
	return e.count, nil
}

// Put writes v at key. If the record was read, the commit requires that nobody changed it since; if
// it was not, that it does not exist.
func Put[T any](tx *Tx, key platform.Key, v *T) {
	e := tx.touch(key)
	e.value, e.dirty, e.exists, e.deleted = v, true, true, false
	if tx.state != nil {
		tx.state.version(e)
	}
}

// Add moves counters of the record at key, making it if need be, whatever its version.
func (tx *Tx) Add(key platform.Key, moves ...platform.Move) {
	e := tx.touch(key)
	if tx.state != nil {
		tx.state.move(e, moves)
		return
	}
	e.moves = merge(e.moves, moves)
}

// merge adds more to moves. A commit may move a counter once, so two moves of it become one, which
// has the higher floor of the two.
func merge(moves, more []platform.Move) []platform.Move {
next:
	for _, m := range more {
		for i := range moves {
			if moves[i].Counter == m.Counter {
				moves[i].Delta += m.Delta
				moves[i].Floor = max(moves[i].Floor, m.Floor)
				continue next
			}
		}
		moves = append(moves, m)
	}
	return moves
}

// Pin has the commit conflict if the record at key changed since it was read, or, if it was not
// read, if it exists: for a decision that rests on a record which it does not write.
func (tx *Tx) Pin(key platform.Key) {
	if tx.state == nil {
		tx.touch(key).pinned = true
	}
}

// Delete removes the record at key under the same condition as Put.
func (tx *Tx) Delete(key platform.Key) {
	e := tx.touch(key)
	if tx.state != nil {
		tx.state.drop(key)
		return
	}
	e.deleted, e.dirty = true, true
}

func (tx *Tx) touch(key platform.Key) *entry {
	if tx.state != nil {
		return tx.state.entry(key)
	}
	if e := tx.find(key); e != nil {
		return e
	}
	return tx.add(&entry{key: key})
}

// Announce applies f to the room's records and commits it with them. seq is its place in its
// subject's sequence: one more than the record's last, or 1.
func (tx *Tx) Announce(ctx context.Context, f event.Fact, seq int64) error {
	id := EventID(f.Subject(), seq)
	if err := tx.desk.Apply(ctx, tx, f, Meta{ID: id, Sequence: seq}); err != nil {
		return fmt.Errorf("apply %s: %w", f.Type(), err)
	}
	e, err := tx.envelope(f, id, seq)
	if err != nil {
		return err
	}
	tx.batch.Events = append(tx.batch.Events, e)
	return nil
}

// AnnounceBecause is Announce for a fact that another one of this unit of work brings about, which
// its event's id names.
func (tx *Tx) AnnounceBecause(
	ctx context.Context, f event.Fact, seq int64, because string,
) error {
	was := tx.cause.Causation
	tx.cause.Causation = because
	err := tx.Announce(ctx, f, seq)
	tx.cause.Causation = was
	return err
}

// EventID names the event at a place in a subject's sequence. It is derived, so that doing the same
// thing twice makes the same event, which the store then refuses.
func EventID(subject string, seq int64) string { return fmt.Sprintf("%s/%d", subject, seq) }

func (tx *Tx) envelope(f event.Fact, id string, seq int64) (platform.Event, error) {
	data, err := Encode(f)
	if err != nil {
		return platform.Event{}, fmt.Errorf("encode %s: %w", f.Type(), err)
	}
	return platform.Event{
		ID: id, Type: f.Type(), Subject: f.Subject(), Sequence: seq,
		Correlation: tx.cause.Correlation, Causation: tx.cause.Causation,
		TraceParent: tx.cause.TraceParent, Idempotency: id, Data: data, Value: f,
	}, nil
}

// SetTimer has f announced when due has come, unless the timer of the same key is cancelled or set
// again before.
func (tx *Tx) SetTimer(key string, due time.Time, f event.Fact) error {
	e, err := tx.envelope(f, "", 0)
	if err != nil {
		return err
	}
	e.Idempotency = key
	tx.forgetTimer(key)
	tx.batch.Timers = append(tx.batch.Timers, platform.Timer{Key: key, Due: due, Event: e})
	return nil
}

// CancelTimer cancels the timer of that key, if it is set. Of several calls for one key in a unit
// of work, to set and to cancel, the last counts.
func (tx *Tx) CancelTimer(key string) {
	tx.forgetTimer(key)
	tx.batch.Cancel = append(tx.batch.Cancel, key)
}

// forgetTimer takes out what this unit of work said of a timer before.
func (tx *Tx) forgetTimer(key string) {
	tx.batch.Timers = slices.DeleteFunc(tx.batch.Timers, func(t platform.Timer) bool {
		return t.Key == key
	})
	tx.batch.Cancel = slices.DeleteFunc(tx.batch.Cancel, func(k string) bool { return k == key })
}

// Now is the desk's clock, for the facts of this unit of work.
func (tx *Tx) Now() time.Time { return tx.desk.Clock.Now().UTC() }

// Items counts what the batch would hold now, against platform.MaxItems.
func (tx *Tx) Items() int {
	n := tx.batch.Items()
	for _, e := range tx.entries {
		if e.dirty || e.pinned || len(e.moves) > 0 {
			n++
		}
	}
	return n
}

func (tx *Tx) commit(ctx context.Context) error {
	tx.batch.Writes = make([]platform.Write, 0, len(tx.entries))
	for _, e := range tx.entries {
		w, ok, err := e.write()
		if err != nil {
			return err
		}
		if ok {
			tx.batch.Writes = append(tx.batch.Writes, w)
		}
	}
	if tx.batch.Items() == 0 {
		return nil
	}
	err := tx.desk.Store.Commit(ctx, tx.batch)
	switch {
	case err == nil, isRetryable(err), errors.Is(err, platform.ErrBound):
		return err
	case errors.Is(err, platform.ErrTooLarge):
		return &shop.Error{
			Code: shop.Invalid, Err: err,
			Message: "this is too large to be done at once: " + err.Error(),
		}
	case errors.Is(err, platform.ErrReadOnly), errors.Is(err, platform.ErrClosed):
		return &shop.Error{
			Code: shop.Unavailable, Err: err,
			Message: "the system cannot write at the moment; nothing was done, try again later",
			Hint:    err.Error(),
		}
	case platform.Known(err):
		return err
	}
	return &shop.Error{
		Code: shop.Unknown, Err: err,
		Message: "it is not known whether this was done; ask again with the same idempotency key",
		Hint:    err.Error(),
	}
}

// write turns an entry into the store's terms.
func (e *entry) write() (platform.Write, bool, error) {
	w := platform.Write{Key: e.key, Expect: platform.Any, Moves: e.moves}
	switch {
	case e.deleted && e.dirty:
		w.Kind, w.Expect = platform.Delete, e.version
		w.Moves = nil
	case e.dirty:
		raw, err := Encode(e.value)
		if err != nil {
			return w, false, fmt.Errorf("encode %s/%s: %w", e.key.Part, e.key.Sort, err)
		}
		w.Kind, w.Expect, w.Value = platform.Put, e.version, raw
		if kept, ok := e.value.(Kept); ok {
			w.Object = kept.Clone() // the unit of work may still look at its own
		}
	case len(e.moves) > 0:
		w.Kind = platform.Add
		if e.pinned {
			w.Expect = e.version
		}
	case e.pinned:
		w.Kind, w.Expect = platform.Check, e.version
	default:
		return w, false, nil
	}
	return w, true, nil
}
