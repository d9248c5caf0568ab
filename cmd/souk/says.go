package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// says puts into a few words what a fact adds to its name. It tells no personal data.
func says(f event.Fact) string {
	switch event.Room(f.Type()) {
	case "order":
		return saysOrder(f)
	case "inventory":
		return saysStock(f)
	case "payment":
		return saysPayment(f)
	case "notification":
		return saysMessage(f)
	}
	switch f := f.(type) {
	case *event.Listed:
		return fmt.Sprintf("%s at %s", f.SKU, moneyText(f.Price))
	case *event.Repriced:
		return fmt.Sprintf("%s at %s", f.SKU, moneyText(f.Price))
	case *event.Withdrawn:
		return string(f.SKU)
	case *event.ShipmentRequested:
		return fmt.Sprintf("%s from %s, %s", f.Shipment, f.Dealer, moneyText(f.Amount))
	case *event.ShipmentDispatched:
		return join(string(f.Shipment), f.Tracking)
	case *event.ShipmentReduced:
		return join(string(f.Shipment), linesText(f.Lines), moneyText(f.Amount))
	case *event.LedgerPosted:
		return f.Kind + " " + entriesText(f)
	}
	return aggregate(f)
}

func saysMessage(f event.Fact) string {
	switch f := f.(type) {
	case *event.MessageSent:
		return f.Topic
	case *event.MessageAttempted:
		return fmt.Sprintf("%s, attempt %d", f.Channel, f.Attempt)
	case *event.MessageHandedOver:
		return join(f.Channel, f.Reference)
	case *event.MessageRefused:
		if f.Final {
			return join(f.Channel, f.Reason, "final")
		}
		return join(f.Channel, f.Reason)
	case *event.MessageUnresolved:
		return f.Channel + ": nobody knows whether it left"
	case *event.MessageSendDue:
		return join(f.Channel, fmt.Sprintf("after attempt %d", f.Attempt))
	}
	return saysHook(f)
}

func saysHook(f event.Fact) string {
	switch f := f.(type) {
	case *event.EndpointRegistered:
		return join(string(f.Endpoint), "of", string(f.Owner))
	case *event.EndpointDisabled:
		return join(string(f.Endpoint), f.Reason)
	case *event.HookQueued:
		return join(f.Name, "for", string(f.Endpoint))
	case *event.HookDelivered:
		return fmt.Sprintf("attempt %d, %d", f.Attempt, f.Status)
	case *event.HookFailed:
		return fmt.Sprintf("attempt %d, %s", f.Attempt, join(f.Reason, statusText(f.Status)))
	}
	return ""
}

// statusText is a status of HTTP, if there was an answer.
func statusText(status int) string {
	if status == 0 {
		return ""
	}
	return strconv.Itoa(status)
}

func saysOrder(f event.Fact) string {
	switch f := f.(type) {
	case *event.OrderCreated:
		return fmt.Sprintf("%s, %s", howMany(int64(len(f.Lines)), "line", "lines"),
			moneyText(shop.Money{Amount: f.Total, Currency: f.Currency}))
	case *event.OrderPlaced:
		return howMany(int64(len(f.Parcels)), "parcel", "parcels")
	case *event.OrderCancelled:
		return join(f.Reason, by(f.By))
	case *event.OrderHeld:
		return join(f.Reason, by(f.By))
	case *event.OrderApproved:
		if len(f.Captures) > 0 {
			return join(by(f.By), "capture again")
		}
		return by(f.By)
	case *event.OrderProgressed:
		return fmt.Sprintf("payment %s, fulfilment %s", f.Payment, f.Fulfilment)
	case *event.OrderNoted:
		return join("for", f.Audience, by(f.By))
	case *event.OrderEditBegun:
		return join(string(f.Edit), by(f.By))
	case *event.OrderEditClosed:
		if f.Done {
			return join(string(f.Edit), "added")
		}
		return join(string(f.Edit), "refused", f.Reason)
	case *event.OrderReduced:
		return join(linesText(f.Lines), f.Reason, by(f.By))
	case *event.OrderDeadline:
		return "due " + timeText(f.Due)
	}
	return ""
}

func saysStock(f event.Fact) string {
	switch f := f.(type) {
	case *event.StockMoved:
		return fmt.Sprintf("%s %+d, %s", f.SKU, f.Quantity, f.Reason)
	case *event.StockAllotted:
		return fmt.Sprintf("%s in %s", f.SKU,
			howMany(int64(f.Allotments), "allotment", "allotments"))
	case *event.StockGathered:
		return fmt.Sprintf("chunk %d, %s", f.Chunk, itemsText(f.Items))
	case *event.StockHeld:
		if f.Chunks > 0 {
			return howMany(int64(f.Chunks), "chunk", "chunks")
		}
		return itemsText(f.Items)
	case *event.StockRejected:
		return fmt.Sprintf("%s: %d wanted, %d available", f.SKU, f.Wanted, f.Available)
	case *event.StockReleased:
		return itemsText(f.Items)
	case *event.StockFreed:
		return itemsText(f.Items)
	case *event.StockConsumed:
		return fmt.Sprintf("%s, %s", f.Shipment, itemsText(f.Items))
	}
	return ""
}

func saysPayment(f event.Fact) string {
	switch f := f.(type) {
	case *event.PaymentIntended:
		return join(f.Operation, moneyText(f.Amount), string(f.Shipment), f.Reason)
	case *event.PaymentAuthorized:
		return join(moneyText(f.Amount), f.Reference)
	case *event.PaymentRequiresAction:
		return "until " + timeText(f.Until)
	case *event.PaymentFailed:
		if f.Final {
			return f.Reason + ", final"
		}
		return f.Reason
	case *event.PaymentUnresolved:
		return f.Operation + ": the provider did not answer"
	case *event.PaymentCaptured:
		return join(moneyText(f.Amount), string(f.Shipment), f.Reference)
	case *event.PaymentCaptureFailed:
		return join(string(f.Shipment), f.Reason)
	case *event.PaymentVoided:
		return moneyText(f.Amount)
	case *event.PaymentRefunded:
		return join(moneyText(f.Amount), string(f.Shipment), f.Reason)
	case *event.PaymentRefundFailed:
		return f.Reason
	case *event.PaymentReduced:
		return join(moneyText(f.Amount), string(f.Shipment))
	case *event.PaymentCaseOpened:
		return join(f.Operation, f.Reason)
	case *event.PaymentCaseClosed:
		return f.Resolution
	case *event.PaymentCheckDue:
		return fmt.Sprintf("round %d", f.Round)
	}
	return ""
}

// join puts phrases behind each other, without the empty ones.
func join(phrases ...string) string {
	kept := phrases[:0]
	for _, p := range phrases {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, ", ")
}

func by(id shop.ID) string {
	if id == "" {
		return ""
	}
	return "by " + string(id)
}

// aggregate is the id within a fact's subject.
func aggregate(f event.Fact) string {
	subject := f.Subject()
	return subject[strings.LastIndexByte(subject, '/')+1:]
}

// itemsText lists a few units by name, and counts more.
func itemsText(items []event.StockItem) string {
	var units int64
	names := make([]string, 0, len(items))
	for _, i := range items {
		units += i.Quantity
		names = append(names, fmt.Sprintf("%d %s", i.Quantity, i.SKU))
	}
	if len(items) <= 3 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s of %d SKUs", howMany(units, "unit", "units"), len(items))
}

// linesText shows what of a parcel an event is about.
func linesText(lines []event.ParcelLine) string {
	items := make([]event.StockItem, len(lines))
	for i, l := range lines {
		items[i] = event.StockItem{SKU: l.SKU, Quantity: l.Quantity}
	}
	return itemsText(items)
}

// entriesText shows the sides of a transaction.
func entriesText(f *event.LedgerPosted) string {
	sides := make([]string, len(f.Entries))
	for i, e := range f.Entries {
		sides[i] = e.Account + " " + amountText(e.Amount, f.Currency)
	}
	if len(sides) > 2 {
		return fmt.Sprintf("%s, %d entries", sides[0], len(sides))
	}
	return strings.Join(sides, ", ")
}
