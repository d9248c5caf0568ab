package contract_test

import (
	"math"
	"reflect"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// source gives the values that a fact is filled with.
type source interface {
	number() int64
	text() string
	length() int
	flag() bool
	moment() time.Time
	choice(of []string) string // of a closed list
}

// plain fills a fact with the same small values every time: it makes the examples.
type plain struct{}

func (plain) number() int64     { return 1 }
func (plain) text() string      { return "x_1" }
func (plain) length() int       { return 2 }
func (plain) flag() bool        { return true }
func (plain) moment() time.Time { return time.Date(2026, 11, 5, 9, 30, 0, 0, time.UTC) }

func (plain) choice(of []string) string { return of[0] }

// wild fills a fact with anything that its types can hold. Numbers are not bounded: overflow fails
// a rule in Go as in CEL. Times keep to the years that JSON can write.
type wild struct{ t *rapid.T }

func (w wild) number() int64 {
	return rapid.OneOf(
		rapid.SampledFrom([]int64{0, 1, -1, 2, 10_000, 10_001, math.MaxInt64, math.MinInt64,
			math.MinInt64 + 1, 1 << 32, shop.MaxAmount}),
		rapid.Int64Range(-20, 20),
		rapid.Int64(),
	).Draw(w.t, "number")
}

func (w wild) text() string {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", "x_1", "GBP", "capture", "void", "\xff", "é\u2028"}),
		rapid.String(),
	).Draw(w.t, "text")
}

func (w wild) length() int { return rapid.IntRange(-1, 3).Draw(w.t, "length") }
func (w wild) flag() bool  { return rapid.Bool().Draw(w.t, "flag") }
func (w wild) moment() time.Time {
	const year9999 = 253402300799
	return time.Unix(rapid.Int64Range(-62135596800, year9999).Draw(w.t, "moment"), 0).UTC()
}

func (w wild) choice(of []string) string {
	return rapid.OneOf(rapid.SampledFrom(of), rapid.String()).Draw(w.t, "choice")
}

// tame is wild kept to what a room would write, so that most facts pass once they are mended: lists
// have elements, amounts are at most MaxAmount/1000 so that a list of them stays within MaxAmount.
type tame struct{ wild }

func (s tame) number() int64 {
	return rapid.OneOf(rapid.Int64Range(0, 100), rapid.Int64Range(0, shop.MaxAmount/1000)).
		Draw(s.t, "number")
}

func (s tame) text() string { return rapid.StringN(1, 20, 80).Draw(s.t, "text") }
func (s tame) length() int  { return rapid.IntRange(1, 4).Draw(s.t, "length") }

func (s tame) choice(of []string) string { return rapid.SampledFrom(of).Draw(s.t, "choice") }

// fill sets everything in v from s. A length of -1 makes a list that is nil.
func fill(s source, v reflect.Value, tag reflect.StructTag) {
	switch v.Kind() {
	case reflect.String:
		if enum := tag.Get("enum"); enum != "" {
			v.SetString(s.choice(strings.Split(enum, ",")))
		} else {
			v.SetString(s.text())
		}
	case reflect.Bool:
		v.SetBool(s.flag())
	case reflect.Int, reflect.Int64:
		v.SetInt(s.number())
	case reflect.Uint8:
		v.SetUint(uint64(s.number()) & 0xff)
	case reflect.Slice:
		n := s.length()
		if n < 0 {
			v.SetZero()
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(s, v.Index(i), "")
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(s.moment()))
			return
		}
		for i := range v.NumField() {
			fill(s, v.Field(i), v.Type().Field(i).Tag)
		}
	}
}

// filled makes a fact of the kind.
func filled(k event.Kind, s source) event.Fact {
	f := k.New()
	fill(s, reflect.ValueOf(f).Elem(), "")
	return f
}

// mend makes the parts of a fact agree, as the room that announces it would.
func mend(f event.Fact) event.Fact {
	switch f := f.(type) {
	case *event.Listed:
		f.CommissionBPS %= 10_001
	case *event.OrderCreated:
		f.Items = 0
		for i := range f.Lines {
			l := &f.Lines[i]
			l.Quantity = 1 + l.Quantity%1000
			l.UnitPrice %= 1_000_000
			l.Amount = l.Quantity * l.UnitPrice
			f.Items += l.Amount
		}
		f.Total = f.Items + f.Shipping + f.Tax
	case *event.OrderPlacedV1:
		for i := range f.Lines {
			f.Lines[i].CommissionBPS %= 10_001
			f.Total += f.Lines[i].Amount
		}
	case *event.OrderPlaced:
		f.Total = 0
		for i := range f.Parcels {
			p := &f.Parcels[i]
			p.Amount = p.Items + p.Shipping + p.Tax
			p.Commission %= p.Items + 1
			f.Total += p.Amount
		}
	case *event.OrderProgressed:
		f.Captured, f.Dispatched = f.Captured+f.Refunded, f.Dispatched+f.Delivered
	case *event.HookDelivered:
		f.Status = 200 + f.Status%100
	case *event.LedgerPosted:
		balance(f.Entries)
	case *event.LedgerPostedV1:
		balance(f.Entries)
	case *event.DealerTermsSet:
		f.CommissionBPS %= 10_001
	case *event.PaymentDisputeMoved:
		f.Beyond %= 1000
		f.Amount.Amount = f.Beyond
		for i := range f.Shares {
			f.Shares[i].Amount = 1 + f.Shares[i].Amount%1000
			f.Amount.Amount += f.Shares[i].Amount
		}
		f.Fee++
	default:
		mendStock(f)
		mendReturn(f)
		mendReduction(f)
	}
	return f
}

func balance(entries []event.Entry) {
	entries[0].Amount = 0
	for _, e := range entries[1:] {
		entries[0].Amount -= e.Amount
	}
}

func mendReturn(f event.Fact) {
	positive := func(items []event.ParcelLine) {
		for i := range items {
			items[i].Quantity++
		}
	}
	switch f := f.(type) {
	case *event.ReturnRequested:
		for i := range f.Lines {
			f.Lines[i].Quantity++
			f.Lines[i].Units += f.Lines[i].Quantity
		}
	case *event.ReturnReceived:
		positive(f.Items)
	case *event.ReturnLapsed:
		positive(f.Items)
	case *event.ReturnInspected:
		for i := range f.Units {
			f.Units[i].Quantity++
		}
		if f.Amount.Amount == 0 {
			f.Refund = ""
		}
	}
}

func mendReduction(f event.Fact) {
	positive := func(lines []event.ParcelLine) {
		for i := range lines {
			lines[i].Quantity++
		}
	}
	switch f := f.(type) {
	case *event.OrderNoted:
		f.Note, f.Audience = f.Note+1, []string{"staff", "customer"}[len(f.Audience)%2]
	case *event.OrderEditClosed:
		f.Done = f.Reason == ""
	case *event.ShipmentReduced:
		positive(f.Lines)
	case *event.OrderReduced:
		positive(f.Lines)
		f.Units++
	case *event.StockFreed:
		for i := range f.Items {
			f.Items[i].Quantity++
		}
	case *event.PaymentReduced:
		f.Amount.Amount++
	}
}

func mendStock(f event.Fact) {
	positive := func(items []event.StockItem) {
		for i := range items {
			items[i].Quantity++
		}
	}
	switch f := f.(type) {
	case *event.StockMoved:
		f.Quantity = 1
		for i := range f.Spread {
			f.Quantity += f.Spread[i]
		}
		if len(f.Spread) > 0 {
			f.Spread[0]++
		}
	case *event.StockAllotted:
		f.Allotments = len(f.Spread)
		for i := range f.Spread {
			f.Spread[i] = int64(2*i + 1 - len(f.Spread)) // symmetric about nothing
		}
	case *event.StockGathered:
		positive(f.Items)
	case *event.StockHeld:
		f.Chunks = 0
		positive(f.Items)
	case *event.StockRejected:
		f.Wanted += f.Available + 1
	case *event.StockReleased:
		positive(f.Items)
	case *event.StockConsumed:
		positive(f.Items)
	}
	mendCare(f)
}

func mendCare(f event.Fact) {
	switch f := f.(type) {
	case *event.StockRuled:
		f.Low = f.Low && f.Watched
		if f.Aside = f.Safety; f.Watched && !f.Low {
			f.Aside += f.LowAt + 1
		}
	case *event.StockLow:
		f.LowAt += f.Available
	case *event.StockRecovered:
		f.Available += f.LowAt + 1
	case *event.StockShort:
		f.Units++
	case *event.StockCovered:
		f.Units++
	}
}
