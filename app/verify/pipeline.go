package verify

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/go-json-experiment/json"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// item is one event on its way through the checks. Everybody reads it, nobody changes it.
type item struct {
	at    place
	n     int64 // it is the so manieth event of the log
	e     platform.Event
	fact  event.Fact // in its newest version; nil if it cannot be read
	old   bool       // it was upcast
	order number     // that the fact is about, as the books see it; 0 for none
	group number     // of the orders that are looked at together with it; 0 for none
	last  bool       // nothing more comes of that group
	wants uint64     // the foldings that want it, a bit each
}

// batch is a stretch of the log. Its items are decoded by one worker, while others decode the
// stretches after it, and then seen by every sink in the order in which they were told.
type batch struct {
	items []item
	ready chan struct{}
	left  atomic.Int32 // sinks that have not seen it
}

const (
	batchSize = 256
	// ahead bounds the stretches that are in memory at once for each of a pipeline's stages.
	ahead = 8
)

// sink is a check that must see the events in their order. It has its own goroutine.
type sink interface{ take(items []item) }

// pipeline is one reading of the log: one reader, some workers, and the sinks.
type pipeline struct {
	*run
	source  func(context.Context, teller) (int64, error)
	prepare func(it *item, s *sheet) // by the workers; nil for nothing
	pace    pace
	sinks   []sink
	free    chan *batch
	jobs    chan *batch
	ordered chan *batch
}

// pace is what part of all reading one reading is, in hundredths, and what was read before it.
type pace struct{ before, part int64 }

// readLog sends the whole log through p once. It returns how many events there are.
func (r *run) readLog(ctx context.Context, p *pipeline) (int64, error) {
	p.run, p.free = r, make(chan *batch, 4*ahead)
	p.jobs, p.ordered = make(chan *batch, ahead), make(chan *batch, ahead)
	var all sync.WaitGroup
	for range r.workers {
		s := r.sheet()
		all.Go(func() {
			for b := range p.jobs {
				for i := range b.items {
					p.prepare(&b.items[i], s)
				}
				close(b.ready)
			}
		})
	}
	all.Go(func() { p.distribute(&all) })
	n, err := p.read(ctx)
	close(p.jobs)
	close(p.ordered)
	all.Wait()
	return n, err
}

// read cuts the log into batches.
func (p *pipeline) read(ctx context.Context) (int64, error) {
	var done int64
	b := p.batch()
	tell := func(n int64, at place, e platform.Event, group number, last bool) {
		done++
		b.items = b.items[:len(b.items)+1] // it is as long as a batch gets
		it := &b.items[len(b.items)-1]
		it.at, it.n, it.e, it.group, it.last = at, n, e, group, last
		it.fact, it.old, it.order, it.wants = nil, false, 0, 0
		if len(b.items) == batchSize {
			p.send(b, done)
			b = p.batch()
		}
	}
	n, err := p.source(ctx, tell)
	p.send(b, done)
	return n, err
}

// send passes a batch on. Progress is told as if every event were read once.
func (p *pipeline) send(b *batch, n int64) {
	p.ordered <- b
	if p.prepare != nil {
		p.jobs <- b
	} else {
		close(b.ready)
	}
	if p.in.Progress != nil {
		total := max(n, p.total)
		p.in.Progress((p.pace.before*total+p.pace.part*n)/100, p.total)
	}
}

func (p *pipeline) batch() *batch {
	b := &batch{}
	select {
	case b = <-p.free:
		b.items = b.items[:0]
	default:
		b.items = make([]item, 0, batchSize)
	}
	b.ready = make(chan struct{})
	b.left.Store(int32(len(p.sinks)))
	return b
}

// distribute gives every batch to every sink, in the order of the log.
func (p *pipeline) distribute(all *sync.WaitGroup) {
	ins := make([]chan *batch, len(p.sinks))
	for i, s := range p.sinks {
		in := make(chan *batch, ahead)
		ins[i] = in
		all.Go(func() {
			for b := range in {
				s.take(b.items)
				if b.left.Add(-1) > 0 {
					continue
				}
				select {
				case p.free <- b:
				default: // there are enough
				}
			}
		})
	}
	for b := range p.ordered {
		<-b.ready
		for _, in := range ins {
			in <- b
		}
	}
	for _, in := range ins {
		close(in)
	}
}

// prepare decodes an event and checks what can be checked of it alone.
func (r *run) prepare(it *item, s *sheet) {
	if r.checker != nil {
		s.check(contracts)
		s.check(secrecy)
		if leak := leakIn(it.e.Data); leak != "" {
			s.broken(secrecy, it.at, "the payload holds "+leak, "type", it.e.Type)
		}
	}
	kind, ok := r.in.Catalogue.Kind(it.e.Type)
	if !ok {
		s.broken(contracts, it.at, "no contract knows this type", "type", it.e.Type)
		return
	}
	f, err := r.decode(&kind, it.e.Data)
	if err != nil {
		s.broken(contracts, it.at, "the payload cannot be decoded: "+err.Error(),
			"type", it.e.Type, "payload", string(it.e.Data))
		return
	}
	if r.checker != nil {
		if err := r.checker.Validate(it.e.Type, it.e.Data); err != nil {
			s.broken(contracts, it.at, err.Error(), "payload", string(it.e.Data))
		}
		if f.Subject() != it.e.Subject {
			s.broken(contracts, it.at, "the payload is about something else than the envelope says",
				"envelope", it.e.Subject, "payload", f.Subject())
		}
	}
	it.fact, it.old = f, kind.Upcast != nil
	if it.old {
		if err := r.upcast(it); err != nil {
			it.fact = nil
			s.broken(contracts, it.at, err.Error(), "type", it.e.Type, "payload", string(it.e.Data))
			return
		}
	}
	it.wants = r.routes[it.fact.Type()]
	id := orderOf(it.fact)
	it.order = r.census.of(id)
	r.together(it, id)
}

// decode reads a payload, fast if it is written as this build writes.
func (r *run) decode(kind *event.Kind, data []byte) (event.Fact, error) {
	if f := kind.New(); r.hints.reader.Read(data, f) {
		return f, nil
	}
	f := kind.New()
	return f, json.Unmarshal(data, f)
}

// together finds facts that speak of orders which are not looked at together with them, so that
// they can be in another attempt.
func (r *run) together(it *item, id shop.ID) {
	r.learn(it.group, it.order)
	subject := it.fact.Subject()
	if subject != it.e.Subject {
		r.learn(it.group, r.census.of(about(it.e.Subject)))
	}
	if !isAbout(subject, id) {
		r.learn(it.group, r.census.of(about(subject)))
	}
	if f, ok := it.fact.(*event.LedgerPosted); ok {
		for _, s := range f.Splits {
			if !isPart(string(s.Shipment), "shp_", id) {
				r.learn(it.group, r.census.of(orderOfPart("shp_", string(s.Shipment), 1)))
			}
		}
	}
}

// upcast brings an old fact to its newest version, which must be a sound fact about the same thing.
func (r *run) upcast(it *item) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it cannot be brought to its newest version: %v", p)
		}
	}()
	it.fact = r.in.Catalogue.Upcast(it.fact)
	if it.fact.Subject() != it.e.Subject {
		return fmt.Errorf("its newest version is about %s", it.fact.Subject())
	}
	if err := r.in.Catalogue.Check(it.fact); err != nil {
		return fmt.Errorf("its newest version: %w", err)
	}
	return nil
}
