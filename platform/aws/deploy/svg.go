package deploy

import (
	"bytes"
	"fmt"
	"strings"
)

// drawing collects the parts of a picture. What is added first lies below.
type drawing struct{ body, arrows bytes.Buffer }

// card is a box with a title and a few lines. Kind is a class of the style sheet.
type card struct {
	x, y, w, h  int
	kind, title string
	lines       []string
}

func (d *drawing) card(c card) {
	fmt.Fprintf(&d.body, `<rect class="card" x="%d" y="%d" width="%d" height="%d" rx="9"/>`+"\n",
		c.x, c.y, c.w, c.h)
	fmt.Fprintf(&d.body, `<rect class="%s" x="%d" y="%d" width="5" height="%d" rx="2.5"/>`+"\n",
		c.kind, c.x+6, c.y+10, c.h-20)
	d.text(c.x+20, c.y+25, "name", c.title)
	for i, l := range c.lines {
		d.text(c.x+20, c.y+43+17*i, "muted", l)
	}
}

// band is the ground on which some cards stand.
func (d *drawing) band(x, y, w, h int, name string) {
	fmt.Fprintf(&d.body, `<rect class="band" x="%d" y="%d" width="%d" height="%d" rx="14"/>`+"\n",
		x, y, w, h)
	d.text(x+16, y+20, "label", name)
}

func (d *drawing) text(x, y int, class, s string) { d.write(x, y, class, "start", s) }

// end writes text that ends at x.
func (d *drawing) end(x, y int, class, s string) { d.write(x, y, class, "end", s) }

func (d *drawing) write(x, y int, class, anchor, s string) {
	fmt.Fprintf(&d.body, `<text class="%s" x="%d" y="%d" text-anchor="%s">%s</text>`+"\n",
		class, x, y, anchor, strings.NewReplacer("&", "&amp;", "<", "&lt;").Replace(s))
}

func (d *drawing) dot(x, y, class int) {
	fmt.Fprintf(&d.body, `<circle class="%s" cx="%d" cy="%d" r="4"/>`+"\n", classes()[class], x, y)
}

// arrow draws a line through points, with a head at its end.
func (d *drawing) arrow(points ...int) {
	var path []string
	for i := 0; i+1 < len(points); i += 2 {
		path = append(path, fmt.Sprintf("%d,%d", points[i], points[i+1]))
	}
	n := len(points)
	fmt.Fprintf(&d.arrows, `<polyline class="line" points="%s"/>`+"\n",
		strings.Join(path, " "))
	x, y := points[n-2], points[n-1]
	dx, dy := sign(x-points[n-4]), sign(y-points[n-3])
	fmt.Fprintf(&d.arrows, `<polygon class="head" points="%d,%d %d,%d %d,%d"/>`+"\n", x, y,
		x-8*dx-4*dy, y-8*dy-4*dx, x-8*dx+4*dy, y-8*dy+4*dx)
}

func sign(n int) int {
	switch {
	case n > 0:
		return 1
	case n < 0:
		return -1
	}
	return 0
}

// backFlow draws how what rooms decide becomes truth again.
func (d *drawing) backFlow(bottom int) {
	d.arrow(32, 760, 12, 760, 12, 418, 40, 418)
	d.text(32, bottom+36, "muted", "Each function commits to its own room's keys. What it "+
		"announces leaves by the stream, and the circle begins again.")
}

func (d *drawing) finish(width, height int) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" `+
		`role="img" aria-label="The shop on AWS">`+"\n<style>\n%s</style>\n", width, height, style())
	fmt.Fprintf(&out, `<rect class="ground" width="%d" height="%d"/>`+"\n", width, height)
	bands, cards := split(d.body.String())
	out.WriteString(bands + d.arrows.String() + cards + "</svg>\n")
	return out.Bytes()
}

// split takes the bands apart, so that arrows lie on them and under the cards.
func split(body string) (bands, cards string) {
	for line := range strings.Lines(body) {
		if strings.Contains(line, `class="band"`) {
			bands += line
		} else {
			cards += line
		}
	}
	return bands, cards
}

// style is the sheet: one set of colours by day, and one by night.
func style() string {
	const shapes = `text { font-family: ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, ` +
		`sans-serif; font-size: 13px }
.title { font-size: 27px; font-weight: 700 } .name { font-size: 14.5px; font-weight: 650 }
.label { font-size: 11px; font-weight: 700; letter-spacing: 1.6px }
.small { font-size: 11.5px; font-style: italic }
.code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 11.5px }
.line { fill: none; stroke-width: 1.6 } .card { stroke-width: 1 }
`
	day := colours{
		ground: "#faf9f6", band: "#f0eee8", card: "#ffffff", edge: "#dcd8ce", ink: "#22252b",
		muted: "#5d636e", line: "#8b8f98", door: "#2563eb", function: "#ea7317", table: "#0f8a7e",
		bus: "#c026a0", watch: "#6d4bd0", apart: "#c62f3b", plain: "#9aa0aa",
		critical: "#d33a2f", standard: "#d99a0b", background: "#5c88b8",
	}
	night := colours{
		ground: "#14161a", band: "#1b1e24", card: "#24282f", edge: "#363b45", ink: "#eceef2",
		muted: "#a5acb8", line: "#7c8491", door: "#6ea0ff", function: "#ffa057", table: "#3ecfbf",
		bus: "#f077d6", watch: "#a78bfa", apart: "#ff7680", plain: "#7f8792",
		critical: "#ff7468", standard: "#f2c14e", background: "#86b3e3",
	}
	return shapes + day.rules() + "@media (prefers-color-scheme: dark) {\n" + night.rules() + "}\n"
}

type colours struct {
	ground, band, card, edge, ink, muted, line string
	door, function, table, bus, watch, apart   string
	plain, critical, standard, background      string
}

func (c colours) rules() string {
	var b strings.Builder
	for _, r := range [][2]string{
		{"ground", c.ground}, {"band", c.band}, {"head", c.line}, {"door", c.door},
		{"function", c.function}, {"table", c.table}, {"bus", c.bus}, {"watch", c.watch},
		{"apart", c.apart}, {"plain", c.plain}, {"critical", c.critical},
		{"standard", c.standard}, {"background", c.background}, {"title", c.ink},
		{"name", c.ink}, {"code", c.ink}, {"muted", c.muted}, {"small", c.muted},
		{"label", c.muted},
	} {
		fmt.Fprintf(&b, ".%s { fill: %s }\n", r[0], r[1])
	}
	fmt.Fprintf(&b, ".card { fill: %s; stroke: %s }\n.line { stroke: %s }\n",
		c.card, c.edge, c.line)
	return b.String()
}
