package verify

import (
	"cmp"
	"slices"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// late is what is kept of an order until all of it was seen, where the log is not in the order of
// the commits: facts that neither their subject nor their cause puts before or behind those that
// they must agree with. It is empty where the log has an order, and forgotten with its order.
type late struct {
	asked   []question
	dues    []moment // deadlines that came
	ends    []time.Time
	windows place // the last return window that closed
	halts   []halting
	moves   []moving
	total   *naming // another total than that of the order

	reminders []reminder
}

// question is one time that a provider was to be asked again.
type question struct {
	*event.PaymentCheckDue
	at place
}

// moment is a deadline that came.
type moment struct {
	due time.Time
	at  place
}

// halting is when fulfilment stopped an order's parcels, or let them go on.
type halting struct {
	on    bool
	round int64
	at    time.Time
}

// moving is when a parcel was packed or left.
type moving struct {
	shipment shop.ID
	to       way
	when     time.Time
	at       place
}

// naming is a fact that names a total.
type naming struct {
	total int64
	at    place
}

// judge checks what can only be said when all of an order was seen.
func (b *books) judge(l *life) {
	b.judgeMoney(l)
	b.judgeTimers(l)
	for i := range l.returns {
		b.judgeReturn(l, &l.returns[i])
	}
	for i := range l.late.reminders {
		b.judgeReminder(l, &l.late.reminders[i])
	}
	for i := range l.late.moves {
		b.judgeMove(l, &l.late.moves[i])
	}
}

func (b *books) judgeMoney(l *life) {
	p := &l.purse
	for _, q := range l.late.asked {
		o := p.op(q.Key)
		switch {
		case o == nil:
			b.broken(unknownOutcomes, q.at, "the provider is asked about what nobody intended",
				"payment", q.Payment, "key", q.Key)
		case q.Round > manyRounds && !o.told:
			b.broken(unknownOutcomes, q.at, "an outcome is open for long, and nobody was told",
				"payment", q.Payment, "key", q.Key, "round", q.Round)
		}
	}
	if t := l.late.total; t != nil && p.firstTaken != (place{}) {
		b.broken(frozenTotals, t.at, "another total is named, and money was taken", "order", l.id,
			"total", l.created.Total, "now", t.total, "taken", p.firstTaken.id)
	}
	if p.memo < 0 || p.receivable < 0 {
		b.broken(doubleEntry, p.lastLedger,
			"an account that only holds what is owed to us ends below zero", "order", l.id,
			"authorised", p.memo, "receivable", p.receivable)
	}
}

func (b *books) judgeTimers(l *life) {
	seen := make(map[int64]bool, len(l.late.dues))
	for _, m := range l.late.dues {
		known := l.created != nil && m.due.Equal(l.created.Deadline) ||
			slices.ContainsFunc(l.late.ends, m.due.Equal)
		if !known {
			b.broken(timers, m.at, "a deadline comes that the order never had", "order", l.id,
				"due", m.due, "deadline", l.head.deadline)
		}
		if seen[m.due.UnixNano()] {
			b.broken(timers, m.at, "a deadline came twice", "order", l.id, "due", m.due)
		}
		seen[m.due.UnixNano()] = true
	}
	if h := &l.head; h.windows > h.opened {
		b.broken(timers, l.late.windows, "a return window closes more often than it was opened",
			"order", l.id, "opened", h.opened, "closed", h.windows)
	}
}

// judgeMove requires that no parcel moved while its order was stopped. Only clocks can tell: the
// parcels were stopped long before, and went on long after, if ever.
func (b *books) judgeMove(l *life, m *moving) {
	halts := l.late.halts
	at, _ := slices.BinarySearchFunc(halts, m.when.Add(-grace), func(h halting, t time.Time) int {
		return cmp.Compare(h.at.UnixNano(), t.UnixNano())
	})
	if at == 0 || !halts[at-1].on {
		return
	}
	if at < len(halts) && halts[at].at.Before(m.when.Add(grace)) {
		return
	}
	b.broken(transitions, m.at, "a parcel moves while its order is on hold",
		"shipment", m.shipment, "to", m.to, "round", halts[at-1].round)
}
