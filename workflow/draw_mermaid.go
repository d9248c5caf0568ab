package workflow

import (
	"fmt"
	"strings"
)

// Mermaid draws the machine as a Mermaid state diagram.
func (m *Machine) Mermaid() string { return m.MermaidOf(nil) }

// MermaidOf is Mermaid with the states of an execution in the colours of how far it is.
func (m *Machine) MermaidOf(marks Marks) string {
	d := &mermaid{ids: make(map[*state]string), marks: marks}
	d.b.WriteString("stateDiagram-v2\n")
	if len(marks) > 0 {
		d.b.WriteString(markClasses)
	}
	d.program(&m.program, "    ")
	return d.b.String()
}

// mermaid writes one diagram. States get short ids, since names may hold any character.
type mermaid struct {
	b     strings.Builder
	ids   map[*state]string
	marks Marks
}

func (d *mermaid) id(s *state) string {
	if d.ids[s] == "" {
		d.ids[s] = fmt.Sprintf("s%d", len(d.ids)+1)
	}
	return d.ids[s]
}

func (d *mermaid) line(indent, format string, args ...any) {
	d.b.WriteString(indent + fmt.Sprintf(format, args...) + "\n")
}

func (d *mermaid) program(p *program, indent string) {
	for _, name := range p.names {
		s := p.states[name]
		d.line(indent, "state %q as %s", label(name), d.id(s))
		if mark := d.marks[name]; mark != "" {
			d.line(indent, "class %s %s", d.id(s), mark)
		}
		switch s.kind {
		case KindParallel:
			d.composite(s, s.branches, indent)
		case KindMap:
			d.composite(s, []*program{s.maps.processor}, indent)
		}
	}
	d.line(indent, "[*] --> %s", d.id(p.states[p.start]))
	for _, name := range p.names {
		s := p.states[name]
		for _, e := range s.edges() {
			if e.label == "" {
				d.line(indent, "%s --> %s", d.id(s), d.id(p.states[e.to]))
			} else {
				d.line(indent, "%s --> %s : %s", d.id(s), d.id(p.states[e.to]), label(e.label))
			}
		}
		if s.ends() {
			d.line(indent, "%s --> [*]", d.id(s))
		}
	}
}

// composite draws what runs within a state; branches are divided by a line.
func (d *mermaid) composite(s *state, inner []*program, indent string) {
	d.line(indent, "state %s {", d.id(s))
	for i, p := range inner {
		if i > 0 {
			d.line(indent, "    --")
		}
		d.program(p, indent+"    ")
	}
	d.line(indent, "}")
}

// label takes the characters out of a text that Mermaid would read as its own.
func label(s string) string {
	return strings.NewReplacer(`"`, "'", ":", " ", ";", ",", "\n", " ", "#", "").Replace(s)
}

// edge is an arrow of a drawing.
type edge struct {
	to, label string
	failure   bool
}

// edges are where a state leads.
func (s *state) edges() []edge {
	var list []edge
	if s.next != "" {
		list = append(list, edge{to: s.next})
	}
	for _, r := range s.choices {
		list = append(list, edge{to: r.next, label: r.String()})
	}
	if s.fallback != "" {
		list = append(list, edge{to: s.fallback, label: "otherwise"})
	}
	for _, k := range s.catch {
		list = append(list, edge{to: k.next, label: strings.Join(k.errors, ", "), failure: true})
	}
	return list
}

// ends reports whether a frame can be over after this state.
func (s *state) ends() bool { return s.kind != KindChoice && s.next == "" }

// String is a rule in a few words.
func (r *rule) String() string {
	switch {
	case r.condition != nil && r.condition.expression != nil:
		return drawText(r.condition.expression.source)
	case r.condition != nil:
		return Text(r.condition.constant)
	case r.op == "Not":
		return "not (" + r.parts[0].String() + ")"
	case r.op == "And" || r.op == "Or":
		parts := make([]string, len(r.parts))
		for i, p := range r.parts {
			parts[i] = p.String()
		}
		return drawText(strings.Join(parts, " "+strings.ToLower(r.op)+" "))
	}
	return drawText(fmt.Sprintf("%s %s", r.variable, r.comparison()))
}

// comparison is a comparison as people write it.
func (r *rule) comparison() string {
	op := strings.TrimSuffix(r.op, "Path")
	operand := Text(r.operand)
	if r.path != nil {
		operand = r.path.String()
	}
	if kind, ok := strings.CutPrefix(op, "Is"); ok {
		if r.operand == false {
			return "is not " + strings.ToLower(kind)
		}
		return "is " + strings.ToLower(kind)
	}
	for _, kind := range []string{"String", "Numeric", "Timestamp", "Boolean"} {
		op = strings.TrimPrefix(op, kind)
	}
	signs := map[string]string{
		"Equals": "=", "LessThan": "<", "GreaterThan": ">", "LessThanEquals": "≤",
		"GreaterThanEquals": "≥", "Matches": "like",
	}
	return signs[op] + " " + operand
}

// drawText keeps a label short enough for an arrow.
func drawText(s string) string {
	const most = 48
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
