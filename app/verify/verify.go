package verify

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/event/contract"
	"github.com/souk-commerce/souk/shop/room"
)

// Input is what is checked. History, Rooms and Catalogue are required.
type Input struct {
	History   platform.History
	Delivery  platform.Delivery // nil: nothing is known of deliveries
	Rooms     []room.Room
	Catalogue *event.Catalogue
	// Provider calls fn for every effect in the payment provider's own ledger, in its order; nil
	// when there is none to compare with.
	Provider func(fn func(Effect) error) error
	// Contracts checks payloads; nil makes one. It can be shared by many runs.
	Contracts *contract.Checker
	// Quiescent says that everything which was announced was also handled. What must have followed
	// by then is checked as well.
	Quiescent bool
	// Structural checks only that the log is whole and that the records are its fold.
	Structural bool
	// Progress is told now and then how many events were read, of how many (0 if unknown). It may
	// be nil.
	Progress func(done, total int64)
}

// Effect is one line of a payment provider's ledger: what it says that it did.
type Effect struct {
	Key      string // our idempotency key
	Payment  shop.ID
	Order    shop.ID
	Kind     string // "authorise", "capture", "void", "refund"; any other kind is its own doing
	Amount   int64  // minor units
	Currency shop.Currency
	At       time.Time
	Ref      string // its own name for it
}

// Run checks a history that nobody writes to meanwhile. The error says that it could not be read;
// what is wrong with what was read is in the report.
func Run(ctx context.Context, in Input) (*Report, error) {
	if in.History == nil || in.Catalogue == nil || len(in.Rooms) == 0 {
		return nil, shop.Errorf(shop.Internal, "verify needs a history, rooms and a catalogue")
	}
	began := time.Now()
	r, err := newRun(in)
	if err != nil {
		return nil, err
	}
	if err := r.findTotal(ctx); err != nil {
		return nil, err
	}
	if err := r.readLog(ctx); err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	if err := r.askDelivery(ctx); err != nil {
		return nil, fmt.Errorf("ask for the state of deliveries: %w", err)
	}
	if err := r.readRecords(ctx); err != nil {
		return nil, fmt.Errorf("read the records: %w", err)
	}
	if !in.Structural {
		if err := r.readProvider(); err != nil {
			return nil, fmt.Errorf("read the provider's ledger: %w", err)
		}
		r.books.finish()
	}
	return r.report(time.Since(began)), nil
}

// run is one run.
type run struct {
	in      Input
	checker *contract.Checker // nil when only the structure is checked
	workers int

	log   *logCheck
	folds []*folding
	books *books // nil when only the structure is checked

	sheets []*sheet
	notes  []string

	events, records, total int64
}

func newRun(in Input) (*run, error) {
	r := &run{in: in, workers: max(2, runtime.GOMAXPROCS(0))}
	r.log = newLogCheck(r.sheet())
	for _, one := range in.Rooms {
		r.folds = append(r.folds, newFolding(one, in.Catalogue, r.sheet()))
	}
	if in.Structural {
		return r, nil
	}
	r.books = newBooks(r.sheet(), in.Quiescent)
	if r.checker = in.Contracts; r.checker != nil {
		return r, nil
	}
	var err error
	r.checker, err = contract.New()
	return r, err
}

// sheet makes another sheet for the report.
func (r *run) sheet() *sheet {
	s := &sheet{}
	r.sheets = append(r.sheets, s)
	return s
}

// findTotal asks for the end of the log. Where cursors are positions, that is how long it is.
func (r *run) findTotal(ctx context.Context) error {
	if r.in.Progress == nil {
		return nil
	}
	const farAway = 1 << 40 // seconds
	cursor, err := r.in.History.Seek(ctx, time.Unix(farAway, 0))
	if err != nil {
		return fmt.Errorf("find the end of the log: %w", err)
	}
	if n, err := strconv.ParseInt(cursor, 10, 64); err == nil {
		r.total = n
	}
	return nil
}

func (r *run) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

func (r *run) report(took time.Duration) *Report {
	out := &Report{
		Events: r.events, Records: r.records, Structural: r.in.Structural,
		Quiescent: r.in.Quiescent, Took: took, Notes: r.notes,
		Invariants: merge(r.sheets, r.in.Structural),
	}
	if s := took.Seconds(); s > 0 {
		out.PerSecond = int64(float64(r.events) / s)
	}
	if r.books != nil {
		r.books.count(out)
	}
	return out
}
