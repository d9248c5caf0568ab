package shop

import (
	"encoding/base32"
	"encoding/binary"
	"io"
	"strings"
	"time"
)

// ID names one thing for ever: an order, a hold, a payment, a shipment, a person. It is 1 to 64
// characters of A-Z, a-z, 0-9, '_' and '-', so it is safe in a key, a path and a log line.
type ID string

// MaxID is the greatest length of an ID, in bytes.
const MaxID = 64

// ParseID returns s as an ID, or an Invalid error.
func ParseID(s string) (ID, error) {
	if s == "" || len(s) > MaxID {
		return "", Errorf(Invalid, "an id has 1 to %d characters, this has %d", MaxID, len(s))
	}
	for _, c := range []byte(s) {
		if !isWord(c) {
			return "", Errorf(Invalid, "id %q has a character outside A-Z a-z 0-9 _ -", clip(s))
		}
	}
	return ID(s), nil
}

// IDs makes new identifiers. Implementations must be safe for concurrent use and must never repeat.
type IDs interface {
	// NewID returns prefix + "_" + a fresh name.
	NewID(prefix string) ID
}

// RandomIDs makes identifiers that sort by time: 48 bits of the clock's milliseconds and 80 bits of
// chance, in lower-case base 32. It panics if chance fails, since no safe id can be made then.
type RandomIDs struct {
	Now    func() time.Time
	Chance io.Reader // safe for concurrent use
}

// NewID implements IDs.
func (r RandomIDs) NewID(prefix string) ID {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(r.Now().UnixMilli())<<16)
	if _, err := io.ReadFull(r.Chance, raw[6:]); err != nil {
		panic("shop: the source of chance failed, so ids could repeat: " + err.Error())
	}
	name := base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(raw[:])
	return ID(prefix + "_" + strings.ToLower(name))
}

// SKU names a thing that can be sold: 1 to 64 printable ASCII characters without '/', spaces or
// control characters. "." and ".." are none, since no path can name them.
type SKU string

// ParseSKU returns s as a SKU, or an Invalid error.
func ParseSKU(s string) (SKU, error) {
	if s == "" || len(s) > MaxID {
		return "", Errorf(Invalid, "a SKU has 1 to %d characters, this has %d", MaxID, len(s))
	}
	if s == "." || s == ".." {
		return "", Errorf(Invalid, "SKU %q stands for another place in a path", s)
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || c == '/' {
			return "", Errorf(Invalid, "SKU %q has a character that is not allowed", clip(s))
		}
	}
	return SKU(s), nil
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '_' || c == '-'
}
