package analytics

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

const (
	deletePage  = 90     // records in a commit of the clearing
	clearPass   = 50_000 // keys held in memory while clearing
	replayPage  = 1_000  // events held in memory while counting
	replayItems = 90     // records in a commit of the counting
)

// errPageFull ends a scan before its end; it never leaves this file.
var errPageFull = errors.New("the page is full")

// Rebuild forgets every number and counts the log again from its beginning, with the same rules as
// the reactions and with their marks, so that what is delivered afterwards counts once. Deliveries
// to this room must be stopped meanwhile: on a data directory without a server, or with its
// subscriptions paused. After an interruption it is simply run again, and until then Summary says
// that the numbers are not there. progress is told how many events were read; it may be nil.
func (s *Service) Rebuild(ctx context.Context, progress func(events int64)) error {
	err := s.desk.Store.Commit(ctx, platform.Batch{Writes: []platform.Write{{
		Kind: platform.Put, Key: rebuildKey(), Expect: platform.Any, Value: []byte("{}"),
	}}})
	if err != nil {
		return fmt.Errorf("begin the rebuild: %w", err)
	}
	if err := s.clear(ctx); err != nil {
		return fmt.Errorf("forget the numbers: %w", err)
	}
	if err := s.replay(ctx, progress); err != nil {
		return fmt.Errorf("count the log: %w", err)
	}
	err = s.desk.Store.Commit(ctx, platform.Batch{Writes: []platform.Write{{
		Kind: platform.Delete, Key: rebuildKey(), Expect: platform.Any,
	}}})
	if err != nil {
		return fmt.Errorf("end the rebuild: %w", err)
	}
	return nil
}

// clear deletes every record of the room but the mark of the rebuild.
func (s *Service) clear(ctx context.Context) error {
	for {
		keys, err := s.someKeys(ctx)
		if err != nil || len(keys) == 0 {
			return err
		}
		for len(keys) > 0 {
			n := min(deletePage, len(keys))
			var b platform.Batch
			for _, key := range keys[:n] {
				b.Writes = append(b.Writes, platform.Write{
					Kind: platform.Delete, Key: key, Expect: platform.Any,
				})
			}
			if err := s.desk.Store.Commit(ctx, b); err != nil {
				return err
			}
			keys = keys[n:]
		}
	}
}

func (s *Service) someKeys(ctx context.Context) ([]platform.Key, error) {
	var keys []platform.Key
	prefix := s.Name() + "/"
	err := s.desk.History.Records(ctx, prefix, func(r platform.Record) error {
		key := platform.Key{Part: strings.TrimPrefix(r.Key.Part, prefix), Sort: r.Key.Sort}
		if key == rebuildKey() {
			return nil
		}
		if len(keys) == clearPass {
			return errPageFull
		}
		keys = append(keys, key)
		return nil
	})
	if errors.Is(err, errPageFull) {
		err = nil
	}
	return keys, err
}

// portion is one commit's worth of one event.
type portion struct {
	event  string
	number int
	counts []count
}

// replay counts the log page by page.
func (s *Service) replay(ctx context.Context, progress func(events int64)) error {
	var read int64
	for cursor, more := "", true; more; {
		var (
			portions []portion
			n        int64
		)
		err := s.desk.History.Log(ctx, cursor, func(at string, e platform.Event) error {
			if n == replayPage {
				return errPageFull
			}
			n++
			cursor = at
			found, err := s.portionsOf(e)
			portions = append(portions, found...)
			return err
		})
		more = errors.Is(err, errPageFull)
		if err != nil && !more {
			return err
		}
		if err := s.countAll(ctx, portions); err != nil {
			return err
		}
		if read += n; progress != nil {
			progress(read)
		}
	}
	return nil
}

func (s *Service) portionsOf(e platform.Event) ([]portion, error) {
	if !s.listensTo(e.Type) {
		return nil, nil
	}
	f, err := room.FactOf(s.desk.Catalogue, e)
	if err != nil {
		return nil, err
	}
	var portions []portion
	counts := tally(f)
	for first := 0; first < len(counts); first += chunk {
		portions = append(portions, portion{e.ID, first / chunk, part(counts, first)})
	}
	return portions, nil
}

// listensTo spares the decoding of facts that do not count.
func (s *Service) listensTo(typ string) bool {
	switch event.Room(typ) {
	case "order", "payment", "fulfilment":
		return true
	}
	return false
}

// countAll counts portions in as few commits as their sizes allow.
func (s *Service) countAll(ctx context.Context, portions []portion) error {
	for len(portions) > 0 {
		taken := 0
		err := s.desk.Do(ctx, room.Cause{}, func(ctx context.Context, tx *room.Tx) error {
			taken = 0
			for _, p := range portions {
				if taken > 0 && tx.Items()+1+len(p.counts) > replayItems {
					return nil
				}
				if err := countOnce(ctx, tx, p.event, p.number, p.counts); err != nil {
					return err
				}
				taken++
			}
			return nil
		})
		if err != nil {
			return err
		}
		portions = portions[taken:]
	}
	return nil
}
