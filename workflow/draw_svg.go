package workflow

import (
	"fmt"
	"html"
	"strings"
	"unicode/utf8"
)

// SVG draws the machine as a picture: states from top to bottom in the order in which they follow
// each other, branches and item processors within their state, failures as dashed arrows. It needs
// no style sheet and no script, and follows the colours of a dark page.
func (m *Machine) SVG() string { return m.SVGOf(nil) }

// SVGOf is SVG with the states of an execution in the colours of how far it is.
func (m *Machine) SVGOf(marks Marks) string {
	d := layOut(&m.program)
	head := svgHead
	if len(marks) > 0 {
		d.marked(marks)
		head = strings.Replace(svgHead, "</style>", markStyle+"</style>", 1)
	}
	var b strings.Builder
	w, h := d.w+2*margin, d.h+2*margin
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" `+
		`font-family="ui-sans-serif,system-ui,Helvetica,Arial,sans-serif" role="img">`+"\n", w, h, w, h)
	title := m.Comment
	if title == "" {
		title = "state machine"
	}
	fmt.Fprintf(&b, "<title>%s</title>\n%s\n", html.EscapeString(title), head)
	d.draw(&b, margin, margin)
	b.WriteString("</svg>\n")
	return b.String()
}

const svgHead = `<style>
.page{fill:#ffffff}.box{fill:#f6f8fb;stroke:#44546a;stroke-width:1.2}
.group{fill:#eef2f7;stroke:#8a99ad}
.name{fill:#17212f;font-size:13px;font-weight:600}.kind{fill:#5b6b80;font-size:10.5px}
.edge{fill:none;stroke:#44546a;stroke-width:1.3}.fail{stroke:#b3403a;stroke-dasharray:5 3}
.label{fill:#44546a;font-size:10.5px}
.label.failed{fill:#b3403a}.tip{fill:#44546a}.tipfail{fill:#b3403a}
.Task{fill:#e6f0ff}.Choice{fill:#fff6df}.Fail{fill:#fde8e6}.Succeed{fill:#e5f6ea}
.Wait{fill:#f1eafc}
.dot{fill:#17212f}.ring{fill:none;stroke:#17212f;stroke-width:1.4}
</style>
<defs>
<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"
 orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker>
<marker id="tipfail" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"
 orient="auto"><path class="tipfail" d="M0 0L8 4L0 8z"/></marker>
</defs>
<rect class="page" width="100%" height="100%"/>`

// Sizes of the drawing, in pixels.
const (
	margin   = 24
	boxH     = 44
	gapX     = 36
	gapY     = 52
	pad      = 16 // within a composite state
	headH    = 40 // of a composite state
	dotR     = 7
	laneStep = 16 // between arrows that pass beside the boxes
)

func (d *drawing) draw(b *strings.Builder, x, y int) {
	for _, n := range d.nodes {
		for _, e := range n.state.edges() {
			d.edge(b, x, y, n, e)
		}
		if n.state.ends() && n.state.kind != KindSucceed && n.state.kind != KindFail {
			end(b, x+n.cx(), y+n.y+n.h)
		}
	}
	first := d.byName[d.start]
	fmt.Fprintf(b, `<circle class="dot" cx="%d" cy="%d" r="%d"/>`+"\n", x+first.cx(), y+dotR, dotR)
	arrow(b, x, y, first.cx(), 2*dotR, first.cx(), first.y, false)
	for _, n := range d.nodes {
		n.draw(b, x, y)
	}
	for _, t := range d.texts {
		w := 6*utf8.RuneCountInString(t.text) + 4
		left := t.x - w/2
		if t.anchor == "end" {
			left = t.x - w
		}
		fmt.Fprintf(b, `<rect class="page" x="%d" y="%d" width="%d" height="13" opacity="0.85"/>`+
			`<text class="label%s" x="%d" y="%d" text-anchor="%s">%s</text>`+"\n",
			x+left, y+t.y-10, w, t.class, x+t.x, y+t.y, t.anchor, html.EscapeString(t.text))
	}
}

// end draws the mark of a state after which its line is over.
func end(b *strings.Builder, x, y int) {
	arrow(b, x, y, 0, 0, 0, 12, false)
	fmt.Fprintf(b, `<circle class="ring" cx="%d" cy="%d" r="%d"/><circle class="dot" cx="%d" cy="%d" r="3"/>`+
		"\n", x, y+13+dotR, dotR, x, y+13+dotR)
}

func (n *node) draw(b *strings.Builder, x, y int) {
	class := "box " + string(n.state.kind)
	if len(n.inner) > 0 {
		class = "box group"
	}
	if n.mark != "" {
		class += " " + string(n.mark)
	}
	fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="9"/>`+"\n",
		class, x+n.x, y+n.y, n.w, n.h)
	fmt.Fprintf(b, `<text class="name" x="%d" y="%d" text-anchor="middle">%s</text>`+"\n",
		x+n.cx(), y+n.y+19, html.EscapeString(n.name))
	fmt.Fprintf(b, `<text class="kind" x="%d" y="%d" text-anchor="middle">%s</text>`+"\n",
		x+n.cx(), y+n.y+34, html.EscapeString(n.about))
	for _, in := range n.inner {
		in.d.draw(b, x+n.x+in.x, y+n.y+in.y)
	}
}

// edge draws an arrow from a state to another: straight down to the next layer, and otherwise
// through the gaps between the layers and a lane beside the boxes.
func (d *drawing) edge(b *strings.Builder, x, y int, from *node, e edge) {
	to := d.byName[e.to]
	class, tip := "", "tip"
	if e.failure {
		class, tip = " failed", "tipfail"
	}
	if to.layer == from.layer+1 {
		arrow(b, x, y, from.cx(), from.y+from.h, to.cx(), to.y, e.failure)
		d.text(to.cx(), to.y-10-d.shift(from, to), e.label, class, "middle", (to.w+gapX)/6)
		return
	}
	lane := d.lane()
	fx, fy := from.cx()+14, d.bottoms[from.layer]+gapY/2-6
	tx, ty := to.cx()+14, to.y-14
	fmt.Fprintf(b, `<path class="edge%s" marker-end="url(#%s)" d="M%d %dV%dH%dQ%d %d %d %dV%dQ%d %d %d %dH%dV%d"/>`+
		"\n", failClass(e.failure), tip, x+fx, y+from.y+from.h, y+fy, x+lane-8, x+lane, y+fy,
		x+lane,
		y+turn(fy, ty, 8), y+turn(ty, fy, 8), x+lane, y+ty, x+lane-8, y+ty, x+tx, y+to.y)
	d.text(lane-10, fy-4, e.label, class, "end", 30)
}

// turn is the height at which a corner begins.
func turn(from, to, r int) int {
	if to > from {
		return from + r
	}
	return from - r
}

func failClass(failure bool) string {
	if failure {
		return " fail"
	}
	return ""
}

func arrow(b *strings.Builder, x, y, fx, fy, tx, ty int, failure bool) {
	tip := "tip"
	if failure {
		tip = "tipfail"
	}
	mid := (fy + ty) / 2
	fmt.Fprintf(b, `<path class="edge%s" marker-end="url(#%s)" d="M%d %dC%d %d %d %d %d %d"/>`+"\n",
		failClass(failure), tip, x+fx, y+fy, x+fx, y+mid, x+tx, y+mid, x+tx, y+ty)
}
