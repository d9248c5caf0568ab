package cognito_test

import (
	"crypto/rsa"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
)

// Goal: keys rotate without a gap, and one that was withdrawn ends; strangers do not make us ask.
// Method: a second key, then the first withdrawn; a hundred tokens of unknown keys.
func TestKeysRotate(t *testing.T) {
	t.Parallel()
	u := open(t)
	first := u.published["k1"]
	verify := func() error {
		_, err := u.pool.Verify(t.Context(), u.sign(first, headerOf("k1"), u.claims(nil)))
		return err
	}
	for range 10 {
		if err := verify(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 100 {
		u.refused("unknown", u.sign(first, headerOf(fmt.Sprint("x", i)), u.claims(nil)))
	}
	if n := u.times(); n != 1 {
		t.Errorf("the pool was asked %d times, want once", n)
	}
	second := pair(t, 3072)
	u.change(func() { u.published = map[string]*rsa.PrivateKey{"k1": first, "k2": second} })
	u.clock.pass(30 * time.Second)
	token := u.sign(second, headerOf("k2"), u.claims(nil))
	if _, err := u.pool.Verify(t.Context(), token); err != nil {
		t.Errorf("the new key: %v", err)
	}
	u.change(func() { u.published = map[string]*rsa.PrivateKey{"k2": second} })
	u.clock.pass(15*time.Minute - time.Second)
	if err := verify(); err != nil {
		t.Errorf("a key that was withdrawn a moment ago: %v", err)
	}
	u.clock.pass(time.Second)
	if err := verify(); shop.CodeOf(err) != shop.Unauthorised {
		t.Errorf("a key that was withdrawn long ago: %v", err)
	}
}

// Goal: a pool that does not answer, or answers nonsense, lets nobody in, is not blamed on the
// token, is asked again soon, and for hours does not lock out whom it let in before. Method: each
// kind of answer, before any key is known and after.
func TestPoolInBadWeather(t *testing.T) {
	t.Parallel()
	u := open(t)
	token := func() string { return u.good(nil) }
	small := setOf(map[string]*rsa.PrivateKey{"k1": weak(t)})
	many := make(map[string]*rsa.PrivateKey)
	for i := range 17 {
		many[fmt.Sprint("k", i)] = u.published["k1"]
	}
	for name, body := range map[string][]byte{
		"no JSON": []byte("<html>"), "no keys": []byte(`{"keys":[]}`), "a weak key": small,
		"too many keys": setOf(many), "too large": make([]byte, 65<<10),
		"an even exponent": []byte(strings.ReplaceAll(string(setOf(u.published)), "AQAB", "AQAA")),
	} {
		u.change(func() { u.body = body })
		_, err := u.pool.Verify(t.Context(), token())
		if shop.CodeOf(err) != shop.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
		u.clock.pass(2 * time.Second)
	}
	before := u.times()
	for range 10 {
		_, _ = u.pool.Verify(t.Context(), token())
	}
	if n := u.times() - before; n != 1 {
		t.Errorf("a pool that answers nonsense was asked %d times in a moment", n)
	}
	u.change(func() { u.body = nil })
	u.clock.pass(2 * time.Second)
	if _, err := u.pool.Verify(t.Context(), token()); err != nil {
		t.Fatalf("it answers again: %v", err)
	}
	u.change(func() { u.broken = true })
	u.clock.pass(6*time.Hour - time.Second)
	if _, err := u.pool.Verify(t.Context(), token()); err != nil {
		t.Errorf("it has not answered for six hours: %v", err)
	}
	u.clock.pass(2 * time.Second)
	if _, err := u.pool.Verify(t.Context(), token()); shop.CodeOf(err) != shop.Unavailable {
		t.Errorf("it has not answered for longer: %v", err)
	}
}

// weak is a key of 1,024 bits, which nothing makes any more.
func weak(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	n := new(big.Int).Lsh(big.NewInt(1), 1023)
	return &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537}}
}
