package importer

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/order"
)

// Currency is what the prices of the format are in.
const Currency shop.Currency = "GBP"

// fields are the columns of the format.
const fields = 8

// header is the first line of every file of the format.
const header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"

// row is one line of the file, with its refusal if it has one already.
type row struct {
	line     int64 // from 1, which is the header
	invoice  string
	code     string // in capitals
	title    string
	quantity int64 // of a cancellation too it counts what is taken back, above 0
	price    int64 // pence
	at       time.Time
	customer string // "" when the file has none
	country  string

	why    Reason // "" while it is not refused
	detail string
}

// kind is what an invoice number says of its invoice.
type kind uint8

const (
	bookkeeping kind = iota
	ordering
	cancelling
)

func kindOf(invoice string) kind {
	digits, cancels := strings.CutPrefix(strings.ToUpper(invoice), "C")
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return bookkeeping
		}
	}
	switch {
	case digits == "":
		return bookkeeping
	case cancels:
		return cancelling
	}
	return ordering
}

func (r *row) refuse(why Reason, detail string) { r.why, r.detail = why, detail }

// parse reads one line and refuses it if nothing of it can become an order or a cancellation.
func parse(text string, line int64) row {
	r := row{line: line}
	var f [fields]string
	if !utf8.ValidString(text) {
		r.refuse(Malformed, "not UTF-8")
		return r
	}
	if n := split(text, &f); n != fields {
		r.refuse(Malformed, "not eight fields")
		return r
	}
	if !isName(f[0], maxInvoiceName) {
		r.refuse(Malformed, "invoice number")
		return r
	}
	r.invoice, r.code = f[0], strings.ToUpper(strings.TrimSpace(f[1]))
	r.title, r.country = clean(f[2]), clean(f[7])
	if what := r.read(&f); what != "" {
		r.refuse(Malformed, what)
		return r
	}
	r.judge()
	return r
}

// The bounds of names in the file. They leave room for what is put before and behind them in ids.
const (
	maxInvoiceName = 20
	maxCustomer    = 40
)

// read takes the typed fields. It returns the name of one that cannot be read.
func (r *row) read(f *[fields]string) string {
	var err error
	if r.quantity, err = strconv.ParseInt(strings.TrimSuffix(f[3], ".0"), 10, 64); err != nil {
		return "quantity"
	}
	if r.at, err = readDate(f[4]); err != nil {
		return "invoice date"
	}
	price, whole, ok := readPrice(f[5])
	if !ok {
		return "unit price"
	}
	if r.price = price; !whole {
		r.price = 0 // no listing can have it, like none
	}
	r.customer = strings.TrimSuffix(strings.TrimSpace(f[6]), ".0")
	if r.customer != "" && !isName(r.customer, maxCustomer) {
		return "customer"
	}
	return ""
}

// judge refuses what the shop has no use for. Cancellations are turned round.
func (r *row) judge() {
	k := kindOf(r.invoice)
	if k == cancelling {
		r.quantity = -r.quantity
	}
	switch _, err := shop.ParseSKU(r.code); {
	case k == bookkeeping:
		r.refuse(NotAnOrder, "")
	case isService(r.code):
		r.refuse(NotGoods, "")
	case err != nil || len(r.code) > maxCode:
		r.refuse(BadCode, "")
	case k == ordering && r.quantity < 0:
		r.refuse(Correction, "")
	case r.quantity < 1 || r.quantity > order.MaxQuantity:
		r.refuse(BadQuantity, "")
	case r.price < 1:
		r.refuse(FreeOfPrice, "")
	}
}

// maxCode leaves room for the price behind a stock code in the names of further listings.
const maxCode = 48

// isService knows the codes that stand for money, not for goods: postage, carriage, manual entries,
// discounts, samples, fees, commissions, bad debts and gift vouchers.
func isService(code string) bool {
	switch code {
	case "POST", "DOT", "C2", "M", "D", "S", "B", "AMAZONFEE", "BANK CHARGES", "CRUK":
		return true
	}
	return strings.HasPrefix(code, "GIFT_")
}

// split cuts a line at its commas and returns how many fields there are. A field in double quotes
// may hold commas and, doubled, quotes. A quote that is not closed, or is followed by something
// else, makes no fields.
func split(text string, f *[fields]string) int {
	for n := 0; ; n++ {
		if n == fields {
			return n + 1
		}
		if !strings.HasPrefix(text, `"`) {
			var more bool
			if f[n], text, more = strings.Cut(text, ","); !more {
				return n + 1
			}
			continue
		}
		value, rest, ok := quoted(text[1:])
		if !ok || rest != "" && rest[0] != ',' {
			return 0
		}
		if f[n] = value; rest == "" {
			return n + 1
		}
		text = rest[1:]
	}
}

// quoted reads up to the quote that closes the field.
func quoted(text string) (value, rest string, ok bool) {
	var b strings.Builder
	for {
		part, after, found := strings.Cut(text, `"`)
		if !found {
			return "", "", false
		}
		b.WriteString(part)
		if !strings.HasPrefix(after, `"`) {
			return b.String(), after, true
		}
		b.WriteByte('"')
		text = after[1:]
	}
}

// isName reports whether s can be a part of an id.
func isName(s string, most int) bool {
	_, err := shop.ParseID(s)
	return err == nil && len(s) <= most
}

// clean makes one line of printable text, with single spaces.
func clean(s string) string {
	if isClean(s) {
		return s // as nearly always
	}
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
}

func isClean(s string) bool {
	before := byte(' ')
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == ' ' && before == ' ' {
			return false
		}
		before = c
	}
	return s == "" || before != ' '
}

// readDate knows the two ways in which copies of the file write a moment.
func readDate(s string) (time.Time, error) {
	if at, err := time.Parse(time.DateTime, s); err == nil {
		return at, nil
	}
	return time.Parse("1/2/2006 15:04", s)
}

// maxDigits keeps prices within an int64 by far; the shop's own bound is lower.
const maxDigits = 12

// readPrice reads pounds with decimals as pence. whole is false when there are fractions of one.
func readPrice(s string) (pence int64, whole, ok bool) {
	digits, negative := strings.CutPrefix(s, "-")
	pounds, decimals, _ := strings.Cut(digits, ".")
	cut := strings.TrimRight(decimals, "0")
	whole = len(cut) <= 2
	cents := (decimals + "00")[:2]
	for _, c := range []byte(pounds + decimals) {
		if c < '0' || c > '9' {
			return 0, false, false
		}
	}
	if pounds == "" || len(pounds) > maxDigits {
		return 0, false, false
	}
	pence, err := strconv.ParseInt(pounds+cents, 10, 64)
	if negative {
		pence = -pence
	}
	return pence, whole, err == nil
}
