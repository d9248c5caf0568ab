package event

import (
	"slices"
	"time"

	"github.com/souk-commerce/souk/shop"
)

// ReturnLine is a quantity of one SKU that is to come back, with what was paid for all units of it
// in the parcel. A return of some of them gives back a part of that: see ReturnInspected.
type ReturnLine struct {
	SKU      shop.SKU `json:"sku"`
	Quantity int64    `json:"quantity"`
	Reason   string   `json:"reason" enum:"damaged,wrong_item,not_as_described,unwanted,too_late,other"`
	Units    int64    `json:"units" doc:"of the SKU in the parcel"`
	Due      int64    `json:"due" doc:"minor units paid for all of them, shipping and tax included"`
}

// InspectedUnits is what became of units that came back.
type InspectedUnits struct {
	SKU      shop.SKU `json:"sku"`
	Quantity int64    `json:"quantity"`
	Verdict  string   `json:"verdict" enum:"restock,scrap,quarantine"`
}

// ReturnReasons lists why a customer may send something back.
func ReturnReasons() []string {
	return []string{"damaged", "wrong_item", "not_as_described", "unwanted", "too_late", "other"}
}

// DeclineReasons lists why a dealer may refuse a return.
func DeclineReasons() []string {
	return []string{"outside_policy", "no_evidence", "not_ours", "other"}
}

// Verdicts lists what may become of a unit that came back: sound, worthless, or kept apart until
// somebody knows.
func Verdicts() []string { return []string{"restock", "scrap", "quarantine"} }

// ReturnRequested says that a customer wants to send part of a delivered parcel back. What it may
// give back is frozen from here.
type ReturnRequested struct {
	Return   shop.ID       `json:"return"`
	Order    shop.ID       `json:"order"`
	Shipment shop.ID       `json:"shipment"`
	Customer shop.ID       `json:"customer"`
	Dealer   shop.ID       `json:"dealer"`
	Payment  shop.ID       `json:"payment"`
	Currency shop.Currency `json:"currency"`
	Lines    []ReturnLine  `json:"lines"`
	At       time.Time     `json:"at"`
	AnswerBy time.Time     `json:"answerBy" doc:"it is approved by itself then"`
}

// ReturnApproved says that the goods may come back. By is empty when nobody had answered in time.
type ReturnApproved struct {
	Return   shop.ID   `json:"return"`
	Order    shop.ID   `json:"order"`
	Shipment shop.ID   `json:"shipment"`
	By       shop.ID   `json:"by,omitempty"`
	ArriveBy time.Time `json:"arriveBy" doc:"what has not arrived then does not come back"`
}

// ReturnDeclined says that the goods stay where they are, and no money goes back.
type ReturnDeclined struct {
	Return   shop.ID `json:"return"`
	Order    shop.ID `json:"order"`
	Shipment shop.ID `json:"shipment"`
	By       shop.ID `json:"by"`
	Reason   string  `json:"reason" enum:"outside_policy,no_evidence,not_ours,other"`
}

// ReturnCancelled says that the customer keeps the goods after all.
type ReturnCancelled struct {
	Return   shop.ID `json:"return"`
	Order    shop.ID `json:"order"`
	Shipment shop.ID `json:"shipment"`
	By       shop.ID `json:"by"`
}

// ReturnReceived says that goods of a return arrived. They are neither on the shelf nor paid back
// before they were inspected.
type ReturnReceived struct {
	Return   shop.ID      `json:"return"`
	Order    shop.ID      `json:"order"`
	Shipment shop.ID      `json:"shipment"`
	By       shop.ID      `json:"by"`
	Receipt  int          `json:"receipt" doc:"which of the return, from 1"`
	Items    []ParcelLine `json:"items"`
}

// ReturnInspected says what became of units that came back, and how much money goes back for them:
// of each SKU the share of its units in what was paid for them, so that all units together give
// back exactly that. Units to restock go on the shelf because of it, once.
type ReturnInspected struct {
	Return     shop.ID          `json:"return"`
	Order      shop.ID          `json:"order"`
	Shipment   shop.ID          `json:"shipment"`
	Payment    shop.ID          `json:"payment"`
	By         shop.ID          `json:"by"`
	Inspection int              `json:"inspection" doc:"which of the return, from 1"`
	Units      []InspectedUnits `json:"units"`
	Refund     shop.ID          `json:"refund,omitempty" doc:"its name; none when nothing goes back"`
	Amount     shop.Money       `json:"amount" doc:"to be given back"`
}

// ReturnRefunded says that the money of an inspection went back. It is less than was to go back
// when the rest of the parcel's money had been given back by hand, and nothing when all had.
type ReturnRefunded struct {
	Return   shop.ID    `json:"return"`
	Order    shop.ID    `json:"order"`
	Shipment shop.ID    `json:"shipment"`
	Refund   shop.ID    `json:"refund"`
	Amount   shop.Money `json:"amount"`
}

// ReturnUnpaid says that the provider refused the refund of an inspection. It is an open case of
// payment's, and stands here until it has gone back.
type ReturnUnpaid struct {
	Return   shop.ID `json:"return"`
	Order    shop.ID `json:"order"`
	Shipment shop.ID `json:"shipment"`
	Refund   shop.ID `json:"refund"`
	Reason   string  `json:"reason"`
}

// ReturnLapsed says that a part of the goods did not arrive in time: it does not come back.
type ReturnLapsed struct {
	Return   shop.ID      `json:"return"`
	Order    shop.ID      `json:"order"`
	Shipment shop.ID      `json:"shipment"`
	Items    []ParcelLine `json:"items" doc:"that are missing"`
}

// ReturnClosed says that nothing more comes of a return.
type ReturnClosed struct {
	Return   shop.ID      `json:"return"`
	Order    shop.ID      `json:"order"`
	Shipment shop.ID      `json:"shipment"`
	Customer shop.ID      `json:"customer"`
	Reason   string       `json:"reason" enum:"settled,nothing_arrived"`
	Items    []ParcelLine `json:"items,omitempty" doc:"that came back"`
	Refunded shop.Money   `json:"refunded"`
}

// ReturnDue is a timer's fact: the time for an answer, or for the goods to arrive, is over.
type ReturnDue struct {
	Return   shop.ID `json:"return"`
	Order    shop.ID `json:"order"`
	Shipment shop.ID `json:"shipment"`
	Stage    string  `json:"stage" enum:"answer,arrival"`
}

// Type implements Fact.
func (*ReturnRequested) Type() string { return "souk.fulfilment.return_requested.v1" }

// Type implements Fact.
func (*ReturnApproved) Type() string { return "souk.fulfilment.return_approved.v1" }

// Type implements Fact.
func (*ReturnDeclined) Type() string { return "souk.fulfilment.return_declined.v1" }

// Type implements Fact.
func (*ReturnCancelled) Type() string { return "souk.fulfilment.return_cancelled.v1" }

// Type implements Fact.
func (*ReturnReceived) Type() string { return "souk.fulfilment.return_received.v1" }

// Type implements Fact.
func (*ReturnInspected) Type() string { return "souk.fulfilment.return_inspected.v1" }

// Type implements Fact.
func (*ReturnRefunded) Type() string { return "souk.fulfilment.return_refunded.v1" }

// Type implements Fact.
func (*ReturnUnpaid) Type() string { return "souk.fulfilment.return_unpaid.v1" }

// Type implements Fact.
func (*ReturnLapsed) Type() string { return "souk.fulfilment.return_lapsed.v1" }

// Type implements Fact.
func (*ReturnClosed) Type() string { return "souk.fulfilment.return_closed.v1" }

// Type implements Fact.
func (*ReturnDue) Type() string { return "souk.fulfilment.return_due.v1" }

// Subject implements Fact. All returns of a parcel have one subject, since together they may not
// take back more than it held.
func (f *ReturnRequested) Subject() string { return returnsSubject(f.Shipment) }

// Subject implements Fact.
func (f *ReturnApproved) Subject() string { return returnsSubject(f.Shipment) }

// Subject implements Fact.
func (f *ReturnDeclined) Subject() string { return returnsSubject(f.Shipment) }

// Subject implements Fact.
func (f *ReturnCancelled) Subject() string { return returnsSubject(f.Shipment) }

// Subject implements Fact.
func (f *ReturnReceived) Subject() string { return returnsSubject(f.Shipment) }

// Subject implements Fact.
func (f *ReturnInspected) Subject() string { return returnsSubject(f.Shipment) }

// Subject implements Fact.
func (f *ReturnRefunded) Subject() string { return returnsSubject(f.Shipment) }

// Subject implements Fact.
func (f *ReturnUnpaid) Subject() string { return returnsSubject(f.Shipment) }

// Subject implements Fact.
func (f *ReturnLapsed) Subject() string { return returnsSubject(f.Shipment) }

// Subject implements Fact.
func (f *ReturnClosed) Subject() string { return returnsSubject(f.Shipment) }

// Subject implements Fact. The timer's fact is outside the sequence of the returns.
func (f *ReturnDue) Subject() string { return "timer/return-due/" + string(f.Return) }

func returnsSubject(shipment shop.ID) string { return "returns/" + string(shipment) }

func returnKinds() []Kind {
	return []Kind{
		kind[ReturnRequested]("a customer wants to send part of a delivered parcel back",
			rule("has_lines", "size(data.lines) > 0",
				func(f *ReturnRequested) bool { return len(f.Lines) > 0 }),
			rule("within_the_parcel",
				"data.lines.all(l, l.quantity > 0 && l.quantity <= l.units && l.due >= 0)",
				func(f *ReturnRequested) bool {
					return all(f.Lines, func(l ReturnLine) bool {
						return l.Quantity > 0 && l.Quantity <= l.Units && l.Due >= 0
					})
				}),
			rule("known_reasons", "data.lines.all(l, l.reason in ['damaged', 'wrong_item', "+
				"'not_as_described', 'unwanted', 'too_late', 'other'])",
				func(f *ReturnRequested) bool {
					return all(f.Lines, func(l ReturnLine) bool {
						return slices.Contains(ReturnReasons(), l.Reason)
					})
				})),
		kind[ReturnApproved]("the goods may come back"),
		kind[ReturnDeclined]("the goods stay where they are, and no money goes back",
			rule("known_reason",
				"data.reason in ['outside_policy', 'no_evidence', 'not_ours', 'other']",
				func(f *ReturnDeclined) bool {
					return slices.Contains(DeclineReasons(), f.Reason)
				})),
		kind[ReturnCancelled]("the customer keeps the goods after all"),
		kind[ReturnReceived]("goods of a return arrived, and were not looked at yet",
			rule("has_items", hasItems,
				func(f *ReturnReceived) bool { return len(f.Items) > 0 }),
			rule("quantities_positive", itemsPositive,
				func(f *ReturnReceived) bool { return arrived(f.Items) })),
		kind[ReturnInspected]("what became of units that came back, and what money goes back",
			returnInspectedRules()...),
		kind[ReturnRefunded]("the money of an inspection went back",
			rule("amount_not_negative", "data.amount.amount >= 0",
				func(f *ReturnRefunded) bool { return f.Amount.Amount >= 0 })),
		kind[ReturnUnpaid]("the provider refused the refund of an inspection"),
		kind[ReturnLapsed]("a part of the goods did not arrive in time",
			rule("has_items", hasItems,
				func(f *ReturnLapsed) bool { return len(f.Items) > 0 }),
			rule("quantities_positive", itemsPositive,
				func(f *ReturnLapsed) bool { return arrived(f.Items) })),
		kind[ReturnClosed]("nothing more comes of a return",
			rule("refund_not_negative", "data.refunded.amount >= 0",
				func(f *ReturnClosed) bool { return f.Refunded.Amount >= 0 }),
			rule("known_reason", "data.reason in ['settled', 'nothing_arrived']",
				func(f *ReturnClosed) bool {
					return f.Reason == "settled" || f.Reason == "nothing_arrived"
				})),
		kind[ReturnDue]("the time for an answer, or for the goods, is over (by its timer)",
			rule("known_stage", "data.stage in ['answer', 'arrival']",
				func(f *ReturnDue) bool { return f.Stage == "answer" || f.Stage == "arrival" })),
	}
}

func returnInspectedRules() []Invariant {
	return []Invariant{
		rule("has_units", "size(data.units) > 0",
			func(f *ReturnInspected) bool { return len(f.Units) > 0 }),
		rule("quantities_positive", "data.units.all(u, u.quantity > 0)",
			func(f *ReturnInspected) bool {
				return all(f.Units, func(u InspectedUnits) bool { return u.Quantity > 0 })
			}),
		rule("known_verdicts",
			"data.units.all(u, u.verdict in ['restock', 'scrap', 'quarantine'])",
			func(f *ReturnInspected) bool {
				return all(f.Units, func(u InspectedUnits) bool {
					return slices.Contains(Verdicts(), u.Verdict)
				})
			}),
		rule("amount_not_negative", "data.amount.amount >= 0",
			func(f *ReturnInspected) bool { return f.Amount.Amount >= 0 }),
		rule("a_refund_has_a_name",
			"(data.amount.amount > 0) == (has(data.refund) && size(data.refund) > 0)",
			func(f *ReturnInspected) bool { return (f.Amount.Amount > 0) == (f.Refund != "") }),
	}
}

func arrived(items []ParcelLine) bool {
	return all(items, func(l ParcelLine) bool { return l.Quantity > 0 })
}
