package inventory

import (
	"errors"
	"strconv"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// The counters of a stock record. It has no value, so moving them needs no read and no version, and
// moves of one SKU commute.
const (
	OnHand    = "onHand"
	Available = "available"
	Reserved  = "reserved"
	// Aside are units on hand that are not available: those that the SKU's care keeps back.
	Aside = "aside"
	// Plain is 0 for a SKU without care and below 0 for one that has it. What changes stock without
	// looking for a care moves it by nothing, not below 0, and so is refused where there is one.
	Plain = "plain"
)

// Movement says that units came in or went out by hand. Its record makes a movement happen once.
type Movement struct {
	SKU      shop.SKU `json:"sku"`
	Quantity int64    `json:"quantity"`
	Reason   string   `json:"reason"`
}

// counted is the value of a stock record whose units were counted. Writing it makes the commit of a
// count conditional on the counters that the counter saw.
type counted struct {
	Movement shop.ID `json:"counted"`
}

// policy says into how many allotments a SKU's stock is split. A SKU without one has one allotment.
type policy struct {
	Allotments int `json:"allotments"`
}

// chunk is what one part of a large hold keeps now.
type chunk struct {
	Items []event.StockItem `json:"items"`
}

// shipment is how far a shipment has been consumed.
type shipment struct {
	SKUs   int `json:"skus"`   // distinct ones consumed so far
	Chunks int `json:"chunks"` // facts so far
}

// StockKey is the key of one allotment of a SKU's stock: its counters are OnHand, Available and
// Reserved. Allotments are numbered from 0.
func StockKey(sku shop.SKU, allotment int) platform.Key {
	return platform.Key{Part: stockPart(sku), Sort: twoDigits(allotment)}
}

// HoldKey is the key of an order's Hold.
func HoldKey(order shop.ID) platform.Key {
	return platform.Key{Part: "hold/" + string(order), Sort: "hold"}
}

// MovementKey is the key of a Movement.
func MovementKey(id shop.ID) platform.Key {
	return platform.Key{Part: "movement/" + string(id), Sort: "movement"}
}

const allotmentsPart = "allotments"

func policyKey(sku shop.SKU) platform.Key {
	return platform.Key{Part: allotmentsPart, Sort: string(sku)}
}

const (
	careSort      = "care" // behind all allotments in the part of a SKU's stock
	shortagesPart = "shortages"
)

// CareKey is the key of a SKU's Care.
func CareKey(sku shop.SKU) platform.Key {
	return platform.Key{Part: stockPart(sku), Sort: careSort}
}

func shortagesOf(dealer shop.ID) string { return shortagesPart + "/" + string(dealer) }

func stockPart(sku shop.SKU) string { return "stock/" + string(sku) }

func chunkKey(order shop.ID, n int) platform.Key {
	return platform.Key{Part: "hold/" + string(order), Sort: "chunk/" + strconv.Itoa(n)}
}

func shipmentKey(order, id shop.ID) platform.Key {
	return platform.Key{Part: "hold/" + string(order), Sort: "shipment/" + string(id)}
}

// twoDigits keeps allotments in the order of their numbers.
func twoDigits(n int) string { return string([]byte{'0' + byte(n/10), '0' + byte(n%10)}) }

// reserve, release, consume and move are the only ways in which units change hands. Each keeps
// available = onHand - reserved - aside, whatever the numbers are. Available is below 0 only while
// fewer units are there than are promised or kept back, and no order can take any then.
func reserve(tx *room.Tx, items []event.StockItem) {
	for _, i := range items {
		tx.Add(StockKey(i.SKU, i.Allotment),
			platform.Move{Counter: Available, Delta: -i.Quantity},
			platform.Move{Counter: Reserved, Delta: i.Quantity})
	}
}

func release(tx *room.Tx, items []event.StockItem) {
	for _, i := range items {
		tx.Add(StockKey(i.SKU, i.Allotment),
			platform.Move{Counter: Reserved, Delta: -i.Quantity},
			platform.Move{Counter: Available, Delta: i.Quantity, Floor: platform.NoFloor})
		unlessCared(tx, i.SKU, i.Allotment)
	}
}

func consume(tx *room.Tx, items []event.StockItem) {
	for _, i := range items {
		tx.Add(StockKey(i.SKU, i.Allotment),
			platform.Move{Counter: Reserved, Delta: -i.Quantity},
			platform.Move{Counter: OnHand, Delta: -i.Quantity})
	}
}

func move(tx *room.Tx, sku shop.SKU, spread []int64) {
	var floor int64
	if room.Known[Care](tx, CareKey(sku)) != nil {
		floor = platform.NoFloor // it was decided from the numbers, and is tied to them
	}
	for i, n := range spread { // also where n is 0, so that every allotment has its record
		tx.Add(StockKey(sku, i),
			platform.Move{Counter: Available, Delta: n, Floor: floor},
			platform.Move{Counter: OnHand, Delta: n})
		unlessCared(tx, sku, i)
	}
}

// unlessCared has the commit refused if the SKU has a care that this unit of work does not know of.
// A care is kept beside the first allotment, and a SKU with one has no other.
func unlessCared(tx *room.Tx, sku shop.SKU, allotment int) {
	if allotment == 0 && room.Known[Care](tx, CareKey(sku)) == nil {
		tx.Add(StockKey(sku, 0), platform.Move{Counter: Plain})
	}
}

// uncared reports whether a commit was refused because a SKU has a care.
func uncared(err error) bool {
	bound, ok := errors.AsType[*platform.BoundError](err)
	return ok && bound.Counter == Plain
}
