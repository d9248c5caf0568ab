package workflow

import (
	"errors"
	"time"
)

// ErrUndefined is what an [Evaluator] answers when an expression has no value: a path that leads
// nowhere, a filter that keeps nothing. The language makes it a States.QueryEvaluationError.
var ErrUndefined = errors.New("the expression has no value")

// Evaluator evaluates the expressions between {% and %}: the seam behind which JSONata lives.
//
// It must be safe for concurrent use. It sees and returns values of this package's model (see
// [Value]) and may not change one that it was given. Whatever error it returns becomes the error
// States.QueryEvaluationError, with the error's text in the cause: a syntax error, a type error, an
// undefined result ([ErrUndefined]), a function that Step Functions forbids, a limit that was
// broken. An expression must never hang or end the process.
type Evaluator interface {
	// Check compiles the text between {% and %}, so that a mistake in it is a diagnostic of the
	// definition and not a surprise of the execution.
	Check(source string) error
	// Evaluate answers the value of the expression. The bindings are the names without their "$":
	// "states" (an [*Object] with input, context and, where they exist, result and errorOutput) and
	// the variables in scope. The map is the caller's again after the call.
	Evaluate(source string, bindings map[string]Value, env Env) (Value, error)
}

// Env is what expressions and intrinsic functions may know of the world. An execution that is
// repeated with the same Env takes the same steps.
type Env struct {
	Now    time.Time      // the moment of the transition: $now, $millis, EnteredTime
	Random func() float64 // the next number in [0, 1): $random, States.MathRandom, jitter
	UUID   func() string  // the next version 4 UUID: $uuid, States.UUID, task tokens
}
