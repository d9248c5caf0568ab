package aws

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/souk-commerce/souk/platform"
)

// row is an item of the platform's own. Its PK begins with "~platform/", so no room's role reaches
// it.
type row struct {
	PK, SK  string
	Version int64
	Value   []byte
	Expires time.Time // zero: never. DynamoDB removes it some time later; until then it is there
}

// rows are the platform's own rows in one table. Safe for concurrent use.
type rows struct {
	p    *Platform
	name string // of the table
}

func rowKey(pk, sk string) item {
	return item{attrPart: text(wide(pk)), attrSort: raw(string(byte(markRow)) + sk)}
}

func decodeRow(i item) (row, error) {
	pk, _, place, err := splitKey(i)
	if err != nil {
		return row{}, err
	}
	r := row{PK: pk, SK: place, Value: valueOf(i[attrValue])}
	if r.Version, err = numberOf(i[attrVersion]); err != nil {
		return row{}, err
	}
	expires, err := numberOf(i[attrExpires])
	if expires != 0 {
		r.Expires = time.Unix(expires, 0).UTC()
	}
	return r, err
}

// getRow returns a row as it is now, or platform.ErrNotFound.
func (t *rows) getRow(ctx context.Context, pk, sk string) (row, error) {
	i, err := t.p.get(ctx, t.name, rowKey(pk, sk))
	if err != nil {
		return row{}, err
	}
	return decodeRow(i)
}

// putRow replaces a row if it has the expected version, which may be platform.Absent or
// platform.Any; otherwise a ConflictError. r.Version is not looked at. A lost answer is settled by
// the nonce: a retry that finds its own write has succeeded.
func (t *rows) putRow(ctx context.Context, r row, expect int64) error {
	nonce := newToken()
	in := &dynamodb.UpdateItemInput{
		TableName: &t.name, Key: rowKey(r.PK, r.SK),
		ExpressionAttributeValues: item{
			":d": bytesOf(r.Value), ":w": text(nonce), ":one": number(1),
		},
		ReturnConsumedCapacity:              types.ReturnConsumedCapacityTotal,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	set, clear := "SET d = :d, w = :w", ""
	if r.Expires.IsZero() {
		clear = " REMOVE x"
	} else {
		set += ", x = :x"
		in.ExpressionAttributeValues[":x"] = number(r.Expires.Unix())
	}
	in.UpdateExpression = aws.String(set + " ADD v :one" + clear)
	in.ConditionExpression = expectVersion(expect, in.ExpressionAttributeValues)
	return t.conditional(r, expect, nonce, func() error {
		out, err := t.p.db.UpdateItem(ctx, in)
		if out != nil {
			t.p.usage.add("dynamodb:UpdateItem", true, out.ConsumedCapacity)
		}
		return err
	})
}

// deleteRow removes a row if it has the expected version. Under platform.Any, removing what is not
// there is no error.
func (t *rows) deleteRow(ctx context.Context, pk, sk string, expect int64) error {
	in := &dynamodb.DeleteItemInput{
		TableName: &t.name, Key: rowKey(pk, sk), ExpressionAttributeValues: item{},
		ReturnConsumedCapacity:              types.ReturnConsumedCapacityTotal,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	in.ConditionExpression = expectVersion(expect, in.ExpressionAttributeValues)
	if len(in.ExpressionAttributeValues) == 0 {
		in.ExpressionAttributeValues = nil
	}
	return t.conditional(row{PK: pk, SK: sk}, expect, "", func() error {
		out, err := t.p.db.DeleteItem(ctx, in)
		if out != nil {
			t.p.usage.add("dynamodb:DeleteItem", true, out.ConsumedCapacity)
		}
		return err
	})
}

// conditional makes a write and words its refusal.
func (t *rows) conditional(r row, expect int64, nonce string, write func() error) error {
	if t.p.closed.Load() {
		return platform.ErrClosed
	}
	err := write()
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) {
		return explain("write a row", err)
	}
	if nonce != "" && textOf(failed.Item[attrNonce]) == nonce {
		return nil // an earlier try of this very call did it, and its answer was lost
	}
	have, err := numberOf(failed.Item[attrVersion])
	if err != nil {
		return err
	}
	return &platform.ConflictError{
		Key: platform.Key{Part: r.PK, Sort: r.SK}, Want: expect, Have: have,
	}
}

// listRows returns rows of one partition whose place begins with prefix and comes after after, in
// the order of places.
func (t *rows) listRows(
	ctx context.Context, pk, prefix, after string, limit int,
) ([]row, error) {
	items, err := t.p.list(ctx, span{
		table: t.name, part: wide(pk), mark: markRow, prefix: prefix, after: after, limit: limit,
	})
	if err != nil {
		return nil, err
	}
	list := make([]row, len(items))
	for i := range items {
		if list[i], err = decodeRow(items[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// expectVersion words the condition that an item has a version, and adds the value that it needs.
func expectVersion(expect int64, values item) *string {
	switch expect {
	case platform.Any:
		return nil
	case platform.Absent:
		return aws.String("attribute_not_exists(v)")
	}
	values[":v"] = number(expect)
	return aws.String("v = :v")
}
