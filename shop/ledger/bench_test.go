package ledger_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/ledger"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// BenchmarkStatement is the statement of a dealer with 100,000 orders: balances, totals and a page;
// and all of its 200,000 lines.
func BenchmarkStatement(b *testing.B) {
	const orders, chunk = 100_000, 5
	w := roomtest.New(b, roomtest.Calm())
	desk := w.Desk("ledger")
	s := ledger.New(desk, ledger.Options{})
	for first := 0; first < orders; first += chunk {
		err := desk.Do(b.Context(), room.Cause{}, func(ctx context.Context, tx *room.Tx) error {
			for n := first; n < min(first+chunk, orders); n++ {
				if err := sell(ctx, tx, n); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	ctx := w.As(b, "dlr_1", room.Dealer())
	day := w.Clock.Now()
	in := ledger.Term{From: midnight(day, 0), To: midnight(day, 1)}
	b.Run("page", func(b *testing.B) {
		for b.Loop() {
			st, err := s.Statement(ctx, "dlr_1", "GBP", in)
			if err != nil || st.Totals.Sales != orders*1200 {
				b.Fatalf("%+v, %v", st, err)
			}
			if _, _, err := s.Lines(ctx, "dlr_1", "GBP", in, "", 100); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("whole", func(b *testing.B) {
		for b.Loop() {
			lines := 0
			for cursor := ""; ; {
				page, next, err := s.Lines(ctx, "dlr_1", "GBP", in, cursor, ledger.MaxLines)
				if err != nil {
					b.Fatal(err)
				}
				lines += len(page)
				if cursor = next; cursor == "" {
					break
				}
			}
			if lines != 2*orders {
				b.Fatalf("%d lines", lines)
			}
		}
	})
}

// sell books a parcel of dlr_1's: its capture and its maturity.
func sell(ctx context.Context, tx *room.Tx, n int) error {
	order := shop.ID(fmt.Sprintf("ord_%06d", n))
	split := []event.ParcelSplit{{
		Shipment: shipment(order, 1), Dealer: "dlr_1", Amount: 1200, Tax: 200, Commission: 150,
	}}
	for _, f := range []*event.LedgerPosted{
		{Kind: "capture", Splits: split, Entries: []event.Entry{
			{Account: ledger.Receivable, Amount: 1200},
			{Account: ledger.Pending("dlr_1"), Amount: -850},
			{Account: ledger.Commission, Amount: -150}, {Account: ledger.TaxPayable, Amount: -200},
		}},
		{Kind: "maturity", Splits: split, Entries: []event.Entry{
			{Account: ledger.Pending("dlr_1"), Amount: 850},
			{Account: ledger.Payable("dlr_1"), Amount: -850},
		}},
	} {
		f.Transaction = shop.ID(fmt.Sprintf("txn_%s_%06d_1", f.Kind, n))
		f.Order, f.Currency, f.At, f.Cause = order, "GBP", tx.Now(), "e"
		if err := tx.Announce(ctx, f, 1); err != nil {
			return err
		}
	}
	return nil
}
