package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/souk-commerce/souk/shop"
)

// text writes pages for people. The first error of the writer is kept, and ends it.
type text struct {
	w   io.Writer
	err error
}

func (t *text) line(format string, args ...any) {
	if t.err != nil {
		return
	}
	s := strings.TrimRight(fmt.Sprintf(format, args...), " ")
	_, t.err = io.WriteString(t.w, s+"\n")
}

// title opens a page: what it shows, and as of when.
func (t *text) title(what string, at *time.Time) {
	if at != nil {
		what += "   as of " + timeText(*at)
	}
	t.line("%s", what)
}

// heading opens a part of a page.
func (t *text) heading(what string) {
	t.line("")
	t.line("  %s", what)
}

// table writes rows in columns. A column whose name begins with ">" stands to the right. Without
// names there is no head.
func (t *text) table(names []string, rows [][]string) {
	right := make([]bool, len(names))
	head := make([]string, len(names))
	for i, n := range names {
		head[i], right[i] = strings.TrimPrefix(n, ">"), strings.HasPrefix(n, ">")
	}
	all := rows
	if strings.Join(head, "") != "" {
		all = append([][]string{head}, rows...)
	}
	widths := make([]int, len(names))
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range all {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if right[i] {
				cell = pad + cell
			} else {
				cell += pad
			}
			b.WriteString("  " + cell)
			if i < len(row)-1 {
				b.WriteString(" ")
			}
		}
		t.line("  %s", b.String())
	}
}

// pairs writes names and values below each other, without those that have no value.
func (t *text) pairs(list ...string) {
	var rows [][]string
	for i := 0; i+1 < len(list); i += 2 {
		if list[i+1] != "" {
			rows = append(rows, list[i:i+2])
		}
	}
	t.table([]string{"", ""}, rows)
}

// timeText is a moment to the millisecond, in UTC.
func timeText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02 15:04:05.000Z")
}

// sinceText is a time after another, short enough for a margin.
func sinceText(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("+%.1fms", float64(d.Microseconds())/1000)
	case d < time.Second:
		return fmt.Sprintf("+%dms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("+%.1fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("+%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("+%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("+%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}

// moneyText is an amount in its currency's usual unit, as in "10.20 GBP".
func moneyText(m shop.Money) string {
	return amountText(m.Amount, m.Currency) + " " + string(m.Currency)
}

// amountText is moneyText without the currency.
func amountText(minor int64, c shop.Currency) string {
	digits := minorDigits(c)
	s := strconv.FormatInt(minor, 10)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	if digits == 0 {
		return sign + s
	}
	if missing := digits + 1 - len(s); missing > 0 {
		s = strings.Repeat("0", missing) + s
	}
	return sign + s[:len(s)-digits] + "." + s[len(s)-digits:]
}

// minorDigits is how many decimals a currency has (ISO 4217).
func minorDigits(c shop.Currency) int {
	switch c {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND",
		"VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	}
	return 2
}

// signed shows the direction of a change; nothing for none.
func signed(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%+d", n)
}

// howMany is a number with its noun.
func howMany(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatInt(n, 10) + " " + many
}
