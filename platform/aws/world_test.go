package aws

import (
	"context"
	"crypto/ed25519"
	"slices"
	"sync"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/aws/awstest"
	"github.com/souk-commerce/souk/platform/platformtest"
)

// cloud is AWS in process, with a transport that can break.
type cloud struct {
	db     *awstest.DynamoDB
	faults *awstest.Faults
	cfg    awssdk.Config
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{db: &awstest.DynamoDB{}}
	services := awstest.Services{
		"dynamodb": c.db, "s3": gofakes3.New(s3mem.New()).Server(),
	}
	c.faults = &awstest.Faults{Next: awstest.InProcess{Handler: services}}
	c.cfg = awstest.Config(c.faults)
	return c
}

// testRooms are the rooms of the suite. Gamma's items are in a table of their own.
func testRooms(second string) []Room {
	return []Room{
		{Name: "alpha"}, {Name: "beta"}, {Name: "alph"}, {Name: "alphabet"}, {Name: "alpha-2"},
		{Name: "gamma", Table: second},
	}
}

// options are those of a platform whose tables and bucket are named after a world.
func options(cfg awssdk.Config, name string) Options {
	return Options{
		Config: cfg, Table: name, Rooms: testRooms(name + "-gamma"), Bucket: name,
		Clock: platformtest.NewClock(platformtest.Start()),
	}
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

// newPlatform opens a platform in a cloud of its own.
func newPlatform(t *testing.T, change func(o *Options)) (*Platform, *cloud) {
	t.Helper()
	c := newCloud(t)
	o := options(c.cfg, "souk")
	if change != nil {
		change(&o)
	}
	prepare(t, o)
	p, err := openStore(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	return p, c
}

// observed are ports that only let the suite see store, history and timers: a delivery that hands
// events on, keys that know whether the platform is closed, and no others.
func observed(p *Platform) (ports, error) {
	o := &observer{p: p}
	return ports{
		delivery: o, keys: closedKeys{p},
		queue: func(string, platform.QueuePolicy) (platform.Queue, error) {
			return nil, platform.ErrInvalid
		},
		close: func() error {
			o.close()
			return nil
		},
	}, nil
}

// closedKeys knows only whether the platform is closed.
type closedKeys struct{ p *Platform }

func (k closedKeys) refuse() error {
	if k.p.closed.Load() {
		return platform.ErrClosed
	}
	return platform.ErrInvalid
}

func (k closedKeys) Seal(context.Context, string, []byte) ([]byte, error) { return nil, k.refuse() }
func (k closedKeys) Open(context.Context, string, []byte) ([]byte, error) { return nil, k.refuse() }
func (k closedKeys) Erase(context.Context, string) error                  { return k.refuse() }
func (k closedKeys) Sign(context.Context, []byte) ([]byte, string, error) {
	return nil, "", k.refuse()
}

func (k closedKeys) PublicKeys(context.Context) (map[string]ed25519.PublicKey, error) {
	return nil, k.refuse()
}

// observer hands every event that the source yields to the handlers of its type, again until they
// succeed.
type observer struct {
	p    *Platform
	subs []platform.Subscription
	stop context.CancelFunc
	over sync.WaitGroup
}

var _ platform.Delivery = (*observer)(nil)

func (o *observer) Subscribe(s platform.Subscription) error {
	o.subs = append(o.subs, s)
	return nil
}

func (o *observer) Start(ctx context.Context) error {
	ctx, o.stop = context.WithCancel(ctx)
	o.p.start(ctx)
	source := o.p.newSource("test")
	o.over.Go(func() {
		for ctx.Err() == nil {
			events, ack, err := source.read(ctx)
			if err != nil {
				continue
			}
			for _, e := range events {
				o.hand(ctx, e)
			}
			_ = ack(ctx) // what is not acknowledged comes again
		}
	})
	return nil
}

func (o *observer) hand(ctx context.Context, e platform.Event) {
	for _, s := range o.subs {
		for slices.Contains(s.Types, e.Type) && ctx.Err() == nil && s.Handle(ctx, e) != nil {
		}
	}
}

func (o *observer) close() {
	if o.stop != nil {
		o.stop()
	}
	o.over.Wait()
}

func (o *observer) Status(context.Context) ([]platform.SubscriptionStatus, error) {
	return nil, platform.ErrInvalid
}

func (o *observer) DeadLetters(
	context.Context, string, string, int,
) ([]platform.DeadLetter, error) {
	return nil, platform.ErrInvalid
}

func (o *observer) Redrive(context.Context, string, string) error { return platform.ErrInvalid }
func (o *observer) Pause(context.Context, string, bool) error     { return platform.ErrInvalid }
func (o *observer) Replay(context.Context, string, time.Time, bool) (int, error) {
	return 0, platform.ErrInvalid
}
