package verify

// law is one invariant. Its number is its place in laws.
type law uint8

// The invariants, in the order of the report.
const (
	gapless law = iota
	foldIsState
	contracts
	causality
	effectsOnce
	subscribers
	singletons
	neverNegative
	conservation
	holdLifecycle
	noOversell
	ordersAndHolds
	arithmetic
	frozenTotals
	doubleEntry
	bounds
	threeWay
	unknownOutcomes
	chargeAndOrder
	transitions
	termination
	timers
	secrecy
	lawCount
)

// title is how a law is named, for ever.
type title struct{ id, name, family string }

func titles() [lawCount]title {
	const (
		log, effects, stock     = "log", "effects", "stock"
		money, orders, secrets_ = "money", "orders", "secrecy"
	)
	return [lawCount]title{
		gapless:         {"I1", "gapless", log},
		foldIsState:     {"I5", "fold-is-state", log},
		contracts:       {"I6", "contract", log},
		causality:       {"I7", "causality", log},
		effectsOnce:     {"I9", "effects-once", effects},
		subscribers:     {"I10", "subscribers", effects},
		singletons:      {"I12", "singletons", effects},
		neverNegative:   {"I14", "never-negative", stock},
		conservation:    {"I15", "conservation", stock},
		holdLifecycle:   {"I16", "hold-lifecycle", stock},
		noOversell:      {"I17", "no-oversell", stock},
		ordersAndHolds:  {"I18", "orders-and-holds", stock},
		arithmetic:      {"I20", "arithmetic", money},
		frozenTotals:    {"I21", "frozen-totals", money},
		doubleEntry:     {"I22", "double-entry", money},
		bounds:          {"I23", "bounds", money},
		threeWay:        {"I24", "three-way", money},
		unknownOutcomes: {"I25", "unknown-outcomes", money},
		chargeAndOrder:  {"I26", "charge-and-order", money},
		transitions:     {"I28", "transitions", orders},
		termination:     {"I29", "termination", orders},
		timers:          {"I32", "timers", orders},
		secrecy:         {"I34", "secrecy", secrets_},
	}
}
