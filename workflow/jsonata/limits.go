package jsonata

import (
	"context"
	"errors"
	"fmt"
	"runtime/metrics"
	"time"

	"github.com/recolabs/gnata"

	"github.com/souk-commerce/souk/workflow"
)

// Limits bound what one expression may cost. Zero fields stand for the defaults, which are far
// above what a workflow needs and far below what hurts its neighbours.
type Limits struct {
	Source int           // bytes of an expression; 64 KiB
	Depth  int           // how deep an expression may nest, and a value; 1,000
	Steps  int           // evaluated parts of the expression; 5,000,000
	Nodes  int           // parts of one value that is built, compared or printed; 1,000,000
	Bytes  int           // text in one value; 16 MiB
	Work   int           // parts of all values that functions and operators walked; 20,000,000
	Regex  int           // instructions of one compiled regular expression; 1,000
	Heap   uint64        // growth of the process while one expression runs; 256 MiB
	Time   time.Duration // of one evaluation; 1 s
}

func (l Limits) withDefaults() Limits {
	or := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	or(&l.Source, 64<<10)
	or(&l.Depth, 1000)
	or(&l.Steps, 5_000_000)
	or(&l.Nodes, 1_000_000)
	or(&l.Bytes, 16<<20)
	or(&l.Work, 20_000_000)
	or(&l.Regex, 1000)
	if l.Heap == 0 {
		l.Heap = 256 << 20
	}
	if l.Time == 0 {
		l.Time = time.Second
	}
	return l
}

// ErrLimit is in every error of a limit that was broken.
var ErrLimit = errors.New("the expression is too expensive")

var errEval = errors.New("$eval is not supported: use $parse to read JSON text")

func limit(what string) error { return fmt.Errorf("%w: %s", ErrLimit, what) }

// run is one evaluation: its budget, and the world that it may know. It is the context that the
// library asks before every part of the expression whether to go on, which is what makes any loop
// stop.
type run struct {
	context.Context
	limits Limits
	env    workflow.Env
	deep   bool // every result of a function is measured to its leaves
	steps  int
	work   int
	until  time.Time
	heap   uint64 // at the beginning; 0 while the run is too short to ask
	broken error
}

func newRun(l Limits, env workflow.Env, deep bool) *run {
	return &run{
		Context: context.Background(), limits: l, env: env, deep: deep,
		until: time.Now().Add(l.Time),
	}
}

// sampled is how many steps lie between two looks at the clock and at the heap.
const sampled = 64

// Err is nil while the run is within its limits.
func (r *run) Err() error {
	if r.broken != nil {
		return r.broken
	}
	r.steps++
	if r.steps%sampled == 0 {
		r.look()
	}
	return r.broken
}

// look breaks the run off when its steps, its time or its memory are used up. The heap is the
// process's: what others allocate meanwhile counts too, which only a very long run would notice.
func (r *run) look() {
	heap := heapBytes()
	switch {
	case r.heap == 0:
		r.heap = heap
	case heap > r.heap+r.limits.Heap:
		r.broken = limit("it uses too much memory")
	}
	if r.steps > r.limits.Steps {
		r.broken = limit(fmt.Sprintf("it takes more than %d steps", r.limits.Steps))
	} else if time.Now().After(r.until) {
		r.broken = limit(fmt.Sprintf("it takes longer than %v", r.limits.Time))
	}
}

func heapBytes() uint64 {
	s := [1]metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s[:])
	return s[0].Value.Uint64()
}

// spend takes n parts off the run's work.
func (r *run) spend(n int) error {
	if r.work += n; r.work > r.limits.Work && r.broken == nil {
		r.broken = limit(fmt.Sprintf("it handles more than %d values", r.limits.Work))
	}
	return r.broken
}

// measure refuses a value that is too large, too deep, or too much for what the run has left. Parts
// that occur several times count each time, as they would when the value is printed.
func (r *run) measure(v any) error {
	s := size{max: r.limits}
	s.add(v, 0)
	if s.over != "" && r.broken == nil {
		r.broken = limit(s.over)
	}
	if r.broken == nil && s.nodes > 10_000 {
		r.look()
	}
	return r.spend(s.nodes)
}

// bytesPerPart is how many bytes of text count as much as one part of a value.
const bytesPerPart = 64

// shallow is what looking at every member of v costs, but at nothing below.
func shallow(v any) int {
	switch v := v.(type) {
	case []any:
		return len(v)
	case map[string]any:
		return len(v)
	case string:
		return len(v) / bytesPerPart
	case ordered:
		return v.Len()
	}
	return 1
}

// size adds up a value, and stops at the first limit.
type size struct {
	max   Limits
	nodes int
	bytes int
	depth int
	over  string
}

func (s *size) add(v any, depth int) {
	s.nodes++
	s.depth = max(s.depth, depth)
	switch {
	case s.over != "":
		return
	case s.nodes > s.max.Nodes:
		s.over = fmt.Sprintf("a value has more than %d parts", s.max.Nodes)
	case depth > s.max.Depth:
		s.over = fmt.Sprintf("a value nests deeper than %d", s.max.Depth)
	case s.bytes > s.max.Bytes:
		s.over = fmt.Sprintf("a value has more than %d bytes of text", s.max.Bytes)
	}
	switch v := v.(type) {
	case string:
		s.bytes += len(v)
	case []any:
		for i := 0; i < len(v) && s.over == ""; i++ {
			s.add(v[i], depth+1)
		}
	case ordered:
		v.Range(func(name string, member any) bool {
			s.bytes += len(name)
			s.add(member, depth+1)
			return s.over == ""
		})
	case map[string]any:
		for name, member := range v {
			s.bytes += len(name)
			s.add(member, depth+1)
		}
	default:
		if gnata.IsNull(v) {
			return
		}
		if list := sequence(v); list != nil {
			s.add(list, depth)
		}
	}
	if s.bytes > s.max.Bytes && s.over == "" {
		s.over = fmt.Sprintf("a value has more than %d bytes of text", s.max.Bytes)
	}
}
