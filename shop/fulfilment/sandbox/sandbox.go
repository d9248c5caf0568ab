package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/shop/fulfilment/paper"
	"github.com/souk-commerce/souk/shop/fulfilment/sandbox/post"
)

// Name is what the carrier is called in facts, and in the path of its webhooks.
const Name = post.Name

// ErrTimeout is what a call ends with instead of an answer.
var ErrTimeout = errors.New("sandbox-post: the call took too long")

// Clock is the time by which the carrier lives; every platform's clock is one.
type Clock interface{ Now() time.Time }

// Place is a city of magic: a parcel that is sent there fares as Doc says.
type Place struct{ City, Doc string }

// The cities of magic.
const (
	lost      = "Lostwithal"
	delayed   = "Tarrywhile"
	returned  = "Comeback"
	nowhere   = "Nowhere"
	silent    = "Mute"
	forgetful = "Numb"
	echo      = "Echo"
	scrambled = "Topsy"
	odd       = "Oddington"
)

// Places lists the cities of magic. To every other city a parcel takes 26 hours.
func Places() []Place {
	return []Place{
		{lost, "The parcel is lost on its way."},
		{delayed, "The parcel is delayed, and arrives two days later."},
		{returned, "Nobody opens, and the parcel goes back."},
		{nowhere, "The carrier refuses the address."},
		{silent, "The label is bought, and the first call ends without an answer."},
		{forgetful, "The first call ends without an answer, and nothing is bought."},
		{echo, "Every webhook comes three times."},
		{scrambled, "Webhooks come in the wrong order."},
		{odd, "There are webhooks of a kind that nobody knows, too."},
	}
}

// Sandbox is the carrier. It is safe for concurrent use.
type Sandbox struct {
	clock  Clock
	secret []byte

	mu     sync.Mutex
	labels map[string]*bought
	tries  map[string]int
	hooks  []Webhook
	hookNo int
}

var _ fulfilment.Carrier = (*Sandbox)(nil)

type bought struct {
	tracking string
	pdf      []byte
}

// New opens the carrier. secret signs its webhooks; without one there are none.
func New(clock Clock, secret []byte) *Sandbox {
	return &Sandbox{
		clock: clock, secret: secret, labels: make(map[string]*bought), tries: make(map[string]int),
	}
}

// Name implements fulfilment.Carrier.
func (*Sandbox) Name() string { return Name }

// Buy implements fulfilment.Carrier.
func (s *Sandbox) Buy(
	_ context.Context, o fulfilment.LabelOrder,
) (fulfilment.Bought, error) {
	place := o.To.City
	if o.Back {
		place = o.From.City
	}
	now := s.clock.Now().UTC()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries[o.Key]++
	first := s.tries[o.Key] == 1
	switch {
	case place == nowhere:
		return fulfilment.Bought{Verdict: fulfilment.Rejected, Reason: "address_refused"}, nil
	case place == forgetful && first:
		return fulfilment.Bought{}, ErrTimeout
	}
	b := s.labels[o.Key]
	if b == nil {
		var err error
		if b, err = newLabel(o, now); err != nil {
			return fulfilment.Bought{}, err
		}
		s.labels[o.Key] = b
		s.plan(b.tracking, place, now)
	}
	if place == silent && first {
		return fulfilment.Bought{}, ErrTimeout
	}
	return b.answer(), nil
}

// newLabel makes the one label of a key.
func newLabel(o fulfilment.LabelOrder, now time.Time) (*bought, error) {
	sum := sha256.Sum256([]byte(o.Key))
	tracking := "SB" + strings.ToUpper(hex.EncodeToString(sum[:7])) + o.From.Country
	pdf, err := paper.Label{
		Carrier: "Sandbox Post", Service: "TRACKED 48", Tracking: tracking, For: o.For,
		From: o.From, To: o.To, Back: o.Back, At: now,
	}.Print()
	if err != nil {
		return nil, shop.Errorf(shop.Internal, "sandbox-post: print a label: %w", err)
	}
	return &bought{tracking, pdf}, nil
}

func (b *bought) answer() fulfilment.Bought {
	return fulfilment.Bought{Verdict: fulfilment.Taken, Tracking: b.tracking, PDF: b.pdf}
}

// Find implements fulfilment.Carrier.
func (s *Sandbox) Find(_ context.Context, key string) (fulfilment.Bought, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.labels[key]; b != nil {
		return b.answer(), nil
	}
	return fulfilment.Bought{Verdict: fulfilment.Missing}, nil
}
