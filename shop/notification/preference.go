package notification

import (
	"cmp"
	"slices"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Preference is how a person wants to be told. Who never said anything wants everything, in the
// shop's own language.
type Preference struct {
	Person   shop.ID                    `json:"person"`
	Language string                     `json:"language,omitempty"`
	Contact  shop.Sealed[event.Contact] `json:"contact"`
	Off      []event.Silence            `json:"off,omitempty"`
	At       time.Time                  `json:"at"`
	Seq      int64                      `json:"seq"`
}

// wants reports whether a person is to be told of a topic on a channel. p may be nil.
func (p *Preference) wants(topic, channel string) bool {
	return p == nil || !slices.Contains(p.Off, event.Silence{Topic: topic, Channel: channel})
}

// language is the one in which the person is told. p may be nil.
func (p *Preference) language() string {
	if p == nil {
		return ""
	}
	return p.Language
}

// MaxSilences bounds what a person may switch off: every topic on every channel.
const MaxSilences = 64

// checkSilences refuses what cannot be switched off, and returns the rest in one order, each once.
func checkSilences(off []event.Silence) ([]event.Silence, error) {
	kept := make([]event.Silence, 0, len(off))
	for _, s := range off {
		t, known := topicOf(s.Topic)
		switch {
		case !known:
			return nil, shop.Errorf(shop.Invalid, "there is no topic %q; nothing was changed",
				s.Topic)
		case s.Channel != Mail && s.Channel != SMS:
			return nil, shop.Errorf(shop.Invalid, "there is no channel %q; nothing was changed",
				s.Channel)
		case t.Must && s.Channel == Mail:
			return nil, shop.Errorf(shop.Invalid,
				"%s belongs to a deal that was made, so its mail cannot be switched off; "+
					"nothing was changed", s.Topic)
		}
		kept = append(kept, s)
	}
	slices.SortFunc(kept, func(a, b event.Silence) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Channel, b.Channel))
	})
	return slices.Compact(kept), nil
}
