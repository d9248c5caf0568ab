package verify

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"runtime"
	"strconv"
	"sync"
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
	// Features says what the platform of the history promises; nil stands for a log in the order of
	// the commits and for records of one moment. What a law needs is in laws.go.
	Features *platform.Features
	// Provider calls fn for every effect in the payment provider's own ledger, in its order; nil
	// when there is none to compare with. It may be asked more than once.
	Provider func(fn func(Effect) error) error
	// Chain looks at the links between the segments of an archived log: it calls broken for each
	// that does not follow from the one before it, and returns how many there are. It is nil where
	// the log has none. See aws.Platform.CheckArchive.
	Chain func(ctx context.Context, broken func(segment int64, what string)) (int64, error)
	// Notes are added to those of the report: what could not be looked at, and why.
	Notes []string
	// Payouts calls fn for every line of the ledger of whoever pays dealers; nil when there is none
	// to compare with.
	Payouts func(fn func(Paid) error) error
	// LedgerOf names the provider whose books Provider reads; "" is everybody's.
	LedgerOf string
	// Contracts checks payloads; nil makes a contract.Checker. It can be shared by many runs.
	Contracts Contracts
	// Quiescent says that everything which was announced was also handled. What must have followed
	// by then is checked as well.
	Quiescent bool
	// Structural checks only that the log is whole and that the records are its fold.
	Structural bool
	// Envelopes checks only that the log is whole. It reads no record and decodes no payload.
	Envelopes bool
	// Progress is told now and then how many events were read, of how many (0 if unknown). It may
	// be nil.
	Progress func(done, total int64)
}

// full says that everything is checked.
func (in *Input) full() bool { return !in.Structural && !in.Envelopes }

// checks reports whether a law is checked.
func (in *Input) checks(l law) bool {
	switch l {
	case gapless, causality:
		return true
	case hashChain:
		return in.Chain != nil
	case foldIsState:
		return !in.Envelopes
	}
	return in.full()
}

// Contracts refuses payloads that break the contract of their type. It is safe for concurrent use.
type Contracts interface {
	Validate(eventType string, data []byte) error
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

// Run checks a history that nobody writes to meanwhile. The error says that it could not be read,
// or that it grew meanwhile where that would show as something else; what is wrong with what was
// read is in the report.
func Run(ctx context.Context, in Input) (*Report, error) {
	return runWithin(ctx, in, limits{ids: 1 << 23, records: 100_000})
}

// limits is how much is kept at once of what grows with the log.
type limits struct {
	ids     int64 // in one reading of the log's envelopes, at some 16 bytes each
	records int   // that are compared one by one, at some 1,000 bytes each
}

func runWithin(ctx context.Context, in Input, most limits) (*Report, error) {
	if in.History == nil || in.Catalogue == nil || len(in.Rooms) == 0 || len(in.Rooms) > maxRooms {
		return nil, shop.Errorf(shop.Internal, "verify needs a history, rooms and a catalogue")
	}
	began := time.Now()
	h := hints{
		limits: most, seed: maphash.MakeSeed(), joins: make(joins), reader: contract.NewReader(),
	}
	if in.full() && in.Contracts == nil {
		checker, err := contract.New()
		if err != nil {
			return nil, err
		}
		in.Contracts = checker
	}
	for {
		r := newRun(in, &h)
		if err := r.all(ctx); err != nil {
			return nil, err
		}
		if !r.again() {
			return r.report(time.Since(began)), nil
		}
	}
}

// maxRooms is how many rooms a history may have: a bit each.
const maxRooms = 64

// hints is what one attempt learned for the next. A sound history needs one attempt, or two if its
// records are encoded differently.
type hints struct {
	limits
	seed   maphash.Seed
	joins  joins
	reader *contract.Reader
	// canonical has values compared as JSON and not as bytes: they were written by a version that
	// encodes differently.
	canonical bool
}

// run is one attempt.
type run struct {
	in      Input
	hints   *hints
	checker Contracts // nil when only the structure is checked
	workers int

	census *census
	folds  []*folding
	routes map[string]uint64 // by the type of a fact: the foldings that want it
	books  *books            // nil when only the structure is checked

	executions *executions // likewise

	sheets []*sheet
	notes  []string

	mu        sync.Mutex
	learned   map[[2]number]bool // orders that one fact speaks of
	canonical bool               // too much differs to look at it record by record

	events, records, total int64
}

func newRun(in Input, h *hints) *run {
	r := &run{
		in: in, hints: h, workers: max(2, runtime.GOMAXPROCS(0)),
		census: newCensus(h.seed, h.joins, in.ordered()), routes: make(map[string]uint64),
		learned: make(map[[2]number]bool),
	}
	r.notes = append(r.notes, in.Notes...)
	r.noteOrder()
	if in.Envelopes {
		return r
	}
	for i, one := range in.Rooms {
		f := newFolding(r, one, r.sheet())
		for typ := range f.types {
			r.routes[typ] |= 1 << i
		}
		f.bit = 1 << i
		r.folds = append(r.folds, f)
	}
	if in.full() {
		r.books, r.checker = newBooks(r), in.Contracts
		r.executions = newExecutions(r.sheet())
	}
	return r
}

// all reads everything: the log for its envelopes and the records at the same time, then the
// provider's ledger, then the log for what it means.
func (r *run) all(ctx context.Context) error {
	if err := r.findTotal(ctx); err != nil {
		return err
	}
	if err := r.readChain(ctx); err != nil {
		return fmt.Errorf("look at the archive's segments: %w", err)
	}
	if r.in.Envelopes {
		if err := r.readEnvelopes(ctx, nil); err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		return nil
	}
	if err := r.askDelivery(ctx); err != nil {
		return fmt.Errorf("ask for the state of deliveries: %w", err)
	}
	if err := r.survey(ctx); err != nil {
		return err
	}
	if err := r.readProvider(); err != nil {
		return fmt.Errorf("read the provider's ledger: %w", err)
	}
	if err := r.readMeaning(ctx); err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	if len(r.learned) > 0 {
		return nil
	}
	if err := r.settle(ctx); err != nil {
		return fmt.Errorf("read the records: %w", err)
	}
	if r.books != nil {
		r.books.finish()
		r.executions.finish()
		if err := r.unclaimed(); err != nil {
			return fmt.Errorf("read the provider's ledger: %w", err)
		}
		if err := r.readPayouts(); err != nil {
			return fmt.Errorf("read the ledger of payouts: %w", err)
		}
	}
	return nil
}

// survey reads the log for its envelopes, once for each part of its ids, and the records. Records
// that are not of one moment are read after the log: then nothing can have been written to them
// that a later reading of the log would not show.
func (r *run) survey(ctx context.Context) error {
	if !r.in.atOnce() {
		if err := r.readEnvelopes(ctx, r.census); err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if err := r.readRecords(ctx); err != nil {
			return fmt.Errorf("read the records: %w", err)
		}
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	records := make(chan error, 1)
	go func() {
		err := r.readRecords(ctx)
		if err != nil {
			cancel()
		}
		records <- err
	}()
	err := r.readEnvelopes(ctx, r.census)
	if err != nil {
		cancel()
	}
	if rerr := <-records; rerr != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return fmt.Errorf("read the records: %w", rerr)
	}
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	return nil
}

// envelopes is the part of all reading, in hundredths, that the envelopes take.
const envelopes = 25

// readEnvelopes checks the log, and has census see it once, which may be nil.
func (r *run) readEnvelopes(ctx context.Context, census *census) error {
	s := r.sheet()
	log := newLogCheck(s, r.hints, r.total, r.in.ordered())
	sinks := []sink{log}
	if census != nil {
		sinks = append(sinks, census)
	}
	pacing := int64(envelopes)
	if r.in.Envelopes {
		pacing = 100
	}
	for i := 0; i < int(log.parts)*log.readings(); i++ {
		readings := int(log.parts) * log.readings()
		if part := i / log.readings(); i%log.readings() == 1 {
			log.known = true
		} else if i > 0 {
			log.begin(uint64(part), r.total)
		}
		from, to := pacing*int64(i)/int64(readings), pacing*int64(i+1)/int64(readings)
		n, err := r.readLog(ctx, &pipeline{
			source: r.plain, sinks: sinks, pace: pace{from, to - from},
		})
		if err != nil {
			return err
		}
		if err := r.same(n); err != nil {
			return err
		}
		sinks = sinks[:1]
		if log.over { // now its length is known
			*s, r.total, i = sheet{}, n, -1
			log = newLogCheck(s, r.hints, n, r.in.ordered())
			sinks[0] = log
		}
	}
	return nil
}

func (r *run) readMeaning(ctx context.Context) error {
	var sinks []sink
	for _, f := range r.folds {
		sinks = append(sinks, f)
	}
	if r.books != nil {
		sinks = append(sinks, r.books, r.executions)
	}
	s := r.sheet()
	n, err := r.readLog(ctx, &pipeline{
		source: func(ctx context.Context, tell teller) (int64, error) {
			return r.grouped(ctx, s, tell)
		},
		prepare: r.prepare, sinks: sinks, pace: pace{envelopes, 100 - envelopes},
	})
	if err != nil {
		return err
	}
	return r.same(n)
}

// learn notes that orders have to be looked at together.
func (r *run) learn(a, b number) {
	if b == 0 || r.census.joins.root(b) == a {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.learned[[2]number{a, b}] = true
}

// again reports whether another attempt is needed because this one did not know enough.
func (r *run) again() bool {
	news := r.canonical && !r.hints.canonical
	r.hints.canonical = r.hints.canonical || r.canonical
	for pair := range r.learned {
		news = r.hints.joins.join(pair[0], pair[1]) || news
	}
	return news
}

// sheet makes another sheet for the report.
func (r *run) sheet() *sheet {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &sheet{}
	r.sheets = append(r.sheets, s)
	return s
}

// findTotal asks for the end of the log. Where cursors are positions, that is how long it is.
func (r *run) findTotal(ctx context.Context) error {
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
		Envelopes: r.in.Envelopes, Quiescent: r.in.Quiescent, Took: took, Notes: r.notes,
		Invariants: merge(r.sheets, &r.in),
	}
	if s := took.Seconds(); s > 0 {
		out.PerSecond = int64(float64(r.events) / s)
	}
	if r.books != nil {
		r.books.count(out)
	}
	return out
}
