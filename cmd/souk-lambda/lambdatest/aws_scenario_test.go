//go:build awsemulated

package lambdatest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/souk-commerce/souk/platform/aws/awstest"
	"github.com/souk-commerce/souk/shop/room"
)

// Goal: what the templates deploy is the shop, no function is asked for more than its role allows,
// and the checker finds its books in order. Method: tables, queues, rules and functions made from
// the templates over emulators of the services, once for each bus; real binaries with the
// environment that templates give; orders from checkout to the doorstep. Every call of every
// function is put to the policy of its role, and so is what would lie outside of it.
func TestShopEmulated(t *testing.T) {
	dir, souk := buildForAWS(t), buildSouk(t)
	one, other := awstest.StartEmulator(t), awstest.StartEmulator(t)
	t.Run("eventbridge", func(t *testing.T) {
		t.Parallel()
		shopOverEventBridge(openCloud(t, one, dir, "eventbridge"), souk)
	})
	t.Run("sns", func(t *testing.T) {
		t.Parallel()
		c := openCloud(t, other, dir, "sns")
		c.open("LAMP")
		c.deliver(c.checkout("LAMP", "tok_visa", "k1"))
		c.quiet()
		c.wantBooks(souk, true, 1)
		calls := c.seen.take()
		judgeCalls(t, c, calls)
		wantCalls(t, calls, "sns:Publish", "souk-t-relay", "souk-t-relay-payment")
	})
}

// shopOverEventBridge is the whole life of a shop: one order that is counted; then one whose
// messages are all handled twice, one with a declined card, one that nobody pays in time, one whose
// bank does not answer at first, one that is promised and taken from the queue, a message over
// which workers die, a label, a return, and a payout of what has matured.
func shopOverEventBridge(c *cloud, souk string) {
	c.open("LAMP")
	c.open("VASE")
	c.open("RUG")
	all := c.seen.take()
	for _, f := range c.functions {
		f.calls = 0
	}
	c.handled = 0
	first := c.checkout("LAMP", "tok_visa", "k1")
	c.deliver(first)
	lived := c.seen.take()
	holdAgainstThePage(c.t, c, lived)
	for _, f := range c.functions {
		f.twice = !strings.HasPrefix(f.name, "souk-t-api")
	}
	unpaid := c.unpaid("VASE")
	good, bad := c.checkout("LAMP", "tok_visa", "k2"), c.checkout("LAMP", "tok_declined", "k3")
	c.deliver(good)
	c.until("/v1/orders/"+bad, `"status":"cancelled"`)
	c.until("/v1/stock/LAMP", `"available":6`)
	c.until("/v1/ops/ledger/trial-balance", `"balanced":true`)
	c.until("/v1/ops/ledger/trial-balance", `"account":"dealers:pending","amount":-1836`)
	late := c.checkout("RUG", "tok_visa", "k6")
	c.labelled(late)
	c.matured(late)
	c.promised("LAMP")
	silent := c.checkout("VASE", "tok_timeout", "k5")
	c.until("/v1/orders/"+silent, `"status":"placed"`)
	c.poison("inventory.hold-on-order-created")
	c.until("/v1/orders/"+unpaid, `"status":"expired"`)
	c.until("/v1/stock/VASE", `"available":8`)
	c.until("/v1/stock/LAMP", `"available":5`)
	c.sentBack(first, "LAMP")
	c.until("/v1/stock/LAMP", `"available":6`)
	c.paidOut(late)
	c.quiet()
	calls := append(append(all, lived...), c.seen.take()...)
	judgeCalls(c.t, c, calls)
	judgeOutside(c.t, c, calls)
	wantCalls(c.t, calls, "dynamodb:DeleteItem", "souk-t-sweeper", "souk-t-sweeper-payment")
	wantCalls(c.t, calls, "kms:GenerateDataKey", "souk-t-api")
	wantCalls(c.t, calls, "kms:Decrypt", "souk-t-api", "souk-t-payment-call-on-intended")
	wantCalls(c.t, calls, "events:PutEvents", "souk-t-relay", "souk-t-relay-payment")
	wantStored(c.t, calls)
	c.audited(souk, 7)
}

// wantCalls requires that each of these functions made a call.
func wantCalls(t *testing.T, calls []call, action string, by ...string) {
	t.Helper()
	for _, who := range by {
		if !slices.ContainsFunc(calls, func(c call) bool {
			return c.who == who && c.Action == action
		}) {
			t.Errorf("%s never called %s", who, action)
		}
	}
}

// open offers ten units of a thing.
func (c *cloud) open(sku string) {
	c.t.Helper()
	c.want(201, room.Dealer(), "dlr_1", "POST", "/v1/products", fmt.Sprintf(
		`{"sku":%q,"title":"A thing","price":{"amount":510,"currency":"GBP"}}`, sku), "list"+sku)
	c.want(200, room.Dealer(), "dlr_1", "PUT", "/v1/stock/"+sku, `{"onHand":10}`, "count"+sku)
	c.carry()
}

const shipTo = `{"name":"A. Buyer","line1":"1 Road","city":"Leeds","country":"GB"}`

func (c *cloud) checkout(sku, card, key string) (id string) {
	c.t.Helper()
	body := c.want(201, room.Customer(), "cus_1", "POST", "/v1/orders", fmt.Sprintf(
		`{"items":[{"sku":%q,"quantity":2}],"payment":{"token":%q},"shipTo":%s}`, sku, card,
		shipTo), key)
	var o struct{ ID string }
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		c.t.Fatal(err)
	}
	return o.ID
}

// deliver brings an order to the doorstep.
func (c *cloud) deliver(order string) {
	c.t.Helper()
	c.until("/v1/orders/"+order, `"status":"placed"`)
	parcel := parcelOf(order)
	for _, step := range []struct{ verb, before, state string }{
		{"pack", "", "cleared"}, {"dispatch", "cleared", "dispatched"},
		{"deliver", "dispatched", "delivered"},
	} {
		c.until(parcel, step.before)
		c.want(200, room.Dealer(), "dlr_1", "POST", parcel+"/"+step.verb, "", step.verb+order)
		c.until(parcel, step.state)
	}
	c.until("/v1/orders/"+order, `"fulfilmentStatus":"delivered"`)
	c.until("/v1/orders/"+order, `"paymentStatus":"captured"`)
}

// promised orders with respond-async: the purchase waits in its queue.
func (c *cloud) promised(sku string) {
	c.t.Helper()
	r := c.askHeaders(room.Customer(), "cus_1", "POST", "/v1/orders", fmt.Sprintf(
		`{"items":[{"sku":%q,"quantity":1}],"payment":{"token":"tok_visa"},"shipTo":%s}`, sku,
		shipTo), "idempotency-key", "k4", "prefer", "respond-async")
	var o struct{ ID string }
	if err := json.Unmarshal([]byte(r.Body), &o); err != nil || r.StatusCode != 202 {
		c.t.Fatalf("a promise: %d %s %v", r.StatusCode, r.Body, err)
	}
	c.until("/v1/orders/"+o.ID, `"status":"placed"`)
	c.until("/v1/purchases/"+o.ID, `"ordered"`)
}

// poison has workers die over a message until the queue gives it up, and shows that operators see
// it.
func (c *cloud) poison(subscription string) {
	c.t.Helper()
	name := "souk-t-" + strings.ReplaceAll(subscription, ".", "-")
	url, body := queueAddress+name, "no event at all"
	_, err := c.queues.SendMessage(c.t.Context(),
		&sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body})
	if err != nil {
		c.t.Fatal(err)
	}
	for received := 1; received > 0; {
		out, err := c.queues.ReceiveMessage(c.t.Context(),
			&sqs.ReceiveMessageInput{QueueUrl: &url})
		if err != nil {
			c.t.Fatal(err)
		}
		received = len(out.Messages)
		for _, m := range out.Messages {
			if _, err := c.queues.ChangeMessageVisibility(c.t.Context(),
				&sqs.ChangeMessageVisibilityInput{
					QueueUrl: &url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 0,
				}); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	if !c.poll(c.dead[name+"-dead"]) {
		c.t.Fatal("the dead-letter queue was empty")
	}
	c.until("/v1/ops/dead-letters?subscription="+subscription, `"type":"unreadable"`)
	c.want(200, room.Admin(), "adm_1", "GET", "/v1/ops/subscriptions", "", "")
}

// judgeCalls puts every call of every function to its role.
func judgeCalls(t *testing.T, c *cloud, calls []call) {
	t.Helper()
	policies, judged, told := c.house.Functions(), make(map[string]int), make(map[string]bool)
	for _, one := range calls {
		p, ok := policies[one.who]
		if !ok {
			continue // the test's own, and the event sources'
		}
		judged[one.who]++
		if p.Allows(one.Request) {
			continue
		}
		line := fmt.Sprintf("%s may not %s on %s %v", one.who, one.Action, one.Resource,
			one.Context)
		if !told[line] {
			told[line] = true
			t.Error(line)
		}
	}
	ran := 0
	for _, f := range c.functions {
		if f.Starts() > 0 {
			ran++
		}
	}
	sum := 0
	for _, n := range judged {
		sum += n
	}
	t.Logf("%d calls of %d functions judged, of %d that ran", sum, len(judged), ran)
	if len(judged) < ran-1 || len(judged) == 0 {
		t.Errorf("%d functions were judged and %d ran", len(judged), ran)
	}
}

// holdAgainstThePage holds what one order took against docs/cost.md: more than the last column of
// its table fails.
func holdAgainstThePage(t *testing.T, c *cloud, calls []call) {
	t.Helper()
	page, err := os.ReadFile("../../../docs/cost.md")
	if err != nil {
		t.Fatal(err)
	}
	reads := []string{"dynamodb:GetItem", "dynamodb:Query", "dynamodb:BatchGetItem"}
	have, readers := map[string]float64{"messages": float64(3 * c.handled)}, map[string]float64{}
	for _, one := range calls {
		if !strings.HasPrefix(one.who, "souk-t-") || strings.HasPrefix(one.who, "souk-t-sweeper") ||
			one.look {
			continue // a sweep looks whether there are orders or not, and so does the test
		}
		switch {
		case one.Action == "events:PutEvents":
			have["events"]++
		case one.Action == "s3:PutObject":
			have["segments"]++
		case !strings.HasPrefix(one.Action, "dynamodb:"):
		case slices.Contains(reads, one.Action):
			have["read units"] += one.units
			readers[one.who] += one.units
		default:
			have["write units"] += one.units
		}
	}
	t.Logf("one order took %v; read units were taken by %v", have, readers)
	for _, line := range []string{"events", "messages", "write units", "read units", "segments"} {
		m := regexp.MustCompile(`(?m)^\| ` + line + ` \|[^|]*\| (\d+) \|`).FindSubmatch(page)
		if m == nil {
			t.Errorf("docs/cost.md has no line for %s (%v)", line, have[line])
			continue
		}
		most, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil || have[line] > most || have[line] == 0 {
			t.Errorf("%s: %v, docs/cost.md says at most %v (%v)", line, have[line], most, err)
		}
	}
}
