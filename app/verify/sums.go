package verify

import (
	"encoding/json"
	"hash/maphash"
	"math/bits"
	"sync/atomic"

	"github.com/souk-commerce/souk/platform"
)

// sums stands for a set of records without keeping any: a hash of 64 bits of every record, added up
// in one of many buckets by the record's key. Two sets are the same if all their buckets are; if
// not, the keys that differ are in the buckets that do. Records are added concurrently.
type sums struct {
	hints *hints
	of    [buckets]uint64
	n     [buckets]uint32
}

// buckets is how many parts a room's records are compared in.
const buckets = 1 << 10

func newSums(h *hints) *sums { return &sums{hints: h} }

// add adds a record. A counter that is 0 is as good as none.
func (s *sums) add(rec *platform.Record) {
	key := s.hash(rec.Key)
	value := rec.Value
	if s.hints.canonical {
		value = canonical(value)
	}
	sum := mix(key, maphash.Bytes(s.hints.seed, value))
	for name, n := range rec.Counters {
		if n != 0 {
			sum += mix(key, mix(maphash.String(s.hints.seed, name), uint64(n)))
		}
	}
	at := key % buckets
	atomic.AddUint64(&s.of[at], mix(key, sum))
	atomic.AddUint32(&s.n[at], 1)
}

// bucketOf is where the record of a key is added.
func (s *sums) bucketOf(key platform.Key) int { return int(s.hash(key) % buckets) }

func (s *sums) hash(key platform.Key) uint64 {
	return mix(maphash.String(s.hints.seed, key.Part), maphash.String(s.hints.seed, key.Sort))
}

// mix makes one hash of two numbers, of which the first is a hash with a seed.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a|1, b^0x9e3779b97f4a7c15)
	return hi ^ lo ^ a
}

// canonical is the same bytes for all texts of one JSON value; what is no JSON stays as it is.
func canonical(value []byte) []byte {
	var v any
	if json.Unmarshal(value, &v) != nil {
		return value
	}
	same, err := json.Marshal(v)
	if err != nil {
		return value
	}
	return same
}

// differing lists the buckets in which two sets differ, in parts of at most so many records each
// (or one bucket).
func differing(a, b *sums, most int) [][]int {
	var parts [][]int
	records := 0
	for i := range a.of {
		if a.of[i] == b.of[i] && a.n[i] == b.n[i] {
			continue
		}
		n := int(max(a.n[i], b.n[i]))
		if len(parts) == 0 || records+n > most {
			parts, records = append(parts, nil), 0
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], i)
		records += n
	}
	return parts
}
