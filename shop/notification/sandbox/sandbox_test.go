package sandbox_test

import (
	"testing"

	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/notification/sandbox"
)

// Goal: every magic address does what the list says, by SMS and by mail, and what the sandbox says
// when it is asked is what it did. Method: each, twice, and one that is not magic.
func TestMagic(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		first, second notification.Verdict
		status        notification.Verdict
		letters       int
	}{
		"refused":   {notification.Refused, notification.Refused, notification.Missing, 0},
		"stopped":   {notification.Refused, notification.Refused, notification.Missing, 0},
		"throttled": {notification.Refused, notification.Taken, notification.Taken, 1},
		"unknown":   {notification.Unknown, notification.Unknown, notification.Taken, 1},
		"lost":      {notification.Unknown, notification.Taken, notification.Taken, 1},
		"":          {notification.Taken, notification.Taken, notification.Taken, 1},
	} {
		to := []string{"ada@example.org"}
		for _, m := range sandbox.Magics() {
			if m.Name == name {
				to = []string{m.Phone, m.Name + "@example.org"}
			}
		}
		for _, address := range to {
			s := sandbox.New()
			l := notification.Letter{Key: "k", To: address}
			first, second := s.Send(t.Context(), l), s.Send(t.Context(), l)
			status := s.Status(t.Context(), "k")
			if first.Verdict != want.first || second.Verdict != want.second ||
				status.Verdict != want.status || len(s.Letters()) != want.letters {
				t.Errorf("%s: %v, %v, asked %v, %d letters", address, first, second, status,
					len(s.Letters()))
			}
		}
	}
}
