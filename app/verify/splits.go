package verify

import (
	"strconv"
	"strings"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// maxParcels bounds the numbers of an order's parcels.
const maxParcels = 50

// split divides a parcel in two: what stays in it, and a parcel of all the rest. It requires that
// the part is one, that the rest has the number that is its own, and that the part costs its share
// of the parcel; what the rest costs follows.
func (b *books) split(it *item, l *life, f *event.ShipmentSplit) {
	b.check(arithmetic)
	q, n := l.parcel(f.Shipment)
	next, ok := l.numbered(f.Rest)
	if q == nil || q.absent || q.way != requested || !ok || l.created == nil ||
		next != n+len(l.placed.Parcels) {
		b.broken(singletons, it.at, "a parcel is split that cannot be, or into another's number",
			"shipment", f.Shipment, "rest", f.Rest)
		return
	}
	whole := l.plan[n-1]
	shares := b.sharesOf(l, n)
	rest := event.Parcel{Dealer: whole.Dealer, Amount: whole.Amount - f.Amount.Amount}
	var amount, kept, units int64
	for _, line := range whole.Lines {
		var stays int64
		for _, k := range f.Lines {
			if k.SKU == line.SKU {
				stays = k.Quantity
			}
		}
		amount += partOf(shares[line.SKU].due, stays, line.Quantity)
		kept += stays
		units += line.Quantity
		if stays < line.Quantity {
			rest.Lines = append(rest.Lines, event.ParcelLine{
				SKU: line.SKU, Quantity: line.Quantity - stays,
			})
		}
	}
	if amount != f.Amount.Amount || kept <= 0 || kept >= units || unitsOf(f.Lines) != kept {
		b.broken(arithmetic, it.at, "a part of a parcel is not what it costs, or no part of it",
			"shipment", f.Shipment, "amount", f.Amount.Amount, "share", amount,
			"units", kept, "of", units)
	}
	for len(l.parcels) < next {
		l.parcels = append(l.parcels, parcel{absent: true})
		l.plan = append(l.plan, event.Parcel{})
	}
	l.parcels[next-1].absent = false
	l.plan[next-1] = rest
	l.plan[n-1].Lines, l.plan[n-1].Amount = f.Lines, f.Amount.Amount
	l.parcels[n-1].rest = f.Rest
}

func unitsOf(lines []event.ParcelLine) int64 {
	var sum int64
	for _, l := range lines {
		sum += l.Quantity
	}
	return sum
}

// numbered is the number of a parcel of the order, whether there is one or not.
func (l *life) numbered(shipment shop.ID) (int, bool) {
	digits, ok := strings.CutPrefix(string(shipment), "shp_"+l.name()+"_")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 1 && n <= maxParcels
}
