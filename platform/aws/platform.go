package aws

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/souk-commerce/souk/platform"
)

// Platform is the world on AWS. See platform.Platform for its methods.
type Platform struct {
	o       Options
	db      database
	streams streams
	objects objects
	tableOf map[string]string // by room
	tables  []string
	rows    *rows // in the platform's own table
	usage   usage
	now     func() time.Time // the machine's time, by which tokens age

	patience time.Duration // for one answer to a commit

	archiver *archiver
	ports    ports
	closed   atomic.Bool

	mu      sync.Mutex
	newsCh  chan struct{} // closed when this process has committed events
	sweeper *sweeper
}

var _ platform.Platform = (*Platform)(nil)

// ports are what stands beside store and history.
type ports struct {
	delivery platform.Delivery
	files    platform.Files
	keys     platform.Keys
	queue    func(name string, p platform.QueuePolicy) (platform.Queue, error)
	close    func() error // stops deliveries and waits for handlers
}

// open opens a platform whose other ports are built on its store. It fails where a table is
// missing, is in another region, or has no stream.
func open(
	ctx context.Context, o Options, build func(*Platform) (ports, error),
) (*Platform, error) {
	p, err := openStore(ctx, o)
	if err != nil {
		return nil, err
	}
	if p.ports, err = build(p); err != nil {
		p.stop()
		return nil, fmt.Errorf("open: %w", err)
	}
	return p, nil
}

// openStore opens what stands on DynamoDB and S3.
func openStore(ctx context.Context, o Options) (*Platform, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	db := dynamodb.NewFromConfig(o.Config)
	p := &Platform{
		o: o, db: db, streams: dynamodbstreams.NewFromConfig(o.Config),
		objects: s3.NewFromConfig(o.Config, func(so *s3.Options) {
			so.UsePathStyle = o.Config.BaseEndpoint != nil
		}),
		tableOf: o.tableOf(), tables: o.Tables(), now: time.Now, newsCh: make(chan struct{}),
		patience: answerTime,
	}
	p.rows = &rows{p: p, name: o.Table}
	var readers []*reader
	for _, name := range p.tables {
		arn, err := p.streamOf(ctx, db, name)
		if err != nil {
			return nil, fmt.Errorf("open: table %s in %s: %w", name, o.Config.Region, err)
		}
		readers = append(readers, &reader{
			p: p, table: name, arn: arn, iterators: make(map[string]string),
			over: make(map[string]bool),
		})
	}
	p.archiver = newArchiver(p, readers)
	return p, nil
}

// streamOf finds a table's stream.
func (p *Platform) streamOf(ctx context.Context, db tableMaker, name string) (string, error) {
	out, err := db.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		return "", explain("describe", err)
	}
	p.usage.add("dynamodb:DescribeTable", false)
	arn := aws.ToString(out.Table.LatestStreamArn)
	if arn == "" {
		return "", fmt.Errorf("it has no stream; make it as TableShape says: %w",
			platform.ErrInvalid)
	}
	return arn, nil
}

// Store implements platform.Platform. The store of a room that Options does not name refuses
// everything.
func (p *Platform) Store(room string) platform.Store {
	table, ok := p.tableOf[room]
	if !ok {
		return undeclared{room}
	}
	return &store{p: p, room: room, table: table}
}

// Features returns what differs from other platforms. See docs/platforms.md for the reasons.
func (p *Platform) Features() platform.Features {
	return platform.Features{
		Name: "aws", Durable: true, TimerLateness: 2 * p.o.SweepEvery,
		MaxMessageBytes: platform.MaxMessageBytes,
	}
}

// nudge tells sources that there are events.
func (p *Platform) nudge() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.newsCh)
	p.newsCh = make(chan struct{})
}

// news returns a channel that is closed when this process has committed events.
func (p *Platform) news() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.newsCh
}

// start begins to fire timers, until close or until ctx ends.
func (p *Platform) start(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sweeper == nil && !p.closed.Load() {
		p.sweeper = p.startSweeping(ctx)
	}
}

// Delivery implements platform.Platform.
func (p *Platform) Delivery() platform.Delivery { return p.ports.delivery }

// Files implements platform.Platform.
func (p *Platform) Files() platform.Files { return p.ports.files }

// Keys implements platform.Platform.
func (p *Platform) Keys() platform.Keys { return p.ports.keys }

// Queue implements platform.Platform.
func (p *Platform) Queue(name string, policy platform.QueuePolicy) (platform.Queue, error) {
	if p.closed.Load() {
		return nil, platform.ErrClosed
	}
	return p.ports.queue(name, policy)
}

// Close implements platform.Platform. Handlers may commit until they have ended. What was
// committed is durable already.
func (p *Platform) Close() error {
	if p.closed.Load() {
		return nil
	}
	err := p.ports.close()
	p.stop()
	return err
}

// stop stops firing timers and refuses what comes later.
func (p *Platform) stop() {
	p.closed.Store(true)
	p.mu.Lock()
	s := p.sweeper
	p.mu.Unlock()
	if s != nil {
		s.close()
	}
}

// roomOf is the room of an item's partition.
func roomOf(part string) string {
	room, _, _ := strings.Cut(part, "/")
	return room
}
