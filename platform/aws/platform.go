package aws

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/souk-commerce/souk/platform"
)

// Platform is the world on AWS. See platform.Platform for its methods.
type Platform struct {
	o         Options
	db        database
	describer describer
	streams   streams
	objects   objects
	tableOf   map[string]string // by room
	tables    []string
	rows      *rows // in the platform's own table
	usage     usage
	now       func() time.Time // the machine's time, by which tokens age

	patience time.Duration // for one answer to a commit

	archiver *archiver
	source   *follower
	d        *delivery // nil where only the store was opened, like the two below
	f        *files
	k        *keys
	services services
	closed   atomic.Bool

	mu     sync.Mutex
	newsCh chan struct{} // closed when this process has committed events
}

var _ platform.Platform = (*Platform)(nil)

// openStore opens what stands on DynamoDB and S3.
func openStore(ctx context.Context, o Options) (*Platform, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	db := dynamodb.NewFromConfig(o.Config)
	p := &Platform{
		o: o, db: db, describer: db, streams: dynamodbstreams.NewFromConfig(o.Config),
		objects: s3.NewFromConfig(o.Config, func(so *s3.Options) {
			so.UsePathStyle = o.Config.BaseEndpoint != nil
		}),
		tableOf: o.tableOf(), tables: o.Tables(), now: time.Now, newsCh: make(chan struct{}),
		patience: answerTime,
	}
	if o.ReadOnly {
		p.db = onlyRead{p.db}
	}
	p.rows = &rows{p: p, name: o.Table}
	var readers []*reader
	for _, name := range o.Serve {
		r := &reader{
			p: p, table: name, iterators: make(map[string]string), over: make(map[string]bool),
		}
		readers = append(readers, r)
		if o.Functions {
			continue // it is found when the stream is read, which most functions never do
		}
		if err := r.find(ctx); err != nil {
			return nil, fmt.Errorf("open: table %s in %s: %w", name, o.Config.Region, err)
		}
	}
	p.archiver = newArchiver(p, readers)
	p.source = p.newSource("relay")
	return p, nil
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
		MaxMessageBytes: maxWireBytes,
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

// roomOf is the room of an item's partition.
func roomOf(part string) string {
	room, _, _ := strings.Cut(part, "/")
	return room
}
