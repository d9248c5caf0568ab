package platformtest

import (
	"hash/fnv"
	"sync"
	"sync/atomic"
)

// Faults says how often each kind of fault is injected: probabilities between 0 and 1. The zero
// Faults injects nothing.
//
// Every decision is made from Seed and from what it concerns (a subscription and an event, a
// batch's first event or key, …) and how often that was asked before, so the same test meets the
// same faults however its goroutines are scheduled.
type Faults struct {
	Seed uint64

	CommitLost     float64 // the commit has no effect; its outcome is reported as unknown
	CommitUnknown  float64 // the commit has its effect; the caller sees a time-out
	CommitThrottle float64 // the commit has no effect and says so: ErrThrottled
	Read           float64 // Get, List and History fail
	Double         float64 // an event is handed over twice at once
	Again          float64 // an event that was handled well comes again, after others
	HoldBack       float64 // an event is handed over later, after others
	QueueSend      float64 // Queue.Send fails, with or without effect
	QueueForget    float64 // Queue.Delete does nothing, so that the message comes again
	Files          float64 // Files.Put and Open fail
	Keys           float64 // Seal, Open and Sign fail

	// Direct lets faults with an error that the caller must handle also hit calls that do not come
	// from a delivery. Without it those meet only CommitThrottle, which a unit of work hides.
	Direct bool
}

// DefaultFaults is what rooms are tested on. Deliveries are doubled, repeated and shuffled often;
// errors are rare enough that the default retry policy outlives them.
func DefaultFaults(seed uint64) Faults {
	return Faults{
		Seed:       seed,
		CommitLost: 0.03, CommitUnknown: 0.05, CommitThrottle: 0.03, Read: 0.01,
		Double: 0.15, Again: 0.15, HoldBack: 0.2,
		QueueSend: 0.05, QueueForget: 0.1, Files: 0.05, Keys: 0.02,
	}
}

// Counts tells how many faults of each kind were really injected.
type Counts struct {
	CommitLost, CommitUnknown, CommitThrottle, Read int64
	Double, Again, HoldBack                         int64
	QueueSend, QueueForget, Files, Keys             int64
}

// Total adds them up.
func (c Counts) Total() int64 {
	return c.CommitLost + c.CommitUnknown + c.CommitThrottle + c.Read + c.Double + c.Again +
		c.HoldBack + c.QueueSend + c.QueueForget + c.Files + c.Keys
}

// fault is an index into dice.fired.
type fault int

const (
	commitLost fault = iota
	commitUnknown
	commitThrottle
	read
	double
	again
	holdBack
	queueSend
	queueForget
	files
	keys
	faultKinds
)

// maxAsked bounds the memory of what was asked before; when it is full, it starts anew.
const maxAsked = 1 << 18

// dice decides and counts. Safe for concurrent use.
type dice struct {
	seed  uint64
	mu    sync.Mutex
	asked map[uint64]uint64
	fired [faultKinds]atomic.Int64
}

func newDice(seed uint64) *dice { return &dice{seed: seed, asked: make(map[uint64]uint64)} }

// roll reports whether the fault happens now to what the names identify.
func (d *dice) roll(f fault, probability float64, names ...string) bool {
	if probability <= 0 || d.value(f, names) >= probability {
		return false
	}
	d.fired[f].Add(1)
	return true
}

// value is even over [0, 1).
func (d *dice) value(f fault, names []string) float64 {
	h := fnv.New64a()
	for _, n := range names {
		h.Write([]byte(n))
		h.Write([]byte{0})
	}
	what := mix(h.Sum64() ^ mix(d.seed+uint64(f)))
	d.mu.Lock()
	if len(d.asked) >= maxAsked {
		clear(d.asked)
	}
	nth := d.asked[what]
	d.asked[what]++
	d.mu.Unlock()
	return float64(mix(what+nth*0x9e3779b97f4a7c15)>>11) / (1 << 53)
}

// mix spreads the bits of x over the whole word (the finaliser of SplitMix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (d *dice) counts() Counts {
	n := func(f fault) int64 { return d.fired[f].Load() }
	return Counts{
		CommitLost: n(commitLost), CommitUnknown: n(commitUnknown),
		CommitThrottle: n(commitThrottle), Read: n(read),
		Double: n(double), Again: n(again), HoldBack: n(holdBack),
		QueueSend: n(queueSend), QueueForget: n(queueForget), Files: n(files), Keys: n(keys),
	}
}
