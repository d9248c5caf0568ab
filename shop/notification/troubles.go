package notification

import (
	"context"
	"fmt"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// Troubles lists the messages that a carrier refused for good, and those of which nobody knows
// whether they left, by message, after the place that the last page ended with ("" at first): at
// most limit (1 to MaxPage). next is "" when there are no more.
func (s *Service) Troubles(
	ctx context.Context, after string, limit int,
) (troubles []Trouble, next string, err error) {
	limit = max(1, min(limit, MaxPage))
	recs, err := s.desk.Store.List(ctx, platform.Query{
		Part: troublesPart, After: after, Limit: limit,
	})
	if err != nil {
		return nil, "", fmt.Errorf("list the messages in trouble: %w", err)
	}
	troubles = make([]Trouble, len(recs))
	for i, rec := range recs {
		if err := room.Decode(rec.Value, &troubles[i]); err != nil {
			return nil, "", fmt.Errorf("decode the trouble %s: %w", rec.Key.Sort, err)
		}
	}
	if len(recs) == limit {
		next = recs[limit-1].Key.Sort
	}
	return troubles, next, nil
}

// TroubleView is a message in trouble as it is shown.
type TroubleView struct {
	Message shop.ID `json:"message"`
	Order   shop.ID `json:"order"`
	Channel string  `json:"channel" enum:"mail,sms"`
	Status  string  `json:"status" enum:"failed,unknown"`
	Reason  string  `json:"reason,omitempty"`
}

// GetTroublesIn asks for a page of the messages in trouble.
type GetTroublesIn struct {
	Limit  int    `query:"limit"  minimum:"1" maximum:"100" default:"20"`
	Cursor string `query:"cursor" pattern:"^(|[A-Za-z0-9_-]{1,64}[.](mail|sms))$" doc:"next of the page before"`
}

// GetTroublesOut answers GET /v1/ops/messages.
type GetTroublesOut struct {
	Body struct {
		Items []TroubleView `json:"items" maxItems:"100"`
		Next  string        `json:"next,omitempty" doc:"the cursor of the next page, if there may be one"`
	}
}

// GetTroubles answers GET /v1/ops/messages, for admins and machines.
func (s *Service) GetTroubles(ctx context.Context, in *GetTroublesIn) (*GetTroublesOut, error) {
	if who := room.CallerOf(ctx); !who.May(room.Admin(), room.ServiceRole()) {
		return nil, shop.Errorf(shop.Forbidden, "only an admin may see what did not leave")
	}
	// In a path '#' would begin a fragment.
	all, next, err := s.Troubles(ctx, strings.Replace(in.Cursor, ".", "#", 1), in.Limit)
	if err != nil {
		return nil, err
	}
	out := &GetTroublesOut{}
	out.Body.Items = make([]TroubleView, len(all))
	out.Body.Next = strings.Replace(next, "#", ".", 1)
	for i, t := range all {
		out.Body.Items[i] = TroubleView{
			Message: t.Message, Order: t.Order, Channel: t.Channel, Status: string(t.State),
			Reason: t.Reason,
		}
	}
	return out, nil
}
