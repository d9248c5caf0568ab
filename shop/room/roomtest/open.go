package roomtest

import (
	"log/slog"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
)

// openEmbedded opens the embedded platform in memory.
func openEmbedded(
	c platform.Clock, check func(platform.Event) error,
) (platform.Platform, error) {
	return embedded.Open(embedded.Options{
		Clock: c, Check: check, Log: slog.New(slog.DiscardHandler),
	})
}
