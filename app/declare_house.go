package app

import (
	"strings"
	"time"

	"github.com/souk-commerce/souk/app/rooms"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
)

// theApp owns what belongs to no room: the purchases that wait, and the watch.
const theApp = "app"

// declaredRooms says what only a person can say of each room.
func declaredRooms() []DeclaredRoom {
	return []DeclaredRoom{
		{Name: "catalog"},
		{Name: "inventory"},
		{Name: "order", People: true, Why: "an order carries an address and a contact"},
		{Name: "payment", Apart: true, People: true,
			Why: "the only room that sees card tokens: whoever reads another's records sees none"},
		{Name: "fulfilment", People: true, Files: true,
			Why: "a label carries an address; labels and packing slips are files"},
		{Name: "ledger", People: true, Scans: true,
			Why: "a trial balance adds up every account; a payout goes to a sealed token"},
		{Name: "notification", People: true, Tells: true, Why: "a message goes to a contact"},
		{Name: "analytics", Scans: true, Why: "its page adds up every counter"},
		{Name: theApp, People: true, Why: "a purchase that waits carries an address"},
	}
}

// DeclaredSeam is a question of one room to another, and what it is about.
type DeclaredSeam struct {
	rooms.Seam
	Keys      []string // partitions that it is about, below the asked room's name; "*" is any rest
	Doors     bool     // asked while a request is answered, or a queued one is taken up
	Reactions bool     // asked while an event is handled
	Why       string
}

// declaredSeams lists every question between rooms. One about which nothing is said here is asked
// by nobody.
func declaredSeams() []DeclaredSeam {
	said := map[string]DeclaredSeam{
		"inventory.owners": {Keys: []string{"*"}, Doors: true,
			Why: "who may count a SKU is asked rarely, and must be true now"},
		"order.prices": {Keys: []string{"*"}, Doors: true,
			Why: "a price that was copied could be one that the dealer has just raised"},
		"order.terms": {Keys: []string{"terms/*"}, Doors: true,
			Why: "what the market takes is frozen with the order"},
		"order.vault": {Keys: []string{"~vault/*"}, Doors: true,
			Why: "the token must be durable before the checkout that names it"},
		"payment.dues": {Keys: []string{"*"}, Reactions: true,
			Why: "money is asked for only while the order is open"},
		"fulfilment.orders": {Keys: []string{"*"}, Doors: true,
			Why: "what units cost was frozen at checkout, and a return is rare"},
		"notification.sellers": {Keys: []string{"*"}, Reactions: true,
			Why: "whose a SKU is changes never, and is asked only when an order is refused"},
		"notification.parcels": {Keys: []string{"*"}, Reactions: true,
			Why: "whose a parcel is changes never, and is asked where its facts do not say"},
	}
	var list []DeclaredSeam
	for _, s := range rooms.Seams() {
		d := said[s.Name]
		d.Seam = s
		list = append(list, d)
	}
	return list
}

// takersOpen lists the rooms in whose name whoever takes from a queue acts.
func takersOpen(queue string) []string {
	if queue == "purchases" {
		return []string{"order"} // a purchase becomes a checkout
	}
	return nil
}

// declaredTimers lists every fact that a room sets a timer for.
func declaredTimers() []DeclaredTimer {
	timer := func(room, key string, f event.Fact) DeclaredTimer {
		return DeclaredTimer{room, f.Type(), key, f.Subject() + "*"}
	}
	return []DeclaredTimer{
		timer("order", "deadline/*", &event.OrderDeadline{}),
		timer("order", "returns/*", &event.OrderReturnWindowClosed{}),
		timer("payment", "check/*", &event.PaymentCheckDue{}),
		timer("ledger", "payout/*", &event.PayoutDue{}),
		timer("ledger", "check/*", &event.PayoutCheckDue{}),
		timer("fulfilment", "return/*", &event.ReturnDue{}),
		timer("fulfilment", "label/*", &event.LabelCheckDue{}),
		timer("notification", "send/*", &event.MessageSendDue{}),
		timer("notification", "hooks/*", &event.HooksDue{}),
	}
}

// answeredBy names the room behind a path: the longest of these that the path begins with.
func answeredBy(path string) string {
	best, name := "", ""
	for _, d := range doorplates() {
		if strings.HasPrefix(path, d.path) && len(d.path) > len(best) {
			best, name = d.path, d.room
		}
	}
	return name
}

type doorplate struct{ path, room string }

func doorplates() []doorplate {
	return []doorplate{
		{"/v1/products", "catalog"},
		{"/v1/stock", "inventory"},
		{"/v1/shortages", "inventory"},
		{"/v1/carts", "order"},
		{"/v1/orders", "order"},
		{"/v1/orders/{id}/returns", "fulfilment"},
		{"/v1/returns", "fulfilment"},
		{"/v1/carriers", "fulfilment"},
		{"/v1/purchases", theApp},
		{"/v1/payments", "payment"},
		{"/v1/webhooks", "payment"},
		{"/v1/shipments", "fulfilment"},
		{"/v1/messages", "notification"},
		{"/v1/dealers", "ledger"},
		{"/v1/payouts", "ledger"},
		{"/v1/accounts", "notification"},
		{"/v1/endpoints", "notification"},
		{"/v1/ops/messages", "notification"},
		{"/v1/ops/endpoints", "notification"},
		{"/v1/ops/analytics", "analytics"},
		{"/v1/ops/ledger", "ledger"},
		{"/v1/ops/cases", "payment"},
		{"/v1/ops", operator},
		{"/", theApp},
	}
}

// operator answers what looks into the machinery: subscriptions, dead letters, replays, the queue.
const operator = "ops"

// DeclaredSize is what one kind of function is given.
type DeclaredSize struct {
	Role    string         // "api", "relay", "sweeper", "worker"
	Class   platform.Class // of workers
	Memory  int            // MB; the processor grows with it
	Timeout time.Duration
	Most    int // instances at once that a queue or a stream may start; 0: no bound of its own
	Windows []DeclaredWindow
}

// DeclaredWindow is a time of day in which instances stand by, so that nobody waits for a start.
type DeclaredWindow struct {
	Name        string
	Open, Close string // six fields of cron, in the shop's time zone
	Warm        int    // instances
}

// declaredSizes says what each kind of function needs. A worker that calls a provider waits for it
// ten seconds, twice at most; everything else is done in well under one. A handler is given thirty
// seconds, and its function more, so that it can say that it failed.
func declaredSizes() []DeclaredSize {
	const wait = 45 * time.Second
	return []DeclaredSize{
		{Role: "api", Memory: 512, Timeout: 29 * time.Second, Windows: []DeclaredWindow{
			// Seven instances let fewer than one request in a hundred wait for a start at fifty
			// requests a second of 40 ms each, by Erlang's loss formula.
			{Name: "evening", Open: "45 16 * * ? *", Close: "0 22 * * ? *", Warm: 7},
		}},
		{Role: "relay", Memory: 256, Timeout: time.Minute},
		{Role: "sweeper", Memory: 256, Timeout: 50 * time.Second, Most: 1},
		{Role: "worker", Class: platform.Critical, Memory: 256, Timeout: wait, Most: 50},
		{Role: "worker", Class: platform.Standard, Memory: 256, Timeout: wait, Most: 20},
		{Role: "worker", Class: platform.Background, Memory: 256, Timeout: wait, Most: 5},
	}
}
