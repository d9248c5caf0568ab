package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/inventory"
	"github.com/souk-commerce/souk/shop/room"
)

// stockPage is how much there is of a SKU, and how that came about.
type stockPage struct {
	SKU shop.SKU `json:"sku"`
	level
	Care      *inventory.Care `json:"care,omitempty"` // what is asked of it besides counting it
	AsOf      *time.Time      `json:"asOf,omitempty"`
	Movements []movement      `json:"movements"` // the last ones, oldest first
	Earlier   int             `json:"earlier"`   // movements before those
}

// level is a stock at one moment, over all its allotments. Available is what orders can have.
type level struct {
	OnHand    int64 `json:"onHand"`
	Reserved  int64 `json:"reserved"`
	Available int64 `json:"available"`
}

// movement is one event that changed a stock, and the level after it.
type movement struct {
	Time    time.Time `json:"time"`
	Event   string    `json:"event"`
	Type    string    `json:"type"`
	Subject string    `json:"subject"`
	Change  level     `json:"change"`
	After   level     `json:"after"`
}

// stockFold folds the events that name one SKU. Those of a hold that do not name it are folded when
// the next one does that, so that only holds of this SKU are in memory.
type stockFold struct {
	r     *reading
	page  *stockPage
	state *room.State
	seen  map[string]int64 // by subject: sequence of the last event that was folded
	limit int
}

func (r *reading) stock(ctx context.Context, sku shop.SKU, limit int) (*stockPage, error) {
	state, err := r.state("inventory")
	if err != nil {
		return nil, err
	}
	f := &stockFold{
		r: r, state: state, seen: make(map[string]int64), limit: limit,
		page: &stockPage{SKU: sku, AsOf: r.asOf(), Movements: []movement{}},
	}
	name, err := json.Marshal(sku) // as it stands in the events
	if err != nil {
		return nil, err
	}
	err = r.log(ctx, func(e platform.Event) error {
		if event.Room(e.Type) != "inventory" || !bytes.Contains(e.Data, name) {
			return nil
		}
		return f.take(ctx, e)
	})
	if err != nil {
		return nil, err
	}
	if len(f.page.Movements) == 0 {
		return nil, shop.Errorf(shop.NotFound, "no unit of %q was moved%s", sku, r.until()).
			WithHint("SKUs are as the catalogue spells them, capitals too")
	}
	return f.page, nil
}

// take folds one event, and before it those of its hold that did not name the SKU.
func (f *stockFold) take(ctx context.Context, e platform.Event) error {
	for last := f.seen[e.Subject]; e.Sequence > last+1; {
		missed, err := f.r.p.History().Subject(ctx, e.Subject, last, platform.MaxList)
		if err != nil {
			return err
		}
		for _, m := range missed {
			if m.Sequence >= e.Sequence {
				break
			}
			if err := f.state.Fold(ctx, m); err != nil {
				return fmt.Errorf("event %s: %w", m.ID, err)
			}
			last = m.Sequence
		}
		if len(missed) == 0 {
			return shop.Errorf(shop.Internal, "%s has no event %d", e.Subject, last+1).
				WithHint("souk verify --data %s says what is wrong", f.r.dir)
		}
	}
	f.seen[e.Subject] = e.Sequence
	before := f.page.level
	if err := f.state.Fold(ctx, e); err != nil {
		return fmt.Errorf("event %s: %w", e.ID, err)
	}
	f.page.level = f.level()
	f.page.Care = room.Value[inventory.Care](f.state, inventory.CareKey(f.page.SKU))
	f.note(e, before)
	return nil
}

// level sums the allotments.
func (f *stockFold) level() level {
	var l level
	for n := range inventory.MaxAllotments {
		key := inventory.StockKey(f.page.SKU, n)
		l.OnHand += f.state.Counter(key, inventory.OnHand)
		l.Reserved += f.state.Counter(key, inventory.Reserved)
	}
	l.Available = l.OnHand - l.Reserved
	care := room.Value[inventory.Care](f.state, inventory.CareKey(f.page.SKU))
	if care != nil {
		l.Available = max(0, l.Available-care.Safety)
	}
	return l
}

// note keeps the last movements. An event may name the SKU and move none of it.
func (f *stockFold) note(e platform.Event, was level) {
	now := f.page.level
	change := level{now.OnHand - was.OnHand, now.Reserved - was.Reserved,
		now.Available - was.Available}
	if change == (level{}) && e.Subject != "stock/"+string(f.page.SKU) &&
		!strings.Contains(e.Type, ".moved.") {
		return
	}
	p := f.page
	if len(p.Movements) == f.limit {
		p.Movements = append(p.Movements[:0], p.Movements[1:]...)
		p.Earlier++
	}
	p.Movements = append(p.Movements, movement{
		Time: e.Time, Event: e.ID, Type: e.Type, Subject: e.Subject, Change: change, After: now,
	})
}

// log calls fn for every event up to the moment. Times never fall along the log of this platform.
func (r *reading) log(ctx context.Context, fn func(e platform.Event) error) error {
	err := r.p.History().Log(ctx, "", func(_ string, e platform.Event) error {
		if !r.seen(e) {
			return errTooFar
		}
		return fn(e)
	})
	if errors.Is(err, errTooFar) {
		return nil
	}
	return err
}

// until says up to which moment a refusal looked.
func (r *reading) until() string {
	if r.at.IsZero() {
		return " so far"
	}
	return " until " + timeText(r.at)
}

func (p *stockPage) write(t *text) {
	t.title("sku "+string(p.SKU), p.AsOf)
	t.line("")
	rows := [][]string{
		{"on hand", strconv.FormatInt(p.OnHand, 10)},
		{"reserved", strconv.FormatInt(p.Reserved, 10)},
		{"available", strconv.FormatInt(p.Available, 10)},
	}
	t.table([]string{"", ">"}, append(rows, careRows(p.Care)...))
	t.heading("movements" + earlierText(p.Earlier))
	rows = make([][]string, len(p.Movements))
	for i, m := range p.Movements {
		rows[i] = []string{
			timeText(m.Time), strings.TrimPrefix(m.Type, "souk.inventory."), m.Subject,
			signed(m.Change.OnHand), signed(m.Change.Reserved), signed(m.Change.Available),
			strconv.FormatInt(m.After.OnHand, 10), strconv.FormatInt(m.After.Reserved, 10),
			strconv.FormatInt(m.After.Available, 10),
		}
	}
	t.table([]string{
		"when", "what", "of", ">±hand", ">±held", ">±free", ">on hand", ">reserved", ">available",
	}, rows)
}

func earlierText(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", the last ones (%d before; --limit)", n)
}

// careRows says what is asked of a SKU besides counting it.
func careRows(c *inventory.Care) [][]string {
	if c == nil {
		return nil
	}
	rows := [][]string{{"safety", strconv.FormatInt(c.Safety, 10)}}
	if c.Watched {
		rows = append(rows, []string{"low at", strconv.FormatInt(c.LowAt, 10)},
			[]string{"is low", map[bool]string{true: "yes", false: "no"}[c.Low]})
	}
	if c.Short > 0 {
		rows = append(rows, []string{"missing", strconv.FormatInt(c.Short, 10)})
	}
	return rows
}
