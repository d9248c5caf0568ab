package room

import (
	"context"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
)

// Reaction is one line of a room's react.go: when this fact, do that.
type Reaction struct {
	Name    string // "<room>.<what>-on-<fact>": the subscription's name for ever
	Fact    event.Fact
	More    []event.Fact // kinds that it listens to as well
	Class   platform.Class
	Ordered bool
	Retry   platform.Retry // zero: platform.DefaultRetry
	Calls   bool           // it calls somebody, so that everything it reads and writes is durable
	Handle  func(ctx context.Context, f event.Fact, c Cause) error
}

// On makes a reaction to facts of type F. The cause that do is given names the fact, so whatever it
// announces points back.
func On[F event.Fact](
	name string, class platform.Class, do func(ctx context.Context, f F, c Cause) error,
) Reaction {
	var zero F
	return Reaction{
		Name: name, Fact: zero, Class: class,
		Handle: func(ctx context.Context, f event.Fact, c Cause) error {
			return do(ctx, f.(F), c)
		},
	}
}

// OnAny makes a reaction to facts of several kinds: for what is done with each of them alike.
func OnAny(
	name string, class platform.Class, kinds []event.Fact,
	do func(ctx context.Context, f event.Fact, c Cause) error,
) Reaction {
	return Reaction{Name: name, Fact: kinds[0], More: kinds[1:], Class: class, Handle: do}
}

// Calling says that the reaction has an effect outside the store. Every reaction that has must say
// so: the others' commits need not wait for the disk one by one.
func (r Reaction) Calling() Reaction {
	r.Calls = true
	return r
}

// Subscription turns a reaction into the platform's terms. It listens to every version that upcasts
// to one of the reaction's facts.
func (r Reaction) Subscription(cat *event.Catalogue) platform.Subscription {
	retry := r.Retry
	if retry.Attempts == 0 {
		retry = platform.DefaultRetry()
	}
	types := cat.Versions(r.Fact.Type())
	for _, f := range r.More {
		types = append(types, cat.Versions(f.Type())...)
	}
	return platform.Subscription{
		Name: r.Name, Types: types, Class: r.Class, Ordered: r.Ordered,
		Retry: retry, Pure: !r.Calls,
		Handle: func(ctx context.Context, e platform.Event) error {
			f, err := FactOf(cat, e)
			if err != nil {
				return err
			}
			return r.Handle(ctx, f, CauseOf(e))
		},
	}
}

// FactOf returns the fact that an event carries, in its newest version.
func FactOf(cat *event.Catalogue, e platform.Event) (event.Fact, error) {
	if f, ok := e.Value.(event.Fact); ok {
		return cat.Upcast(f), nil
	}
	return cat.Decode(e.Type, e.Data)
}

// CauseOf makes the cause of whatever follows from e.
func CauseOf(e platform.Event) Cause {
	c := Cause{Correlation: e.Correlation, Causation: e.ID, TraceParent: e.TraceParent}
	if c.Correlation == "" {
		c.Correlation = e.ID
	}
	return c
}

// CloudEvent puts an event into the envelope in which it leaves the system.
func CloudEvent(e platform.Event) event.CloudEvent {
	return event.CloudEvent{
		SpecVersion: "1.0", ID: e.ID, Source: event.Source(e.Type), Type: e.Type,
		Subject: e.Subject,
		Time:    e.Time, DataContentType: "application/json", IdempotencyKey: e.Idempotency,
		CorrelationID: e.Correlation, CausationID: e.Causation, TraceParent: e.TraceParent,
		PartitionKey: e.Subject, Sequence: e.Sequence, Data: e.Data,
	}
}
