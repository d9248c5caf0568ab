package aws

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/souk-commerce/souk/platform"
)

// transaction is a batch as DynamoDB takes it: one action for each part that does something, and
// beside it what it stands for.
type transaction struct {
	table   string
	actions []types.TransactWriteItem
	of      []subject
	events  bool // it announces something
}

// subject is what an action stands for. Setting a timer and cancelling it have no condition, so
// they never fail for a reason of their own.
type subject struct {
	write *platform.Write
	event *platform.Event
	timer *dueTimer // that fires, if it is still there
	key   item
}

// Commit implements platform.Store.
func (s *store) Commit(ctx context.Context, b platform.Batch) error {
	if s.p.closed.Load() {
		return platform.ErrClosed
	}
	if err := s.checkBatch(&b); err != nil {
		return err
	}
	tx := s.transaction(&b)
	if len(tx.actions) == 0 {
		return nil
	}
	if err := s.p.send(ctx, tx); err != nil {
		return err
	}
	if tx.events {
		s.p.nudge()
	}
	return nil
}

// transaction turns a checked batch into actions, each on an item of its own.
func (s *store) transaction(b *platform.Batch) *transaction {
	tx := &transaction{table: s.table, events: len(b.Events) > 0}
	for i := range b.Writes {
		tx.write(s.room, &b.Writes[i])
	}
	now := s.p.o.Clock.Now()
	for i := range b.Events {
		tx.event(s.room, &b.Events[i], now)
	}
	for i := range b.Timers {
		tx.timer(s.room, &b.Timers[i], s.p.o.TimerShards)
	}
	for _, k := range b.Cancel {
		tx.add(types.TransactWriteItem{Delete: &types.Delete{
			TableName: &tx.table, Key: key(s.room, k, markTimer, ""),
		}}, subject{})
	}
	return tx
}

func (tx *transaction) add(a types.TransactWriteItem, of subject) {
	tx.actions, tx.of = append(tx.actions, a), append(tx.of, of)
}

const allOld = types.ReturnValuesOnConditionCheckFailureAllOld

// write adds the action of one write. A check that anything satisfies needs none.
func (tx *transaction) write(room string, w *platform.Write) {
	k, values := key(room, w.Key.Part, markRecord, w.Key.Sort), make(item)
	of := subject{write: w, key: k}
	expect := expectVersion(w.Expect, values)
	switch {
	case w.Kind == platform.Check && expect == nil:
	case w.Kind == platform.Check:
		tx.add(types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
			TableName: &tx.table, Key: k, ConditionExpression: expect,
			ExpressionAttributeValues: orNil(values), ReturnValuesOnConditionCheckFailure: allOld,
		}}, of)
	case w.Kind == platform.Delete:
		tx.add(types.TransactWriteItem{Delete: &types.Delete{
			TableName: &tx.table, Key: k, ConditionExpression: expect,
			ExpressionAttributeValues: orNil(values), ReturnValuesOnConditionCheckFailure: allOld,
		}}, of)
	default:
		u := &types.Update{
			TableName: &tx.table, Key: k, ExpressionAttributeValues: values,
			ReturnValuesOnConditionCheckFailure: allOld,
		}
		completeUpdate(u, w, expect)
		tx.add(types.TransactWriteItem{Update: u}, of)
	}
}

func orNil(values item) item {
	if len(values) == 0 {
		return nil
	}
	return values
}

// completeUpdate words a Put or Add: the value, the next version, every counter and its bounds.
func completeUpdate(u *types.Update, w *platform.Write, expect *string) {
	var conditions []string
	if expect != nil {
		conditions = append(conditions, *expect)
	}
	change := "ADD v :one"
	u.ExpressionAttributeValues[":one"] = number(1)
	if w.Kind == platform.Put {
		change = "SET d = :d " + change
		u.ExpressionAttributeValues[":d"] = bytesOf(w.Value)
	}
	for i, m := range w.Moves {
		if u.ExpressionAttributeNames == nil {
			u.ExpressionAttributeNames = make(map[string]string, len(w.Moves))
		}
		name, delta := fmt.Sprint("#c", i), fmt.Sprint(":d", i)
		u.ExpressionAttributeNames[name] = counterPrefix + wide(m.Counter)
		u.ExpressionAttributeValues[delta] = number(m.Delta)
		change += fmt.Sprintf(", %s %s", name, delta)
		low, high := bounds(m)
		lowName, highName := fmt.Sprint(":l", i), fmt.Sprint(":h", i)
		u.ExpressionAttributeValues[lowName] = digits(low.String())
		u.ExpressionAttributeValues[highName] = digits(high.String())
		within := fmt.Sprintf("%s BETWEEN %s AND %s", name, lowName, highName)
		if low.Sign() <= 0 && high.Sign() >= 0 {
			within = fmt.Sprintf("(attribute_not_exists(%s) OR %s)", name, within)
		}
		conditions = append(conditions, within)
	}
	u.UpdateExpression = &change
	if len(conditions) > 0 {
		u.ConditionExpression = aws.String(strings.Join(conditions, " AND "))
	}
}

// bounds returns the least and the greatest value that a counter may have before m moves it. They
// may lie outside int64, and then the least above the greatest value that any counter has. A range
// that is empty becomes one that no counter is in, as DynamoDB wants the least to come first.
func bounds(m platform.Move) (low, high *big.Int) {
	delta := big.NewInt(m.Delta)
	low = new(big.Int).Sub(big.NewInt(max(m.Floor, math.MinInt64)), delta)
	high = new(big.Int).Sub(big.NewInt(math.MaxInt64), delta)
	if low.Cmp(high) > 0 {
		high = new(big.Int).Set(low)
	}
	return low, high
}

// event adds an event, which must be the first at its place.
func (tx *transaction) event(room string, e *platform.Event, now time.Time) {
	k := eventKey(room, e)
	i := putEvent(item{attrPart: k[attrPart], attrSort: k[attrSort]}, e)
	i[attrTime] = number(now.UnixNano())
	tx.add(types.TransactWriteItem{Put: &types.Put{
		TableName: &tx.table, Item: i,
		ConditionExpression: aws.String("attribute_not_exists(pk)"),
	}}, subject{event: e, key: k})
}

// timer adds a timer, which replaces one of the same key. Its nonce tells it from every other.
func (tx *transaction) timer(room string, t *platform.Timer, shards int) {
	nonce, due := newToken(), keepable(t.Due)
	i := putEvent(key(room, t.Key, markTimer, ""), &t.Event)
	if t.Event.ID == "" {
		i[attrID] = text(fmt.Sprintf("%s/%s@%d#%s", room, strings.ToValidUTF8(t.Key, "?"),
			due.UnixNano(), nonce))
	}
	i[attrSubject] = text(t.Event.Subject)
	i[attrNonce] = text(nonce)
	i[attrShard] = text(timerShard(room+"/"+t.Key, shards))
	i[attrDue] = number(due.UnixNano())
	tx.add(types.TransactWriteItem{Put: &types.Put{TableName: &tx.table, Item: i}}, subject{})
}
