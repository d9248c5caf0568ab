package machines

import (
	"context"
	"errors"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/workflow"
	"github.com/souk-commerce/souk/workflow/durable"
)

// grace is how long a lost parcel may turn up before somebody is asked, in seconds.
const grace = 3 * 24 * 60 * 60

// starters are the facts because of which machines are started. An execution is named after what it
// is about, so a fact that comes twice, or a carrier that repeats itself, starts one.
func (m *Machines) starters() []platform.Subscription {
	return []platform.Subscription{
		m.start(room.On("workflow.lost-shipment-on-tracked", platform.Standard,
			m.onTracked)),
	}
}

// start puts a starter into the platform's terms. A start is a commit like any other, so it need
// not wait for the disk by itself.
func (m *Machines) start(r room.Reaction) platform.Subscription {
	return r.Subscription(m.catalogue)
}

func (m *Machines) onTracked(
	ctx context.Context, f *event.ParcelTracked, c room.Cause,
) error {
	if f.Status != "lost" || f.Back {
		return nil // a return that is lost on its way back is its customer's and the carrier's
	}
	_, err := m.engine.Start(ctx, durable.Start{
		Machine: "lost-shipment", Name: string(f.For),
		Event: c.Causation, Correlation: c.Correlation,
		Input: workflow.NewObject("shipment", string(f.For), "order", string(f.Order),
			"carrier", f.Carrier, "tracking", f.Tracking, "patience", workflow.Int(grace)),
	})
	if errors.Is(err, durable.ErrExists) {
		return nil // it was begun by an earlier word of the carrier's
	}
	return err
}
