package embedded_test

import (
	"testing"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/platform/platformtest"
)

// Goal: the adapter keeps every promise of the ports. Method: the suite of all adapters, in memory
// and in a directory.
func TestConformance(t *testing.T) {
	for name, inDirectory := range map[string]bool{"memory": false, "directory": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			platformtest.Run(t, platformtest.Adapter{
				Features: features(t, inDirectory),
				Open: func(t *testing.T, o platformtest.Options) platform.Platform {
					t.Helper()
					opts := embedded.Options{Clock: o.Clock, Check: o.Check}
					if inDirectory {
						opts.Dir = o.Place
					}
					p, err := embedded.Open(opts)
					if err != nil {
						t.Fatalf("open: %v", err)
					}
					return p
				},
			})
		})
	}
}

// features asks a platform what it declares.
func features(t *testing.T, inDirectory bool) platform.Features {
	t.Helper()
	var opts embedded.Options
	if inDirectory {
		opts.Dir = t.TempDir()
	}
	p, err := embedded.Open(opts)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return p.Features()
}
