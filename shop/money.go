package shop

import (
	"fmt"
	"math/bits"
	"sort"
)

// MaxAmount is the largest amount, in minor units, that a Money may hold: 10^15, which is ten
// trillion in a currency with two decimals. The bound leaves room for sums of a thousand lines
// before int64 overflows, and every constructor and operation keeps it.
const MaxAmount int64 = 1_000_000_000_000_000

// Currency is an ISO 4217 alphabetic code, such as GBP.
type Currency string

// Valid reports whether c has the form of an ISO 4217 code: three capital letters.
func (c Currency) Valid() bool {
	if len(c) != 3 {
		return false
	}
	for _, r := range []byte(c) {
		if r < 'A' || r > 'Z' {
			return false
		}
	}
	return true
}

// Money is an amount in minor units (pence, cents) of one currency. The zero Money has no currency
// and stands for "nothing yet"; adding it to any Money gives that Money.
type Money struct {
	Amount   int64    `json:"amount"   minimum:"-1000000000000000" maximum:"1000000000000000"`
	Currency Currency `json:"currency"`
}

// NewMoney returns amount minor units of c. It refuses a malformed currency and an amount beyond
// MaxAmount in either direction.
func NewMoney(amount int64, c Currency) (Money, error) {
	m := Money{amount, c}
	return m, m.Check()
}

// Check refuses money that is malformed or out of bounds. The zero Money passes.
func (m Money) Check() error {
	switch {
	case m == Money{}:
		return nil
	case !m.Currency.Valid():
		return Errorf(Invalid, "currency %q is not an ISO 4217 code", clip(string(m.Currency)))
	case m.Amount > MaxAmount || m.Amount < -MaxAmount:
		return Errorf(Invalid, "amount %d is beyond the bound of %d", m.Amount, MaxAmount)
	}
	return nil
}

// Add returns m + n. It refuses to mix currencies and to pass MaxAmount.
func (m Money) Add(n Money) (Money, error) {
	if m == (Money{}) {
		return n, n.Check()
	}
	if n == (Money{}) {
		return m, m.Check()
	}
	if m.Currency != n.Currency {
		return Money{}, Errorf(Invalid, "cannot add %s to %s", n.Currency, m.Currency)
	}
	return NewMoney(m.Amount+n.Amount, m.Currency)
}

// Neg returns -m.
func (m Money) Neg() Money { return Money{-m.Amount, m.Currency} }

// Sub returns m - n under the rules of Add.
func (m Money) Sub(n Money) (Money, error) { return m.Add(n.Neg()) }

// Times returns m * n, checked against overflow and MaxAmount.
func (m Money) Times(n int64) (Money, error) {
	hi, lo := bits.Mul64(abs(m.Amount), abs(n))
	if hi != 0 || lo > uint64(MaxAmount) {
		return Money{}, Errorf(Invalid, "%d times %s is beyond the bound of %d", n, m, MaxAmount)
	}
	amount := int64(lo)
	if (m.Amount < 0) != (n < 0) {
		amount = -amount
	}
	return NewMoney(amount, m.Currency)
}

// Allocate splits m over weights so that the parts add up to m exactly: each part is first rounded
// towards zero, then the units left over go to the largest remainders, earlier parts first on a tie
// (the largest-remainder method). Weights must not be negative; if all are zero the parts are equal
// in weight. At most 10,000 weights.
func (m Money) Allocate(weights []int64) ([]Money, error) {
	if len(weights) == 0 || len(weights) > 10_000 {
		return nil, Errorf(Invalid, "cannot allocate over %d weights", len(weights))
	}
	sum, err := sumWeights(weights)
	if err != nil {
		return nil, err
	}
	weight := func(i int) uint64 {
		if sum == 0 {
			return 1
		}
		return uint64(weights[i])
	}
	total := sum
	if total == 0 {
		total = uint64(len(weights))
	}
	parts, rest := make([]Money, len(weights)), make([]uint64, len(weights))
	left := abs(m.Amount)
	for i := range weights {
		hi, lo := bits.Mul64(abs(m.Amount), weight(i))
		q, r := bits.Div64(hi, lo, total)
		parts[i], rest[i] = Money{int64(q), m.Currency}, r
		left -= q
	}
	order := make([]int, len(weights))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return rest[order[a]] > rest[order[b]] })
	for _, i := range order[:left] {
		parts[i].Amount++
	}
	if m.Amount < 0 {
		for i := range parts {
			parts[i].Amount = -parts[i].Amount
		}
	}
	return parts, nil
}

// String prints the minor units and the currency, as in "1020 GBP".
func (m Money) String() string { return fmt.Sprintf("%d %s", m.Amount, m.Currency) }

func sumWeights(weights []int64) (uint64, error) {
	var sum uint64
	for _, w := range weights {
		if w < 0 || w > MaxAmount {
			return 0, Errorf(Invalid, "weight %d is out of bounds", w)
		}
		sum += uint64(w) // 10,000 weights of at most 10^15 stay below 2^64
	}
	return sum, nil
}

func abs(n int64) uint64 {
	if n < 0 {
		return uint64(-(n + 1)) + 1
	}
	return uint64(n)
}
