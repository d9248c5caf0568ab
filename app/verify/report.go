package verify

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
)

// Report is what a run found. It is plain data, for JSON.
type Report struct {
	Events    int64  `json:"events"`
	Records   int64  `json:"records"`
	Orders    int64  `json:"orders"`
	Payments  int64  `json:"payments"`
	Shipments int64  `json:"shipments"`
	Money     []Sums `json:"money"`

	Structural bool          `json:"structural"`
	Envelopes  bool          `json:"envelopes"`
	Quiescent  bool          `json:"quiescent"`
	Took       time.Duration `json:"tookNs"`
	PerSecond  int64         `json:"eventsPerSecond"`

	Invariants []Invariant `json:"invariants"`
	Notes      []string    `json:"notes,omitempty"` // what was not checked, and why
}

// Sums is the money of one currency, in minor units, by what was announced.
type Sums struct {
	Currency   shop.Currency `json:"currency"`
	Ordered    int64         `json:"ordered"` // of placed orders
	Authorised int64         `json:"authorised"`
	Captured   int64         `json:"captured"`
	Refunded   int64         `json:"refunded"`
	Voided     int64         `json:"voided"`
}

// Invariant is one invariant and what was found of it.
type Invariant struct {
	ID       string    `json:"id"`   // as in "I14"
	Name     string    `json:"name"` // as in "never-negative"
	Family   string    `json:"family"`
	Checked  int64     `json:"checked"` // how many times it was put to the test
	Broken   int64     `json:"broken"`  // all that were found, listed or not
	Open     int64     `json:"open"`    // what a person has to look at, though nothing is broken
	Findings []Finding `json:"findings,omitempty"`
}

// Finding is one place where an invariant does not hold.
type Finding struct {
	Invariant string            `json:"invariant"`
	Open      bool              `json:"open,omitempty"`     // nothing is broken, but look
	Position  int64             `json:"position,omitempty"` // in the log, from 1; 0 for none
	Event     string            `json:"event,omitempty"`    // the id of the event there
	Message   string            `json:"message"`
	Witness   map[string]string `json:"witness,omitempty"`
}

// Clean reports whether no invariant is broken. Open findings do not count.
func (r *Report) Clean() bool {
	return !slices.ContainsFunc(r.Invariants, func(i Invariant) bool { return i.Broken > 0 })
}

// Open counts what a person has to look at although nothing is broken: dead letters, and the
// effects that are missing because of them.
func (r *Report) Open() int64 {
	var n int64
	for _, i := range r.Invariants {
		n += i.Open
	}
	return n
}

// Findings lists what is listed of every invariant, in the order of the invariants.
func (r *Report) Findings() []Finding {
	var all []Finding
	for _, i := range r.Invariants {
		all = append(all, i.Findings...)
	}
	return all
}

// String renders the report in about a dozen lines, and some for each finding.
func (r *Report) String() string {
	var b strings.Builder
	r.head(&b)
	for _, m := range r.Money {
		fmt.Fprintf(&b, "  %s: ordered %s, authorised %s, captured %s, refunded %s, voided %s\n",
			m.Currency, amount(m.Ordered), amount(m.Authorised), amount(m.Captured),
			amount(m.Refunded), amount(m.Voided))
	}
	family := ""
	for _, i := range r.Invariants {
		if i.Family != family {
			if family != "" {
				b.WriteByte('\n')
			}
			family = i.Family
			fmt.Fprintf(&b, "  %-8s", family)
		}
		b.WriteString(" " + i.ID + " " + i.verdict())
	}
	b.WriteByte('\n')
	for _, f := range r.Findings() {
		f.write(&b)
	}
	for _, n := range r.Notes {
		b.WriteString("  note: " + n + "\n")
	}
	return b.String()
}

func (r *Report) head(b *strings.Builder) {
	verdict := "clean"
	if !r.Clean() {
		var broken, laws int64
		for _, i := range r.Invariants {
			broken += i.Broken
			laws += min(i.Broken, 1)
		}
		verdict = fmt.Sprintf("%d findings break %d invariants", broken, laws)
	}
	if open := r.Open(); open > 0 {
		verdict += fmt.Sprintf(", %d to look at", open)
	}
	fmt.Fprintf(b, "verify: %s\n  %s events, %s records in %.2f s (%s events/s)\n", verdict,
		amount(r.Events), amount(r.Records), r.Took.Seconds(), amount(r.PerSecond))
	if !r.Structural && !r.Envelopes {
		fmt.Fprintf(b, "  %s orders, %s payments, %s shipments\n",
			amount(r.Orders), amount(r.Payments), amount(r.Shipments))
	}
}

func (i *Invariant) verdict() string {
	switch {
	case i.Broken > 0:
		return "BROKEN"
	case i.Open > 0:
		return "open"
	case i.Checked == 0:
		return "-"
	}
	return "ok"
}

func (f *Finding) write(b *strings.Builder) {
	kind := "broken"
	if f.Open {
		kind = "open"
	}
	fmt.Fprintf(b, "  %s %s: %s\n", f.Invariant, kind, f.Message)
	if f.Position > 0 {
		fmt.Fprintf(b, "      at position %d %s\n", f.Position, f.Event)
	}
	if len(f.Witness) == 0 {
		return
	}
	names := make([]string, 0, len(f.Witness))
	for name := range f.Witness {
		names = append(names, name)
	}
	sort.Strings(names)
	b.WriteString("     ")
	for _, name := range names {
		b.WriteString(" " + name + "=" + f.Witness[name])
	}
	b.WriteByte('\n')
}

// amount groups thousands.
func amount(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// maxListed bounds the findings that are kept of one invariant.
const maxListed = 5

// sheet is where one goroutine notes what it checks. Sheets are merged at the end.
type sheet struct{ laws [lawCount]tally }

type tally struct {
	checked, broken, open int64
	listed                []ranked
}

// ranked is a finding and its place among those of its law.
type ranked struct {
	rank int64
	Finding
}

// check counts that a law was put to the test.
func (s *sheet) check(l law) { s.laws[l].checked++ }

// place is where something is wrong.
type place struct {
	pos int64
	id  string
}

// broken notes that a law does not hold. Pairs are the witness: a name and a value, and so on.
func (s *sheet) broken(l law, at place, message string, pairs ...any) {
	s.laws[l].broken++
	s.note(l, at.pos, Finding{
		Position: at.pos, Event: at.id, Message: message, Witness: witness(pairs),
	})
}

// open notes what a person has to look at although the law holds.
func (s *sheet) open(l law, at place, message string, pairs ...any) {
	s.laws[l].open++
	s.note(l, at.pos, Finding{
		Open: true, Position: at.pos, Event: at.id, Message: message, Witness: witness(pairs),
	})
}

// note keeps the first findings by rank.
func (s *sheet) note(l law, rank int64, f Finding) {
	t := &s.laws[l]
	t.listed = append(t.listed, ranked{rank, f})
	t.trim()
}

func (t *tally) trim() {
	slices.SortStableFunc(t.listed, func(a, b ranked) int {
		switch {
		case a.Open != b.Open && b.Open:
			return -1
		case a.Open != b.Open:
			return 1
		case a.rank != b.rank:
			return cmp.Compare(a.rank, b.rank)
		}
		return strings.Compare(a.Message, b.Message)
	})
	if len(t.listed) > maxListed {
		t.listed = t.listed[:maxListed]
	}
}

func witness(pairs []any) map[string]string {
	if len(pairs) == 0 {
		return nil
	}
	w := make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		w[fmt.Sprint(pairs[i])] = clip(fmt.Sprint(pairs[i+1]))
	}
	return w
}

// clip keeps a witness small.
func clip(s string) string {
	const most = 300
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// merge makes the report's invariants of all sheets.
func merge(sheets []*sheet, in *Input) []Invariant {
	all := make([]Invariant, 0, lawCount)
	for l, t := range titles() {
		if !in.checks(law(l)) {
			continue
		}
		var sum tally
		for _, s := range sheets {
			part := &s.laws[l]
			sum.checked += part.checked
			sum.broken += part.broken
			sum.open += part.open
			sum.listed = append(sum.listed, part.listed...)
		}
		sum.trim()
		inv := Invariant{
			ID: t.id, Name: t.name, Family: t.family,
			Checked: sum.checked, Broken: sum.broken, Open: sum.open,
		}
		for _, f := range sum.listed {
			f.Invariant = t.id
			inv.Findings = append(inv.Findings, f.Finding)
		}
		all = append(all, inv)
	}
	return all
}
