package app

import (
	"net/http"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/catalog"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/inventory"
	"github.com/souk-commerce/souk/shop/ledger"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/room"
)

// The methods, short enough for a table.
const (
	get   = http.MethodGet
	post  = http.MethodPost
	put   = http.MethodPut
	patch = http.MethodPatch
)

// The codes that a route may add, as lists short enough for a table.
type codes = []shop.Code

// unchanged says what 304 means, in the document.
const unchanged = "What the client has is what there is"

// routes is the table: the whole of what the doors do, and for whom, as far as the rooms behind
// them are open here.
func (a *App) routes() []Route {
	var table []Route
	for _, part := range []struct {
		open   bool
		routes func() []Route
	}{
		{a.Catalog != nil, a.catalogRoutes}, {a.Inventory != nil, a.stockRoutes},
		{a.Order != nil, a.orderRoutes}, {a.Order != nil, a.purchaseRoutes},
		{a.Payment != nil, a.paymentRoutes}, {a.Fulfilment != nil, a.shipmentRoutes},
		{a.Fulfilment != nil, a.returnRoutes}, {a.Fulfilment != nil, a.labelRoutes},
		{a.Fulfilment != nil, a.cancelRoutes}, {a.Order != nil, a.editRoutes},
		{a.Order != nil, a.noteRoutes},
		{a.Notification != nil, a.messageRoutes}, {a.Notification != nil, a.endpointRoutes},
		{a.Analytics != nil, a.countRoutes},
		{a.Ledger != nil, a.bookRoutes}, {a.Payment != nil, a.caseRoutes}, {true, a.opsRoutes},
		{a.Order != nil, a.intakeRoutes}, {a.Machines != nil, a.machineRoutes},
		{true, a.systemRoutes},
	} {
		if part.open {
			table = append(table, part.routes()...)
		}
	}
	return table
}

func (a *App) catalogRoutes() []Route {
	sellers := []room.Role{room.Dealer(), room.Admin(), room.ServiceRole()}
	return []Route{
		{get, "/v1/products", "getProducts", "Browse the catalogue", nil, 200, nil, Browse, false,
			handle(a.Catalog.GetProducts).also(304, unchanged)},
		{post, "/v1/products", "postProduct", "List a product", sellers, 201,
			codes{shop.Conflict, shop.Illegal}, Carry, true,
			answers[catalog.ProductBody](a.Catalog.PostProduct).
				also(200, "It is listed like this already", catalog.ProductBody{})},
		{get, "/v1/products/{id}", "getProduct", "Show a product", nil, 200,
			codes{shop.NotFound}, Browse, false,
			handle(a.Catalog.GetProduct).also(304, unchanged)},
		{patch, "/v1/products/{id}", "patchProduct", "Reprice or withdraw a product", sellers, 200,
			codes{catalog.Stale, shop.Conflict, shop.Illegal, shop.NotFound}, Carry, false,
			handle(a.Catalog.PatchProduct)},
	}
}

func (a *App) stockRoutes() []Route {
	counters := []room.Role{room.Dealer(), room.Admin()}
	return []Route{
		{get, "/v1/stock/{sku}", "getStock", "How much can be ordered now", nil, 200,
			codes{shop.NotFound}, Browse, false, handle(named(a.Inventory.GetStock))},
		{put, "/v1/stock/{sku}", "putStock", "Set the stock to what was counted", counters, 200,
			codes{shop.Conflict, shop.NotFound}, Carry, true,
			answers[inventory.Level](named(a.Inventory.PutStock))},
		{get, "/v1/stock/{sku}/rules", "getStockRules", "What is kept back, and when it is low",
			counters, 200, codes{shop.NotFound}, Browse, false,
			handle(named(a.Inventory.GetRules))},
		{put, "/v1/stock/{sku}/rules", "putStockRules",
			"Keep units back; say from how few on it is low", counters, 200,
			codes{shop.Conflict, shop.NotFound}, Carry, false,
			handle(named(a.Inventory.PutRules))},
		{post, "/v1/stock/{sku}/counts", "postStockCount", "Announce a stock-take", counters, 201,
			codes{shop.Conflict, shop.NotFound}, Carry, true,
			answers[inventory.Take](named(a.Inventory.PostCount))},
		{get, "/v1/shortages", "getShortages", "Units promised to orders that are not there",
			[]room.Role{room.Dealer(), room.Admin(), room.ServiceRole()}, 200,
			codes{shop.NotFound}, Browse, false, handle(a.Inventory.GetShortages)},
	}
}

func (a *App) orderRoutes() []Route {
	buyers := []room.Role{room.Customer()}
	readers := []room.Role{room.Customer(), room.Admin(), room.ServiceRole()}
	admins := []room.Role{room.Admin(), room.ServiceRole()}
	moved := codes{shop.NotFound, shop.Illegal}
	return []Route{
		{put, "/v1/carts/{id}", "putCart", "Replace what is in a cart", buyers, 200,
			codes{shop.Conflict, shop.UnknownSKU}, Browse, false,
			handle(a.Order.PutCart).upTo(MaxBody)},
		{post, "/v1/orders", "postOrder", "Check out", buyers, 201,
			codes{shop.Conflict, shop.NotFound, shop.TotalChanged, shop.UnknownSKU}, Begin, true,
			answers[order.View](a.purchases.PostOrder).upTo(MaxBody).
				also(202, "It waits for its decision, or in the queue",
					order.View{}, order.Queued{})},
		{get, "/v1/orders", "getOrders", "List a customer's orders, newest first", readers, 200,
			codes{shop.NotFound}, Browse, false, handle(a.Order.GetOrders)},
		{get, "/v1/orders/{id}", "getOrder", "Show an order", readers, 200,
			codes{shop.NotFound}, Carry, false, handle(a.Order.GetOrder)},
		{get, "/v1/orders/{id}/events", "getEvents", "An order's history, or its life live",
			readers, 200, codes{shop.NotFound}, Carry, false, a.history()},
		{post, "/v1/orders/{id}/cancel", "postCancel", "Cancel an order of which nothing has left",
			readers, 200, moved, Carry, true, answers[order.View](a.Order.PostCancel)},
		{post, "/v1/orders/{id}/hold", "postHold", "Stop an order", admins, 200, moved, Carry, true,
			answers[order.View](a.Order.PostHold)},
		{post, "/v1/orders/{id}/approve", "postApprove", "Let a held order go on", admins, 200,
			moved, Carry, true, answers[order.View](a.Order.PostApprove)},
	}
}

// history serves an order's events, and streams them where somebody hears when there are more.
func (a *App) history() serving {
	s := handle(a.Order.GetEvents)
	if a.cfg.Unwatched {
		return s
	}
	return s.lively(a.streams.ServeHTTP)
}

func (a *App) purchaseRoutes() []Route {
	machines := []room.Role{room.ServiceRole()}
	readers := []room.Role{room.Customer(), room.Admin(), room.ServiceRole()}
	return []Route{
		{post, "/v1/purchases", "postPurchase", "Hand over a purchase to be made an order",
			machines, 202, codes{shop.Conflict}, Begin, false,
			handle(a.purchases.PostPurchase).upTo(MaxBody)},
		{get, "/v1/purchases/{id}", "getPurchase", "What became of a purchase", readers, 200,
			codes{shop.NotFound}, Carry, false, handle(a.purchases.GetPurchase)},
	}
}

func (a *App) paymentRoutes() []Route {
	buyers := []room.Role{room.Customer()}
	readers := []room.Role{room.Customer(), room.Admin(), room.ServiceRole()}
	admins := []room.Role{room.Admin(), room.ServiceRole()}
	moved := codes{shop.NotFound, shop.Illegal, shop.Conflict}
	return []Route{
		{get, "/v1/payments/{id}", "getPayment", "Show a payment", readers, 200,
			codes{shop.NotFound}, Carry, false, handle(a.Payment.GetPayment)},
		{post, "/v1/payments/{id}/capture", "postCapture", "Take a parcel's money, by hand", admins,
			202, moved, Carry, true, answers[payment.Accepted](a.Payment.PostCapture)},
		{post, "/v1/payments/{id}/refunds", "postRefund", "Give captured money back", admins,
			202, moved, Carry, true, answers[payment.Accepted](a.Payment.PostRefund)},
		{post, "/v1/payments/{id}/attempts", "postAttempt", "Try another card", buyers, 202, moved,
			Carry, true, answers[payment.Attempted](a.Payment.PostAttempt)},
		{post, "/v1/payments/{id}/disputes/{dispute}/evidence", "postEvidence",
			"Hand in evidence, once", []room.Role{room.Admin()}, 202, moved, Carry, true,
			answers[payment.EvidenceTaken](a.Payment.PostEvidence)},
		{post, "/v1/webhooks/{provider}", "postWebhook", "A provider's notice, signed", nil, 204,
			codes{shop.NotFound, shop.Unauthorised}, Carry, false, handle(a.Payment.PostWebhook)},
	}
}

func (a *App) shipmentRoutes() []Route {
	dealers := []room.Role{room.Dealer(), room.Admin(), room.ServiceRole()}
	viewers := []room.Role{room.Customer(), room.Dealer(), room.Admin(), room.ServiceRole()}
	moved := codes{shop.NotFound, shop.Illegal, shop.Conflict}
	held := codes{shop.NotFound, shop.Illegal, shop.Conflict, fulfilment.OnHold}
	return []Route{
		{get, "/v1/shipments", "getShipments", "List a dealer's shipments", dealers, 200,
			codes{shop.NotFound}, Browse, false, handle(a.Fulfilment.GetShipments)},
		{get, "/v1/shipments/{id}", "getShipment", "Show a shipment", viewers, 200,
			codes{shop.NotFound}, Browse, false, handle(a.Fulfilment.GetShipment)},
		{post, "/v1/shipments/{id}/pack", "postPack", "The parcel is packed: take the money",
			dealers, 200, held, Carry, true,
			answers[fulfilment.ShipmentView](a.Fulfilment.PostPack)},
		{post, "/v1/shipments/{id}/dispatch", "postDispatch", "The parcel has left",
			dealers, 200, held, Carry, true,
			answers[fulfilment.ShipmentView](a.Fulfilment.PostDispatch)},
		{post, "/v1/shipments/{id}/deliver", "postDeliver", "The parcel has arrived",
			dealers, 200, moved, Carry, true,
			answers[fulfilment.ShipmentView](a.Fulfilment.PostDeliver)},
		{post, "/v1/shipments/{id}/lost", "postLost", "Give the parcel up; moves no money",
			[]room.Role{room.Admin(), room.ServiceRole()}, 200, moved, Carry, true,
			answers[fulfilment.ShipmentView](a.Fulfilment.PostLost)},
	}
}

func (a *App) returnRoutes() []Route {
	buyers := []room.Role{room.Customer(), room.Admin(), room.ServiceRole()}
	dealers := []room.Role{room.Dealer(), room.Admin(), room.ServiceRole()}
	viewers := []room.Role{room.Customer(), room.Dealer(), room.Admin(), room.ServiceRole()}
	moved := codes{shop.NotFound, shop.Illegal, shop.Conflict}
	return []Route{
		{post, "/v1/orders/{id}/returns", "postReturn", "Ask to send goods of a parcel back",
			buyers, 201, moved, Carry, true,
			answers[fulfilment.ReturnView](a.Fulfilment.PostReturn)},
		{get, "/v1/orders/{id}/returns", "getOrderReturns", "List the returns of an order",
			buyers, 200, codes{shop.NotFound}, Browse, false,
			handle(a.Fulfilment.GetOrderReturns)},
		{get, "/v1/returns", "getReturns", "List a dealer's returns, newest first", dealers, 200,
			codes{shop.NotFound}, Browse, false, handle(a.Fulfilment.GetReturns)},
		{get, "/v1/returns/{id}", "getReturn", "Show a return", viewers, 200,
			codes{shop.NotFound}, Browse, false, handle(a.Fulfilment.GetOneReturn)},
		{post, "/v1/returns/{id}/approve", "postApproveReturn", "Let the goods come back", dealers,
			200, moved, Carry, true,
			answers[fulfilment.ReturnView](a.Fulfilment.PostApproveReturn)},
		{post, "/v1/returns/{id}/decline", "postDeclineReturn", "Refuse a return", dealers, 200,
			moved, Carry, true, answers[fulfilment.ReturnView](a.Fulfilment.PostDeclineReturn)},
		{post, "/v1/returns/{id}/cancel", "postCancelReturn", "Keep the goods after all", buyers,
			200, moved, Carry, true,
			answers[fulfilment.ReturnView](a.Fulfilment.PostCancelReturn)},
		{post, "/v1/returns/{id}/receive", "postReceiveReturn", "Goods of a return have arrived",
			dealers, 200, moved, Carry, true,
			answers[fulfilment.ReturnView](a.Fulfilment.PostReceiveReturn)},
		{post, "/v1/returns/{id}/inspect", "postInspectReturn",
			"Say what becomes of units that came back: restock, scrap, quarantine", dealers, 200,
			moved, Carry, true,
			answers[fulfilment.ReturnView](a.Fulfilment.PostInspectReturn)},
	}
}

func (a *App) labelRoutes() []Route {
	dealers := []room.Role{room.Dealer(), room.Admin(), room.ServiceRole()}
	viewers := []room.Role{room.Customer(), room.Dealer(), room.Admin(), room.ServiceRole()}
	moved := codes{shop.NotFound, shop.Illegal, shop.Conflict}
	const pdf = "application/pdf"
	return []Route{
		{post, "/v1/shipments/{id}/label", "postLabel", "Buy a label from the carrier", dealers,
			202, moved, Carry, true, answers[fulfilment.LabelView](a.Fulfilment.PostLabel)},
		{get, "/v1/shipments/{id}/label.pdf", "getLabel", "Print the label", dealers, 200,
			codes{shop.NotFound}, Browse, false, handle(a.Fulfilment.GetLabel).as(pdf)},
		{get, "/v1/shipments/{id}/packing-slip.pdf", "getPackingSlip", "Print the packing slip",
			dealers, 200, codes{shop.NotFound}, Browse, false,
			handle(a.Fulfilment.GetSlip).as(pdf)},
		{post, "/v1/returns/{id}/label", "postReturnLabel", "Buy a label for the way back",
			viewers, 202, moved, Carry, true,
			answers[fulfilment.LabelView](a.Fulfilment.PostReturnLabel)},
		{get, "/v1/returns/{id}/label.pdf", "getReturnLabel", "Print the label for the way back",
			viewers, 200, codes{shop.NotFound}, Browse, false,
			handle(a.Fulfilment.GetReturnLabel).as(pdf)},
		{post, "/v1/carriers/{carrier}/webhooks", "postCarrierWebhook",
			"A carrier's word about a parcel, signed", nil, 204,
			codes{shop.NotFound, shop.Unauthorised}, Carry, false,
			handle(a.Fulfilment.PostCarrier)},
	}
}

func (a *App) messageRoutes() []Route {
	people := []room.Role{room.Customer(), room.Dealer(), room.Admin()}
	missing := codes{shop.NotFound}
	return []Route{
		{get, "/v1/messages", "getMessages", "What the shop told somebody", people, 200, missing,
			Browse, false, handle(a.Notification.GetMessages)},
		{get, "/v1/messages/{id}/leave/{key}", "getLeave", "A page with a button to leave a topic",
			nil, 200, nil, Carry, false, handle(a.Notification.GetLeave).as("text/html")},
		{post, "/v1/messages/{id}/leave/{key}", "postLeave", "Leave the topic of a mail", nil, 204,
			missing, Carry, false, handle(a.Notification.PostLeave)},
		{get, "/v1/accounts/{id}/preferences", "getPreferences", "How somebody wants to be told",
			people, 200, missing, Browse, false, handle(a.Notification.GetPreferences)},
		{put, "/v1/accounts/{id}/preferences", "putPreferences",
			"Say how somebody wants to be told", people, 200, missing, Carry, false,
			handle(a.Notification.PutPreferences)},
		{get, "/v1/ops/messages/preview", "getPreview", "What a message would look like",
			[]room.Role{room.Admin(), room.ServiceRole()}, 200, nil, Carry, false,
			handle(a.Notification.GetPreview)},
		{get, "/v1/ops/messages", "getTroubles", "Messages that did not leave, or may not have",
			[]room.Role{room.Admin(), room.ServiceRole()}, 200, nil, Carry, false,
			handle(a.Notification.GetTroubles)},
	}
}

func (a *App) endpointRoutes() []Route {
	owners := []room.Role{room.Dealer(), room.Admin()}
	missing := codes{shop.NotFound}
	const path = "/v1/endpoints/{id}"
	return []Route{
		{post, "/v1/endpoints", "postEndpoint", "Ask to be told by webhooks", owners, 201,
			codes{shop.Illegal, shop.Conflict}, Carry, true, handle(a.Notification.PostEndpoint).
				also(200, "It was registered with this key before", notification.EndpointView{})},
		{get, "/v1/endpoints", "getEndpoints", "List one's endpoints", owners, 200, nil, Browse,
			false, handle(a.Notification.GetEndpoints)},
		{get, path, "getEndpoint", "Show an endpoint", owners, 200, missing, Browse, false,
			handle(a.Notification.GetEndpoint)},
		{patch, path, "patchEndpoint", "Change, disable or enable an endpoint", owners, 200,
			codes{shop.NotFound, shop.Illegal, shop.Conflict}, Carry, false,
			handle(a.Notification.PatchEndpoint)},
		{post, path + "/rotate", "postRotate", "Sign with a new secret", owners, 200,
			codes{shop.NotFound, shop.Conflict}, Carry, true, handle(a.Notification.PostRotate)},
		{post, path + "/remove", "postRemove", "End an endpoint", owners, 204,
			codes{shop.NotFound, shop.Conflict}, Carry, false, handle(a.Notification.PostRemove)},
		{get, path + "/deliveries", "getDeliveries", "An endpoint's webhooks, newest first",
			owners, 200, missing, Browse, false, handle(a.Notification.GetDeliveries)},
		{post, path + "/replay", "postHookReplay", "Have webhooks sent again", owners, 200,
			codes{shop.NotFound, shop.Conflict}, Carry, false, handle(a.Notification.PostReplay)},
		{get, "/v1/ops/endpoints", "getEndpointCases", "Endpoints that were disabled for failing",
			[]room.Role{room.Admin(), room.ServiceRole()}, 200, nil, Carry, false,
			handle(a.Notification.GetEndpointCases)},
	}
}

func (a *App) countRoutes() []Route {
	return []Route{
		{get, "/v1/ops/analytics", "getAnalytics", "What happened, counted",
			[]room.Role{room.Admin()}, 200, nil, Browse, false, handle(a.Analytics.GetAnalytics)},
	}
}

func (a *App) bookRoutes() []Route {
	dealers := []room.Role{room.Dealer(), room.Admin(), room.ServiceRole()}
	admins := []room.Role{room.Admin(), room.ServiceRole()}
	missing := codes{shop.NotFound}
	return []Route{
		{get, "/v1/dealers/{id}/balance", "getBalance", "What a dealer has, and may be paid",
			dealers, 200, missing, Carry, false, handle(a.Ledger.GetBalance)},
		{get, "/v1/dealers/{id}/statement", "getStatement", "What happened to a dealer's money",
			dealers, 200, missing, Browse, false, handle(a.Ledger.GetStatement)},
		{get, "/v1/dealers/{id}/statement.csv", "getStatementCSV", "The same as a table",
			dealers, 200, missing, Browse, false,
			handle(a.Ledger.GetStatementCSV).as("text/csv")},
		{get, "/v1/dealers/{id}/terms", "getTerms", "What the market takes of a dealer's goods",
			dealers, 200, missing, Carry, false, handle(a.Ledger.GetTerms)},
		{put, "/v1/dealers/{id}/terms", "putTerms", "Take another share from a moment on",
			admins, 200, codes{shop.Illegal}, Carry, false, handle(a.Ledger.PutTerms)},
		{get, "/v1/dealers/{id}/payee", "getPayee", "Where a dealer's payouts go", dealers, 200,
			missing, Carry, false, handle(a.Ledger.GetPayee)},
		{put, "/v1/dealers/{id}/payee", "putPayee", "Name the account for a dealer's payouts",
			dealers, 200, missing, Carry, false, handle(a.Ledger.PutPayee)},
		{get, "/v1/payouts", "getPayouts", "List a dealer's payouts, newest first", dealers, 200,
			missing, Carry, false, handle(a.Ledger.GetPayouts)},
		{post, "/v1/payouts", "postPayout", "Pay out all that a dealer may have", dealers, 202,
			codes{shop.NotFound, ledger.NoPayee, ledger.NothingDue, ledger.PayoutOpen}, Carry,
			true, answers[ledger.PayoutView](a.Ledger.PostPayout)},
		{get, "/v1/payouts/{id}", "getPayout", "Show a payout", dealers, 200, missing, Carry,
			false, handle(a.Ledger.GetPayout)},
		{post, "/v1/payouts/{id}/check", "postPayoutCheck", "Ask what became of a payout", admins,
			200, missing, Carry, false, handle(a.Ledger.PostPayoutCheck)},
		{get, "/v1/ops/ledger/payouts", "getOpenPayouts", "Payouts that somebody waits for",
			admins, 200, nil, Carry, false, handle(a.Ledger.GetOpenPayouts)},
		{get, "/v1/ops/ledger/trial-balance", "getTrialBalance", "Whether the books balance",
			[]room.Role{room.Admin()}, 200, nil, Browse, false, handle(a.Ledger.GetTrialBalance)},
	}
}

func (a *App) caseRoutes() []Route {
	return []Route{
		{get, "/v1/ops/cases", "getCases", "Payments at which a person has to look",
			[]room.Role{room.Admin(), room.ServiceRole()}, 200, nil, Carry, false,
			handle(a.Payment.GetCases)},
	}
}

func (a *App) opsRoutes() []Route {
	admins := []room.Role{room.Admin()}
	missing := codes{shop.NotFound}
	return []Route{
		{get, "/v1/ops/subscriptions", "getSubscriptions", "The state of every subscription",
			admins, 200, nil, Carry, false, handle(a.ops.GetSubscriptions)},
		{post, "/v1/ops/subscriptions/{name}/pause", "postPause", "Let its events wait",
			admins, 204, missing, Carry, false, handle(a.ops.PostPause)},
		{post, "/v1/ops/subscriptions/{name}/resume", "postResume", "Let its events flow",
			admins, 204, missing, Carry, false, handle(a.ops.PostResume)},
		{get, "/v1/ops/dead-letters", "getDeadLetters", "Events that a subscription gave up on",
			admins, 200, missing, Carry, false, handle(a.ops.GetDeadLetters)},
		{post, "/v1/ops/dead-letters/redrive", "postRedrive", "Deliver a dead letter again",
			admins, 204, missing, Carry, false, handle(a.ops.PostRedrive)},
		{post, "/v1/ops/replays", "postReplay", "Deliver again from a moment on",
			admins, 200, missing, Carry, false, handle(a.ops.PostReplay)},
		{post, "/v1/ops/backups", "postBackup", "Copy the running market", admins, 201,
			codes{shop.Conflict, shop.Illegal}, Carry, false,
			handle(a.copies.PostBackup).also(202, "It is still being made", BackupBody{})},
		{get, "/v1/ops/backups", "getBackups", "What this process backed up", admins, 200, nil,
			Carry, false, handle(a.copies.GetBackups)},
	}
}

func (a *App) intakeRoutes() []Route {
	admins := []room.Role{room.Admin()}
	return []Route{
		{get, "/v1/ops/intake", "getIntake", "The purchase queue and its dead letters", admins, 200,
			nil, Carry, false, handle(a.ops.GetIntake)},
		{post, "/v1/ops/intake/redrive", "postIntakeRedrive", "Try a dead purchase again",
			admins, 204, codes{shop.NotFound}, Carry, false, handle(a.ops.PostIntakeRedrive)},
	}
}

func (a *App) systemRoutes() []Route {
	const text = "text/plain"
	machines := []room.Role{room.Admin(), room.ServiceRole()}
	if a.cfg.Policy.OpenMeters {
		machines = nil
	}
	return []Route{
		{get, "/.well-known/jwks.json", "getJWKS", "The keys that sign tokens", nil, 200, nil,
			Carry, false, handle(a.Identity.GetJWKS)},
		{get, "/openapi.json", "getOpenAPI", "This document", nil, 200, nil, Carry, false,
			writes("application/json", func(w http.ResponseWriter, r *http.Request) {
				a.house.openAPI(w, r)
			})},
		{get, "/healthz", "getHealth", "The process is alive", nil, 200, nil, Carry, false,
			writes(text, a.health.getHealth)},
		{get, "/readyz", "getReady", "Requests are welcome", nil, 200, nil, Carry, false,
			writes(text, a.health.getReady)},
		{get, "/metrics", "getMetrics", "Numbers for Prometheus", machines, 200, nil,
			Carry, false, writes(text, a.meters.handler().ServeHTTP)},
	}
}
