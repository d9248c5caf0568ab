package fulfilment

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Label is the label of a shipment or a return, and where the carrier has seen the parcel.
type Label struct {
	For      shop.ID                   `json:"for"`
	Order    shop.ID                   `json:"order"`
	Customer shop.ID                   `json:"customer"`
	Dealer   shop.ID                   `json:"dealer"`
	Back     bool                      `json:"back,omitempty"`
	Carrier  string                    `json:"carrier"`
	Attempt  int                       `json:"attempt"`
	Key      string                    `json:"key"`
	Address  shop.Sealed[shop.Address] `json:"address"`
	State    string                    `json:"state"` // "wanted", "unresolved", "bought", "refused"
	Reason   string                    `json:"reason,omitempty"`
	Tracking string                    `json:"tracking,omitempty"`
	Paper    Paper                     `json:"paper,omitzero"`
	Status   string                    `json:"status,omitempty"` // the carrier's last word
	At       time.Time                 `json:"at,omitzero"`      // of it, by the carrier's clock
	Seq      int64                     `json:"seq"`
}

// Paper is a file that only the key of its person opens.
type Paper struct {
	Digest string                      `json:"digest"`
	Secret shop.Sealed[event.PaperKey] `json:"secret"`
}

// The states of a label.
const (
	labelWanted     = "wanted"
	labelUnresolved = "unresolved"
	labelBought     = "bought"
	labelRefused    = "refused"
)

// pending reports whether the carrier's answer is still to come.
func (l *Label) pending() bool { return l.State == labelWanted || l.State == labelUnresolved }

// maxLabels bounds how often a label is asked for anew after a refusal.
const maxLabels = 10

// want decides what follows when a label is asked for: nothing if it is there or on its way, and
// another attempt, under another key, if the carrier refused it. l is nil before the first.
func want(l *Label, f event.LabelWanted) ([]event.Fact, error) {
	f.Attempt = 1
	if l != nil {
		if l.State != labelRefused {
			return nil, nil
		}
		if f.Attempt = l.Attempt + 1; f.Attempt > maxLabels {
			return nil, shop.Errorf(shop.Conflict,
				"the carrier refused %d labels for %s; nothing was done", maxLabels, f.For).
				WithHint("send the parcel without a label of ours, or cancel the order")
		}
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "label|%s|%s|%d", f.Carrier, f.For, f.Attempt))
	f.Key = hex.EncodeToString(sum[:16])
	return []event.Fact{&f}, nil
}

// track decides what follows from a carrier's word: nothing from what is older than what is known,
// by the carrier's clock, or comes after the end.
func (l *Label) track(n Notice, id string) []event.Fact {
	over := l.Status == "delivered" || l.Status == "returned"
	if l.State != labelBought || over || !slices.Contains(event.TrackingStatuses(), n.Status) ||
		!l.At.IsZero() && !n.At.After(l.At) {
		return nil
	}
	return []event.Fact{&event.ParcelTracked{
		For: l.For, Order: l.Order, Back: l.Back, Carrier: l.Carrier, Tracking: l.Tracking,
		Status: n.Status, At: n.At.UTC(), Notice: id,
	}}
}

// follow brings the label to where a fact says it is.
func (l *Label) follow(f event.Fact, seq int64) {
	switch f := f.(type) {
	case *event.LabelWanted:
		*l = Label{
			For: f.For, Order: f.Order, Customer: f.Customer, Dealer: f.Dealer, Back: f.Back,
			Carrier: f.Carrier, Attempt: f.Attempt, Key: f.Key, Address: f.Address,
			State: labelWanted,
		}
	case *event.LabelBought:
		l.State, l.Tracking = labelBought, f.Tracking
		l.Paper = Paper{f.Digest, f.Secret}
	case *event.LabelRefused:
		l.State, l.Reason = labelRefused, f.Reason
	case *event.LabelUnresolved:
		l.State = labelUnresolved
	case *event.ParcelTracked:
		l.Status, l.At = f.Status, f.At
	}
	l.Seq = seq
}

// LabelView is a label as the API shows it.
type LabelView struct {
	Carrier  string     `json:"carrier"`
	State    string     `json:"state" enum:"wanted,unresolved,bought,refused"`
	Reason   string     `json:"reason,omitempty" doc:"why the carrier refused"`
	Tracking string     `json:"tracking,omitempty"`
	Status   string     `json:"status,omitempty" doc:"where the carrier saw the parcel last"`
	SeenAt   *time.Time `json:"seenAt,omitempty"`
}

func viewLabel(l *Label) *LabelView {
	if l == nil {
		return nil
	}
	v := &LabelView{
		Carrier: l.Carrier, State: l.State, Reason: l.Reason, Tracking: l.Tracking,
		Status: l.Status,
	}
	if !l.At.IsZero() {
		at := l.At
		v.SeenAt = &at
	}
	return v
}
