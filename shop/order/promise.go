package order

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// Queued is the answer to a checkout that will be done later.
type Queued struct {
	ID     shop.ID `json:"id" doc:"of the order that will be made"`
	Status string  `json:"status" enum:"queued"`
}

// Promised is a checkout that somebody will do later by calling Checkout with Basket.
type Promised struct {
	Basket Basket // with the order's id and payment's reference to the card
	Answer room.Answer
	Queued bool // false: the key has another answer already, and there is nothing to do
	Again  bool // the promise was given before; Basket may name what is ordered by its cart alone
}

// Promise refuses what Checkout would refuse now, and otherwise remembers the answer under the
// request's key. So the same key makes one order at most, whether it is sent to be answered at
// once or later, and in whichever order. A promise that was given before is given again, whatever
// would be refused now: whoever keeps it may have forgotten it.
//
// admit is asked before a new promise, with the customer and the order that it is about, and may
// refuse it; nothing is remembered then. It may be asked again for a promise that it has admitted.
func (s *Service) Promise(
	ctx context.Context, in *PostOrderIn,
	admit func(ctx context.Context, customer, order shop.ID) error,
) (Promised, error) {
	by := room.CallerOf(ctx)
	if !by.May(room.Customer()) {
		return Promised{}, shop.Errorf(shop.Forbidden, "only a customer orders")
	}
	fingerprint, err := in.fingerprint()
	if err != nil {
		return Promised{}, err
	}
	once, err := newOnce(by, "POST /v1/orders", in.Key, fingerprint)
	if err != nil {
		return Promised{}, err
	}
	b := Basket{
		Order: promisedID(once.Once), Customer: by.ID, Items: in.Body.Items,
		Cart: shop.ID(in.Body.CartID), ShipTo: in.Body.ShipTo, Email: in.Body.Email,
		Phone: in.Body.Phone, Expected: in.Body.ExpectedTotal, Origin: "queue",
		Cards: in.Body.Payment.Cards,
	}
	a, again, err := once.Recall(ctx, s.desk.Begin(room.Cause{}))
	if err == nil && !again {
		err = s.complete(ctx, &b)
	}
	if err != nil {
		return Promised{}, err
	}
	b.Method, err = s.seams.Vault.Vault(ctx, by.ID, in.Key, in.Body.Payment.Provider,
		in.Body.Payment.Token)
	if err != nil {
		return Promised{}, err
	}
	if !again {
		a, err = s.promiseOnce(ctx, once.Once, b, admit)
	}
	if err == nil && a.Body == nil { // a request that waited has died; its order is there
		a, err = s.conclude(ctx, once.Once, shop.ID(a.Ref), 0)
	}
	return Promised{Basket: b, Answer: a, Queued: a.Ref == string(b.Order), Again: again}, err
}

// promiseOnce gives the key its answer, or returns the one that it got meanwhile.
func (s *Service) promiseOnce(
	ctx context.Context, once room.Once, b Basket,
	admit func(ctx context.Context, customer, order shop.ID) error,
) (room.Answer, error) {
	if _, err := s.plan(ctx, b); err != nil {
		return room.Answer{}, err
	}
	if err := admit(ctx, b.Customer, b.Order); err != nil {
		return room.Answer{}, err
	}
	body, err := room.Encode(Queued{ID: b.Order, Status: "queued"})
	if err != nil {
		return room.Answer{}, err
	}
	var a room.Answer
	err = s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		known, found, err := once.Recall(ctx, tx)
		if err != nil || found {
			a = known
			return err
		}
		a = room.Answer{Status: http.StatusAccepted, Body: body, Ref: string(b.Order)}
		once.Remember(tx, a, tx.Now())
		return nil
	})
	return a, err
}

// Queued reports whether an answer is that of Promise, which was given to the same key before.
func (o *AnswerOut) Queued() bool {
	var q Queued
	return o.Status == http.StatusAccepted && room.Decode(o.Body, &q) == nil &&
		q.Status == "queued"
}

// promisedID follows from the request, so that the promise given again is of the same order.
func promisedID(o room.Once) shop.ID {
	sum := sha256.Sum256([]byte(o.Principal + "|" + o.Route + "|" + o.Key))
	return shop.ID(idPrefix + hex.EncodeToString(sum[:13]))
}
