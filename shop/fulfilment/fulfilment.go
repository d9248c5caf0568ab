package fulfilment

import (
	"fmt"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// State is where a shipment is in its life. The set is closed; the zero State is none of them.
type State struct{ name string }

// Requested is a parcel that the dealer has yet to pack.
func Requested() State { return State{"requested"} }

// Packed is a parcel that waits for its money.
func Packed() State { return State{"packed"} }

// Cleared is a packed parcel whose money was taken: it may leave.
func Cleared() State { return State{"cleared"} }

// Dispatched is a parcel on its way.
func Dispatched() State { return State{"dispatched"} }

// Delivered is a parcel that arrived. It stays so.
func Delivered() State { return State{"delivered"} }

// Lost is a parcel that the carrier lost and nobody expects any more. It stays so, even if it turns
// up.
func Lost() State { return State{"lost"} }

// Cancelled is a parcel that will not leave. It stays so.
func Cancelled() State { return State{"cancelled"} }

// States lists them all in the order of a parcel's life, the lost and the cancelled one last.
func States() []State {
	return []State{
		Requested(), Packed(), Cleared(), Dispatched(), Delivered(), Lost(), Cancelled(),
	}
}

// String returns the state's name.
func (s State) String() string { return s.name }

// MarshalText writes the state's name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.name), nil }

// UnmarshalText reads a state's name and refuses any other text.
func (s *State) UnmarshalText(text []byte) error {
	for _, known := range States() {
		if known.name == string(text) {
			*s = known
			return nil
		}
	}
	return shop.Errorf(shop.Invalid, "there is no shipment state %q", text)
}

// Shipment is one dealer's parcel of an order.
type Shipment struct {
	ID       shop.ID                   `json:"id"`
	Order    shop.ID                   `json:"order"`
	Customer shop.ID                   `json:"customer"`
	Dealer   shop.ID                   `json:"dealer"`
	Payment  shop.ID                   `json:"payment"`
	Lines    []event.ParcelLine        `json:"lines"`
	Amount   shop.Money                `json:"amount"` // taken when it is packed
	ShipTo   shop.Sealed[shop.Address] `json:"shipTo"`
	Parcels  int                       `json:"parcels"` // of the order, one a dealer
	State    State                     `json:"state"`
	Tracking string                    `json:"tracking,omitempty"`
	Rest     shop.ID                   `json:"rest,omitempty"`   // the parcel split from it
	Arrived  time.Time                 `json:"arrived,omitzero"` // not known of the oldest parcels
	LostAt   time.Time                 `json:"lostAt,omitzero"`
	LostBy   shop.ID                   `json:"lostBy,omitempty"` // who gave it up
	TurnedUp time.Time                 `json:"turnedUp,omitzero"`
	Seq      int64                     `json:"seq"`
}

// ID names the n-th parcel of an order, n from 1: the same parcel has the same name for ever, which
// makes asking for it twice harmless.
func ID(order shop.ID, n int) shop.ID {
	return shop.ID(fmt.Sprintf("shp_%s_%d", strings.TrimPrefix(string(order), "ord_"), n))
}

// Pack decides what follows when the dealer says that the parcel is ready. A parcel that costs
// nothing is cleared at once, since there is no money to wait for. Packing what is packed or
// further on says nothing new. It refuses a parcel of an order that is on hold (OnHold).
func (s *Shipment) Pack(stop Stop) ([]event.Fact, error) {
	switch {
	case s.State == Cancelled():
		return nil, s.refuse("packed", "")
	case s.State != Requested():
		return nil, nil
	case stop.On:
		return nil, stop.refuse()
	}
	facts := []event.Fact{&event.ShipmentPacked{
		Shipment: s.ID, Order: s.Order, Payment: s.Payment, Dealer: s.Dealer, Amount: s.Amount,
	}}
	if s.Amount.Amount == 0 {
		facts = append(facts, &event.ShipmentCleared{Shipment: s.ID, Order: s.Order})
	}
	return facts, nil
}

// Clear decides what follows when the parcel's money was taken. It answers platform.ErrNotYet while
// the parcel is not packed, and says nothing about a parcel that is cleared already or cancelled.
// Whether the order is on hold does not matter: the money is taken, and the parcel still waits.
func (s *Shipment) Clear() ([]event.Fact, error) {
	switch s.State {
	case Requested():
		return nil, fmt.Errorf("%s is not packed: %w", s.ID, platform.ErrNotYet)
	case Packed():
		return []event.Fact{&event.ShipmentCleared{Shipment: s.ID, Order: s.Order}}, nil
	}
	return nil, nil
}

// Dispatch decides what follows when the parcel is handed to the carrier. It refuses a parcel whose
// money was not taken, and one of an order that is on hold (OnHold).
func (s *Shipment) Dispatch(stop Stop, tracking string) ([]event.Fact, error) {
	switch {
	case s.State == Dispatched(), s.State == Delivered(), s.State == Lost():
		return nil, nil
	case s.State == Cancelled():
		return nil, s.refuse("dispatched", "")
	case stop.On:
		return nil, stop.refuse()
	case s.State == Cleared():
		return []event.Fact{&event.ShipmentDispatched{
			Shipment: s.ID, Order: s.Order, Lines: s.Lines, Tracking: tracking, Rest: s.Rest,
		}}, nil
	case s.State == Packed():
		return nil, s.refuse("dispatched", "its money has not been taken yet; try again shortly")
	}
	return nil, s.refuse("dispatched", "pack it first")
}

// Deliver decides what follows when the parcel arrived. What has left arrives, whether the order is
// on hold or not. What was given up as lost stays lost: that it turned up is said once.
func (s *Shipment) Deliver(at time.Time) ([]event.Fact, error) {
	switch s.State {
	case Dispatched():
		return []event.Fact{&event.ShipmentDelivered{
			Shipment: s.ID, Order: s.Order, Dealer: s.Dealer, At: at,
		}}, nil
	case Lost():
		if s.TurnedUp.IsZero() {
			return []event.Fact{&event.ShipmentTurnedUp{
				Shipment: s.ID, Order: s.Order, Dealer: s.Dealer, At: at,
			}}, nil
		}
		return nil, nil
	case Delivered():
		return nil, nil
	}
	return nil, s.refuse("delivered", "dispatch it first")
}

// Lose decides what follows when a parcel that has left is given up. What has arrived is not lost.
func (s *Shipment) Lose(by shop.ID, at time.Time) ([]event.Fact, error) {
	switch s.State {
	case Dispatched():
		return []event.Fact{&event.ShipmentLost{
			Shipment: s.ID, Order: s.Order, Dealer: s.Dealer, By: by, At: at,
		}}, nil
	case Lost():
		return nil, nil
	}
	return nil, s.refuse("lost", "")
}

// Cancel decides what follows when the order was cancelled: what has left is let go, everything
// else is closed.
func (s *Shipment) Cancel() ([]event.Fact, error) {
	switch s.State {
	case Requested(), Packed(), Cleared():
		return []event.Fact{&event.ShipmentCancelled{Shipment: s.ID, Order: s.Order}}, nil
	}
	return nil, nil
}

func (s *Shipment) refuse(verb, hint string) error {
	err := shop.Errorf(shop.Illegal,
		"shipment %s is %s and cannot be %s; nothing was done", s.ID, s.State, verb)
	if s.State == Cancelled() || hint == "" {
		return err
	}
	return err.WithHint("%s", hint)
}

// follow brings the shipment to where a fact says it is.
func (s *Shipment) follow(f event.Fact, seq int64) {
	switch f := f.(type) {
	case *event.ShipmentSplit:
		s.Lines, s.Amount, s.Rest = f.Lines, f.Amount, f.Rest
	case *event.ShipmentReduced:
		s.reduced(f)
	case *event.ShipmentPacked:
		s.State = Packed()
	case *event.ShipmentCleared:
		s.State = Cleared()
	case *event.ShipmentDispatched:
		s.State, s.Tracking = Dispatched(), f.Tracking
	case *event.ShipmentDelivered:
		s.State, s.Arrived = Delivered(), f.At
	case *event.ShipmentLost:
		s.State, s.LostAt, s.LostBy = Lost(), f.At, f.By
	case *event.ShipmentTurnedUp:
		s.TurnedUp = f.At
	case *event.ShipmentCancelled:
		s.State = Cancelled()
	}
	s.Seq = seq
}
