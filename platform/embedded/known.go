package embedded

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"sync/atomic"
)

// known remembers which keys of records, subjects and timers exist, with a few false positives, so
// that the commonest question of all, "is this new?", is answered without asking the disk. It is a
// row of Bloom filters, each larger than the one before, in which a key touches one cache line. The
// platform's mu guards writing to it; whole says whether it has heard of every key.
type known struct {
	seed   maphash.Seed
	layers []*layer
	whole  atomic.Bool
	over   bool // a key found no room, so the answer is never certain again
}

// layer is one filter of fixed size.
type layer struct {
	blocks []block
	room   int // keys that still fit
}

// block is one cache line of 512 bits.
type block [8]uint64

const (
	firstLayer = 1 << 20 // keys
	maxLayer   = 1 << 23
	maxLayers  = 9  // some 56 million keys, 93 MiB; beyond that the disk is asked again
	keyBits    = 14 // of memory for a key; few false positives, since every layer adds its own
	keyProbes  = 7  // bits set for a key
)

func newKnown() *known { return &known{seed: maphash.MakeSeed()} }

// add notes that a key exists.
func (k *known) add(key []byte) {
	if len(k.layers) == 0 || k.layers[len(k.layers)-1].room == 0 {
		if len(k.layers) == maxLayers {
			k.over = true
			k.whole.Store(false)
			return
		}
		n := min(firstLayer<<min(len(k.layers), 16), maxLayer)
		k.layers = append(k.layers, &layer{blocks: make([]block, n*keyBits/512), room: n})
	}
	l := k.layers[len(k.layers)-1]
	l.room--
	l.set(maphash.Bytes(k.seed, key))
}

// absent reports that a key certainly does not exist.
func (k *known) absent(key []byte) bool {
	if !k.whole.Load() {
		return false
	}
	h := maphash.Bytes(k.seed, key)
	for _, l := range k.layers {
		if l.has(h) {
			return false
		}
	}
	return true
}

func (l *layer) block(h uint64) *block {
	return &l.blocks[(h>>32)*uint64(len(l.blocks))>>32]
}

func (l *layer) set(h uint64) {
	b, h := l.block(h), h*0x9E3779B97F4A7C15
	for range keyProbes {
		bit := h >> 55
		b[bit>>6] |= 1 << (bit & 63)
		h *= 0xD6E8FEB86659FD93
	}
}

func (l *layer) has(h uint64) bool {
	b, h := l.block(h), h*0x9E3779B97F4A7C15
	for range keyProbes {
		bit := h >> 55
		if b[bit>>6]&(1<<(bit&63)) == 0 {
			return false
		}
		h *= 0xD6E8FEB86659FD93
	}
	return true
}

// fillKnown reads every key that was there at opening, some millions a second, while the platform
// works; until it is done the disk is asked. It ends early when the platform closes.
func (p *Platform) fillKnown() {
	defer p.filling.Done()
	var keys [][]byte
	flush := func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, k := range keys {
			p.known.add(k)
		}
		keys = keys[:0]
	}
	for _, table := range []byte{tableRecord, tableSubject, tableTimer} {
		lower := []byte{table}
		err := p.scan(context.Background(), lower, tableEnd(lower), false,
			func(key, _ []byte) (bool, error) {
				select {
				case <-p.stop:
					return false, errStopped
				default:
				}
				if keys = append(keys, slices.Clone(key)); len(keys) == 256 {
					flush()
				}
				return true, nil
			})
		if err != nil {
			return // the disk goes on being asked, which is always right
		}
		flush()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known.whole.Store(!p.known.over)
}

var errStopped = errors.New("the platform closes")
