package aws

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/aws/deploy/iamtest"
)

// overheard is what the suite asked of AWS, as policies are asked, and the subscriptions that it
// declared. Of requests that policies cannot tell apart it keeps one. Safe for concurrent use.
type overheard struct {
	mu    sync.Mutex
	calls map[string]iamtest.Request
	subs  map[string]platform.Subscription
	wrong []error // requests that nobody understood
}

func newOverheard() *overheard {
	return &overheard{
		calls: make(map[string]iamtest.Request), subs: make(map[string]platform.Subscription),
	}
}

func (o *overheard) add(list ...iamtest.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range list {
		keys := make([]string, 0, len(r.Context["dynamodb:LeadingKeys"]))
		for _, key := range r.Context["dynamodb:LeadingKeys"] {
			if room, _, ok := strings.Cut(key, "/"); ok && room != "~platform" {
				key = room // whatever its key is
			} else if strings.HasPrefix(key, "~platform/person/") {
				key = "~platform/person/"
			}
			keys = append(keys, key)
		}
		resource := r.Resource
		if strings.HasPrefix(r.Action, "s3:") {
			resource, _, _ = strings.Cut(resource, "/")
		}
		id := fmt.Sprint(r.Action, resource, keys, len(r.Context["kms:EncryptionContext:person"]))
		if _, known := o.calls[id]; !known {
			o.calls[id] = r
		}
	}
}

// plain notes a call that is about one thing.
func (o *overheard) plain(action, resource string) {
	o.add(iamtest.Request{Action: action, Resource: resource})
}

// subscribed notes a declaration.
func (o *overheard) subscribed(s platform.Subscription) {
	o.mu.Lock()
	defer o.mu.Unlock()
	have, ok := o.subs[s.Name]
	s.Ordered = s.Ordered || ok && have.Ordered
	s.Types = append(s.Types, have.Types...)
	o.subs[s.Name] = s
}

// transport listens to DynamoDB and to the archive.
type transport struct {
	next http.RoundTripper
	to   *overheard
}

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if op == "" {
		t.to.add(iamtest.ObjectRequest(r.Method, r.URL.Path))
		return t.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	list, err := iamtest.TableRequests(op, body)
	if err != nil {
		t.to.mu.Lock()
		t.to.wrong = append(t.to.wrong, err)
		t.to.mu.Unlock()
	}
	t.to.add(list...)
	return t.next.RoundTrip(r)
}

// listen has the services of a cloud, called as a deployment calls them, overheard.
func (o *overheard) listen(c *cloud) {
	c.name = "souk-t"
	c.cfg.HTTPClient = &http.Client{Transport: transport{next: c.faults, to: o}}
	s := c.services
	c.services = services{
		queues: heardQueues{s.queues, o}, events: heardEvents{s.events, o},
		topics: heardTopics{s.topics, o}, files: heardFiles{s.files, o},
		keys: heardKeys{s.keys, o},
	}
	c.declared = o.subscribed
}

type heardQueues struct {
	queueFinder
	to *overheard
}

func (h heardQueues) note(action string, url *string) {
	name := awssdk.ToString(url)
	h.to.plain("sqs:"+action, iamtest.ARN("sqs", name[strings.LastIndex(name, "/")+1:]))
}

func (h heardQueues) SendMessage(
	ctx context.Context, in *sqs.SendMessageInput, opts ...func(*sqs.Options),
) (*sqs.SendMessageOutput, error) {
	h.note("SendMessage", in.QueueUrl)
	return h.queueFinder.SendMessage(ctx, in, opts...)
}

func (h heardQueues) SendMessageBatch(
	ctx context.Context, in *sqs.SendMessageBatchInput, opts ...func(*sqs.Options),
) (*sqs.SendMessageBatchOutput, error) {
	h.note("SendMessage", in.QueueUrl)
	return h.queueFinder.SendMessageBatch(ctx, in, opts...)
}

func (h heardQueues) ReceiveMessage(
	ctx context.Context, in *sqs.ReceiveMessageInput, opts ...func(*sqs.Options),
) (*sqs.ReceiveMessageOutput, error) {
	h.note("ReceiveMessage", in.QueueUrl)
	return h.queueFinder.ReceiveMessage(ctx, in, opts...)
}

func (h heardQueues) DeleteMessage(
	ctx context.Context, in *sqs.DeleteMessageInput, opts ...func(*sqs.Options),
) (*sqs.DeleteMessageOutput, error) {
	h.note("DeleteMessage", in.QueueUrl)
	return h.queueFinder.DeleteMessage(ctx, in, opts...)
}

func (h heardQueues) ChangeMessageVisibility(
	ctx context.Context, in *sqs.ChangeMessageVisibilityInput, opts ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityOutput, error) {
	h.note("ChangeMessageVisibility", in.QueueUrl)
	return h.queueFinder.ChangeMessageVisibility(ctx, in, opts...)
}

func (h heardQueues) GetQueueAttributes(
	ctx context.Context, in *sqs.GetQueueAttributesInput, opts ...func(*sqs.Options),
) (*sqs.GetQueueAttributesOutput, error) {
	h.note("GetQueueAttributes", in.QueueUrl)
	return h.queueFinder.GetQueueAttributes(ctx, in, opts...)
}

type heardEvents struct {
	eventPutter
	to *overheard
}

func (h heardEvents) PutEvents(
	ctx context.Context, in *eventbridge.PutEventsInput, opts ...func(*eventbridge.Options),
) (*eventbridge.PutEventsOutput, error) {
	for _, e := range in.Entries {
		h.to.add(iamtest.Request{
			Action:   "events:PutEvents",
			Resource: iamtest.ARN("events", "event-bus/"+awssdk.ToString(e.EventBusName)),
			Context:  map[string][]string{"events:source": {awssdk.ToString(e.Source)}},
		})
	}
	return h.eventPutter.PutEvents(ctx, in, opts...)
}

type heardTopics struct {
	publisher
	to *overheard
}

func (h heardTopics) PublishBatch(
	ctx context.Context, in *sns.PublishBatchInput, opts ...func(*sns.Options),
) (*sns.PublishBatchOutput, error) {
	h.to.plain("sns:Publish", iamtest.ARN("sns", "souk-t-events"))
	return h.publisher.PublishBatch(ctx, in, opts...)
}

type heardFiles struct {
	fileObjects
	to *overheard
}

func (h heardFiles) PutObject(
	ctx context.Context, in *s3.PutObjectInput, opts ...func(*s3.Options),
) (*s3.PutObjectOutput, error) {
	h.to.add(iamtest.ObjectRequest("PUT", "/"+*in.Bucket+"/"+*in.Key))
	return h.fileObjects.PutObject(ctx, in, opts...)
}

func (h heardFiles) GetObject(
	ctx context.Context, in *s3.GetObjectInput, opts ...func(*s3.Options),
) (*s3.GetObjectOutput, error) {
	h.to.add(iamtest.ObjectRequest("GET", "/"+*in.Bucket+"/"+*in.Key))
	return h.fileObjects.GetObject(ctx, in, opts...)
}

type heardKeys struct {
	dataKeys
	to *overheard
}

func (h heardKeys) note(action string, about map[string]string) {
	r := iamtest.Request{Action: "kms:" + action, Resource: iamtest.KeyARN("PeopleKey"),
		Context: make(map[string][]string)}
	for name, v := range about {
		r.Context["kms:EncryptionContext:"+name] = []string{v}
	}
	h.to.add(r)
}

func (h heardKeys) GenerateDataKey(
	ctx context.Context, in *kms.GenerateDataKeyInput, opts ...func(*kms.Options),
) (*kms.GenerateDataKeyOutput, error) {
	h.note("GenerateDataKey", in.EncryptionContext)
	return h.dataKeys.GenerateDataKey(ctx, in, opts...)
}

func (h heardKeys) Decrypt(
	ctx context.Context, in *kms.DecryptInput, opts ...func(*kms.Options),
) (*kms.DecryptOutput, error) {
	h.note("Decrypt", in.EncryptionContext)
	return h.dataKeys.Decrypt(ctx, in, opts...)
}
