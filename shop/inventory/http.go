package inventory

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// GetStockIn asks how much there is of a SKU.
type GetStockIn struct {
	SKU string `path:"sku" pattern:"^[!-.0-~]{1,64}$" doc:"what the listing is called"`
}

// GetStockOut says how many units can be ordered now.
type GetStockOut struct {
	Body StockBody
}

// StockBody is what everybody may know of a SKU's stock.
type StockBody struct {
	SKU       shop.SKU `json:"sku"`
	Available int64    `json:"available" doc:"units that can be ordered now"`
}

// GetStock is GET /v1/stock/{sku}. Anybody may ask. A SKU that is listed and was never received has
// 0 available; one that is not listed is shop.UnknownSKU.
func (s *Service) GetStock(ctx context.Context, in *GetStockIn) (*GetStockOut, error) {
	sku, err := shop.ParseSKU(in.SKU)
	if err != nil {
		return nil, err
	}
	l, err := s.Level(ctx, sku)
	if err != nil {
		return nil, err
	}
	if l.Allotments == 0 {
		if _, err := s.owners.Owner(ctx, sku); err != nil {
			return nil, err
		}
	}
	return &GetStockOut{Body: StockBody{SKU: sku, Available: l.Available}}, nil
}

// PutStockIn sets a SKU's stock to what was counted on the shelf.
type PutStockIn struct {
	SKU            string `path:"sku" pattern:"^[!-.0-~]{1,64}$"`
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"one key a count"`
	Body           CountBody
}

// CountBody is a count of the shelf, reserved units included.
type CountBody struct {
	OnHand int64 `json:"onHand" minimum:"0" maximum:"1000000000" doc:"units on the shelf"`
}

// PutStockOut is the level after the count, as it was answered the first time.
type PutStockOut struct {
	Status      int
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// PutStock is PUT /v1/stock/{sku}, for the SKU's dealer and for admins. It announces the difference
// to what was known as a movement. Fewer units than are reserved for orders is shop.Conflict;
// another dealer's SKU is shop.NotFound; the same key again gets the same answer.
func (s *Service) PutStock(ctx context.Context, in *PutStockIn) (*PutStockOut, error) {
	sku, err := shop.ParseSKU(in.SKU)
	if err != nil {
		return nil, err
	}
	caller := room.CallerOf(ctx)
	if _, err := s.mayCount(ctx, caller, sku); err != nil {
		return nil, err
	}
	if in.Body.OnHand < 0 || in.Body.OnHand > MaxUnits {
		return nil, shop.Errorf(shop.Invalid, "onHand is 0 to %d, not %d", MaxUnits, in.Body.OnHand)
	}
	once, err := onceOf(caller, "PUT /v1/stock", in.IdempotencyKey, struct {
		SKU  shop.SKU
		Body CountBody
	}{sku, in.Body})
	if err != nil {
		return nil, err
	}
	var answer room.Answer
	err = s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		var had bool
		if answer, had, err = once.Recall(ctx, tx); err != nil || had {
			return err
		}
		l, err := s.count(ctx, tx, sku, in.Body.OnHand)
		if err != nil {
			return err
		}
		body, err := json.Marshal(l)
		if err != nil {
			return shop.Errorf(shop.Internal, "encode the stock of %s: %w", sku, err)
		}
		answer = room.Answer{Status: http.StatusOK, Body: body}
		once.Remember(tx, answer, tx.Now())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &PutStockOut{
		Status: answer.Status, ContentType: "application/json", Body: answer.Body,
	}, nil
}

// mayCount refuses whoever may not say what is on the shelf, and returns whose it is.
func (s *Service) mayCount(
	ctx context.Context, caller room.Caller, sku shop.SKU,
) (shop.ID, error) {
	switch {
	case caller == (room.Caller{}):
		return "", shop.Errorf(shop.Unauthorised, "a dealer's or an admin's token is needed")
	case !caller.May(room.Dealer(), room.Admin()):
		return "", shop.Errorf(shop.Forbidden, "only dealers and admins set stock")
	}
	owner, err := s.owners.Owner(ctx, sku)
	if err != nil {
		return "", err
	}
	if caller.May(room.Dealer()) && owner != caller.ID {
		return "", shop.Errorf(shop.NotFound, "you have no listing %s", sku)
	}
	return owner, nil
}

func onceOf(caller room.Caller, route, key string, request any) (room.Once, error) {
	if key == "" {
		return room.Once{}, shop.Errorf(shop.KeyMissing, "an Idempotency-Key header is required").
			WithHint("send one new key a count, and the same one with every retry")
	}
	sum, err := room.Fingerprint(request)
	return room.Once{
		Principal: string(caller.ID), Route: route, Key: key, Fingerprint: sum,
	}, err
}

// count sets what is on hand to a number, and returns the level after it. The commit is conditional
// on the counters that it read.
func (s *Service) count(
	ctx context.Context, tx *room.Tx, sku shop.SKU, onHand int64,
) (Level, error) {
	care, err := room.Get[Care](ctx, tx, CareKey(sku))
	if err != nil {
		return Level{}, err
	}
	if care != nil {
		return s.countCared(ctx, tx, sku, onHand)
	}
	available, err := availableIn(ctx, tx, sku)
	if err != nil {
		return Level{}, err
	}
	l := Level{SKU: sku, OnHand: onHand, Allotments: len(available)}
	had := int64(0)
	for i := range available {
		counters, err := tx.Counters(ctx, StockKey(sku, i))
		if err != nil {
			return l, err
		}
		available[i] = counters[Available]
		had += counters[OnHand]
		l.Reserved += counters[Reserved]
	}
	l.Available = onHand - l.Reserved
	if l.Available < 0 {
		return l, tooFew(sku, onHand, l.Reserved)
	}
	if onHand == had {
		return l, nil
	}
	f := &event.StockMoved{
		Movement: s.desk.IDs.NewID("mov"), SKU: sku, Quantity: onHand - had, Reason: reasonCount,
	}
	switch {
	case len(available) == 1:
	case f.Quantity > 0:
		f.Spread = spreadEvenly(f.Quantity, len(available))
	default:
		f.Spread, _ = takeOut(-f.Quantity, available) // enough: onHand is not below reserved
	}
	return l, tx.Announce(ctx, f, 1)
}

// tooFew refuses a count of fewer units than are promised to orders.
func tooFew(sku shop.SKU, onHand, reserved int64) error {
	return shop.Errorf(shop.Conflict,
		"%d units of %s are reserved for orders, so %d cannot be on hand; nothing was changed",
		reserved, sku, onHand).
		WithHint("cancel orders first, count again after they were dispatched, or announce a " +
			"stock-take, which says what is short")
}

// countCared is count for a SKU with a care.
func (s *Service) countCared(
	ctx context.Context, tx *room.Tx, sku shop.SKU, onHand int64,
) (Level, error) {
	k, _, err := keeping(ctx, tx, sku)
	if err != nil {
		return Level{}, err
	}
	if onHand < k.reserved {
		return k.level(), tooFew(sku, onHand, k.reserved)
	}
	change := onHand - k.onHand
	if change == 0 {
		return k.level(), nil
	}
	err = tx.Announce(ctx, &event.StockMoved{
		Movement: s.desk.IDs.NewID("mov"), SKU: sku, Quantity: change, Reason: reasonCount,
	}, 1)
	if err == nil {
		err = k.settle(ctx, tx, change, 0, byStock)
	}
	return k.level(), err
}
