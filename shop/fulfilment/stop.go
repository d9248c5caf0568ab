package fulfilment

import (
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// OnHold is the code of a step that must wait until the order is approved.
const OnHold shop.Code = "order_on_hold"

// Stop says whether the parcels of an order are stopped, because the order is on hold. The zero
// Stop is of an order that was never held. Its rounds count the order's holds, so that facts may
// come in any order and twice: those of a later round count, and within a round the approval, which
// ends the hold.
type Stop struct {
	Order shop.ID `json:"order"`
	Round int64   `json:"round"` // the last that was heard of
	On    bool    `json:"on"`    // nothing is packed or dispatched
	Seq   int64   `json:"seq"`
}

// Hold decides what follows when the order is held. A hold that was heard of, or is over, says
// nothing new.
func (s Stop) Hold(f *event.OrderHeld) []event.Fact {
	if f.Round <= s.Round {
		return nil
	}
	return []event.Fact{&event.ParcelsStopped{Order: f.Order, Round: f.Round}}
}

// Approve decides what follows when the order is approved. The hold that it ends may still be on
// its way; it is over all the same.
func (s Stop) Approve(f *event.OrderApproved) []event.Fact {
	if f.Round < s.Round || f.Round == s.Round && !s.On {
		return nil
	}
	return []event.Fact{&event.ParcelsResumed{Order: f.Order, Round: f.Round}}
}

func (s Stop) refuse() error {
	return shop.Errorf(OnHold,
		"order %s is on hold: none of its parcels is packed or dispatched; nothing was done",
		s.Order).WithHint("an administrator approves the order, or cancels it")
}
