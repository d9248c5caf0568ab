package aws

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/souk-commerce/souk/platform"
)

// queueFinder is the part of SQS that finds queues; *sqs.Client has it.
type queueFinder interface {
	messages
	GetQueueUrl(
		ctx context.Context, in *sqs.GetQueueUrlInput, opts ...func(*sqs.Options),
	) (*sqs.GetQueueUrlOutput, error)
}

// services are what stands beside DynamoDB and the archive.
type services struct {
	queues queueFinder
	events eventPutter
	topics publisher
	files  fileObjects
	keys   dataKeys
}

func servicesOf(c aws.Config) services {
	return services{
		queues: sqs.NewFromConfig(c), events: eventbridge.NewFromConfig(c),
		topics: sns.NewFromConfig(c), keys: kms.NewFromConfig(c),
		files: s3.NewFromConfig(c, func(o *s3.Options) {
			o.UsePathStyle = c.BaseEndpoint != nil
		}),
	}
}

// Open opens the whole platform. It makes nothing: tables, buckets, bus, key, queues and what feeds
// them are a deployment's. Unless Options.Functions is set it fails where a table is missing, is in
// another region, or has no stream; the rest is looked for when it is first used.
func Open(ctx context.Context, o Options) (*Platform, error) {
	return open(ctx, o, servicesOf(o.Config))
}

// timeToLeave is how long a receive may go on when delivery stops: SQS may answer with messages
// that nobody else is given for their visibility time-out.
const timeToLeave = time.Second

func open(ctx context.Context, o Options, s services) (*Platform, error) {
	if o.KeyID == "" || (o.Bus == "") == (o.Topic == "") {
		return nil, fmt.Errorf("open: a key and one of bus and topic must be named: %w",
			platform.ErrInvalid)
	}
	p, err := openStore(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.ReadOnly {
		s = s.readOnly()
	}
	o = p.o
	p.services = s
	p.f = newFiles(filesOptions{S3: s.files, Bucket: o.Files, Prefix: "files/", Closed: p.refuse})
	p.k = newKeys(keysOptions{
		KMS: s.keys, KeyID: o.KeyID, Table: p.rows, Clock: o.Clock, Closed: p.refuse,
	})
	var b bus = eventBridge{client: s.events, name: o.Bus}
	if o.Topic != "" {
		b = topic{client: s.topics, arn: o.Topic}
	}
	do := deliveryOptions{
		SQS: s.queues, Table: p.rows, History: history{p}, Files: p.f, Clock: o.Clock, Log: o.Log,
		Relay: newRelay(relayOptions{
			Bus: b, Archive: p.archiver.drain, Files: p.f, Clock: o.Clock, Log: o.Log,
		}),
		Place: func(ctx context.Context, s platform.Subscription) (place, error) {
			return p.find(ctx, s.Name)
		},
		Grace: timeToLeave, Closed: p.refuse, Functions: o.Functions,
	}
	if !o.Functions {
		do.Source, do.Sweep = p.source, p.sweeping
	}
	p.d = newDelivery(do)
	return p, nil
}

// address finds a queue by the name of its subscription, or by its own.
func (p *Platform) address(ctx context.Context, name string) (at place, err error) {
	at.URL = p.o.Queues[name]
	full := p.o.Prefix + strings.ReplaceAll(name, ".", "-")
	if at.URL == "" && strings.Contains(full, "://") {
		at.URL = full
	}
	if at.URL == "" {
		out, err := p.services.queues.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &full})
		if err != nil {
			return at, fmt.Errorf("find queue %s in %s; deploying the shop makes it: %w", full,
				p.o.Config.Region, explain("get its URL", err))
		}
		at.URL = aws.ToString(out.QueueUrl)
	}
	at.DeadURL = at.URL + "-dead" // an address ends with the queue's name
	return at, nil
}

// find finds the queue of a subscription, and for how long it hides messages.
func (p *Platform) find(ctx context.Context, name string) (place, error) {
	at, err := p.address(ctx, name)
	if err != nil {
		return at, err
	}
	out, err := p.services.queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl:       &at.URL,
		AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameVisibilityTimeout},
	})
	if err != nil {
		return at, fmt.Errorf("queue %s: %w", at.URL, explain("get its attributes", err))
	}
	name = string(types.QueueAttributeNameVisibilityTimeout)
	n, err := strconv.Atoi(out.Attributes[name])
	if err != nil {
		return at, fmt.Errorf("queue %s: %s: %w", at.URL, name, err)
	}
	at.Visibility = time.Duration(n) * time.Second
	return at, nil
}

// refuse says why nothing may be used any more.
func (p *Platform) refuse() error {
	if p.closed.Load() {
		return platform.ErrClosed
	}
	return nil
}

// Delivery implements platform.Platform.
func (p *Platform) Delivery() platform.Delivery { return p.d }

// Files implements platform.Platform.
func (p *Platform) Files() platform.Files { return p.f }

// Keys implements platform.Platform.
func (p *Platform) Keys() platform.Keys { return p.k }

// Queue implements platform.Platform. The queue must have been made, with a redrive policy of
// MaxReceives; ErrNotFound for one that was not.
func (p *Platform) Queue(name string, policy platform.QueuePolicy) (platform.Queue, error) {
	if err := errors.Join(p.refuse(), checkPolicy(name, policy)); err != nil {
		return nil, err
	}
	at, err := p.address(context.Background(), name)
	if err != nil {
		return nil, err
	}
	return newQueue(queueOptions{
		SQS: p.services.queues, URL: at.URL, DeadURL: at.DeadURL, Name: name, Policy: policy,
		Table: p.rows, Files: p.f, Clock: p.o.Clock, Closed: p.refuse,
	})
}

// Worker returns the worker of a subscription that was declared, for the function that serves it
// alone.
func (p *Platform) Worker(ctx context.Context, subscription string) (*Worker, error) {
	return p.d.worker(ctx, subscription)
}

// Relay returns the relay, for the function that a table's stream drives.
func (p *Platform) Relay() *Relay { return p.d.o.Relay }

// Accept takes a message into the caller's hands that an event source has received from a queue of
// this platform, as the queue's Receive does: for as long as the queue's visibility time-out. ok is
// false for a message that does not count any more; the source may delete it. After an error it
// must come again. m needs its id, receipt, body, ApproximateReceiveCount and message attributes.
func (p *Platform) Accept(
	ctx context.Context, q platform.Queue, m types.Message, visibility time.Duration,
) (r platform.Received, ok bool, err error) {
	own, is := q.(*queue)
	if !is {
		return r, false, fmt.Errorf("accept from a queue of another platform: %w",
			platform.ErrInvalid)
	}
	if err := p.refuse(); err != nil {
		return r, false, err
	}
	r, ok, err = own.accept(ctx, m, visibility)
	if err != nil {
		err = fmt.Errorf("accept from queue %s: %w", own.o.Name, err)
	}
	return r, ok, err
}

// Close implements platform.Platform. Handlers may commit until they have ended. What was
// committed is durable already.
func (p *Platform) Close() error {
	if p.d != nil {
		p.d.shut()
	}
	p.closed.Store(true)
	return nil
}
