package verify

import (
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// way is how far a shipment has come.
type way uint8

const (
	nowhere way = iota
	requested
	packed
	cleared
	dispatched
	delivered
	cancelled
	lost
)

func (w way) String() string {
	return [...]string{
		"nowhere", "requested", "packed", "cleared", "dispatched", "delivered", "cancelled",
		"lost",
	}[w]
}

// may is the automaton of shipments.
func (w way) may(next way) bool {
	switch next {
	case cancelled:
		return w == requested || w == packed || w == cleared
	case lost:
		return w == dispatched
	}
	return w != cancelled && next == w+1
}

// shipment moves a parcel along its way.
func (o *orders) shipment(it *item, l *life) {
	var id shop.ID
	var next way
	switch f := it.fact.(type) {
	case *event.ShipmentRequested:
		id, next = f.Shipment, requested
	case *event.ShipmentPacked:
		id, next = f.Shipment, packed
	case *event.ShipmentCleared:
		id, next = f.Shipment, cleared
	case *event.ShipmentDispatched:
		id, next = f.Shipment, dispatched
	case *event.ShipmentDelivered:
		id, next = f.Shipment, delivered
	case *event.ShipmentLost:
		id, next = f.Shipment, lost
	case *event.ShipmentTurnedUp:
		o.turnedUp(it, l, f)
		return
	case *event.ShipmentCancelled:
		id, next = f.Shipment, cancelled
	default:
		return
	}
	o.check(transitions)
	p, _ := l.parcel(id)
	if p == nil || p.absent {
		o.broken(singletons, it.at, "a shipment of no parcel", "shipment", id, "order", l.id,
			"parcels", len(l.parcels))
		return
	}
	if !p.way.may(next) {
		l := transitions
		if next == requested {
			l = singletons
		}
		o.broken(l, it.at, "a shipment goes a way that there is not",
			"shipment", id, "from", p.way, "to", next)
	}
	o.still(it, l, id, next)
	p.way = next
}

// turnedUp requires that what turns up was given up before, and that it is said once.
func (o *orders) turnedUp(it *item, l *life, f *event.ShipmentTurnedUp) {
	o.check(transitions)
	p, _ := l.parcel(f.Shipment)
	if p == nil || p.way != lost || p.turnedUp {
		o.broken(transitions, it.at, "a parcel turns up that was not lost, or did so before",
			"shipment", f.Shipment, "order", l.id)
		return
	}
	p.turnedUp = true
}
