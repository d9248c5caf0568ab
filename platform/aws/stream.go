package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"github.com/souk-commerce/souk/platform"
)

// streams is what the adapter calls of DynamoDB Streams.
type streams interface {
	DescribeStream(
		context.Context, *dynamodbstreams.DescribeStreamInput, ...func(*dynamodbstreams.Options),
	) (*dynamodbstreams.DescribeStreamOutput, error)
	GetShardIterator(
		context.Context, *dynamodbstreams.GetShardIteratorInput, ...func(*dynamodbstreams.Options),
	) (*dynamodbstreams.GetShardIteratorOutput, error)
	GetRecords(
		context.Context, *dynamodbstreams.GetRecordsInput, ...func(*dynamodbstreams.Options),
	) (*dynamodbstreams.GetRecordsOutput, error)
}

// describer tells where a table's stream is.
type describer interface {
	DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options),
	) (*dynamodb.DescribeTableOutput, error)
}

// DecodeStream returns the event that a record of a table's stream tells of. ok is false for a
// record of something else: of a room's record, a timer, a row, or of a removal.
func DecodeStream(r streamtypes.Record) (e platform.Event, ok bool, err error) {
	if r.EventName != streamtypes.OperationTypeInsert || r.Dynamodb == nil {
		return platform.Event{}, false, nil // an event is put once and never changes
	}
	i := make(item, len(r.Dynamodb.NewImage))
	for name, v := range r.Dynamodb.NewImage {
		switch v := v.(type) {
		case *streamtypes.AttributeValueMemberS:
			i[name] = &types.AttributeValueMemberS{Value: v.Value}
		case *streamtypes.AttributeValueMemberN:
			i[name] = &types.AttributeValueMemberN{Value: v.Value}
		case *streamtypes.AttributeValueMemberB:
			i[name] = &types.AttributeValueMemberB{Value: v.Value}
		}
	}
	return decodeEvent(i)
}

// reader reads the shards of one table's stream, each from where the archive ends. It is used by
// one goroutine at a time.
type reader struct {
	p     *Platform
	table string
	arn   string // "" until it was found

	shards    []streamtypes.Shard
	described time.Time
	iterators map[string]string // of shards being read
	over      map[string]bool   // closed shards that were read to their end
}

// describeAgain is how long the list of shards is believed while none of them ends.
const describeAgain = time.Minute

// batch is what one call yielded: the events among the records, and the last record of all.
type batch struct {
	shard  string // "<table>/<shard>"
	events []streamed
	last   string // sequence number; "" if there was no record
}

type streamed struct {
	event  platform.Event
	number string // sequence number of its record
}

// drain reads every shard to its present end, parents before children, and hands on what it reads.
// start tells the last sequence number that was handed on before, or "".
func (r *reader) drain(
	ctx context.Context, start func(shard string) string,
	take func(context.Context, batch) error,
) error {
	for again := true; again; again = r.described.IsZero() { // a shard ended: look for children
		if err := r.describe(ctx); err != nil {
			return err
		}
		if err := r.drainShards(ctx, start, take); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) drainShards(
	ctx context.Context, start func(shard string) string,
	take func(context.Context, batch) error,
) error {
	for _, s := range parentsFirst(r.shards) {
		id := aws.ToString(s.ShardId)
		if r.over[id] {
			continue
		}
		if parent := aws.ToString(s.ParentShardId); r.listed(parent) && !r.over[parent] {
			continue // its own children come after it
		}
		if err := r.drainShard(ctx, id, start, take); err != nil {
			return fmt.Errorf("stream of %s, %s: %w", r.table, id, err)
		}
	}
	return nil
}

func (r *reader) listed(id string) bool {
	return slices.ContainsFunc(r.shards, func(s streamtypes.Shard) bool {
		return aws.ToString(s.ShardId) == id
	})
}

// parentsFirst orders shards so that none comes before its parent.
func parentsFirst(shards []streamtypes.Shard) []streamtypes.Shard {
	parent := make(map[string]string)
	for _, s := range shards {
		parent[aws.ToString(s.ShardId)] = aws.ToString(s.ParentShardId)
	}
	depth := func(s streamtypes.Shard) (n int) {
		for id := aws.ToString(s.ShardId); id != "" && n <= len(shards); id = parent[id] {
			n++
		}
		return n
	}
	ordered := slices.Clone(shards)
	slices.SortStableFunc(ordered, func(a, b streamtypes.Shard) int { return depth(a) - depth(b) })
	return ordered
}

// rewind forgets how far shards were read.
func (r *reader) rewind() {
	r.described = time.Time{}
	clear(r.iterators)
	clear(r.over)
}

// find finds the table's stream.
func (r *reader) find(ctx context.Context) error {
	if r.arn != "" {
		return nil
	}
	out, err := r.p.describer.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &r.table})
	if err != nil {
		return explain("describe", err)
	}
	r.p.usage.add("dynamodb:DescribeTable", false)
	if r.arn = aws.ToString(out.Table.LatestStreamArn); r.arn == "" {
		return fmt.Errorf("it has no stream; make it as TableShape says: %w",
			platform.ErrInvalid)
	}
	return nil
}

// describe reads the list of shards, unless it is fresh.
func (r *reader) describe(ctx context.Context) error {
	if !r.described.IsZero() && r.p.now().Sub(r.described) < describeAgain {
		return nil
	}
	if err := r.find(ctx); err != nil {
		return fmt.Errorf("table %s: %w", r.table, err)
	}
	var all []streamtypes.Shard
	in := &dynamodbstreams.DescribeStreamInput{StreamArn: &r.arn}
	for {
		out, err := r.p.streams.DescribeStream(ctx, in)
		if err != nil {
			return explain("describe the stream of "+r.table, err)
		}
		r.p.usage.add("dynamodb:DescribeStream", false)
		all = append(all, out.StreamDescription.Shards...)
		if in.ExclusiveStartShardId = out.StreamDescription.LastEvaluatedShardId; in.
			ExclusiveStartShardId == nil {
			break
		}
	}
	r.shards, r.described = all, r.p.now()
	for id := range r.over {
		if !r.listed(id) {
			delete(r.over, id)
		}
	}
	return nil
}

func (r *reader) drainShard(
	ctx context.Context, id string, start func(shard string) string,
	take func(context.Context, batch) error,
) error {
	name := r.table + "/" + id
	for {
		iterator, err := r.iterator(ctx, id, start(name))
		if err != nil {
			return err
		}
		out, err := r.p.streams.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{
			ShardIterator: &iterator,
		})
		delete(r.iterators, id) // whatever comes of this one, it is used up
		var expired *streamtypes.ExpiredIteratorException
		if errors.As(err, &expired) {
			continue
		}
		if err != nil {
			return explain("read", err)
		}
		r.p.usage.add("dynamodb:GetRecords", false)
		b, err := decodeBatch(name, out.Records)
		if err != nil {
			return err
		}
		if b.last != "" {
			if err := take(ctx, b); err != nil {
				return err
			}
		}
		if out.NextShardIterator == nil {
			r.over[id], r.described = true, time.Time{}
			return nil
		}
		r.iterators[id] = *out.NextShardIterator
		if len(out.Records) == 0 {
			return nil
		}
	}
}

func decodeBatch(shard string, records []streamtypes.Record) (batch, error) {
	b := batch{shard: shard}
	for _, rec := range records {
		e, ok, err := DecodeStream(rec)
		if err != nil {
			return b, err
		}
		if rec.Dynamodb == nil {
			continue
		}
		b.last = aws.ToString(rec.Dynamodb.SequenceNumber)
		if ok {
			b.events = append(b.events, streamed{event: e, number: b.last})
		}
	}
	return b, nil
}

// iterator returns where to read a shard next: where the last read ended, or else after a sequence
// number. One that was trimmed, since nothing happened in the shard for a day, begins at what is
// left; so does one that nobody read for a day, and then events are missing from the archive.
func (r *reader) iterator(ctx context.Context, id, after string) (string, error) {
	if it := r.iterators[id]; it != "" {
		return it, nil
	}
	in := &dynamodbstreams.GetShardIteratorInput{
		StreamArn: &r.arn, ShardId: &id,
		ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon,
	}
	if after != "" {
		in.ShardIteratorType = streamtypes.ShardIteratorTypeAfterSequenceNumber
		in.SequenceNumber = &after
	}
	out, err := r.p.streams.GetShardIterator(ctx, in)
	var trimmed *streamtypes.TrimmedDataAccessException
	if errors.As(err, &trimmed) {
		r.p.o.Log.Warn("the stream was trimmed beyond the end of the archive; "+
			"if the relay stood still for a day, the archive lacks events", "shard", id)
		return r.iterator(ctx, id, "")
	}
	if err != nil {
		return "", explain("begin to read", err)
	}
	r.p.usage.add("dynamodb:GetShardIterator", false)
	return aws.ToString(out.ShardIterator), nil
}
