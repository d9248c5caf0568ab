package post

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/distant"
	"github.com/souk-commerce/souk/shop/fulfilment"
)

// Name is what the carrier is called in facts, and in the path of its webhooks.
const Name = "sandbox-post"

// Word is the body of a webhook, in this carrier's own words.
type Word struct {
	Event  string    `json:"event"`
	Parcel string    `json:"parcel_no"`
	At     time.Time `json:"happened_at"`
}

// kinds translates this carrier's words into ours.
func kinds() map[string]string {
	return map[string]string{
		"COLLECTED": "picked_up", "SORTED": "in_transit", "ON_VAN": "out_for_delivery",
		"HANDED_OVER": "delivered", "HELD_UP": "delayed", "MISSING": "lost",
		"BACK_AT_SENDER": "returned",
	}
}

// Read turns a webhook's body into our words, as fulfilment.Carrier says.
func Read(body []byte) (n fulfilment.Notice, known bool, err error) {
	var w Word
	if err := json.Unmarshal(body, &w); err != nil || w.Event == "" {
		return fulfilment.Notice{}, false, shop.Errorf(shop.Invalid, "this is no word of ours")
	}
	status, known := kinds()[w.Event]
	return fulfilment.Notice{
		Kind: w.Event, Tracking: w.Parcel, Status: status, At: w.At,
	}, known, nil
}

// Handler lets other processes call a carrier over HTTP: POST /labels buys one, GET /labels?key=
// asks for one.
func Handler(c fulfilment.Carrier) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /labels", func(w http.ResponseWriter, r *http.Request) {
		var o fulfilment.LabelOrder
		if distant.Heard(w, r, &o) {
			bought, err := c.Buy(r.Context(), o)
			distant.Answer(w, bought, err)
		}
	})
	mux.HandleFunc("GET /labels", func(w http.ResponseWriter, r *http.Request) {
		found, err := c.Find(r.Context(), r.URL.Query().Get("key"))
		distant.Answer(w, found, err)
	})
	return mux
}

// Distant is the carrier in another process. Safe for concurrent use.
type Distant struct{ client distant.Client }

var _ fulfilment.Carrier = (*Distant)(nil)

// New returns the carrier that Handler serves at a URL.
func New(url string, client *http.Client) *Distant {
	return &Distant{distant.Client{URL: url, HTTP: client}}
}

// Name implements fulfilment.Carrier.
func (*Distant) Name() string { return Name }

// Buy implements fulfilment.Carrier.
func (d *Distant) Buy(
	ctx context.Context, o fulfilment.LabelOrder,
) (fulfilment.Bought, error) {
	var b fulfilment.Bought
	err := d.client.Call(ctx, http.MethodPost, "/labels", o, &b)
	return b, err
}

// Find implements fulfilment.Carrier.
func (d *Distant) Find(ctx context.Context, key string) (fulfilment.Bought, error) {
	var b fulfilment.Bought
	err := d.client.Call(ctx, http.MethodGet, "/labels?key="+url.QueryEscape(key), nil, &b)
	return b, err
}

// Read implements fulfilment.Carrier.
func (*Distant) Read(body []byte) (fulfilment.Notice, bool, error) { return Read(body) }
