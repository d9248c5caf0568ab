//go:build !souk_remote

package world

import (
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/souk-commerce/souk/cmd/souk-lambda/batch"
	"github.com/souk-commerce/souk/platform"
	adapter "github.com/souk-commerce/souk/platform/aws"
)

// message is what an event source received, in the client's words.
func message(m batch.Message) types.Message {
	out := types.Message{
		MessageId: &m.ID, ReceiptHandle: &m.Receipt, Body: &m.Body,
		Attributes:        make(map[string]string),
		MessageAttributes: make(map[string]types.MessageAttributeValue, len(m.Attributes)),
	}
	received := string(types.MessageSystemAttributeNameApproximateReceiveCount)
	out.Attributes[received] = strconv.Itoa(m.Attempts)
	if !m.Sent.IsZero() {
		out.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)] =
			strconv.FormatInt(m.Sent.UnixMilli(), 10)
	}
	for name, v := range m.Attributes {
		out.MessageAttributes[name] = types.MessageAttributeValue{
			DataType: aws.String("String"), StringValue: aws.String(v),
		}
	}
	return out
}

// decodeRecord tells what a stream record holds.
func decodeRecord(r batch.Record) (e platform.Event, ok bool, err error) {
	out := streamtypes.Record{
		EventName: streamtypes.OperationType(r.Change),
		Dynamodb: &streamtypes.StreamRecord{
			SequenceNumber: &r.Sequence,
			NewImage:       make(map[string]streamtypes.AttributeValue, len(r.Image)),
		},
	}
	for name, v := range r.Image { // an event has attributes of these kinds only
		switch {
		case v.S != nil:
			out.Dynamodb.NewImage[name] = &streamtypes.AttributeValueMemberS{Value: *v.S}
		case v.N != nil:
			out.Dynamodb.NewImage[name] = &streamtypes.AttributeValueMemberN{Value: *v.N}
		case v.B != nil:
			out.Dynamodb.NewImage[name] = &streamtypes.AttributeValueMemberB{Value: v.B}
		}
	}
	return adapter.DecodeStream(out)
}
