package verify

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/room"
)

// difference is a record that is not what the log makes of it.
type difference struct {
	key     platform.Key
	what    string
	missing bool  // it is not stored
	touched place // the fact that last wrote it; zero if none did
}

// discrepancies is what is wrong with one room's records.
type discrepancies struct {
	count int64
	first []difference // in the order of keys, what is missing behind the rest
}

// add keeps the first few.
func (d *discrepancies) add(one difference) {
	d.count++
	at, _ := slices.BinarySearchFunc(d.first, one, func(a, b difference) int {
		if a.missing != b.missing {
			return cmp.Compare(rankOf(a.missing), rankOf(b.missing))
		}
		return cmp.Or(strings.Compare(a.key.Part, b.key.Part),
			strings.Compare(a.key.Sort, b.key.Sort))
	})
	d.first = slices.Insert(d.first, at, one)
	d.first = d.first[:min(len(d.first), maxListed)]
}

func rankOf(late bool) int {
	if late {
		return 1
	}
	return 0
}

// settle reports what is wrong with the records, or why they were not compared.
func (r *run) settle(ctx context.Context) error {
	for _, f := range r.folds {
		if f.skip != "" {
			r.note("the records of %s were not compared: %s", f.room.Name(), f.skip)
			continue
		}
		f.end()
		if f.err != nil {
			return f.err
		}
		parts := differing(f.stored, f.folded, r.hints.limits.records)
		if len(parts) > 1 && !r.hints.canonical {
			r.canonical = true // perhaps they are only written differently
			return nil
		}
		var d discrepancies
		for _, part := range parts {
			if err := r.lookAt(ctx, f, part, &d); err != nil {
				return fmt.Errorf("compare the records of %s: %w", f.room.Name(), err)
			}
		}
		f.report(d.first)
		f.laws[foldIsState].broken += d.count - int64(len(d.first))
	}
	return nil
}

// made is what the log makes of one record.
type made struct {
	of      number
	rec     platform.Record
	exists  bool
	touched place
	others  map[string]platform.Record // by the subject that wrote it so last; see others
}

// lookAt compares the records of some buckets one by one. It folds the log and reads the room's
// records once more.
func (r *run) lookAt(ctx context.Context, f *folding, part []int, d *discrepancies) error {
	var wanted [buckets]bool
	for _, i := range part {
		wanted[i] = true
	}
	in := func(key platform.Key) bool { return wanted[f.folded.bucketOf(key)] }
	folded, err := r.foldAgain(ctx, f, in)
	if err != nil {
		return err
	}
	err = r.in.History.Records(ctx, f.prefix, func(rec platform.Record) error {
		aux := room.IsAux(rec.Key)
		rec.Key.Part = strings.TrimPrefix(rec.Key.Part, f.prefix)
		if aux || !in(rec.Key) {
			return ctx.Err()
		}
		m := folded[rec.Key]
		delete(folded, rec.Key)
		if m == nil {
			m = &made{}
		}
		what := "no fact of the log makes this record"
		if m.exists {
			var err error
			if what, err = f.differ(rec, m); err != nil {
				return err
			}
		}
		if what != "" {
			d.add(difference{key: rec.Key, what: what, touched: m.touched})
		}
		return ctx.Err()
	})
	for key, m := range folded {
		if m.exists {
			d.add(difference{
				key: key, what: "the log makes this record, but it is not stored", missing: true,
				touched: m.touched,
			})
		}
	}
	return err
}

// foldAgain folds the log once more and keeps some records, each with the fact that last wrote it.
func (r *run) foldAgain(
	ctx context.Context, f *folding, in func(platform.Key) bool,
) (map[platform.Key]*made, error) {
	kept := make(map[platform.Key]*made)
	keep := func(key platform.Key) *made {
		m := kept[key]
		if m == nil {
			m = &made{}
			kept[key] = m
		}
		return m
	}
	again := newFolding(r, f.room, &sheet{})
	again.put = func(of number, rec platform.Record) {
		if !in(rec.Key) {
			return
		}
		m := keep(rec.Key)
		if m.exists {
			r.learned[[2]number{m.of, of}] = true // two orders have one record
		}
		m.of, m.rec, m.exists = of, rec, true
	}
	types := again.versions()
	tell := func(n int64, _ place, e platform.Event, group number, last bool) {
		it := item{n: n, e: e, group: group, last: last}
		if types[e.Type] {
			for _, key := range again.touch(&it) {
				if in(key) {
					keep(key).touched = place{n, e.ID}
					again.others(keep(key), key, &it)
				}
			}
		}
		if it.last {
			again.letGo(it.group)
		}
	}
	n, err := r.grouped(ctx, &sheet{}, tell)
	if err == nil {
		err = r.same(n)
	}
	if err != nil {
		return nil, err
	}
	again.end()
	return kept, again.err
}

// others notes how a subject left a record that other subjects may write as well, where the log
// does not say which of them was last: a shelf that was counted twice says which count was the
// later. An order's own records follow from all of its facts, whatever their order.
func (f *folding) others(m *made, key platform.Key, it *item) {
	if f.run.in.ordered() || it.group != 0 {
		return
	}
	rec, ok := f.record(f.shared, key)
	if !ok || rec.Value == nil {
		return
	}
	if m.others == nil {
		m.others = make(map[string]platform.Record)
	}
	m.others[it.e.Subject] = rec
}

// differ says how a stored record differs from what the log makes of it: from the last of those
// that wrote it, or from any of them where nobody knows which was last. "" if it does not.
func (f *folding) differ(stored platform.Record, m *made) (string, error) {
	what, err := differ(stored, m.rec)
	if len(m.others) < 2 {
		return what, err
	}
	for _, other := range m.others {
		if what == "" || err != nil {
			break
		}
		other.Counters = m.rec.Counters
		same, oerr := differ(stored, other)
		if oerr != nil || same == "" {
			what, err = same, oerr
		}
	}
	return what, err
}

// versions lists the types of the events that a room folds, old versions too.
func (f *folding) versions() map[string]bool {
	all := make(map[string]bool)
	for typ := range f.types {
		for _, version := range f.run.in.Catalogue.Versions(typ) {
			all[version] = true
		}
	}
	return all
}

// touch folds an event and lists what it wrote. What is wrong with it was reported already.
func (f *folding) touch(it *item) []platform.Key {
	fact, err := room.FactOf(f.run.in.Catalogue, it.e)
	if err != nil {
		return nil
	}
	s := f.state(it.group)
	if f.fold(s, fact, &it.e) != nil {
		return nil
	}
	return s.Touched()
}
