package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/app/rooms"
	"github.com/souk-commerce/souk/platform/aws/deploy/iamtest"
)

// policies reads the role of every function out of the templates that a deployment would send.
func policies(t *testing.T, bus string) map[string]iamtest.Policy {
	t.Helper()
	all := templates(t)
	nested := make(map[string][]byte)
	for _, tpl := range all[1:] {
		nested[tpl.Name] = asJSON(t, tpl)
	}
	given := map[string]string{"Stage": "t", "Bus": bus, "MailDomain": "souk.example"}
	for _, name := range []string{"ArtifactBucket", "ApiDigest", "AlarmEmail", "WebAclArn",
		"ApiCode", "RelayCode", "SweeperCode", "WorkerCode",
		"PurchasesCode"} {
		given[name] = name
	}
	house, err := iamtest.Read(asJSON(t, all[0]), nested, given)
	if err != nil {
		t.Fatal(err)
	}
	return house.Functions()
}

const (
	mainTable    = "table/souk-t"
	paymentTable = "table/souk-t-payment"
)

func queueARN(name string) string {
	return iamtest.ARN("sqs", "souk-t-"+strings.ReplaceAll(name, ".", "-"))
}

func item(action, room, key string) iamtest.Request {
	table := mainTable
	if room == "payment" {
		table = paymentTable
	}
	return iamtest.On("dynamodb:"+action, iamtest.ARN("dynamodb", table), key)
}

func plain(action, resource string) iamtest.Request {
	return iamtest.Request{Action: action, Resource: resource}
}

// judge asks a policy and says what is wrong.
func judge(t *testing.T, who string, p iamtest.Policy, want bool, asked ...iamtest.Request) {
	t.Helper()
	for _, r := range asked {
		if p.Allows(r) != want {
			t.Errorf("%s: %s on %s %v: allowed %v, want %v",
				who, r.Action, r.Resource, r.Context, !want, want)
		}
	}
}

func writes() []string {
	return []string{"PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"}
}

func reads() []string { return []string{"GetItem", "Query"} }

// Goal: each worker may do what handling its subscription takes, and nothing that lies outside its
// declaration. Method: for every worker, requests on every room's keys, every queue, every bucket,
// bus and key, judged by the policy that its role will have. What it may do is worked out here from
// the declarations, not by the generator.
func TestDeployWorkersMayDoWhatTheirRoomsDeclare(t *testing.T) {
	t.Parallel()
	d, err := app.Declarations()
	if err != nil {
		t.Fatal(err)
	}
	all := policies(t, "eventbridge")
	for _, s := range d.Subscriptions {
		if s.Local {
			continue
		}
		name := "souk-t-" + strings.ReplaceAll(s.Name, ".", "-")
		p, ok := all[name]
		if !ok {
			t.Fatalf("no function for %s", s.Name)
		}
		for _, r := range d.Rooms {
			judgeKeys(t, d, s, r, p)
		}
		judgeQueues(t, d, s, p)
		own := "~platform/trouble/" + s.Name
		judge(t, name, p, true, item("PutItem", "", own), item("GetItem", "", own),
			plain("sqs:ReceiveMessage", queueARN(s.Name+"-dead")))
		judge(t, name, p, false, item("PutItem", "", "~platform/trouble/another.one"),
			item("PutItem", "", "~platform/signing"),
			item("GetItem", "", "~platform/queue/purchases"))
		judge(t, name, p, false,
			plain("dynamodb:Scan", iamtest.ARN("dynamodb", mainTable)),
			plain("dynamodb:Scan", iamtest.ARN("dynamodb", paymentTable)),
			plain("dynamodb:DescribeTable", iamtest.ARN("dynamodb", mainTable)),
			plain("dynamodb:DeleteTable", iamtest.ARN("dynamodb", mainTable)),
			plain("events:PutEvents", iamtest.ARN("events", "event-bus/souk-t")),
			plain("sns:Publish", iamtest.ARN("sns", "souk-t-events")),
			plain("s3:PutObject", bucketARN("archive")+"/x"),
			plain("s3:GetObject", bucketARN("archive")+"/x"),
			plain("kms:Decrypt", iamtest.KeyARN("AuditKey")),
			plain("kms:ScheduleKeyDeletion", iamtest.KeyARN("DataKey")))
		judge(t, name, p, true, plain("s3:GetObject", bucketARN("files")+"/x"))
		keeps := slices.ContainsFunc(d.Rooms, func(r app.DeclaredRoom) bool {
			return r.Name == s.Room && r.Files && s.Calls
		})
		judge(t, name, p, keeps, plain("s3:PutObject", bucketARN("files")+"/x"))
	}
}

func bucketARN(name string) string {
	return "arn:aws:s3:::souk-t-" + name + "-" + iamtest.Account + "-" + iamtest.Region
}

// judgeKeys asks about the keys of one room.
func judgeKeys(
	t *testing.T, d app.Declared, s app.DeclaredSubscription, r app.DeclaredRoom, p iamtest.Policy,
) {
	t.Helper()
	own := r.Name == s.Room
	asks := slices.ContainsFunc(d.Seams, func(q app.DeclaredSeam) bool {
		return q.Asker == s.Room && q.Asked == r.Name && q.Reactions &&
			q.How == rooms.ReadOnlyKeys()
	})
	follows := s.Ordered && slices.ContainsFunc(s.Types, func(typ string) bool {
		return strings.HasPrefix(typ, "souk."+r.Name+".")
	})
	for _, a := range writes() {
		judge(t, s.Name, p, own, item(a, r.Name, r.Name+"/thing/1"))
	}
	for _, a := range reads() {
		judge(t, s.Name, p, own || asks, item(a, r.Name, r.Name+"/thing/1"))
		judge(t, s.Name, p, own || asks || follows, item(a, r.Name, r.Name+"/"+followed(s, r.Name)))
	}
	// A name that only begins like a room's is another's.
	judge(t, s.Name, p, false, item("GetItem", r.Name, r.Name+"s/thing/1"))
	judge(t, s.Name, p, own || asks, item("GetItem", r.Name, r.Name+"/~vault/cus_1"))
	key := map[string][]string{"kms:ViaService": {"dynamodb." + iamtest.Region + ".amazonaws.com"}}
	if r.Name == "payment" {
		judge(t, s.Name, p, own || follows, iamtest.Request{Action: "kms:Decrypt",
			Resource: iamtest.KeyARN("PaymentKey"), Context: key})
		judge(t, s.Name, p, false, plain("kms:Decrypt", iamtest.KeyARN("PaymentKey")))
	}
	if own {
		judge(t, s.Name, p, r.People, iamtest.Request{Action: "kms:Decrypt",
			Resource: iamtest.KeyARN("PeopleKey"),
			Context:  map[string][]string{"kms:EncryptionContext:person": {"cus_1"}}})
		judge(t, s.Name, p, r.Tells,
			plain("ses:SendEmail", iamtest.ARN("ses", "identity/souk.example")),
			plain("sns:Publish", "+15550100"))
		judge(t, s.Name, p, false, plain("secretsmanager:GetSecretValue",
			iamtest.ARN("secretsmanager", "secret:souk-t/payment-AbCdEf")))
	}
}

// followed is the subject of an event of that room that the subscription listens to, or of none.
func followed(s app.DeclaredSubscription, room string) string {
	for _, key := range s.Follows {
		if rest, ok := strings.CutPrefix(key, room+"/"); ok {
			return strings.TrimSuffix(rest, "*") + "1"
		}
	}
	return "nothing/1"
}

// judgeQueues asks about every subscription's queue.
func judgeQueues(
	t *testing.T, d app.Declared, s app.DeclaredSubscription, p iamtest.Policy,
) {
	t.Helper()
	for _, other := range d.Subscriptions {
		judge(t, s.Name, p, other.Name == s.Name,
			plain("sqs:ReceiveMessage", queueARN(other.Name)),
			plain("sqs:DeleteMessage", queueARN(other.Name)),
			plain("sqs:ChangeMessageVisibility", queueARN(other.Name)))
		judge(t, s.Name, p, false, plain("sqs:SendMessage", queueARN(other.Name)))
	}
	judge(t, s.Name, p, false, plain("sqs:ReceiveMessage", queueARN("purchases")))
}

// Goal: the doors see what their routes show and change, and cards' tokens are behind one door.
// Method: requests that each door must and must not make.
func TestDeployDoorsAreApart(t *testing.T) {
	t.Parallel()
	all := policies(t, "eventbridge")
	api, pay, ops := all["souk-t-api"], all["souk-t-api-payment"], all["souk-t-api-ops"]
	scan := plain("dynamodb:Scan", iamtest.ARN("dynamodb", mainTable))
	judge(t, "api", api, true,
		item("PutItem", "order", "order/ord_1"), item("PutItem", "catalog", "catalog/sku"),
		item("PutItem", "app", "app/~purchase/1"),
		item("PutItem", "notification", "notification/endpoint/1"),
		item("GetItem", "ledger", "ledger/terms/dlr_1"),
		item("PutItem", "payment", "payment/~vault/cus_1"),
		item("GetItem", "", "~platform/signing"),
		plain("sqs:SendMessage", queueARN("purchases")))
	judge(t, "api", api, false,
		item("PutItem", "ledger", "ledger/terms/dlr_1"), item("GetItem", "ledger", "ledger/1"),
		item("GetItem", "payment", "payment/pay_1"), item("PutItem", "payment", "payment/pay_1"),
		item("GetItem", "", "~platform/trouble/order.x"), scan,
		plain("sqs:ReceiveMessage", queueARN("purchases")),
		plain("sqs:SendMessage", queueARN("order.expire-on-deadline")))
	judge(t, "api-payment", pay, true,
		item("PutItem", "payment", "payment/pay_1"), item("GetItem", "", "~platform/signing"))
	judge(t, "api-payment", pay, false,
		item("PutItem", "order", "order/ord_1"), item("GetItem", "order", "order/ord_1"), scan)
	judge(t, "api-ops", ops, true, scan, item("PutItem", "", "~platform/paused/order.x"),
		item("GetItem", "analytics", "analytics/day/1"),
		plain("sqs:SendMessage", queueARN("order.expire-on-deadline")),
		plain("s3:GetObject", bucketARN("archive")+"/2026"))
	judge(t, "api-ops", ops, false,
		item("PutItem", "order", "order/ord_1"), item("GetItem", "payment", "payment/pay_1"),
		item("PutItem", "analytics", "analytics/day/1"), // its doors only show
		plain("dynamodb:Scan", iamtest.ARN("dynamodb", paymentTable)),
		plain("s3:PutObject", bucketARN("archive")+"/2026"))
}

// Goal: a relay reads its own stream and nothing else, and publishes to the bus that was chosen; a
// sweeper writes what it fires. Method: as above, under both buses.
func TestDeployMachineryIsApart(t *testing.T) {
	t.Parallel()
	onBus := iamtest.Request{Action: "events:PutEvents",
		Resource: iamtest.ARN("events", "event-bus/souk-t"),
		Context:  map[string][]string{"events:source": {"souk"}}}
	onTopic := plain("sns:Publish", iamtest.ARN("sns", "souk-t-events"))
	for _, bus := range []string{"eventbridge", "sns"} {
		all := policies(t, bus)
		for name, table := range map[string]string{
			"souk-t-relay": mainTable, "souk-t-relay-payment": paymentTable,
		} {
			p := all[name]
			judge(t, name, p, bus == "eventbridge", onBus)
			judge(t, name, p, bus == "sns", onTopic)
			for _, stream := range []string{mainTable, paymentTable} {
				judge(t, name, p, stream == table, plain("dynamodb:GetRecords",
					iamtest.ARN("dynamodb", stream+"/stream/now")))
			}
			for _, described := range []string{mainTable, paymentTable} {
				judge(t, name, p, described == table, plain("dynamodb:DescribeTable",
					iamtest.ARN("dynamodb", described)))
			}
			judge(t, name, p, true, plain("s3:PutObject", bucketARN("archive")+"/x"))
			judge(t, name, p, false, item("GetItem", "order", "order/1"),
				item("GetItem", "payment", "payment/1"),
				plain("sqs:SendMessage", queueARN("order.expire-on-deadline")))
		}
	}
	all := policies(t, "eventbridge")
	index := plain("dynamodb:Query", iamtest.ARN("dynamodb", mainTable+"/index/due"))
	sweeper, apart := all["souk-t-sweeper"], all["souk-t-sweeper-payment"]
	judge(t, "sweeper", sweeper, true, index, item("DeleteItem", "order", "order/deadline/ord_1"),
		item("PutItem", "order", "order/timer/order-deadline/ord_1"))
	judge(t, "sweeper", sweeper, false, item("PutItem", "order", "order/order/ord_1"),
		item("PutItem", "catalog", "catalog/listing/x"),
		item("DeleteItem", "payment", "payment/check/x"))
	judge(t, "sweeper-payment", apart, true, item("DeleteItem", "payment", "payment/check/x"))
	judge(t, "sweeper-payment", apart, false, index,
		item("DeleteItem", "order", "order/deadline/1"),
		item("GetItem", "payment", "payment/~vault/cus_1"))
}

// Goal: every role fits into what IAM takes. Method: the length of every role's policy, without
// white space, below 10,240 characters.
func TestDeployRolesFit(t *testing.T) {
	t.Parallel()
	for name, p := range policies(t, "sns") {
		raw, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(raw) > 9000 {
			t.Errorf("the role of %s takes %d characters", name, len(raw))
		}
	}
}
