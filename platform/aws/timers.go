package aws

import (
	"fmt"
	"hash/fnv"
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/souk-commerce/souk/platform"
)

// A timer is one item, in the partition of its key. The index of due timers holds the keys of all
// of them by shard and due; it has no other items, since only timers have those attributes.

// timerShard spreads timers over the partitions of the index.
func timerShard(name string, shards int) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // cannot fail
	return shardName(int(h.Sum32() % uint32(shards)))
}

func shardName(n int) string { return fmt.Sprintf("timers-%03d", n) }

// keepable is the moment nearest to t that nanoseconds since 1970 can tell: a timer of the distant
// past is due at once, one of the distant future in 2262.
func keepable(t time.Time) time.Time {
	first, last := time.Unix(0, 0), time.Unix(0, math.MaxInt64)
	switch {
	case t.Before(first):
		t = first
	case t.After(last):
		t = last
	}
	return t.UTC()
}

// dueTimer is a timer as it is read to be fired.
type dueTimer struct {
	room  string
	key   item
	due   time.Time
	nonce string
	event platform.Event
}

func decodeTimer(i item) (dueTimer, error) {
	part, mark, _, err := splitKey(i)
	if err != nil {
		return dueTimer{}, err
	}
	due, err := numberOf(i[attrDue])
	if err != nil {
		return dueTimer{}, err
	}
	t := dueTimer{
		key: item{attrPart: i[attrPart], attrSort: i[attrSort]}, due: time.Unix(0, due).UTC(),
		nonce: textOf(i[attrNonce]), event: eventOf(i), room: roomOf(part),
	}
	t.event.Subject = textOf(i[attrSubject])
	if mark != markTimer || t.nonce == "" || t.event.ID == "" || t.event.Subject == "" {
		return t, fmt.Errorf("timer %q: %w", part, platform.ErrCorrupt)
	}
	return t, nil
}

// fire adds the actions that make a timer's event happen and remove the timer, if it is still the
// one that was read.
func (tx *transaction) fire(t *dueTimer, now time.Time) {
	tx.event(t.room, &t.event, now)
	tx.add(types.TransactWriteItem{Delete: &types.Delete{
		TableName: &tx.table, Key: t.key, ConditionExpression: aws.String("w = :w"),
		ExpressionAttributeValues: item{":w": text(t.nonce)},
	}}, subject{timer: t})
	tx.events = true
}
