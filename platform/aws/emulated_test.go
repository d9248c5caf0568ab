//go:build awsemulated

package aws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/aws/awstest"
	"github.com/souk-commerce/souk/platform/platformtest"
)

// oneByOne sends one request at a time to DynamoDB: the emulator's transactions are not safe for
// more. And it has every iterator of a stream expire when a transaction is refused, as iterators do
// on AWS after a while: the emulator's would go on showing what was taken back, and nothing else.
type oneByOne struct {
	next http.RoundTripper

	mu   sync.Mutex
	live map[string]bool // under mu: iterators since a transaction was refused
}

func (o *oneByOne) RoundTrip(r *http.Request) (*http.Response, error) {
	target, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if !strings.HasPrefix(target, "DynamoDB") {
		return o.next.RoundTrip(r)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if op == "GetRecords" {
		var asked struct{ ShardIterator string }
		if err := peek(&r.Body, &asked); err != nil {
			return nil, err
		}
		if !o.live[asked.ShardIterator] {
			return awstest.Refuse("ExpiredIteratorException", "a transaction was refused", "")(r,
				o.next)
		}
	}
	answer, err := o.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	switch {
	case op == "TransactWriteItems" && answer.StatusCode != http.StatusOK:
		clear(o.live)
	case op == "GetRecords", op == "GetShardIterator":
		var shown struct{ ShardIterator, NextShardIterator string }
		if err := peek(&answer.Body, &shown); err != nil {
			return nil, err
		}
		o.live[shown.ShardIterator+shown.NextShardIterator] = true
	}
	return answer, nil
}

// peek reads a body of JSON and puts it back.
func peek(body *io.ReadCloser, v any) error {
	raw, err := io.ReadAll(*body)
	if err = errors.Join(err, (*body).Close()); err != nil {
		return err
	}
	*body = io.NopCloser(bytes.NewReader(raw))
	return json.Unmarshal(raw, v)
}

// Goal: the adapter keeps its promises over an emulator that we did not write. Method: the suite of
// all adapters over HTTP on loopback, each world in a region of its own; what concerns queues in
// real time, by which an emulator lives. SOUK_AWS_ENDPOINT names another emulator, with every
// service behind one address; otherwise several motos are installed, started and stopped, and each
// trial has one to itself while it lasts: what moto takes back, it takes back for everybody.
func TestConformanceEmulated(t *testing.T) {
	f := newFleet(t)
	t.Run("store", func(t *testing.T) {
		t.Parallel()
		f.runStore(t, f.storeSections()...)
	})
	t.Run("lists", func(t *testing.T) { // they take moto longest
		t.Parallel()
		f.runStore(t, f.listSections()...)
	})
	for _, topic := range []bool{false, true} {
		t.Run(map[bool]string{false: "eventbridge", true: "sns"}[topic], func(t *testing.T) {
			t.Parallel()
			a := platformtest.Adapter{
				Features: features(), OwnTime: true, Unit: time.Second, Patience: 2 * time.Minute,
				Open: newEmulation(f).opener(topic, seldom),
			}
			a.Features.TimerLateness = 2 * seldomSwept
			platformtest.RunSections(t, a, f.deliverySections(topic)...)
		})
	}
}

// fleet is emulators, of which a trial takes one.
type fleet struct {
	whole bool // nothing is left out
	free  chan *emulator

	mu    sync.Mutex
	taken map[string]*emulator // by trial
}

// emulator is one, and the way to it.
type emulator struct {
	endpoint string
	through  *oneByOne
	regions  atomic.Int64 // that were made
}

// motos is how many are started: one for each core of a small machine, since trials live by real
// time. -test.parallel should be as much.
const motos = 2

func newFleet(t *testing.T) *fleet {
	t.Helper()
	endpoint := os.Getenv("SOUK_AWS_ENDPOINT")
	f := &fleet{
		whole: endpoint != "", free: make(chan *emulator, motos),
		taken: make(map[string]*emulator),
	}
	for range motos {
		e := &emulator{endpoint: endpoint}
		if !f.whole {
			e.endpoint = awstest.StartEmulator(t)
		}
		// A connection that the emulator closed between two requests would make one be sent again.
		e.through = &oneByOne{
			next: &http.Transport{DisableKeepAlives: true}, live: make(map[string]bool),
		}
		f.free <- e
		if f.whole {
			break // there is one, and trials take turns
		}
	}
	return f
}

// take gives a trial an emulator until it ends: the same one whenever it asks.
func (f *fleet) take(t *testing.T) *emulator {
	t.Helper()
	f.mu.Lock()
	have := f.taken[t.Name()]
	f.mu.Unlock()
	if have != nil {
		return have
	}
	e := <-f.free
	f.mu.Lock()
	f.taken[t.Name()] = e
	f.mu.Unlock()
	t.Cleanup(func() {
		f.mu.Lock()
		delete(f.taken, t.Name())
		f.mu.Unlock()
		f.free <- e
	})
	return e
}

func (f *fleet) runStore(t *testing.T, sections ...string) {
	t.Helper()
	a := platformtest.Adapter{
		Features: features(), Open: newEmulation(f).opener(false, func(*Options) {}),
	}
	platformtest.RunSections(t, a, sections...)
}

// seldomSwept is how often worlds look for timers that hardly have any.
const seldomSwept = 10 * time.Second

// seldom asks little of an emulator that answers fifty requests a second, for all worlds together.
func seldom(o *Options) {
	o.SweepEvery, o.TimerShards = seldomSwept, 1
	for i := range o.Rooms {
		o.Rooms[i].Table = ""
	}
}

// emulation makes worlds of emulators.
type emulation struct {
	fleet *fleet

	mu     sync.Mutex
	clouds map[string]*cloud // under mu, by place
}

func newEmulation(f *fleet) *emulation {
	return &emulation{fleet: f, clouds: make(map[string]*cloud)}
}

func (e *emulation) opener(
	topic bool, change func(*Options),
) func(*testing.T, platformtest.Options) platform.Platform {
	return func(t *testing.T, o platformtest.Options) platform.Platform {
		t.Helper()
		at := e.fleet.take(t)
		e.mu.Lock()
		c := e.clouds[o.Place]
		e.mu.Unlock()
		if c == nil {
			cfg := awstest.Config(at.through)
			cfg.Region = fmt.Sprint("test-region-", at.regions.Add(1))
			cfg.BaseEndpoint = &at.endpoint
			c = newEmulated(t, cfg, topic)
			e.mu.Lock()
			e.clouds[o.Place] = c
			e.mu.Unlock()
		}
		opts := c.options(o.Clock)
		opts.Check = o.Check
		change(&opts)
		p := openDeployed(t, c, opts)
		p.patience = time.Minute // it is slow, and forgets tokens: no request may be sent twice
		p.source.every = time.Minute
		return p
	}
}

// storeSections are all but some, which another emulator runs. moto takes 20 seconds for a
// transaction of a hundred timers in a table that has hundreds, so Timers/Many, which fires 700,
// waits longer than the suite does, and List/Order asks hundreds of times. Concurrency would show
// nothing where requests go one by one. Of Reopening, Queue moves a clock that moto's queues do not
// live by, and Pure has hundreds of events.
func (f *fleet) storeSections() []string {
	list := []string{"Store", "Caller", "Limits", "Rooms", "Model", "History"}
	if f.whole {
		return append(list, "Concurrency", "Timers", "Reopening")
	}
	for _, trial := range []string{
		"Once", "Never early", "Past", "Replace", "Cancel", "Refused", "WithoutSubscription",
	} {
		list = append(list, "Timers/"+trial)
	}
	for _, trial := range []string{
		"Records", "Timers", "Undelivered", "Failures", "Newcomer", "Pause", "FilesAndKeys",
	} {
		list = append(list, "Reopening/"+trial)
	}
	return list
}

func (f *fleet) listSections() []string {
	if f.whole {
		return []string{"List"}
	}
	return []string{"List/Pages", "List/Partitions"}
}

// deliverySections are all but Operation/Backlog and Pure, whose hundreds of events take moto
// minutes; over SNS, those for which the bus is a difference.
func (f *fleet) deliverySections(topic bool) []string {
	list := []string{"Delivery", "Ordered"}
	if topic && !f.whole {
		return list
	}
	list = append(list, "Failures", "Queue", "Files", "Keys")
	if f.whole {
		return append(list, "Pure", "Operation")
	}
	for _, trial := range []string{"Status", "Pause", "Replay", "ReplayFrom", "ReplayPaused"} {
		list = append(list, "Operation/"+trial)
	}
	return list
}

// newEmulated is a region of an emulator, with a bus, a topic and a key.
func newEmulated(t *testing.T, cfg awssdk.Config, topic bool) *cloud {
	t.Helper()
	c := &cloud{
		cfg: cfg, services: servicesOf(cfg), topic: topic, name: "souk-" + cfg.Region,
		queueARN: "arn:aws:sqs:" + cfg.Region + ":123456789012:", made: make(map[string]bool),
		poll: time.Second, grace: 5 * time.Second, // an emulator goes on waiting for who has left
	}
	events, topics := eventbridge.NewFromConfig(cfg), sns.NewFromConfig(cfg)
	c.deploy = deployer{queues: sqs.NewFromConfig(cfg), events: events, topics: topics}
	key, err := kms.NewFromConfig(cfg).CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	c.keyID = *key.KeyMetadata.KeyId
	made, err := topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: &c.name})
	if err != nil {
		t.Fatal(err)
	}
	c.topicARN = *made.TopicArn
	_, err = events.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: &c.name})
	// The client repeats a call whose answer was lost.
	if err != nil && codeOf(err) != "ResourceAlreadyExistsException" {
		t.Fatal(err)
	}
	return c
}
