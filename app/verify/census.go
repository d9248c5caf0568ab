package verify

import (
	"bytes"
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// number stands for an order: a hash of 64 bits of its id, seeded anew in each run. 0 is no order.
type number uint64

// census is what is known of all orders before the log is read for its meaning: above all where the
// last event of each is, because everything that is kept of an order is let go there. It is all
// that grows with the number of orders.
type census struct {
	seed    maphash.Seed
	ordered bool // the log is in the order of the commits
	joins   joins
	members map[number][]number // of what is joined, but for the root itself

	mu     sync.Mutex
	orders map[number]entry
	now    time.Time // when the last event was recorded
}

// entry is one order.
type entry struct {
	last int64 // how manieth event the last one about it is, or about one it is joined with;
	//               in a log without an order, how many there are
	totals uint64 // a hash of the amounts in its stored head; 0 if there is none
	total  int64  // of them
	effect int64  // where its last line of the provider's ledger is kept; 0 if it has none
}

// joins says which orders have to be looked at together, because one fact speaks of both: each
// leads to another one or to none. A sound log has none, so they are found when it is read.
type joins map[number]number

// root names all that are joined by one of them.
func (j joins) root(n number) number {
	for {
		next, ok := j[n]
		if !ok {
			return n
		}
		n = next
	}
}

// join has two orders looked at together. It reports whether that is new.
func (j joins) join(a, b number) bool {
	if a, b = j.root(a), j.root(b); a == b {
		return false
	}
	j[max(a, b)] = min(a, b) // no order, 0, is everybody's root
	return true
}

func newCensus(seed maphash.Seed, j joins, ordered bool) *census {
	c := &census{
		seed: seed, ordered: ordered, joins: j, members: make(map[number][]number),
		orders: make(map[number]entry),
	}
	for n := range j {
		c.members[j.root(n)] = append(c.members[j.root(n)], n)
	}
	return c
}

// of is an order's number.
func (c *census) of(id shop.ID) number {
	if id == "" {
		return 0
	}
	return number(max(1, maphash.String(c.seed, string(id))))
}

// group is the number of all that is looked at together with an event.
func (c *census) group(e *platform.Event, buf []byte) number {
	id := orderIn(e, buf)
	if len(id) == 0 {
		return c.joins.root(0)
	}
	return c.joins.root(number(max(1, maphash.Bytes(c.seed, id))))
}

// bundle is group, and the number under which an event is kept until its order's others were seen.
// They differ for orders that are looked at together with what is of no order.
func (c *census) bundle(e *platform.Event, buf []byte) (of, group number) {
	id := orderIn(e, buf)
	if len(id) == 0 {
		return 0, 0
	}
	of = number(max(1, maphash.Bytes(c.seed, id)))
	if group = c.joins.root(of); group != 0 {
		of = group
	}
	return of, group
}

// take implements sink: it notes where every order was seen last, or how often.
func (c *census) take(items []item) {
	var buf [maxIDBytes]byte
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range items {
		if !c.ordered {
			c.count(&items[i].e, buf[:0])
			continue
		}
		it := &items[i]
		c.now = it.e.Time
		if n := c.group(&it.e, buf[:0]); n != 0 {
			o := c.orders[n]
			o.last = it.n
			c.orders[n] = o
		}
	}
}

// count is take for a log that has no order.
func (c *census) count(e *platform.Event, buf []byte) {
	if c.now.Before(e.Time) {
		c.now = e.Time
	}
	if of, _ := c.bundle(e, buf); of != 0 {
		o := c.orders[of]
		o.last++
		c.orders[of] = o
	}
}

// stored notes the amounts of a stored head.
func (c *census) stored(id shop.ID, a *amounts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.orders[c.of(id)]
	o.totals, o.total = c.hash(a), a.Total
	c.orders[c.of(id)] = o
}

// hash stands for amounts. It is never 0.
func (c *census) hash(a *amounts) uint64 { return max(1, maphash.Comparable(c.seed, *a)) }

// maxIDBytes is the room for an order's id that has to be put together; a longer one is as good.
const maxIDBytes = 64

// orderIn finds the order that an event is about in its payload, without reading the whole: the
// value of the first member "order", or what a check of a payment, and a movement that is called
// after a shipment, lead to. Whatever is not as it thinks is found when the fact is decoded.
func orderIn(e *platform.Event, buf []byte) []byte {
	if id := member(e.Data, `"order"`); id != nil {
		return id
	}
	switch e.Type {
	case (*event.PaymentCheckDue)(nil).Type():
		if name, ok := bytes.CutPrefix(member(e.Data, `"payment"`), []byte("pay_")); ok {
			return append(append(buf, "ord_"...), name...)
		}
	case (*event.StockMoved)(nil).Type():
		if name, ok := bytes.CutPrefix(member(e.Data, `"movement"`), []byte("shp_")); ok {
			name = name[:max(0, bytes.LastIndexByte(name, '_'))]
			name = name[:max(0, bytes.LastIndexByte(name, '_'))]
			return append(append(buf, "ord_"...), name...)
		}
	}
	return nil
}

// member returns the text that follows the first such name in a JSON text; nil if there is none.
func member(data []byte, name string) []byte {
	for {
		at := bytes.Index(data, []byte(name))
		if at < 0 {
			return nil
		}
		data = bytes.TrimLeft(data[at+len(name):], " \t\r\n")
		if len(data) == 0 || data[0] != ':' {
			continue // it was a value
		}
		data = bytes.TrimLeft(data[1:], " \t\r\n")
		if len(data) == 0 || data[0] != '"' {
			return nil
		}
		end := bytes.IndexByte(data[1:], '"')
		if end < 0 {
			return nil
		}
		return data[1 : 1+end]
	}
}

// about names the order that a subject is about by its name, "" for none: the other rooms derive
// their ids from the order's. Transactions and messages are left out, since nothing is looked up
// under their ids.
func about(subject string) shop.ID {
	kind, rest, _ := strings.Cut(subject, "/")
	switch kind {
	case "order", "hold", "parcels", "notes":
		return shop.ID(rest)
	case "payment":
		return orderOfPart("pay_", rest, 0)
	case "shipment", "returns":
		return orderOfPart("shp_", rest, 1)
	case "movement":
		return orderOfPart("shp_", rest, 2)
	case "timer":
		_, rest, _ = strings.Cut(rest, "/")
		if strings.HasPrefix(rest, "pay_") {
			return orderOfPart("pay_", rest, 0)
		}
		if strings.HasPrefix(rest, "ord_") {
			return shop.ID(rest)
		}
	}
	return ""
}

// isAbout reports whether a subject certainly is about an order, without making its id of it.
func isAbout(subject string, id shop.ID) bool {
	kind, rest, _ := strings.Cut(subject, "/")
	switch kind {
	case "order", "hold", "parcels", "notes":
		return rest == string(id)
	case "payment":
		return isPart(rest, "pay_", id)
	case "shipment", "returns":
		return isPart(rest, "shp_", id)
	}
	return false
}

// isPart reports whether an id was derived from an order's: it is "<prefix><name>" or
// "<prefix><name>_<number>".
func isPart(part, prefix string, order shop.ID) bool {
	rest, ok := strings.CutPrefix(part, prefix)
	name, is := strings.CutPrefix(string(order), "ord_")
	if !ok || !is {
		return false
	}
	rest, ok = strings.CutPrefix(rest, name)
	return ok && (rest == "" || strings.LastIndexByte(rest, '_') == 0)
}

// orderOfPart makes an order's id of one that was derived from it, and has so many numbers behind.
func orderOfPart(prefix, id string, numbers int) shop.ID {
	name, ok := strings.CutPrefix(id, prefix)
	if !ok {
		return ""
	}
	for range numbers {
		name = cutLast(name)
	}
	return shop.ID("ord_" + name)
}
