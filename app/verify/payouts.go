package verify

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/ledger"
)

// Paid is one line of the ledger of whoever pays dealers: what it says that it did.
type Paid struct {
	Key      string // our idempotency key
	Payout   shop.ID
	Dealer   shop.ID
	Kind     string // "payout", or "return": it came back
	Amount   int64  // minor units
	Currency shop.Currency
}

// The kinds of transaction of a payout, as the books name them.
const (
	bookedOut  = "payout"          // out of what the dealer may have
	bookedSent = "payout_paid"     // out of our balance at the provider
	bookedBack = "payout_reversal" // the dealer's again
)

// payouts is what the facts say of how dealers are paid. They are about no order, and few: all of
// them are remembered until the end.
type payouts struct {
	*books
	all   map[shop.ID]*outgoing
	lanes map[lane]*paying
	terms map[shop.ID][]*event.DealerTermsSet
}

// lane is a dealer's money in one currency.
type lane struct {
	dealer   shop.ID
	currency shop.Currency
}

// paying is how a dealer is paid in one currency, and what the statements must say.
type paying struct {
	numbers []int64
	last    *outgoing // in the order of the log
	matured int64     // that became payable
	out     int64     // that was paid out, or is about to be
	at      place

	lines, storedLines int64 // of statements: by the transactions, and by the records
	posted, stored     map[string]int64
}

// outgoing is one payout.
type outgoing struct {
	id       shop.ID
	intended *event.PayoutIntended // nil while the log has none
	at       place
	stage    stage // intended, unresolved, done, refused
	back     bool  // it was paid, and came back
	doubt    bool
	ids      map[string]string // of its facts, by the kind of transaction that books each
	booked   []*event.LedgerPosted
	asked    []string // keys about which the provider is asked
	sent     int      // by the provider's ledger
	returns  int
}

func newPayouts(b *books) payouts {
	return payouts{
		books: b, all: make(map[shop.ID]*outgoing), lanes: make(map[lane]*paying),
		terms: make(map[shop.ID][]*event.DealerTermsSet),
	}
}

// enter looks at one event.
func (p *payouts) enter(it *item) {
	switch f := it.fact.(type) {
	case *event.PayoutIntended:
		p.intended(it, f)
	case *event.PayoutUnresolved:
		if o := p.outcome(it, f.Payout, f.Dealer, f.Key, nil); o != nil {
			o.doubt = f.Reason != "confirmed"
			if o.stage == intended {
				o.stage = unresolved
			}
		}
	case *event.PayoutPaid:
		p.ended(it, f.Payout, f.Dealer, f.Key, f.Amount, bookedSent, false)
	case *event.PayoutFailed:
		p.ended(it, f.Payout, f.Dealer, f.Key, f.Amount, bookedBack, f.Returned)
	case *event.PayoutCheckDue:
		if o := p.of(f.Payout, it.at); !slices.Contains(o.asked, f.Key) {
			o.asked = append(o.asked, f.Key)
		}
	case *event.DealerTermsSet:
		p.terms[f.Dealer] = append(p.terms[f.Dealer], f)
	case *event.OrderCreated:
		p.commission(it, f)
	case *event.LedgerPosted:
		p.statement(it, f)
		if f.Payout != "" || f.Order == "" {
			p.posted(it, f)
		}
	}
}

func (p *payouts) of(id shop.ID, at place) *outgoing {
	o := p.all[id]
	if o == nil {
		o = &outgoing{id: id, at: at, ids: make(map[string]string)}
		p.all[id] = o
	}
	return o
}

func (p *payouts) lane(dealer shop.ID, c shop.Currency) *paying {
	l := p.lanes[lane{dealer, c}]
	if l == nil {
		l = &paying{posted: make(map[string]int64), stored: make(map[string]int64)}
		p.lanes[lane{dealer, c}] = l
	}
	return l
}

// intended requires that a payout is intended once, and that the one before it has an outcome.
func (p *payouts) intended(it *item, f *event.PayoutIntended) {
	p.check(payoutsOnce)
	o := p.of(f.Payout, it.at)
	if o.intended != nil {
		p.broken(payoutsOnce, it.at, "a payout is intended twice", "payout", f.Payout)
		return
	}
	o.intended, o.at = f, it.at
	o.ids[bookedOut] = it.e.ID
	l := p.lane(f.Dealer, f.Amount.Currency)
	l.numbers, l.at = append(l.numbers, f.Number), it.at
	if p.ordered && l.last != nil && l.last.open() {
		p.broken(payoutsOnce, it.at, "a dealer is paid before the payout before has an outcome",
			"payout", f.Payout, "before", l.last.id)
	}
	l.last = o
}

func (o *outgoing) open() bool { return o.stage == intended || o.stage == unresolved }

// outcome requires that what is said of a payout is about one that there is. amount is nil where
// none is said.
func (p *payouts) outcome(
	it *item, id, dealer shop.ID, key string, amount *shop.Money,
) *outgoing {
	p.check(payoutsOnce)
	o := p.of(id, it.at)
	f := o.intended
	if f == nil {
		p.broken(payoutsOnce, it.at, "an outcome of a payout that nobody intended", "payout", id)
		return nil
	}
	if f.Dealer != dealer || f.Key != key || amount != nil && f.Amount != *amount {
		p.broken(payoutsOnce, it.at, "an outcome speaks of another payout than was intended",
			"payout", id, "dealer", dealer, "key", key)
	}
	return o
}

// ended requires that a payout ends once: paid or refused, or paid and then back.
func (p *payouts) ended(
	it *item, id, dealer shop.ID, key string, amount shop.Money, kind string, returned bool,
) {
	o := p.outcome(it, id, dealer, key, &amount)
	if o == nil {
		return
	}
	legal := o.open() && !returned || o.stage == done && kind == bookedBack && returned && !o.back
	if !legal {
		p.broken(payoutsOnce, it.at, "a payout ends twice, or comes back that did not leave",
			"payout", id, "was", o.stage, "now", kind)
		return
	}
	o.doubt = false
	o.ids[kind] = it.e.ID
	switch {
	case returned:
		o.back = true
	case kind == bookedSent:
		o.stage = done
	default:
		o.stage = refused
	}
}

// posted requires that a payout takes nothing that the dealer does not have.
func (p *payouts) posted(it *item, f *event.LedgerPosted) {
	p.check(payoutsOnce)
	o := p.of(f.Payout, it.at)
	o.booked = append(o.booked, f)
	if p.ordered && f.Kind == bookedOut {
		b := p.money.account(account{f.Currency, ledger.Payable(f.Dealer)})
		if b.posted > 0 {
			p.broken(payoutsOnce, it.at, "a dealer is paid more than there was",
				"payout", f.Payout, "dealer", f.Dealer, "tooMuch", b.posted)
		}
	}
}

// sides requires that a payout's transaction moves what the payout does, between the accounts that
// it must, and names the fact that it books.
func (p *payouts) sides(o *outgoing, f *event.LedgerPosted) {
	i := o.intended
	debit, credit := ledger.Payable(i.Dealer), ledger.InTransit
	switch f.Kind {
	case bookedSent:
		debit, credit = ledger.InTransit, ledger.Receivable
	case bookedBack:
		debit, credit = ledger.InTransit, ledger.Payable(i.Dealer)
		if o.back {
			debit = ledger.Receivable
		}
	}
	want := []event.Entry{
		{Account: debit, Amount: i.Amount.Amount}, {Account: credit, Amount: -i.Amount.Amount},
	}
	if !slices.Equal(f.Entries, want) || f.Currency != i.Amount.Currency || f.Dealer != i.Dealer {
		p.broken(payoutsOnce, o.at, "a payout's transaction moves something else",
			"payout", o.id, "transaction", f.Transaction, "kind", f.Kind)
	}
	if f.Cause != o.ids[f.Kind] {
		p.broken(payoutsOnce, o.at, "a payout's transaction does not name what it books",
			"payout", o.id, "transaction", f.Transaction, "cause", f.Cause,
			"books", o.ids[f.Kind])
	}
}

// statement adds up what the statements of the dealers must say: sums from the entries alone, and a
// line for each parcel's share or payout, also where nothing is left of it for the dealer.
func (p *payouts) statement(it *item, f *event.LedgerPosted) {
	switch {
	case f.At.IsZero():
	case f.Kind == "capture", f.Kind == "refund", f.Kind == "refund_return",
		f.Kind == "dispute", f.Kind == "dispute_return", f.Kind == "maturity":
		for _, s := range f.Splits {
			l := p.lane(s.Dealer, f.Currency)
			l.at = it.at
			l.lines++
		}
	case f.Kind == bookedOut, f.Kind == bookedBack:
		l := p.lane(f.Dealer, f.Currency)
		l.at = it.at
		l.lines++
	}
	for _, e := range f.Entries {
		dealer, kind, ok := dealerOf(e.Account)
		if !ok {
			continue
		}
		l := p.lane(dealer, f.Currency)
		l.at = it.at
		if kind == "payable" {
			switch f.Kind {
			case "maturity", "refund_return", "dispute_return":
				l.matured -= e.Amount
			case bookedOut, bookedBack:
				l.out += e.Amount
			}
		}
		if f.At.IsZero() {
			continue
		}
		l.posted[kind] -= e.Amount
	}
}

// dealerOf takes the name of a dealer's account apart.
func dealerOf(account string) (dealer shop.ID, kind string, ok bool) {
	rest, ok := strings.CutPrefix(account, "dealer:")
	if !ok {
		return "", "", false
	}
	name, kind, ok := strings.Cut(rest, ":")
	return shop.ID(name), kind, ok
}

// record enters a day, or a line, of a dealer's statement.
func (p *payouts) record(rec *platform.Record) {
	rest, isDay := strings.CutPrefix(rec.Key.Part, "ledger/totals/")
	lines, isLine := strings.CutPrefix(rec.Key.Part, "ledger/lines/")
	if !isDay && !isLine {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if isLine {
		dealer, currency, _ := strings.Cut(lines, "/")
		p.lane(shop.ID(dealer), shop.Currency(currency)).storedLines++
		return
	}
	currency, _, _ := strings.Cut(rec.Key.Sort, "#")
	l := p.lane(shop.ID(rest), shop.Currency(currency))
	for name, n := range rec.Counters {
		l.stored[name] += n
	}
}

// commission requires that what the market takes of a line is what the dealer's terms said when the
// customer ordered, or a minute before. Terms lie ahead when they are set, so nobody can have seen
// others.
func (p *payouts) commission(it *item, f *event.OrderCreated) {
	if !p.ordered {
		return
	}
	for i, line := range f.Lines {
		before, ok := p.rate(line.Dealer, f.At.Add(-time.Minute))
		if !ok {
			continue
		}
		p.check(arithmetic)
		now, _ := p.rate(line.Dealer, f.At)
		if line.CommissionBPS != before && line.CommissionBPS != now {
			p.broken(arithmetic, it.at,
				"the market takes another share than the dealer's terms say",
				"order", f.Order, "line", i+1, "takes", line.CommissionBPS, "terms", now)
		}
	}
}

// rate is what a dealer's terms say at a moment; of two from the same moment, the later one.
func (p *payouts) rate(dealer shop.ID, at time.Time) (bps int64, ok bool) {
	var from time.Time
	for _, t := range p.terms[dealer] {
		if !t.From.After(at) && !t.From.Before(from) {
			bps, ok, from = t.CommissionBPS, true, t.From
		}
	}
	return bps, ok
}

// finish checks what can only be said at the end.
func (p *payouts) finish() {
	all := make([]*outgoing, 0, len(p.all))
	for _, o := range p.all {
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b *outgoing) int { return cmp.Compare(a.id, b.id) })
	for _, o := range all {
		p.whole(o)
	}
	lanes := make([]lane, 0, len(p.lanes))
	for l := range p.lanes {
		lanes = append(lanes, l)
	}
	slices.SortFunc(lanes, func(a, b lane) int {
		return cmp.Or(cmp.Compare(a.dealer, b.dealer), cmp.Compare(a.currency, b.currency))
	})
	for _, l := range lanes {
		p.lanes[l].finish(p, l)
	}
}

// whole requires that each fact of a payout is booked once, and each transaction has its fact.
func (p *payouts) whole(o *outgoing) {
	p.check(payoutsOnce)
	if o.intended == nil {
		p.broken(payoutsOnce, o.at, "the books have a payout that nobody intended",
			"payout", o.id)
		return
	}
	for _, f := range o.booked {
		p.sides(o, f)
	}
	for _, kind := range []string{bookedOut, bookedSent, bookedBack} {
		booked := 0
		for _, f := range o.booked {
			if f.Kind == kind {
				booked++
			}
		}
		if told := o.ids[kind] != ""; booked > 1 || told != (booked == 1) {
			p.broken(payoutsOnce, o.at, "the books and the facts of a payout differ",
				"payout", o.id, "kind", kind, "told", told, "booked", booked)
		}
	}
	if slices.ContainsFunc(o.asked, func(key string) bool { return key != o.intended.Key }) {
		p.broken(payoutsOnce, o.at, "the provider is asked about another payout",
			"payout", o.id, "keys", strings.Join(o.asked, " "))
	}
	if p.quiescent && o.stage == intended {
		p.broken(payoutsOnce, o.at, "nothing is said of what came of a payout", "payout", o.id)
	}
}

// finish requires that a dealer's payouts are numbered without a gap, that no earning was paid out
// twice, and that the stored statements are what the transactions add up to.
func (l *paying) finish(p *payouts, of lane) {
	p.check(payoutsOnce)
	slices.Sort(l.numbers)
	for i, n := range l.numbers {
		if n != int64(i)+1 {
			p.broken(payoutsOnce, l.at, "a dealer's payouts are not numbered one by one",
				"dealer", of.dealer, "currency", of.currency, "number", n, "expected", i+1)
			break
		}
	}
	if l.out > l.matured {
		p.broken(payoutsOnce, l.at, "a dealer was paid more than ever matured",
			"dealer", of.dealer, "currency", of.currency, "paid", l.out, "matured", l.matured)
	}
	if l.lines != l.storedLines || l.stored["lines"] != l.lines ||
		l.stored["pending"] != l.posted["pending"] ||
		l.stored["available"] != l.posted["payable"] {
		p.broken(payoutsOnce, l.at, "a dealer's statement is not what was booked",
			"dealer", of.dealer, "currency", of.currency,
			"lines", l.lines, "stored", l.storedLines, "counted", l.stored["lines"],
			"pending", l.posted["pending"], "storedPending", l.stored["pending"],
			"available", l.posted["payable"], "storedAvailable", l.stored["available"])
	}
}

// compare looks at one line of the ledger of whoever pays dealers.
func (p *payouts) compare(e Paid) {
	p.check(payoutsOnce)
	pairs := []any{
		"payout", e.Payout, "key", e.Key, "kind", e.Kind, "external",
		shop.Money{Amount: e.Amount, Currency: e.Currency},
	}
	o := p.all[e.Payout]
	if o == nil || o.intended == nil || o.intended.Key != e.Key {
		p.broken(payoutsOnce, place{}, "missing-internal: a dealer was paid, and nobody asked",
			pairs...)
		return
	}
	i := o.intended
	if i.Amount != (shop.Money{Amount: e.Amount, Currency: e.Currency}) || i.Dealer != e.Dealer {
		p.broken(payoutsOnce, o.at, "amount: the provider paid something else",
			append(pairs, "internal", i.Amount)...)
	}
	if e.Kind == "return" {
		if o.returns++; o.returns > 1 {
			p.broken(payoutsOnce, o.at, "duplicate: a payout came back twice", pairs...)
		}
		if !o.back && !o.doubt && o.stage != done { // done: it will be looked for
			p.broken(payoutsOnce, o.at, "missing-internal: what did not leave came back", pairs...)
		}
		return
	}
	if o.sent++; o.sent > 1 {
		p.broken(payoutsOnce, o.at, "duplicate: a dealer was paid twice", pairs...)
	}
	if o.stage == refused {
		p.broken(payoutsOnce, o.at, "missing-internal: the provider paid what we say it refused",
			pairs...)
	}
}

// unpaid looks for what we say was paid and the provider does not.
func (p *payouts) unpaid() {
	for _, o := range p.all {
		if o.stage == done && o.sent == 0 || o.back && o.returns == 0 {
			p.broken(payoutsOnce, o.at, "missing-external: the provider knows of no such payout",
				"payout", o.id, "sent", o.sent, "returns", o.returns)
		}
	}
}
