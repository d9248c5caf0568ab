package lambdatest_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/souk-commerce/souk/cmd/souk/house"
	"github.com/souk-commerce/souk/platform/aws/deploy"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

func encode(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Goal: a deployment over a running older version handles what that left behind: events in the
// form of then, in a queue, in the stream, and in the archive. Method: the recorded first form of
// order.placed as an older binary's relay sent it, as an older binary committed it, and as it was
// archived and is replayed; the deployed relay, worker and doors, with the types that the template
// gives the subscription's rule.
func oldEventsInFlight(t *testing.T, dir string) {
	const subscription = "fulfilment.request-on-order-placed"
	s := openStorm(t, dir)
	first := (&event.OrderPlacedV1{}).Type()
	declared, err := house.Of()
	s.must(err)
	i := slices.IndexFunc(declared.Subscriptions, func(one deploy.Subscription) bool {
		return one.Name == subscription
	})
	if i < 0 || !slices.Contains(declared.Subscriptions[i].Types, first) {
		t.Fatalf("the rule of %s does not let %s through", subscription, first)
	}
	w := s.worker(subscription, declared.Subscriptions[i].Types...)
	recorded, err := os.ReadFile("../../../shop/event/contract/testdata/order_placed_v1.json")
	s.must(err)
	text := string(recorded)
	for box, plain := range map[string]any{
		"AAECAw==": shop.Address{Name: "A. Buyer", Line1: "1 Road", City: "Leeds", Country: "GB"},
		"BAUGBw==": event.Contact{Email: "a@shop.test"},
	} { // the recorded boxes were sealed by nobody
		sealed, err := s.p.Keys().Seal(t.Context(), "cus_1", encode(t, plain))
		s.must(err)
		text = strings.ReplaceAll(text, box, base64.StdEncoding.EncodeToString(sealed))
	}
	of := func(order string) string { return strings.ReplaceAll(text, "ord_1", order) }
	began := time.Now().Add(-time.Minute)

	_, err = s.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &w.url,
		MessageBody: aws.String(string(encode(t, map[string]any{
			"specversion": "1.0", "id": "evt_old", "source": "souk", "type": first,
			"subject": "order/ord_queued", "time": began, "sequence": 3,
			"data": of("ord_queued"),
		})))})
	s.must(err)
	s.handled(w, 1)
	s.mustShip("ord_queued")

	s.commit("order", first, "order/ord_streamed", of("ord_streamed"))
	s.carry()
	s.handled(w, 1)
	s.mustShip("ord_streamed")

	s.commit("order", first, "order/ord_archived", of("ord_archived"))
	s.carry()
	for _, m := range w.take() { // an older worker took it, and its answer was lost with it
		_, err := s.sqs.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &w.url,
			ReceiptHandle: &m.ReceiptHandle})
		s.must(err)
	}
	s.carry()
	r := s.ask(room.Admin(), "adm_1", "POST", "/v1/ops/replays", fmt.Sprintf(
		`{"subscription":%q,"from":%q}`, subscription, began.UTC().Format(time.RFC3339)), "replay")
	if r.StatusCode != 200 || !strings.Contains(r.Body, `"events":2`) {
		t.Fatalf("replay: %d %s\n%s", r.StatusCode, r.Body, s.api.Log)
	}
	s.handled(w, 2)
	for _, order := range []string{"ord_queued", "ord_streamed", "ord_archived"} {
		s.mustShip(order)
	}
	requested := 0
	for _, one := range s.fresh() {
		if strings.Contains(string(one.Dynamodb.NewImage), (&event.ShipmentRequested{}).Type()) {
			requested++
		}
	}
	if requested != 2 { // those of the archived order; what had its effect has no other
		t.Errorf("the replay requested %d shipments, want 2", requested)
	}
}

// handled has the worker handle its queue to the end, which holds want messages.
func (s *storm) handled(w *stormWorker, want int) {
	s.t.Helper()
	have := 0
	for batch := w.take(); len(batch) > 0; batch = w.take() {
		have += len(batch)
		if failed, err := w.handle(batch); len(failed) > 0 || err != nil {
			s.t.Fatalf("%v, %v\n%s", failed, err, w.Log)
		}
	}
	if have != want {
		s.t.Fatalf("%d messages, want %d", have, want)
	}
}

// mustShip requires both shipments of the recorded order.
func (s *storm) mustShip(order string) {
	s.t.Helper()
	for n, dealer := range map[int]string{1: "dlr_2", 2: "dlr_1"} {
		s.mustSay(fmt.Sprintf("/v1/shipments/shp_%s_%d", strings.TrimPrefix(order, "ord_"), n),
			`"dealer":"`+dealer+`"`)
	}
}
