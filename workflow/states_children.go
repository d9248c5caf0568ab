package workflow

import (
	"maps"
	"slices"
	"strconv"
)

// parallel runs its branches, each with a copy of the input (states-language.net, "Parallel
// State").
func (a *advance) parallel(f *Frame, s *state) error {
	_, parameters, err := a.parametersOf(f, s)
	if err != nil {
		return err
	}
	a.record(f, Record{Type: "ParallelStateStarted"})
	if a.test != nil {
		return a.mocked(f, s)
	}
	f.Phase = phaseChildren
	f.Items = make([]Data, len(s.branches))
	for i := range f.Items {
		f.Items[i] = Data{parameters}
	}
	f.Results = make([]*Held, len(s.branches))
	a.pump(f)
	return nil
}

// mapState runs its processor once for each item (states-language.net, "Map State").
func (a *advance) mapState(f *Frame, s *state) error {
	input, err := a.effective(f, s)
	if err != nil {
		return err
	}
	scope := a.scope(f, input)
	m := s.maps
	if m.concurrency != nil {
		n, err := m.concurrency.atLeast(0, scope)
		if err != nil {
			return err
		}
		f.Width = int(min(n, 1<<30))
	}
	if err := m.checkTolerance(scope); err != nil {
		return err
	}
	if a.test != nil && m.reader != nil {
		return a.mocked(f, s)
	}
	if m.reader != nil {
		return a.readItems(f, s, scope)
	}
	list, err := m.list(f, input, scope)
	if err != nil {
		return err
	}
	if a.test != nil {
		return a.mocked(f, s)
	}
	return a.iterate(f, s, input, list)
}

// list is the array of items within the input.
func (m *mapSpec) list(f *Frame, input Value, s *scope) (Array, error) {
	v := input
	var err error
	switch {
	case m.items != nil:
		if v, err = m.items.eval(s); err != nil {
			return nil, err
		}
		if list, ok := v.(Array); ok {
			return list, nil
		}
		return nil, m.items.expression.want("array", v)
	case m.itemsPath != nil:
		if v, err = s.find(m.itemsPath); err != nil {
			return nil, err
		}
	}
	if list, ok := v.(Array); ok {
		return list, nil
	}
	if f.program.states[f.State].jsonata {
		return nil, failf(ErrorQueryEvaluation, "Map state input must be an array but was: %s",
			shorten(Text(v)))
	}
	path := "$"
	if m.itemsPath != nil {
		path = m.itemsPath.String()
	}
	return nil, runtimef("Reference path %q must point to array.", path)
}

// readItems asks for what ItemReader names.
func (a *advance) readItems(f *Frame, s *state, scope *scope) error {
	r := s.maps.reader
	c := Command{
		Kind: Read, ID: f.id(), State: s.name, Path: s.location, Attempt: f.Attempt,
		Resource: r.resource,
	}
	if r.parameters != nil {
		v, err := r.parameters.eval(scope)
		if err != nil {
			return err
		}
		c.Input = v
	}
	f.Phase = phaseReading
	a.command(c)
	return nil
}

// itemsRead goes on with what was read.
func (a *advance) itemsRead(f *Frame, s *state, output Value) error {
	input, err := a.effective(f, s)
	if err != nil {
		return err
	}
	r := s.maps.reader
	var limit int64
	if r.maxItems != nil {
		n, err := r.maxItems.lenient(a.scope(f, input))
		if err != nil {
			return err
		}
		if n < 0 {
			return failf(ErrorItemReaderFailed, "field MaxItems must be positive")
		}
		limit = n
	}
	list, err := r.items(output, limit)
	if err != nil {
		return failf(ErrorItemReaderFailed, "%v", err)
	}
	return a.iterate(f, s, input, list)
}

// lenient is a whole number that a path may also find written as a text.
func (n *integer) lenient(s *scope) (int64, error) {
	v, i, ok, err := n.eval(s)
	if err != nil || ok {
		return i, err
	}
	if text, isText := v.(string); isText {
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i, nil
		}
	}
	return n.atLeast(0, s)
}

// iterate shapes the items and starts with them.
func (a *advance) iterate(f *Frame, s *state, input Value, list Array) error {
	m := s.maps
	a.record(f, Record{Type: "MapStateStarted"})
	items := make([]Data, len(list))
	for i, v := range list {
		items[i] = Data{v}
		if m.selector == nil {
			continue
		}
		selected, err := a.selected(f, s, input, i, v)
		if err != nil {
			return err
		}
		items[i] = Data{selected}
	}
	if b := m.batcher; b != nil {
		var err error
		if items, err = a.batched(f, b, input, items); err != nil {
			return err
		}
		f.Batched = true
	}
	f.Phase, f.Items, f.Results = phaseChildren, items, make([]*Held, len(items))
	if !f.Batched && m.selector != nil && !m.distributed {
		// The Context Object shows the item itself, whatever ItemSelector made of it.
		for i, v := range list {
			f.Results[i] = &Held{v}
		}
	}
	a.pump(f)
	return nil
}

// selected is what ItemSelector makes of an item.
func (a *advance) selected(f *Frame, s *state, input Value, i int, v Value) (Value, error) {
	scope := a.scope(f, input)
	around := scope.context
	scope.context = func() *Object { return around().With("Map", mapContext(i, v)) }
	return s.maps.selector.eval(scope)
}

func (a *advance) batched(f *Frame, b *batcherSpec, input Value, items []Data) ([]Data, error) {
	scope := a.scope(f, input)
	var most, bytes int64
	var err error
	if b.maxItems != nil {
		if most, err = b.maxItems.lenient(scope); err != nil {
			return nil, err
		}
	}
	if b.maxBytes != nil {
		if bytes, err = b.maxBytes.lenient(scope); err != nil {
			return nil, err
		}
	}
	var with *Value
	if b.input != nil {
		v, err := b.input.eval(scope)
		if err != nil {
			return nil, err
		}
		with = &v
	}
	list := make(Array, len(items))
	for i := range items {
		list[i] = items[i].Value
	}
	groups := batches(list, most, bytes, with)
	items = make([]Data, len(groups))
	for i := range groups {
		items[i] = Data{groups[i]}
	}
	return items, nil
}

// pump starts children while there is room, and ends the state when all are done. Children that end
// at once come back here in a loop, not in a recursion.
func (a *advance) pump(f *Frame) {
	if f.pumping {
		return
	}
	f.pumping = true
	defer func() { f.pumping = false }()
	s, visit, attempt := f.program.states[f.State], f.Step, f.Attempt
	same := func() bool {
		return a.running() && f.Phase == phaseChildren && f.Step == visit && f.Attempt == attempt
	}
	for same() && f.more() && (f.Width == 0 || len(f.Children) < f.Width) {
		if a.steps == 0 {
			a.pause()
			return
		}
		if len(f.Again) > 0 {
			a.again(f)
		} else {
			a.run(a.child(f, s))
		}
	}
	if !same() || f.more() || len(f.Children) > 0 {
		return
	}
	if err := a.joined(f, s); err != nil {
		a.fail(f, failureOf(err))
	}
}

// more reports whether children are left that have not begun, or not begun again.
func (f *Frame) more() bool { return len(f.Again) > 0 || f.Started < len(f.Items) }

// again has the next child of a frame go on after a redrive.
func (a *advance) again(f *Frame) {
	i := slices.Min(slices.Collect(maps.Keys(f.Again)))
	child := f.Again[i]
	delete(f.Again, i)
	if f.Children == nil {
		f.Children = make(map[int]*Frame)
	}
	f.Children[i] = child
	a.reenter(child)
	a.run(child)
}

// reenter has a frame go on after a redrive: with the children that did not come to their end, if
// its state has any, and otherwise with its state, from the beginning.
func (a *advance) reenter(f *Frame) {
	if len(f.Halted) == 0 {
		f.clear()
		a.enter(f, f.State, f.Input.Value)
		return
	}
	f.Phase, f.Retries, f.Bad = phaseChildren, nil, 0
	f.Again, f.Halted = f.Halted, nil
	a.pump(f)
}

// child starts the next child of a frame.
func (a *advance) child(f *Frame, s *state) *Frame {
	i := f.Started
	f.Started++
	c := &Frame{parent: f, Index: i}
	if s.kind == KindParallel {
		c.program = s.branches[i]
	} else {
		c.program = s.maps.processor
		c.Alone = s.maps.distributed
		item := f.Items[i]
		c.Item = &Held{item.Value}
		if f.Results[i] != nil {
			c.Item, f.Results[i] = f.Results[i], nil
		}
		a.iteration(f, s, Record{Type: "MapIterationStarted", Index: i})
	}
	if f.Children == nil {
		f.Children = make(map[int]*Frame)
	}
	f.Children[i] = c
	a.enter(c, c.program.start, f.Items[i].Value)
	f.Items[i] = Data{}
	return c
}

// iteration records what an iteration of an inline Map comes to. Those of a distributed Map have
// histories of their own.
func (a *advance) iteration(f *Frame, s *state, r Record) {
	if s.kind == KindMap && !s.maps.distributed {
		a.record(f, r)
	}
}

// childDone keeps a child's output and goes on with the next.
func (a *advance) childDone(f, child *Frame, output Value) {
	s := f.program.states[f.State]
	a.iteration(f, s, Record{Type: "MapIterationSucceeded", Index: child.Index, Output: output})
	delete(f.Children, child.Index)
	f.Results[child.Index] = &Held{output}
	a.pump(f)
}

// childFailed fails the whole state, and cancels the child's siblings, unless the Map tolerates it.
func (a *advance) childFailed(f, child *Frame, failure *Failure) {
	s := f.program.states[f.State]
	delete(f.Children, child.Index)
	f.halt(child)
	a.iteration(f, s, Record{Type: "MapIterationFailed", Index: child.Index, Failure: failure})
	if s.kind != KindMap || !s.maps.distributed {
		a.fail(f, failure)
		return
	}
	f.Bad++
	exceeded, err := a.exceeded(f, s)
	switch {
	case err != nil:
		a.fail(f, failureOf(err))
	case exceeded:
		a.fail(f, failf(ErrorExceedTolerated,
			"The specified tolerated failure threshold was exceeded"))
	default:
		a.pump(f)
	}
}

// joined ends a Parallel or a Map with the array of its children's outputs. Items that failed and
// were tolerated leave no place in it.
func (a *advance) joined(f *Frame, s *state) error {
	list := make(Array, 0, len(f.Results))
	for _, r := range f.Results {
		if r != nil {
			list = append(list, r.Value)
		}
	}
	a.record(f, Record{Type: string(s.kind) + "StateSucceeded", Output: list})
	if s.kind == KindMap && s.maps.writer != nil && s.maps.writer.parameters != nil {
		return a.write(f, s, list)
	}
	if size := sizeOf(list); size > maxPayload {
		return failf(ErrorDataLimitExceeded, "The state/task '%s' returned a result "+
			"with a size exceeding the maximum number of bytes service limit.", s.name)
	}
	return a.complete(f, s, list)
}

// write hands the results to who writes them; its answer becomes the Map's result.
func (a *advance) write(f *Frame, s *state, list Array) error {
	w := s.maps.writer
	input, err := a.effective(f, s)
	if err != nil {
		return err
	}
	parameters, err := w.parameters.eval(a.scope(f, input))
	if err != nil {
		return err
	}
	f.Phase = phaseWriting
	a.command(Command{
		Kind: Write, ID: f.id(), State: s.name, Path: s.location, Attempt: f.Attempt,
		Resource: w.resource, Input: NewObject("Parameters", parameters, "Results", list),
	})
	return nil
}
