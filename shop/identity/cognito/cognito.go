package cognito

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/identity"
	"github.com/souk-commerce/souk/shop/room"
)

// The bounds of a token.
const (
	MaxToken = 4096           // bytes of the compact form
	MaxLife  = 24 * time.Hour // from issue to expiry: the most that a pool can be told
)

// Options says whose tokens are taken. Issuer, Client and Clock have no default.
type Options struct {
	Issuer string // the pool, as in https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc
	Client string // id of the pool's client that tokens are made for
	Keys   string // where the pool publishes its keys; "" is where Cognito does
	Clock  platform.Clock
	HTTP   *http.Client // nil is one that waits five seconds and follows nobody
}

// Pool reads the tokens of one user pool. It is safe for concurrent use.
type Pool struct {
	o    Options
	keys *keys
}

var _ identity.Foreign = (*Pool)(nil)

// New returns a pool. It asks nobody: keys are fetched when the first token comes.
func New(o Options) (*Pool, error) {
	if !strings.HasPrefix(o.Issuer, "https://") || strings.HasSuffix(o.Issuer, "/") ||
		o.Client == "" || o.Clock == nil {
		return nil, shop.Errorf(shop.Invalid, "a user pool needs a clock, the id of a client, and "+
			"an issuer that begins with https:// and ends without a slash")
	}
	if o.Keys == "" {
		o.Keys = o.Issuer + "/.well-known/jwks.json"
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: fetchTimeout, CheckRedirect: stay}
	}
	return &Pool{o: o, keys: newKeys(o.Keys, o.HTTP, o.Clock)}, nil
}

// stay follows nobody: keys come from where they are published.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// header is that of a token. What else it may say is not looked at.
type header struct {
	Algorithm string   `json:"alg"`
	Key       string   `json:"kid"`
	Critical  []string `json:"crit"`
}

// Speaks implements identity.Foreign: a header of RS256 is a pool's.
func (p *Pool) Speaks(head string) bool {
	h, ok := readHeader(head)
	return ok && h.Algorithm == "RS256"
}

func readHeader(head string) (h header, ok bool) {
	raw, err := decode(head)
	return h, err == nil && json.Unmarshal(raw, &h) == nil
}

// claims are those that are looked at. Times are in seconds since 1970.
type claims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Use       string   `json:"token_use"`
	Client    string   `json:"client_id"` // of an access token
	Audience  string   `json:"aud"`       // of an ID token
	Groups    []string `json:"cognito:groups"`
	IssuedAt  int64    `json:"iat"`
	NotBefore int64    `json:"nbf"`
	Expires   int64    `json:"exp"`
}

// Verify implements identity.Foreign. Every refusal has the code Unauthorised; the error is
// Unavailable where the pool's keys cannot be had.
func (p *Pool) Verify(ctx context.Context, token string) (room.Caller, error) {
	if len(token) > MaxToken {
		return room.Caller{}, refuse("the token is longer than %d bytes", MaxToken)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return room.Caller{}, refuse("the token is not a signed JWT")
	}
	h, ok := readHeader(parts[0])
	if !ok || h.Algorithm != "RS256" || h.Key == "" || len(h.Key) > 128 || len(h.Critical) > 0 {
		return room.Caller{}, refuse("the token's header is not one of the user pool")
	}
	signature, err := decode(parts[2])
	if err != nil {
		return room.Caller{}, refuse("the token's signature is malformed")
	}
	key, err := p.keys.find(ctx, h.Key)
	if err != nil {
		return room.Caller{}, err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) != nil {
		return room.Caller{}, refuse("the token's signature is not the user pool's")
	}
	raw, err := decode(parts[1])
	var c claims
	if err != nil || json.Unmarshal(raw, &c) != nil {
		return room.Caller{}, refuse("the token's claims are malformed")
	}
	return p.read(c)
}

// read turns signed claims into who they speak for, now.
func (p *Pool) read(c claims) (room.Caller, error) {
	now := p.o.Clock.Now()
	leeway := int64(identity.Leeway / time.Second)
	switch {
	case c.Issuer != p.o.Issuer:
		return room.Caller{}, refuse("the token is from another user pool")
	case c.Use != "access" && c.Use != "id":
		return room.Caller{}, refuse("the token is neither an access token nor an ID token")
	case c.Use == "access" && c.Client != p.o.Client, c.Use == "id" && c.Audience != p.o.Client:
		return room.Caller{}, refuse("the token is for another client")
	case c.IssuedAt <= 0 || c.Expires <= c.IssuedAt:
		return room.Caller{}, refuse("the token has no valid life")
	case c.Expires-c.IssuedAt > int64(MaxLife/time.Second):
		return room.Caller{}, refuse("the token lives longer than %s", MaxLife)
	case now.Unix() < max(c.IssuedAt, c.NotBefore)-leeway:
		return room.Caller{}, refuse("the token is not valid yet")
	case now.Unix() >= c.Expires+leeway:
		return room.Caller{}, refuse("the token has expired")
	}
	id, err := shop.ParseID(c.Subject)
	if err != nil {
		return room.Caller{}, refuse("the token names nobody")
	}
	role, err := roleOf(c.Groups)
	if err != nil {
		return room.Caller{}, err
	}
	return room.Caller{ID: id, Role: role}, nil
}

// roleOf is the role of whoever is in these groups, which are named like roles. In no group is a
// customer: everybody may sign up. A token speaks for one role, so who is in two groups must
// leave one.
func roleOf(groups []string) (room.Role, error) {
	switch len(groups) {
	case 0:
		return room.Customer(), nil
	case 1:
		role, err := room.ParseRole(groups[0])
		if err != nil {
			return room.Role{}, refuse("the token's group is no role of the shop")
		}
		return role, nil
	}
	return room.Role{}, refuse("the token is of %d groups: be in one", len(groups))
}

func decode(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, fmt.Errorf("line breaks are not base64url")
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

func refuse(format string, args ...any) error {
	return shop.Errorf(shop.Unauthorised, format, args...).WithHint("sign in again")
}
