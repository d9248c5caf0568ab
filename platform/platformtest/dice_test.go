package platformtest

import (
	"fmt"
	"math"
	"sync"
	"testing"
)

// Goal: the same seed makes the same faults whatever order things are asked in, another seed makes
// others. Method: ask for many names in order, backwards and at once.
func TestDiceRepeat(t *testing.T) {
	t.Parallel()
	const names, times = 200, 5
	ask := func(seed uint64, each func(n int, f func(i int))) [names][times]bool {
		var got [names][times]bool
		d := newDice(seed)
		each(names, func(i int) {
			for j := range times {
				got[i][j] = d.roll(holdBack, 0.3, "sub", fmt.Sprint(i))
			}
		})
		return got
	}
	forward := ask(1, func(n int, f func(int)) {
		for i := range n {
			f(i)
		}
	})
	backward := ask(1, func(n int, f func(int)) {
		for i := range n {
			f(n - 1 - i)
		}
	})
	atOnce := ask(1, together)
	if forward != backward || forward != atOnce {
		t.Error("the faults depend on the order in which things happen")
	}
	if forward == ask(2, together) {
		t.Error("another seed makes the same faults")
	}
}

// Goal: a fault falls about as often as it should, independently of the other faults, and is
// counted. Method: many rolls of every kind at several probabilities; the bound is five standard
// deviations.
func TestDiceEven(t *testing.T) {
	t.Parallel()
	const n = 20_000
	for kind := range faultKinds {
		for _, p := range []float64{0, 0.01, 0.3, 1} {
			d := newDice(42)
			hits := 0
			for i := range n {
				if d.roll(kind, p, "x", fmt.Sprint(i%100)) {
					hits++
				}
			}
			bound := 5 * math.Sqrt(n*p*(1-p))
			if math.Abs(float64(hits)-n*p) > bound || d.fired[kind].Load() != int64(hits) {
				t.Errorf("fault %d at %g: %d of %d, counted %d",
					kind, p, hits, n, d.fired[kind].Load())
			}
		}
	}
}

// Goal: the memory of the dice is bounded. Method: ask about more names than it keeps.
func TestDiceBounded(t *testing.T) {
	t.Parallel()
	d := newDice(1)
	var wg sync.WaitGroup
	for part := range 4 {
		wg.Go(func() {
			for i := range maxAsked / 3 {
				d.roll(read, 0.5, fmt.Sprint(part), fmt.Sprint(i))
			}
		})
	}
	wg.Wait()
	if len(d.asked) > maxAsked {
		t.Errorf("%d names are remembered, at most %d", len(d.asked), maxAsked)
	}
}
