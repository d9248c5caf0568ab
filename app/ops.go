package app

import (
	"context"
	"errors"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
)

// ops is what an operator may look at and do. It goes through the platform's ports alone.
type ops struct {
	delivery platform.Delivery
	queue    platform.Queue
}

// SubscriptionBody is the state of one subscription.
type SubscriptionBody struct {
	Name        string  `json:"name"`
	Class       string  `json:"class"         enum:"critical,standard,background"`
	Paused      bool    `json:"paused"`
	Pending     int     `json:"pending"       doc:"committed and not yet done"`
	Waiting     int     `json:"waiting"       doc:"parked, or between attempts"`
	DeadLetters int     `json:"deadLetters"`
	Oldest      float64 `json:"oldestSeconds" doc:"age of the oldest event that is not done"`
	Done        int64   `json:"done"          doc:"since the process started"`
	Failed      int64   `json:"failed"        doc:"attempts, since the process started"`
}

// GetSubscriptionsOut answers GET /v1/ops/subscriptions.
type GetSubscriptionsOut struct {
	Body struct {
		Items []SubscriptionBody `json:"items"`
	}
}

// GetSubscriptions answers GET /v1/ops/subscriptions.
func (o *ops) GetSubscriptions(ctx context.Context, _ *struct{}) (*GetSubscriptionsOut, error) {
	status, err := o.delivery.Status(ctx)
	if err != nil {
		return nil, err
	}
	out := &GetSubscriptionsOut{}
	for _, s := range status {
		out.Body.Items = append(out.Body.Items, SubscriptionBody{
			Name: s.Name, Class: className(s.Class), Paused: s.Paused, Pending: s.Pending,
			Waiting: s.Waiting, DeadLetters: s.DeadLetters, Oldest: s.Oldest.Seconds(),
			Done: s.Done, Failed: s.Failed,
		})
	}
	return out, nil
}

func className(c platform.Class) string {
	switch c {
	case platform.Critical:
		return "critical"
	case platform.Standard:
		return "standard"
	}
	return "background"
}

// SubscriptionIn names a subscription.
type SubscriptionIn struct {
	Name string `path:"name" pattern:"^[!-~]{1,100}$"`
}

// PostPause answers POST /v1/ops/subscriptions/{name}/pause: its events wait.
func (o *ops) PostPause(ctx context.Context, in *SubscriptionIn) (*struct{}, error) {
	return nil, o.known(o.delivery.Pause(ctx, in.Name, true))
}

// PostResume answers POST /v1/ops/subscriptions/{name}/resume.
func (o *ops) PostResume(ctx context.Context, in *SubscriptionIn) (*struct{}, error) {
	return nil, o.known(o.delivery.Pause(ctx, in.Name, false))
}

// DeadLetterBody is an event that a subscription gave up on. It shows the envelope, not the
// payload.
type DeadLetterBody struct {
	ID           string    `json:"id"`
	Subscription string    `json:"subscription"`
	Event        string    `json:"event"       doc:"the event's id"`
	Type         string    `json:"type"`
	Subject      string    `json:"subject"`
	Correlation  string    `json:"correlation"`
	Attempts     int       `json:"attempts"`
	FirstError   string    `json:"firstError"`
	LastError    string    `json:"lastError"`
	FirstAt      time.Time `json:"firstAt"`
	LastAt       time.Time `json:"lastAt"`
}

// GetDeadLettersIn asks for a page of a subscription's dead letters.
type GetDeadLettersIn struct {
	Subscription string `query:"subscription" required:"true" pattern:"^[!-~]{1,100}$"`
	Cursor       string `query:"cursor"       pattern:"^[!-~]{0,400}$" doc:"next of the page before"`
	Limit        int    `query:"limit"        minimum:"1" maximum:"100" default:"20"`
}

// GetDeadLettersOut answers GET /v1/ops/dead-letters.
type GetDeadLettersOut struct {
	Body struct {
		Items []DeadLetterBody `json:"items" maxItems:"100"`
		Next  string           `json:"next,omitempty" doc:"the cursor of the next page"`
	}
}

// GetDeadLetters answers GET /v1/ops/dead-letters, oldest first.
func (o *ops) GetDeadLetters(
	ctx context.Context, in *GetDeadLettersIn,
) (*GetDeadLettersOut, error) {
	letters, err := o.delivery.DeadLetters(ctx, in.Subscription, in.Cursor, in.Limit)
	if err != nil {
		return nil, o.known(err)
	}
	out := &GetDeadLettersOut{}
	for _, l := range letters {
		out.Body.Items = append(out.Body.Items, DeadLetterBody{
			ID: l.ID, Subscription: l.Subscription, Event: l.Event.ID, Type: l.Event.Type,
			Subject: l.Event.Subject, Correlation: l.Event.Correlation, Attempts: l.Attempts,
			FirstError: l.FirstError, LastError: l.LastError, FirstAt: l.FirstAt, LastAt: l.LastAt,
		})
	}
	if len(letters) == in.Limit {
		out.Body.Next = letters[len(letters)-1].ID
	}
	return out, nil
}

// PostRedriveIn names a dead letter.
type PostRedriveIn struct {
	Body struct {
		Subscription string `json:"subscription" pattern:"^[!-~]{1,100}$"`
		ID           string `json:"id"           pattern:"^[!-~]{1,400}$"`
	}
}

// PostRedrive answers POST /v1/ops/dead-letters/redrive: the event is delivered again, with the
// same id and fresh attempts. A letter that is not in the list (any more) is NotFound.
func (o *ops) PostRedrive(ctx context.Context, in *PostRedriveIn) (*struct{}, error) {
	err := o.delivery.Redrive(ctx, in.Body.Subscription, in.Body.ID)
	if errors.Is(err, platform.ErrInvalid) {
		err = platform.ErrNotFound // an id that no letter can have
	}
	return nil, o.known(err)
}

// PostReplayIn asks to deliver what was delivered again.
type PostReplayIn struct {
	Body struct {
		Subscription string    `json:"subscription"  pattern:"^[!-~]{1,100}$"`
		From         time.Time `json:"from"          doc:"the first moment that counts"`
		Dry          bool      `json:"dry,omitempty" doc:"only count"`
	}
}

// PostReplayOut says how many events are delivered again.
type PostReplayOut struct {
	Body struct {
		Events int `json:"events"`
	}
}

// PostReplay answers POST /v1/ops/replays. Effects do not happen twice: reactions know what they
// did.
func (o *ops) PostReplay(ctx context.Context, in *PostReplayIn) (*PostReplayOut, error) {
	n, err := o.delivery.Replay(ctx, in.Body.Subscription, in.Body.From, in.Body.Dry)
	if err != nil {
		return nil, o.known(err)
	}
	out := &PostReplayOut{}
	out.Body.Events = n
	return out, nil
}

// IntakeBody is the state of the purchase queue.
type IntakeBody struct {
	Visible int      `json:"visible"       doc:"waiting for a worker"`
	Hidden  int      `json:"hidden"        doc:"with a worker, or waiting for their next attempt"`
	Oldest  float64  `json:"oldestSeconds"`
	Dead    []string `json:"dead"          doc:"ids of those given up on" maxItems:"100"`
}

// GetIntakeOut answers GET /v1/ops/intake.
type GetIntakeOut struct{ Body IntakeBody }

// GetIntake answers GET /v1/ops/intake.
func (o *ops) GetIntake(ctx context.Context, _ *struct{}) (*GetIntakeOut, error) {
	depth, err := o.queue.Depth(ctx)
	if err != nil {
		return nil, err
	}
	const most = 100
	dead, err := o.queue.Dead(ctx, most)
	if err != nil {
		return nil, err
	}
	out := &GetIntakeOut{Body: IntakeBody{
		Visible: depth.Visible, Hidden: depth.Hidden, Oldest: depth.Oldest.Seconds(),
	}}
	for _, m := range dead {
		out.Body.Dead = append(out.Body.Dead, m.ID)
	}
	return out, nil
}

// PostIntakeRedriveIn names a dead purchase.
type PostIntakeRedriveIn struct {
	Body struct {
		ID string `json:"id" pattern:"^[!-~]{1,64}$"`
	}
}

// PostIntakeRedrive answers POST /v1/ops/intake/redrive.
func (o *ops) PostIntakeRedrive(ctx context.Context, in *PostIntakeRedriveIn) (*struct{}, error) {
	return nil, o.known(o.queue.Redrive(ctx, in.Body.ID))
}

// known puts the platform's refusals into words.
func (o *ops) known(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, platform.ErrNotFound):
		return shop.Errorf(shop.NotFound, "there is no such subscription or dead letter")
	case errors.Is(err, platform.ErrInvalid):
		return shop.Errorf(shop.Invalid, "the platform does not accept this: %w", err)
	}
	return err
}
