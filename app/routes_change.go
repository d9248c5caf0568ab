package app

import (
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
)

// cancelRoutes are about units that are not wanted any more.
func (a *App) cancelRoutes() []Route {
	readers := []room.Role{room.Customer(), room.Admin(), room.ServiceRole()}
	return []Route{
		{post, "/v1/orders/{id}/cancellations", "postCancelLines",
			"Cancel units that were not packed, or, as an admin, that have not left", readers, 200,
			codes{shop.NotFound, shop.Conflict}, Carry, true,
			answers[fulfilment.CancellationView](a.Fulfilment.PostCancelLines)},
		{post, "/v1/orders/{id}/cancellations/preview", "previewCancelLines",
			"What cancelling units would give back; nothing is done", readers, 200,
			codes{shop.NotFound, shop.Conflict}, Browse, false,
			handle(a.Fulfilment.PreviewCancelLines)},
	}
}

// editRoutes add to what was ordered.
func (a *App) editRoutes() []Route {
	readers := []room.Role{room.Customer(), room.Admin(), room.ServiceRole()}
	refused := codes{
		shop.NotFound, shop.Illegal, shop.Conflict, shop.TotalChanged, shop.UnknownSKU,
	}
	return []Route{
		{post, "/v1/orders/{id}/edits", "postEdit",
			"Add to a placed order, if there are stock and money for all of it", readers, 202,
			refused, Begin, true, answers[order.EditView](a.Order.PostEdit).upTo(MaxBody)},
		{post, "/v1/orders/{id}/edits/preview", "previewEdit",
			"What adding something would cost; nothing is done", readers, 200, refused, Browse,
			false, handle(a.Order.PreviewEdit).upTo(MaxBody)},
	}
}

// noteRoutes are about what the market and its dealers write down.
func (a *App) noteRoutes() []Route {
	writers := []room.Role{room.Dealer(), room.Admin(), room.ServiceRole()}
	readers := []room.Role{room.Customer(), room.Dealer(), room.Admin(), room.ServiceRole()}
	return []Route{
		{post, "/v1/orders/{id}/notes", "postNote", "Write something down about an order",
			writers, 201, codes{shop.NotFound, shop.Conflict}, Carry, true,
			answers[order.NoteView](a.Order.PostNote)},
		{get, "/v1/orders/{id}/notes", "getNotes", "What was written down about an order, for you",
			readers, 200, codes{shop.NotFound}, Browse, false, handle(a.Order.GetNotes)},
	}
}
