package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/order"
)

// maxSightings bounds the orders of one load whose stages are looked up.
const maxSightings = 2000

// sighting is an accepted order as its client saw it.
type sighting struct {
	order             shop.ID
	arrived, answered time.Time
}

// sightingOf reads the order's name from the answer; "" if there is none.
func sightingOf(body []byte, arrived, answered time.Time) sighting {
	var view struct {
		ID shop.ID `json:"id"`
	}
	_ = json.Unmarshal(bytes.Clone(body), &view) // an order without a name counts as incomplete
	return sighting{order: view.ID, arrived: arrived, answered: answered}
}

// stages are where the time of an order goes: the moments of its events, as the log has them, seen
// from the arrival that the client knows, on the same clock. An event's moment is that of its
// commit, before the fsync; so each step but the first begins with the fsync of the step before.
type stages struct {
	Orders     int       `json:"orders"`     // in the sample
	Incomplete int       `json:"incomplete"` // of them, without all of the events below
	Answer     latencies `json:"answer"`     // from arrival until the client had the answer
	Steps      []reached `json:"steps"`
}

// reached is one step of an order: "created", "held", "authorised", "placed" or "done". An order is
// done with the last of its events: the stock is committed, the shipments are requested, the books
// have it and the customer was told. Counting it leaves no event and is not in here.
type reached struct {
	Name  string    `json:"name"`
	Since latencies `json:"sinceArrival"`
	Own   latencies `json:"own"` // since the step before; the first one, since the arrival
}

// moments are when an order was created, held, authorised, placed and done.
type moments [5]time.Time

func stageNames() [len(moments{})]string {
	return [...]string{"created", "held", "authorised", "placed", "done"}
}

// stagesOf looks a sample up in the log.
func stagesOf(ctx context.Context, h platform.History, sample []sighting) (*stages, error) {
	s := &stages{Orders: len(sample)}
	answer := newLatency()
	var since, own [len(moments{})]*hdrhistogram.Histogram
	for i := range since {
		since[i], own[i] = newLatency(), newLatency()
	}
	for _, one := range sample {
		m, err := momentsOf(ctx, h, one.order)
		if err != nil {
			return nil, fmt.Errorf("look up the stages of %s: %w", one.order, err)
		}
		record(answer, one.answered.Sub(one.arrived))
		if !m.complete() {
			s.Incomplete++
			continue
		}
		before := one.arrived.Round(0) // the log has no monotonic time
		for i, at := range m {
			record(since[i], at.Sub(one.arrived.Round(0)))
			record(own[i], at.Sub(before))
			before = at
		}
	}
	s.Answer = percentiles(answer)
	for i, name := range stageNames() {
		s.Steps = append(s.Steps,
			reached{Name: name, Since: percentiles(since[i]), Own: percentiles(own[i])})
	}
	return s, nil
}

func newLatency() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(2*callTimeout/time.Microsecond), 3)
}

func record(h *hdrhistogram.Histogram, d time.Duration) {
	// What is beyond the bound counts as the bound.
	_ = h.RecordValue(min(max(int64(d/time.Microsecond), 0), h.HighestTrackableValue()))
}

func (m *moments) complete() bool {
	for _, at := range m {
		if at.IsZero() {
			return false
		}
	}
	return true
}

// momentsOf reads the events of one order. Their subjects are named after it.
func momentsOf(ctx context.Context, h platform.History, id shop.ID) (m moments, err error) {
	at := make(map[string]time.Time) // by type, the last
	read := func(subject string) (int, error) {
		events, err := h.Subject(ctx, subject, 0, platform.MaxList)
		for _, e := range events {
			at[e.Type] = e.Time
		}
		return len(events), err
	}
	name := nameOf(id)
	for _, subject := range []string{
		"order/" + string(id), "hold/" + string(id), "payment/" + string(paymentOf(id)),
		"transaction/txn_authorisation_" + name,
		"message/msg_" + notification.TopicPlaced + "_" + name,
	} {
		if _, err := read(subject); err != nil {
			return m, err
		}
	}
	for n, found := 1, 1; found > 0 && n <= order.MaxParcels; n++ {
		if found, err = read("shipment/" + string(fulfilment.ID(id, n))); err != nil {
			return m, err
		}
	}
	of := func(f event.Fact) time.Time { return at[f.Type()] }
	m = moments{
		of(&event.OrderCreated{}), of(&event.StockHeld{}), of(&event.PaymentAuthorized{}),
		of(&event.OrderPlaced{}), {},
	}
	for _, f := range []event.Fact{
		&event.StockCommitted{}, &event.ShipmentRequested{}, &event.LedgerPosted{},
		&event.MessageSent{},
	} {
		switch then := of(f); {
		case then.IsZero():
			m[len(m)-1] = time.Time{}
			return m, nil
		case then.After(m[len(m)-1]):
			m[len(m)-1] = then
		}
	}
	return m, nil
}

// lookBack opens the data of a server that has ended and finds the stages of every run.
func (b *bench) lookBack(ctx context.Context) (err error) {
	b.progress("looking up the stages of a sample of orders in the log")
	p, err := openOffline(b.e, b.dir, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	find := func(into **stages, sample []sighting) error {
		if len(sample) == 0 {
			return nil
		}
		found, err := stagesOf(ctx, p.History(), sample)
		*into = found
		return err
	}
	for i := range b.report.Saturation {
		if err := find(&b.report.Saturation[i].Stages, b.report.Saturation[i].seen); err != nil {
			return err
		}
	}
	for i := range b.report.Steady {
		if err := find(&b.report.Steady[i].Stages, b.report.Steady[i].seen); err != nil {
			return err
		}
	}
	for i := range b.report.Spike {
		if err := find(&b.report.Spike[i].Stages, b.report.Spike[i].seen); err != nil {
			return err
		}
	}
	return nil
}

// text prints the stages of one run: percentiles since the arrival, and of each step alone.
func (s *stages) text(out io.Writer, name string) {
	if s == nil {
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%s: %d orders\tsince arrival p50\tp95\tp99\tmax\talone p50\tp95\tp99\tmax\t\n",
		name, s.Orders)
	fmt.Fprintf(w, "answered\t%s\t\t\t\t\t\n", s.Answer.cells())
	for _, st := range s.Steps {
		fmt.Fprintf(w, "%s\t%s\t%s\t\n", st.Name, st.Since.cells(), st.Own.cells())
	}
	_ = w.Flush() // to a terminal or a buffer
	if s.Incomplete > 0 {
		fmt.Fprintf(out, "%d of them without all of their events\n", s.Incomplete)
	}
	fmt.Fprintln(out)
}

func (l latencies) cells() string {
	return ms(l.P50) + "\t" + ms(l.P95) + "\t" + ms(l.P99) + "\t" + ms(l.Max)
}
