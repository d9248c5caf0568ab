package demo

import (
	"strings"
	"unicode/utf8"
)

// shade is a way to print, as a number of the terminal's own palette: its theme decides how that
// looks, so it suits a dark background and a light one.
type shade string

// The shades.
const (
	normal shade = ""
	faint  shade = "2"
	strong shade = "1"
	green  shade = "32"
	yellow shade = "33"
	red    shade = "31"
	accent shade = "36"
)

// line is a line of the terminal that is never wider than it may be. All characters it is given are
// one cell wide.
type line struct {
	b      strings.Builder
	width  int // so far
	most   int
	colour bool
}

// put appends text, as far as there is room.
func (l *line) put(s shade, text string) *line {
	room := l.most - l.width
	if n := utf8.RuneCountInString(text); n > room {
		text = string([]rune(text)[:max(room, 0)])
	}
	if text == "" {
		return l
	}
	l.width += utf8.RuneCountInString(text)
	if s == normal || !l.colour {
		l.b.WriteString(text)
		return l
	}
	l.b.WriteString("\x1b[" + string(s) + "m" + text + "\x1b[0m")
	return l
}

// to fills with spaces up to a column.
func (l *line) to(column int) *line {
	return l.put(normal, strings.Repeat(" ", max(0, column-l.width)))
}

// right puts text so that it ends before a column.
func (l *line) right(column int, s shade, text string) *line {
	return l.to(column-utf8.RuneCountInString(text)).put(s, text)
}

func (l *line) String() string { return strings.TrimRight(l.b.String(), " ") }
