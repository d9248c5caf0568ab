package embedded

import (
	"context"
	"encoding/binary"
	"fmt"
	"sort"
	"strconv"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// history reads the log. What it shows is durable.
type history struct{ p *Platform }

var _ platform.History = history{}

// History implements platform.Platform.
func (p *Platform) History() platform.History { return history{p} }

// Subject implements platform.History.
func (h history) Subject(
	ctx context.Context, subject string, after int64, limit int,
) ([]platform.Event, error) {
	if limit < 1 || limit > platform.MaxList || after < 0 {
		return nil, fmt.Errorf("a list of %d events after %d: %w", limit, after,
			platform.ErrInvalid)
	}
	if err := pledgeOf(ctx).kept(ctx); err != nil {
		return nil, err
	}
	lower := subjectKey(nil, subject, after+1)
	upper := tableEnd(appendEscaped([]byte{tableSubject}, subject))
	var places []uint64
	err := h.p.scan(ctx, lower, upper, false, func(_, v []byte) (bool, error) {
		places = append(places, binary.BigEndian.Uint64(v))
		return len(places) < limit, nil
	})
	if err != nil {
		return nil, err
	}
	if err := h.p.settled(ctx); err != nil {
		return nil, err
	}
	events := make([]platform.Event, len(places))
	for i, pos := range places {
		if events[i], err = h.p.event(pos); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// event reads the event at a position.
func (p *Platform) event(pos uint64) (platform.Event, error) {
	if !p.enter() {
		return platform.Event{}, platform.ErrClosed
	}
	defer p.leave()
	raw, closer, err := p.db.Get(logKey(nil, pos))
	if err != nil {
		return platform.Event{}, fmt.Errorf("event at position %d: %w: %w", pos,
			platform.ErrCorrupt, err)
	}
	defer func() { _ = closer.Close() }()
	return decodeEvent(raw)
}

// Log implements platform.History. A cursor is the decimal position of the event.
func (h history) Log(
	ctx context.Context, after string, fn func(cursor string, e platform.Event) error,
) error {
	from, err := parseCursor(after)
	if err != nil {
		return err
	}
	return h.p.scanLog(ctx, from, h.p.durableHead(), func(pos uint64, e platform.Event) error {
		return fn(strconv.FormatUint(pos, 10), e)
	})
}

// scanLog calls fn for the events after one position, up to another.
func (p *Platform) scanLog(
	ctx context.Context, after, upTo uint64, fn func(pos uint64, e platform.Event) error,
) error {
	if after >= upTo {
		return nil
	}
	want := after
	return p.scan(ctx, logKey(nil, after+1), logKey(nil, upTo+1), false,
		func(key, raw []byte) (bool, error) {
			pos := binary.BigEndian.Uint64(key[1:])
			if want++; pos != want {
				return false, fmt.Errorf("the log has no event at position %d: %w", want,
					platform.ErrCorrupt)
			}
			e, err := decodeEvent(raw)
			if err != nil {
				return false, fmt.Errorf("event at position %d: %w", pos, err)
			}
			return true, fn(pos, e)
		})
}

// Seek implements platform.History. Times never fall along the log, so it searches by halves.
func (h history) Seek(_ context.Context, t time.Time) (string, error) {
	head := h.p.durableHead()
	var failed error
	n := sort.Search(int(head), func(i int) bool {
		e, err := h.p.event(uint64(i) + 1)
		if err != nil {
			failed = err
			return true
		}
		return !e.Time.Before(t)
	})
	if failed != nil {
		return "", failed
	}
	return strconv.Itoa(n), nil
}

// Records implements platform.History. It shows one moment: a Pebble iterator is a snapshot.
func (h history) Records(
	ctx context.Context, prefix string, fn func(r platform.Record) error,
) error {
	if err := h.p.settled(ctx); err != nil {
		return err
	}
	lower := append([]byte{tableRecord}, escapedPrefix(prefix)...)
	return h.p.scan(ctx, lower, tableEnd(lower), false, func(key, raw []byte) (bool, error) {
		k, err := parseRecordKey(key)
		if err != nil {
			return false, err
		}
		st, err := decodeRecord(raw)
		if err != nil {
			return false, fmt.Errorf("record %s/%s: %w", k.Part, k.Sort, err)
		}
		return true, fn(st.export(k))
	})
}

// escapedPrefix is appendEscaped without the end mark.
func escapedPrefix(s string) []byte {
	b := appendEscaped(nil, s)
	return b[:len(b)-2]
}

func parseCursor(s string) (uint64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("cursor %q: %w", s, platform.ErrInvalid)
	}
	return n, nil
}
