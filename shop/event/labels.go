package event

import (
	"slices"
	"time"

	"github.com/souk-commerce/souk/shop"
)

// PaperKey opens a paper that is kept encrypted beside the log, such as a label with an address on
// it. It exists only sealed, so that erasing the person makes the paper unreadable.
type PaperKey struct {
	Key []byte `json:"key"`
}

// LabelWanted says that a carrier is about to be asked for a label. It is committed before the call
// and Key makes the call idempotent at the carrier.
type LabelWanted struct {
	For      shop.ID                   `json:"for" doc:"the shipment, or the return"`
	Order    shop.ID                   `json:"order"`
	Customer shop.ID                   `json:"customer"`
	Dealer   shop.ID                   `json:"dealer"`
	Back     bool                      `json:"back,omitempty" doc:"from the customer to the dealer"`
	Carrier  string                    `json:"carrier"`
	Attempt  int                       `json:"attempt" doc:"from 1"`
	Key      string                    `json:"key"`
	Address  shop.Sealed[shop.Address] `json:"address" doc:"the customer's"`
}

// LabelBought says that the carrier takes the parcel. The label itself is a file: Digest names it,
// Secret opens it.
type LabelBought struct {
	For      shop.ID               `json:"for"`
	Order    shop.ID               `json:"order"`
	Carrier  string                `json:"carrier"`
	Key      string                `json:"key"`
	Tracking string                `json:"tracking" doc:"the carrier's name for the parcel"`
	Digest   string                `json:"digest" doc:"SHA-256 of the encrypted label"`
	Secret   shop.Sealed[PaperKey] `json:"secret"`
}

// LabelRefused says that the carrier does not take the parcel to that address.
type LabelRefused struct {
	For     shop.ID `json:"for"`
	Order   shop.ID `json:"order"`
	Carrier string  `json:"carrier"`
	Key     string  `json:"key"`
	Reason  string  `json:"reason" doc:"address_refused …"`
}

// LabelUnresolved says that a call ended without an answer: the carrier is asked again until it
// tells.
type LabelUnresolved struct {
	For     shop.ID `json:"for"`
	Order   shop.ID `json:"order"`
	Carrier string  `json:"carrier"`
	Key     string  `json:"key"`
}

// LabelCheckDue is a timer's fact: ask the carrier about a label without an answer.
type LabelCheckDue struct {
	For   shop.ID `json:"for"`
	Order shop.ID `json:"order"`
	Key   string  `json:"key"`
	Round int     `json:"round" doc:"how often it was asked before"`
}

// ParcelTracked says where a carrier saw a parcel, in our words, whichever carrier it is. Only what
// is news is announced: the carrier's later word, by its own clock.
type ParcelTracked struct {
	For      shop.ID   `json:"for" doc:"the shipment, or the return"`
	Order    shop.ID   `json:"order"`
	Back     bool      `json:"back,omitempty"`
	Carrier  string    `json:"carrier"`
	Tracking string    `json:"tracking"`
	Status   string    `json:"status" enum:"picked_up,in_transit,out_for_delivery,delivered,delayed,lost,returned"`
	At       time.Time `json:"at" doc:"by the carrier's clock"`
	Notice   string    `json:"notice" doc:"the carrier's name for its word"`
}

// TrackingStatuses lists what a carrier may say of a parcel. Of delivered and returned there is no
// way on; what was lost may be found.
func TrackingStatuses() []string {
	return []string{
		"picked_up", "in_transit", "out_for_delivery", "delivered", "delayed", "lost", "returned",
	}
}

// Type implements Fact.
func (*LabelWanted) Type() string { return "souk.fulfilment.label_wanted.v1" }

// Type implements Fact.
func (*LabelBought) Type() string { return "souk.fulfilment.label_bought.v1" }

// Type implements Fact.
func (*LabelRefused) Type() string { return "souk.fulfilment.label_refused.v1" }

// Type implements Fact.
func (*LabelUnresolved) Type() string { return "souk.fulfilment.label_unresolved.v1" }

// Type implements Fact.
func (*LabelCheckDue) Type() string { return "souk.fulfilment.label_check_due.v1" }

// Type implements Fact.
func (*ParcelTracked) Type() string { return "souk.fulfilment.tracked.v1" }

// Subject implements Fact. A label has a subject of its own, beside its shipment's or return's.
func (f *LabelWanted) Subject() string { return labelSubject(f.For) }

// Subject implements Fact.
func (f *LabelBought) Subject() string { return labelSubject(f.For) }

// Subject implements Fact.
func (f *LabelRefused) Subject() string { return labelSubject(f.For) }

// Subject implements Fact.
func (f *LabelUnresolved) Subject() string { return labelSubject(f.For) }

// Subject implements Fact.
func (f *LabelCheckDue) Subject() string { return "timer/label-check/" + string(f.For) }

// Subject implements Fact.
func (f *ParcelTracked) Subject() string { return labelSubject(f.For) }

func labelSubject(of shop.ID) string { return "label/" + string(of) }

func labelKinds() []Kind {
	return []Kind{
		kind[LabelWanted]("a carrier is about to be asked for a label",
			rule("has_key", "size(data.key) > 0",
				func(f *LabelWanted) bool { return f.Key != "" })),
		kind[LabelBought]("the carrier takes the parcel",
			rule("has_tracking", "size(data.tracking) > 0",
				func(f *LabelBought) bool { return f.Tracking != "" })),
		kind[LabelRefused]("the carrier does not take the parcel to that address"),
		kind[LabelUnresolved]("a call ended without an answer; we ask until the carrier tells"),
		kind[LabelCheckDue]("it is time to ask the carrier again (announced by its timer)"),
		kind[ParcelTracked]("where a carrier saw a parcel",
			rule("known_status", "data.status in ['picked_up', 'in_transit', "+
				"'out_for_delivery', 'delivered', 'delayed', 'lost', 'returned']",
				func(f *ParcelTracked) bool {
					return slices.Contains(TrackingStatuses(), f.Status)
				})),
	}
}
