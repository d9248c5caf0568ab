package notification

import (
	"context"
	"fmt"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// HookState is how far a webhook has come.
type HookState string

// The states of a webhook.
const (
	HookWaits     HookState = "waiting"   // it is sent, again if need be
	HookDelivered HookState = "delivered" // the endpoint took it
	HookGivenUp   HookState = "given_up"  // after the last attempt
)

// Hook is an event that one endpoint has to be told of.
type Hook struct {
	ID       shop.ID   `json:"id"`
	Endpoint shop.ID   `json:"endpoint"`
	Event    string    `json:"event"`
	Type     string    `json:"type"`
	Body     string    `json:"body"`
	At       time.Time `json:"at"`
	State    HookState `json:"state"`
	Attempts int       `json:"attempts"` // since it was queued, or replayed
	Next     time.Time `json:"next,omitzero"`
	Tries    []Try     `json:"tries,omitempty"` // the last ones
	Seq      int64     `json:"seq"`
}

// Try is one attempt to deliver a webhook.
type Try struct {
	At     time.Time `json:"at"`
	Status int       `json:"status,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Took   int64     `json:"took"` // milliseconds
}

// maxTries is how many attempts a webhook remembers.
const maxTries = 20

// grace is how long a webhook that was just queued is left to the one who hears of it first: longer
// than a request takes, so that two processes do not make the same one.
const grace = 20 * time.Second

// apply changes the webhook by a fact of its own.
func (h *Hook) apply(f event.Fact, seq int64) {
	h.Seq = seq
	switch f := f.(type) {
	case *event.HookQueued:
		h.ID, h.Endpoint, h.Event, h.Type = f.Hook, f.Endpoint, f.Event, f.Name
		h.Body, h.At, h.State, h.Next = f.Body, f.At, HookWaits, f.At.Add(grace)
	case *event.HookDelivered:
		h.State, h.Attempts, h.Next = HookDelivered, f.Attempt, time.Time{}
		h.remember(Try{At: f.At, Status: f.Status, Took: f.Took})
	case *event.HookFailed:
		h.Attempts, h.Next = f.Attempt, f.Next
		if f.GivenUp {
			h.State, h.Next = HookGivenUp, time.Time{}
		}
		h.remember(Try{At: f.At, Status: f.Status, Reason: f.Reason, Took: f.Took})
	case *event.HookReplayed:
		h.State, h.Attempts, h.Next = HookWaits, 0, f.At
	}
}

func (h *Hook) remember(t Try) {
	h.Tries = append(h.Tries, t)
	if len(h.Tries) > maxTries {
		h.Tries = h.Tries[len(h.Tries)-maxTries:]
	}
}

// hookID names a webhook after the endpoint and the event, so that queueing it twice is queueing it
// once.
func hookID(endpoint shop.ID, eventID string) shop.ID {
	return shop.ID("whk_" + digest(string(endpoint), eventID))
}

func hookKey(id shop.ID) platform.Key {
	return platform.Key{Part: "hook/" + string(id), Sort: "hook"}
}

func hooksPart(endpoint shop.ID) string { return "hooks/" + string(endpoint) }

func queuePart(endpoint shop.ID) string { return "queue/" + string(endpoint) }

// queueKey is where a webhook waits; nil while it does not.
func (h *Hook) queueKey() *platform.Key {
	if h == nil || h.State != HookWaits {
		return nil
	}
	return &platform.Key{Part: queuePart(h.Endpoint), Sort: place(h.Next, h.ID)}
}

// hookOf names the webhook that a fact changes; "" for every other fact.
func hookOf(f event.Fact) shop.ID {
	switch f := f.(type) {
	case *event.HookQueued:
		return f.Hook
	case *event.HookDelivered:
		return f.Hook
	case *event.HookFailed:
		return f.Hook
	case *event.HookReplayed:
		return f.Hook
	}
	return ""
}

// applyHook keeps a webhook, its place in the endpoint's log, and its place in the queue.
func applyHook(
	ctx context.Context, tx *room.Tx, id shop.ID, f event.Fact, m room.Meta,
) error {
	h, err := room.Get[Hook](ctx, tx, hookKey(id))
	if err != nil {
		return err
	}
	queued, first := f.(*event.HookQueued)
	if (h == nil) != first {
		return fmt.Errorf("%s of %s is out of place", f.Type(), id)
	}
	was := h.queueKey()
	if h == nil {
		h = new(Hook)
		room.Put(tx, platform.Key{
			Part: hooksPart(queued.Endpoint), Sort: place(queued.At, id),
		}, &listed{})
	}
	h.apply(f, m.Sequence)
	room.Put(tx, hookKey(id), h)
	is := h.queueKey()
	if was != nil && is != nil && *was == *is {
		return nil
	}
	if was != nil {
		if _, err := room.Get[listed](ctx, tx, *was); err != nil {
			return err
		}
		tx.Delete(*was)
	}
	if is != nil {
		room.Put(tx, *is, &listed{})
	}
	return nil
}
