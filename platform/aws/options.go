package aws

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/souk-commerce/souk/platform"
)

// Options opens a platform. Config, Table, Rooms, Bucket, KeyID and one of Bus and Topic have no
// default.
type Options struct {
	Config aws.Config // region, credentials and HTTP client; with a BaseEndpoint, S3 by path
	Table  string     // of the platform's own rows and of every room that names no other
	Rooms  []Room     // every room of the shop, also those that this process does not open
	Bucket string     // of the archive
	Files  string     // bucket of files; "" is Bucket
	Bus    string     // name of the EventBridge bus that events are published on
	Topic  string     // ARN of an SNS topic that takes its place; not both
	KeyID  string     // of the KMS key that wraps the keys of persons and of tokens

	// Prefix comes before the name of every queue. The queue of the subscription, or queue, a.b is
	// Prefix + "a-b", and what it gives up on is in a queue named like it with "-dead" behind. A
	// prefix that begins like an address is what the URL of every queue begins with, and none is
	// looked up.
	Prefix string
	Queues map[string]string // URLs, by subscription or queue, of those that need not be looked up

	// Functions says that relay, sweeper and workers are functions: Start does nothing, Status
	// counts what is in queues and not what is on its way there, and a stream is looked for only
	// when it is read.
	Functions bool
	// ReadOnly is for whoever only looks: what would write is refused with ErrReadOnly, and what
	// the streams show beyond the archive is read and not archived.
	ReadOnly bool
	// Serve are the tables whose streams this process reads and whose timers it fires; nil is all.
	Serve []string

	Clock platform.Clock             // nil is the machine's
	Check func(platform.Event) error // refuses an event that breaks its contract; may be nil
	Log   *slog.Logger               // nil is silent

	// SweepEvery is how often due timers are looked for; 0 is a second, and with Functions a
	// minute, which is how often a schedule can start one.
	SweepEvery  time.Duration
	TimerShards int // of the index of due timers, the same for ever; 0 is 4
}

// Room says where a room's items are.
type Room struct {
	Name  string
	Table string // "" is Options.Table
}

// maxRoomName leaves the longest partition room in a key of 2,048 bytes, whatever its bytes are.
const maxRoomName = 40

// check completes o, or says what is wrong with it.
func (o *Options) check() error {
	if o.Table == "" || o.Bucket == "" || len(o.Rooms) == 0 {
		return fmt.Errorf("a table, a bucket and rooms must be named: %w", platform.ErrInvalid)
	}
	seen := make(map[string]bool)
	for _, r := range o.Rooms {
		bad := strings.ContainsFunc(r.Name, func(c rune) bool {
			return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-'
		})
		if r.Name == "" || len(r.Name) > maxRoomName || bad || seen[r.Name] {
			return fmt.Errorf("%.60q is no name for a room, or occurs twice: %w", r.Name,
				platform.ErrInvalid)
		}
		seen[r.Name] = true
	}
	if o.Clock == nil {
		o.Clock = systemClock{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.SweepEvery == 0 {
		o.SweepEvery = time.Second
		if o.Functions {
			o.SweepEvery = time.Minute
		}
	}
	if o.TimerShards == 0 {
		o.TimerShards = 4
	}
	if o.SweepEvery < 0 || o.TimerShards < 0 || o.TimerShards > 1000 {
		return fmt.Errorf("a sweep every %s over %d shards: %w", o.SweepEvery, o.TimerShards,
			platform.ErrInvalid)
	}
	if o.Files == "" {
		o.Files = o.Bucket
	}
	if o.Serve == nil {
		o.Serve = o.Tables()
	}
	for _, name := range o.Serve {
		if !slices.Contains(o.Tables(), name) {
			return fmt.Errorf("no room is in table %.60q, which is to be served: %w", name,
				platform.ErrInvalid)
		}
	}
	return nil
}

// tableOf returns the table of each room.
func (o *Options) tableOf() map[string]string {
	tables := make(map[string]string, len(o.Rooms))
	for _, r := range o.Rooms {
		if tables[r.Name] = r.Table; r.Table == "" {
			tables[r.Name] = o.Table
		}
	}
	return tables
}

// Tables lists every table once, the platform's own first.
func (o *Options) Tables() []string {
	list, seen := []string{o.Table}, map[string]bool{"": true, o.Table: true}
	for _, r := range o.Rooms {
		if !seen[r.Table] {
			seen[r.Table] = true
			list = append(list, r.Table)
		}
	}
	return list
}

// systemClock is the machine's clock.
type systemClock struct{}

func (systemClock) Now() time.Time                         { return time.Now() }
func (systemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }
