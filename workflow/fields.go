package workflow

import (
	"strconv"
	"strings"
	"time"
)

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
		return time.Time{}, runtimef("The %s parameter does not reference an input value: %s",
			t.field, t.path)
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
		return 0, failf(ErrorQueryEvaluation,
			"The JSONata expression '%s' specified for the field '%s' "+
				"returned a value outside the acceptable range: %d",
			n.expression.source, n.field, i)
	case ok:
		return 0, runtimef("Expected an integer of %d or more for %s, got '%d' instead.", least,
			n.field, i)
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
		return 0, runtimef("The %s parameter does not reference an input value: %s", n.field,
			n.path)
	}
	switch {
	case err != nil:
		return 0, err
	case !ok:
		return 0, runtimef("The %s parameter cannot be parsed as a long value: %s == %s",
			n.field, n.path, shorten(formatted(v, 0)))
	case i < 0:
		return 0, runtimef("The %s parameter references a negative value: %s == %d", n.field,
			n.path, i)
	}
	return min(i, 99999999), nil
}
