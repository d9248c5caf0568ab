package embedded

import (
	"fmt"
	"testing"
)

// Goal: what was added is never called absent, and what was not almost always is. Method: half a
// million keys over several layers, and as many others.
func TestKnownNeverForgets(t *testing.T) {
	t.Parallel()
	k, wrong := newKnown(), 0
	k.whole.Store(true)
	const n = 500_000
	for i := range n {
		k.add(fmt.Appendf(nil, "key-%d", i))
	}
	for i := range n {
		if k.absent(fmt.Appendf(nil, "key-%d", i)) {
			t.Fatalf("key %d was added and is called absent", i)
		}
		if !k.absent(fmt.Appendf(nil, "other-%d", i)) {
			wrong++
		}
	}
	if wrong > n/10 {
		t.Errorf("%d of %d unknown keys were not recognised, over %d layers", wrong, n,
			len(k.layers))
	}
	t.Logf("%d of %d unknown keys were taken for known ones, over %d layers", wrong, n,
		len(k.layers))
}
