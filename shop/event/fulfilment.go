package event

import (
	"time"

	"github.com/souk-commerce/souk/shop"
)

// ShipmentRequested says that a dealer has a parcel to pack.
type ShipmentRequested struct {
	Shipment shop.ID                   `json:"shipment"`
	Order    shop.ID                   `json:"order"`
	Customer shop.ID                   `json:"customer"`
	Dealer   shop.ID                   `json:"dealer"`
	Payment  shop.ID                   `json:"payment"`
	Lines    []ParcelLine              `json:"lines"`
	Amount   shop.Money                `json:"amount" doc:"to capture when the parcel is packed"`
	ShipTo   shop.Sealed[shop.Address] `json:"shipTo"`
	Parcels  int                       `json:"parcels" doc:"how many the order has in all"`
}

// ShipmentSplit says that the dealer packs a part of the parcel now, and what that part costs. The
// rest is a parcel of its own, which is requested in the same commit.
type ShipmentSplit struct {
	Shipment shop.ID      `json:"shipment"`
	Order    shop.ID      `json:"order"`
	Lines    []ParcelLine `json:"lines" doc:"that stay in this parcel"`
	Amount   shop.Money   `json:"amount" doc:"to capture for them"`
	Rest     shop.ID      `json:"rest" doc:"the parcel with all other units"`
}

// ShipmentPacked says that the parcel is ready; the money may be taken now.
type ShipmentPacked struct {
	Shipment shop.ID    `json:"shipment"`
	Order    shop.ID    `json:"order"`
	Payment  shop.ID    `json:"payment"`
	Dealer   shop.ID    `json:"dealer"`
	Amount   shop.Money `json:"amount"`
}

// ShipmentCleared says that the parcel's money was taken: it may leave.
type ShipmentCleared struct {
	Shipment shop.ID `json:"shipment"`
	Order    shop.ID `json:"order"`
}

// ShipmentDispatched says that the parcel left the building.
type ShipmentDispatched struct {
	Shipment shop.ID      `json:"shipment"`
	Order    shop.ID      `json:"order"`
	Lines    []ParcelLine `json:"lines"`
	Tracking string       `json:"tracking,omitempty"`
	Rest     shop.ID      `json:"rest,omitempty" doc:"the parcel that was split from it"`
}

// ShipmentDelivered says that the parcel reached its address.
type ShipmentDelivered struct {
	Shipment shop.ID   `json:"shipment"`
	Order    shop.ID   `json:"order"`
	Dealer   shop.ID   `json:"dealer"`
	At       time.Time `json:"at,omitzero" doc:"its return window is counted from then"`
}

// ShipmentLost says that nobody expects the parcel to arrive any more: it has come to its end. Its
// money is no affair of this fact: whoever says it has given that back, or sees to it.
type ShipmentLost struct {
	Shipment shop.ID   `json:"shipment"`
	Order    shop.ID   `json:"order"`
	Dealer   shop.ID   `json:"dealer"`
	By       shop.ID   `json:"by" doc:"who gave it up: an administrator, or a machine of the operator's"`
	At       time.Time `json:"at"`
}

// ShipmentTurnedUp says that a parcel arrived that had been given up as lost. It stays lost, and no
// money moves: what follows is for people to agree.
type ShipmentTurnedUp struct {
	Shipment shop.ID   `json:"shipment"`
	Order    shop.ID   `json:"order"`
	Dealer   shop.ID   `json:"dealer"`
	At       time.Time `json:"at"`
}

// ShipmentCancelled says that the parcel will not leave.
type ShipmentCancelled struct {
	Shipment shop.ID `json:"shipment"`
	Order    shop.ID `json:"order"`
}

// ParcelsStopped says that fulfilment knows of a hold: no parcel of the order is packed or
// dispatched until ParcelsResumed of the same round or a later one.
type ParcelsStopped struct {
	Order shop.ID `json:"order"`
	Round int64   `json:"round" doc:"of order.held"`
}

// ParcelsResumed says that fulfilment knows of an approval: the parcels of the order may move. It
// may be the first that fulfilment hears of a round; the hold of that round then stops nothing.
type ParcelsResumed struct {
	Order shop.ID `json:"order"`
	Round int64   `json:"round" doc:"of order.approved"`
}

// Type implements Fact.
func (*ShipmentRequested) Type() string { return "souk.fulfilment.requested.v1" }

// Type implements Fact.
func (*ShipmentSplit) Type() string { return "souk.fulfilment.split.v1" }

// Type implements Fact.
func (*ShipmentPacked) Type() string { return "souk.fulfilment.packed.v1" }

// Type implements Fact.
func (*ShipmentCleared) Type() string { return "souk.fulfilment.cleared.v1" }

// Type implements Fact.
func (*ShipmentDispatched) Type() string { return "souk.fulfilment.dispatched.v1" }

// Type implements Fact.
func (*ShipmentDelivered) Type() string { return "souk.fulfilment.delivered.v1" }

// Type implements Fact.
func (*ShipmentLost) Type() string { return "souk.fulfilment.lost.v1" }

// Type implements Fact.
func (*ShipmentTurnedUp) Type() string { return "souk.fulfilment.turned_up.v1" }

// Type implements Fact.
func (*ShipmentCancelled) Type() string { return "souk.fulfilment.cancelled.v1" }

// Type implements Fact.
func (*ParcelsStopped) Type() string { return "souk.fulfilment.stopped.v1" }

// Type implements Fact.
func (*ParcelsResumed) Type() string { return "souk.fulfilment.resumed.v1" }

// Subject implements Fact.
func (f *ShipmentRequested) Subject() string { return shipmentSubject(f.Shipment) }

// Subject implements Fact.
func (f *ShipmentSplit) Subject() string { return shipmentSubject(f.Shipment) }

// Subject implements Fact.
func (f *ShipmentPacked) Subject() string { return shipmentSubject(f.Shipment) }

// Subject implements Fact.
func (f *ShipmentCleared) Subject() string { return shipmentSubject(f.Shipment) }

// Subject implements Fact.
func (f *ShipmentDispatched) Subject() string { return shipmentSubject(f.Shipment) }

// Subject implements Fact.
func (f *ShipmentDelivered) Subject() string { return shipmentSubject(f.Shipment) }

// Subject implements Fact.
func (f *ShipmentLost) Subject() string { return shipmentSubject(f.Shipment) }

// Subject implements Fact.
func (f *ShipmentTurnedUp) Subject() string { return shipmentSubject(f.Shipment) }

// Subject implements Fact.
func (f *ShipmentCancelled) Subject() string { return shipmentSubject(f.Shipment) }

// Subject implements Fact. Whether parcels may move is said of all parcels of an order at once.
func (f *ParcelsStopped) Subject() string { return parcelsSubject(f.Order) }

// Subject implements Fact.
func (f *ParcelsResumed) Subject() string { return parcelsSubject(f.Order) }

func shipmentSubject(id shop.ID) string { return "shipment/" + string(id) }

func parcelsSubject(order shop.ID) string { return "parcels/" + string(order) }

func fulfilmentKinds() []Kind {
	const roundPositive = "data.round > 0"
	return []Kind{
		kind[ShipmentRequested]("a dealer has a parcel to pack",
			rule("has_lines", "size(data.lines) > 0",
				func(f *ShipmentRequested) bool { return len(f.Lines) > 0 }),
			rule("amount_not_negative", "data.amount.amount >= 0",
				func(f *ShipmentRequested) bool { return f.Amount.Amount >= 0 })),
		kind[ShipmentSplit]("a part of the parcel is packed now; the rest is a parcel of its own",
			rule("has_lines", "size(data.lines) > 0",
				func(f *ShipmentSplit) bool { return len(f.Lines) > 0 }),
			rule("amount_not_negative", "data.amount.amount >= 0",
				func(f *ShipmentSplit) bool { return f.Amount.Amount >= 0 })),
		kind[ShipmentPacked]("the parcel is ready; the money may be taken"),
		kind[ShipmentCleared]("the parcel's money was taken: it may leave"),
		kind[ShipmentDispatched]("the parcel left the building",
			rule("has_lines", "size(data.lines) > 0",
				func(f *ShipmentDispatched) bool { return len(f.Lines) > 0 })),
		kind[ShipmentDelivered]("the parcel reached its address"),
		kind[ShipmentLost]("the parcel is given up as lost"),
		kind[ShipmentTurnedUp]("a parcel arrived that had been given up as lost"),
		kind[ShipmentCancelled]("the parcel will not leave"),
		kind[ParcelsStopped]("no parcel of the order is packed or dispatched",
			rule("round_positive", roundPositive,
				func(f *ParcelsStopped) bool { return f.Round > 0 })),
		kind[ParcelsResumed]("the parcels of the order may move again",
			rule("round_positive", roundPositive,
				func(f *ParcelsResumed) bool { return f.Round > 0 })),
	}
}
