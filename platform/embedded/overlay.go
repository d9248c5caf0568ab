package embedded

// overlay holds what the sequencer knows better than the disk, or as well: every key that was
// decided and is not durable yet, and the records that were used lately, so that a record which is
// read, decided on and written again is looked up once. It has two generations: what is used moves
// to the young one; when that is full the old one is forgotten, except for what is not durable. The
// platform's mu guards it.
type overlay struct {
	young, old map[string]*pending
	turns      int // generations so far
}

// pending is the newest decided value of a key. Either record or raw is used, by table; an absent
// one has version 0, or is nil.
type pending struct {
	record *state
	raw    []byte
	group  *group // what makes it durable; nil when it is
}

const (
	maxGeneration = 12_288
	maxCached     = 2048 // bytes of a value that is kept when it is durable
)

func newOverlay() overlay {
	return overlay{young: make(map[string]*pending), old: make(map[string]*pending)}
}

// get returns what is known of a key, or nil.
func (v *overlay) get(key []byte) *pending {
	if o := v.young[string(key)]; o != nil {
		return o
	}
	o := v.old[string(key)]
	if o != nil && o.group == nil {
		v.put(string(key), o)
	}
	return o
}

// put makes o what is known of a key.
func (v *overlay) put(key string, o *pending) {
	if len(v.young) >= maxGeneration {
		v.turn()
	}
	v.young[key] = o
}

// turn forgets the old generation, except for what is not durable.
func (v *overlay) turn() {
	forgotten := v.old
	v.old, v.young = v.young, make(map[string]*pending, maxGeneration)
	v.turns++
	for key, o := range forgotten {
		if o.group != nil && v.old[key] == nil {
			v.young[key] = o
		}
	}
}

// settle notes that a group is durable, or has failed. Records that may be wanted again stay.
func (v *overlay) settle(g *group, keep bool) {
	for _, key := range g.keys {
		o := v.young[key]
		if o == nil {
			o = v.old[key]
		}
		if o == nil || o.group != g {
			continue
		}
		if keep && o.record != nil && len(o.record.value) <= maxCached {
			o.group = nil
			continue
		}
		delete(v.young, key)
		delete(v.old, key)
	}
}
