package identity

import (
	"context"
	"encoding/base64"
	"slices"
)

// JWK is one public key as RFC 8037 writes it.
type JWK struct {
	KeyType   string `json:"kty" enum:"OKP"`
	Curve     string `json:"crv" enum:"Ed25519"`
	X         string `json:"x"   doc:"the public key, base64url"`
	ID        string `json:"kid"`
	Use       string `json:"use" enum:"sig"`
	Algorithm string `json:"alg" enum:"EdDSA"`
}

// GetJWKSOut answers GET /.well-known/jwks.json.
type GetJWKSOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Keys []JWK `json:"keys" maxItems:"100"`
	}
}

// GetJWKS lists the public keys whose tokens are accepted, in the order of their ids.
func (s *Service) GetJWKS(ctx context.Context, _ *struct{}) (*GetJWKSOut, error) {
	if err := s.refresh(ctx, s.clock.Now(), false); err != nil {
		return nil, err
	}
	out := &GetJWKSOut{CacheControl: "public, max-age=60"}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for id, key := range s.ring.ids {
		out.Body.Keys = append(out.Body.Keys, JWK{
			KeyType: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(key),
			ID: id, Use: "sig", Algorithm: "EdDSA",
		})
	}
	slices.SortFunc(out.Body.Keys, func(a, b JWK) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return out, nil
}
