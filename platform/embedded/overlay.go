package embedded

// overlay holds what the sequencer knows better than the disk, or as well: every key that was
// decided and is not durable yet, and what was used lately, so that a record which is read, decided
// on and written again is looked up once. It has two generations: what is used moves to the young
// one; when that is full the old one is forgotten, except for what is not durable. The platform's
// mu guards it.
type overlay struct {
	young, old map[string]*pending
	turns      int // generations so far
}

// pending is the newest decided value of a key: a record's state, or a timer. Only group changes
// once it is in the overlay; a later value of the key is another pending.
type pending struct {
	state        // of a record; version 0 says that there is none
	key   string // in Pebble
	raw   []byte // of a timer; nil says that it is not set
	group *group // what makes it durable; nil when it is
	at    int    // in the group's dirty
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
		v.put(o)
	}
	return o
}

// put makes o what is known of its key.
func (v *overlay) put(o *pending) {
	if len(v.young) >= maxGeneration {
		v.turn()
	}
	v.young[o.key] = o
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

// settle notes that a group is durable, or has failed. What may be wanted again stays.
func (v *overlay) settle(g *group, keep bool) {
	for _, o := range g.dirty {
		if keep && o.worthKeeping() {
			o.group = nil
			continue
		}
		newest := v.young[o.key]
		if newest == nil {
			newest = v.old[o.key]
		}
		if newest == o {
			delete(v.young, o.key)
			delete(v.old, o.key)
		}
	}
}

// worthKeeping says whether a durable value stays at hand. That a timer is not set is known to the
// filters as well.
func (o *pending) worthKeeping() bool {
	if o.isTimer() {
		return o.raw != nil && len(o.raw) <= maxCached
	}
	return len(o.value) <= maxCached
}

func (o *pending) isTimer() bool { return o.key[0] == tableTimer }
