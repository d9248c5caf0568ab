package aws

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/platformtest"
)

// emulatorVariable names the URL of an emulator of SQS, EventBridge, SNS, S3 and KMS.
const emulatorVariable = "SOUK_AWS_EMULATOR"

// Goal: the same suite passes through the SDK's own clients, over HTTP. Method: an emulator whose
// URL is in the environment; every trial has a bus, a topic and names of its own, and real time.
func TestEmulatorConformance(t *testing.T) {
	t.Parallel()
	url := os.Getenv(emulatorVariable)
	if url == "" {
		t.Skip(emulatorVariable + " is not set: this is for make test-aws")
	}
	for name, topic := range map[string]bool{"eventbridge": false, "sns": true} {
		t.Run(name, func(t *testing.T) {
			run := strings.ToLower(rand.Text()[:8]) // an emulator may outlive a run
			var mu sync.Mutex
			places, made := make(map[string]*cloud), 0
			platformtest.Run(t, platformtest.Adapter{
				Features: joinedFeatures(t), OwnTime: true, Unit: time.Second,
				Open: func(t *testing.T, o platformtest.Options) platform.Platform {
					t.Helper()
					mu.Lock()
					defer mu.Unlock()
					c := places[o.Place]
					if c == nil {
						made++
						c = newEmulated(t, url, topic, fmt.Sprint(run, made, "-"))
						places[o.Place] = c
					}
					p, err := openJoined(c, o.Check)
					if err != nil {
						t.Fatalf("open: %v", err)
					}
					return p
				},
			})
		})
	}
}

// newEmulated prepares a bucket, a key, a bus and a topic under names of their own.
func newEmulated(t *testing.T, url string, topic bool, name string) *cloud {
	t.Helper()
	config := aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(url),
		Credentials: aws.CredentialsProviderFunc(
			func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
			}),
	}
	events, topics := eventbridge.NewFromConfig(config), sns.NewFromConfig(config)
	buckets := s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })
	keys := kms.NewFromConfig(config)
	ctx := t.Context()
	bucket := strings.ToLower("b-" + name + "files")
	_, err := buckets.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)})
	if err != nil {
		t.Fatal(err)
	}
	key, err := keys.CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	busName := name + "bus"
	_, err = events.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: &busName})
	// The client repeats a call whose answer was lost.
	if err != nil && serviceCode(err) != "ResourceAlreadyExistsException" {
		t.Fatal(err)
	}
	made, err := topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String(name + "topic")})
	if err != nil {
		t.Fatal(err)
	}
	return &cloud{
		clock: platformtest.RealClock{}, disk: vfs.NewMem(), topic: topic, name: name,
		poll: time.Second, grace: 5 * time.Second, // an emulator goes on waiting for who has left
		use: services{
			queues: sqs.NewFromConfig(config), events: events, topics: topics, objects: buckets,
			keys: keys, keyID: *key.KeyMetadata.KeyId, bucket: bucket, bus: busName,
			topicARN: *made.TopicArn, queueARN: "arn:aws:sqs:us-east-1:123456789012:",
		},
	}
}
