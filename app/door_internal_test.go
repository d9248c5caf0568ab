package app

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
)

type steady struct{}

func (steady) Now() time.Time                         { return time.Now() }
func (steady) After(d time.Duration) <-chan time.Time { return time.After(d) }

// still is a response that keeps nothing.
type still struct{ head http.Header }

func (s *still) Header() http.Header         { return s.head }
func (s *still) Write(p []byte) (int, error) { return len(p), nil }
func (s *still) WriteHeader(int)             {}

// doorOf builds a house of one route whose room answers at once.
func doorOf(serve serving, load Load) *house {
	h := &house{
		clock: steady{}, log: slog.New(slog.DiscardHandler), meters: newMeters(), most: 100,
		verify: func(context.Context, string) (room.Caller, error) {
			return room.Caller{ID: "cus_1", Role: room.Customer()}, nil
		},
	}
	h.build([]Route{{
		http.MethodPost, "/v1/orders", "postOrder", "Check out", []room.Role{room.Customer()}, 201,
		nil, load, true, serve,
	}})
	return h
}

const checkoutBody = `{"items":[{"sku":"85123A","quantity":2}],"payment":{"token":"tok_visa"},` +
	`"shipTo":{"name":"A. Buyer","line1":"1 Road","city":"Leeds","country":"GB"}}`

// BenchmarkDoor is what a checkout costs outside its room: routing, trace, admission, token, key,
// JSON, validation, answer and numbers; without the network.
func BenchmarkDoor(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 800)
	h := doorOf(answers[order.View](
		func(context.Context, *order.PostOrderIn) (*order.AnswerOut, error) {
			return &order.AnswerOut{Status: 201, ContentType: "application/json", Body: body}, nil
		}), Begin)
	head := http.Header{
		"Content-Type": {"application/json"}, "Idempotency-Key": {"k"},
		"Authorization": {"Bearer x"},
	}
	b.ReportAllocs()
	for b.Loop() {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/orders",
			io.NopCloser(bytes.NewReader([]byte(checkoutBody))))
		if err != nil {
			b.Fatal(err)
		}
		req.Header, req.ContentLength = head, int64(len(checkoutBody))
		w := &still{head: make(http.Header, 12)}
		h.mux.ServeHTTP(w, req)
	}
}
