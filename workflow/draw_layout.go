package workflow

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// drawing is a program laid out: its states in layers, from the start down.
type drawing struct {
	start   string
	nodes   []*node
	byName  map[string]*node
	w, h    int
	bottoms []int // where each layer ends
	lanes   int   // arrows beside the boxes so far
	right   int   // where the boxes end
	texts   []placedText
	shifts  map[[2]*node]int
}

// node is one state in a drawing.
type node struct {
	state       *state
	name, about string
	mark        Mark
	layer       int
	x, y, w, h  int
	inner       []inset
}

// inset is a drawing within a state.
type inset struct {
	d    *drawing
	x, y int
}

type placedText struct {
	x, y                int
	text, class, anchor string
}

func (n *node) cx() int { return n.x + n.w/2 }

// layOut places the states of a program.
func layOut(p *program) *drawing {
	d := &drawing{
		start: p.start, byName: make(map[string]*node, len(p.names)), shifts: make(
			map[[2]*node]int),
	}
	for _, name := range p.names {
		n := newNode(p.states[name])
		d.nodes = append(d.nodes, n)
		d.byName[name] = n
	}
	d.layers(p)
	d.place()
	return d
}

func newNode(s *state) *node {
	n := &node{state: s, name: drawText(s.name), about: s.about(), layer: -1, h: boxH}
	n.w = max(120, 8*utf8.RuneCountInString(n.name)+28, 6*utf8.RuneCountInString(n.about)+28)
	inner := s.branches
	if s.kind == KindMap {
		inner = []*program{s.maps.processor}
	}
	x := pad
	for _, p := range inner {
		in := layOut(p)
		n.inner = append(n.inner, inset{in, x, headH + 8})
		x += in.w + pad
		n.h = max(n.h, headH+8+in.h+pad)
	}
	if len(inner) > 0 {
		n.w = max(n.w, x)
	}
	return n
}

// about says in a few words what a state does.
func (s *state) about() string {
	words := string(s.kind)
	switch s.kind {
	case KindTask:
		r := s.task.resource
		if called, pattern := PatternOf(r); strings.HasPrefix(r, "arn:") {
			parts := strings.Split(called, ":")
			r = strings.Join(parts[max(0, len(parts)-2):], ":") + string(pattern)
		}
		words = strings.Trim(r, "${}")
		if words == "" {
			words = "Task"
		}
	case KindMap:
		words = "Map, for each item"
		if s.maps.distributed {
			words = "distributed " + words
		}
	case KindParallel:
		words = fmt.Sprintf("Parallel, %d branches", len(s.branches))
	}
	if len(s.retry) > 0 {
		words += ", with retries"
	}
	return drawText(words)
}

// layers gives each state the longest way from the start, without going round in circles.
func (d *drawing) layers(p *program) {
	onPath := make(map[string]bool)
	visits := 0
	var visit func(name string, layer int)
	visit = func(name string, layer int) {
		n := d.byName[name]
		const enough = 20_000 // steps; a machine that has more ways is drawn with shorter ones
		if visits++; onPath[name] || layer <= n.layer || visits > enough && n.layer >= 0 {
			return
		}
		n.layer = layer
		onPath[name] = true
		for _, e := range n.state.edges() {
			visit(e.to, layer+1)
		}
		onPath[name] = false
	}
	visit(p.start, 0)
}

// place turns layers into coordinates: each layer in a row, centred.
func (d *drawing) place() {
	var rows [][]*node
	for _, n := range d.nodes {
		for len(rows) <= n.layer {
			rows = append(rows, nil)
		}
		rows[n.layer] = append(rows[n.layer], n)
	}
	widths := make([]int, len(rows))
	for i, row := range rows {
		for _, n := range row {
			widths[i] += n.w + gapX
		}
		widths[i] -= gapX
		d.w = max(d.w, widths[i])
	}
	y := 2*dotR + gapY/2
	for i, row := range rows {
		x, tallest := (d.w-widths[i])/2, 0
		for _, n := range row {
			n.x, n.y = x, y
			x += n.w + gapX
			tallest = max(tallest, n.h)
		}
		d.bottoms = append(d.bottoms, y+tallest)
		y += tallest + gapY
	}
	d.right = d.w
	beside := 0
	for _, n := range d.nodes {
		for _, e := range n.state.edges() {
			if d.byName[e.to].layer != n.layer+1 {
				beside++
			}
		}
	}
	if beside > 0 {
		d.w += gapX + beside*laneStep
	}
	d.h = y - gapY/2
}

// lane is the next free lane beside the boxes.
func (d *drawing) lane() int {
	d.lanes++
	return d.right + gapX/2 + d.lanes*laneStep
}

// shift keeps the labels of several arrows between the same two states apart.
func (d *drawing) shift(from, to *node) int {
	n := d.shifts[[2]*node{from, to}]
	d.shifts[[2]*node{from, to}]++
	return 12 * n
}

func (d *drawing) text(x, y int, s, class, anchor string, most int) {
	if r := []rune(s); len(r) > most {
		s = string(r[:most-1]) + "…"
	}
	if s != "" {
		d.texts = append(d.texts, placedText{x, y, s, class, anchor})
	}
}
