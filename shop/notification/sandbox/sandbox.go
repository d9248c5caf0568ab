// Package sandbox carries messages nowhere: a carrier for tests, demos and a market on one's own
// machine, by mail and by SMS.
//
// It promises to behave like a vendor whose moods one can choose, by the address: see Magic. It can
// be asked about what it was given. It keeps the last letters in memory, with their addresses, and
// writes them nowhere. cmd makes it and gives it to the notification room.
package sandbox

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/souk-commerce/souk/shop/notification"
)

// Magic is an address that makes the sandbox behave in a way of its own.
type Magic struct {
	Phone string // of an SMS
	Name  string // of a mail: what stands before the '@'
	About string
}

// Magics lists the addresses that are special. To every other a letter is taken.
func Magics() []Magic {
	return []Magic{
		{"+99000000001", "refused", "refused for ever: there is no such address"},
		{"+99000000002", "throttled", "refused for now, once: the second attempt is taken"},
		{"+99000000003", "unknown", "taken, but the answer is lost; who asks is told so"},
		{"+99000000004", "lost", "lost on the way, without an answer; who asks is told so"},
		{"+99000000005", "stopped", "refused for ever: the person asked for no more SMS"},
	}
}

// Keep is how many letters a sandbox remembers.
const Keep = 1000

// Sandbox is a notification.Carrier that can be asked. It is safe for concurrent use.
type Sandbox struct {
	mu    sync.Mutex
	calls map[string]int
	took  map[string]bool
	last  []notification.Letter
}

var (
	_ notification.Carrier = (*Sandbox)(nil)
	_ notification.Asker   = (*Sandbox)(nil)
)

// New makes a sandbox.
func New() *Sandbox {
	return &Sandbox{calls: make(map[string]int), took: make(map[string]bool)}
}

// Send implements notification.Carrier.
func (s *Sandbox) Send(_ context.Context, l notification.Letter) notification.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[l.Key]++
	switch mood(l.To) {
	case "refused":
		return notification.Outcome{
			Verdict: notification.Refused, Reason: "bad_address", Final: true,
		}
	case "stopped":
		return notification.Outcome{
			Verdict: notification.Refused, Reason: "opted_out", Final: true,
		}
	case "throttled":
		if s.calls[l.Key] == 1 {
			return notification.Outcome{Verdict: notification.Refused, Reason: "throttled"}
		}
	case "unknown":
		s.take(l)
		return notification.Outcome{}
	case "lost":
		if s.calls[l.Key] == 1 {
			return notification.Outcome{}
		}
	}
	s.take(l)
	return notification.Outcome{Verdict: notification.Taken, Reference: "sandbox"}
}

// Status implements notification.Asker.
func (s *Sandbox) Status(_ context.Context, key string) notification.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.took[key] {
		return notification.Outcome{Verdict: notification.Taken, Reference: "sandbox"}
	}
	return notification.Outcome{Verdict: notification.Missing}
}

// Letters returns what was taken, oldest first.
func (s *Sandbox) Letters() []notification.Letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.last)
}

// take keeps a letter, once a key: a vendor that knows keys has no second effect.
func (s *Sandbox) take(l notification.Letter) {
	if s.took[l.Key] {
		return
	}
	s.took[l.Key] = true
	s.last = append(s.last, l)
	if len(s.last) > Keep {
		s.last = s.last[len(s.last)-Keep:]
	}
}

func mood(to string) string {
	name, _, _ := strings.Cut(to, "@")
	for _, m := range Magics() {
		if to == m.Phone || name == m.Name {
			return m.Name
		}
	}
	return ""
}
