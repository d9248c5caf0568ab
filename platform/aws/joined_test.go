package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/aws/awstest"
	"github.com/souk-commerce/souk/platform/embedded"
)

// cloud is what outlives a process: the services, and the disk of the store that stands in for
// DynamoDB.
type cloud struct {
	clock platform.Clock
	disk  vfs.FS
	use   services
	topic bool // the bus is SNS
	poll  time.Duration
	grace time.Duration
	name  string // before the names of queues and rules

	// The services in the process, for their faults; nil where use is something else.
	sqs *awstest.SQS
	eb  *awstest.EventBridge
	sns *awstest.SNS
	s3  *awstest.S3
	kms *awstest.KMS
}

// services are what the adapter and its deployment call: those of awstest, or the SDK's clients.
type services struct {
	queues interface {
		messages
		CreateQueue(
			ctx context.Context, in *sqs.CreateQueueInput, opts ...func(*sqs.Options),
		) (*sqs.CreateQueueOutput, error)
	}
	events interface {
		eventPutter
		PutRule(
			ctx context.Context, in *eventbridge.PutRuleInput, opts ...func(*eventbridge.Options),
		) (*eventbridge.PutRuleOutput, error)
		PutTargets(
			ctx context.Context, in *eventbridge.PutTargetsInput,
			opts ...func(*eventbridge.Options),
		) (*eventbridge.PutTargetsOutput, error)
	}
	topics interface {
		publisher
		Subscribe(
			ctx context.Context, in *sns.SubscribeInput, opts ...func(*sns.Options),
		) (*sns.SubscribeOutput, error)
	}
	objects  objects
	keys     dataKeys
	keyID    string
	bucket   string
	bus      string
	topicARN string
	queueARN string // before a queue's name
}

func newCloud(t *testing.T, clock platform.Clock, topic bool) *cloud {
	t.Helper()
	key, err := awstest.NewKMS("key-1")
	if err != nil {
		t.Fatal(err)
	}
	queues := awstest.NewSQS(clock)
	c := &cloud{
		clock: clock, disk: vfs.NewMem(), sqs: queues, eb: awstest.NewEventBridge(queues),
		sns: awstest.NewSNS(queues), s3: awstest.NewS3(), kms: key, topic: topic,
	}
	c.use = services{
		queues: c.sqs, events: c.eb, topics: c.sns, objects: c.s3, keys: c.kms, keyID: "key-1",
		bucket: "bucket", bus: "souk", topicARN: "arn:aws:sns:test:souk",
		queueARN: "arn:aws:sqs:test:000000000000:",
	}
	return c
}

func (c *cloud) bus() bus {
	if c.topic {
		return topic{client: c.use.topics, arn: c.use.topicARN}
	}
	return eventBridge{client: c.use.events, name: c.use.bus}
}

// makeQueue makes a queue and its dead-letter queue, as a deployment does.
func (c *cloud) makeQueue(
	ctx context.Context, name string, receives int, visibility time.Duration,
) (place, error) {
	name = c.name + name
	dead, err := c.use.queues.CreateQueue(ctx, &sqs.CreateQueueInput{
		QueueName:  aws.String(name + "-dead"),
		Attributes: map[string]string{"MessageRetentionPeriod": "1209600"},
	})
	if err != nil {
		return place{}, err
	}
	q, err := c.use.queues.CreateQueue(ctx, &sqs.CreateQueueInput{
		QueueName: aws.String(name),
		Attributes: map[string]string{
			"VisibilityTimeout":      fmt.Sprint(int(visibility / time.Second)),
			"MessageRetentionPeriod": "1209600",
			"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`,
				c.use.queueARN+name+"-dead", receives),
		},
	})
	if err != nil {
		return place{}, err
	}
	return place{URL: *q.QueueUrl, DeadURL: *dead.QueueUrl, Visibility: visibility}, nil
}

// place makes a subscription's queue and what feeds it.
func (c *cloud) place(ctx context.Context, s platform.Subscription) (place, error) {
	p, err := c.makeQueue(ctx, "sub-"+s.Name, 1000, defaultVisibility)
	if err != nil {
		return p, err
	}
	kinds, err := json.Marshal(s.Types)
	if err != nil {
		return p, err
	}
	arn := c.use.queueARN + c.name + "sub-" + s.Name
	if c.topic {
		_, err = c.use.topics.Subscribe(ctx, &sns.SubscribeInput{
			TopicArn: aws.String(c.use.topicARN),
			Protocol: aws.String("sqs"), Endpoint: aws.String(arn),
			Attributes: map[string]string{
				"RawMessageDelivery": "true", "FilterPolicy": `{"type":` + string(kinds) + `}`,
			},
		})
		return p, err
	}
	_, err = c.use.events.PutRule(ctx, &eventbridge.PutRuleInput{
		EventBusName: aws.String(c.use.bus), Name: aws.String(c.name + s.Name),
		EventPattern: aws.String(`{"detail-type":` + string(kinds) + `}`),
	})
	if err != nil {
		return p, err
	}
	_, err = c.use.events.PutTargets(ctx, &eventbridge.PutTargetsInput{
		EventBusName: aws.String(c.use.bus), Rule: aws.String(c.name + s.Name),
		Targets: []ebtypes.Target{{
			Id: aws.String("queue"), Arn: aws.String(arn), InputPath: aws.String("$.detail"),
		}},
	})
	return p, err
}

// joined is a whole platform: delivery, queues, files and keys of this package, joined to the store
// and history of the embedded one.
type joined struct {
	*embedded.Platform
	c      *cloud
	closed atomic.Bool
	source *logSource
	rows   rows
	d      *delivery
	k      *keys
	f      *files
}

func openJoined(c *cloud, check func(platform.Event) error) (*joined, error) {
	p, err := embedded.Open(embedded.Options{Dir: "d", FS: c.disk, Clock: c.clock, Check: check})
	if err != nil {
		return nil, err
	}
	j := &joined{Platform: p, c: c, rows: rows{p.Store("rows")}}
	shut := func() error {
		if j.closed.Load() {
			return platform.ErrClosed
		}
		return nil
	}
	j.source = &logSource{
		history: p.History(), rows: j.rows, changed: make(chan struct{}),
	}
	j.f = newFiles(filesOptions{
		S3: c.use.objects, Bucket: c.use.bucket, Prefix: "files/", Closed: shut,
	})
	j.k = newKeys(keysOptions{
		KMS: c.use.keys, KeyID: c.use.keyID, Table: j.rows, Clock: c.clock, Closed: shut,
	})
	relay := newRelay(relayOptions{Bus: c.bus(), Files: j.f, Clock: c.clock, Log: discard()})
	j.d = newDelivery(deliveryOptions{
		SQS: c.use.queues, Table: j.rows, History: p.History(), Files: j.f, Clock: c.clock,
		Place: c.place, Relay: relay, Source: j.source, Sweep: j.sweep, Closed: shut,
		Poll: c.poll, Grace: c.grace,
	})
	return j, nil
}

// sweep has the embedded platform fire timers, whose events it does not tell the source of.
func (j *joined) sweep(ctx context.Context) {
	d := j.Platform.Delivery()
	err := d.Subscribe(platform.Subscription{
		Name: "tap", Types: []string{"souk.alpha.rang.v1"}, Retry: platform.DefaultRetry(),
		Handle: func(context.Context, platform.Event) error {
			j.source.wake()
			return nil
		},
	})
	if err == nil {
		err = d.Start(ctx)
	}
	if err != nil && ctx.Err() == nil {
		panic(err)
	}
}

func (j *joined) Store(room string) platform.Store {
	return tapped{j.Platform.Store(room), j.source}
}

func (j *joined) Delivery() platform.Delivery { return j.d }

func (j *joined) Files() platform.Files { return j.f }

func (j *joined) Keys() platform.Keys { return j.k }

func (j *joined) Queue(name string, p platform.QueuePolicy) (platform.Queue, error) {
	if err := checkPolicy(name, p); err != nil {
		return nil, err
	}
	at, err := j.c.makeQueue(context.Background(), "q-"+name, p.MaxReceives, time.Minute)
	if err != nil {
		return nil, err
	}
	return newQueue(queueOptions{
		SQS: j.c.use.queues, URL: at.URL, DeadURL: at.DeadURL, Name: name, Policy: p, Table: j.rows,
		Files: j.f, Clock: j.c.clock, Closed: j.d.o.Closed,
	})
}

func (j *joined) Close() error {
	j.d.shut()
	j.closed.Store(true)
	return j.Platform.Close()
}

// tapped tells the source of commits.
type tapped struct {
	platform.Store
	source *logSource
}

func (s tapped) Commit(ctx context.Context, b platform.Batch) error {
	defer s.source.wake()
	return s.Store.Commit(ctx, b)
}

// logSource reads the embedded log like a stream with one shard, and keeps its checkpoint in a row.
type logSource struct {
	history platform.History
	rows    rows

	mu      sync.Mutex
	changed chan struct{}
}

func (s *logSource) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

const checkpoint = "~platform/relay"

var errEnough = errors.New("enough")

// after returns events after the checkpoint, at most limit (0: all), and the cursor of the last.
func (s *logSource) after(
	ctx context.Context, limit int,
) (events []platform.Event, last string, err error) {
	r, err := s.rows.getRow(ctx, checkpoint, "0")
	if err != nil && !errors.Is(err, platform.ErrNotFound) {
		return nil, "", err
	}
	err = s.history.Log(ctx, string(r.Value), func(cursor string, e platform.Event) error {
		if limit > 0 && len(events) == limit {
			return errEnough
		}
		events, last = append(events, e), cursor
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return events, last, err
}

func (s *logSource) read(
	ctx context.Context,
) ([]platform.Event, func(context.Context) error, error) {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		events, last, err := s.after(ctx, 100)
		if len(events) > 0 || err != nil {
			return events, func(ctx context.Context) error {
				return s.rows.putRow(ctx, row{PK: checkpoint, SK: "0", Value: []byte(last)},
					platform.Any)
			}, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

func (s *logSource) lag(ctx context.Context) ([]platform.Event, error) {
	events, _, err := s.after(ctx, 0)
	return events, err
}

// rows is table on a store.
type rows struct{ store platform.Store }

func (r rows) getRow(ctx context.Context, pk, sk string) (row, error) {
	rec, err := r.store.Get(ctx, platform.Key{Part: pk, Sort: sk})
	return row{PK: pk, SK: sk, Version: rec.Version, Value: rec.Value}, err
}

func (r rows) putRow(ctx context.Context, x row, expect int64) error {
	return r.commit(ctx, platform.Write{
		Kind: platform.Put, Key: platform.Key{Part: x.PK, Sort: x.SK}, Expect: expect,
		Value: x.Value,
	})
}

func (r rows) deleteRow(ctx context.Context, pk, sk string, expect int64) error {
	return r.commit(ctx, platform.Write{
		Kind: platform.Delete, Key: platform.Key{Part: pk, Sort: sk}, Expect: expect,
	})
}

func (r rows) commit(ctx context.Context, w platform.Write) error {
	return r.store.Commit(ctx, platform.Batch{Writes: []platform.Write{w}})
}

func (r rows) listRows(
	ctx context.Context, pk, prefix, after string, limit int,
) (list []row, err error) {
	found, err := r.store.List(ctx, platform.Query{
		Part: pk, Prefix: prefix, After: after, Limit: limit,
	})
	for _, rec := range found {
		list = append(list, row{
			PK: pk, SK: rec.Key.Sort, Version: rec.Version, Value: rec.Value,
		})
	}
	return list, err
}
