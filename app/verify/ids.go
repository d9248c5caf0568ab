package verify

import "math/bits"

// ids is what is known of the events so far: a hash of 64 bits of an event's id, and one of 32 bits
// of the chain of causes that it belongs to. It is an open table of two flat arrays, so that it
// takes 12 bytes a slot and nothing else; 16 where moments are wanted. The zero value is empty.
type ids struct {
	keys   []uint64 // 0: the slot is free
	chains []uint32
	timed  bool
	times  []uint32 // if timed: when it was recorded, in seconds since 1970
	used   int
}

// room makes room for about n ids at once, and forgets those that there are.
func (t *ids) room(n int) {
	t.keys = make([]uint64, n+n/4+n/32+16) // four fifths full is full
	t.chains = make([]uint32, len(t.keys))
	if t.timed {
		t.times = make([]uint32, len(t.keys))
	}
	t.used = 0
}

// slot returns the place of a key, or the free place where it belongs. It uses the upper bits: the
// lower ones say in which reading of the log an id is looked at.
func (t *ids) slot(key uint64) int {
	at, _ := bits.Mul64(key, uint64(len(t.keys)))
	for i := int(at); ; i++ {
		if i == len(t.keys) {
			i = 0
		}
		if t.keys[i] == key || t.keys[i] == 0 {
			return i
		}
	}
}

// get returns the chain of an id, and whether the id is known.
func (t *ids) get(key uint64) (chain uint32, ok bool) {
	if t.used == 0 {
		return 0, false
	}
	i := t.slot(key)
	return t.chains[i], t.keys[i] != 0
}

// put notes an id, which is not 0, and its chain.
func (t *ids) put(key uint64, chain uint32) {
	if t.used >= len(t.keys)/5*4 {
		t.grow()
	}
	i := t.slot(key)
	if t.keys[i] == 0 {
		t.keys[i] = key
		t.used++
	}
	t.chains[i] = chain
}

// stamp notes when an event was recorded, whose id was put.
func (t *ids) stamp(key uint64, second int64) { t.times[t.slot(key)] = uint32(second) }

// second is when an event was recorded, whose id was put.
func (t *ids) second(key uint64) int64 { return int64(t.times[t.slot(key)]) }

func (t *ids) grow() {
	old := *t
	t.room(max(1024, 2*old.used))
	for i, key := range old.keys {
		if key == 0 {
			continue
		}
		t.put(key, old.chains[i])
		if t.timed {
			t.stamp(key, int64(old.times[i]))
		}
	}
}
