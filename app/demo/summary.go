package demo

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/ledger"
)

// Summary is what happened. It is plain data, for JSON; times are in milliseconds.
type Summary struct {
	Seed     uint64  `json:"seed"`
	Shoppers int     `json:"shoppers"` // the rush included
	Dealers  int     `json:"dealers"`
	Listings int     `json:"listings"`
	Requests int64   `json:"requests"`
	SentBack int64   `json:"sentBack"` // requests that were told to come again
	Took     float64 `json:"tookMs"`

	Orders       Orders       `json:"orders"`
	Flash        Flash        `json:"flash"`
	DoubleClicks DoubleClicks `json:"doubleClicks"`
	LostAnswers  LostAnswers  `json:"lostAnswers"`
	Regrets      Regrets      `json:"regrets"`
	Parcels      Parcels      `json:"parcels"`
	Money        Money        `json:"money"`
	Events       Events       `json:"events"`
	Latency      Placing      `json:"placing"`
	Payouts      Payouts      `json:"payouts"`

	Tale Tale `json:"tale"`

	Books []ledger.TrialBalance `json:"books"`

	Checks   *verify.Report `json:"checks"`
	Faults   []string       `json:"faults,omitempty"` // what should not be, besides the checks
	Balanced bool           `json:"balanced"`
}

// Orders counts the orders by where they ended. Declined are among the cancelled.
type Orders struct {
	Created   int            `json:"created"`
	Placed    int            `json:"placed"`
	OnHold    int            `json:"onHold"`
	Completed int            `json:"completed"`
	Expired   int            `json:"expired"`
	Cancelled int            `json:"cancelled"`
	Reasons   map[string]int `json:"reasons"` // of cancellations
}

// Flash is how the flash sale went.
type Flash struct {
	SKU      shop.SKU `json:"sku"`
	Units    int64    `json:"units"`
	Sold     int64    `json:"sold"`
	Shoppers int      `json:"shoppers"`
	Took     float64  `json:"tookMs"` // until the last of them had an answer
}

// DoubleClicks counts checkouts that were sent several times at once, and the orders they made.
type DoubleClicks struct {
	Shoppers int `json:"shoppers"`
	Clicks   int `json:"clicks"`
	Orders   int `json:"orders"`
}

// LostAnswers counts calls to the provider that ended without an answer.
type LostAnswers struct {
	Calls    int     `json:"calls"`
	Resolved int     `json:"resolved"`
	Longest  float64 `json:"longestMs"`
	Cases    int     `json:"cases"` // still open, for a person
}

// Regrets counts customers who cancelled, those who were too late, and refunds.
type Regrets struct {
	Asked   int `json:"asked"`
	TooLate int `json:"tooLate"`
	Refunds int `json:"refunds"`
}

// Parcels counts shipments by where they are.
type Parcels struct {
	ToPack    int `json:"toPack"`
	Packed    int `json:"packed"` // the courier's turn, or the money's
	OnTheWay  int `json:"onTheWay"`
	Delivered int `json:"delivered"`
	Cancelled int `json:"cancelled"`
}

// Money is the same money three times: as the log announced it, as the payments' records hold it,
// and as the provider's own ledger has it.
type Money struct {
	Currency shop.Currency `json:"currency"`
	Log      Sums          `json:"log"`
	Records  Sums          `json:"records"`
	Provider Sums          `json:"provider"`
}

// Events counts the log and what was done with it.
type Events struct {
	Log         int64 `json:"log"`
	Delivered   int64 `json:"delivered"`
	Retried     int64 `json:"retried"`
	DeadLetters int   `json:"deadLetters"`
	Messages    int   `json:"messages"` // to customers
}

// Placing is how long a checkout took until the order was placed, where nothing but the shop
// decided that.
type Placing struct {
	Orders int     `json:"orders"`
	P50    float64 `json:"p50Ms"`
	P95    float64 `json:"p95Ms"`
	P99    float64 `json:"p99Ms"`
	Fsync  float64 `json:"fsyncMs"` // median, of the store
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// summary is what the players and the log know.
func (d *demo) summary() *Summary {
	w := d.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	t, at := w.tally, w.tally.orders.count
	_, sold := t.flashTaken()
	waits, boxes := latencyOf(w.waits), t.parcels.count
	return &Summary{
		Seed: d.cfg.Script.Seed, Shoppers: len(d.cast), Dealers: len(d.stalls),
		Listings: listings(d.stalls), Took: ms(time.Since(w.began)),
		Requests: d.api.requests.Load(), SentBack: d.api.sentBack.Load(),
		Orders: Orders{
			Created: len(t.orders.of), Placed: at[placed], OnHold: at[onHold],
			Completed: at[completed], Expired: at[expired], Cancelled: at[cancelled],
			Reasons: t.reasons,
		},
		Flash: Flash{
			SKU: flashSKU, Units: flashUnits, Sold: sold, Shoppers: d.cfg.Script.Rush,
			Took: ms(d.rush),
		},
		DoubleClicks: DoubleClicks{d.count.clickers, d.count.clicks, d.count.clicked},
		LostAnswers: LostAnswers{
			Calls: t.lostInAll, Resolved: t.lostInAll - len(t.lost), Longest: ms(t.longest),
			Cases: t.cases,
		},
		Regrets: Regrets{d.count.regrets, d.count.tooLate, d.count.refunds},
		Parcels: Parcels{
			ToPack: boxes[toPack], Packed: boxes[packed] + boxes[cleared],
			OnTheWay: boxes[onTheWay], Delivered: boxes[delivered], Cancelled: boxes[cancelled],
		},
		Money:  Money{Currency: Currency, Log: t.money},
		Events: Events{Log: t.events, Messages: t.mails},
		Latency: Placing{
			Orders: waits.Orders, P50: ms(waits.P50), P95: ms(waits.P95), P99: ms(waits.P99),
		},
		Faults: d.faults,
	}
}

// Write prints the summary for people. Its last line is "books balance", or says that they do not.
func (s *Summary) Write(out io.Writer, colour bool) error {
	p := &page{colour: colour}
	p.title(s)
	o, r, regrets, box := s.Orders, s.Orders.Reasons, s.Regrets, s.Parcels
	others := o.Cancelled - r["out_of_stock"] - r["payment_failed"]
	p.row("orders", "%s: %d placed, %d on hold, %d cancelled, %d expired",
		grouped(int64(o.Created)), o.Placed+o.Completed, o.OnHold, o.Cancelled, o.Expired)
	p.row("cancelled", "%d sold out, %s declined, %s changed their mind",
		r["out_of_stock"], many(r["payment_failed"], "card"), many(others, "customer"))
	if s.Flash.Shoppers > 0 {
		p.row("flash sale", "%d of %d lamps sold to %s, all answered in %.0f ms",
			s.Flash.Sold, s.Flash.Units, many(s.Flash.Shoppers, "shopper"), s.Flash.Took)
	}
	twice := s.DoubleClicks
	p.row("double clicks", "%s sent one checkout %d times at once: %s",
		many(twice.Shoppers, "shopper"), clicksAtOnce, many(twice.Orders, "order"))
	p.row("lost answers", "%s to the provider, %d resolved by asking within %.1f s",
		many(s.LostAnswers.Calls, "call"), s.LostAnswers.Resolved, s.LostAnswers.Longest/1000)
	p.row("parcels", "%d delivered, %d under way, %d packed, %d to pack, %d refunded",
		box.Delivered, box.OnTheWay, box.Packed, box.ToPack, regrets.Refunds)
	p.row("payouts", "%d of %d dealers were paid %s %s", s.Payouts.Paid, s.Payouts.Dealers,
		pounds(s.Payouts.Amount), s.Money.Currency)
	p.row("events", "%s in the log, %s deliveries, %d dead letters, %s mails",
		grouped(s.Events.Log), grouped(s.Events.Delivered), s.Events.DeadLetters,
		grouped(int64(s.Events.Messages)))
	p.row("placed in", "P50 %s, P95 %s, P99 %s ms over HTTP, a disk sync in %s ms",
		short(s.Latency.P50), short(s.Latency.P95), short(s.Latency.P99), short(s.Latency.Fsync))
	p.tale(&s.Tale)
	p.money(s.Money)
	p.trial(s.Books)
	p.verdict(s)
	_, err := io.WriteString(out, p.b.String())
	return err
}

// page is the summary on its way to the reader.
type page struct {
	b      strings.Builder
	colour bool
}

// column is where values begin.
const column = 16

func (p *page) line() *line { return &line{most: maxColumns, colour: p.colour} }

func (p *page) end(l *line) { p.b.WriteString(l.String() + "\n") }

func (p *page) title(s *Summary) {
	p.end(p.line().put(strong, "A day in the souk").put(normal, fmt.Sprintf(
		": %d dealers, %d things, %s shoppers, %s requests in %.1f s",
		s.Dealers, s.Listings, grouped(int64(s.Shoppers)), grouped(s.Requests), s.Took/1000)))
	p.end(p.line())
}

func (p *page) row(name, format string, args ...any) {
	p.end(p.line().to(margin).put(faint, name).to(column).put(normal, fmt.Sprintf(format, args...)))
}

// money is the same sums from three books, beside each other.
func (p *page) money(m Money) {
	const wide = 15
	books := []struct {
		name string
		of   Sums
	}{{"log", m.Log}, {"records", m.Records}, {"provider", m.Provider}}
	p.end(p.line())
	head := p.line().to(margin).put(faint, "money, "+string(m.Currency))
	for i, book := range books {
		head.right(column+(i+1)*wide, faint, book.name)
	}
	p.end(head)
	for _, row := range []struct {
		name string
		of   func(Sums) int64
	}{
		{"authorised", func(m Sums) int64 { return m.Authorised }},
		{"captured", func(m Sums) int64 { return m.Captured }},
		{"voided", func(m Sums) int64 { return m.Voided }},
		{"refunded", func(m Sums) int64 { return m.Refunded }},
	} {
		l := p.line().to(margin).put(faint, row.name)
		for i, book := range books {
			tone := normal
			if row.of(book.of) != row.of(m.Log) {
				tone = red
			}
			l.right(column+(i+1)*wide, tone, pounds(row.of(book.of)))
		}
		p.end(l)
	}
	p.end(p.line())
}

// verdict says whether the books balance, and if not why not.
func (p *page) verdict(s *Summary) {
	for _, f := range s.Faults {
		p.b.WriteString("  " + f + "\n")
	}
	if !s.Checks.Clean() {
		p.b.WriteString(s.Checks.String())
	}
	if !s.Balanced {
		p.end(p.line().put(red, "books do not balance"))
		return
	}
	var checked int64
	for _, i := range s.Checks.Invariants {
		checked += i.Checked
	}
	p.row("checked", "%s tests of %d invariants (stock, money, effects): all hold",
		grouped(checked), len(s.Checks.Invariants))
	p.end(p.line().put(green, "books balance"))
}

// pounds is an amount in the currency's usual unit.
func pounds(minor int64) string {
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	return fmt.Sprintf("%s%s.%02d", sign, grouped(minor/100), minor%100)
}

// grouped writes a number that is not negative with a comma for every thousand.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// many is a number with its noun.
func many(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(int64(n)) + " " + noun + "s"
}

// short is a time in milliseconds with as many decimals as mean something.
func short(milliseconds float64) string {
	if milliseconds < 10 {
		return fmt.Sprintf("%.1f", milliseconds)
	}
	return fmt.Sprintf("%.0f", milliseconds)
}
