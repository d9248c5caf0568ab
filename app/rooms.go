package app

import (
	"github.com/souk-commerce/souk/shop/analytics"
	"github.com/souk-commerce/souk/shop/catalog"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/identity"
	"github.com/souk-commerce/souk/shop/inventory"
	"github.com/souk-commerce/souk/shop/ledger"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/room"
)

// openRooms opens every room. Where two rooms ask each other, the one that is opened first is
// given a seam that is filled when the other is there.
func (a *App) openRooms() {
	a.Identity = identity.New(a.cfg.Platform.Keys(), a.cfg.Clock, a.cfg.Policy.Issuer)
	a.openCatalog()
	a.openInventory()
	a.openOrder()
	a.openPayment()
	a.openFulfilment()
	a.openLedger()
	a.openNotification()
	a.openAnalytics()
}

// desk sets a room's table: its own part of the store, and what all rooms share.
func (a *App) desk(name string) *room.Desk {
	p := a.cfg.Platform
	return &room.Desk{
		Store: p.Store(name), History: p.History(), Keys: p.Keys(),
		Clock: a.cfg.Clock, IDs: a.cfg.IDs, Catalogue: a.cfg.Catalogue,
	}
}

func (a *App) openCatalog() {
	a.Catalog = catalog.New(a.desk("catalog"), a.cfg.Policy.Catalog)
	a.rooms = append(a.rooms, a.Catalog)
}

// openInventory lets inventory ask the catalogue who may count a SKU.
func (a *App) openInventory() {
	a.Inventory = inventory.New(a.desk("inventory"), owners{a.Catalog})
	a.rooms = append(a.rooms, a.Inventory)
}

// openOrder lets order ask for prices, and for a reference to a card.
func (a *App) openOrder() {
	seams := order.Seams{
		Prices: prices{a.Catalog}, Vault: vault{a}, Watcher: watcher{a.watch, a.pace},
	}
	a.Order = order.New(a.desk("order"), seams, a.cfg.Policy.Order)
	a.rooms = append(a.rooms, a.Order)
}

// openPayment lets payment ask what an order owes.
func (a *App) openPayment() {
	a.Payment = payment.New(a.desk("payment"), dues{a.Order}, a.cfg.Payment)
	a.rooms = append(a.rooms, a.Payment)
}

func (a *App) openFulfilment() {
	a.Fulfilment = fulfilment.New(a.desk("fulfilment"))
	a.rooms = append(a.rooms, a.Fulfilment)
}

func (a *App) openLedger() {
	a.Ledger = ledger.New(a.desk("ledger"))
	a.rooms = append(a.rooms, a.Ledger)
}

func (a *App) openNotification() {
	a.Notification = notification.New(a.desk("notification"), a.cfg.Notification)
	a.rooms = append(a.rooms, a.Notification)
}

func (a *App) openAnalytics() {
	a.Analytics = analytics.New(a.desk("analytics"))
	a.rooms = append(a.rooms, a.Analytics)
}
