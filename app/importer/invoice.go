package importer

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/souk-commerce/souk/shop"
)

// The bounds of what is kept while reading.
const (
	maxInvoiceRows = 10_000    // of one invoice; an order has far fewer
	maxTornRows    = 100_000   // of all invoices whose lines do not stand together
	maxInvoices    = 4_000_000 // of one file, at some twenty bytes each
)

// invoice is all lines of one invoice, in the order of the file.
type invoice struct {
	number   string
	kind     kind
	at       time.Time // of its first line
	customer string
	country  string
	rows     []row
	loose    bool // a line that stands for no invoice
}

// good lists the lines that were not refused.
func (v *invoice) good() []*row {
	list := make([]*row, 0, len(v.rows))
	for i := range v.rows {
		if v.rows[i].why == "" {
			list = append(list, &v.rows[i])
		}
	}
	return list
}

// refuse refuses every line that is not refused already.
func (v *invoice) refuse(why Reason, detail string) {
	for i := range v.rows {
		if v.rows[i].why == "" {
			v.rows[i].refuse(why, detail)
		}
	}
}

// torn knows how often an invoice begins whose lines do not stand together. Others are not in it.
type torn map[string]int

// tears finds the torn invoices of a file.
type tears struct {
	seed maphash.Seed
	seen map[uint64]struct{}
	last string
	torn torn
}

func newTears() *tears {
	return &tears{
		seed: maphash.MakeSeed(), seen: make(map[uint64]struct{}), torn: make(torn),
	}
}

// add hears of the next line's invoice.
func (t *tears) add(number string) error {
	if number == t.last {
		return nil
	}
	t.last = number
	key := maphash.String(t.seed, number)
	if _, again := t.seen[key]; again {
		// Two numbers of one hash look torn as well. Their lines are gathered just the same.
		t.torn[number] = max(t.torn[number], 1) + 1
		return nil
	}
	if len(t.seen) == maxInvoices {
		return shop.Errorf(shop.Invalid, "the file has more than %d invoices", maxInvoices).
			WithHint("split the file and import the parts one after another")
	}
	t.seen[key] = struct{}{}
	return nil
}

// grouping turns lines into invoices. Malformed lines are handed on by themselves, at once.
type grouping struct {
	parts map[string]*invoice // torn ones, until their last part
	left  map[string]int      // parts to come
	kept  int                 // rows in parts
	cur   *invoice
	emit  func(*invoice) error
}

func group(t torn, emit func(*invoice) error) *grouping {
	g := &grouping{parts: make(map[string]*invoice), left: make(map[string]int), emit: emit}
	maps.Copy(g.left, t)
	return g
}

// add takes the next line of the file.
func (g *grouping) add(r row) error {
	if r.why == Malformed {
		return g.emit(&invoice{number: r.invoice, rows: []row{r}, loose: true})
	}
	if g.cur != nil && g.cur.number != r.invoice {
		if err := g.end(); err != nil {
			return err
		}
	}
	if g.cur == nil {
		if err := g.begin(r); err != nil {
			return err
		}
	}
	v := g.cur
	if len(v.rows) >= maxInvoiceRows {
		v.refuse(TooLong, "")
		r.refuse(TooLong, "")
		return g.emit(&invoice{number: r.invoice, rows: []row{r}, loose: true})
	}
	if r.why == "" && r.customer != v.customer {
		r.refuse(Mixed, "")
	}
	v.rows = append(v.rows, r)
	return nil
}

func (g *grouping) begin(r row) error {
	if v := g.parts[r.invoice]; v != nil {
		delete(g.parts, r.invoice)
		g.kept -= len(v.rows)
		g.cur = v
		return nil
	}
	g.cur = &invoice{
		number: r.invoice, kind: kindOf(r.invoice), at: r.at, customer: r.customer,
		country: r.country,
	}
	return nil
}

// end hands an invoice on, or keeps the part of a torn one.
func (g *grouping) end() error {
	v := g.cur
	g.cur = nil
	if v == nil {
		return nil
	}
	if g.left[v.number]--; g.left[v.number] <= 0 {
		delete(g.left, v.number)
		return g.emit(v)
	}
	g.parts[v.number] = v
	if g.kept += len(v.rows); g.kept > maxTornRows {
		return shop.Errorf(shop.Invalid, "the lines of too many invoices do not stand together").
			WithHint("sort the file by invoice number")
	}
	return nil
}

// finish ends the file.
func (g *grouping) finish() error {
	if err := g.end(); err != nil {
		return err
	}
	for _, number := range slices.Sorted(maps.Keys(g.parts)) {
		if err := g.emit(g.parts[number]); err != nil {
			return err
		}
	}
	return nil
}

// each reads the whole file and calls fn for every line.
func each(
	ctx context.Context, open func() (io.ReadCloser, error), fn func(r row) error,
) (count int64, digest string, err error) {
	in, err := open()
	if err != nil {
		return 0, "", err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	l, err := readLines(in)
	if err != nil {
		return 0, "", err
	}
	for {
		text, whole, ok := l.next()
		if !ok {
			break
		}
		if ctx.Err() != nil {
			return 0, "", context.Cause(ctx)
		}
		r := row{line: l.count}
		if whole {
			r = parse(text, l.count)
		} else {
			r.refuse(Malformed, "the line is too long")
		}
		if err := fn(r); err != nil {
			return 0, "", err
		}
	}
	if !errors.Is(l.err, io.EOF) {
		return 0, "", fmt.Errorf("read line %d of the file: %w", l.count+1, l.err)
	}
	return l.count - 1, l.digest(), nil
}
