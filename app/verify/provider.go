package verify

import (
	"encoding/binary"
	"encoding/hex"
	"slices"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
)

// effects keeps the lines of a provider's ledger until their orders are closed, in some thirty
// bytes each: without what the checks do not need, and each with the place of the line of the same
// order before it.
type effects struct {
	pages      [][]byte
	kinds      []string
	currencies []shop.Currency
	line       []byte
	unread     int
}

// pageSize is how much is allotted at once. A line is never divided, and a page is never longer
// than maxPage.
const (
	pageSize = 1 << 18
	maxPage  = 1 << 32
)

// keep stores a line behind the one at before, 0 for none, and returns its place.
func (s *effects) keep(e Effect, before int64) int64 {
	s.unread++
	b := append(s.line[:0], unread)
	b = binary.AppendUvarint(b, uint64(before))
	b = binary.AppendUvarint(b, uint64(indexIn(&s.kinds, e.Kind)))
	b = binary.AppendUvarint(b, uint64(indexIn(&s.currencies, e.Currency)))
	b = binary.AppendVarint(b, e.Amount)
	own := ""
	if e.Payment != payment.Of(e.Order) {
		own = "=" + string(e.Payment)
	}
	b = appendText(appendText(b, e.Key), own)
	s.line = b
	last := len(s.pages) - 1
	if last < 0 || len(s.pages[last])+len(b) > cap(s.pages[last]) {
		s.pages = append(s.pages, make([]byte, 0, max(pageSize, len(b))))
		last++
	}
	at := len(s.pages[last])
	s.pages[last] = append(s.pages[last], b...)
	return int64(last)*maxPage + int64(at) + 1
}

// A line says first whether it was read since it was kept.
const (
	unread byte = iota
	wasRead
)

// isUnread reports whether the line at a place was not read since it was kept.
func (s *effects) isUnread(at int64) bool {
	return at > 0 && s.pages[(at-1)/maxPage][(at-1)%maxPage] == unread
}

// of lists the lines of an order in the order of the ledger, given the place of the last.
func (s *effects) of(order shop.ID, at int64) []Effect {
	var all []Effect
	for at > 0 {
		b := s.pages[(at-1)/maxPage][(at-1)%maxPage:]
		if b[0] == unread {
			b[0] = wasRead
			s.unread--
		}
		b = b[1:]
		e := Effect{Order: order}
		var before, kind, currency uint64
		before, b = uvarint(b)
		kind, b = uvarint(b)
		currency, b = uvarint(b)
		amount, n := binary.Varint(b)
		e.Kind, e.Currency, e.Amount = s.kinds[kind], s.currencies[currency], amount
		e.Key, b = text(b[n:])
		own, _ := text(b)
		e.Payment = payment.Of(order)
		if own != "" {
			e.Payment = shop.ID(own[1:])
		}
		all = append(all, e)
		at = int64(before)
	}
	slices.Reverse(all)
	return all
}

// indexIn finds a word among few, or appends it.
func indexIn[T comparable](words *[]T, word T) int {
	at := slices.Index(*words, word)
	if at < 0 {
		at = len(*words)
		*words = append(*words, word)
	}
	return at
}

func uvarint(b []byte) (uint64, []byte) {
	v, n := binary.Uvarint(b)
	return v, b[n:]
}

// appendText appends a text with its length, and an even number of hexadecimal digits, which keys
// often are, in half the room.
func appendText(b []byte, s string) []byte {
	if half, err := hex.DecodeString(s); err == nil && hex.EncodeToString(half) == s {
		return append(binary.AppendUvarint(b, uint64(len(half))<<1|1), half...)
	}
	return append(binary.AppendUvarint(b, uint64(len(s))<<1), s...)
}

func text(b []byte) (string, []byte) {
	n, b := uvarint(b)
	part, rest := b[:n>>1], b[n>>1:]
	if n&1 == 1 {
		return hex.EncodeToString(part), rest
	}
	return string(part), rest
}
