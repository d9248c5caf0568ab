package room

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/souk-commerce/souk/shop"
)

// Role is what a caller may do. The set is closed.
type Role struct{ name string }

// Customer buys.
func Customer() Role { return Role{"customer"} }

// Dealer sells.
func Dealer() Role { return Role{"dealer"} }

// Admin may do everything that a person may do.
func Admin() Role { return Role{"admin"} }

// ServiceRole is a machine of the operator's.
func ServiceRole() Role { return Role{"service"} }

// ParseRole returns the role of that name.
func ParseRole(s string) (Role, error) {
	for _, r := range []Role{Customer(), Dealer(), Admin(), ServiceRole()} {
		if r.name == s {
			return r, nil
		}
	}
	return Role{}, shop.Errorf(shop.Invalid, "there is no role %q", s)
}

// String returns the role's name, "" for nobody.
func (r Role) String() string { return r.name }

// Caller is who is asking. The zero Caller is nobody.
type Caller struct {
	ID   shop.ID
	Role Role
}

// May reports whether the caller has one of the roles.
func (c Caller) May(roles ...Role) bool {
	for _, r := range roles {
		if c.Role == r && c.Role != (Role{}) {
			return true
		}
	}
	return false
}

type (
	callerKey struct{}
	causeKey  struct{}
)

// WithCaller returns a context that carries who is asking. Only the door calls it, after it has
// checked the token.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf returns who is asking, or the zero Caller.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// WithCause returns a context that carries the cause of a request: its correlation id and its
// trace.
func WithCause(ctx context.Context, c Cause) context.Context {
	return context.WithValue(ctx, causeKey{}, c)
}

// RequestCause returns the cause that the door put into the context.
func RequestCause(ctx context.Context) Cause {
	c, _ := ctx.Value(causeKey{}).(Cause)
	return c
}

// Fingerprint is the SHA-256, in hex, of v's canonical JSON: what makes two requests the same.
func Fingerprint(v any) (string, error) {
	raw, err := Encode(v)
	if err != nil {
		return "", shop.Errorf(shop.Invalid, "fingerprint the request: %w", err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}
