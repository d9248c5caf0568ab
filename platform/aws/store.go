package aws

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/souk-commerce/souk/platform"
)

// database is what the adapter calls of DynamoDB.
type database interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options),
	) (*dynamodb.GetItemOutput, error)
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options),
	) (*dynamodb.BatchGetItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options),
	) (*dynamodb.QueryOutput, error)
	Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options),
	) (*dynamodb.ScanOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options),
	) (*dynamodb.UpdateItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options),
	) (*dynamodb.DeleteItemOutput, error)
	TransactWriteItems(
		context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options),
	) (*dynamodb.TransactWriteItemsOutput, error)
}

// store is the platform's store as one room sees it.
type store struct {
	p     *Platform
	room  string
	table string
}

var _ platform.Store = (*store)(nil)

// undeclared refuses everything: a room that Options does not name has no table.
type undeclared struct{ room string }

var _ platform.Store = undeclared{}

func (u undeclared) refuse() error {
	return fmt.Errorf("room %.60q is not declared; nothing was done: name it in Options.Rooms: %w",
		u.room, platform.ErrInvalid)
}

// Get implements platform.Store.
func (u undeclared) Get(context.Context, platform.Key) (platform.Record, error) {
	return platform.Record{}, u.refuse()
}

// List implements platform.Store.
func (u undeclared) List(context.Context, platform.Query) ([]platform.Record, error) {
	return nil, u.refuse()
}

// Commit implements platform.Store.
func (u undeclared) Commit(context.Context, platform.Batch) error { return u.refuse() }

// Get implements platform.Store.
func (s *store) Get(ctx context.Context, k platform.Key) (platform.Record, error) {
	if err := k.Check(); err != nil {
		return platform.Record{}, err
	}
	i, err := s.p.get(ctx, s.table, key(s.room, k.Part, markRecord, k.Sort))
	if err != nil {
		return platform.Record{}, err
	}
	rec, err := decodeRecord(i)
	rec.Key = k
	return rec, err
}

// get reads one item as it is now.
func (p *Platform) get(ctx context.Context, table string, key item) (item, error) {
	if p.closed.Load() {
		return nil, platform.ErrClosed
	}
	out, err := p.db.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &table, Key: key, ConsistentRead: aws.Bool(true),
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	})
	if err != nil {
		return nil, explain("read", err)
	}
	p.usage.add("dynamodb:GetItem", false, out.ConsumedCapacity)
	if len(out.Item) == 0 {
		return nil, platform.ErrNotFound
	}
	return out.Item, nil
}

// List implements platform.Store.
func (s *store) List(ctx context.Context, q platform.Query) ([]platform.Record, error) {
	if q.Limit < 1 || q.Limit > platform.MaxList {
		return nil, fmt.Errorf("a list of %d records, allowed are 1 to %d: %w",
			q.Limit, platform.MaxList, platform.ErrInvalid)
	}
	if err := (platform.Key{Part: q.Part, Sort: q.After}).Check(); err != nil {
		return nil, err
	}
	items, err := s.p.list(ctx, span{
		table: s.table, part: s.room + "/" + wide(q.Part), mark: markRecord, prefix: q.Prefix,
		after: q.After, limit: q.Limit, reverse: q.Reverse,
	})
	if err != nil {
		return nil, err
	}
	var list []platform.Record
	for _, i := range items {
		rec, err := decodeRecord(i)
		if err != nil {
			return nil, err
		}
		rec.Key.Part = strings.TrimPrefix(rec.Key.Part, s.room+"/")
		list = append(list, rec)
	}
	return list, nil
}

// span is a piece of one partition: the items of one mark whose place begins with prefix and comes
// after after in the direction of reading.
type span struct {
	table, part   string
	mark          byte
	prefix, after string
	limit         int
	reverse       bool
}

// maxSort is the greatest length of a sort key.
const maxSort = 1024

// bounds returns the least and the greatest sort key of the span, both inclusive; ok is false for a
// span that holds nothing. Only the end that after gives in reverse is one item too far.
func (s *span) bounds() (low, high []byte, ok bool) {
	low = append([]byte{s.mark}, s.prefix...)
	if len(low) > maxSort {
		return nil, nil, false
	}
	high = slices.Concat(low, bytes.Repeat([]byte{0xFF}, maxSort-len(low)))
	if s.after != "" {
		after := append([]byte{s.mark}, s.after...)
		if s.reverse && bytes.Compare(after, high) < 0 {
			high = after
		}
		if after = append(after, 0); !s.reverse && bytes.Compare(after, low) > 0 {
			low = after
		}
	}
	return low, high, bytes.Compare(low, high) <= 0
}

// list reads a span as it is now.
func (p *Platform) list(ctx context.Context, s span) ([]item, error) {
	if p.closed.Load() {
		return nil, platform.ErrClosed
	}
	low, high, ok := s.bounds()
	if !ok {
		return nil, nil
	}
	in := &dynamodb.QueryInput{
		TableName: &s.table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression: aws.String("pk = :pk AND sk BETWEEN :low AND :high"),
		ExpressionAttributeValues: item{
			":pk": text(s.part), ":low": bytesOf(low), ":high": bytesOf(high),
		},
		ScanIndexForward:       aws.Bool(!s.reverse),
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	}
	var list []item
	for {
		in.Limit = aws.Int32(int32(s.limit - len(list) + 1)) // one may be the item named by after
		out, err := p.db.Query(ctx, in)
		if err != nil {
			return nil, explain("list", err)
		}
		p.usage.add("dynamodb:Query", false, out.ConsumedCapacity)
		for _, i := range out.Items {
			place := valueOf(i[attrSort])
			if s.after != "" && len(place) > 0 && string(place[1:]) == s.after {
				continue
			}
			if list = append(list, i); len(list) == s.limit {
				return list, nil
			}
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return list, nil
		}
	}
}
