package workflow

import "time"

// The limits of the service (docs.aws.amazon.com, "Step Functions service quotas"), and where it
// names none, some of our own.
const (
	maxPayload    = 256 * 1024       // bytes of an input, an output, a result, a variable
	maxVariables  = 10 * 1024 * 1024 // bytes of all variables of an execution
	maxStateName  = 80               // characters, also of a variable's name
	maxDefinition = 1 << 20          // bytes
	expressTime   = 5 * time.Minute
	maxDepth      = 1000 // how deep values may nest
)

// tooMuch is the size of a value that nests too deep to be written down.
const tooMuch = 1 << 40

// sizeOf is how many bytes a value takes as JSON, near enough for the limits, without writing it.
// It stops counting where every limit is passed.
func sizeOf(v Value) int { return measure(v, 0) }

func measure(v Value, depth int) int {
	if isContainer(v) && depth >= maxDepth {
		return tooMuch
	}
	switch v := v.(type) {
	case nil:
		return 4
	case bool:
		return 5
	case string:
		return len(v) + 2
	case Number:
		return len(v)
	case Array:
		n := 2
		for _, item := range v {
			if n += measure(item, depth+1) + 1; n > maxVariables {
				break
			}
		}
		return n
	case *Object:
		n := 2
		for i := range v.Len() {
			name, member := v.At(i)
			if n += len(name) + 4 + measure(member, depth+1); n > maxVariables {
				break
			}
		}
		return n
	}
	return 0
}

func isContainer(v Value) bool {
	switch v.(type) {
	case Array, *Object:
		return true
	}
	return false
}
