package lambdatest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/souk-commerce/souk/app/rooms"
	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/cmd/souk-lambda/lambdatest"
	adapter "github.com/souk-commerce/souk/platform/aws"
	"github.com/souk-commerce/souk/platform/aws/awstest"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/identity"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// storm is AWS as functions meet it in bad weather: fakes of its services on loopback behind a
// transport that breaks what is planned, and the binaries as they are deployed. The test itself
// reaches the services past the weather.
type storm struct {
	t        *testing.T
	dir      string
	db       *awstest.DynamoDB
	sqs      *awstest.SQS
	bus      *awstest.EventBridge
	weather  *awstest.Faults
	bad      atomic.Pointer[func(op string) awstest.Fault] // weather that lasts; nil is calm
	cfg      aws.Config                                    // past the weather
	endpoint string                                        // in it
	bank     string
	p        *adapter.Platform // past it
	api      *lambdatest.Function
	relay    *lambdatest.Function
	passed   string // of the stream: what the relay has had
}

const (
	stormTable = "storm" // also the bucket, and what begins every queue's name
	stormQueue = "https://sqs.test/000000000000/" + stormTable + "-"
)

// openStorm starts the services, makes what a deployment makes, and opens in good weather.
func openStorm(t *testing.T, dir string) *storm {
	t.Helper()
	key, err := awstest.NewKMS("key-1")
	if err != nil {
		t.Fatal(err)
	}
	bank, err := sandbox.Open(sandbox.Options{Clock: function.Clock{}})
	if err != nil {
		t.Fatal(err)
	}
	queues := awstest.NewSQS(function.Clock{})
	s := &storm{
		t: t, dir: dir, db: &awstest.DynamoDB{}, sqs: queues,
		bus: awstest.NewEventBridge(queues), bank: serve(t, sandbox.Handler(bank)),
	}
	calm := awstest.InProcess{Handler: awstest.Services{
		"dynamodb": s.db, "s3": gofakes3.New(s3mem.New()).Server(),
		"sqs": awstest.JSONService{Fake: s.sqs}, "kms": awstest.JSONService{Fake: key},
		"events": awstest.JSONService{Fake: s.bus},
	}}
	s.cfg = awstest.Config(calm)
	s.weather = &awstest.Faults{Next: calm, Weather: func(op string) awstest.Fault {
		if bad := s.bad.Load(); bad != nil {
			return (*bad)(op)
		}
		return nil
	}}
	s.endpoint = serve(t, awstest.Loopback{Through: s.weather})
	s.must(adapter.CreateTables(t.Context(), s.cfg, stormTable))
	objects := s3.NewFromConfig(s.cfg, func(o *s3.Options) { o.UsePathStyle = true })
	_, err = objects.CreateBucket(t.Context(),
		&s3.CreateBucketInput{Bucket: aws.String(stormTable)})
	s.must(err)
	o := adapter.Options{Config: s.cfg, Table: stormTable, Bucket: stormTable, KeyID: "key-1",
		Bus: stormTable, Functions: true}
	for _, name := range rooms.Names() {
		o.Rooms = append(o.Rooms, adapter.Room{Name: name})
	}
	s.p, err = adapter.Open(t.Context(), o)
	s.must(err)
	s.api, s.relay = s.deploy(function.API), s.deploy(function.Relay)
	return s
}

func (s *storm) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// deploy makes a function of a role, with more variables.
func (s *storm) deploy(role string, more ...string) *lambdatest.Function {
	f := &lambdatest.Function{
		Binary: filepath.Join(s.dir, role), Timeout: time.Minute, Log: &lines{},
		Env: lambdatest.Environment(append([]string{
			"SOUK_ROLE", role, "SOUK_SANDBOX_URL", s.bank, "SOUK_EDGE_KEY", edge,
			"SOUK_TABLE", stormTable, "SOUK_TABLES", stormTable, "SOUK_ARCHIVE", stormTable,
			"SOUK_FILES", stormTable, "SOUK_ROOMS", strings.Join(rooms.Names(), " "),
			"SOUK_QUEUES", stormQueue, "SOUK_PEOPLE_KEY", "key-1", "SOUK_BUS", "eventbridge",
			"SOUK_BUS_NAME", stormTable, "AWS_ENDPOINT_URL", s.endpoint, "AWS_REGION", "eu-west-1",
			"AWS_ACCESS_KEY_ID", "AKIDTEST", "AWS_SECRET_ACCESS_KEY", "secret",
		}, more...)...),
	}
	s.t.Cleanup(f.Close)
	return f
}

// worker deploys a subscription: its function, its queue and its rule.
func (s *storm) worker(subscription string, types ...string) *stormWorker {
	s.t.Helper()
	ctx, name := s.t.Context(), strings.ReplaceAll(subscription, ".", "-")
	for _, end := range []string{"", "-dead"} {
		_, err := s.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{
			QueueName:  aws.String(stormTable + "-" + name + end),
			Attributes: map[string]string{"VisibilityTimeout": "240"}})
		s.must(err)
	}
	pattern, err := json.Marshal(map[string][]string{"detail-type": types})
	s.must(err)
	_, err = s.bus.PutRule(ctx, &eventbridge.PutRuleInput{
		Name: &name, EventPattern: aws.String(string(pattern))})
	s.must(err)
	_, err = s.bus.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: &name,
		Targets: []eventtypes.Target{{Id: aws.String("queue"), InputPath: aws.String("$.detail"),
			Arn: aws.String("arn:aws:sqs:test:000000000000:" + stormTable + "-" + name)}}})
	s.must(err)
	return &stormWorker{s: s, url: stormQueue + name,
		Function: s.deploy(function.Worker, "SOUK_SUBSCRIPTION", subscription)}
}

// stormWorker is a deployed subscription.
type stormWorker struct {
	*lambdatest.Function
	s   *storm
	url string
}

// message is one message of a queue in the hands of its event source.
type message struct {
	MessageId, ReceiptHandle, Body string
	Attributes                     map[string]string
}

// take receives what there is, up to ten.
func (w *stormWorker) take() (list []message) {
	w.s.t.Helper()
	out, err := w.s.sqs.ReceiveMessage(w.s.t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &w.url, MaxNumberOfMessages: 10})
	w.s.must(err)
	for _, m := range out.Messages {
		list = append(list, message{*m.MessageId, *m.ReceiptHandle, *m.Body, m.Attributes})
	}
	return list
}

// handle gives messages to the function, deletes what it does not name, and returns what it does.
func (w *stormWorker) handle(list []message) (failed []string, err error) {
	w.s.t.Helper()
	records := make([]map[string]any, len(list))
	for i, m := range list {
		records[i] = map[string]any{"messageId": m.MessageId, "receiptHandle": m.ReceiptHandle,
			"body": m.Body, "attributes": m.Attributes}
	}
	failed, err = w.s.invoke(w.Function, records)
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		if !slices.Contains(failed, m.MessageId) {
			_, err := w.s.sqs.DeleteMessage(w.s.t.Context(), &sqs.DeleteMessageInput{
				QueueUrl: &w.url, ReceiptHandle: &m.ReceiptHandle})
			w.s.must(err)
		}
	}
	return failed, nil
}

// again makes messages visible at once, whoever hid them for how long.
func (w *stormWorker) again(list []message) {
	w.s.t.Helper()
	for _, m := range list {
		_, err := w.s.sqs.ChangeMessageVisibility(w.s.t.Context(),
			&sqs.ChangeMessageVisibilityInput{QueueUrl: &w.url, ReceiptHandle: &m.ReceiptHandle})
		if api, ok := errors.AsType[smithy.APIError](err); !ok ||
			api.ErrorCode() != "MessageNotInflight" { // the function has made it visible itself
			w.s.must(err)
		}
	}
}

// invoke gives records to a function, and returns what it names as failed.
func (s *storm) invoke(f *lambdatest.Function, records any) (failed []string, err error) {
	s.t.Helper()
	payload, err := json.Marshal(map[string]any{"Records": records})
	s.must(err)
	raw, err := f.Invoke(s.t.Context(), payload)
	if err != nil {
		return nil, err
	}
	var answer struct {
		BatchItemFailures []struct{ ItemIdentifier string }
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		s.t.Fatalf("%s: %v", raw, err)
	}
	for _, one := range answer.BatchItemFailures {
		failed = append(failed, one.ItemIdentifier)
	}
	return failed, nil
}

// record is one change of the table, as its stream tells it.
type record struct {
	EventName string `json:"eventName"`
	Dynamodb  struct {
		SequenceNumber string
		NewImage       json.RawMessage
	} `json:"dynamodb"`
}

// fresh returns what was put into the table and was not returned before.
func (s *storm) fresh() (list []record) {
	s.t.Helper()
	ctx := s.t.Context()
	about, err := dynamodb.NewFromConfig(s.cfg).DescribeTable(ctx,
		&dynamodb.DescribeTableInput{TableName: aws.String(stormTable)})
	s.must(err)
	client, arn := dynamodbstreams.NewFromConfig(s.cfg), about.Table.LatestStreamArn
	stream, err := client.DescribeStream(ctx,
		&dynamodbstreams.DescribeStreamInput{StreamArn: arn})
	s.must(err)
	in := &dynamodbstreams.GetShardIteratorInput{StreamArn: arn,
		ShardId:           stream.StreamDescription.Shards[0].ShardId,
		ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	if s.passed != "" {
		in.ShardIteratorType = types.ShardIteratorTypeAfterSequenceNumber
		in.SequenceNumber = &s.passed
	}
	it, err := client.GetShardIterator(ctx, in)
	s.must(err)
	for _, r := range s.records(*it.ShardIterator) {
		s.passed = r.Dynamodb.SequenceNumber
		if r.EventName == "INSERT" {
			list = append(list, r)
		}
	}
	return list
}

// records reads a shard in the words of the service, which are those of an event source too.
func (s *storm) records(iterator string) []record {
	s.t.Helper()
	body := fmt.Sprintf(`{"ShardIterator":%q,"Limit":1000}`, iterator)
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://aws.test/",
		bytes.NewReader([]byte(body)))
	s.must(err)
	r.Header.Set("X-Amz-Target", "DynamoDBStreams_20120810.GetRecords")
	r.Header.Set("Authorization", "AWS4 Credential=me/20260101/eu-west-1/dynamodb/aws4_request")
	answer, err := s.weather.Next.RoundTrip(r)
	s.must(err)
	defer func() { _ = answer.Body.Close() }()
	var out struct{ Records []record }
	s.must(json.NewDecoder(answer.Body).Decode(&out))
	return out.Records
}

// carry has the relay carry what is fresh, which must succeed.
func (s *storm) carry() {
	s.t.Helper()
	if list := s.fresh(); len(list) > 0 {
		if failed, err := s.invoke(s.relay, list); err != nil || len(failed) > 0 {
			s.t.Fatalf("the relay: %v, %v\n%s", failed, err, s.relay.Log)
		}
	}
}

// ask sends a request through the API function.
func (s *storm) ask(who room.Role, id shop.ID, method, path, body, key string) reply {
	s.t.Helper()
	issuer := identity.New(s.p.Keys(), function.Clock{}, "souk")
	token, err := issuer.Issue(context.WithoutCancel(s.t.Context()),
		room.Caller{ID: id, Role: who}, time.Hour)
	s.must(err)
	plain, query, _ := strings.Cut(path, "?")
	raw, err := s.api.Invoke(s.t.Context(),
		payload(method, plain, query, token, body, "idempotency-key", key))
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s", method, path, err, s.api.Log)
	}
	var r reply
	s.must(json.Unmarshal(raw, &r))
	return r
}

// turn makes the weather bad for every request that would change a table, until it is turned to "".
func (s *storm) turn(code string) {
	if code == "" {
		s.bad.Store(nil)
		return
	}
	bad := func(op string) awstest.Fault {
		switch op {
		case writes, "UpdateItem", "PutItem", "DeleteItem":
			return awstest.Refuse(code, "no", "")
		}
		return nil
	}
	s.bad.Store(&bad)
}

// list offers ten units of a thing.
func (s *storm) list(sku string) {
	s.t.Helper()
	for _, one := range [][3]string{{"POST", "/v1/products", product(sku)},
		{"PUT", "/v1/stock/" + sku, `{"onHand":10}`}} {
		r := s.ask(room.Dealer(), "dlr_1", one[0], one[1], one[2], one[0]+sku)
		if r.StatusCode >= 300 {
			s.t.Fatalf("%v: %d %s", one, r.StatusCode, r.Body)
		}
	}
}

// checkout orders one unit.
func (s *storm) checkout(sku, key string) {
	s.t.Helper()
	r := s.ask(room.Customer(), "cus_1", "POST", "/v1/orders", fmt.Sprintf(
		`{"items":[{"sku":%q,"quantity":1}],"payment":{"token":"tok_visa"},"shipTo":%s}`, sku,
		`{"name":"A. Buyer","line1":"1 Road","city":"Leeds","country":"GB"}`), key)
	if r.StatusCode != http.StatusCreated {
		s.t.Fatalf("%d %s\n%s", r.StatusCode, r.Body, s.api.Log)
	}
}

// mustSay requires that a path says something.
func (s *storm) mustSay(path, says string) {
	s.t.Helper()
	have := s.ask(room.Admin(), "adm_1", "GET", path, "", "").Body
	if !strings.Contains(have, says) {
		s.t.Errorf("%s: %s, want %s", path, have, says)
	}
}
