package notification

import (
	"context"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// EndpointView is an endpoint as the API shows it.
type EndpointView struct {
	ID       shop.ID    `json:"id"`
	Owner    shop.ID    `json:"owner" doc:"a dealer, or office: the market's own people"`
	URL      string     `json:"url"`
	Types    []string   `json:"types" maxItems:"50" doc:"none: all that the owner may be told of"`
	Enabled  bool       `json:"enabled"`
	Reason   string     `json:"reason,omitempty" enum:"failing,gone,asked" doc:"why it is not"`
	Since    *time.Time `json:"since,omitempty" doc:"when that began"`
	At       time.Time  `json:"at"`
	Secret   string     `json:"secret,omitempty" doc:"only when it was made or changed just now"`
	OldUntil *time.Time `json:"oldUntil,omitempty" doc:"signed with the secret before as well until then"`
}

func viewEndpoint(e *Endpoint) EndpointView {
	v := EndpointView{
		ID: e.ID, Owner: e.Owner, URL: e.URL, Types: append([]string{}, e.Types...),
		Enabled: e.Off == "", Reason: e.Off, At: e.At,
	}
	if !e.Since.IsZero() {
		v.Since = &e.Since
	}
	if !e.OldUntil.IsZero() {
		v.OldUntil = &e.OldUntil
	}
	return v
}

// PostEndpointIn asks to be told by webhooks.
type PostEndpointIn struct {
	Key  string `header:"Idempotency-Key" maxLength:"255"`
	Body struct {
		URL   string   `json:"url" minLength:"1" maxLength:"2000"`
		Types []string `json:"types,omitempty" maxItems:"50" doc:"of events; left out, all that you may be told of"`
	}
}

// EndpointOut answers with an endpoint.
type EndpointOut struct {
	Status int
	Body   EndpointView
}

// PostEndpoint answers POST /v1/endpoints.
func (s *Service) PostEndpoint(ctx context.Context, in *PostEndpointIn) (*EndpointOut, error) {
	made, fresh, err := s.Register(ctx, room.CallerOf(ctx), in.Key, in.Body.URL, in.Body.Types)
	if err != nil {
		return nil, err
	}
	out := &EndpointOut{Status: 200, Body: viewEndpoint(made.Endpoint)}
	out.Body.Secret = secretText(made.Secret)
	if fresh {
		out.Status = 201
	}
	return out, nil
}

// GetEndpointsIn asks for the caller's endpoints.
type GetEndpointsIn struct {
	Limit  int    `query:"limit"  minimum:"1" maximum:"100" default:"20"`
	Cursor string `query:"cursor" pattern:"^[A-Za-z0-9_-]{0,64}$" doc:"next of the page before"`
}

// GetEndpointsOut answers GET /v1/endpoints.
type GetEndpointsOut struct {
	Body struct {
		Items []EndpointView `json:"items" maxItems:"100"`
		Next  string         `json:"next,omitempty" doc:"the cursor of the next page, if there may be one"`
	}
}

// GetEndpoints answers GET /v1/endpoints: a dealer's own, or all of them.
func (s *Service) GetEndpoints(
	ctx context.Context, in *GetEndpointsIn,
) (*GetEndpointsOut, error) {
	who := room.CallerOf(ctx)
	owner, err := ownerOf(who)
	if err != nil {
		return nil, err
	}
	all, err := s.listEndpoints(ctx)
	if err != nil {
		return nil, err
	}
	out := &GetEndpointsOut{}
	out.Body.Items = []EndpointView{}
	for _, l := range all {
		if string(l.ID) <= in.Cursor || owner != Office && l.Owner != owner {
			continue
		}
		if len(out.Body.Items) == in.Limit {
			out.Body.Next = string(out.Body.Items[in.Limit-1].ID)
			break
		}
		e, err := s.Endpoint(ctx, who, l.ID)
		if shop.CodeOf(err) == shop.NotFound && err != nil {
			continue // it was removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, viewEndpoint(e))
	}
	return out, nil
}

// EndpointIn names an endpoint.
type EndpointIn struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
}

// GetEndpoint answers GET /v1/endpoints/{id}.
func (s *Service) GetEndpoint(ctx context.Context, in *EndpointIn) (*EndpointOut, error) {
	e, err := s.Endpoint(ctx, room.CallerOf(ctx), shop.ID(in.ID))
	if err != nil {
		return nil, err
	}
	return &EndpointOut{Status: 200, Body: viewEndpoint(e)}, nil
}

// PatchEndpointIn changes what it names and leaves the rest.
type PatchEndpointIn struct {
	ID   string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Body struct {
		URL     *string   `json:"url,omitempty" minLength:"1" maxLength:"2000"`
		Types   *[]string `json:"types,omitempty" maxItems:"50"`
		Enabled *bool     `json:"enabled,omitempty"`
	}
}

// PatchEndpoint answers PATCH /v1/endpoints/{id}.
func (s *Service) PatchEndpoint(ctx context.Context, in *PatchEndpointIn) (*EndpointOut, error) {
	who, id := room.CallerOf(ctx), shop.ID(in.ID)
	e, err := s.Endpoint(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if in.Body.URL != nil || in.Body.Types != nil {
		url, types := e.URL, e.Types
		if in.Body.URL != nil {
			url = *in.Body.URL
		}
		if in.Body.Types != nil {
			types = *in.Body.Types
		}
		if e, err = s.Change(ctx, who, id, url, types); err != nil {
			return nil, err
		}
	}
	if in.Body.Enabled != nil {
		if e, err = s.Switch(ctx, who, id, *in.Body.Enabled); err != nil {
			return nil, err
		}
	}
	return &EndpointOut{Status: 200, Body: viewEndpoint(e)}, nil
}

// RemoveOut answers POST /v1/endpoints/{id}/remove.
type RemoveOut struct{}

// PostRemove answers POST /v1/endpoints/{id}/remove.
func (s *Service) PostRemove(ctx context.Context, in *EndpointIn) (*RemoveOut, error) {
	return nil, s.Remove(ctx, room.CallerOf(ctx), shop.ID(in.ID))
}

// RotateIn asks for a new secret.
type RotateIn struct {
	ID  string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Key string `header:"Idempotency-Key" maxLength:"255"`
}

// PostRotate answers POST /v1/endpoints/{id}/rotate.
func (s *Service) PostRotate(ctx context.Context, in *RotateIn) (*EndpointOut, error) {
	o, err := s.Rotate(ctx, room.CallerOf(ctx), shop.ID(in.ID), in.Key)
	if err != nil {
		return nil, err
	}
	out := &EndpointOut{Status: 200, Body: viewEndpoint(o.Endpoint)}
	out.Body.Secret = secretText(o.Secret)
	return out, nil
}

// DeliveryView is a webhook as the API shows it.
type DeliveryView struct {
	ID       shop.ID    `json:"id" doc:"the webhook-id"`
	Type     string     `json:"type"`
	Status   string     `json:"status" enum:"waiting,delivered,given_up"`
	Attempts int        `json:"attempts" doc:"since it was queued, or sent again by hand"`
	At       time.Time  `json:"at" doc:"when it was queued"`
	Next     *time.Time `json:"next,omitempty" doc:"when it is sent again"`
	Tries    []TryView  `json:"tries" maxItems:"20" doc:"the last ones, oldest first"`
	Body     string     `json:"body" doc:"what was sent"`
}

// TryView is one attempt to deliver a webhook.
type TryView struct {
	At     time.Time `json:"at"`
	Status int       `json:"status,omitempty" doc:"of HTTP; none without an answer"`
	Reason string    `json:"reason,omitempty" doc:"why it failed"`
	Took   int64     `json:"took" doc:"milliseconds"`
}

// GetDeliveriesIn asks for a page of an endpoint's webhooks.
type GetDeliveriesIn struct {
	ID     string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Limit  int    `query:"limit"  minimum:"1" maximum:"100" default:"20"`
	Cursor string `query:"cursor" pattern:"^(|[0-9]{13}/[A-Za-z0-9_-]{1,86})$" doc:"next of the page before"`
}

// GetDeliveriesOut answers GET /v1/endpoints/{id}/deliveries.
type GetDeliveriesOut struct {
	Body struct {
		Items []DeliveryView `json:"items" maxItems:"100" doc:"newest first"`
		Next  string         `json:"next,omitempty" doc:"the cursor of the next page, if there may be one"`
	}
}

// GetDeliveries answers GET /v1/endpoints/{id}/deliveries.
func (s *Service) GetDeliveries(
	ctx context.Context, in *GetDeliveriesIn,
) (*GetDeliveriesOut, error) {
	hooks, next, err := s.Deliveries(ctx, room.CallerOf(ctx), shop.ID(in.ID), in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &GetDeliveriesOut{}
	out.Body.Items, out.Body.Next = make([]DeliveryView, len(hooks)), next
	for i, h := range hooks {
		v := DeliveryView{
			ID: h.ID, Type: h.Type, Status: string(h.State), Attempts: h.Attempts, At: h.At,
			Tries: make([]TryView, len(h.Tries)), Body: h.Body,
		}
		if !h.Next.IsZero() {
			v.Next = &h.Next
		}
		for j, t := range h.Tries {
			v.Tries[j] = TryView(t)
		}
		out.Body.Items[i] = v
	}
	return out, nil
}

// ReplayIn asks to have webhooks sent again: one, or all since a moment.
type ReplayIn struct {
	ID   string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Body struct {
		Delivery  string     `json:"delivery,omitempty" pattern:"^[A-Za-z0-9_-]{0,64}$" doc:"one webhook"`
		Since     *time.Time `json:"since,omitempty" doc:"or all that were queued since and not taken"`
		Delivered bool       `json:"delivered,omitempty" doc:"also what was taken"`
		Cursor    string     `json:"cursor,omitempty" pattern:"^(|[0-9]{13}/[A-Za-z0-9_-]{1,86})$" doc:"next of the answer before, instead of since"`
	}
}

// ReplayOut answers POST /v1/endpoints/{id}/replay.
type ReplayOut struct {
	Body struct {
		Queued int    `json:"queued" doc:"how many are sent again"`
		Next   string `json:"next,omitempty" doc:"there are more: ask again with it as cursor"`
	}
}

// PostReplay answers POST /v1/endpoints/{id}/replay.
func (s *Service) PostReplay(ctx context.Context, in *ReplayIn) (*ReplayOut, error) {
	who, id, out := room.CallerOf(ctx), shop.ID(in.ID), &ReplayOut{}
	b := in.Body
	var err error
	switch {
	case b.Delivery != "" && b.Since == nil && b.Cursor == "":
		out.Body.Queued, err = s.Replay(ctx, who, id, shop.ID(b.Delivery))
	case b.Delivery == "" && (b.Since != nil || b.Cursor != ""):
		var since time.Time
		if b.Since != nil {
			since = *b.Since
		}
		if since.Before(time.Unix(0, 0)) {
			since = time.Unix(0, 0)
		}
		out.Body.Queued, out.Body.Next, err = s.ReplaySince(ctx, who, id, since, b.Cursor,
			b.Delivered)
	default:
		err = shop.Errorf(shop.Invalid, "say either which delivery or since when; nothing was done")
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// CaseView is an endpoint at which a person has to look.
type CaseView struct {
	Endpoint shop.ID   `json:"endpoint"`
	Owner    shop.ID   `json:"owner"`
	Reason   string    `json:"reason" enum:"failing,gone"`
	Since    time.Time `json:"since" doc:"it has taken nothing"`
	At       time.Time `json:"at" doc:"when it was disabled"`
}

// GetEndpointCasesOut answers GET /v1/ops/endpoints.
type GetEndpointCasesOut struct {
	Body struct {
		Items []CaseView `json:"items" maxItems:"100"`
		Next  string     `json:"next,omitempty" doc:"the cursor of the next page, if there may be one"`
	}
}

// GetEndpointCases answers GET /v1/ops/endpoints, for admins and machines.
func (s *Service) GetEndpointCases(
	ctx context.Context, in *GetEndpointsIn,
) (*GetEndpointCasesOut, error) {
	if who := room.CallerOf(ctx); !who.May(room.Admin(), room.ServiceRole()) {
		return nil, shop.Errorf(shop.Forbidden, "only an admin may see what was disabled")
	}
	cases, err := s.Cases(ctx, shop.ID(in.Cursor), in.Limit)
	if err != nil {
		return nil, err
	}
	out := &GetEndpointCasesOut{}
	out.Body.Items = make([]CaseView, len(cases))
	for i, one := range cases {
		out.Body.Items[i] = CaseView(one)
	}
	if len(cases) == in.Limit {
		out.Body.Next = string(cases[in.Limit-1].Endpoint)
	}
	return out, nil
}
