package cognito_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
)

// signing is one Ed25519 key of ours.
type signing struct{}

func (*signing) key() ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("ours"))
	return ed25519.NewKeyFromSeed(seed[:])
}

// Sign implements identity.Keys.
func (s *signing) Sign(_ context.Context, message []byte) ([]byte, string, error) {
	return ed25519.Sign(s.key(), message), "ours", nil
}

// PublicKeys implements identity.Keys.
func (s *signing) PublicKeys(context.Context) (map[string]ed25519.PublicKey, error) {
	return map[string]ed25519.PublicKey{"ours": s.key().Public().(ed25519.PublicKey)}, nil
}
