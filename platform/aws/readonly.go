package aws

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/souk-commerce/souk/platform"
)

// With Options.ReadOnly every call that would change something ends here, before it is sent. So a
// platform that is opened to look on changes nothing, whatever its credentials allow.

// errLooking refuses what would write.
func errLooking(what string) error {
	return fmt.Errorf("%s: nothing was sent, the platform was opened to read: %w", what,
		platform.ErrReadOnly)
}

// isCorrupt reports whether an error says that stored bytes are not what was written.
func isCorrupt(err error) bool { return errors.Is(err, platform.ErrCorrupt) }

// readOnly leaves of every service what reads.
func (s services) readOnly() services {
	return services{
		queues: onlyCounted{s.queues}, events: unpublished{}, topics: unpublished{},
		files: onlyGot{fileObjects: s.files}, keys: onlyUnwrapped{s.keys},
	}
}

type onlyRead struct{ database }

func (onlyRead) UpdateItem(
	context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	return nil, errLooking("update an item")
}

func (onlyRead) DeleteItem(
	context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options),
) (*dynamodb.DeleteItemOutput, error) {
	return nil, errLooking("delete an item")
}

func (onlyRead) TransactWriteItems(
	context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	return nil, errLooking("write")
}

type onlyGot struct{ fileObjects }

func (onlyGot) PutObject(
	context.Context, *s3.PutObjectInput, ...func(*s3.Options),
) (*s3.PutObjectOutput, error) {
	return nil, errLooking("put an object")
}

type onlyUnwrapped struct{ dataKeys }

func (onlyUnwrapped) GenerateDataKey(
	context.Context, *kms.GenerateDataKeyInput, ...func(*kms.Options),
) (*kms.GenerateDataKeyOutput, error) {
	return nil, errLooking("make a key")
}

// onlyCounted also takes no message: a message that was received is hidden from its worker.
type onlyCounted struct{ queueFinder }

func (onlyCounted) SendMessage(
	context.Context, *sqs.SendMessageInput, ...func(*sqs.Options),
) (*sqs.SendMessageOutput, error) {
	return nil, errLooking("send a message")
}

func (onlyCounted) SendMessageBatch(
	context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options),
) (*sqs.SendMessageBatchOutput, error) {
	return nil, errLooking("send messages")
}

func (onlyCounted) ReceiveMessage(
	context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options),
) (*sqs.ReceiveMessageOutput, error) {
	return nil, errLooking("receive messages")
}

func (onlyCounted) DeleteMessage(
	context.Context, *sqs.DeleteMessageInput, ...func(*sqs.Options),
) (*sqs.DeleteMessageOutput, error) {
	return nil, errLooking("delete a message")
}

func (onlyCounted) ChangeMessageVisibility(
	context.Context, *sqs.ChangeMessageVisibilityInput, ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityOutput, error) {
	return nil, errLooking("hide a message")
}

type unpublished struct{}

func (unpublished) PutEvents(
	context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options),
) (*eventbridge.PutEventsOutput, error) {
	return nil, errLooking("publish events")
}

func (unpublished) PublishBatch(
	context.Context, *sns.PublishBatchInput, ...func(*sns.Options),
) (*sns.PublishBatchOutput, error) {
	return nil, errLooking("publish events")
}
