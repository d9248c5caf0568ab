package notification

import (
	"context"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
)

// The channels by which a message leaves the system.
const (
	Mail = "mail"
	SMS  = "sms"
)

// Carrier takes messages out of the system, on one channel. Implementations are safe for concurrent
// use.
type Carrier interface {
	// Send hands one letter to the vendor, in one call: it must not repeat a call whose outcome it
	// does not know. It returns Taken when the vendor said so, Refused only when it is certain that
	// nothing was and will be sent, and Unknown otherwise: a time-out after anything was written,
	// above all. ctx bounds the call.
	Send(ctx context.Context, l Letter) Outcome
}

// Asker is what a Carrier also is whose vendor can be asked about a letter, or takes the same key
// once.
type Asker interface {
	// Status tells what became of the letter with that key. Missing says that the vendor certainly
	// has not taken it, or that sending it again under its key has its effect once. Pending and no
	// answer are Unknown: it is asked again.
	Status(ctx context.Context, key string) Outcome
}

// Letter is a message on its way out. To is personal data: it is neither logged nor kept.
type Letter struct {
	Key     string  // our name for it: the same for every attempt on this channel
	Message shop.ID // whose text it is
	To      string  // an email address or, by SMS, a phone number
	Title   string
	Text    string
	// HTML is the same as a page, for mail; "" by any other channel.
	HTML     string
	Language string    // of all of it, as in "en"
	At       time.Time // when the person was told, in the mailbox
	// Leave is the address of the door out of the topic, which a POST opens (RFC 8058); "" where
	// there is none.
	Leave string
}

// Verdict is what is known of a letter.
type Verdict uint8

// The verdicts.
const (
	Unknown Verdict = iota // nobody knows whether it was taken
	Taken                  // the vendor has it
	Refused                // it was certainly not taken, and will not be by itself
	Missing                // an Asker's: see there
)

// Outcome is what a call ended with. It must hold nothing of the address.
type Outcome struct {
	Verdict   Verdict
	Reason    string // of a refusal: a short word, as in "throttled"
	Final     bool   // of a refusal: another attempt would be refused as well
	Reference string // the vendor's name for the letter
}

// word keeps a vendor's word when it is one: letters, digits, '_' and '-', and not digits alone,
// which could be taken for the number of a card or of a phone. Whatever else a vendor writes may
// hold an address.
func word(s, otherwise string) string {
	if _, err := shop.ParseID(s); err != nil || strings.Trim(s, "0123456789-") == "" {
		return otherwise
	}
	return s
}
