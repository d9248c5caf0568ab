package verify

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// books are what the facts alone say of stock, money, effects and orders, kept without the rooms'
// own code. One goroutine enters the events: in the order of the log, if that is the order of the
// commits, or else an order's together, each behind its cause (see bundles). What relies on more
// than that waits in late. An order is closed after its last event and forgotten.
type books struct {
	*sheet
	census    *census
	effects   *effects // of the provider; nil when there is none to compare with
	quiescent bool
	ledgerOf  string // provider whose books they are; "" is everybody's
	ordered   bool   // the log is in the order of the commits
	lives     map[number]*life
	excused   map[shop.ID]bool // orders that a dead letter is about
	edits     map[shop.ID]*edition

	stock   stock
	money   money
	payouts payouts
	orders  orders

	created, began, shipments int64

	mu sync.Mutex // records are entered by several goroutines
}

// life is all that the checks remember of one order.
type life struct {
	id      shop.ID
	number  number
	at      place               // of its first fact
	created *event.OrderCreated // nil while the log has none
	placed  *event.OrderPlaced

	head    head
	hold    hold
	purse   purse
	returns []comeback
	cuts    []cut
	wishes  []wish // of banks, that their customers confirm

	stickers []sticker
	parcels  []parcel       // as placed, the n-th at n-1; behind them those that were split
	plan     []event.Parcel // what is in each now, and what it costs: Lines, Amount and Dealer
	told     told
	late     late
	sends    map[letter]sent // nil until a message leaves the mailbox
}

// parcel is one dealer's part of an order.
type parcel struct {
	way      way
	units    int64 // that were dispatched
	consumed int64 // units, by inventory
	chunks   int   // in which they were consumed
	captured int64 // minor units, as are those below
	refunded int64
	undone   int64 // refunds that came back
	booked   int64 // captured, by the ledger
	returned int64 // refunded, by the ledger
	disputed int64 // taken by disputes, and not given back
	contests int64 // the same, by the ledger
	earned   int64 // by the dealer, of what is booked
	taken    place // of the capture
	matured  bool
	told     bool    // the customer knows that it left
	turnedUp bool    // after it was lost
	absent   bool    // only a number: others were split into theirs
	rest     shop.ID // that was split from it
}

func newBooks(r *run) *books {
	b := &books{
		sheet: r.sheet(), census: r.census, quiescent: r.in.Quiescent,
		ledgerOf: r.in.LedgerOf, ordered: r.in.ordered(),
		lives: make(map[number]*life), excused: make(map[shop.ID]bool),
		edits: make(map[shop.ID]*edition),
	}
	b.stock = newStock(b)
	b.money = newMoney(b)
	b.payouts = newPayouts(b)
	b.orders = newOrders(b)
	return b
}

// take implements sink.
func (b *books) take(items []item) {
	for i := range items {
		it := &items[i]
		if it.fact != nil {
			b.enter(it, b.life(it))
		}
		if it.last {
			b.closeAll(it.group)
		}
	}
}

// enter has every family look at one event. The order matters where one relies on another: money
// and stock are looked at before the order that is placed because of them. Facts that are about no
// order share one life, of no order.
func (b *books) enter(it *item, l *life) {
	defer func() {
		if p := recover(); p != nil {
			b.broken(contracts, it.at, fmt.Sprintf("the event makes no sense: %v", p),
				"type", it.e.Type)
		}
	}()
	b.comes(it, l)
	b.labelled(it, l)
	b.agree(it, l)
	b.stock.enter(it, l)
	b.stock.cared(it)
	b.money.enter(it, l)
	b.payouts.enter(it)
	b.orders.enter(it, l)
	b.follow(it, l)
	b.edited(it, l)
	b.noted(it, l)
	switch f := it.fact.(type) {
	case *event.OrderCreated:
		if l.created == nil {
			l.created = f
		}
	case *event.OrderPlaced:
		if l.placed == nil {
			l.parcels = make([]parcel, len(f.Parcels))
			l.plan = slices.Clone(f.Parcels)
			l.placed = &event.OrderPlaced{ // without the personal data, which is large
				Order: f.Order, Currency: f.Currency, Total: f.Total, Parcels: f.Parcels,
			}
		}
	case *event.ShipmentRequested:
		b.shipments++
	case *event.ShipmentSplit:
		b.split(it, l, f)
	case *event.ShipmentReduced:
		b.reduced(it, l, f)
	}
}

// life is what is remembered of the order that a fact is about.
func (b *books) life(it *item) *life {
	l := b.lives[it.order]
	if l == nil {
		l = &life{id: orderOf(it.fact), number: it.order, at: it.at}
		b.lives[it.order] = l
	}
	return l
}

// name is the part of the order's id that its payment and shipments share.
func (l *life) name() string { return strings.TrimPrefix(string(l.id), "ord_") }

// parcel returns the parcel that a shipment carries, shp_<name>_<n>, and its number; nil if the
// order has no such parcel.
func (l *life) parcel(shipment shop.ID) (*parcel, int) {
	rest, ok := strings.CutPrefix(string(shipment), "shp_")
	if ok {
		rest, ok = strings.CutPrefix(rest, l.name())
	}
	if ok {
		rest, ok = strings.CutPrefix(rest, "_")
	}
	n, err := strconv.Atoi(rest)
	if !ok || err != nil || n < 1 || n > len(l.parcels) {
		return nil, 0
	}
	return &l.parcels[n-1], n
}

// excuse says that a dead letter is about an order.
func (b *books) excuse(id shop.ID) {
	if id != "" {
		b.excused[id] = true
	}
}

// owed notes that something which must have followed did not: it is broken, unless a dead letter
// says why.
func (b *books) owed(l law, of *life, message string, pairs ...any) {
	pairs = append(pairs, "order", of.id)
	if b.excused[of.id] {
		b.open(l, of.at, message+"; a dead letter is about this order", pairs...)
		return
	}
	b.broken(l, of.at, message, pairs...)
}

// record enters one stored record of a room. It may be called by several goroutines, each with its
// own sheet, before or while the log is read for its envelopes.
func (b *books) record(name string, rec *platform.Record, aux bool, s *sheet) error {
	if aux {
		return nil
	}
	switch name {
	case "inventory":
		return b.stock.record(rec)
	case "ledger":
		b.money.record(rec)
		b.payouts.record(rec)
	case "order":
		return b.orders.record(rec, s)
	}
	return nil
}

// closeAll closes the orders of a group.
func (b *books) closeAll(group number) {
	b.close(b.lives[group])
	for _, n := range b.census.members[group] {
		b.close(b.lives[n])
	}
}

// close checks what can only be said when nothing more comes of an order, and forgets it.
func (b *books) close(l *life) {
	if l == nil {
		return
	}
	delete(b.lives, l.number)
	if !b.ordered {
		b.judge(l)
	}
	if b.effects != nil {
		b.money.reconcile(l)
	}
	b.orders.frozenRecord(l)
	b.stock.end(l)
	b.money.end(l)
	b.orders.end(l)
	b.effectsEnd(l)
	b.returnsEnd(l)
	b.cutsEnd(l)
	if l.created != nil {
		b.created++
	}
	if l.purse.began {
		b.began++
	}
}

// finish checks what can only be said at the end.
func (b *books) finish() {
	for _, l := range b.lives {
		b.close(l)
	}
	b.stock.finish()
	b.money.finish()
	b.payouts.finish()
	b.editsEnd()
}

// count fills in what the report counts.
func (b *books) count(r *Report) {
	r.Orders, r.Payments, r.Shipments = b.created, b.began, b.shipments
	for _, sums := range b.money.sums {
		r.Money = append(r.Money, *sums)
	}
	slices.SortFunc(r.Money, func(x, y Sums) int { return cmp.Compare(x.Currency, y.Currency) })
}
