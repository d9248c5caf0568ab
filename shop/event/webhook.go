package event

import (
	"time"

	"github.com/souk-commerce/souk/shop"
)

// HookSecret is what the webhooks of an endpoint are signed with. It is sealed under a key of the
// endpoint's own.
type HookSecret struct {
	Secret []byte `json:"secret"`
}

// EndpointRegistered says that somebody wants to be told by webhooks.
type EndpointRegistered struct {
	Endpoint shop.ID                 `json:"endpoint"`
	Owner    shop.ID                 `json:"owner" doc:"a dealer, or office: the market's own people"`
	URL      string                  `json:"url"`
	Types    []string                `json:"types,omitempty" doc:"none: all that the owner may see"`
	Secret   shop.Sealed[HookSecret] `json:"secret"`
	By       shop.ID                 `json:"by"`
	At       time.Time               `json:"at"`
}

// EndpointChanged says that an endpoint has another address, or wants other events.
type EndpointChanged struct {
	Endpoint shop.ID   `json:"endpoint"`
	URL      string    `json:"url"`
	Types    []string  `json:"types,omitempty"`
	By       shop.ID   `json:"by"`
	At       time.Time `json:"at"`
}

// EndpointSecretRotated says that webhooks are signed with a new secret, and until a moment with
// the one before as well.
type EndpointSecretRotated struct {
	Endpoint shop.ID                 `json:"endpoint"`
	Secret   shop.Sealed[HookSecret] `json:"secret"`
	Until    time.Time               `json:"until" doc:"signed with the old one too until then"`
	Request  string                  `json:"request" doc:"names the request, which has effect once"`
	By       shop.ID                 `json:"by"`
	At       time.Time               `json:"at"`
}

// EndpointDisabled says that an endpoint is told nothing until it is enabled. What waits for it
// keeps waiting.
type EndpointDisabled struct {
	Endpoint shop.ID   `json:"endpoint"`
	Owner    shop.ID   `json:"owner"`
	Reason   string    `json:"reason" enum:"failing,gone,asked"`
	Since    time.Time `json:"since" doc:"when it began to fail, or was asked for"`
	By       shop.ID   `json:"by,omitempty"`
	At       time.Time `json:"at"`
	Round    int       `json:"round" doc:"how often it was disabled, this time included"`
}

// EndpointEnabled says that an endpoint is told again, first of what waited.
type EndpointEnabled struct {
	Endpoint shop.ID   `json:"endpoint"`
	By       shop.ID   `json:"by"`
	At       time.Time `json:"at"`
}

// EndpointRemoved says that an endpoint is no more.
type EndpointRemoved struct {
	Endpoint shop.ID   `json:"endpoint"`
	By       shop.ID   `json:"by"`
	At       time.Time `json:"at"`
}

// HookQueued says that an endpoint has to be told of an event. Body is what it is sent, whenever.
type HookQueued struct {
	Hook     shop.ID   `json:"hook" doc:"the webhook-id: the same in every attempt"`
	Endpoint shop.ID   `json:"endpoint"`
	Event    string    `json:"event" doc:"the id of the event"`
	Name     string    `json:"name" doc:"the type of the event"`
	Body     string    `json:"body" doc:"holds no personal data"`
	At       time.Time `json:"at"`
}

// HookDelivered says that an endpoint took a webhook: it answered with 2xx.
type HookDelivered struct {
	Hook     shop.ID   `json:"hook"`
	Endpoint shop.ID   `json:"endpoint"`
	Attempt  int       `json:"attempt" doc:"from 1"`
	Status   int       `json:"status" doc:"of HTTP"`
	Took     int64     `json:"took" doc:"milliseconds"`
	At       time.Time `json:"at"`
}

// HookFailed says that an endpoint did not take a webhook, or that nobody knows. It is sent again
// at Next, under the same id, unless it was given up.
type HookFailed struct {
	Hook     shop.ID   `json:"hook"`
	Endpoint shop.ID   `json:"endpoint"`
	Attempt  int       `json:"attempt"`
	Status   int       `json:"status,omitempty" doc:"of HTTP; none without an answer"`
	Reason   string    `json:"reason" doc:"timeout, refused, private_address, status …"`
	Took     int64     `json:"took" doc:"milliseconds"`
	At       time.Time `json:"at"`
	Next     time.Time `json:"next,omitzero"`
	GivenUp  bool      `json:"givenUp"`
}

// HookReplayed says that a person had a webhook sent again, from the first attempt on.
type HookReplayed struct {
	Hook     shop.ID   `json:"hook"`
	Endpoint shop.ID   `json:"endpoint"`
	By       shop.ID   `json:"by"`
	At       time.Time `json:"at"`
}

// HooksDue is a timer's fact: webhooks wait for an endpoint.
type HooksDue struct {
	Endpoint shop.ID `json:"endpoint"`
}

// Type implements Fact.
func (*EndpointRegistered) Type() string { return "souk.notification.endpoint_registered.v1" }

// Type implements Fact.
func (*EndpointChanged) Type() string { return "souk.notification.endpoint_changed.v1" }

// Type implements Fact.
func (*EndpointSecretRotated) Type() string { return "souk.notification.endpoint_rotated.v1" }

// Type implements Fact.
func (*EndpointDisabled) Type() string { return "souk.notification.endpoint_disabled.v1" }

// Type implements Fact.
func (*EndpointEnabled) Type() string { return "souk.notification.endpoint_enabled.v1" }

// Type implements Fact.
func (*EndpointRemoved) Type() string { return "souk.notification.endpoint_removed.v1" }

// Type implements Fact.
func (*HookQueued) Type() string { return "souk.notification.hook_queued.v1" }

// Type implements Fact.
func (*HookDelivered) Type() string { return "souk.notification.hook_delivered.v1" }

// Type implements Fact.
func (*HookFailed) Type() string { return "souk.notification.hook_failed.v1" }

// Type implements Fact.
func (*HookReplayed) Type() string { return "souk.notification.hook_replayed.v1" }

// Type implements Fact.
func (*HooksDue) Type() string { return "souk.notification.hooks_due.v1" }

// Subject implements Fact.
func (f *EndpointRegistered) Subject() string { return endpointSubject(f.Endpoint) }

// Subject implements Fact.
func (f *EndpointChanged) Subject() string { return endpointSubject(f.Endpoint) }

// Subject implements Fact.
func (f *EndpointSecretRotated) Subject() string { return endpointSubject(f.Endpoint) }

// Subject implements Fact.
func (f *EndpointDisabled) Subject() string { return endpointSubject(f.Endpoint) }

// Subject implements Fact.
func (f *EndpointEnabled) Subject() string { return endpointSubject(f.Endpoint) }

// Subject implements Fact.
func (f *EndpointRemoved) Subject() string { return endpointSubject(f.Endpoint) }

// Subject implements Fact.
func (f *HookQueued) Subject() string { return hookSubject(f.Hook) }

// Subject implements Fact.
func (f *HookDelivered) Subject() string { return hookSubject(f.Hook) }

// Subject implements Fact.
func (f *HookFailed) Subject() string { return hookSubject(f.Hook) }

// Subject implements Fact.
func (f *HookReplayed) Subject() string { return hookSubject(f.Hook) }

// Subject implements Fact.
func (f *HooksDue) Subject() string { return "timer/notification-hooks/" + string(f.Endpoint) }

func endpointSubject(id shop.ID) string { return "endpoint/" + string(id) }

func hookSubject(id shop.ID) string { return "hook/" + string(id) }

func webhookKinds() []Kind {
	const counts = "data.attempt > 0"
	return []Kind{
		kind[EndpointRegistered]("somebody wants to be told by webhooks",
			rule("has_url", "size(data.url) > 0",
				func(f *EndpointRegistered) bool { return f.URL != "" }),
			rule("has_owner", "size(data.owner) > 0",
				func(f *EndpointRegistered) bool { return f.Owner != "" })),
		kind[EndpointChanged]("an endpoint has another address, or wants other events",
			rule("has_url", "size(data.url) > 0",
				func(f *EndpointChanged) bool { return f.URL != "" })),
		kind[EndpointSecretRotated]("webhooks are signed with a new secret"),
		kind[EndpointDisabled]("an endpoint is told nothing until it is enabled",
			rule("known_reason", "data.reason in ['failing', 'gone', 'asked']",
				func(f *EndpointDisabled) bool {
					return f.Reason == "failing" || f.Reason == "gone" || f.Reason == "asked"
				})),
		kind[EndpointEnabled]("an endpoint is told again, first of what waited"),
		kind[EndpointRemoved]("an endpoint is no more"),
		kind[HookQueued]("an endpoint has to be told of an event",
			rule("has_body", "size(data.body) > 0",
				func(f *HookQueued) bool { return f.Body != "" })),
		kind[HookDelivered]("an endpoint took a webhook",
			rule("attempt_counts", counts,
				func(f *HookDelivered) bool { return f.Attempt > 0 }),
			rule("answered_well", "data.status >= 200 && data.status < 300",
				func(f *HookDelivered) bool { return f.Status >= 200 && f.Status < 300 })),
		kind[HookFailed]("an endpoint did not take a webhook, or nobody knows",
			rule("attempt_counts", counts,
				func(f *HookFailed) bool { return f.Attempt > 0 }),
			rule("has_reason", "size(data.reason) > 0",
				func(f *HookFailed) bool { return f.Reason != "" })),
		kind[HookReplayed]("a person had a webhook sent again"),
		kind[HooksDue]("webhooks wait for an endpoint (announced by its timer)"),
	}
}
