//go:build awsemulated

package lambdatest_test

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// unpaid makes an order that is given a minute, and whose payment nobody begins in time: a worker
// takes every copy of the message that would begin it and dies, so they come back when the order
// has expired.
func (c *cloud) unpaid(sku string) (order string) {
	c.t.Helper()
	api := c.functions["ApiFunction"]
	env := api.Env
	api.Close() // the next process has another environment, as after a deployment
	api.Env = append(slices.Clone(env), "SOUK_DEADLINE=1m")
	order = c.checkout(sku, "tok_visa", "k4-"+sku)
	api.Close()
	api.Env = env

	const name = "souk-t-payment-authorise-on-stock-held"
	worker := c.workers[name]
	delete(c.workers, name)
	defer func() { c.workers[name] = worker }()
	for end, hidden := time.Now().Add(time.Minute), 0; time.Now().Before(end); {
		c.carry()
		for n := c.hide(name); n > 0; n = c.hide(name) {
			hidden += n
		}
		if hidden > 0 {
			return order
		}
	}
	c.t.Fatal("the payment room was not told of the hold")
	return ""
}

// hide takes messages of a queue for longer than a minute, and returns how many.
func (c *cloud) hide(name string) int {
	c.t.Helper()
	const hidden = 75 // seconds
	out, err := c.queues.ReceiveMessage(c.t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(queueAddress + name), VisibilityTimeout: hidden,
		MaxNumberOfMessages: 10,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return len(out.Messages)
}

// quiet carries until no queue of a subscription holds a message, hidden ones included.
func (c *cloud) quiet() {
	c.t.Helper()
	waiting := func() (names []string) {
		for name := range c.workers {
			out, err := c.queues.GetQueueAttributes(c.t.Context(), &sqs.GetQueueAttributesInput{
				QueueUrl:       aws.String(queueAddress + name),
				AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
			})
			if err != nil {
				c.t.Fatal(err)
			}
			for _, count := range []types.QueueAttributeName{
				types.QueueAttributeNameApproximateNumberOfMessages,
				types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
				types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
			} {
				if out.Attributes[string(count)] != "0" {
					names = append(names, name)
				}
			}
		}
		return names
	}
	const patience = 3 * time.Minute
	var left []string
	for end := time.Now().Add(patience); time.Now().Before(end); {
		c.carry()
		if left = waiting(); len(left) == 0 {
			return
		}
	}
	c.t.Fatalf("messages are left in %v", left)
}
