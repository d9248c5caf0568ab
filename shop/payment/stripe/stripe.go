package stripe

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v86"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
)

// Name is what the provider is called in facts, and in the path of its webhooks.
const Name = "stripe"

// Options opens the provider. Key is required.
type Options struct {
	Key    string // the secret key of the account, sk_… or rk_…
	Return string // where the bank sends customers who have confirmed: the shop's own page
	// Secrets are those of the webhook endpoint, newest first; none refuses all webhooks.
	Secrets []string
	URL     string       // of the API; "" is Stripe's own
	Client  *http.Client // nil has a time limit of 20 seconds
}

// Provider is Stripe. It is safe for concurrent use.
type Provider struct {
	opt Options
	api *stripe.Client
}

var (
	_ payment.Provider = (*Provider)(nil)
	_ payment.Disputer = (*Provider)(nil)
	_ payment.Listener = (*Provider)(nil)
)

// callTimeout bounds one call by its connection; the room bounds it as well.
const callTimeout = 20 * time.Second

// New returns the provider. It calls nobody. A missing key is Invalid.
func New(opt Options) (*Provider, error) {
	if opt.Key == "" {
		return nil, shop.Errorf(shop.Invalid, "Stripe needs the account's secret key").
			WithHint("make a restricted key that may write PaymentIntents, refunds and disputes")
	}
	if opt.Client == nil {
		opt.Client = &http.Client{Timeout: callTimeout}
	}
	return &Provider{opt: opt, api: Client(opt)}, nil
}

// Client is the library's client as this package uses it: it retries nothing by itself, logs
// nothing, and sends no telemetry.
func Client(opt Options) *stripe.Client {
	config := &stripe.BackendConfig{
		HTTPClient: opt.Client, MaxNetworkRetries: stripe.Int64(0),
		EnableTelemetry: stripe.Bool(false), LeveledLogger: silence{},
	}
	if opt.URL != "" {
		config.URL = stripe.String(opt.URL)
	}
	return stripe.NewClient(opt.Key,
		stripe.WithBackends(stripe.NewBackendsWithConfig(config)))
}

// silence keeps what the library would log, which may hold tokens, out of every log.
type silence struct{}

// Debugf implements stripe.LeveledLoggerInterface.
func (silence) Debugf(string, ...any) {}

// Errorf implements stripe.LeveledLoggerInterface.
func (silence) Errorf(string, ...any) {}

// Infof implements stripe.LeveledLoggerInterface.
func (silence) Infof(string, ...any) {}

// Warnf implements stripe.LeveledLoggerInterface.
func (silence) Warnf(string, ...any) {}

// What our objects carry in their metadata. A capture has no object of its own: it is a member of
// its PaymentIntent's metadata, set in the same call.
const (
	metaPayment   = "souk_payment"
	metaOrder     = "souk_order"
	metaKey       = "souk_key"
	metaOperation = "souk_operation"
	metaCapture   = "souk_c_" // and the capture's key: the amount
)

func metadata(r payment.Request) map[string]string {
	return map[string]string{
		metaPayment: string(r.Payment), metaOrder: string(r.Order), metaKey: r.Key,
		metaOperation: r.Operation,
	}
}

// Do implements payment.Provider.
func (p *Provider) Do(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	switch r.Operation {
	case payment.Authorise:
		return p.authorise(ctx, r)
	case payment.Capture:
		return p.capture(ctx, r)
	case payment.Void:
		return p.void(ctx, r)
	case payment.Refund:
		return p.refund(ctx, r)
	}
	return refusal("unknown_operation"), nil
}

// Status implements payment.Provider.
func (p *Provider) Status(ctx context.Context, r payment.Request) (payment.Outcome, error) {
	switch r.Operation {
	case payment.Authorise:
		return p.authorised(ctx, r)
	case payment.Capture:
		return p.captured(ctx, r)
	case payment.Void:
		return p.voided(ctx, r)
	case payment.Refund:
		return p.refunded(ctx, r)
	}
	return payment.Outcome{Verdict: payment.Missing}, nil
}

// Describe says what may be shown of a token. Only Stripe knows the card behind it.
func Describe(string) payment.Card { return payment.Card{Brand: "card"} }

func refusal(reason string) payment.Outcome {
	return payment.Outcome{Verdict: payment.Refused, Reason: reason}
}

// money is an amount of Stripe's, which writes currencies small.
func money(amount int64, currency stripe.Currency) shop.Money {
	return shop.Money{Amount: amount, Currency: shop.Currency(strings.ToUpper(string(currency)))}
}

func small(c shop.Currency) *string { return stripe.String(strings.ToLower(string(c))) }

// success is what moved, as Stripe has it.
func success(pi *stripe.PaymentIntent, amount int64) payment.Outcome {
	return payment.Outcome{
		Verdict: payment.Succeeded, Payment: shop.ID(pi.Metadata[metaPayment]),
		Amount: money(amount, pi.Currency), Reference: pi.ID,
	}
}

// intent reads a PaymentIntent with its newest charge.
func (p *Provider) intent(ctx context.Context, id string) (*stripe.PaymentIntent, error) {
	params := &stripe.PaymentIntentRetrieveParams{}
	params.AddExpand("latest_charge")
	return p.api.V1PaymentIntents.Retrieve(ctx, id, params)
}
