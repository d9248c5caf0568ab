package workflow

// exceeded reports whether more items have failed than a distributed Map tolerates.
func (a *advance) exceeded(f *Frame, s *state) (bool, error) {
	input, err := a.effective(f, s)
	if err != nil {
		return false, err
	}
	count, percentage, err := s.maps.tolerance(a.scope(f, input))
	if err != nil {
		return false, err
	}
	if percentage == 0 || count > 0 && int64(f.Bad) > count {
		return int64(f.Bad) > count, nil
	}
	return float64(f.Bad)*100 > percentage*float64(len(f.Items)), nil
}

func (m *mapSpec) checkTolerance(s *scope) error {
	_, _, err := m.tolerance(s)
	return err
}

// tolerance is how many failures, and what part of all items in percent, a Map tolerates.
func (m *mapSpec) tolerance(s *scope) (count int64, percentage float64, err error) {
	if m.tolerate != nil {
		v, n, ok, err := m.tolerate.eval(s)
		switch {
		case err != nil:
			return 0, 0, err
		case ok && n < 0:
			return 0, 0, m.tolerate.refused("ToleratedFailureCount cannot be negative.")
		case !ok && m.tolerate.expression != nil:
			return 0, 0, m.tolerate.expression.want("integer", v)
		case !ok:
			return 0, 0, runtimef("The %s field refers to value %s which is not a valid "+
				"integer: %s",
				m.tolerate.field, shorten(Text(v)), m.tolerate.path)
		}
		count = n
	}
	if m.percentage != nil {
		v, _, _, err := m.percentage.eval(s)
		if err != nil {
			return 0, 0, err
		}
		n, ok := v.(Number)
		x, _ := n.Float64()
		switch {
		case !ok && m.percentage.expression != nil:
			return 0, 0, m.percentage.expression.want("number", v)
		case !ok:
			return 0, 0, runtimef("The %s field refers to value %s which is not a valid float: %s",
				m.percentage.field, shorten(Text(v)), m.percentage.path)
		case x < 0 || x > 100:
			return 0, 0, m.percentage.refused("ToleratedFailurePercentage must be between 0 and " +
				"100.")
		}
		percentage = x
	}
	return count, percentage, nil
}

// refused is the failure of a number that its field does not take.
func (n *integer) refused(why string) *Failure {
	if n.expression != nil {
		return failf(ErrorQueryEvaluation,
			"The JSONata expression '%s' specified for the field '%s': %s",
			n.expression.source, n.field, why)
	}
	return runtimef("%s", why)
}
