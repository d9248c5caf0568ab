package identity

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// The bounds of a token.
const (
	MaxToken = 2048                // bytes of the compact form
	MaxLife  = 31 * 24 * time.Hour // from issue to expiry
	Leeway   = 30 * time.Second    // by which two clocks may differ
	Audience = "souk"              // whom a token is for
)

// Keys signs tokens and names the keys that are accepted. platform.Keys satisfies it.
type Keys interface {
	Sign(ctx context.Context, message []byte) (signature []byte, keyID string, err error)
	PublicKeys(ctx context.Context) (map[string]ed25519.PublicKey, error)
}

// Foreign reads the tokens of somebody else whom the operator trusts to say who is asking: a user
// pool. Its methods are safe for concurrent use.
type Foreign interface {
	// Speaks reports whether a token that begins with head, up to the first dot, may be one of its,
	// and none of ours.
	Speaks(head string) bool
	// Verify is like Service.Verify.
	Verify(ctx context.Context, token string) (room.Caller, error)
}

// Service issues and verifies tokens. It is safe for concurrent use.
type Service struct {
	keys    Keys
	clock   platform.Clock
	issuer  string
	foreign Foreign // nil: only ours are accepted

	mu   sync.RWMutex
	ring ring
	seen recent
}

// New returns the service of one issuer: the name that its tokens carry as "iss".
func New(keys Keys, clock platform.Clock, issuer string) *Service {
	return &Service{keys: keys, clock: clock, issuer: issuer, seen: newRecent(maxRecent)}
}

// Trust accepts the tokens of f as well. Call it before the service is used.
func (s *Service) Trust(f Foreign) { s.foreign = f }

// claims is the payload of a token. Times are in seconds since 1970.
type claims struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	Audience  string `json:"aud"`
	Role      string `json:"role"`
	IssuedAt  int64  `json:"iat"`
	NotBefore int64  `json:"nbf,omitempty"`
	Expires   int64  `json:"exp"`
}

// Issue returns a token for c that lives for life, between one second and MaxLife.
func (s *Service) Issue(ctx context.Context, c room.Caller, life time.Duration) (string, error) {
	if _, err := shop.ParseID(string(c.ID)); err != nil {
		return "", err
	}
	if _, err := room.ParseRole(c.Role.String()); err != nil {
		return "", err
	}
	if life < time.Second || life > MaxLife {
		return "", shop.Errorf(shop.Invalid,
			"a token lives between 1s and %s, not %s", MaxLife, life)
	}
	now := s.clock.Now()
	payload, err := json.Marshal(claims{
		Issuer: s.issuer, Subject: string(c.ID), Audience: Audience, Role: c.Role.String(),
		IssuedAt: now.Unix(), Expires: now.Add(life).Unix(),
	})
	if err != nil {
		return "", shop.Errorf(shop.Internal, "encode the claims: %w", err)
	}
	return s.sign(ctx, payload)
}

// sign makes the compact form. The header names the key, and only signing tells which key that is,
// so it signs again when the key was not the one that the header named.
func (s *Service) sign(ctx context.Context, payload []byte) (string, error) {
	kid := ""
	for range 3 {
		message := header(kid) + "." + encode(payload)
		signature, used, err := s.keys.Sign(ctx, []byte(message))
		if err != nil {
			return "", shop.Errorf(shop.Unavailable, "sign the token: %w", err)
		}
		if used == kid {
			return message + "." + encode(signature), nil
		}
		kid = used
	}
	return "", shop.Errorf(shop.Busy, "the signing key is being changed; try again")
}

// Verify returns the caller that a token speaks for. Every refusal has the code Unauthorised and
// says no more than the bearer may know; the error is Unavailable if the keys cannot be read.
func (s *Service) Verify(ctx context.Context, token string) (room.Caller, error) {
	now := s.clock.Now()
	if head, _, _ := strings.Cut(token, "."); s.foreign != nil && s.foreign.Speaks(head) {
		return s.foreign.Verify(ctx, token)
	}
	if err := s.refresh(ctx, now, false); err != nil {
		return room.Caller{}, err
	}
	if len(token) > MaxToken {
		return room.Caller{}, refuse("the token is longer than %d bytes", MaxToken)
	}
	sum := sha256.Sum256(append(make([]byte, 0, 512), token...)) // on the stack, of usual tokens
	s.mu.RLock()
	known, ok := s.seen.get(sum)
	s.mu.RUnlock()
	if ok {
		return known.caller, known.valid(now)
	}
	payload, err := s.open(ctx, token, now)
	if err != nil {
		return room.Caller{}, err
	}
	v, err := s.read(payload)
	if err != nil {
		return room.Caller{}, err
	}
	if err := v.valid(now); err != nil {
		return room.Caller{}, err
	}
	s.mu.Lock()
	s.seen.put(sum, v)
	s.mu.Unlock()
	return v.caller, nil
}

// open checks the form and the signature, and returns the payload.
func (s *Service) open(ctx context.Context, token string, now time.Time) ([]byte, error) {
	head, rest, ok := strings.Cut(token, ".")
	body, tail, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 {
		return nil, refuse("the token is not a signed JWT")
	}
	key, err := s.key(ctx, head, now)
	if err != nil {
		return nil, err
	}
	signature, err := decode(tail)
	if err != nil || len(signature) != ed25519.SignatureSize {
		return nil, refuse("the token's signature is malformed")
	}
	if !ed25519.Verify(key, []byte(head+"."+body), signature) {
		return nil, refuse("the token's signature is not ours")
	}
	payload, err := decode(body)
	if err != nil {
		return nil, refuse("the token's claims are malformed")
	}
	return payload, nil
}

// read turns signed claims into who they speak for. Nothing here depends on the time.
func (s *Service) read(payload []byte) (verified, error) {
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return verified{}, refuse("the token's claims are malformed")
	}
	switch {
	case c.Issuer != s.issuer:
		return verified{}, refuse("the token is from another issuer")
	case c.Audience != Audience:
		return verified{}, refuse("the token is not for this service")
	case c.IssuedAt <= 0 || c.Expires <= c.IssuedAt:
		return verified{}, refuse("the token has no valid life")
	case c.Expires-c.IssuedAt > int64(MaxLife/time.Second):
		return verified{}, refuse("the token lives longer than %s", MaxLife)
	}
	id, err := shop.ParseID(c.Subject)
	if err != nil {
		return verified{}, refuse("the token names nobody")
	}
	role, err := room.ParseRole(c.Role)
	if err != nil {
		return verified{}, refuse("the token has no role")
	}
	return verified{
		caller: room.Caller{ID: id, Role: role},
		from:   time.Unix(max(c.IssuedAt, c.NotBefore), 0).Add(-Leeway),
		until:  time.Unix(c.Expires, 0).Add(Leeway),
	}, nil
}

// verified is what a signature vouches for, and when.
type verified struct {
	caller      room.Caller
	from, until time.Time
}

func (v verified) valid(now time.Time) error {
	switch {
	case now.Before(v.from):
		return refuse("the token is not valid yet")
	case !now.Before(v.until):
		return refuse("the token has expired")
	}
	return nil
}

func refuse(format string, args ...any) error {
	return shop.Errorf(shop.Unauthorised, format, args...).
		WithHint("ask for a new token: souk token --help")
}
