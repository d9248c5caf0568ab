package rooms

import (
	"crypto/rand"
	"slices"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/analytics"
	"github.com/souk-commerce/souk/shop/catalog"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/inventory"
	"github.com/souk-commerce/souk/shop/ledger"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/room"
)

// Config is what the rooms are given. Platform, Catalogue, Clock and IDs are required; Payment is
// where the payment room is opened.
type Config struct {
	Platform  platform.Platform
	Catalogue *event.Catalogue
	Clock     platform.Clock
	IDs       shop.IDs
	Catalog   catalog.Policy
	Order     order.Policy
	Payment   payment.Options
	Ledger    ledger.Options // who pays dealers; zero pays nobody
	// Fulfilment is what the operator decides about parcels and returns. Orders and
	// Files are set here, and the return window is the order's unless it says another.
	Fulfilment fulfilment.Options
	// Notification is who takes messages out of the system; zero keeps them in the mailbox.
	Notification notification.Options
	Watcher      order.Watcher // nil: whoever waits for an order looks again by itself
	// Guests are rooms that this package does not know. A process that opens all opens them too.
	Guests []Guest
}

// Guest is a room of somebody else's: it reacts to facts like ours, and keeps records of its own.
type Guest struct {
	Name string // the prefix of its records and reactions for ever: no other room's
	Open func(desk *room.Desk) room.Room
}

// Row is the rooms that are open in this process; the others are nil. Its methods are safe for
// concurrent use.
type Row struct {
	cfg  Config
	list []room.Room

	Catalog      *catalog.Service
	Inventory    *inventory.Service
	Order        *order.Service
	Payment      *payment.Service
	Fulfilment   *fulfilment.Service
	Ledger       *ledger.Service
	Notification *notification.Service
	Analytics    *analytics.Service
}

// declared is a room as this package opens it.
type declared struct {
	name string
	open func(r *Row) room.Room
}

// all is every room, in the order in which they are opened: who is asked comes before who asks,
// as far as that is possible.
func all() []declared {
	return []declared{
		{"catalog", (*Row).openCatalog},
		{"inventory", (*Row).openInventory},
		{"order", (*Row).openOrder},
		{"payment", (*Row).openPayment},
		{"fulfilment", (*Row).openFulfilment},
		{"ledger", (*Row).openLedger},
		{"notification", (*Row).openNotification},
		{"analytics", (*Row).openAnalytics},
	}
}

// Names lists every room that there is.
func Names() []string {
	var names []string
	for _, d := range all() {
		names = append(names, d.name)
	}
	return names
}

// Open opens the named rooms, or all if none is named. It reads and writes nothing. A name that no
// room has is Invalid.
func Open(cfg Config, names ...string) (*Row, error) {
	for _, name := range names {
		if !slices.Contains(Names(), name) {
			return nil, shop.Errorf(shop.Invalid, "there is no room %q; nothing was opened", name).
				WithHint("the rooms are %s", strings.Join(Names(), ", "))
		}
	}
	if cfg.Platform == nil || cfg.Catalogue == nil || cfg.Clock == nil || cfg.IDs == nil {
		return nil, shop.Errorf(shop.Internal,
			"the rooms need a platform, a catalogue of events, a clock and ids")
	}
	opens := func(name string) bool { return len(names) == 0 || slices.Contains(names, name) }
	if opens("payment") && (cfg.Payment.Provider == nil || cfg.Payment.Name == "") {
		return nil, shop.Errorf(shop.Internal,
			"the payment room needs a payment provider and its name")
	}
	r := &Row{cfg: cfg}
	for _, d := range all() {
		if opens(d.name) {
			r.list = append(r.list, d.open(r))
		}
	}
	if len(names) == 0 {
		return r, r.openGuests()
	}
	return r, nil
}

// openGuests opens the guests, each at a desk of its own.
func (r *Row) openGuests() error {
	taken := append(Names(), "app")
	for _, g := range r.cfg.Guests {
		if slices.Contains(taken, g.Name) {
			return shop.Errorf(shop.Invalid,
				"a guest cannot be called %q, as another room is; nothing was opened", g.Name)
		}
		taken = append(taken, g.Name)
		r.list = append(r.list, g.Open(r.Desk(g.Name)))
	}
	return nil
}

// Rooms lists the rooms that are open, for checkers and rebuilders.
func (r *Row) Rooms() []room.Room { return r.list }

// Desk sets a room's table: its own part of the store, and what all rooms share.
func (r *Row) Desk(name string) *room.Desk {
	p := r.cfg.Platform
	return &room.Desk{
		Store: p.Store(name), History: p.History(), Keys: p.Keys(),
		Clock: r.cfg.Clock, IDs: r.cfg.IDs, Catalogue: r.cfg.Catalogue,
	}
}

func (r *Row) openCatalog() room.Room {
	r.Catalog = catalog.New(r.Desk("catalog"), r.cfg.Catalog)
	return r.Catalog
}

func (r *Row) openInventory() room.Room {
	r.Inventory = inventory.New(r.Desk("inventory"), owners{r.catalogFor(seamOwners())})
	return r.Inventory
}

func (r *Row) openOrder() room.Room {
	seams := order.Seams{
		Prices: prices{r.catalogFor(seamPrices()), r.ledgerFor(seamTerms())}, Vault: r.Vault(),
		Watcher: r.cfg.Watcher,
	}
	r.Order = order.New(r.Desk("order"), seams, r.cfg.Order)
	return r.Order
}

func (r *Row) openPayment() room.Room {
	r.Payment = payment.New(r.Desk("payment"), dues{r.orderFor(seamDues())}, r.cfg.Payment)
	return r.Payment
}

func (r *Row) openFulfilment() room.Room {
	opt := r.cfg.Fulfilment
	opt.Orders, opt.Files = frozen{r.orderFor(seamFrozen())}, r.cfg.Platform.Files()
	if opt.Chance == nil {
		opt.Chance = rand.Reader
	}
	if opt.Policy.ReturnWindow == 0 {
		opt.Policy.ReturnWindow = r.cfg.Order.ReturnWindow
	}
	r.Fulfilment = fulfilment.New(r.Desk("fulfilment"), opt)
	return r.Fulfilment
}

func (r *Row) openLedger() room.Room {
	r.Ledger = ledger.New(r.Desk("ledger"), r.cfg.Ledger)
	return r.Ledger
}

func (r *Row) openNotification() room.Room {
	opt := r.cfg.Notification
	opt.Owners = owners{r.catalogFor(seamSellers())}
	opt.Parcels = parcels{r.fulfilmentFor(seamParcels())}
	r.Notification = notification.New(r.Desk("notification"), opt)
	return r.Notification
}

func (r *Row) openAnalytics() room.Room {
	r.Analytics = analytics.New(r.Desk("analytics"))
	return r.Analytics
}
