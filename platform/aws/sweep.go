package aws

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/souk-commerce/souk/platform"
)

// How much one sweep takes at a time.
const (
	sweepPage     = 100                   // due timers read from one shard of one table
	sweepTogether = platform.MaxItems / 2 // timers fired by one transaction: two actions each
)

// Sweep fires every timer that is due now, the earliest first, and returns how many it fired. Any
// number of sweeps may run at once: each timer fires once. A timer that was moved or cancelled
// meanwhile is left alone. It is what a scheduled function calls; Start calls it by itself.
func (p *Platform) Sweep(ctx context.Context) (int, error) {
	fired := 0
	for _, table := range p.tables {
		for {
			n, more, err := p.sweepTable(ctx, table)
			fired += n
			if err != nil {
				return fired, err
			}
			if !more {
				break
			}
		}
	}
	return fired, nil
}

// sweepTable fires one page of a table's due timers.
func (p *Platform) sweepTable(ctx context.Context, table string) (fired int, more bool, err error) {
	if p.closed.Load() {
		return 0, false, platform.ErrClosed
	}
	now := p.o.Clock.Now()
	var keys []item
	for n := range p.o.TimerShards {
		page, err := p.dueKeys(ctx, table, shardName(n), now)
		if err != nil {
			return 0, false, err
		}
		more = more || len(page) == sweepPage
		keys = append(keys, page...)
	}
	due, err := p.readTimers(ctx, table, keys, now)
	if err != nil {
		return 0, false, err
	}
	slices.SortStableFunc(due, func(a, b dueTimer) int { return a.due.Compare(b.due) })
	for some := range slices.Chunk(due, sweepTogether) {
		n, err := p.fire(ctx, table, some)
		fired += n
		if err != nil {
			return fired, false, err
		}
	}
	// A page of entries whose timers are gone already would come again until the index follows.
	return fired, more && fired > 0, nil
}

// dueKeys reads the keys of one shard's due timers. The index may lag: what it shows too early is
// read again before it fires, and what it shows too late fires in a later sweep.
func (p *Platform) dueKeys(
	ctx context.Context, table, shard string, now time.Time,
) ([]item, error) {
	out, err := p.db.Query(ctx, &dynamodb.QueryInput{
		TableName: &table, IndexName: aws.String(IndexName), Limit: aws.Int32(sweepPage),
		KeyConditionExpression: aws.String("ts = :shard AND due <= :now"),
		ExpressionAttributeValues: item{
			":shard": text(shard), ":now": number(now.UnixNano()),
		},
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	})
	if err != nil {
		return nil, explain("look for due timers", err)
	}
	p.usage.add("dynamodb:Query", false, out.ConsumedCapacity)
	keys := make([]item, len(out.Items))
	for i, found := range out.Items {
		keys[i] = item{attrPart: found[attrPart], attrSort: found[attrSort]}
	}
	return keys, nil
}

// readTimers reads timers as they are now, and keeps those that are due.
func (p *Platform) readTimers(
	ctx context.Context, table string, keys []item, now time.Time,
) ([]dueTimer, error) {
	var due []dueTimer
	for some := range slices.Chunk(keys, platform.MaxItems) {
		found, err := p.getAll(ctx, table, some, "")
		if err != nil {
			return nil, err
		}
		for _, i := range found {
			t, err := decodeTimer(i)
			if err != nil { // it must not keep the others from firing
				p.o.Log.Error("a timer cannot be read; it is left alone", "error", err)
				continue
			}
			if !t.due.After(now) {
				due = append(due, t)
			}
		}
	}
	return due, nil
}

// fire makes the events of some timers happen together. If one of them is not what it was any more,
// or happened before, each is tried by itself.
func (p *Platform) fire(ctx context.Context, table string, some []dueTimer) (int, error) {
	now := p.o.Clock.Now()
	tx := &transaction{table: table}
	for i := range some {
		tx.fire(&some[i], now)
	}
	err := p.send(ctx, tx)
	switch {
	case err == nil:
		p.nudge()
		return len(some), nil
	case errors.Is(err, platform.ErrConflict) && len(some) == 1:
		return 0, p.settle(ctx, table, &some[0])
	case len(some) == 1 && (errors.Is(err, platform.ErrTooLarge) ||
		errors.Is(err, platform.ErrInvalid)): // it must not keep the others from firing
		p.o.Log.Error("a timer cannot fire; it is left alone", "error", err)
		return 0, nil
	case len(some) > 1 && (errors.Is(err, platform.ErrConflict) ||
		errors.Is(err, platform.ErrTooLarge) || errors.Is(err, platform.ErrInvalid)):
		fired := 0
		for i := range some {
			n, err := p.fire(ctx, table, some[i:i+1])
			if fired += n; err != nil {
				return fired, err
			}
		}
		return fired, nil
	}
	return 0, err
}

// settle removes a timer whose event exists already: its id was given by the committer and used
// before, so it can never fire. One that merely changed is left for the next sweep.
func (p *Platform) settle(ctx context.Context, table string, t *dueTimer) error {
	found, err := p.getAll(ctx, table, []item{eventKey(t.room, &t.event)}, "")
	if err != nil || len(found) == 0 {
		return err
	}
	p.o.Log.Error("a timer's event has an id that was used before; the timer is dropped",
		"id", t.event.ID, "type", t.event.Type)
	tx := &transaction{table: table}
	tx.add(types.TransactWriteItem{Delete: &types.Delete{
		TableName: &tx.table, Key: t.key, ConditionExpression: aws.String("w = :w"),
		ExpressionAttributeValues: item{":w": text(t.nonce)},
	}}, subject{timer: t})
	if err := p.send(ctx, tx); !errors.Is(err, platform.ErrConflict) {
		return err
	}
	return nil
}

// sweeper sweeps until it is stopped.
type sweeper struct {
	p    *Platform
	stop context.CancelFunc
	over sync.WaitGroup
}

// startSweeping sweeps every SweepEvery until ctx ends or the returned sweeper is closed.
func (p *Platform) startSweeping(ctx context.Context) *sweeper {
	s := &sweeper{p: p}
	ctx, s.stop = context.WithCancel(ctx)
	s.over.Go(func() {
		for {
			next := p.o.Clock.After(p.o.SweepEvery)
			if _, err := p.Sweep(ctx); err != nil && ctx.Err() == nil {
				p.o.Log.Warn("timers could not be swept; trying again", "error", err)
			}
			select {
			case <-next:
			case <-ctx.Done():
				return
			}
		}
	})
	return s
}

func (s *sweeper) close() {
	s.stop()
	s.over.Wait()
}
