package verify

// law is one invariant. Its number is its place in laws.
//
// What a law needs of a platform: each subject's events in their order, and every cause somewhere
// in the log; then an order's facts can be read in an order that may have been. What else the log's
// order tells is listed in unordered. foldIsState and what compares with records (conservation,
// doubleEntry, frozenTotals) need records of one moment, or a log that did not grow meanwhile.
type law uint8

// The invariants, in the order of the report.
const (
	gapless law = iota
	hashChain
	foldIsState
	contracts
	causality
	effectsOnce
	subscribers
	singletons
	returns
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
	payoutsOnce
	transitions
	termination
	timers
	executionsSound
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
		hashChain:       {"I2", "hash-chain", log},
		foldIsState:     {"I5", "fold-is-state", log},
		contracts:       {"I6", "contract", log},
		causality:       {"I7", "causality", log},
		effectsOnce:     {"I9", "effects-once", effects},
		subscribers:     {"I10", "subscribers", effects},
		singletons:      {"I12", "singletons", effects},
		returns:         {"I41", "returns", effects},
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
		payoutsOnce:     {"I27", "payouts", money},
		transitions:     {"I28", "transitions", orders},
		termination:     {"I29", "termination", orders},
		timers:          {"I32", "timers", orders},
		executionsSound: {"I31", "executions", orders},
		secrecy:         {"I34", "secrecy", secrets_},
	}
}

// unordered says what is checked of a law where the log is not in the order of the commits; "" if
// it is checked as it is written.
func (l law) unordered() string {
	switch l {
	case gapless:
		return "by subject; times fall by no more than a minute"
	case foldIsState:
		return "what several subjects write holds what one of them wrote last"
	case causality:
		return "a cause is in the log, and before its effect in its own subject; by the clocks, " +
			"no effect is a minute older; causes do not go round in a circle"
	case neverNegative:
		return "at the end, by the facts and by the counters that are stored"
	case noOversell:
		return "at the end"
	case arithmetic:
		return "a line's commission is not compared with the dealer's terms"
	case frozenTotals:
		return "once money was taken no fact names another total, whenever it was told"
	case doubleEntry:
		return "what an order owes us is not below zero at its end"
	case unknownOutcomes:
		return "what is asked again was intended, before or after"
	case payoutsOnce:
		return "what a dealer had at the moment of a payout is not known; at the end, no more " +
			"was paid than matured"
	case transitions:
		return "a parcel moves on hold only if the clocks tell so, by a minute"
	case returns:
		return "that the goods were delivered, and no unit claimed twice, at the end"
	case timers:
		return "a deadline or a window was the order's, before or after"
	}
	return ""
}
