package inventory

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// GetRulesIn asks for the rules of a SKU's stock.
type GetRulesIn struct {
	SKU string `path:"sku" pattern:"^[!-.0-~]{1,64}$"`
}

// PutRulesIn sets the rules of a SKU's stock.
type PutRulesIn struct {
	SKU  string `path:"sku" pattern:"^[!-.0-~]{1,64}$"`
	Body Rules
}

// RulesOut are the rules of a SKU's stock, and the level under them.
type RulesOut struct{ Body RulesView }

// RulesView is what the SKU's dealer sees.
type RulesView struct {
	Rules
	Level Level `json:"level"`
}

// GetRules is GET /v1/stock/{sku}/rules, for the SKU's dealer and for admins.
func (s *Service) GetRules(ctx context.Context, in *GetRulesIn) (*RulesOut, error) {
	sku, err := shop.ParseSKU(in.SKU)
	if err != nil {
		return nil, err
	}
	if _, err := s.mayCount(ctx, room.CallerOf(ctx), sku); err != nil {
		return nil, err
	}
	out := &RulesOut{}
	care, err := room.Get[Care](ctx, s.desk.Begin(room.Cause{}), CareKey(sku))
	if err != nil {
		return nil, err
	}
	if care != nil {
		out.Body.Rules = care.rules()
	}
	out.Body.Level, err = s.Level(ctx, sku)
	return out, err
}

// PutRules is PUT /v1/stock/{sku}/rules, for the SKU's dealer and for admins. The same rules again
// change nothing. Units that are promised already stay promised: safety that is not there yet is
// taken from what comes. Stock in allotments has no rules (shop.Conflict).
func (s *Service) PutRules(ctx context.Context, in *PutRulesIn) (*RulesOut, error) {
	sku, err := shop.ParseSKU(in.SKU)
	if err != nil {
		return nil, err
	}
	dealer, err := s.mayCount(ctx, room.CallerOf(ctx), sku)
	if err != nil {
		return nil, err
	}
	if err := in.Body.check(); err != nil {
		return nil, err
	}
	out := &RulesOut{Body: RulesView{Rules: in.Body}}
	err = s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		if err := whole(ctx, tx, sku); err != nil {
			return err
		}
		k, known, err := keeping(ctx, tx, sku)
		if err != nil {
			return err
		}
		f := k.care.ruled(dealer, in.Body, k.onHand, k.reserved)
		if f != nil && (known || in.Body != Rules{}) {
			if err := k.announce(ctx, tx, f); err != nil {
				return err
			}
		}
		out.Body.Level = k.level()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// whole refuses a SKU whose stock is split, and ties the commit to its not being so.
func whole(ctx context.Context, tx *room.Tx, sku shop.SKU) error {
	p, err := room.Get[policy](ctx, tx, policyKey(sku))
	if err != nil {
		return err
	}
	if p != nil {
		return shop.Errorf(shop.Conflict,
			"the stock of %s is kept in allotments, which have no rules; nothing was changed", sku)
	}
	tx.Pin(policyKey(sku))
	return nil
}

// PostCountIn says what a stock-take found of a SKU.
type PostCountIn struct {
	SKU            string `path:"sku" pattern:"^[!-.0-~]{1,64}$"`
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"one key a stock-take"`
	Body           TakeBody
}

// TakeBody is what was found on the shelf, units that are reserved for orders included.
type TakeBody struct {
	Counted int64 `json:"counted" minimum:"0" maximum:"1000000000" doc:"units on the shelf"`
}

// PostCountOut is the stock-take, as it was answered the first time.
type PostCountOut struct {
	Status      int
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// PostCount is POST /v1/stock/{sku}/counts, for the SKU's dealer and for admins: a stock-take. What
// was counted becomes what is on hand, also where that is less than is promised to orders: then the
// answer says how many units are short, and they are on the list of shortages until units come or
// orders end. The same key again gets the same answer.
func (s *Service) PostCount(ctx context.Context, in *PostCountIn) (*PostCountOut, error) {
	sku, err := shop.ParseSKU(in.SKU)
	if err != nil {
		return nil, err
	}
	caller := room.CallerOf(ctx)
	dealer, err := s.mayCount(ctx, caller, sku)
	if err != nil {
		return nil, err
	}
	if in.Body.Counted < 0 || in.Body.Counted > MaxUnits {
		return nil, shop.Errorf(shop.Invalid, "counted is 0 to %d, not %d", MaxUnits,
			in.Body.Counted)
	}
	once, err := onceOf(caller, "POST /v1/stock/counts", in.IdempotencyKey, struct {
		SKU  shop.SKU
		Body TakeBody
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
		t, err := s.take(ctx, tx, &event.StockCounted{
			Take: s.desk.IDs.NewID("cnt"), SKU: sku, Dealer: dealer, By: caller.ID,
			Counted: in.Body.Counted,
		})
		if err != nil {
			return err
		}
		body, err := json.Marshal(t)
		if err != nil {
			return shop.Errorf(shop.Internal, "encode the stock-take of %s: %w", sku, err)
		}
		answer = room.Answer{Status: http.StatusCreated, Body: body}
		once.Remember(tx, answer, tx.Now())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &PostCountOut{
		Status: answer.Status, ContentType: "application/json", Body: answer.Body,
	}, nil
}

// take announces a stock-take: what was found, then what is missing of what is promised, and then
// the movement, so that at every point of the log whatever is missing is said to be.
func (s *Service) take(ctx context.Context, tx *room.Tx, f *event.StockCounted) (Take, error) {
	if err := whole(ctx, tx, f.SKU); err != nil {
		return Take{}, err
	}
	k, _, err := keeping(ctx, tx, f.SKU)
	if err != nil {
		return Take{}, err
	}
	f.Book, f.Reserved = k.onHand, k.reserved
	t := Take{
		ID: f.Take, SKU: f.SKU, Counted: f.Counted, Book: f.Book, Difference: f.Counted - f.Book,
		Reserved: f.Reserved, Short: max(0, f.Reserved-f.Counted), At: tx.Now(),
	}
	if err := k.announce(ctx, tx, f); err != nil {
		return t, err
	}
	if t.Short > k.care.Short {
		err := k.announce(ctx, tx, &event.StockShort{
			SKU: f.SKU, Dealer: k.care.Dealer, Take: f.Take, Units: t.Short,
		})
		if err != nil {
			return t, err
		}
	}
	if t.Difference != 0 {
		err := tx.Announce(ctx, &event.StockMoved{
			Movement: f.Take, SKU: f.SKU, Quantity: t.Difference, Reason: reasonCount,
		}, 1)
		if err != nil {
			return t, err
		}
	}
	return t, k.settle(ctx, tx, t.Difference, 0, byStock)
}

// GetShortagesIn asks for a page of the open shortages.
type GetShortagesIn struct {
	Dealer string `query:"dealer" pattern:"^[A-Za-z0-9_-]{0,64}$" doc:"whose; a dealer sees own ones, who may see all may leave it out"`
	Limit  int    `query:"limit"  minimum:"1" maximum:"100" default:"20"`
	Cursor string `query:"cursor" pattern:"^[!-.0-~]{0,64}$" doc:"next of the page before"`
}

// GetShortagesOut answers GET /v1/shortages.
type GetShortagesOut struct {
	Body struct {
		Items []Shortage `json:"items" maxItems:"100"`
		Next  string     `json:"next,omitempty" doc:"the cursor of the next page, if there may be one"`
	}
}

// GetShortages is GET /v1/shortages: units that are promised to orders and were not found, by SKU.
// A dealer sees own ones; asking for another's is shop.NotFound.
func (s *Service) GetShortages(ctx context.Context, in *GetShortagesIn) (*GetShortagesOut, error) {
	who, part := room.CallerOf(ctx), shortagesPart
	switch dealer := shop.ID(in.Dealer); {
	case !who.May(room.Dealer(), room.Admin(), room.ServiceRole()):
		return nil, shop.Errorf(shop.Forbidden, "only dealers and admins see shortages")
	case who.May(room.Dealer()) && dealer != "" && dealer != who.ID:
		return nil, shop.Errorf(shop.NotFound, "you have no shortages as %s", dealer)
	case who.May(room.Dealer()):
		part = shortagesOf(who.ID)
	case dealer != "":
		part = shortagesOf(dealer)
	}
	if in.Limit < 1 || in.Limit > 100 {
		return nil, shop.Errorf(shop.Invalid, "limit is 1 to 100, not %d", in.Limit)
	}
	rows, err := s.desk.Store.List(ctx, platform.Query{
		Part: part, After: in.Cursor, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	out := &GetShortagesOut{}
	out.Body.Items = make([]Shortage, len(rows))
	for i, row := range rows {
		if err := room.Decode(row.Value, &out.Body.Items[i]); err != nil {
			return nil, shop.Errorf(shop.Internal, "decode the shortage of %s: %w",
				row.Key.Sort, err)
		}
	}
	if len(rows) == in.Limit {
		out.Body.Next = rows[len(rows)-1].Key.Sort
	}
	return out, nil
}
