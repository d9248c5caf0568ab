package demo

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/souk-commerce/souk/shop"
)

// The terminal that a Panel needs, and how wide it gets in a larger one.
const (
	MinColumns = 64
	MinRows    = 19
	maxColumns = 100
	margin     = 2
)

// Panel draws the market in a terminal, always in the same place. It is not safe for concurrent
// use.
type Panel struct {
	out    io.Writer
	size   func() (columns, rows int)
	colour bool
	drawn  int // lines
}

// NewPanel returns a panel that draws on out. size tells how large the terminal is now.
func NewPanel(out io.Writer, size func() (columns, rows int), colour bool) *Panel {
	return &Panel{out: out, size: size, colour: colour}
}

// Draw draws the market over what was drawn before. A terminal that cannot be written to is not
// worth an error: the summary will be told it.
func (p *Panel) Draw(v View) {
	columns, rows := p.size()
	frame := p.frame(v, columns, rows)
	var b strings.Builder
	b.WriteString("\x1b[?2026h\x1b[?25l") // all at once, without the cursor
	p.up(&b)
	for _, l := range frame {
		b.WriteString(l + "\x1b[K\n")
	}
	b.WriteString("\x1b[J\x1b[?2026l")
	p.drawn = len(frame)
	_, _ = io.WriteString(p.out, b.String())
}

// Close takes the panel away and gives the cursor back.
func (p *Panel) Close() {
	if p.drawn == 0 {
		return
	}
	var b strings.Builder
	p.up(&b)
	b.WriteString("\x1b[J\x1b[?25h")
	p.drawn = 0
	_, _ = io.WriteString(p.out, b.String())
}

func (p *Panel) up(b *strings.Builder) {
	if p.drawn > 0 {
		fmt.Fprintf(b, "\x1b[%dA", p.drawn)
	}
	b.WriteByte('\r')
}

// frame is the whole panel, a string a line.
func (p *Panel) frame(v View, columns, rows int) []string {
	width := min(columns, maxColumns) - margin
	l := func() *line {
		return (&line{most: width, colour: p.colour}).to(margin)
	}
	all := []*line{
		l(),
		l().put(strong, "souk").put(faint, "  ").put(accent, v.Phase).
			right(width, faint, fmt.Sprintf("%.1f s", v.Elapsed.Seconds())),
		l(),
		crowd(l(), v, width), sale(l(), v), l(),
	}
	all = append(all, table(l, v, width)...)
	all = append(all, l(), rate(l(), v, width), placing(l(), v, width), l())
	for _, s := range v.Stories[:max(0, min(len(v.Stories), rows-len(all)-1))] {
		all = append(all, told(l(), s, width))
	}
	out := make([]string, len(all))
	for i, one := range all {
		out[i] = one.String()
	}
	return out
}

// label is the column in which values begin.
const label = margin + 11

func crowd(l *line, v View, width int) *line {
	count := fmt.Sprintf("%s of %s", grouped(int64(v.Served)), grouped(int64(v.Shoppers)))
	room := width - label - 16
	full := 0
	if v.Shoppers > 0 {
		full = room * v.Served / v.Shoppers
	}
	return l.put(faint, "shoppers").to(label).put(accent, strings.Repeat("━", full)).
		put(faint, strings.Repeat("─", room-full)).right(width, normal, count)
}

func sale(l *line, v View) *line {
	l.put(faint, "ten lamps").to(label)
	for i := range v.Units {
		switch {
		case i < v.FlashSold:
			l.put(green, "■ ")
		case i < v.FlashHeld:
			l.put(yellow, "■ ")
		default:
			l.put(faint, "□ ")
		}
	}
	switch left := v.Units - v.FlashHeld; {
	case v.FlashSold == v.Units:
		l.put(normal, fmt.Sprintf(" all sold; %d wanted one", v.Rush))
	case v.FlashHeld == 0:
		l.put(faint, fmt.Sprintf(" %d will want one", v.Rush))
	default:
		l.put(normal, fmt.Sprintf(" %d left", left))
	}
	return l
}

// cell is a name and a value of the table.
type cell struct {
	name, value string
	shade       shade
}

// table is orders, money and parcels beside each other.
func table(fresh func() *line, v View, width int) []*line {
	const gap = 4
	block := (width - margin - 2*gap) / 3
	number := func(name string, n int, s shade) cell {
		if n == 0 {
			s = faint
		}
		return cell{name, grouped(int64(n)), s}
	}
	money := func(name string, n int64) cell { return cell{name, pounds(n), normal} }
	o, b := v.Orders, v.Parcels
	columns := [3][]cell{
		{{"orders", "", strong}, number("under way", o[pending], normal),
			number("placed", o[placed]+o[completed], green), number("on hold", o[onHold], red),
			number("cancelled", o[cancelled], normal), number("expired", o[expired], yellow)},
		{{"money", string(Currency), strong}, money("authorised", v.Money.Authorised),
			money("captured", v.Money.Captured), money("voided", v.Money.Voided),
			money("refunded", v.Money.Refunded), {}},
		{{"parcels", "", strong}, number("to pack", b[toPack], normal),
			number("packed", b[packed]+b[cleared], normal),
			number("on their way", b[onTheWay], normal),
			number("delivered", b[delivered], green), number("cancelled", b[cancelled], normal)},
	}
	all := make([]*line, len(columns[0]))
	for row := range all {
		l := fresh()
		for i, column := range columns {
			at, c := margin+i*(block+gap), column[row]
			name := faint
			if row == 0 {
				name, c.shade = strong, faint
			}
			l.to(at).put(name, c.name).right(at+block, c.shade, c.value)
		}
		all[row] = l
	}
	return all
}

// rate is the flow of events as a row of bars.
func rate(l *line, v View, width int) *line {
	bars := []rune("▁▂▃▄▅▆▇█")
	highest, lately := 1.0, v.Rate[max(0, len(v.Rate)-int(time.Second/rateSlot)):]
	for _, r := range v.Rate {
		highest = max(highest, r)
	}
	now := 0.0
	for _, r := range lately {
		now += r / float64(len(lately))
	}
	var b strings.Builder
	for _, r := range v.Rate {
		b.WriteRune(bars[min(int(r/highest*float64(len(bars))), len(bars)-1)])
	}
	l.put(faint, "events").to(label).put(accent, b.String()).to(label + rateSlots + 2)
	l.put(normal, grouped(int64(now))).put(faint, " a second")
	return l.right(width, normal, grouped(v.Events))
}

func placing(l *line, v View, width int) *line {
	l.put(faint, "placed in").to(label)
	for _, one := range []struct {
		name string
		took time.Duration
	}{{"P50 ", v.Placed.P50}, {"P95 ", v.Placed.P95}, {"P99 ", v.Placed.P99}} {
		l.put(faint, one.name).put(normal, short(ms(one.took))+" ms").put(normal, "  ")
	}
	if v.Lost == 0 {
		return l
	}
	shade, text := normal, fmt.Sprintf("%d lost answers, all found", v.Lost)
	if v.LostOpen > 0 {
		shade, text = yellow, fmt.Sprintf("%d lost answers, %d found", v.Lost, v.Lost-v.LostOpen)
	}
	return l.right(width, shade, text)
}

// told is a story from its latest steps back, as far as there is room.
func told(l *line, s Story, width int) *line {
	if s.Order == "" {
		return l
	}
	const arrow, more = " → ", "… → "
	l.put(faint, tail(s.Order)).to(label)
	room, first := width-label, len(s.Steps)
	for first > 0 {
		need := utf8.RuneCountInString(s.Steps[first-1].String())
		if first < len(s.Steps) {
			need += len(" > ")
		}
		keep := 0
		if first > 1 {
			keep = utf8.RuneCountInString(more)
		}
		if need+keep > room {
			break
		}
		room -= need
		first--
	}
	if first > 0 {
		l.put(faint, more)
	}
	for i, step := range s.Steps[first:] {
		if i > 0 {
			l.put(faint, arrow)
		}
		l.put(step.Tone.shade(), step.String())
	}
	return l
}

// tail is the end of an id, which tells it apart from others of the same second.
func tail(id shop.ID) string {
	const most = 6
	return "ord…" + string(id[max(0, len(id)-most):])
}

func (t Tone) shade() shade {
	switch t {
	case Good:
		return green
	case Odd:
		return yellow
	case Bad:
		return red
	}
	return normal
}

// Lines tells of the market in a line now and then, where there is no terminal.
type Lines struct {
	out   io.Writer
	phase string
	next  time.Duration
}

// NewLines returns a teller that writes to out.
func NewLines(out io.Writer) *Lines { return &Lines{out: out} }

const linesEvery = 2 * time.Second

// Draw writes a line if there is something new to tell.
func (t *Lines) Draw(v View) {
	if v.Phase == t.phase && v.Elapsed < t.next {
		return
	}
	t.phase, t.next = v.Phase, v.Elapsed+linesEvery
	_, _ = fmt.Fprintf(t.out, "%5.1f s  %s: %d of %d shoppers, %d orders placed, %s events\n",
		v.Elapsed.Seconds(), v.Phase, v.Served, v.Shoppers, v.Orders[placed],
		strconv.FormatInt(v.Events, 10))
}

// Close does nothing: what was written stays.
func (t *Lines) Close() {}
