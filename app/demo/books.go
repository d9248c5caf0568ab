package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	payer "github.com/souk-commerce/souk/shop/ledger/sandbox"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// sum checks the books and writes the summary. Nobody may be in the market any more.
func (d *demo) sum(ctx context.Context) (*Summary, error) {
	s := d.summary()
	var err error
	if s.Money.Records, err = d.fromRecords(ctx); err != nil {
		return nil, fmt.Errorf("read the payments: %w", err)
	}
	if s.Money.Provider, err = d.fromProvider(); err != nil {
		return nil, fmt.Errorf("read the provider's ledger: %w", err)
	}
	if err := d.deliveries(ctx, s); err != nil {
		return nil, err
	}
	if err := d.askBooks(ctx, s); err != nil {
		return nil, err
	}
	if err := d.askTale(ctx, s); err != nil {
		return nil, fmt.Errorf("ask for the order that was followed: %w", err)
	}
	if s.Checks, err = d.verify(ctx); err != nil {
		return nil, fmt.Errorf("check the books: %w", err)
	}
	s.Faults = append(s.Faults, s.disagreements()...)
	s.Balanced = len(s.Faults) == 0 && s.Checks.Clean()
	return s, nil
}

// verify puts every invariant to the test.
func (d *demo) verify(ctx context.Context) (*verify.Report, error) {
	return verify.Run(ctx, verify.Input{
		History: d.cfg.Platform.History(), Delivery: d.cfg.Platform.Delivery(),
		Rooms: d.cfg.Rooms, Catalogue: d.cfg.Catalogue, Quiescent: true,
		Provider: func(fn func(verify.Effect) error) error {
			return d.cfg.Ledger(func(e sandbox.Entry) error {
				return fn(verify.Effect{
					Key: e.Key, Payment: e.Payment, Order: e.Order, Kind: e.Kind, Amount: e.Amount,
					Currency: e.Currency, At: e.At, Ref: e.Ref,
				})
			})
		},
		Payouts: func(fn func(verify.Paid) error) error {
			return d.cfg.Payouts(func(e payer.Entry) error {
				return fn(verify.Paid{
					Key: e.Key, Payout: e.Payout, Dealer: e.Dealer, Kind: e.Kind,
					Amount: e.Amount, Currency: e.Currency,
				})
			})
		},
	})
}

// fromRecords adds up what the payments' records say.
func (d *demo) fromRecords(ctx context.Context) (all Sums, err error) {
	const part = "payment/payment/" // the room, and its layout
	err = d.cfg.Platform.History().Records(ctx, part, func(r platform.Record) error {
		var p payment.Payment
		if err := room.Decode(r.Value, &p); err != nil {
			return fmt.Errorf("%s: %w", r.Key.Part, err)
		}
		all.Authorised += p.Authorised
		all.Voided += p.Voided
		all.Captured += p.Captured
		all.Refunded += p.Refunded
		return nil
	})
	return all, err
}

// fromProvider adds up what the provider says that it did.
func (d *demo) fromProvider() (all Sums, err error) {
	err = d.cfg.Ledger(func(e sandbox.Entry) error {
		switch e.Kind {
		case sandbox.Authorise:
			all.Authorised += e.Amount
		case sandbox.Void:
			all.Voided += e.Amount
		case sandbox.Capture:
			all.Captured += e.Amount
		case sandbox.Refund:
			all.Refunded += e.Amount
		default:
			return shop.Errorf(shop.Internal, "an entry of kind %q: nobody asked for it", e.Kind)
		}
		return nil
	})
	return all, err
}

// deliveries counts what the subscriptions did.
func (d *demo) deliveries(ctx context.Context, s *Summary) error {
	status, err := d.cfg.Platform.Delivery().Status(ctx)
	if err != nil {
		return fmt.Errorf("ask for the state of deliveries: %w", err)
	}
	for _, one := range status {
		s.Events.Delivered += one.Done
		s.Events.Retried += one.Failed
		s.Events.DeadLetters += one.DeadLetters
	}
	if p, ok := d.cfg.Platform.(interface{ Metrics() map[string]float64 }); ok {
		seconds := p.Metrics()["souk_store_fsync_seconds_median"]
		s.Latency.Fsync = ms(time.Duration(seconds * float64(time.Second)))
	}
	return nil
}

// disagreements says where the three books differ, and what else should not be.
func (s *Summary) disagreements() (all []string) {
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	m := s.Money
	if m.Log != m.Records {
		say("the log says %s, the records say %s", m.Log, m.Records)
	}
	if m.Log != m.Provider {
		say("the log says %s, the provider's ledger says %s", m.Log, m.Provider)
	}
	if s.Flash.Sold > s.Flash.Units {
		say("%d of %d %s were sold", s.Flash.Sold, s.Flash.Units, s.Flash.SKU)
	}
	if c := s.DoubleClicks; c.Orders != c.Shoppers {
		say("%d shoppers clicked %d times and have %d orders", c.Shoppers, c.Clicks, c.Orders)
	}
	if n := s.Events.DeadLetters; n > 0 {
		say("%d events are dead letters", n)
	}
	if n := s.LostAnswers.Cases; n > 0 {
		say("%d payments wait for a person", n)
	}
	return all
}
