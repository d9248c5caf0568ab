package workflow

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// compiler turns a definition into a machine and collects what is wrong with it on the way.
type compiler struct {
	options     Options
	diagnostics []Diagnostic
	jsonata     bool              // of the state or machine that is being read
	named       map[string]string // every state's name and where it was seen
	depth       int               // of nested machines
	single      bool              // one state by itself, whose targets are elsewhere
}

const maxNesting = 50 // of machines within machines

// maxDiagnostics is where collecting stops: who made so many mistakes starts with the first ones.
const maxDiagnostics = 100

func (c *compiler) report(severity Severity, code, at, hint, format string, args ...any) {
	if len(c.diagnostics) < maxDiagnostics {
		c.diagnostics = append(c.diagnostics, Diagnostic{
			Severity: severity, Code: code, Location: at, Hint: hint,
			Message: fmt.Sprintf(format, args...),
		})
	}
}

func (c *compiler) bad(at, hint, format string, args ...any) {
	c.report(SeverityError, CodeSchema, at, hint, format, args...)
}

// compile reads a definition (states-language.net, "Top-level fields").
func compile(definition []byte, o Options) (*Machine, []Diagnostic) {
	return (&compiler{options: o, named: make(map[string]string)}).compile(definition)
}

func (c *compiler) compile(definition []byte) (*Machine, []Diagnostic) {
	if len(definition) > maxDefinition {
		c.bad("", "move parts of it into machines of their own",
			"the definition is longer than %d bytes", maxDefinition)
		return nil, c.diagnostics
	}
	v, err := parseValue(definition, func(at string) {
		c.report(SeverityError, CodeJSON, at, "remove one of the two", "the member is given twice")
	})
	source, ok := v.(*Object)
	if err != nil || !ok {
		hint := "a definition is a JSON object with StartAt and States"
		if err != nil {
			hint = "the JSON is broken: " + err.Error()
		}
		c.bad("", hint, "Definition must be a valid JSON object")
		return nil, c.diagnostics
	}
	m := &Machine{Type: c.options.Type, evaluator: c.options.Evaluator, source: source}
	f := c.fields(source, "")
	m.Comment, _ = f.text("Comment")
	if version, ok := f.text("Version"); ok {
		if version != "1.0" {
			c.bad("/Version", `leave it out, or write "1.0"`, "there is no version %q of the language", version)
		}
		m.Version = version
	}
	c.jsonata = f.language(false)
	if n := f.integer("TimeoutSeconds", intField{least: 1, most: 99999999}); n != nil {
		m.timeout, _ = n.literal.Int64()
	}
	c.program(f, &m.program)
	f.rest("")
	return m, c.diagnostics
}

// program reads StartAt and States, of a machine or of one nested in a state.
func (c *compiler) program(f *fields, p *program) {
	p.location = f.at
	p.start, _ = f.text("StartAt")
	states, ok := f.object("States")
	var missing []string
	for _, name := range []string{"StartAt", "States"} {
		if _, given := f.o.Get(name); !given {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		at := f.at
		if at == "" {
			at = "/"
		}
		c.bad(at, "", "These fields are required: [%s]", strings.Join(missing, ", "))
	}
	if !ok {
		return
	}
	if states.Len() == 0 {
		c.bad(f.at+"/States", "add the state that StartAt names", "States must have at least one state")
		return
	}
	if c.depth++; c.depth > maxNesting {
		c.bad(f.at, "", "machines nest more than %d deep", maxNesting)
		return
	}
	p.states = make(map[string]*state, states.Len())
	for i := range states.Len() {
		name, v := states.At(i)
		at := f.at + "/States/" + name
		c.stateName(name, at)
		o, ok := v.(*Object)
		if !ok {
			c.bad(at, "", "a state must be an object")
			continue
		}
		p.states[name] = c.state(name, o, at)
		p.names = append(p.names, name)
	}
	c.depth--
	if !c.single || c.depth > 0 {
		c.transitions(p)
	}
}

// stateName judges a name (states-language.net, "States": unique in the whole machine, at most 80
// characters).
func (c *compiler) stateName(name, at string) {
	if n := utf8.RuneCountInString(name); n == 0 || n > maxStateName {
		c.bad(at, "", "the name of a state has 1 to %d characters, not %d", maxStateName, n)
	}
	if first, seen := c.named[name]; seen {
		c.report(SeverityError, CodeDuplicate, at, "rename one of them; the other stands at "+first,
			"Duplicate State name: %s", name)
		return
	}
	c.named[name] = at
}

// transitions checks that every target exists, that an end can be reached, and that every state can
// be reached (states-language.net, "Transitions").
func (c *compiler) transitions(p *program) {
	reached := make(map[string]bool)
	missing := func(name, at string) {
		if name != "" && p.states[name] == nil {
			c.report(SeverityError, CodeTarget, at, "name a state of the same States object",
				"Missing 'Next' target: %s", name)
		}
	}
	missing(p.start, p.location+"/StartAt")
	terminal := false
	for _, name := range p.names {
		s := p.states[name]
		for _, t := range s.targets() {
			missing(t.name, s.location+t.at)
		}
		terminal = terminal || s.kind != KindChoice && s.next == ""
	}
	if !terminal {
		c.report(SeverityError, CodeNoEnd, "", `give a state "End": true, or add a Succeed or Fail state`,
			"Workflow has no terminal state")
		return
	}
	pending := []string{p.start}
	for len(pending) > 0 {
		name := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		s := p.states[name]
		if s == nil || reached[name] {
			continue
		}
		reached[name] = true
		for _, t := range s.targets() {
			pending = append(pending, t.name)
		}
	}
	for _, name := range p.names {
		if !reached[name] {
			c.report(SeverityError, CodeTarget, p.states[name].location,
				"lead a Next, Default or Catch to it, or remove it", "State %q is not reachable.", name)
		}
	}
}

// target is where a state may lead, and the field that says so.
type target struct{ name, at string }

func (s *state) targets() []target {
	var list []target
	add := func(name, at string) {
		if name != "" {
			list = append(list, target{name, at})
		}
	}
	add(s.next, "/Next")
	for i, r := range s.choices {
		add(r.next, fmt.Sprintf("/Choices[%d]/Next", i))
	}
	add(s.fallback, "/Default")
	for i, k := range s.catch {
		add(k.next, fmt.Sprintf("/Catch[%d]/Next", i))
	}
	return list
}

// state reads one state: what all have in common, then what its type has.
func (c *compiler) state(name string, o *Object, at string) *state {
	outer := c.jsonata
	defer func() { c.jsonata = outer }()
	f := c.fields(o, at)
	kind, given := f.text("Type")
	s := &state{name: name, kind: Kind(kind), location: at}
	f.text("Comment")
	c.jsonata = f.language(outer)
	s.jsonata = c.jsonata
	switch s.kind {
	case KindPass, KindTask, KindChoice, KindWait, KindSucceed, KindFail, KindParallel, KindMap:
	default:
		if !given {
			c.bad(at, "", "These fields are required: [Type]")
		} else {
			c.bad(at+"/Type", "use Pass, Task, Choice, Wait, Succeed, Fail, Parallel or Map",
				"there is no state type %q", shorten(kind))
		}
		s.kind = KindFail // an end, so that no diagnostic follows from this one
		return s
	}
	c.inputAndOutput(f, s)
	switch s.kind {
	case KindPass:
		if v, ok := f.value("Result"); ok {
			s.result = &tmpl{constant: v}
		}
	case KindTask:
		c.task(f, s)
	case KindChoice:
		c.choice(f, s)
	case KindWait:
		s.wait = c.wait(f)
	case KindFail:
		s.errorName, s.cause = f.dynamicText("Error"), f.dynamicText("Cause")
	case KindParallel:
		c.parallel(f, s)
	case KindMap:
		c.mapState(f, s)
	}
	c.transition(f, s)
	f.rest(fmt.Sprintf("of a %s state in %s", s.kind, languageName(s.jsonata)))
	return s
}

func languageName(jsonata bool) string {
	if jsonata {
		return "JSONata"
	}
	return "JSONPath"
}

// inputAndOutput reads the fields that shape what goes in and comes out, where a state of that type
// and language has them (the table in states-language.net, "State types").
func (c *compiler) inputAndOutput(f *fields, s *state) {
	has := func(kinds ...Kind) bool { return slices.Contains(kinds, s.kind) }
	if s.kind == KindFail {
		return
	}
	if s.jsonata {
		if has(KindTask, KindParallel) {
			s.arguments = f.template("Arguments")
		}
		s.output = f.template("Output")
	} else {
		s.inputPath, s.outputPath = f.pathOrNull("InputPath"), f.pathOrNull("OutputPath")
		if has(KindPass, KindTask, KindParallel) {
			s.parameters = f.template("Parameters")
		}
		if has(KindTask, KindParallel, KindMap) {
			s.selector = f.template("ResultSelector")
		}
		if has(KindPass, KindTask, KindParallel, KindMap) {
			s.resultPath = f.referenceOrNull("ResultPath")
		}
	}
	if s.kind != KindSucceed {
		s.assign = f.assign()
	}
	if has(KindTask, KindParallel, KindMap) {
		c.retry(f, s)
		c.catch(f, s)
	}
}

// transition reads Next and End: one of them, except where a type ends or chooses by itself.
func (c *compiler) transition(f *fields, s *state) {
	switch s.kind {
	case KindSucceed, KindFail, KindChoice:
		return
	}
	next, hasNext := f.text("Next")
	end, hasEnd := f.boolean("End")
	switch {
	case hasNext && hasEnd && end:
		c.bad(f.at, "remove one of them", "a state has Next or End, not both")
	case !hasNext && !(hasEnd && end):
		c.bad(f.at, `add "Next", or "End": true`, "a state needs Next or End")
	}
	s.next = next
}
