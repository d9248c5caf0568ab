package workflow

import (
	"strconv"
	"strings"
	"time"
)

// scope is what the fields of a frame's state can see. In JSONPath, $ is what input says.
func (a *advance) scope(f *Frame, input Value) *scope {
	return &scope{
		machine: a.m, env: a.env, input: input, jsonInput: f.Input.Value, vars: f.vars(),
		context: func() *Object { return a.context(f) },
	}
}

// context is the Context Object (states-language.net, "The Context Object").
func (a *advance) context(f *Frame) *Object {
	if a.test != nil && a.test.Context != nil {
		return a.test.Context
	}
	x := a.x
	input := x.Input.Value
	for g := f; g != nil; g = g.parent {
		if g.Alone {
			input = g.Item.Value
			break
		}
	}
	var role Value
	if x.Role != "" {
		role = x.Role
	}
	current := NewObject("EnteredTime", stamp(f.Entered), "Name", f.State)
	if a.test != nil {
		current.put("Name", "StateName")
	}
	switch f.program.states[f.State].kind {
	case KindTask, KindParallel, KindMap:
		current.put("RetryCount", Int(int64(f.Attempt)))
	}
	c := NewObject(
		"Execution", NewObject("Id", x.ID, "Input", input, "StartTime", stamp(x.Started),
			"Name", x.Name, "RoleArn", role, "RedriveCount", Int(int64(x.Redrives))),
		"StateMachine", NewObject("Id", x.MachineID, "Name", x.Machine),
		"State", current)
	if f.Token != "" {
		c.put("Task", NewObject("Token", f.Token))
	}
	for g := f; g != nil && !g.Alone; g = g.parent {
		if g.Item != nil {
			c.put("Map", mapContext(g.Index, g.Item.Value))
			break
		}
	}
	return c
}

func mapContext(index int, v Value) *Object {
	return NewObject("Item", NewObject("Index", Int(int64(index)), "Value", v))
}

// stamp is a moment as the Context Object has it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// effective is the input after InputPath: all of it, a part, or an empty object.
func (a *advance) effective(f *Frame, s *state) (Value, error) {
	switch {
	case s.inputPath == nil:
		return f.Input.Value, nil
	case s.inputPath.path == nil:
		return &Object{}, nil
	}
	return a.scope(f, f.Input.Value).find(s.inputPath.path)
}

// parametersOf is the input of the work: after InputPath and Parameters, or Arguments.
func (a *advance) parametersOf(f *Frame, s *state) (input, parameters Value, err error) {
	if s.jsonata {
		if s.arguments == nil {
			return f.Input.Value, f.Input.Value, nil
		}
		parameters, err = s.arguments.eval(a.scope(f, f.Input.Value))
		return f.Input.Value, parameters, err
	}
	if input, err = a.effective(f, s); err != nil || s.parameters == nil {
		return input, input, err
	}
	parameters, err = s.parameters.eval(a.scope(f, input))
	return input, parameters, err
}

// pass does nothing but shape its input (states-language.net, "Pass State").
func (a *advance) pass(f *Frame, s *state) error {
	_, result, err := a.parametersOf(f, s)
	if err != nil {
		return err
	}
	if s.result != nil {
		result = s.result.constant
	}
	if s.jsonata {
		return a.leaveJSONata(f, s, s.next, s.output, s.assign, result)
	}
	assigned, err := a.assigned(s.assign, a.scope(f, result))
	if err != nil {
		return err
	}
	return a.leaveJSONPath(f, s, s.next, result, assigned)
}

// complete ends the work of a Task, a Parallel or a Map: its result becomes the state's output.
func (a *advance) complete(f *Frame, s *state, result Value) error {
	if s.jsonata {
		scope := a.scope(f, f.Input.Value)
		scope.result = &result
		return a.leaveWith(f, s, s.next, s.output, s.assign, result, scope)
	}
	scope := a.scope(f, result)
	assigned, err := a.assigned(s.assign, scope)
	if err != nil {
		return err
	}
	if s.selector != nil {
		if result, err = s.selector.eval(scope); err != nil {
			return err
		}
	}
	return a.leaveJSONPath(f, s, s.next, result, assigned)
}

// leaveJSONPath puts a result into the input by ResultPath and takes the output out of that by
// OutputPath (states-language.net, "Input and Output Processing").
func (a *advance) leaveJSONPath(f *Frame, s *state, next string, result Value, assigned *Object) error {
	output, err := placed(s.resultPath, f.Input.Value, result)
	if err != nil {
		return err
	}
	if output, err = a.outputPath(f, s, output); err != nil {
		return err
	}
	return a.leave(f, s, next, output, assigned)
}

func placed(p *pathOrNull, input, result Value) (Value, error) {
	switch {
	case p == nil:
		return result, nil
	case p.path == nil: // the result is discarded
		return input, nil
	}
	v, err := p.path.set(input, result)
	if err != nil {
		return nil, failf(ErrorResultPathMatchFailure, "%v", err)
	}
	return v, nil
}

func (a *advance) outputPath(f *Frame, s *state, v Value) (Value, error) {
	switch {
	case s.outputPath == nil:
		return v, nil
	case s.outputPath.path == nil:
		return &Object{}, nil
	}
	return a.scope(f, v).find(s.outputPath.path)
}

// leaveJSONata ends a state in JSONata that has no result of its own: the output is otherwise,
// unless Output says what it is.
func (a *advance) leaveJSONata(
	f *Frame, s *state, next string, output, assign *tmpl, otherwise Value,
) error {
	return a.leaveWith(f, s, next, output, assign, otherwise, a.scope(f, f.Input.Value))
}

func (a *advance) leaveWith(
	f *Frame, s *state, next string, output, assign *tmpl, otherwise Value, scope *scope,
) (err error) {
	assigned, err := a.assigned(assign, scope)
	if err != nil {
		return err
	}
	if output != nil {
		if otherwise, err = output.eval(scope); err != nil {
			return err
		}
	}
	return a.leave(f, s, next, otherwise, assigned)
}

func (a *advance) assigned(t *tmpl, s *scope) (*Object, error) {
	if t == nil {
		return nil, nil
	}
	v, err := t.eval(s)
	if err != nil {
		return nil, err
	}
	return v.(*Object), nil
}

// choose follows the first rule that holds, or Default (states-language.net, "Choice State").
func (a *advance) choose(f *Frame, s *state) error {
	input, err := a.effective(f, s)
	if err != nil {
		return err
	}
	scope := a.scope(f, input)
	next, assign, output := s.fallback, s.assign, s.output
	for _, r := range s.choices {
		yes, err := r.holds(scope)
		if err != nil {
			return err
		}
		if yes {
			next, assign, output = r.next, r.assign, r.output
			break
		}
	}
	if next == "" {
		return noMatch(s)
	}
	if s.jsonata {
		return a.leaveJSONata(f, s, next, output, assign, f.Input.Value)
	}
	assigned, err := a.assigned(assign, scope)
	if err != nil {
		return err
	}
	if input, err = a.outputPath(f, s, input); err != nil {
		return err
	}
	return a.leave(f, s, next, input, assigned)
}

// wait asks to be woken (states-language.net, "Wait State").
func (a *advance) wait(f *Frame, s *state) error {
	input, err := a.effective(f, s)
	if err != nil {
		return err
	}
	scope := a.scope(f, input)
	at := a.env.Now
	if s.wait.seconds != nil {
		n, err := s.wait.seconds.waitSeconds(scope)
		if err != nil {
			return err
		}
		at = at.Add(time.Duration(n) * time.Second)
	} else if at, err = s.wait.timestamp.moment(scope); err != nil {
		return err
	}
	if !at.After(a.env.Now) || a.test != nil {
		return a.leaveWait(f, s)
	}
	f.Phase, f.Due = phaseWait, at
	a.command(Command{Kind: Wake, ID: f.id(), At: at, State: s.name})
	return nil
}

func (a *advance) leaveWait(f *Frame, s *state) error {
	if s.jsonata {
		return a.leaveJSONata(f, s, s.next, s.output, s.assign, f.Input.Value)
	}
	input, err := a.effective(f, s)
	if err != nil {
		return err
	}
	assigned, err := a.assigned(s.assign, a.scope(f, input))
	if err != nil {
		return err
	}
	if input, err = a.outputPath(f, s, input); err != nil {
		return err
	}
	return a.leave(f, s, s.next, input, assigned)
}

// succeed ends its frame (states-language.net, "Succeed State").
func (a *advance) succeed(f *Frame, s *state) error {
	if s.jsonata {
		return a.leaveJSONata(f, s, "", s.output, nil, f.Input.Value)
	}
	input, err := a.effective(f, s)
	if err != nil {
		return err
	}
	if input, err = a.outputPath(f, s, input); err != nil {
		return err
	}
	return a.leave(f, s, "", input, nil)
}

// failState ends its frame with an error (states-language.net, "Fail State").
func (a *advance) failState(f *Frame, s *state) error {
	scope := a.scope(f, f.Input.Value)
	failure := &Failure{}
	for _, part := range []struct {
		spec *textSpec
		to   **string
	}{{s.errorName, &failure.Code}, {s.cause, &failure.Cause}} {
		if part.spec == nil {
			continue
		}
		v, err := part.spec.eval(scope)
		if err != nil {
			return err
		}
		text, ok := v.(string)
		if !ok {
			if part.spec.expression != nil {
				return part.spec.expression.want("string", v)
			}
			return runtimef("The %s parameter must be a string, but was %s", part.spec.field, kindOf(v))
		}
		*part.to = &text
	}
	return failure
}

// eval is the text of a field, or whatever stands where its path points.
func (t *textSpec) eval(s *scope) (Value, error) {
	switch {
	case t.expression != nil:
		return t.expression.eval(s)
	case t.path != nil:
		return s.find(t.path)
	case t.call != nil:
		return t.call.eval(s)
	}
	return t.literal, nil
}

func (t *textSpec) moment(s *scope) (time.Time, error) {
	v, err := t.eval(s)
	if _, missing := err.(*missingPath); missing {
		return time.Time{}, runtimef("The %s parameter does not reference an input value: %s", t.field, t.path)
	}
	if err != nil {
		return time.Time{}, err
	}
	text, ok := v.(string)
	if !ok && t.expression != nil {
		return time.Time{}, t.expression.want("string", v)
	}
	at, err := parseTimestamp(text)
	if err != nil && t.expression != nil {
		return at, failf(ErrorQueryEvaluation, "The %s field cannot be parsed as an ISO-8601 "+
			"extended offset date-time format string: %s", t.field, shorten(formatted(v, 0)))
	}
	if err != nil {
		return at, runtimef("The %s parameter does not reference a valid ISO-8601 extended offset "+
			"date-time format string: %s == %s", t.field, t.path, shorten(formatted(v, 0)))
	}
	return at, nil
}

// eval is the number of a field. ok is false where its path or expression found no number; the
// caller says what that means.
func (n *integer) eval(s *scope) (v Value, i int64, ok bool, err error) {
	switch {
	case n.literal != nil:
		v = *n.literal
	case n.path != nil:
		v, err = s.find(n.path)
	default:
		v, err = n.expression.eval(s)
	}
	if err != nil {
		return nil, 0, false, err
	}
	number, isNumber := v.(Number)
	if !isNumber {
		return v, 0, false, nil
	}
	text := string(number)
	if n.path == nil { // 2.0 of an expression is 2; of a path it is not a long value
		text = strings.TrimSuffix(text, ".0")
	}
	i, err = strconv.ParseInt(text, 10, 64)
	return v, i, err == nil, nil
}

// atLeast is the number of a field that has a least value.
func (n *integer) atLeast(least int64, s *scope) (int64, error) {
	v, i, ok, err := n.eval(s)
	switch {
	case err != nil:
		return 0, err
	case ok && i >= least:
		return i, nil
	case n.expression != nil && !ok:
		return 0, n.expression.want("integer", v)
	case n.expression != nil:
		return 0, failf(ErrorQueryEvaluation, "The JSONata expression '%s' specified for the field '%s' "+
			"returned a value outside the acceptable range: %d", n.expression.source, n.field, i)
	case ok:
		return 0, runtimef("Expected an integer of %d or more for %s, got '%d' instead.", least, n.field, i)
	}
	return 0, runtimef("The %s field refers to value %s which is not a valid integer: %s",
		n.field, shorten(Text(v)), n.path)
}

func (n *integer) waitSeconds(s *scope) (int64, error) {
	if n.path == nil {
		i, err := n.atLeast(0, s)
		return min(i, 99999999), err
	}
	v, i, ok, err := n.eval(s)
	if _, missing := err.(*missingPath); missing {
		return 0, runtimef("The %s parameter does not reference an input value: %s", n.field, n.path)
	}
	switch {
	case err != nil:
		return 0, err
	case !ok:
		return 0, runtimef("The %s parameter cannot be parsed as a long value: %s == %s",
			n.field, n.path, shorten(formatted(v, 0)))
	case i < 0:
		return 0, runtimef("The %s parameter references a negative value: %s == %d", n.field, n.path, i)
	}
	return min(i, 99999999), nil
}
