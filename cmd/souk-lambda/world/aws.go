//go:build !souk_remote

package world

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/souk-commerce/souk/cmd/souk-lambda/batch"
	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/platform"
	adapter "github.com/souk-commerce/souk/platform/aws"
)

// OpenPlatform opens the ports for the API, a worker or the purchase queue's.
func OpenPlatform(
	ctx context.Context, s function.Start, check func(platform.Event) error,
) (platform.Platform, error) {
	o := options(s)
	o.Check, o.Prefix = check, s.Env.Need("SOUK_QUEUES", "what the address of every queue "+
		"begins with, as in https://sqs.eu-west-1.amazonaws.com/123456789012/souk-prod-")
	p, err := open(ctx, s, o)
	if err != nil {
		return nil, err // and no nil *Platform in an interface
	}
	return p, nil
}

// OpenRelay opens what a relay needs.
func OpenRelay(ctx context.Context, s function.Start) (Relay, error) {
	o := options(s)
	o.Bus, o.Topic = carrier(s.Env)
	o.Serve = served(s.Env)
	p, err := open(ctx, s, o)
	if err != nil {
		return Relay{}, err
	}
	return Relay{
		Decode: decodeRecord, Close: p.Close,
		Carry: func(ctx context.Context, events []platform.Event) (int, error) {
			failed, err := p.Relay().Handle(ctx, events)
			if len(failed) == 0 {
				return len(events), err
			}
			return failed[0], err // those behind it that are on the bus will be there twice
		},
	}, nil
}

// OpenSweeper opens what a sweeper needs.
func OpenSweeper(ctx context.Context, s function.Start) (Sweeper, error) {
	o := options(s)
	o.Serve = served(s.Env)
	p, err := open(ctx, s, o)
	if err != nil {
		return Sweeper{}, err
	}
	return Sweeper{Sweep: p.Sweep, Close: p.Close}, nil
}

// OpenWork has messages handled by a subscription.
func OpenWork(
	ctx context.Context, s function.Start, p platform.Platform, sub platform.Subscription,
) (Work, error) {
	own, err := ours(p)
	if err != nil {
		return nil, err
	}
	if err := own.Delivery().Subscribe(sub); err != nil {
		return nil, err
	}
	w, err := own.Worker(ctx, sub.Name)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, messages []batch.Message) ([]string, error) {
		var live, dead []types.Message
		for _, m := range messages {
			if strings.HasSuffix(m.Source, deadQueue) {
				dead = append(dead, message(m))
			} else {
				live = append(live, message(m))
			}
		}
		return append(w.Bury(ctx, dead), w.Handle(ctx, live)...), nil
	}, nil
}

// deadQueue ends the name of the queue to which SQS takes what it gave up on.
const deadQueue = "-dead"

// OpenPurchases has messages of the purchase queue taken into hand, each for as long as its
// invocation may take.
func OpenPurchases(
	_ context.Context, _ function.Start, p platform.Platform, q platform.Queue,
) (Take, error) {
	own, err := ours(p)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, m batch.Message) (platform.Received, bool, error) {
		hold := handling
		if end, ok := ctx.Deadline(); ok {
			hold = time.Until(end)
		}
		return own.Accept(ctx, q, message(m), 2*hold) // half of it is nobody else's
	}, nil
}

// handling is how long a purchase is in hand where an invocation has no deadline.
const handling = 30 * time.Second

// ours is the platform that OpenPlatform returned.
func ours(p platform.Platform) (*adapter.Platform, error) {
	own, ok := p.(*adapter.Platform)
	if !ok {
		return nil, fmt.Errorf("a %T is not the world of this binary: %w", p, platform.ErrInvalid)
	}
	return own, nil
}

// errUnopened is beside what is wrong with the environment, which is reported as a whole.
var errUnopened = errors.New("AWS was not asked for anything")

// open reads the region and the credentials from where AWS puts them, and opens a platform.
// AWS_ENDPOINT_URL leads it to an emulator. Clients connect when they are first used.
func open(ctx context.Context, s function.Start, o adapter.Options) (*adapter.Platform, error) {
	if s.Env.Err() != nil {
		return nil, errUnopened
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the settings of the AWS client: %w", err)
	}
	o.Config = cfg
	return adapter.Open(ctx, o)
}
