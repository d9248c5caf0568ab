package verify

import "github.com/souk-commerce/souk/shop/event"

// hold is what is kept for one order.
type hold struct {
	state    holdState
	chunks   int
	short    bool              // it was rejected
	held     bool              // it was held once
	kept     []event.StockItem // sorted by SKU and allotment
	freed    []event.StockItem // that were cancelled before the order was
	consumed int64             // units that left in shipments
	loose    int64             // units that left after the hold was given back
	last     place
}

// holdState is where a hold stands.
type holdState uint8

const (
	noHold holdState = iota
	gathering
	held
	committed
	releasing
	consumed
	released
	rejected
)

func (s holdState) String() string {
	return [...]string{
		"nothing", "gathering", "held", "committed", "releasing", "consumed", "released",
		"rejected",
	}[s]
}

func (s holdState) ended() bool { return s >= consumed }

// may is the automaton of holds: from where a state can be reached.
func (s holdState) may(next holdState) bool {
	switch next {
	case gathering, held:
		return s == noHold || s == gathering
	case committed:
		return s == held || s == committed
	case consumed:
		return s == committed
	case releasing:
		return s == gathering || s == held || s == committed || s == releasing
	case released:
		return s == noHold || s == gathering || s == held || s == committed || s == releasing
	case rejected:
		return s == noHold || s == releasing
	}
	return false
}
