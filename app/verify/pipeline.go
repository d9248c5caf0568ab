package verify

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/go-json-experiment/json"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
)

// item is one event on its way through the checks. Everybody reads it, nobody changes it.
type item struct {
	at   place
	e    platform.Event
	fact event.Fact // in its newest version; nil if it cannot be read
	old  bool       // it was upcast
}

// batch is a stretch of the log. Its items are decoded by one worker, while others decode the
// stretches after it, and then seen by every sink in the order of the log.
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
	sinks   []sink
	free    chan *batch
	jobs    chan *batch
	ordered chan *batch
}

// readLog sends the log through all checks once.
func (r *run) readLog(ctx context.Context) error {
	p := &pipeline{
		run: r, sinks: []sink{r.log}, free: make(chan *batch, 4*ahead),
		jobs: make(chan *batch, ahead), ordered: make(chan *batch, ahead),
	}
	for _, f := range r.folds {
		p.sinks = append(p.sinks, f)
	}
	if r.books != nil {
		p.sinks = append(p.sinks, r.books)
	}
	var all sync.WaitGroup
	for range r.workers {
		s := r.sheet()
		all.Go(func() {
			for b := range p.jobs {
				for i := range b.items {
					r.prepare(&b.items[i], s)
				}
				close(b.ready)
			}
		})
	}
	all.Go(func() { p.distribute(&all) })
	err := p.read(ctx)
	close(p.jobs)
	close(p.ordered)
	all.Wait()
	return err
}

// read cuts the log into batches.
func (p *pipeline) read(ctx context.Context) error {
	b := p.batch()
	err := p.in.History.Log(ctx, "", func(cursor string, e platform.Event) error {
		p.events++
		pos := p.events
		if n, err := strconv.ParseInt(cursor, 10, 64); err == nil {
			pos = n
		}
		b.items = append(b.items, item{at: place{pos, e.ID}, e: e})
		if len(b.items) == batchSize {
			p.send(b)
			b = p.batch()
		}
		return ctx.Err()
	})
	p.send(b)
	return err
}

func (p *pipeline) send(b *batch) {
	p.ordered <- b
	p.jobs <- b
	if p.in.Progress != nil {
		p.in.Progress(p.events, p.total)
	}
}

func (p *pipeline) batch() *batch {
	b := &batch{}
	select {
	case b = <-p.free:
		clear(b.items)
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
	f := kind.New()
	if err := json.Unmarshal(it.e.Data, f); err != nil {
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
