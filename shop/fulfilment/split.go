package fulfilment

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// MaxParcels bounds the parcels of an order, those that were split from others included.
const MaxParcels = 50

// rest names the parcel that is split from this one. The parts of the n-th of N parcels are n+N,
// n+2N and so on, so no dealer needs to know what the others split.
func (s *Shipment) rest() (shop.ID, error) {
	at := strings.LastIndexByte(string(s.ID), '_')
	n, err := strconv.Atoi(string(s.ID)[at+1:])
	if err != nil {
		return "", shop.Errorf(shop.Internal, "parcel %s has no number: %w", s.ID, err)
	}
	if n += s.Parcels; n > MaxParcels {
		return "", shop.Errorf(shop.Conflict,
			"parcel %s cannot be split further: an order has at most %d parcels", s.ID, MaxParcels)
	}
	return ID(s.Order, n), nil
}

// PackPart decides what follows when the dealer packs some of the units now: they are a parcel with
// their share of the money, and the rest is another. All units together are what Pack is for. What
// each line of the parcel cost is in shares. Packing the same part again says nothing new.
func (s *Shipment) PackPart(
	stop Stop, keep []event.ParcelLine, shares []int64,
) ([]event.Fact, error) {
	switch {
	case s.State == Cancelled():
		return nil, s.refuse("packed", "")
	case s.State != Requested() && slices.Equal(s.Lines, keep):
		return nil, nil
	case s.State != Requested():
		return nil, s.refuse("packed in part", "it is packed already")
	case stop.On:
		return nil, stop.refuse()
	}
	left, amount, err := s.take(keep, shares)
	if err != nil {
		return nil, err
	}
	if len(left) == 0 {
		return s.Pack(stop)
	}
	rest, err := s.rest()
	if err != nil {
		return nil, err
	}
	money := func(n int64) shop.Money {
		return shop.Money{Amount: n, Currency: s.Amount.Currency}
	}
	facts := []event.Fact{
		&event.ShipmentSplit{
			Shipment: s.ID, Order: s.Order, Lines: keep, Amount: money(amount), Rest: rest,
		},
		&event.ShipmentPacked{
			Shipment: s.ID, Order: s.Order, Payment: s.Payment, Dealer: s.Dealer,
			Amount: money(amount),
		},
	}
	if amount == 0 {
		facts = append(facts, &event.ShipmentCleared{Shipment: s.ID, Order: s.Order})
	}
	return append(facts, &event.ShipmentRequested{
		Shipment: rest, Order: s.Order, Customer: s.Customer, Dealer: s.Dealer,
		Payment: s.Payment, Lines: left, Amount: money(s.Amount.Amount - amount),
		ShipTo: s.ShipTo, Parcels: s.Parcels,
	}), nil
}

// take divides the parcel: what is left when some units are taken, and what those cost.
func (s *Shipment) take(
	keep []event.ParcelLine, shares []int64,
) (left []event.ParcelLine, amount int64, err error) {
	if len(keep) == 0 || len(shares) != len(s.Lines) {
		return nil, 0, shop.Errorf(shop.Invalid, "say what is in the parcel")
	}
	taken := make(map[shop.SKU]int64, len(keep))
	for _, k := range keep {
		if _, twice := taken[k.SKU]; twice || k.Quantity < 1 {
			return nil, 0, shop.Errorf(shop.Invalid,
				"each article is named once, with at least one unit: %s", k.SKU)
		}
		taken[k.SKU] = k.Quantity
	}
	for i, l := range s.Lines {
		n := taken[l.SKU]
		if n > l.Quantity {
			return nil, 0, shop.Errorf(shop.Conflict,
				"there are %d of %s to pack, not %d; nothing was done", l.Quantity, l.SKU, n)
		}
		delete(taken, l.SKU)
		amount += portion(shares[i], n, l.Quantity)
		if n < l.Quantity {
			left = append(left, event.ParcelLine{SKU: l.SKU, Quantity: l.Quantity - n})
		}
	}
	for sku := range taken {
		return nil, 0, shop.Errorf(shop.Invalid, "parcel %s holds no %s; nothing was done",
			s.ID, sku)
	}
	return left, amount, nil
}

// PackIn is POST /v1/shipments/{id}/pack.
type PackIn struct {
	ID   string    `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Key  string    `header:"Idempotency-Key" maxLength:"255"`
	Body *PackBody `doc:"may be left out: then the whole parcel is packed"`
}

// PackBody is a part of a parcel.
type PackBody struct {
	Lines []event.ParcelLine `json:"lines" minItems:"1" maxItems:"1200" doc:"that are in the parcel; the rest becomes a parcel of its own"`
}

// PostPack answers POST /v1/shipments/{id}/pack.
func (s *Service) PostPack(ctx context.Context, in *PackIn) (*StepOut, error) {
	step := &StepIn{ID: in.ID, Key: in.Key}
	if in.Body == nil {
		return s.post(ctx, step, "pack", "", (*Shipment).Pack)
	}
	sh, err := s.Get(ctx, room.CallerOf(ctx), shop.ID(in.ID))
	if err != nil {
		return nil, err
	}
	lines, err := s.opt.Orders.Priced(ctx, sh.Order)
	if err != nil {
		return nil, fmt.Errorf("ask what parcel %s cost: %w", sh.ID, err)
	}
	what, err := room.Encode(in.Body.Lines)
	if err != nil {
		return nil, shop.Errorf(shop.Internal, "encode the lines: %w", err)
	}
	return s.post(ctx, step, "pack", string(what),
		func(sh *Shipment, stop Stop) ([]event.Fact, error) {
			shares, err := sh.shares(lines)
			if err != nil {
				return nil, err
			}
			return sh.PackPart(stop, in.Body.Lines, shares)
		})
}
