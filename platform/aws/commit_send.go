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

	"github.com/souk-commerce/souk/platform"
)

// How a transaction is sent again. DynamoDB remembers a token for ten minutes after the transaction
// succeeded; half of that is left for a process that is frozen between looking at the clock and
// sending, and for clocks that differ.
const (
	maxSends    = 8
	waitBase    = 10 * time.Millisecond
	waitMost    = 500 * time.Millisecond
	answerTime  = 5 * time.Second // for one answer
	tokenWindow = 5 * time.Minute
)

// newToken returns 26 letters that nobody ever made before.
func newToken() string { return rand.Text() }

// send makes a transaction happen once, or says what came of it: see platform.Store.Commit. All
// sends carry one token, so that a send whose answer was lost and the one after it are one effect.
func (p *Platform) send(ctx context.Context, tx *transaction) error {
	token, began := newToken(), p.now()
	inDoubt := false // an earlier send may have happened
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		outcome, err := p.sendOnce(ctx, tx, token)
		switch outcome {
		case done:
			return nil
		case refused:
			return p.confirm(ctx, tx, err)
		case denied:
			if inDoubt {
				return unknown(err)
			}
			return err
		case lost:
			inDoubt = true
		case busy:
		}
		if n+1 < maxSends {
			if err := wait(ctx, n); err != nil {
				return fmt.Errorf("commit: %w", err)
			}
		}
		if n+1 >= maxSends || p.now().Sub(began) > tokenWindow {
			if inDoubt {
				return unknown(err)
			}
			return err
		}
	}
}

// unknown words what cannot be told. The cause is not wrapped where it would say that nothing
// happened.
func unknown(err error) error {
	const words = "commit: no answer came, so the outcome is unknown; read before writing again"
	if platform.Known(err) {
		return fmt.Errorf("%s: %s", words, err) //nolint:errorlint // it must not be known
	}
	return fmt.Errorf("%s: %w", words, err)
}

// sendOnce sends a transaction with the SDK's own retries off: only send knows until when the token
// is remembered.
func (p *Platform) sendOnce(
	ctx context.Context, tx *transaction, token string,
) (outcome, error) {
	once, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	out, err := p.db.TransactWriteItems(once, &dynamodb.TransactWriteItemsInput{
		TransactItems: tx.actions, ClientRequestToken: &token,
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	}, func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
	p.usage.add("dynamodb:TransactWriteItems", true)
	if err == nil {
		for i := range out.ConsumedCapacity {
			p.usage.units(true, &out.ConsumedCapacity[i])
		}
		return done, nil
	}
	if ctx.Err() != nil { // the caller gave up while the answer was awaited
		return denied, fmt.Errorf("commit: %w", errors.Join(ctx.Err(), err))
	}
	return tx.outcomeOf(err)
}

// wait waits before the send after number n, with full jitter. It lives by the machine's time, like
// the network that it spares.
func wait(ctx context.Context, n int) error {
	most := min(waitBase<<n, waitMost)
	t := time.NewTimer(time.Duration(randv2.Int64N(int64(most))))
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
