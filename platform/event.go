package platform

import (
	"context"
	"time"
)

// Event is one fact on its way: the transport form of the shop's envelope. ID is unique for ever,
// and a subject belongs to one room. All strings are UTF-8. The adapter stamps Time; everything
// else is the committer's.
type Event struct {
	ID          string
	Type        string    // such as "souk.order.placed.v2"
	Subject     string    // the aggregate it is about; at most MaxSubjectBytes
	Sequence    int64     // 1, 2, 3 … within Subject; 0 for an event outside any sequence
	Time        time.Time // when it was committed, by the platform's clock
	Correlation string    // constant along a chain of causes
	Causation   string    // ID of the event that caused this one; "" if a request did
	Idempotency string    // the business fact behind it, as a key
	TraceParent string    // W3C trace context; may be empty
	Data        []byte    // JSON; never modified by anybody after it was handed over

	// Value is what Data was made from, when the adapter still holds it; otherwise nil. It saves a
	// decoding and is shared by all receivers, so nobody may modify it.
	Value any
}

// EventSource is the source of every event, where one is written as CloudEvents has it.
const EventSource = "souk"

// MaxSubjectBytes bounds Event.Subject.
const MaxSubjectBytes = 200

// Timer is an event that the platform commits by itself when Due has come: never earlier by the
// platform's clock, once, and at most Features.TimerLateness late. Setting a timer whose Key is set
// already replaces it. At most MaxSubjectBytes in Key.
type Timer struct {
	Key   string
	Due   time.Time
	Event Event // Sequence must be 0; an empty ID is made up, never the same twice
}

// Class orders subscriptions when the system is short of room: a lower class waits for a higher.
type Class uint8

// The classes, most important first.
const (
	Critical   Class = iota // order, payment, inventory
	Standard                // fulfilment, notification
	Background              // analytics, recommendation, search
)

// Retry says what happens to an event whose handler failed. Waits are chosen at random between 0
// and min(Base << attempt, Most): full jitter.
type Retry struct {
	Attempts int           // 1 or more; after that many failures the event is a dead letter
	Base     time.Duration // of the first wait's bound
	Most     time.Duration // bound of every wait
	NotYet   time.Duration // how long ErrNotYet may be answered before it counts as a failure
}

// DefaultRetry suits a reaction that only commits: eight attempts within about a minute.
func DefaultRetry() Retry {
	return Retry{
		Attempts: 8, Base: 50 * time.Millisecond, Most: 30 * time.Second, NotYet: 5 * time.Minute,
	}
}

// Subscription is a durable, named interest in events. Name is its identity for ever: its cursor
// and dead letters are kept under it.
type Subscription struct {
	Name  string
	Types []string // exact event types; at least one
	// Pattern, where it is not empty, is an event pattern in the dialect of EventBridge: of the
	// events of Types, only those that match are the subscription's. It sees an event in the JSON
	// form of CloudEvents: id, source, type, subject, time, sequence, correlationid, causationid,
	// idempotencykey, traceparent, and data as a value; what an event lacks is absent.
	Pattern string
	Class   Class
	Ordered bool // one at a time and in order within a subject, where no dead letter is between
	Retry   Retry
	// Pure says that Handle has no effect outside the store, and calls nobody. A Commit in it may
	// then return as soon as it is decided, and a Get in it may show what is decided but not
	// durable; the event counts as handled, and what it announced is delivered, when everything
	// that it committed is durable. List and History show the handler its own commits.
	Pure bool
	// Handle is called at least once for each matching event that was committed after the
	// subscription first existed (the first Start that it was declared before), concurrently, in
	// any order unless Ordered, and possibly again after it succeeded. Its outcomes: nil, done;
	// ErrNotYet, park and try again without burning an attempt; any other error (and a panic), an
	// attempt failed.
	Handle func(ctx context.Context, e Event) error
}

// Delivery brings events to subscriptions. A slow or failing subscription delays no other.
type Delivery interface {
	// Subscribe declares a subscription. All are declared before Start; a second one of the same
	// name is ErrInvalid.
	Subscribe(s Subscription) error
	// Start begins to deliver and to fire timers, until Close or until ctx ends.
	Start(ctx context.Context) error
	// Status returns the state of every subscription.
	Status(ctx context.Context) ([]SubscriptionStatus, error)
	// DeadLetters lists a subscription's dead letters, oldest first, after the given id.
	DeadLetters(ctx context.Context, subscription, after string, limit int) ([]DeadLetter, error)
	// Redrive delivers a dead letter again with fresh attempts and the same event id, and removes
	// it from the list. ErrNotFound if it is not there.
	Redrive(ctx context.Context, subscription, id string) error
	// Replay delivers the matching events from a moment on again. It returns how many; with dry it
	// only counts.
	Replay(ctx context.Context, subscription string, from time.Time, dry bool) (int, error)
	// Pause stops delivery to a subscription, or starts it again. The state survives a restart.
	Pause(ctx context.Context, subscription string, paused bool) error
}

// SubscriptionStatus is what an operator wants to know of a subscription.
type SubscriptionStatus struct {
	Name        string        `json:"name"`
	Class       Class         `json:"class"`
	Paused      bool          `json:"paused"`
	Pending     int           `json:"pending"` // committed, matching, not yet done; without the next two
	Waiting     int           `json:"waiting"` // parked or between attempts
	DeadLetters int           `json:"deadLetters"`
	Oldest      time.Duration `json:"oldestNs"` // age of the oldest that is pending or waiting
	Done        int64         `json:"done"`     // since the process started
	Failed      int64         `json:"failed"`   // attempts, since the process started
}

// DeadLetter is an event that a subscription gave up on.
type DeadLetter struct {
	ID           string    `json:"id"`
	Subscription string    `json:"subscription"`
	Event        Event     `json:"event"`
	Attempts     int       `json:"attempts"`
	FirstError   string    `json:"firstError"`
	LastError    string    `json:"lastError"`
	FirstAt      time.Time `json:"firstAt"`
	LastAt       time.Time `json:"lastAt"`
}

// History reads what was committed. It is for folds, checkers, archives and timelines, not for
// deciding: a room decides from its records.
type History interface {
	// Subject returns the events of one subject in sequence, after the given number, at most limit
	// (1 to MaxList).
	Subject(ctx context.Context, subject string, after int64, limit int) ([]Event, error)
	// Log calls fn for every event after the cursor, in an order that keeps each subject's; "" is
	// the beginning. It stops at the end of what is committed, or at fn's first error, which it
	// returns.
	Log(ctx context.Context, after string, fn func(cursor string, e Event) error) error
	// Seek returns the cursor before the first event that was committed at or after t.
	Seek(ctx context.Context, t time.Time) (string, error)
	// Records calls fn for every record whose Part starts with prefix, the records of one
	// partition together and in order, all of them in the order of keys where Features.KeyOrder
	// says so, and as they were at one moment where Features.Snapshot says so.
	Records(ctx context.Context, prefix string, fn func(r Record) error) error
}
