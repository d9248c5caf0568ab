package order

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// PostOrderIn asks to check out.
type PostOrderIn struct {
	Key    string `header:"Idempotency-Key" maxLength:"255"`
	Prefer string `header:"Prefer" maxLength:"100" doc:"wait=N: answer once decided; N ≤ 30"`
	Body   PostOrderBody
}

// PostOrderBody is a basket. What things cost is not part of it.
type PostOrderBody struct {
	Items   []Item `json:"items,omitempty" maxItems:"1200" doc:"may be left out with cartId"`
	Payment struct {
		Token string `json:"token" pattern:"^(tok|pm|ctoken)_[A-Za-z0-9_-]{1,60}$" patternDescription:"a token tok_…, never a card number" doc:"of the payment provider, never a card number"`

		Provider string `json:"provider,omitempty" pattern:"^[A-Za-z0-9]{0,20}$" doc:"whose token it is; the shop's first one if left out"`
		Cards    int    `json:"cards,omitempty" minimum:"0" maximum:"5" doc:"how many cards may be tried before the deadline; with 1, as if left out, a refusal cancels the order"`
	} `json:"payment"`
	ShipTo        shop.Address `json:"shipTo"`
	Email         string       `json:"email,omitempty" format:"email" maxLength:"254"`
	Phone         string       `json:"phone,omitempty" pattern:"^[+][1-9][0-9]{6,14}$" doc:"where messages may go by SMS, as in +442079460123"`
	ExpectedTotal *shop.Money  `json:"expectedTotal,omitempty" doc:"compared, never trusted"`
	CartID        string       `json:"cartId,omitempty" pattern:"^[A-Za-z0-9_-]{0,64}$" doc:"becomes one order"`
}

// AnswerOut is a stored answer, byte for byte the same for the same key.
type AnswerOut struct {
	Status            int
	ContentType       string `header:"Content-Type"`
	Location          string `header:"Location"`
	PreferenceApplied string `header:"Preference-Applied"`
	Body              []byte
}

// PostOrder checks out: POST /v1/orders.
func (s *Service) PostOrder(ctx context.Context, in *PostOrderIn) (*AnswerOut, error) {
	by := room.CallerOf(ctx)
	if !by.May(room.Customer()) {
		return nil, shop.Errorf(shop.Forbidden, "only a customer orders")
	}
	fingerprint, err := in.fingerprint()
	if err != nil {
		return nil, err
	}
	once, err := newOnce(by, "POST /v1/orders", in.Key, fingerprint)
	if err != nil {
		return nil, err
	}
	wait := parseWait(in.Prefer)
	a, err := s.checkoutOnce(ctx, in, once.Once, wait)
	if err != nil {
		return nil, err
	}
	out := once.out(a)
	out.Location = "/v1/orders/" + a.Ref
	if wait > 0 {
		out.PreferenceApplied = fmt.Sprintf("wait=%d", wait/time.Second)
	}
	return out, nil
}

// fingerprint is of the request as it was sent, but of the card token only its hash goes in.
func (in *PostOrderIn) fingerprint() (string, error) {
	body := in.Body
	sum := sha256.Sum256([]byte(body.Payment.Token))
	body.Payment.Token = hex.EncodeToString(sum[:])
	return room.Fingerprint(body)
}

// checkoutOnce makes the order that the request asks for, once, and returns the request's answer.
func (s *Service) checkoutOnce(
	ctx context.Context, in *PostOrderIn, once room.Once, wait time.Duration,
) (room.Answer, error) {
	a, found, err := once.Recall(ctx, s.desk.Begin(room.Cause{}))
	if err != nil {
		return room.Answer{}, err
	}
	if !found {
		if a, err = s.checkoutNew(ctx, in, once, wait); err != nil {
			if a, err = s.recallAfter(ctx, once, err); err != nil {
				return room.Answer{}, err
			}
		}
	}
	if a.Body != nil {
		return a, nil
	}
	return s.conclude(ctx, once, shop.ID(a.Ref), wait)
}

// recallAfter looks once more when a checkout was refused: the same request may have succeeded
// elsewhere meanwhile, and have used up its cart, or the last moment of a price.
func (s *Service) recallAfter(
	ctx context.Context, once room.Once, refusal error,
) (room.Answer, error) {
	a, found, err := once.Recall(ctx, s.desk.Begin(room.Cause{}))
	switch {
	case err == nil && found:
		return a, nil
	case shop.CodeOf(err) == shop.KeyInFlight && err != nil:
		return room.Answer{}, err
	}
	return room.Answer{}, refusal
}

// checkoutNew prices, vaults the token, then commits the order and the answer together. With
// wait the answer has no body yet: the request stays in flight until the order is decided, or
// the lease is over.
func (s *Service) checkoutNew(
	ctx context.Context, in *PostOrderIn, once room.Once, wait time.Duration,
) (room.Answer, error) {
	customer := shop.ID(once.Principal)
	b := Basket{
		Customer: customer, Items: in.Body.Items, Cart: shop.ID(in.Body.CartID),
		ShipTo: in.Body.ShipTo, Email: in.Body.Email, Phone: in.Body.Phone,
		Expected: in.Body.ExpectedTotal, Origin: "http", Cards: in.Body.Payment.Cards,
	}
	if err := s.complete(ctx, &b); err != nil {
		return room.Answer{}, err
	}
	plan, err := s.plan(ctx, b)
	if err != nil {
		return room.Answer{}, err
	}
	plan.Method, err = s.seams.Vault.Vault(ctx, customer, once.Key, in.Body.Payment.Provider,
		in.Body.Payment.Token)
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
		v, err := s.create(ctx, tx, plan)
		if err != nil {
			return err
		}
		if a, err = answerOf(v); err != nil {
			return err
		}
		if wait > 0 {
			a.Body = nil
		}
		once.Remember(tx, a, tx.Now().Add(wait+leaseSlack))
		return nil
	})
	return a, err
}

// GetOrderIn asks for one order.
type GetOrderIn struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
}

// GetOrderOut is one order.
type GetOrderOut struct {
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Body         View
}

// GetOrder shows an order: GET /v1/orders/{id}.
func (s *Service) GetOrder(ctx context.Context, in *GetOrderIn) (*GetOrderOut, error) {
	v, err := s.Get(ctx, shop.ID(in.ID))
	if err != nil {
		return nil, err
	}
	return &GetOrderOut{
		ETag: fmt.Sprintf("%q", fmt.Sprint(v.Version)), CacheControl: "private, no-cache", Body: v,
	}, nil
}

// GetOrdersIn asks for a page of a customer's orders.
type GetOrdersIn struct {
	Customer string `query:"customer" pattern:"^[A-Za-z0-9_-]{0,64}$" doc:"whose; an administrator's question"`
	Cursor   string `query:"cursor" pattern:"^(|[0-9]{8}T[0-9]{6}[.][0-9]{3}#[A-Za-z0-9_-]{1,64})$" doc:"next of the page before"`
	Limit    int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
}

// GetOrdersOut is a page of a customer's orders.
type GetOrdersOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Items []View `json:"items" maxItems:"100"`
		Next  string `json:"next,omitempty" doc:"the cursor of the next page, if there may be one"`
	}
}

// GetOrders lists the caller's orders, newest first: GET /v1/orders.
func (s *Service) GetOrders(ctx context.Context, in *GetOrdersIn) (*GetOrdersOut, error) {
	page, err := s.ListMine(ctx, shop.ID(in.Customer), in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &GetOrdersOut{CacheControl: "private, no-cache"}
	out.Body.Items, out.Body.Next = page.Orders, page.Next
	return out, nil
}

// GetEventsIn asks for the history of an order.
type GetEventsIn struct {
	ID    string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	After int64  `query:"after" minimum:"0" doc:"the sequence of the last event that is known"`
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"100"`
	// LastEventID is read by the stream.
	LastEventID string `header:"Last-Event-ID" pattern:"^[0-9]{0,18}$" doc:"where a stream goes on"`
}

// GetEventsOut is the history of an order.
type GetEventsOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Items []event.CloudEvent `json:"items" maxItems:"100"`
	}
}

// GetEvents shows the history of an order: GET /v1/orders/{id}/events.
func (s *Service) GetEvents(ctx context.Context, in *GetEventsIn) (*GetEventsOut, error) {
	page, err := s.History(ctx, shop.ID(in.ID), in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &GetEventsOut{CacheControl: "private, no-cache"}
	out.Body.Items = page
	return out, nil
}

// CommandIn asks to cancel or to hold an order.
type CommandIn struct {
	ID   string       `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Key  string       `header:"Idempotency-Key" maxLength:"255"`
	Body *CommandBody `doc:"may be left out"`
}

// CommandBody says why.
type CommandBody struct {
	Reason string `json:"reason,omitempty" enum:",changed_mind,mistake,too_slow,customer,fraud,dealer,admin" doc:"the last three are for admins"`
}

// ApproveIn asks to let a held order go on.
type ApproveIn struct {
	ID  string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Key string `header:"Idempotency-Key" maxLength:"255"`
}

// PostCancel cancels an order: POST /v1/orders/{id}/cancel.
func (s *Service) PostCancel(ctx context.Context, in *CommandIn) (*AnswerOut, error) {
	return s.post(ctx, in, "cancel", cancelling(in.reason()))
}

// PostHold stops an order: POST /v1/orders/{id}/hold.
func (s *Service) PostHold(ctx context.Context, in *CommandIn) (*AnswerOut, error) {
	return s.post(ctx, in, "hold", holding(in.reason()))
}

// PostApprove lets a held order go on: POST /v1/orders/{id}/approve.
func (s *Service) PostApprove(ctx context.Context, in *ApproveIn) (*AnswerOut, error) {
	return s.post(ctx, &CommandIn{ID: in.ID, Key: in.Key}, "approve", s.approving())
}

func (in *CommandIn) reason() string {
	if in.Body == nil {
		return ""
	}
	return in.Body.Reason
}

func (s *Service) post(
	ctx context.Context, in *CommandIn, verb string, decide decision,
) (*AnswerOut, error) {
	fingerprint, err := room.Fingerprint([]string{in.ID, verb, in.reason()})
	if err != nil {
		return nil, err
	}
	once, err := newOnce(room.CallerOf(ctx), "POST /v1/orders/{id}/"+verb, in.Key, fingerprint)
	if err != nil {
		return nil, err
	}
	if _, err := s.command(ctx, shop.ID(in.ID), once, decide); err != nil {
		return nil, err
	}
	return once.out(once.answer), nil
}

// PutCartIn asks to replace what is in a cart.
type PutCartIn struct {
	ID   string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Body struct {
		Items []Item `json:"items" minItems:"1" maxItems:"1200"`
	}
}

// PutCartOut is the cart.
type PutCartOut struct{ Body Cart }

// PutCart replaces what is in a cart: PUT /v1/carts/{id}.
func (s *Service) PutCart(ctx context.Context, in *PutCartIn) (*PutCartOut, error) {
	c := Cart{ID: shop.ID(in.ID), Items: in.Body.Items}
	if err := s.SaveCart(ctx, c); err != nil {
		return nil, err
	}
	return &PutCartOut{Body: c}, nil
}

// doorOnce is an idempotency row with the answer that it gave or got.
type doorOnce struct {
	room.Once
	answer room.Answer
}

func newOnce(by room.Caller, route, key, fingerprint string) (*doorOnce, error) {
	if key == "" {
		return nil, shop.Errorf(shop.KeyMissing, "an Idempotency-Key is required; nothing was done")
	}
	if by == (room.Caller{}) {
		return nil, shop.Errorf(shop.Unauthorised, "sign in first")
	}
	return &doorOnce{Once: room.Once{
		Principal: string(by.ID), Route: route, Key: key, Fingerprint: fingerprint,
	}}, nil
}

func (d *doorOnce) recall(ctx context.Context, tx *room.Tx) (found bool, err error) {
	d.answer, found, err = d.Recall(ctx, tx)
	return found, err
}

func (d *doorOnce) remember(tx *room.Tx, v View) error {
	a, err := answerOf(v)
	if err != nil {
		return err
	}
	a.Status = http.StatusOK
	d.answer = a
	d.Remember(tx, a, tx.Now())
	return nil
}

func (d *doorOnce) out(a room.Answer) *AnswerOut {
	return &AnswerOut{
		Status: a.Status, ContentType: "application/json", Body: a.Body,
		Location: strings.TrimSuffix("/v1/orders/"+a.Ref, "/"),
	}
}
