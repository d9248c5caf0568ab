package order

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

const (
	maxWait = 30 * time.Second
	// lookAgain is how often whoever waits reads the order without having been woken, so that a
	// missed signal costs a moment and never an answer.
	lookAgain = 500 * time.Millisecond
	// leaseSlack is how much longer than the wait a request counts as in flight.
	leaseSlack = 5 * time.Second
)

// parseWait reads the preference wait=N of RFC 7240, in seconds; at most maxWait. Preferences
// that mean nothing here are ignored, as the standard wants.
func parseWait(prefer string) time.Duration {
	for one := range strings.SplitSeq(prefer, ",") {
		one, _, _ = strings.Cut(one, ";")
		name, value, _ := strings.Cut(one, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "wait") {
			continue
		}
		n, err := strconv.Atoi(strings.Trim(strings.TrimSpace(value), `"`))
		if err != nil || n < 1 {
			return 0
		}
		return min(time.Duration(min(n, 3600))*time.Second, maxWait)
	}
	return 0
}

// conclude waits until an order has left pending_payment, or waits for its customer, at most for
// wait, and stores the
// answer of the request that made it: whoever is first decides, and everybody gets that one. 201
// says that the order is decided, 202 that it still waits.
func (s *Service) conclude(
	ctx context.Context, once room.Once, id shop.ID, wait time.Duration,
) (room.Answer, error) {
	o, err := s.await(ctx, id, wait)
	if err != nil {
		return room.Answer{}, err
	}
	b, err := loadBody(ctx, s.desk.Begin(room.Cause{}), o)
	if err != nil {
		return room.Answer{}, err
	}
	a, err := answerOf(viewOf(o, b.Lines))
	if err != nil {
		return room.Answer{}, err
	}
	if o.Status == PendingPayment() {
		a.Status = http.StatusAccepted
	}
	return s.desk.Finish(ctx, once, a)
}

// await returns the order as it is once it is decided, or waits for its customer, or when wait is
// over.
func (s *Service) await(ctx context.Context, id shop.ID, wait time.Duration) (*Order, error) {
	var wake <-chan struct{} // nil blocks for ever, which is right without a watcher
	if s.seams.Watcher != nil && wait > 0 {
		c, stop := s.seams.Watcher.Watch(id)
		defer stop()
		wake = c
	}
	over := s.desk.Clock.After(wait)
	for done := wait <= 0; ; {
		o, err := load(ctx, s.desk.Begin(room.Cause{}), id)
		if err != nil {
			return nil, err
		}
		if o == nil {
			return nil, noSuch(id)
		}
		if done || o.Status != PendingPayment() || o.waits() {
			return o, nil
		}
		select {
		case <-wake:
		case <-s.desk.Clock.After(lookAgain):
		case <-over:
			done = true // and look once more
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func answerOf(v View) (room.Answer, error) {
	raw, err := room.Encode(v)
	return room.Answer{Status: http.StatusCreated, Body: raw, Ref: string(v.ID)}, err
}
