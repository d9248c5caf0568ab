package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/aws/awstest"
	"github.com/souk-commerce/souk/platform/aws/deploy"
	"github.com/souk-commerce/souk/platform/platformtest"
)

// cloud is what outlives a process: the services, and what a deployment made of them.
type cloud struct {
	cfg      awssdk.Config
	services services
	deploy   deployer
	topic    bool   // the bus is SNS
	name     string // before the names of everything
	keyID    string
	topicARN string
	queueARN string // before a queue's name
	poll     time.Duration
	grace    time.Duration // how long a receive goes on when delivery stops

	// The services in the process, for their faults; nil where they are something else.
	db     *awstest.DynamoDB
	faults *awstest.Faults // of what is sent to DynamoDB and the archive
	sqs    *awstest.SQS
	eb     *awstest.EventBridge
	sns    *awstest.SNS
	s3     *awstest.S3 // of files
	kms    *awstest.KMS

	declared func(platform.Subscription) // told of every subscription; may be nil

	mu   sync.Mutex
	made map[string]bool // under mu: queues with their receives
}

// deployer is what a deployment calls.
type deployer struct {
	queues interface {
		CreateQueue(
			ctx context.Context, in *sqs.CreateQueueInput, opts ...func(*sqs.Options),
		) (*sqs.CreateQueueOutput, error)
	}
	events interface {
		PutRule(
			ctx context.Context, in *eventbridge.PutRuleInput, opts ...func(*eventbridge.Options),
		) (*eventbridge.PutRuleOutput, error)
		PutTargets(
			ctx context.Context, in *eventbridge.PutTargetsInput,
			opts ...func(*eventbridge.Options),
		) (*eventbridge.PutTargetsOutput, error)
	}
	topics interface {
		Subscribe(
			ctx context.Context, in *sns.SubscribeInput, opts ...func(*sns.Options),
		) (*sns.SubscribeOutput, error)
	}
}

// newCloud is AWS in process, with a transport that can break.
func newCloud(t *testing.T, clock platform.Clock, topic bool) *cloud {
	t.Helper()
	key, err := awstest.NewKMS("key-1")
	if err != nil {
		t.Fatal(err)
	}
	queues := awstest.NewSQS(clock)
	c := &cloud{
		db: &awstest.DynamoDB{}, sqs: queues, eb: awstest.NewEventBridge(queues),
		sns: awstest.NewSNS(queues), s3: awstest.NewS3(), kms: key, topic: topic,
		name: "souk", keyID: "key-1", topicARN: "arn:aws:sns:test:souk",
		queueARN: "arn:aws:sqs:test:000000000000:", made: make(map[string]bool),
	}
	c.faults = &awstest.Faults{Next: awstest.InProcess{Handler: awstest.Services{
		"dynamodb": c.db, "s3": gofakes3.New(s3mem.New()).Server(),
	}}}
	c.cfg = awstest.Config(c.faults)
	c.services = services{
		queues: c.sqs, events: c.eb, topics: c.sns, files: c.s3, keys: c.kms,
	}
	c.deploy = deployer{queues: c.sqs, events: c.eb, topics: c.sns}
	return c
}

// testRooms are the rooms of the suite. Gamma's items are in a table of their own.
func testRooms(second string) []Room {
	return []Room{
		{Name: "alpha"}, {Name: "beta"}, {Name: "alph"}, {Name: "alphabet"}, {Name: "alpha-2"},
		{Name: "gamma", Table: second},
	}
}

// options are those of a platform in this cloud.
func (c *cloud) options(clock platform.Clock) Options {
	o := Options{
		Config: c.cfg, Table: c.name, Rooms: testRooms(c.name + "-gamma"), Bucket: c.name,
		KeyID: c.keyID, Bus: c.name, Prefix: c.name + "-", Clock: clock,
	}
	if c.topic {
		o.Bus, o.Topic = "", c.topicARN
	}
	return o
}

// prepare makes tables and bucket.
func prepare(t *testing.T, o Options) {
	t.Helper()
	if err := CreateTables(t.Context(), o.Config, o.Tables()...); err != nil {
		t.Fatalf("make tables: %v", err)
	}
	client := s3.NewFromConfig(o.Config, func(so *s3.Options) { so.UsePathStyle = true })
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &o.Bucket, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{
			LocationConstraint: s3types.BucketLocationConstraint(o.Config.Region),
		},
	})
	if err != nil && codeOf(err) != "BucketAlreadyExists" &&
		codeOf(err) != "BucketAlreadyOwnedByYou" {
		t.Fatalf("make the bucket: %v", err)
	}
}

// makeQueue makes a queue and its dead-letter queue, as a deployment does.
func (c *cloud) makeQueue(
	ctx context.Context, name string, receives int, visibility time.Duration,
) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	name = c.name + "-" + name
	state := fmt.Sprint(name, " ", receives)
	if c.made[state] {
		return nil
	}
	_, err := c.deploy.queues.CreateQueue(ctx, &sqs.CreateQueueInput{
		QueueName:  awssdk.String(name + "-dead"),
		Attributes: map[string]string{"MessageRetentionPeriod": "1209600"},
	})
	if err != nil {
		return err
	}
	_, err = c.deploy.queues.CreateQueue(ctx, &sqs.CreateQueueInput{
		QueueName: awssdk.String(name),
		Attributes: map[string]string{
			"VisibilityTimeout":      fmt.Sprint(int(visibility / time.Second)),
			"MessageRetentionPeriod": "1209600",
			"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`,
				c.queueARN+name+"-dead", receives),
		},
	})
	c.made[state] = err == nil
	return err
}

// subscribe makes a subscription's queue and what feeds it.
func (c *cloud) subscribe(ctx context.Context, s platform.Subscription) error {
	if c.declared != nil {
		c.declared(s)
	}
	if err := c.makeQueue(ctx, s.Name, 1000, defaultVisibility); err != nil {
		return err
	}
	kinds, err := json.Marshal(s.Types)
	if err != nil {
		return err
	}
	name := c.name + "-" + s.Name
	if c.topic {
		_, err = c.deploy.topics.Subscribe(ctx, &sns.SubscribeInput{
			TopicArn: &c.topicARN,
			Protocol: awssdk.String("sqs"), Endpoint: awssdk.String(c.queueARN + name),
			Attributes: map[string]string{
				"RawMessageDelivery": "true", "FilterPolicy": `{"type":` + string(kinds) + `}`,
			},
		})
		return err
	}
	rule, err := deploy.RulePattern(deploy.Subscription{Types: s.Types, Pattern: s.Pattern})
	if err != nil {
		return err
	}
	_, err = c.deploy.events.PutRule(ctx, &eventbridge.PutRuleInput{
		EventBusName: &c.name, Name: &name, EventPattern: &rule,
	})
	if err != nil {
		return err
	}
	_, err = c.deploy.events.PutTargets(ctx, &eventbridge.PutTargetsInput{
		EventBusName: &c.name, Rule: &name,
		Targets: []ebtypes.Target{{
			Id: awssdk.String("queue"), Arn: awssdk.String(c.queueARN + name),
			InputPath: awssdk.String("$.detail"),
		}},
	})
	return err
}

// deployed is a platform whose queues are made when they are first asked for, since the suite names
// them as it goes.
type deployed struct {
	*Platform
	c *cloud
}

func openDeployed(t *testing.T, c *cloud, o Options) *deployed {
	t.Helper()
	prepare(t, o)
	p, err := open(t.Context(), o, c.services)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	find := p.d.o.Place
	p.d.o.Place = func(ctx context.Context, s platform.Subscription) (place, error) {
		if err := c.subscribe(ctx, s); err != nil {
			return place{}, err
		}
		return find(ctx, s)
	}
	p.d.o.Grace = c.grace
	if c.poll > 0 {
		p.d.o.Poll = c.poll
	}
	return &deployed{p, c}
}

func (d *deployed) Queue(name string, p platform.QueuePolicy) (platform.Queue, error) {
	if checkPolicy(name, p) == nil {
		err := d.c.makeQueue(context.Background(), name, p.MaxReceives, time.Minute)
		if err != nil {
			return nil, err
		}
	}
	return d.Platform.Queue(name, p)
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// newPlatform opens store, history and timers in a cloud of their own.
func newPlatform(t *testing.T, change func(o *Options)) (*Platform, *cloud) {
	t.Helper()
	clock := platformtest.NewClock(platformtest.Start())
	c := newCloud(t, clock, false)
	o := c.options(clock)
	if change != nil {
		change(&o)
	}
	prepare(t, o)
	p, err := openStore(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p, c
}
