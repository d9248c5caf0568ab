package event

import "math/bits"

// rule makes an Invariant of a typed predicate.
func rule[T Fact](name, cel string, holds func(T) bool) Invariant {
	return Invariant{Name: name, CEL: cel, Holds: func(f Fact) bool {
		t, ok := f.(T)
		return ok && holds(t)
	}}
}

// all reports whether every element of list holds.
func all[T any](list []T, holds func(T) bool) bool {
	for _, v := range list {
		if !holds(v) {
			return false
		}
	}
	return true
}

// sumOf adds up what of says of each element. It reports false when int64 cannot hold the sum on
// the way: in CEL that is an error, so the rule does not hold there either.
func sumOf[T any](list []T, of func(T) int64) (int64, bool) {
	var sum int64
	for _, v := range list {
		var ok bool
		if sum, ok = plus(sum, of(v)); !ok {
			return 0, false
		}
	}
	return sum, true
}

// addUp reports whether the elements of list sum to want, without overflow.
func addUp[T any](list []T, of func(T) int64, want int64) bool {
	sum, ok := sumOf(list, of)
	return ok && sum == want
}

// partsOf reports whether parts sum to whole, without overflow.
func partsOf(whole int64, parts ...int64) bool {
	return addUp(parts, func(p int64) int64 { return p }, whole)
}

// isProduct reports whether a times b is want, without overflow.
func isProduct(want, a, b int64) bool {
	hi, lo := bits.Mul64(size(a), size(b))
	if (a < 0) != (b < 0) {
		return hi == 0 && lo <= 1<<63 && want == -int64(lo)
	}
	return hi == 0 && lo < 1<<63 && want == int64(lo)
}

// size is the distance of n from zero; it holds that of the least int64 too.
func size(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

func plus(a, b int64) (int64, bool) {
	sum := a + b
	return sum, (sum > a) == (b > 0) // wraps exactly when it moved the wrong way
}
