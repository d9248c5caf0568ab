package contract

import (
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/souk-commerce/souk/shop/event"
)

// program is one invariant, compiled. It is safe for concurrent use.
type program struct {
	Rule
	run cel.Program
}

// newEnv returns the language of invariants: CEL's standard library, the variable data, and sum.
func newEnv() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable("data", cel.DynType),
		cel.Function("sum", cel.MemberOverload("list_int_sum",
			[]*cel.Type{cel.ListType(cel.IntType)}, cel.IntType, cel.UnaryBinding(sum))),
	)
}

// compile makes programs of a kind's invariants, in their order.
func compile(env *cel.Env, k event.Kind) ([]program, error) {
	programs := make([]program, 0, len(k.Invariants))
	for _, inv := range k.Invariants {
		ast, issues := env.Compile(inv.CEL)
		if err := issues.Err(); err != nil {
			return nil, fmt.Errorf("invariant %s of %s: %w", inv.Name, k.Type, err)
		}
		if out := ast.OutputType(); !out.IsExactType(cel.BoolType) {
			return nil, fmt.Errorf("invariant %s of %s is a %s, not a bool", inv.Name, k.Type, out)
		}
		run, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize))
		if err != nil {
			return nil, fmt.Errorf("invariant %s of %s: %w", inv.Name, k.Type, err)
		}
		programs = append(programs, program{Rule: Rule{Name: inv.Name, CEL: inv.CEL}, run: run})
	}
	return programs, nil
}

// holds evaluates the rule over a payload. What cannot be evaluated does not hold: a field of
// another type, a list that is null, an overflow.
func (p program) holds(vars map[string]any) bool {
	out, _, err := p.run.Eval(vars)
	return err == nil && out == types.True
}

// sum adds up a list of integers. Anything else in the list, and an overflow, is an error.
func sum(list ref.Val) ref.Val {
	l, ok := list.(traits.Lister)
	if !ok {
		return types.MaybeNoSuchOverloadErr(list)
	}
	total := types.IntZero
	for it := l.Iterator(); it.HasNext() == types.True; {
		n, ok := it.Next().(types.Int)
		if !ok {
			return types.NewErr("sum of a list that holds something else than integers")
		}
		next, ok := total.Add(n).(types.Int)
		if !ok {
			return types.NewErr("sum is beyond int64")
		}
		total = next
	}
	return total
}
