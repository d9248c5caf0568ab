package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/fulfilment/sandbox/post"
	"github.com/souk-commerce/souk/shop/room"
)

// Webhook is a signed notice on its way. Due is when it may be delivered.
type Webhook struct {
	room.Signed
	Due time.Time
}

// maxHooks bounds the webhooks that wait; over it the oldest is lost, as webhooks are.
const maxHooks = 4096

// Read implements fulfilment.Carrier.
func (s *Sandbox) Read(body []byte) (fulfilment.Notice, bool, error) { return post.Read(body) }

// leg is one word that the carrier will say, so long after it sold the label.
type leg struct {
	after time.Duration
	event string
}

// route is what will be said of a parcel.
func route(place string) []leg {
	const h = time.Hour
	way := []leg{{2 * h, "COLLECTED"}, {8 * h, "SORTED"}}
	switch place {
	case lost:
		return append(way, leg{240 * h, "MISSING"})
	case returned:
		return append(way, leg{24 * h, "ON_VAN"}, leg{96 * h, "BACK_AT_SENDER"})
	case delayed:
		return append(way, leg{26 * h, "HELD_UP"}, leg{72 * h, "ON_VAN"},
			leg{74 * h, "HANDED_OVER"})
	case odd:
		way = append(way, leg{9 * h, "X_RAYED"})
	}
	return append(way, leg{24 * h, "ON_VAN"}, leg{26 * h, "HANDED_OVER"})
}

// plan makes the webhooks of a parcel. The caller holds mu.
func (s *Sandbox) plan(tracking, place string, now time.Time) {
	if s.secret == nil {
		return
	}
	way := route(place)
	for _, l := range way {
		w := Webhook{Due: now.Add(l.after)}
		body, err := json.Marshal(post.Word{Event: l.event, Parcel: tracking, At: w.Due})
		if err != nil {
			panic("sandbox-post: a word cannot be encoded: " + err.Error())
		}
		s.hookNo++
		w.ID = fmt.Sprintf("msg_%s_%d", tracking, s.hookNo)
		w.Body = body
		copies := 1
		switch place {
		case echo:
			copies = 3
		case scrambled:
			w.Due = now.Add(way[len(way)-1].after) // all at once, the last one first
		}
		for range copies {
			if len(s.hooks) >= maxHooks {
				s.hooks = append(s.hooks[:0], s.hooks[1:]...)
			}
			s.hooks = append(s.hooks, w)
		}
	}
}

// Deliver sends the webhooks that are due, those of one moment newest first, and keeps those that
// send refused for half a minute later. It returns how many were taken.
func (s *Sandbox) Deliver(ctx context.Context, send func(context.Context, Webhook) error) int {
	now := s.clock.Now().UTC()
	s.mu.Lock()
	var due []Webhook
	rest := s.hooks[:0]
	for _, w := range s.hooks {
		if now.Before(w.Due) {
			rest = append(rest, w)
		} else {
			due = append(due, w)
		}
	}
	s.hooks = rest
	s.mu.Unlock()
	slices.Reverse(due)
	slices.SortStableFunc(due, func(a, b Webhook) int { return a.Due.Compare(b.Due) })
	taken := 0
	for _, w := range due {
		w.Timestamp = strconv.FormatInt(now.Unix(), 10)
		w.Signature = room.Sign(s.secret, w.ID, now, w.Body)
		if err := send(ctx, w); err == nil {
			taken++
			continue
		}
		w.Due = now.Add(30 * time.Second)
		s.mu.Lock()
		if len(s.hooks) < maxHooks {
			s.hooks = append(s.hooks, w)
		}
		s.mu.Unlock()
	}
	return taken
}
