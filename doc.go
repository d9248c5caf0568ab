// Package souk is the root of an event-driven marketplace engine: it takes an order from cart to
// doorstep, and every effect of that order happens exactly once. It holds no code of the product,
// only the house rules as tests. Start at README.md, or run `go run ./cmd/souk demo`.
package souk
