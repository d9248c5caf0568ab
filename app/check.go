package app

import (
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
)

// Check returns the test that a store makes of every event before it commits it: the event is of a
// known type, can be read, and keeps the invariants of its kind. It is safe for concurrent use.
func Check(cat *event.Catalogue) func(platform.Event) error {
	return func(e platform.Event) error {
		if f, ok := e.Value.(event.Fact); ok {
			return cat.Check(f)
		}
		f, err := cat.Decode(e.Type, e.Data)
		if err != nil {
			return err
		}
		return cat.Check(f)
	}
}
