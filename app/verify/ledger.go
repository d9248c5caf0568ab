package verify

import (
	"cmp"
	"slices"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/ledger"
)

// account is one account of the books.
type account struct {
	currency shop.Currency
	name     string
}

// balance is what an account holds: by the postings, and by its records.
type balance struct {
	posted, stored int64
	last           place
}

// posted requires that a transaction balances, says why it is there, and is the order's.
func (m *money) posted(it *item, l *life, f *event.LedgerPosted) {
	m.check(doubleEntry)
	var sum int64
	for _, e := range f.Entries {
		sum += e.Amount
		b := m.account(account{f.Currency, e.Account})
		b.posted += e.Amount
		b.last = it.at
	}
	if sum != 0 {
		m.broken(doubleEntry, it.at, "a transaction does not balance",
			"transaction", f.Transaction, "sum", sum, "currency", f.Currency)
	}
	if f.Order == "" && f.Payout != "" {
		return // payouts looks at it
	}
	p := &l.purse
	p.lastLedger = it.at
	for _, e := range f.Entries {
		switch e.Account {
		case ledger.Authorised:
			p.memo += e.Amount
		case ledger.Receivable:
			p.receivable += e.Amount
		case ledger.Fees, ledger.Disputed:
			p.borne += e.Amount
		}
	}
	if f.Cause == "" || f.Cause != it.e.Causation {
		m.broken(doubleEntry, it.at, "a transaction does not name the event that it books",
			"transaction", f.Transaction, "cause", f.Cause, "causation", it.e.Causation)
	}
	if l.created == nil || f.Currency != l.created.Currency {
		m.broken(doubleEntry, it.at, "a transaction of no order, or in another currency",
			"transaction", f.Transaction, "order", l.id, "currency", f.Currency)
	}
	m.shares(it, l, f)
	held := p.receivable + p.borne // a dispute may be booked behind the refund that followed it
	for i := range l.parcels {
		held += l.parcels[i].contests
	}
	if m.ordered && (p.memo < 0 || held < 0) {
		m.broken(doubleEntry, it.at, "an account that only holds what is owed to us is below zero",
			"transaction", f.Transaction, "order", l.id, "authorised", p.memo,
			"receivable", p.receivable)
	}
}

// shares follows what each party gets of a parcel.
func (m *money) shares(it *item, l *life, f *event.LedgerPosted) {
	for _, s := range f.Splits {
		q, n := l.parcel(s.Shipment)
		if q != nil && f.Kind == "authorisation" && n > len(l.placed.Parcels) {
			q = nil // what was split later was not agreed on
		}
		if q == nil {
			m.broken(doubleEntry, it.at, "a transaction is about a parcel that there is not",
				"transaction", f.Transaction, "shipment", s.Shipment)
			continue
		}
		switch f.Kind {
		case "authorisation":
			p := &l.placed.Parcels[n-1]
			if s.Amount != p.Amount || s.Tax != p.Tax || s.Commission != p.Commission {
				m.broken(doubleEntry, it.at, "the agreed shares are not those of the parcel",
					"transaction", f.Transaction, "shipment", s.Shipment,
					"amount", s.Amount, "tax", s.Tax, "commission", s.Commission)
			}
		case "capture":
			q.booked += s.Amount
			q.earned += s.Amount - s.Tax - s.Commission
		case "refund":
			q.returned += s.Amount
			q.earned -= s.Amount - s.Tax - s.Commission
		case "refund_return":
			q.returned -= s.Amount
			q.earned += s.Amount - s.Tax - s.Commission
		case "dispute":
			q.contests += s.Amount
			q.earned -= s.Amount - s.Tax - s.Commission
		case "dispute_return":
			q.contests -= s.Amount
			q.earned += s.Amount - s.Tax - s.Commission
		}
		if q.booked > q.captured || q.returned > q.refunded+q.undone {
			m.broken(doubleEntry, it.at, "the books have more of a parcel than was moved",
				"transaction", f.Transaction, "shipment", s.Shipment,
				"booked", q.booked, "captured", q.captured,
				"bookedBack", q.returned, "refunded", q.refunded)
		}
	}
}

// booked requires, once all is quiet, that the books have all of an order's money.
func (m *money) booked(l *life) {
	if l.placed == nil {
		return
	}
	m.check(doubleEntry)
	p := &l.purse
	if memo := l.placed.Total - p.captured - p.voided; p.memo != memo {
		m.owed(doubleEntry, l, "the books have another authorisation than payment",
			"books", p.memo, "payment", memo, "last", p.lastLedger.id)
	}
	taken := p.captured - p.refunded - p.contested("") - p.fees
	if p.receivable != taken {
		m.owed(doubleEntry, l, "the books have other money than payment",
			"books", p.receivable, "payment", taken, "last", p.lastLedger.id)
	}
	for i := range l.parcels {
		if q := &l.parcels[i]; q.contests != q.disputed {
			m.owed(doubleEntry, l, "the books have other disputes of a parcel than payment",
				"parcel", i+1, "books", q.contests, "payment", q.disputed)
		}
	}
}

func (m *money) account(a account) *balance {
	b := m.accounts[a]
	if b == nil {
		b = &balance{}
		m.accounts[a] = b
	}
	return b
}

// record enters a slice of an account.
func (m *money) record(rec *platform.Record) {
	rest, ok := strings.CutPrefix(rec.Key.Part, "ledger/account/")
	if !ok {
		return
	}
	currency, name, _ := strings.Cut(rest, "/")
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.account(account{shop.Currency(currency), name})
	for _, n := range rec.Counters {
		b.stored += n
	}
}

// finish compares the accounts with their postings, and adds them up.
func (m *money) finish() {
	all := make([]account, 0, len(m.accounts))
	trial := make(map[shop.Currency]int64)
	for a, b := range m.accounts {
		all = append(all, a)
		trial[a.currency] += b.stored
	}
	slices.SortFunc(all, func(a, b account) int {
		return cmp.Or(cmp.Compare(a.currency, b.currency), cmp.Compare(a.name, b.name))
	})
	for _, a := range all {
		m.check(doubleEntry)
		if b := m.accounts[a]; b.stored != b.posted {
			m.broken(doubleEntry, b.last, "an account is not the sum of its postings",
				"account", a.name, "currency", a.currency, "stored", b.stored, "posted", b.posted)
		}
	}
	for _, c := range sortedCurrencies(trial) {
		m.check(doubleEntry)
		if trial[c] != 0 {
			m.broken(doubleEntry, place{}, "the trial balance is not zero",
				"currency", c, "difference", trial[c])
		}
	}
}
