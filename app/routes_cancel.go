package app

import (
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/fulfilment"
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
