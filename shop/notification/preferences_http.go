package notification

import (
	"context"
	"strings"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// PreferencesBody is how a person wants to be told.
type PreferencesBody struct {
	Language string        `json:"language,omitempty" maxLength:"35" pattern:"^([A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*)?$" doc:"as in de or de-AT; one that is not spoken becomes en"`
	Email    string        `json:"email,omitempty" maxLength:"254" doc:"for people whom no order tells about; an order's own address goes first"`
	Phone    string        `json:"phone,omitempty" pattern:"^([+][1-9][0-9]{6,14})?$" doc:"as in +442079460123"`
	Off      []SilenceBody `json:"off" maxItems:"64" doc:"what they do not want, and by which channel"`
}

// SilenceBody is a topic that is not wanted on a channel.
type SilenceBody struct {
	Topic   string `json:"topic" enum:"order_placed,order_cancelled,order_expired,order_dispatched,order_delivered,payment_refunded,order_reduced,parcel_requested,parcel_cancelled,parcel_reduced,stock_short,case_opened,order_held,endpoint_disabled"`
	Channel string `json:"channel" enum:"mail,sms"`
}

// GetPreferencesIn asks how somebody wants to be told.
type GetPreferencesIn struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$" doc:"me, or for administrators anybody, office included"`
}

// PutPreferencesIn says how somebody wants to be told.
type PutPreferencesIn struct {
	ID   string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$" doc:"me, or for administrators anybody, office included"`
	Body PreferencesBody
}

// PreferencesOut answers GET and PUT /v1/accounts/{id}/preferences.
type PreferencesOut struct {
	Body PreferencesBody
}

// personOf is whom a path names.
func personOf(who room.Caller, id string) shop.ID {
	if id == "me" {
		return who.ID
	}
	return shop.ID(id)
}

// GetPreferences answers GET /v1/accounts/{id}/preferences.
func (s *Service) GetPreferences(
	ctx context.Context, in *GetPreferencesIn,
) (*PreferencesOut, error) {
	who := room.CallerOf(ctx)
	w, err := s.Preferences(ctx, who, personOf(who, in.ID))
	if err != nil {
		return nil, err
	}
	out := &PreferencesOut{Body: PreferencesBody{
		Language: w.Language, Email: w.Email, Phone: w.Phone, Off: make([]SilenceBody, len(w.Off)),
	}}
	for i, one := range w.Off {
		out.Body.Off[i] = SilenceBody{one.Topic, one.Channel}
	}
	return out, nil
}

// PutPreferences answers PUT /v1/accounts/{id}/preferences.
func (s *Service) PutPreferences(
	ctx context.Context, in *PutPreferencesIn,
) (*PreferencesOut, error) {
	who := room.CallerOf(ctx)
	if in.Body.Email != "" && !isAddress(in.Body.Email) {
		return nil, shop.Errorf(shop.Invalid, "this is no email address; nothing was changed")
	}
	w := Wish{Language: in.Body.Language, Email: in.Body.Email, Phone: in.Body.Phone}
	for _, one := range in.Body.Off {
		w.Off = append(w.Off, event.Silence{Topic: one.Topic, Channel: one.Channel})
	}
	if err := s.Prefer(ctx, who, personOf(who, in.ID), w); err != nil {
		return nil, err
	}
	return s.GetPreferences(ctx, &GetPreferencesIn{ID: in.ID})
}

// isAddress reports whether mail could go to s: one '@' between two parts, nothing that a header
// could be broken with.
func isAddress(s string) bool {
	name, host, ok := strings.Cut(s, "@")
	return ok && name != "" && host != "" && !strings.ContainsAny(s, " \t\r\n<>,;:\"()") &&
		!strings.Contains(host, "@")
}

// LeaveIn names the door out of a topic.
type LeaveIn struct {
	ID  string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Key string `path:"key" pattern:"^[A-Za-z0-9_-]{1,64}$"`
}

// LeaveOut answers POST /v1/messages/{id}/leave/{key}.
type LeaveOut struct{}

// PostLeave answers POST /v1/messages/{id}/leave/{key}. Mail programs call it by themselves (RFC
// 8058), so it asks for no token: who holds the mail holds the key.
func (s *Service) PostLeave(ctx context.Context, in *LeaveIn) (*LeaveOut, error) {
	return nil, s.Leave(ctx, shop.ID(in.ID), shop.ID(in.Key))
}

// leavePage asks a person whether they mean it: programs that look at every link in a mail must not
// switch anything off.
const leavePage = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Stop these mails</title></head>
<body style="font-family: sans-serif; max-width: 40em; margin: 2em auto">
<h1>Stop these mails?</h1>
<form method="post"><button>Stop mails of this kind</button></form></body></html>
`

// PageOut is a page for people.
type PageOut struct {
	ContentType string `header:"Content-Type"`
	Policy      string `header:"Content-Security-Policy"`
	Body        []byte
}

// GetLeave answers GET /v1/messages/{id}/leave/{key} with a page that has one button.
func (*Service) GetLeave(context.Context, *LeaveIn) (*PageOut, error) {
	return &PageOut{
		ContentType: "text/html; charset=utf-8",
		Policy: "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; " +
			"frame-ancestors 'none'",
		Body: []byte(leavePage),
	}, nil
}

// GetPreviewIn asks what a message would look like.
type GetPreviewIn struct {
	Topic    string `query:"topic" required:"true" enum:"order_placed,order_cancelled,order_expired,order_dispatched,order_delivered,payment_refunded,order_reduced,parcel_requested,parcel_cancelled,parcel_reduced,stock_short,case_opened,order_held,endpoint_disabled"`
	Language string `query:"language" maxLength:"35" default:"en"`
}

// GetPreviewOut answers GET /v1/ops/messages/preview.
type GetPreviewOut struct {
	Body PreviewBody
}

// PreviewBody is a message as it would be sent.
type PreviewBody struct {
	Language string `json:"language" doc:"in which it is written"`
	Title    string `json:"title"`
	Text     string `json:"text"`
	HTML     string `json:"html"`
}

// GetPreview answers GET /v1/ops/messages/preview.
func (s *Service) GetPreview(ctx context.Context, in *GetPreviewIn) (*GetPreviewOut, error) {
	if who := room.CallerOf(ctx); !who.May(room.Admin(), room.ServiceRole()) {
		return nil, shop.Errorf(shop.Forbidden, "only an admin may see previews")
	}
	p, err := s.Preview(in.Topic, in.Language)
	return &GetPreviewOut{Body: p}, err
}
