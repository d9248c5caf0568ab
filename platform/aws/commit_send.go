package aws

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	randv2 "math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/souk-commerce/souk/platform"
)

// How a transaction is sent again. DynamoDB remembers a token for ten minutes after the transaction
// succeeded; half of that is left for a process that is frozen between looking at the clock and
// sending, and for clocks that differ.
const (
	maxSends    = 8
	waitBase    = 10 * time.Millisecond
	waitMost    = 500 * time.Millisecond
	answerTime  = 5 * time.Second // for one answer, unless Platform.patience says otherwise
	tokenWindow = 5 * time.Minute
)

// newToken returns 26 letters that nobody ever made before.
func newToken() string { return rand.Text() }

// send makes a transaction happen once, or says what came of it: see platform.Store.Commit. All
// sends are the same bytes under one token, so that a send whose answer was lost and the one after
// it are one effect.
func (p *Platform) send(ctx context.Context, tx *transaction) error {
	token := newToken()
	s := &sending{p: p, tx: tx, began: p.now()}
	out, err := p.db.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
		TransactItems: tx.actions, ClientRequestToken: &token,
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	}, func(o *dynamodb.Options) {
		o.Retryer = s
		o.APIOptions = append(o.APIOptions, s.install)
	})
	switch {
	case err == nil:
		for i := range out.ConsumedCapacity {
			p.usage.units(true, &out.ConsumedCapacity[i])
		}
		return nil
	case ctx.Err() != nil: // the caller gave up while an answer was awaited
		return fmt.Errorf("commit: %w", errors.Join(context.Cause(ctx), err))
	case s.sent == 0:
		return fmt.Errorf("commit: %w", err)
	case s.outcome == refused:
		return p.confirm(ctx, tx, s.err)
	case s.inDoubt:
		return unknown(s.err)
	}
	return s.err
}

// sending is one transaction on its way: it decides in the SDK's place what is sent again, because
// only it knows until when the token is remembered and what a cancelled transaction means. It is
// used by one goroutine.
type sending struct {
	p       *Platform
	tx      *transaction
	began   time.Time
	sent    int
	left    bool    // the last send was signed and left
	inDoubt bool    // some send may have happened
	outcome outcome // of the last send
	err     error
}

var (
	_ aws.RetryerV2                 = (*sending)(nil)
	_ middleware.FinalizeMiddleware = (*sending)(nil)
)

// install puts s around each send, and a look at what leaves at the end of it.
func (s *sending) install(stack *middleware.Stack) error {
	leaving := middleware.FinalizeMiddlewareFunc("Leaving", func(
		ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (middleware.FinalizeOutput, middleware.Metadata, error) {
		s.left = true
		return next.HandleFinalize(ctx, in)
	})
	return errors.Join(stack.Finalize.Insert(s, "Retry", middleware.After),
		stack.Finalize.Add(leaving, middleware.After))
}

// ID implements middleware.FinalizeMiddleware.
func (s *sending) ID() string { return "SendOnce" }

// HandleFinalize implements middleware.FinalizeMiddleware: it is one send.
func (s *sending) HandleFinalize(
	ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
) (out middleware.FinalizeOutput, m middleware.Metadata, err error) {
	if s.late() { // the process stood still since the last send was judged
		return out, m, s.err
	}
	once, cancel := context.WithTimeout(ctx, s.p.patience)
	defer cancel()
	s.sent, s.left = s.sent+1, false
	s.p.usage.add("dynamodb:TransactWriteItems", true)
	out, m, err = next.HandleFinalize(once, in)
	if err == nil {
		return out, m, nil
	}
	if s.outcome, s.err = s.tx.outcomeOf(err); !s.left {
		s.outcome, s.err = denied, notWritten("there are no credentials to sign with", err)
	}
	s.inDoubt = s.inDoubt || s.outcome == lost
	return out, m, err
}

func (s *sending) late() bool { return s.sent > 0 && s.p.now().Sub(s.began) > tokenWindow }

// IsErrorRetryable implements aws.Retryer.
func (s *sending) IsErrorRetryable(error) bool {
	return (s.outcome == busy || s.outcome == lost) && !s.late()
}

// MaxAttempts implements aws.Retryer.
func (s *sending) MaxAttempts() int { return maxSends }

// RetryDelay implements aws.Retryer.
func (s *sending) RetryDelay(sent int, _ error) (time.Duration, error) {
	return delay(sent - 1), nil
}

// GetRetryToken implements aws.Retryer. What is sent again is bounded by number and time only.
func (s *sending) GetRetryToken(context.Context, error) (func(error) error, error) {
	return keepNothing, nil
}

// GetInitialToken implements aws.Retryer.
func (s *sending) GetInitialToken() func(error) error { return keepNothing }

// GetAttemptToken implements aws.RetryerV2.
func (s *sending) GetAttemptToken(context.Context) (func(error) error, error) {
	return keepNothing, nil
}

func keepNothing(error) error { return nil }

// unknown words what cannot be told. The cause is not wrapped where it would say that nothing
// happened.
func unknown(err error) error {
	const words = "commit: no answer came, so the outcome is unknown; read before writing again"
	if platform.Known(err) {
		return fmt.Errorf("%s: %s", words, err) //nolint:errorlint // it must not be known
	}
	return fmt.Errorf("%s: %w", words, err)
}

// delay is how long to wait after send number n, from 0: full jitter.
func delay(n int) time.Duration {
	return time.Duration(randv2.Int64N(int64(min(waitBase<<n, waitMost))))
}

// wait waits after call number n. It lives by the machine's time, like the network that it spares.
func wait(ctx context.Context, n int) error {
	t := time.NewTimer(delay(n))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// confirm makes sure that a BoundError says the whole truth: DynamoDB may cancel at the first
// condition that fails, and a counter is only to blame if every version agreed. A version that
// differs now is as good a reason to decide again as one that differed then.
func (p *Platform) confirm(ctx context.Context, tx *transaction, refusal error) error {
	if !errors.Is(refusal, platform.ErrBound) {
		return refusal
	}
	var keys []item
	of := make(map[string]subject)
	for i := range tx.of {
		s := tx.of[i]
		if s.event == nil && (s.write == nil || s.write.Expect == platform.Any) {
			continue
		}
		keys = append(keys, s.key)
		of[identity(s.key)] = s
	}
	found, err := p.getAll(ctx, tx.table, keys, "pk, sk, v")
	if err != nil {
		return err
	}
	for id, s := range of {
		if err := s.conflict(found[id]); err != nil {
			return err
		}
	}
	return refusal
}

func identity(i item) string {
	return textOf(i[attrPart]) + "\x00" + string(valueOf(i[attrSort]))
}

// getAll reads up to 100 items as they are now, by identity; names "" is all their attributes.
func (p *Platform) getAll(
	ctx context.Context, table string, keys []item, names string,
) (map[string]item, error) {
	found := make(map[string]item)
	of := types.KeysAndAttributes{ConsistentRead: aws.Bool(true)}
	if names != "" {
		of.ProjectionExpression = &names
	}
	for n := 0; len(keys) > 0; n++ {
		of.Keys = keys
		out, err := p.db.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems:           map[string]types.KeysAndAttributes{table: of},
			ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		})
		if err != nil {
			return nil, notDone(explain("read several items", err))
		}
		p.usage.add("dynamodb:BatchGetItem", false)
		for i := range out.ConsumedCapacity {
			p.usage.units(false, &out.ConsumedCapacity[i])
		}
		for _, i := range out.Responses[table] {
			found[identity(i)] = i
		}
		if keys = out.UnprocessedKeys[table].Keys; len(keys) == 0 {
			break
		}
		if n+1 == maxSends {
			return nil, fmt.Errorf("commit: nothing was written: %w", platform.ErrThrottled)
		}
		if err := wait(ctx, n); err != nil {
			return nil, err
		}
	}
	return found, nil
}
