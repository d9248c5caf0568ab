//go:build awsemulated

package lambdatest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/souk-commerce/souk/cmd/souk-lambda/batch"
	"github.com/souk-commerce/souk/cmd/souk-lambda/lambdatest"
)

// cloudQueue is a queue of SQS as a poller sees it.
type cloudQueue struct {
	client *sqs.Client
	url    string
}

// ReceiveMessages implements lambdatest.Queue.
func (q cloudQueue) ReceiveMessages(
	ctx context.Context, most int, _ time.Duration,
) ([]lambdatest.Message, error) {
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &q.url, MaxNumberOfMessages: int32(most),
		MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameAll,
		},
	})
	if err != nil {
		return nil, err
	}
	var list []lambdatest.Message
	for _, m := range out.Messages {
		one := lambdatest.Message{
			ID: *m.MessageId, Receipt: *m.ReceiptHandle, Body: detail(*m.Body),
			Attributes: make(map[string]string),
		}
		one.Receives, _ = strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
		if ms, err := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64); err == nil {
			one.Sent = time.UnixMilli(ms)
		}
		for name, v := range m.MessageAttributes {
			one.Attributes[name] = aws.ToString(v.StringValue)
		}
		list = append(list, one)
	}
	return list, nil
}

// detail is what the rules' InputPath leaves of an event. The emulator takes the path and ignores
// it.
func detail(body string) string {
	var whole struct {
		Type   string          `json:"detail-type"`
		Detail json.RawMessage `json:"detail"`
	}
	if json.Unmarshal([]byte(body), &whole) != nil || whole.Type == "" {
		return body
	}
	return string(whole.Detail)
}

// DeleteMessages implements lambdatest.Queue. One that the function has deleted is deleted.
func (q cloudQueue) DeleteMessages(ctx context.Context, receipts []string) error {
	in := &sqs.DeleteMessageBatchInput{QueueUrl: &q.url}
	for i, r := range receipts {
		in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{
			Id: aws.String(fmt.Sprint("m", i)), ReceiptHandle: aws.String(r),
		})
	}
	_, err := q.client.DeleteMessageBatch(ctx, in)
	return err
}

// ChangeVisibility implements lambdatest.Queue.
func (q cloudQueue) ChangeVisibility(
	ctx context.Context, receipt string, after time.Duration,
) error {
	_, err := q.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &q.url, ReceiptHandle: &receipt, VisibilityTimeout: int32(after / time.Second),
	})
	return err
}

// cloudStream is the one shard of a table's stream, filtered as the template says: what was put in.
type cloudStream struct {
	tables  *dynamodb.Client
	streams *dynamodbstreams.Client
	table   string
	passed  string // up to here nothing more of interest is known
}

// GetRecords implements lambdatest.Stream.
func (s *cloudStream) GetRecords(
	ctx context.Context, after string, most int,
) ([]lambdatest.StreamRecord, error) {
	about, err := s.tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &s.table})
	if err != nil {
		return nil, err
	}
	arn := about.Table.LatestStreamArn
	stream, err := s.streams.DescribeStream(ctx,
		&dynamodbstreams.DescribeStreamInput{StreamArn: arn})
	if err != nil {
		return nil, err
	}
	in := &dynamodbstreams.GetShardIteratorInput{
		StreamArn: arn, ShardId: stream.StreamDescription.Shards[0].ShardId,
		ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon,
	}
	if at := max(after, s.passed); at != "" {
		in.ShardIteratorType = streamtypes.ShardIteratorTypeAfterSequenceNumber
		in.SequenceNumber = &at
	}
	it, err := s.streams.GetShardIterator(ctx, in)
	if err != nil {
		return nil, err
	}
	var list []lambdatest.StreamRecord
	out, err := s.streams.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{
		ShardIterator: it.ShardIterator, Limit: aws.Int32(1000),
	})
	if err != nil {
		return nil, err
	}
	for _, r := range out.Records {
		if r.EventName == streamtypes.OperationTypeInsert && len(list) < most {
			list = append(list, lambdatest.StreamRecord{
				Change: string(r.EventName), Sequence: *r.Dynamodb.SequenceNumber,
				Image: image(r.Dynamodb.NewImage),
			})
		}
	}
	if n := len(out.Records); n > 0 && len(list) == 0 {
		s.passed = *out.Records[n-1].Dynamodb.SequenceNumber
	}
	return list, nil
}

func image(of map[string]streamtypes.AttributeValue) map[string]batch.Value {
	out := make(map[string]batch.Value, len(of))
	for name, v := range of {
		switch v := v.(type) {
		case *streamtypes.AttributeValueMemberS:
			out[name] = batch.Value{S: &v.Value}
		case *streamtypes.AttributeValueMemberN:
			out[name] = batch.Value{N: &v.Value}
		case *streamtypes.AttributeValueMemberB:
			out[name] = batch.Value{B: v.Value}
		}
	}
	return out
}
