// Package interest decides which events a subscription is called for: those of its types, and of
// these, where it has an event pattern, those that match it.
//
// It promises that every adapter decides the same, by looking at the same document: the event in
// the JSON form of CloudEvents, its data as a value. It refuses a pattern that is none. An event
// whose type is all that matters costs one look into a map.
//
// Adapters import it; it imports the ports and the pattern language.
package interest

import (
	"fmt"
	"strconv"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/pattern"
)

// Interest is a subscription's. It is never changed, and safe for concurrent use.
type Interest struct {
	types map[string]bool
	set   *pattern.Set // of the one pattern; nil if types are all
}

// Of reads a subscription's interest. Without types, or with a pattern that is none, it is
// platform.ErrInvalid.
func Of(s platform.Subscription) (*Interest, error) {
	if len(s.Types) == 0 {
		return nil, fmt.Errorf("subscription %q has no types: %w", s.Name, platform.ErrInvalid)
	}
	i := &Interest{types: make(map[string]bool, len(s.Types))}
	for _, t := range s.Types {
		i.types[t] = true
	}
	if s.Pattern == "" {
		return i, nil
	}
	p, err := pattern.Compile([]byte(s.Pattern))
	if err != nil {
		return nil, fmt.Errorf("subscription %q: %w: %w", s.Name, platform.ErrInvalid, err)
	}
	i.set = pattern.NewSet(p)
	return i, nil
}

// In reports whether the subscription is called for an event.
func (i *Interest) In(e *platform.Event) bool {
	return i.types[e.Type] && (i.set == nil || i.matches(e))
}

// Narrow reports whether types are not all that matters.
func (i *Interest) Narrow() bool { return i.set != nil }

// matches looks at the event as CloudEvents writes it. Data that is no JSON matches nothing that
// asks about data.
func (i *Interest) matches(e *platform.Event) bool {
	members := [...]pattern.Member{
		{Name: "specversion", Text: "1.0"},
		{Name: "id", Text: e.ID},
		{Name: "source", Text: platform.EventSource},
		{Name: "type", Text: e.Type},
		{Name: "subject", Text: e.Subject},
		{Name: "time", Text: e.Time.UTC().Format(time.RFC3339Nano)},
		{Name: "sequence", JSON: strconv.AppendInt(nil, e.Sequence, 10)},
		{Name: "correlationid", Text: e.Correlation},
		{Name: "causationid", Text: e.Causation},
		{Name: "idempotencykey", Text: e.Idempotency},
		{Name: "traceparent", Text: e.TraceParent},
		{Name: "data", JSON: e.Data},
	}
	given := members[:0]
	for _, m := range members {
		switch { // what an event does not have is not written, and so it does not exist
		case m.Text == "" && m.JSON == nil, m.Name == "sequence" && e.Sequence == 0:
		default:
			given = append(given, m)
		}
	}
	var found [1]int
	matched, err := i.set.MatchMembers(found[:0], given...)
	return err == nil && len(matched) > 0
}
