package identity

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
)

const (
	// freshFor bounds how long a retired key is still accepted.
	freshFor = time.Minute
	// askAgain bounds how often a token that names an unknown key makes us look for new keys.
	askAgain = time.Second
	// maxRecent bounds the tokens that are remembered as verified; two generations are kept.
	maxRecent = 8192
)

// ring holds the accepted keys by the one header that a token of each begins with.
type ring struct {
	keys    map[string]ed25519.PublicKey // by header
	ids     map[string]ed25519.PublicKey // by key id
	asked   time.Time
	present bool
}

// refresh reads the accepted keys again when they are old or, when pressing, older than askAgain.
// Remembered tokens are forgotten when the keys have changed.
func (s *Service) refresh(ctx context.Context, now time.Time, pressing bool) error {
	limit := freshFor
	if pressing {
		limit = askAgain
	}
	s.mu.RLock()
	fresh := s.ring.present && now.Sub(s.ring.asked) < limit && !now.Before(s.ring.asked)
	s.mu.RUnlock()
	if fresh {
		return nil
	}
	ids, err := s.keys.PublicKeys(ctx)
	if err != nil {
		return shop.Errorf(shop.Unavailable, "read the signing keys: %w", err)
	}
	byHeader := make(map[string]ed25519.PublicKey, len(ids))
	for id, key := range ids {
		byHeader[header(id)] = key
	}
	same := func(a, b ed25519.PublicKey) bool { return a.Equal(b) }
	s.mu.Lock()
	defer s.mu.Unlock()
	if !maps.EqualFunc(s.ring.ids, ids, same) {
		s.seen = newRecent(maxRecent)
	}
	s.ring = ring{keys: byHeader, ids: ids, asked: now, present: true}
	return nil
}

// key returns the key whose tokens begin with head.
func (s *Service) key(ctx context.Context, head string, now time.Time) (ed25519.PublicKey, error) {
	if key, ok := s.lookup(head); ok {
		return key, nil
	}
	if err := s.refresh(ctx, now, true); err != nil {
		return nil, err
	}
	if key, ok := s.lookup(head); ok {
		return key, nil
	}
	return nil, refuse("the token was not signed with a key of ours")
}

func (s *Service) lookup(head string) (ed25519.PublicKey, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	key, ok := s.ring.keys[head]
	return key, ok && len(key) == ed25519.PublicKeySize
}

// header is the encoded header of every token that the key signs. The platform makes key ids of
// letters, digits, '-' and '_', so they need no escaping.
func header(kid string) string {
	return encode([]byte(`{"alg":"EdDSA","kid":"` + kid + `","typ":"JWT"}`))
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// decode accepts only the one canonical spelling of some bytes.
func decode(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, shop.Errorf(shop.Invalid, "line breaks are not base64url")
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

// recent remembers what was verified, at most 2·most tokens: when the young generation is full it
// becomes the old one, and what was not asked for since then is forgotten. Verifying a signature
// costs some fifty microseconds, remembering one a few hundred nanoseconds.
type recent struct {
	most       int
	young, old map[[sha256.Size]byte]verified
}

func newRecent(most int) recent {
	return recent{most: most, young: make(map[[sha256.Size]byte]verified)}
}

func (r *recent) get(sum [sha256.Size]byte) (verified, bool) {
	if v, ok := r.young[sum]; ok {
		return v, true
	}
	v, ok := r.old[sum]
	return v, ok
}

func (r *recent) put(sum [sha256.Size]byte, v verified) {
	if len(r.young) >= r.most {
		r.old, r.young = r.young, make(map[[sha256.Size]byte]verified, r.most)
	}
	r.young[sum] = v
}
