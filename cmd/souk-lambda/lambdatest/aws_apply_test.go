//go:build awsemulated

package lambdatest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	adapter "github.com/souk-commerce/souk/platform/aws"
	"github.com/souk-commerce/souk/platform/aws/awstest"
	"github.com/souk-commerce/souk/platform/aws/deploy/iamtest"
)

// applier makes by the services' own calls what CloudFormation would make of a template, as far as
// an emulator has it: tables, buckets, one key, queues, the bus and its rules.
type applier struct {
	t     *testing.T
	cfg   aws.Config
	house iamtest.House
}

// configOf is a client's configuration that signs in somebody's name.
func configOf(who, endpoint string) aws.Config {
	cfg := awstest.Config(http.DefaultTransport)
	cfg.BaseEndpoint = &endpoint
	cfg.Credentials = aws.CredentialsProviderFunc(
		func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: who, SecretAccessKey: "secret"}, nil
		})
	return cfg
}

// all lists the resources of a kind.
func (a *applier) all(kind string) []iamtest.Resource {
	a.t.Helper()
	list, err := a.house.Resources(kind)
	if err != nil {
		a.t.Fatal(err)
	}
	return list
}

func (a *applier) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// apply makes everything and returns the ARN of the key.
func (a *applier) apply() (key string) {
	ctx := a.t.Context()
	for _, r := range a.all("AWS::DynamoDB::Table") {
		a.must(adapter.CreateTables(ctx, a.cfg, r.Properties["TableName"].(string)))
	}
	objects := s3.NewFromConfig(a.cfg, func(o *s3.Options) { o.UsePathStyle = true })
	for _, r := range a.all("AWS::S3::Bucket") {
		_, err := objects.CreateBucket(ctx, &s3.CreateBucketInput{
			Bucket: aws.String(r.Properties["BucketName"].(string)),
			CreateBucketConfiguration: &s3types.CreateBucketConfiguration{
				LocationConstraint: s3types.BucketLocationConstraint(a.cfg.Region),
			},
		})
		a.must(err)
	}
	made, err := kms.NewFromConfig(a.cfg).CreateKey(ctx, &kms.CreateKeyInput{})
	a.must(err)
	a.queues(ctx)
	a.rules(ctx)
	a.topics(ctx)
	return aws.ToString(made.KeyMetadata.Arn)
}

// queues makes those first that others name.
func (a *applier) queues(ctx context.Context) {
	client := sqs.NewFromConfig(a.cfg)
	for _, redrives := range []bool{false, true} {
		for _, r := range a.all("AWS::SQS::Queue") {
			policy, ok := r.Properties["RedrivePolicy"]
			if ok != redrives {
				continue
			}
			in := &sqs.CreateQueueInput{
				QueueName:  aws.String(r.Properties["QueueName"].(string)),
				Attributes: make(map[string]string),
			}
			for _, name := range []string{"VisibilityTimeout", "MessageRetentionPeriod"} {
				if v, ok := r.Properties[name]; ok {
					in.Attributes[name] = strconv.Itoa(int(v.(float64)))
				}
			}
			if ok {
				in.Attributes["RedrivePolicy"] = a.text(policy)
			}
			_, err := client.CreateQueue(ctx, in)
			a.must(err)
		}
	}
}

func (a *applier) text(v any) string {
	raw, err := json.Marshal(v)
	a.must(err)
	return string(raw)
}

// rules makes the bus and the rules on it. What a schedule starts is started by the test.
func (a *applier) rules(ctx context.Context) {
	client := eventbridge.NewFromConfig(a.cfg)
	for _, r := range a.all("AWS::Events::EventBus") {
		_, err := client.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{
			Name: aws.String(r.Properties["Name"].(string)),
		})
		a.must(err)
	}
	for _, r := range a.all("AWS::Events::Rule") {
		if r.Properties["EventPattern"] == nil {
			continue
		}
		name, bus := r.Properties["Name"].(string), r.Properties["EventBusName"].(string)
		_, err := client.PutRule(ctx, &eventbridge.PutRuleInput{
			Name: &name, EventBusName: &bus,
			EventPattern: aws.String(a.text(r.Properties["EventPattern"])),
		})
		a.must(err)
		target := r.Properties["Targets"].([]any)[0].(map[string]any)
		out, err := client.PutTargets(ctx, &eventbridge.PutTargetsInput{
			Rule: &name, EventBusName: &bus, Targets: []eventtypes.Target{{
				Id: aws.String(target["Id"].(string)), Arn: aws.String(target["Arn"].(string)),
				InputPath: aws.String(target["InputPath"].(string)),
			}},
		})
		a.must(err)
		if out.FailedEntryCount > 0 {
			a.t.Fatalf("%s: %+v", name, out.FailedEntries)
		}
	}
}

// topics makes the topics and who listens to them.
func (a *applier) topics(ctx context.Context) {
	client := sns.NewFromConfig(a.cfg)
	for _, r := range a.all("AWS::SNS::Topic") {
		_, err := client.CreateTopic(ctx, &sns.CreateTopicInput{
			Name: aws.String(r.Properties["TopicName"].(string)),
		})
		a.must(err)
	}
	for _, r := range a.all("AWS::SNS::Subscription") {
		if r.Properties["Protocol"] != "sqs" {
			continue // of the alarms
		}
		_, err := client.Subscribe(ctx, &sns.SubscribeInput{
			TopicArn: aws.String(r.Properties["TopicArn"].(string)),
			Protocol: aws.String("sqs"), Endpoint: aws.String(r.Properties["Endpoint"].(string)),
			Attributes: map[string]string{
				"RawMessageDelivery": fmt.Sprint(r.Properties["RawMessageDelivery"]),
				"FilterPolicyScope":  r.Properties["FilterPolicyScope"].(string),
				"FilterPolicy":       a.text(r.Properties["FilterPolicy"]),
			},
		})
		a.must(err)
	}
}

// environment is what a template gives a function, with its secrets told.
func environment(f iamtest.Resource, key string) []string {
	var env []string
	for name, v := range variables(f) {
		s := fmt.Sprint(v)
		switch {
		case name == "SOUK_EDGE_KEY":
			s = edge
		case strings.HasPrefix(s, "{{resolve:secretsmanager:"):
			s = "a-secret-of-the-tests-own"
		case s == iamtest.KeyARN("PeopleKey"):
			s = key
		}
		env = append(env, name, s)
	}
	return env
}
