package platform

import (
	"context"
	"crypto/ed25519"
	"io"
	"time"
)

// Clock tells the time. It is a value so that a test can hold it still.
type Clock interface {
	Now() time.Time
	// After returns a channel that receives once when d has passed.
	After(d time.Duration) <-chan time.Time
}

// Keys encrypts personal data under one key a person, and signs tokens. Safe for concurrent use.
type Keys interface {
	// Seal encrypts plain (at most 4,000 bytes) under person's key, which is made and stored
	// durably before the first use. ErrErased after Erase.
	Seal(ctx context.Context, person string, plain []byte) ([]byte, error)
	// Open decrypts what Seal made for the same person. ErrErased after Erase; ErrInvalid for a box
	// that was not sealed for this person or was changed.
	Open(ctx context.Context, person string, box []byte) ([]byte, error)
	// Erase destroys person's key for ever. Erasing an unknown or erased person is not an error.
	Erase(ctx context.Context, person string) error
	// Sign signs with the current Ed25519 key and names it.
	Sign(ctx context.Context, message []byte) (signature []byte, keyID string, err error)
	// PublicKeys returns every key whose signatures are still accepted, by id.
	PublicKeys(ctx context.Context) (map[string]ed25519.PublicKey, error)
}

// MaxSealBytes bounds the plain text of Keys.Seal.
const MaxSealBytes = 4000

// Files keeps immutable content under its SHA-256. Safe for concurrent use.
type Files interface {
	// Put stores what r yields, at most MaxFileBytes, and returns its digest in lower-case hex.
	// Storing the same content twice is one file. Durable when it returns.
	Put(ctx context.Context, r io.Reader) (digest string, err error)
	// Open returns the content, or ErrNotFound. Reading fails with ErrCorrupt if it no longer has
	// its digest. The caller closes it.
	Open(ctx context.Context, digest string) (io.ReadCloser, error)
}

// MaxFileBytes bounds one file.
const MaxFileBytes = 64 << 20

// Queue is the buffered intake door: work that was accepted and is not yet begun.
type Queue interface {
	// Send stores a message durably. It becomes visible after delay (0 to 15 minutes). A message of
	// the same id that is still in the queue is not sent twice. ErrTooLarge over MaxMessageBytes.
	Send(ctx context.Context, m Message, delay time.Duration) error
	// Receive returns up to limit (1 to 10) visible messages and hides them for the visibility
	// time-out; it waits up to wait for the first. Each receipt counts as an attempt.
	Receive(ctx context.Context, limit int, visibility, wait time.Duration) ([]Received, error)
	// Delete removes a message that was received. A receipt whose time-out has passed is
	// ErrNotFound if the message was received again since.
	Delete(ctx context.Context, receipt string) error
	// Release makes a received message visible again after delay.
	Release(ctx context.Context, receipt string, delay time.Duration) error
	// Depth counts visible, hidden and dead messages.
	Depth(ctx context.Context) (QueueDepth, error)
	// Dead lists dead letters: messages received QueuePolicy.MaxReceives times and not deleted.
	Dead(ctx context.Context, limit int) ([]Received, error)
	// Redrive makes a dead message visible again with no attempts spent.
	Redrive(ctx context.Context, id string) error
}

// Message is what waits in a Queue. A queue keeps it until it is deleted, dead, or older than the
// retention.
type Message struct {
	ID   string
	Body []byte
	Sent time.Time
}

// Received is a message in somebody's hands.
type Received struct {
	Message
	Receipt  string
	Attempts int
}

// QueueDepth counts the messages of a queue.
type QueueDepth struct {
	Visible int           `json:"visible"`
	Hidden  int           `json:"hidden"`
	Dead    int           `json:"dead"`
	Oldest  time.Duration `json:"oldestNs"`
}

// QueuePolicy is fixed when a queue is opened.
type QueuePolicy struct {
	MaxReceives int           // 1 to 1000
	Retention   time.Duration // up to 14 days
}

// The bounds of a Queue.
const (
	MaxMessageBytes = 256_000
	MaxQueueDelay   = 15 * time.Minute
)

// Features declares what may differ between platforms. The conformance suite reads it.
type Features struct {
	Name            string        `json:"name"`
	GlobalOrder     bool          `json:"globalOrder"`     // History.Log is in commit order across subjects
	KeyOrder        bool          `json:"keyOrder"`        // History.Records is in the order of keys
	Snapshot        bool          `json:"snapshot"`        // History.Records shows one moment
	AddsCommute     bool          `json:"addsCommute"`     // concurrent Adds to one record never conflict
	Durable         bool          `json:"durable"`         // survives the process
	TimerLateness   time.Duration `json:"timerLatenessNs"` // greatest, while not overloaded
	MaxMessageBytes int           `json:"maxMessageBytes"` // greatest event that travels without a claim check
}

// Platform is one world: every port, opened together.
type Platform interface {
	// Store returns the store limited to one room: partitions and timer keys are prefixed with the
	// room's name, and only events of that room's types ("souk.<room>.…") may be committed. Another
	// room's records cannot be named through it.
	Store(room string) Store
	History() History
	Delivery() Delivery
	// Queue opens a named queue. The same name gives the same queue.
	Queue(name string, p QueuePolicy) (Queue, error)
	Files() Files
	Keys() Keys
	// Close stops deliveries, waits for handlers, and makes everything durable.
	Close() error
}
