package fulfilment_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/fulfilment/paper"
	"github.com/souk-commerce/souk/shop/fulfilment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// depot is a room with a carrier, and the carrier.
type depot struct {
	*testing.T
	w       *roomtest.World
	s       *fulfilment.Service
	carrier *sandbox.Sandbox
}

func openDepot(t *testing.T, opts ...roomtest.Option) *depot {
	t.Helper()
	w := roomtest.New(t, opts...)
	secret := []byte("a secret between us")
	carrier := sandbox.New(w.Desk("fulfilment").Clock, secret)
	s := fulfilment.New(w.Desk("fulfilment"), fulfilment.Options{
		Orders: prices{}, Carrier: carrier, Secrets: [][]byte{secret}, Printer: paper.Printer{},
		Files: w.Raw.Files(), Chance: rand.Reader,
		Depot: shop.Address{Name: "Depot", Line1: "1 Wharf", City: "Leeds", Country: "GB"},
	})
	w.Start(t, s)
	return &depot{t, w, s, carrier}
}

// parcel is a parcel to a city, of which nothing is paid yet.
func (d *depot) parcel(order shop.ID, city string) shop.ID {
	d.Helper()
	to := home()
	to.City = city
	f := placed(d.T, d.w, order, 1)
	var err error
	if f.ShipTo, err = shop.Seal(d.Context(), d.w.Raw.Keys(), customer, to); err != nil {
		d.Fatal(err)
	}
	d.w.Announce(d, f)
	d.w.Settle(d)
	return fulfilment.ID(order, 1)
}

// ready packs a parcel and has its money taken.
func (d *depot) ready(order shop.ID) {
	d.Helper()
	ctx := d.w.As(d, "adm_1", room.Admin())
	step(d.T, d.w, func() error {
		_, err := d.s.Pack(ctx, admin(), fulfilment.ID(order, 1))
		return err
	})
	d.w.Announce(d, captured(order, 1))
	d.w.Settle(d)
}

// label asks for a label and returns how it stands when all is quiet.
func (d *depot) label(id shop.ID, key string) (fulfilment.LabelView, error) {
	d.Helper()
	err := d.w.Persist(func() error {
		_, err := d.s.PostLabel(seller(d.w, d.T), &fulfilment.StepIn{ID: string(id), Key: key})
		return err
	})
	d.w.Settle(d)
	if err != nil {
		return fulfilment.LabelView{}, err
	}
	return *d.shipment(id).Label, nil
}

func (d *depot) shipment(id shop.ID) fulfilment.ShipmentView {
	d.Helper()
	var v fulfilment.ShipmentView
	must(d.T, d.w.Persist(func() error {
		out, err := d.s.GetShipment(seller(d.w, d.T), &fulfilment.GetShipmentIn{ID: string(id)})
		if err == nil {
			v = out.Body
		}
		return err
	}))
	return v
}

// later lets time pass and the carrier's webhooks come in.
func (d *depot) later(by time.Duration) {
	d.Helper()
	d.w.Advance(d, by)
	for range 5 {
		n := d.carrier.Deliver(d.Context(), func(ctx context.Context, h sandbox.Webhook) error {
			return d.s.Hear(ctx, sandbox.Name, h.Signed)
		})
		d.w.Settle(d)
		if n == 0 {
			return
		}
	}
}

// Goal: whatever the carrier does with the call, there is one label, and a refused address is
// said to be so and can be tried again. Method: the cities of magic, default faults; the label is
// asked for twice; the facts are counted.
func TestLabels(t *testing.T) {
	t.Parallel()
	for city, want := range map[string]string{
		"York": "bought", "Mute": "bought", "Numb": "bought", "Nowhere": "refused",
	} {
		t.Run(city, func(t *testing.T) {
			t.Parallel()
			d := openDepot(t)
			id := d.parcel("ord_a", city)
			l, err := d.label(id, "one")
			must(t, err)
			expect(t, "label", l.State, want)
			again, err := d.label(id, "two")
			must(t, err)
			if want == "refused" {
				expect(t, "reason", l.Reason, "address_refused")
				expect(t, "wanted again", d.count(&event.LabelWanted{}), 2)
				return
			}
			expect(t, "number of the same label", again.Tracking, l.Tracking)
			expect(t, "wanted", d.count(&event.LabelWanted{}), 1)
			expect(t, "bought", d.count(&event.LabelBought{}), 1)
			d.w.ExpectNoDeadLetters(t)
			d.w.FoldEqualsState(t, d.s)
		})
	}
}

// count counts the facts of a type.
func (d *depot) count(f event.Fact) int {
	d.Helper()
	n := 0
	must(d.T, d.w.Raw.History().Log(d.Context(), "", func(_ string, e platform.Event) error {
		if e.Type == f.Type() {
			n++
		}
		return nil
	}))
	return n
}

// Goal: a carrier's words bring a parcel to where it is, each once and in whatever order they come;
// what nobody knows is kept and counted; a word about a parcel that is not paid moves nothing.
// Method: a parcel to each city of magic that is about the way; where it ends, and what is counted.
func TestTracking(t *testing.T) {
	t.Parallel()
	for city, want := range map[string]struct{ status, state, counted string }{
		"York":       {"delivered", "delivered", "tracked 4"},
		"Lostwithal": {"lost", "dispatched", "tracked 3"},
		"Tarrywhile": {"delivered", "delivered", "tracked 5"},
		"Comeback":   {"returned", "dispatched", "tracked 4"},
		"Echo":       {"delivered", "delivered", "duplicate 8"},
		"Topsy":      {"delivered", "delivered", "stale 3"},
		"Oddington":  {"delivered", "delivered", "unknown 1"},
	} {
		t.Run(city, func(t *testing.T) {
			t.Parallel()
			d := openDepot(t, roomtest.Calm())
			id := d.parcel("ord_a", city)
			d.ready("ord_a")
			_, err := d.label(id, "one")
			must(t, err)
			for range 11 {
				d.later(24 * time.Hour)
			}
			sh := d.shipment(id)
			expect(t, "status", sh.Label.Status, want.status)
			expect(t, "state", sh.State, want.state)
			counts, err := d.s.Notices(t.Context())
			must(t, err)
			kind, n, _ := strings.Cut(want.counted, " ")
			raw, err := json.Marshal(counts[kind])
			must(t, err)
			expect(t, kind, string(raw), n)
			d.w.ExpectNoDeadLetters(t)
			d.w.FoldEqualsState(t, d.s)
		})
	}
	d := openDepot(t, roomtest.Calm())
	id := d.parcel("ord_b", "York")
	_, err := d.label(id, "one")
	must(t, err)
	d.later(48 * time.Hour)
	expect(t, "state of a parcel that nobody packed", d.shipment(id).State, "requested")
}

// Goal: nobody but the carrier speaks for it. Method: webhooks without a signature, with another's,
// with an old time, of another carrier, of no kind, about no parcel of ours.
func TestWebhooksOfOthers(t *testing.T) {
	t.Parallel()
	d := openDepot(t, roomtest.Calm())
	secret, now := []byte("a secret between us"), d.w.Desk("fulfilment").Clock.Now()
	body := []byte(`{"event":"HANDED_OVER","parcel_no":"SB1","happened_at":"2026-03-02T09:00:00Z"}`)
	messages := 0
	signed := func(secret []byte, at time.Time, body []byte) room.Signed {
		messages++
		id := "msg_" + strconv.Itoa(messages)
		return room.Signed{
			ID: id, Timestamp: strconv.FormatInt(at.Unix(), 10),
			Signature: room.Sign(secret, id, at, body), Body: body,
		}
	}
	bare, old := signed(secret, now, body), now.Add(-time.Hour)
	bare.Signature = ""
	for name, try := range map[string]struct {
		w    room.Signed
		from string
		code shop.Code
	}{
		"no signature":    {bare, sandbox.Name, shop.Unauthorised},
		"another secret":  {signed([]byte("x"), now, body), sandbox.Name, shop.Unauthorised},
		"an old one":      {signed(secret, old, body), sandbox.Name, shop.Unauthorised},
		"another carrier": {signed(secret, now, body), "pigeons", shop.NotFound},
		"no word":         {signed(secret, now, []byte(`{}`)), sandbox.Name, shop.Invalid},
		"no parcel yet":   {signed(secret, now, body), sandbox.Name, shop.Unavailable},
		"no parcel": {signed(secret, now, bytes.Replace(body, []byte("2026-03-02"),
			[]byte("2026-03-01"), 1)), sandbox.Name, ""},
	} {
		err := d.s.Hear(t.Context(), try.from, try.w)
		if try.code == "" && err != nil || try.code != "" && shop.CodeOf(err) != try.code {
			t.Errorf("%s: %v, want %q", name, err, try.code)
		}
	}
	counts, err := d.s.Notices(t.Context())
	must(t, err)
	expect(t, "unmatched", counts["unmatched"], int64(1))
}

// Goal: papers are for those whom they concern, the same each time, stored unreadably, and gone
// with their person. Method: slip and label over their doors, as each role; the bytes in the store
// of files; an erasure.
func TestPapers(t *testing.T) {
	t.Parallel()
	d := openDepot(t, roomtest.Calm())
	id := d.parcel("ord_a", "York")
	late := d.parcel("ord_b", "York")
	_, err := d.s.GetLabel(seller(d.w, t), &fulfilment.GetPaperIn{ID: string(id)})
	expectCode(t, err, shop.NotFound)
	_, err = d.label(id, "one")
	must(t, err)
	in := &fulfilment.GetPaperIn{ID: string(id)}
	for name, door := range map[string]func(
		context.Context, *fulfilment.GetPaperIn,
	) (*fulfilment.GetPaperOut, error){"label": d.s.GetLabel, "slip": d.s.GetSlip} {
		one, err := door(seller(d.w, t), in)
		must(t, err)
		two, err := door(d.w.As(t, "adm_1", room.Admin()), in)
		must(t, err)
		if !bytes.HasPrefix(one.Body, []byte("%PDF-")) || !bytes.Equal(one.Body, two.Body) {
			t.Errorf("the %s is no PDF, or another one each time", name)
		}
		_, err = door(d.w.As(t, "dlr_2", room.Dealer()), in)
		expectCode(t, err, shop.NotFound)
		_, err = door(d.w.As(t, "cus_2", room.Customer()), in)
		expectCode(t, err, shop.NotFound)
	}
	_, err = d.s.GetSlip(buyer(d.w, t), in)
	expectCode(t, err, shop.Forbidden)
	_, err = d.s.GetLabel(buyer(d.w, t), in)
	expectCode(t, err, shop.Forbidden)

	must(t, d.w.Raw.Keys().Erase(t.Context(), string(customer)))
	_, err = d.s.GetLabel(seller(d.w, t), in)
	expectCode(t, err, shop.NotFound)
	_, err = d.s.GetSlip(seller(d.w, t), in)
	expectCode(t, err, shop.NotFound)
	l, err := d.label(late, "two")
	must(t, err)
	expect(t, "why there is no label", l.Reason, "person_erased")
}
