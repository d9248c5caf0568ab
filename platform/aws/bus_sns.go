package aws

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// publisher is the part of SNS that the relay needs; *sns.Client has it.
type publisher interface {
	PublishBatch(
		ctx context.Context, in *sns.PublishBatchInput, opts ...func(*sns.Options),
	) (*sns.PublishBatchOutput, error)
}

// topic is the bus over SNS: one topic, and for each subscription a filter policy on the attribute
// "type" with raw delivery to its queue.
type topic struct {
	client publisher
	arn    string
}

var _ bus = topic{}

// topicAttribute is what filter policies look at.
const topicAttribute = "type"

// publish implements bus.
func (t topic) publish(ctx context.Context, list []busMessage) (failed []int, err error) {
	size := func(i int) int { return len(list[i].body) + len(list[i].kind) + 20 }
	chunks(len(list), size, func(chunk []int) {
		in := &sns.PublishBatchInput{TopicArn: aws.String(t.arn)}
		for _, i := range chunk {
			in.PublishBatchRequestEntries = append(in.PublishBatchRequestEntries,
				types.PublishBatchRequestEntry{
					Id: aws.String(strconv.Itoa(i)), Message: aws.String(list[i].body),
					MessageAttributes: map[string]types.MessageAttributeValue{topicAttribute: {
						DataType: aws.String("String"), StringValue: aws.String(list[i].kind),
					}},
				})
		}
		out, callErr := t.client.PublishBatch(ctx, in)
		if callErr != nil {
			failed = append(failed, chunk...)
			err = fmt.Errorf("publish: %w", mapThrottle(callErr))
			return
		}
		taken := make(map[string]bool, len(chunk))
		for _, entry := range out.Successful {
			taken[aws.ToString(entry.Id)] = true
		}
		for _, i := range chunk {
			if !taken[strconv.Itoa(i)] {
				failed = append(failed, i)
				err = fmt.Errorf("publish: an entry was refused: %s", refusal(out.Failed, i))
			}
		}
	})
	return failed, err
}

func refusal(failed []types.BatchResultErrorEntry, i int) string {
	for _, entry := range failed {
		if aws.ToString(entry.Id) == strconv.Itoa(i) {
			return aws.ToString(entry.Code) + ": " + aws.ToString(entry.Message)
		}
	}
	return "no reason was given"
}
