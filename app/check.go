package app

import (
	"github.com/souk-commerce/souk/app/rooms"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
)

// Check returns the test that a store makes of every event before it commits it; see rooms.Check.
func Check(cat *event.Catalogue) func(platform.Event) error { return rooms.Check(cat) }
