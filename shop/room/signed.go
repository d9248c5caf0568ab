package room

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
)

// The bounds of a webhook that is taken.
const (
	// MaxNotice bounds its body, in bytes.
	MaxNotice = 20_000
	// signatureAge bounds how far its time stamp may be from ours.
	signatureAge = 5 * time.Minute
	// maxSignatures bounds how many of its signatures are tried.
	maxSignatures = 8
)

// Signed is a webhook as it came in, by Standard Webhooks 1.0: its headers and its raw body.
type Signed struct {
	ID        string
	Timestamp string // seconds
	Signature string // one or more, separated by spaces
	Body      []byte
}

// Sign returns the signature of a webhook: "v1," and the base64 of the HMAC-SHA256 over id, seconds
// and body, joined by dots.
func Sign(secret []byte, id string, at time.Time, body []byte) string {
	return "v1," + base64.StdEncoding.EncodeToString(signature(secret, id, at.Unix(), body))
}

func signature(secret []byte, id string, seconds int64, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(id + "." + strconv.FormatInt(seconds, 10) + "."))
	h.Write(body)
	return h.Sum(nil)
}

// Verify accepts a webhook that one of the secrets signed within five minutes of now. It refuses
// what is none (Invalid), and a signature or a time stamp that is not right (Unauthorised).
func (w Signed) Verify(secrets [][]byte, now time.Time) error {
	seconds, err := strconv.ParseInt(w.Timestamp, 10, 64)
	if err != nil || w.ID == "" || len(w.ID) > 128 || len(w.Body) > MaxNotice {
		return shop.Errorf(shop.Invalid, "a webhook has an id, a time in seconds and a small body")
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > signatureAge || age < -signatureAge {
		return shop.Errorf(shop.Unauthorised, "the webhook's time stamp is too far from now").
			WithHint("compare the clocks; a captured webhook must not be played back")
	}
	for i, have := range strings.Fields(w.Signature) {
		version, text, _ := strings.Cut(have, ",")
		sum, err := base64.StdEncoding.DecodeString(text)
		if i >= maxSignatures || version != "v1" || err != nil {
			continue
		}
		for _, secret := range secrets {
			if hmac.Equal(sum, signature(secret, w.ID, seconds, w.Body)) {
				return nil
			}
		}
	}
	return shop.Errorf(shop.Unauthorised, "no signature of the webhook is one of ours").
		WithHint("the secrets differ, or somebody is guessing")
}
