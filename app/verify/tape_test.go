package verify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/event/contract"
	payer "github.com/souk-commerce/souk/shop/ledger/sandbox"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// tape is a history in memory: what a town lived through. A test changes its own copy.
type tape struct {
	events  []platform.Event
	records []platform.Record
	effects []sandbox.Entry
	paid    []payer.Entry
	status  []platform.SubscriptionStatus
	dead    map[string][]platform.DeadLetter

	shift int64 // of the positions from the middle on

	rooms     []room.Room
	catalogue *event.Catalogue
	contracts *remembering
}

// remembering checks every payload once: the copies of a tape share what was not changed in them.
type remembering struct {
	verify.Contracts
	known sync.Map // of payload to error
}

// payload is one under a type. Nobody changes the bytes of a payload in place.
type payload struct {
	typ   string
	first *byte
	size  int
}

// Validate implements verify.Contracts.
func (c *remembering) Validate(typ string, data []byte) error {
	p := payload{typ, unsafe.SliceData(data), len(data)}
	if err, ok := c.known.Load(p); ok {
		return err.(answer).err
	}
	err := c.Contracts.Validate(typ, data)
	c.known.Store(p, answer{err})
	return err
}

// answer is an error or none.
type answer struct{ err error }

// recorded is the tape of a quiet town in which so many people order and three buy everything at
// once. Every mood of the provider is on it once 35 have ordered.
func recorded(t testing.TB, orders int) *tape {
	t.Helper()
	d := newQuietTown(t, 84, 1)
	d.live(orders, nil)
	return record(t, d)
}

func record(t testing.TB, d *town) *tape {
	t.Helper()
	contracts, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	tp := &tape{
		rooms: d.app.Rooms(), catalogue: d.w.Catalogue,
		contracts: &remembering{Contracts: contracts},
	}
	ctx, h := t.Context(), d.w.Raw.History()
	d.must(h.Log(ctx, "", func(_ string, e platform.Event) error {
		tp.events = append(tp.events, e)
		return nil
	}))
	d.must(h.Records(ctx, "", func(r platform.Record) error {
		tp.records = append(tp.records, r)
		return nil
	}))
	d.must(d.provider.Ledger(func(e sandbox.Entry) error {
		tp.effects = append(tp.effects, e)
		return nil
	}))
	d.must(d.payer.Ledger(func(e payer.Entry) error {
		tp.paid = append(tp.paid, e)
		return nil
	}))
	tp.status, err = d.w.Raw.Delivery().Status(ctx)
	d.must(err)
	return tp
}

// Goal: what is found at a place on a tape is found there every time. Method: two quiet towns;
// their tapes have the same events with the same causes at the same moments, records and effects.
func TestQuietTownsHaveOneHistory(t *testing.T) {
	t.Parallel()
	story := func() string {
		var b strings.Builder
		tp := recorded(t, 36)
		for _, e := range tp.events {
			fmt.Fprintln(&b, e.ID, e.Type, e.Time, e.Causation, e.Correlation)
		}
		for _, r := range tp.records {
			fmt.Fprintln(&b, r.Key, r.Version, r.Counters, len(r.Value))
		}
		for _, e := range tp.effects {
			fmt.Fprintln(&b, e.Key, e.Kind, e.Amount, e.At)
		}
		for _, e := range tp.paid {
			fmt.Fprintln(&b, e.Key, e.Kind, e.Amount, e.At)
		}
		return b.String()
	}
	one, other := strings.Split(story(), "\n"), strings.Split(story(), "\n")
	for i := range min(len(one), len(other)) {
		if one[i] != other[i] {
			t.Fatalf("they part at line %d:\n%s\n%s", i, one[i], other[i])
		}
	}
	if len(one) != len(other) {
		t.Errorf("one has %d lines, the other %d", len(one), len(other))
	}
}

// copy is a tape that can be changed: everything but the bytes of payloads and values.
func (tp *tape) copy() *tape {
	c := *tp
	c.events = slices.Clone(tp.events)
	c.records = slices.Clone(tp.records)
	c.effects = slices.Clone(tp.effects)
	c.paid = slices.Clone(tp.paid)
	c.status = slices.Clone(tp.status)
	c.dead = make(map[string][]platform.DeadLetter)
	return &c
}

func (tp *tape) verify(t testing.TB, change func(*verify.Input)) *verify.Report {
	t.Helper()
	in := verify.Input{
		History: tp, Delivery: delivery{tape: tp}, Rooms: tp.rooms, Catalogue: tp.catalogue,
		Contracts: tp.contracts, Quiescent: true, Provider: entries(tp.ledger),
		Payouts: paidOut(tp.payouts),
	}
	if change != nil {
		change(&in)
	}
	r, err := verify.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ledger is the provider's.
func (tp *tape) ledger(fn func(sandbox.Entry) error) error {
	for _, e := range tp.effects {
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

// payouts is the ledger of whoever pays dealers.
func (tp *tape) payouts(fn func(payer.Entry) error) error {
	for _, e := range tp.paid {
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

// paidOut turns the payer's ledger into what verify reads.
func paidOut(ledger func(func(payer.Entry) error) error) func(func(verify.Paid) error) error {
	return func(fn func(verify.Paid) error) error {
		return ledger(func(e payer.Entry) error {
			return fn(verify.Paid{
				Key: e.Key, Payout: e.Payout, Dealer: e.Dealer, Kind: e.Kind, Amount: e.Amount,
				Currency: e.Currency,
			})
		})
	}
}

// entries turns the sandbox's ledger into what verify reads.
func entries(ledger func(func(sandbox.Entry) error) error) func(func(verify.Effect) error) error {
	return func(fn func(verify.Effect) error) error {
		return ledger(func(e sandbox.Entry) error {
			return fn(verify.Effect{
				Key: e.Key, Payment: e.Payment, Order: e.Order, Kind: e.Kind, Amount: e.Amount,
				Currency: e.Currency, At: e.At, Ref: e.Ref,
			})
		})
	}
}

// Log implements platform.History.
func (tp *tape) Log(
	_ context.Context, _ string, fn func(cursor string, e platform.Event) error,
) error {
	for i, e := range tp.events {
		pos := int64(i + 1)
		if i > len(tp.events)/2 {
			pos += tp.shift
		}
		if err := fn(strconv.FormatInt(pos, 10), e); err != nil {
			return err
		}
	}
	return nil
}

// Records implements platform.History.
func (tp *tape) Records(
	_ context.Context, prefix string, fn func(r platform.Record) error,
) error {
	for _, r := range tp.records {
		if !strings.HasPrefix(r.Key.Part, prefix) {
			continue
		}
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

// Subject implements platform.History.
func (tp *tape) Subject(
	context.Context, string, int64, int,
) ([]platform.Event, error) {
	return nil, platform.ErrInvalid // verify asks for no subject
}

// Seek implements platform.History.
func (tp *tape) Seek(context.Context, time.Time) (string, error) {
	return strconv.Itoa(len(tp.events)), nil
}

// delivery tells what the tape knows of deliveries.
type delivery struct {
	platform.Delivery
	tape *tape
}

// Status implements platform.Delivery.
func (d delivery) Status(context.Context) ([]platform.SubscriptionStatus, error) {
	return d.tape.status, nil
}

// DeadLetters implements platform.Delivery.
func (d delivery) DeadLetters(
	_ context.Context, subscription, _ string, _ int,
) ([]platform.DeadLetter, error) {
	return d.tape.dead[subscription], nil
}

// find returns the place of the first event with a fact of type F for which ok says yes.
func find[F event.Fact](tp *tape, ok func(f F, e platform.Event) bool) (int, F) {
	var zero F
	for i, e := range tp.events {
		if e.Type != zero.Type() {
			continue
		}
		f, err := room.FactOf(tp.catalogue, e)
		if err != nil {
			continue
		}
		if f, is := f.(F); is && (ok == nil || ok(f, e)) {
			return i, f
		}
	}
	panic(fmt.Sprintf("the tape has no such %T", zero))
}

// has reports whether there is such a fact.
func has[F event.Fact](tp *tape, ok func(f F) bool) bool {
	var zero F
	return slices.ContainsFunc(tp.events, func(e platform.Event) bool {
		if e.Type != zero.Type() {
			return false
		}
		f, err := room.FactOf(tp.catalogue, e)
		if err != nil {
			return false
		}
		typed, is := f.(F)
		return is && ok(typed)
	})
}

// edit changes the first fact of type F for which change says that it did. It returns its place.
func edit[F event.Fact](tp *tape, change func(f F) bool) int {
	at, f := find(tp, func(f F, _ platform.Event) bool { return change(f) })
	tp.events[at].Data = encode(f)
	return at
}

func encode(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

// cut takes events out.
func (tp *tape) cut(from, to int) { tp.events = slices.Delete(tp.events, from, to) }

// add appends a fact to its subject's sequence, at the end of the log. It says that the event at a
// place caused it.
func (tp *tape) add(f event.Fact, cause int) int {
	last := tp.events[len(tp.events)-1]
	var seq int64 = 1
	for _, e := range tp.events {
		if e.Subject == f.Subject() {
			seq = e.Sequence + 1
		}
	}
	c := tp.events[cause]
	tp.events = append(tp.events, platform.Event{
		ID: room.EventID(f.Subject(), seq), Type: f.Type(), Subject: f.Subject(), Sequence: seq,
		Time: last.Time, Correlation: room.CauseOf(c).Correlation, Causation: c.ID, Data: encode(f),
	})
	return len(tp.events) - 1
}

// renumber gives the events of a subject dense sequences again, and their ids and whatever they
// caused the names that follow.
func (tp *tape) renumber(subject string) {
	names := make(map[string]string)
	var seq int64
	for i := range tp.events {
		if e := &tp.events[i]; e.Subject == subject && e.Sequence > 0 {
			seq++
			names[e.ID] = room.EventID(subject, seq)
			e.ID, e.Sequence = names[e.ID], seq
		}
	}
	for i := range tp.events {
		if name, ok := names[tp.events[i].Causation]; ok {
			tp.events[i].Causation = name
		}
	}
}

// drop takes out the first fact of type F for which ok says yes, closes the gap in its subject, and
// lets what it caused be caused by what had caused it: only the fact itself is missing.
func drop[F event.Fact](tp *tape, ok func(f F) bool) {
	at, _ := find(tp, func(f F, _ platform.Event) bool { return ok == nil || ok(f) })
	e := tp.events[at]
	tp.cut(at, at+1)
	for i := range tp.events {
		if tp.events[i].Causation == e.ID {
			tp.events[i].Causation = e.Causation
		}
	}
	tp.renumber(e.Subject)
}

// edits changes the value of the first stored record for which change says that it did.
func (tp *tape) edits(part string, change func(r *platform.Record) bool) platform.Key {
	for i := range tp.records {
		if r := &tp.records[i]; strings.HasPrefix(r.Key.Part, part) && change(r) {
			return r.Key
		}
	}
	panic("the tape has no such record below " + part)
}

// counter adds to a counter of the first record below part that has it.
func (tp *tape) counter(part, name string, by int64) platform.Key {
	return tp.edits(part, func(r *platform.Record) bool {
		if _, ok := r.Counters[name]; !ok {
			return false
		}
		changed := make(map[string]int64)
		for n, v := range r.Counters {
			changed[n] = v
		}
		changed[name] += by
		r.Counters = changed
		return true
	})
}

// field changes a field of a record's JSON object.
func field(r *platform.Record, name string, change func(old json.RawMessage) any) bool {
	fields := make(map[string]json.RawMessage)
	if json.Unmarshal(r.Value, &fields) != nil || fields[name] == nil {
		return false
	}
	v := change(fields[name])
	if v == nil {
		return false
	}
	fields[name] = encode(v)
	r.Value = encode(fields)
	return true
}
