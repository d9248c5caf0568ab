package notification

import (
	"context"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/notification/internal/wording"
	"github.com/souk-commerce/souk/shop/room"
)

// MessageView is a message as the API shows it.
type MessageView struct {
	ID    shop.ID    `json:"id"`
	Topic string     `json:"topic" enum:"order_placed,order_cancelled,order_expired,order_dispatched,order_delivered,payment_refunded,order_reduced,parcel_requested,parcel_cancelled,parcel_reduced,stock_short,case_opened,order_held,endpoint_disabled"`
	Order shop.ID    `json:"order,omitempty"`
	Lang  string     `json:"language" doc:"of title and text"`
	Title string     `json:"title"`
	Text  string     `json:"text"`
	At    time.Time  `json:"at"`
	To    string     `json:"to,omitempty" doc:"the email address; absent when the person was erased"`
	Sends []SendView `json:"sends,omitempty" maxItems:"2" doc:"by which channels it left the shop"`
}

// SendView is the sending of a message on one channel, as the API shows it.
type SendView struct {
	Channel  string    `json:"channel" enum:"mail,sms"`
	Status   string    `json:"status" enum:"sending,waiting,sent,failed,unknown" doc:"unknown: nobody knows whether it left; it is not sent again"`
	Attempts int       `json:"attempts" minimum:"1"`
	At       time.Time `json:"at" doc:"of the last attempt"`
	Reason   string    `json:"reason,omitempty" doc:"of the last refusal"`
}

// GetMessagesIn asks for a page of a mailbox.
type GetMessagesIn struct {
	Customer string `query:"customer" pattern:"^[A-Za-z0-9_-]{0,64}$" doc:"whose; left out, the caller's own, which for administrators is that of the office"`
	Limit    int    `query:"limit"    minimum:"1" maximum:"100" default:"20"`
	Cursor   string `query:"cursor"   pattern:"^(|[0-9]{13}/[A-Za-z0-9_-]{1,86})$" doc:"next of the page before"`
}

// GetMessagesOut answers GET /v1/messages.
type GetMessagesOut struct {
	Body struct {
		Items []MessageView `json:"items" maxItems:"100" doc:"newest first"`
		Next  string        `json:"next,omitempty" doc:"the cursor of the next page, if there may be one"`
	}
}

// GetMessages answers GET /v1/messages.
func (s *Service) GetMessages(ctx context.Context, in *GetMessagesIn) (*GetMessagesOut, error) {
	who := room.CallerOf(ctx)
	customer := shop.ID(in.Customer)
	if customer == "" && who.May(room.Admin()) {
		customer = Office
	}
	if customer == "" {
		customer = who.ID
	}
	page, err := s.Mailbox(ctx, who, customer, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &GetMessagesOut{}
	out.Body.Items, out.Body.Next = make([]MessageView, len(page.Messages)), page.Next
	for i, m := range page.Messages {
		to, err := s.Email(ctx, who, m)
		if err != nil {
			return nil, err
		}
		out.Body.Items[i] = MessageView{
			ID: m.ID, Topic: m.Topic, Order: m.Order, Lang: wording.Resolve(m.Language),
			Title: m.Title, Text: m.Text, At: m.At, To: to, Sends: viewSends(m),
		}
	}
	return out, nil
}

func viewSends(m *Message) []SendView {
	views := make([]SendView, len(m.Sends))
	for i, s := range m.Sends {
		views[i] = SendView{
			Channel: s.Channel, Status: string(s.State), Attempts: s.Attempt, At: s.At,
			Reason: s.Reason,
		}
	}
	return views
}
