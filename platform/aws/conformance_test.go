package aws

import (
	"log/slog"
	"sync"
	"testing"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/platformtest"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// Goal: delivery, queues, files and keys keep every promise of the ports, over either bus. Method:
// the suite of all adapters, on services in the process; the store is the embedded one.
func TestDeliveryConformance(t *testing.T) {
	t.Parallel()
	for name, topic := range map[string]bool{"eventbridge": false, "sns": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			places := make(map[string]*cloud)
			platformtest.Run(t, platformtest.Adapter{
				Features: joinedFeatures(t),
				Open: func(t *testing.T, o platformtest.Options) platform.Platform {
					t.Helper()
					mu.Lock()
					c := places[o.Place]
					if c == nil {
						c = newCloud(t, o.Clock, topic)
						places[o.Place] = c
					}
					mu.Unlock()
					p, err := openJoined(c, o.Check)
					if err != nil {
						t.Fatalf("open: %v", err)
					}
					return p
				},
			})
		})
	}
}

// joinedFeatures is what the embedded store declares.
func joinedFeatures(t *testing.T) platform.Features {
	t.Helper()
	p, err := openJoined(newCloud(t, platformtest.NewClock(platformtest.Start()), false), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	f := p.Features()
	f.Name, f.MaxMessageBytes = "aws delivery", maxWireBytes
	return f
}
