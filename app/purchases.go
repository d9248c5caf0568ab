package app

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
)

// purchases is the buffered intake door: checkouts that were accepted and are not begun. They wait
// in the platform's queue, and workers take them through the same checkout as everybody's.
type purchases struct {
	queue platform.Queue
	desk  *room.Desk // of the app's own aux records: what became of each purchase
	order *order.Service
	vault order.Vault
	pace  *pace
}

// purchase is a message of the queue. Personal data is sealed in it, the card is payment's
// reference.
type purchase struct {
	Order    shop.ID                `json:"order"`
	Customer shop.ID                `json:"customer"`
	Items    []order.Item           `json:"items"`
	Cart     shop.ID                `json:"cart,omitempty"`
	Method   shop.ID                `json:"method"`
	Expected *shop.Money            `json:"expected,omitempty"`
	Person   shop.Sealed[recipient] `json:"person"`
	At       time.Time              `json:"at"`
	Cause    room.Cause             `json:"cause"`
}

// recipient is the personal data of a purchase. It exists only sealed.
type recipient struct {
	ShipTo shop.Address `json:"shipTo"`
	Email  string       `json:"email,omitempty"`
	Phone  string       `json:"phone,omitempty"`
}

// PurchaseBody is what became of a purchase.
type PurchaseBody struct {
	ID     shop.ID `json:"id" doc:"of the order"`
	Status string  `json:"status" enum:"queued,ordered,refused"`
	Code   string  `json:"code,omitempty" doc:"why it was refused"`
	Detail string  `json:"detail,omitempty"`
}

// row is the record of a purchase.
type row struct {
	Customer shop.ID      `json:"customer"`
	Print    string       `json:"print"` // fingerprint of what was asked for
	State    PurchaseBody `json:"state"`
}

func rowKey(id shop.ID) platform.Key {
	return platform.Key{Part: room.AuxPrefix + "purchase/" + string(id), Sort: "purchase"}
}

// PostOrder answers POST /v1/orders. With Prefer: respond-async it answers as soon as the purchase
// is durable in the queue, in which a customer has maxQueued seats; otherwise it is the order
// room's checkout. A key that was answered so once is answered so always.
func (p *purchases) PostOrder(
	ctx context.Context, in *order.PostOrderIn,
) (*order.AnswerOut, error) {
	if prefersAsync(in.Prefer) {
		out, err := p.later(ctx, in)
		if err == nil && out.Queued() {
			out.PreferenceApplied = "respond-async"
		}
		return out, err
	}
	defer p.pace.begin()()
	out, err := p.order.PostOrder(ctx, in)
	if err == nil && out.Queued() {
		return p.later(ctx, in)
	}
	return out, err
}

// later promises an order and puts it into the queue. Between the two the process may die. So a
// promise that is given again is not believed: the purchase is sent again, unless its row says
// what became of it. It needs a seat again if it never got to its row and its seat was given away.
func (p *purchases) later(
	ctx context.Context, in *order.PostOrderIn,
) (*order.AnswerOut, error) {
	promised, err := p.order.Promise(ctx, in, p.admit)
	if err != nil {
		return nil, err
	}
	a, b := promised.Answer, promised.Basket
	out := &order.AnswerOut{
		Status: a.Status, ContentType: "application/json", Body: a.Body,
		Location: "/v1/orders/" + a.Ref,
	}
	if !promised.Queued {
		return out, nil
	}
	out.Location = "/v1/purchases/" + a.Ref
	if promised.Again {
		have, err := room.Get[row](ctx, p.desk.Begin(room.Cause{}), rowKey(b.Order))
		if err == nil && have == nil {
			err = p.admit(ctx, b.Customer, b.Order)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := p.accept(ctx, b, in.Body.Items); err != nil {
		return nil, err
	}
	return out, nil
}

// prefersAsync reads the preference of RFC 7240.
func prefersAsync(prefer string) bool {
	for one := range strings.SplitSeq(prefer, ",") {
		one, _, _ = strings.Cut(one, ";")
		if strings.EqualFold(strings.TrimSpace(one), "respond-async") {
			return true
		}
	}
	return false
}

// PostPurchaseIn hands over a purchase that another system has taken.
type PostPurchaseIn struct {
	Body struct {
		OrderID    string       `json:"orderId" pattern:"^ord_[A-Za-z0-9_-]{1,52}$"`
		CustomerID string       `json:"customerId" pattern:"^[A-Za-z0-9_-]{1,64}$"`
		ItemList   []order.Item `json:"itemList" minItems:"1" maxItems:"1200"`
		// PaymentStatus is what the sender knows of the money.
		PaymentStatus string `json:"paymentStatus" enum:"pending" doc:"nothing is authorised yet"`
		Payment       struct {
			Token string `json:"token" pattern:"^tok_[A-Za-z0-9_-]{1,60}$" patternDescription:"a token tok_…, never a card number"`
		} `json:"payment"`
		ShipTo        shop.Address `json:"shipTo"`
		Email         string       `json:"email,omitempty" format:"email" maxLength:"254"`
		Phone         string       `json:"phone,omitempty" pattern:"^[+][1-9][0-9]{6,14}$" doc:"where messages may go by SMS"`
		ExpectedTotal *shop.Money  `json:"expectedTotal,omitempty" doc:"compared, never trusted"`
	}
}

// PostPurchaseOut says that the purchase is in the queue.
type PostPurchaseOut struct {
	Status   int
	Location string `header:"Location"`
	Body     PurchaseBody
}

// PostPurchase answers POST /v1/purchases, for machines: a purchase goes into the queue and
// becomes the order of the given id. The order id is the idempotency key: the same purchase sent
// again is one order, another purchase with the same id is a Conflict. paymentStatus says what the
// sender knows of the money, and can only be "pending": Souk keeps an order only for money that it
// was promised by its own provider, so it authorises the token itself, as at every checkout.
func (p *purchases) PostPurchase(
	ctx context.Context, in *PostPurchaseIn,
) (*PostPurchaseOut, error) {
	b := in.Body
	basket := order.Basket{
		Order: shop.ID(b.OrderID), Customer: shop.ID(b.CustomerID), Items: b.ItemList,
		ShipTo: b.ShipTo, Email: b.Email, Phone: b.Phone, Expected: b.ExpectedTotal,
	}
	if err := b.ShipTo.Check(); err != nil {
		return nil, err
	}
	var err error
	basket.Method, err = p.vault.Vault(ctx, basket.Customer, b.OrderID, "", b.Payment.Token)
	if err != nil {
		return nil, err
	}
	if err := p.accept(ctx, basket, b.ItemList); err != nil {
		return nil, err
	}
	return &PostPurchaseOut{
		Status: http.StatusAccepted, Location: "/v1/purchases/" + b.OrderID,
		Body: PurchaseBody{ID: basket.Order, Status: "queued"},
	}, nil
}

// accept makes a purchase durable: first its row, which refuses another purchase of the same id,
// then the message. Whoever asks again after a crash between the two sends the message again; the
// queue drops a second one, and the checkout makes one order of any number. asked are the items
// that the request named: what is in a cart may change from one time to the next.
func (p *purchases) accept(ctx context.Context, b order.Basket, asked []order.Item) error {
	if len(asked) == 0 {
		asked = nil // however the request said so
	}
	print, err := room.Fingerprint([]any{b.Customer, asked, b.Cart, b.Expected, b.Method})
	if err != nil {
		return err
	}
	done := false
	err = p.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		have, err := room.Get[row](ctx, tx, rowKey(b.Order))
		switch {
		case err != nil:
			return err
		case have == nil:
			room.Put(tx, rowKey(b.Order), &row{
				Customer: b.Customer, Print: print,
				State: PurchaseBody{ID: b.Order, Status: "queued"},
			})
			return nil
		case have.Print != print || have.Customer != b.Customer:
			return shop.Errorf(shop.Conflict,
				"there is another purchase %s; nothing was done", b.Order)
		}
		done = have.State.Status != "queued"
		return nil
	})
	if err != nil || done {
		return err
	}
	return p.send(ctx, b)
}

func (p *purchases) send(ctx context.Context, b order.Basket) error {
	person, err := shop.Seal(ctx, p.desk.Keys, b.Customer, recipient{b.ShipTo, b.Email, b.Phone})
	if err != nil {
		return err
	}
	body, err := room.Encode(purchase{
		Order: b.Order, Customer: b.Customer, Items: b.Items, Cart: b.Cart, Method: b.Method,
		Expected: b.Expected, Person: person, At: p.desk.Clock.Now().UTC(),
		Cause: room.RequestCause(ctx),
	})
	if err != nil {
		return err
	}
	if len(body) > platform.MaxMessageBytes {
		return shop.Errorf(shop.Invalid,
			"the purchase does not fit into the queue; check it out without respond-async")
	}
	m := platform.Message{ID: string(b.Order), Body: body}
	return p.queue.Send(ctx, m, 0)
}

// GetPurchaseIn names a purchase.
type GetPurchaseIn struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
}

// GetPurchaseOut is what became of it.
type GetPurchaseOut struct {
	Body PurchaseBody
}

// GetPurchase answers GET /v1/purchases/{id}, for its customer, an administrator and machines.
func (p *purchases) GetPurchase(ctx context.Context, in *GetPurchaseIn) (*GetPurchaseOut, error) {
	by := room.CallerOf(ctx)
	have, err := room.Get[row](ctx, p.desk.Begin(room.Cause{}), rowKey(shop.ID(in.ID)))
	if err != nil {
		return nil, err
	}
	if have == nil || have.Customer != by.ID && !by.May(room.Admin(), room.ServiceRole()) {
		return nil, shop.Errorf(shop.NotFound, "there is no such purchase")
	}
	return &GetPurchaseOut{Body: have.State}, nil
}
