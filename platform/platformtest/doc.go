// Package platformtest holds what every adapter and every room is tested with: one conformance
// suite (Run), a clock that stands still until it is told to move (Clock), and a wrapper that makes
// any platform as unkind as the ports allow (Wrap).
//
// It promises that an adapter which passes Run keeps every sentence of package platform, and that a
// fault which Wrap injects is one that some adapter may really show. Differences between adapters
// are read from platform.Features and never from a name. It refuses to test what the ports do not
// promise. Only tests import it.
package platformtest
