package catalog

import (
	"sync"

	"github.com/souk-commerce/souk/shop"
)

// cache keeps listings that were read, so that a checkout does not decode them again. It never
// answers with a listing older than the last durable change of this process:
//
//   - a change closes its SKU before it is committed and opens it after; while it is closed the
//     cache knows nothing of the SKU, so readers ask the store;
//   - what was read from the store is kept only if no change was open, or began, meanwhile.
//
// It is bounded: a full part drops an arbitrary listing for a new one. A cache of size 0 keeps
// nothing, which is what a world of several processes needs.
type cache struct {
	parts [cacheParts]cachePart
	most  int // of one part
}

const cacheParts = 16

type cachePart struct {
	mu       sync.RWMutex
	listings map[shop.SKU]Listing
	open     map[shop.SKU]int // changes under way
	begun    uint64           // changes ever begun in this part
}

func newCache(size int) *cache {
	c := &cache{most: size / cacheParts}
	for i := range c.parts {
		c.parts[i].listings = make(map[shop.SKU]Listing)
		c.parts[i].open = make(map[shop.SKU]int)
	}
	return c
}

func (c *cache) part(sku shop.SKU) *cachePart { return &c.parts[shardOf(sku)%cacheParts] }

// get returns the listing if it is known. Otherwise it returns the ticket with which what the
// store says may be kept.
func (c *cache) get(sku shop.SKU) (l Listing, known bool, ticket uint64) {
	p := c.part(sku)
	p.mu.RLock()
	defer p.mu.RUnlock()
	l, known = p.listings[sku]
	return l, known, p.begun
}

// keep remembers a listing that was read after get gave the ticket, unless a change interfered.
func (c *cache) keep(l Listing, ticket uint64) {
	if c.most == 0 {
		return
	}
	p := c.part(l.SKU)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun != ticket || p.open[l.SKU] > 0 {
		return
	}
	if _, known := p.listings[l.SKU]; !known && len(p.listings) >= c.most {
		for other := range p.listings {
			delete(p.listings, other)
			break
		}
	}
	p.listings[l.SKU] = l
}

// change closes the SKU and returns what opens it again.
func (c *cache) change(sku shop.SKU) (done func()) {
	p := c.part(sku)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun++
	p.open[sku]++
	delete(p.listings, sku)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.open[sku]--; p.open[sku] == 0 {
			delete(p.open, sku)
		}
	}
}
