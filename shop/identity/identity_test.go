package identity_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/identity"
	"github.com/souk-commerce/souk/shop/room"
)

// held is a clock that moves only when told to.
type held struct {
	mu  sync.Mutex
	now time.Time
}

func (h *held) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *held) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *held) After(time.Duration) <-chan time.Time { return nil }

// chain is a set of signing keys: the last one added signs.
type chain struct {
	mu      sync.Mutex
	private map[string]ed25519.PrivateKey
	current string
	reads   int
}

func (c *chain) add(kid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seed := sha256.Sum256([]byte(kid))
	if c.private == nil {
		c.private = make(map[string]ed25519.PrivateKey)
	}
	c.private[kid], c.current = ed25519.NewKeyFromSeed(seed[:]), kid
}

func (c *chain) retire(kid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.private, kid)
}

func (c *chain) Sign(_ context.Context, message []byte) ([]byte, string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return ed25519.Sign(c.private[c.current], message), c.current, nil
}

func (c *chain) PublicKeys(context.Context) (map[string]ed25519.PublicKey, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads++
	keys := make(map[string]ed25519.PublicKey)
	for id, k := range c.private {
		keys[id] = k.Public().(ed25519.PublicKey)
	}
	return keys, nil
}

func open() (*identity.Service, *chain, *held) {
	clock := &held{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	keys := &chain{}
	keys.add("k1")
	return identity.New(keys, clock, "souk-test"), keys, clock
}

// forge signs any header and any claims with a key, as only somebody who holds the key can.
func forge(t testing.TB, keys *chain, kid, header, payload string) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	message := b64([]byte(header)) + "." + b64([]byte(payload))
	return message + "." + b64(ed25519.Sign(keys.private[kid], []byte(message)))
}

// Goal: a token speaks for exactly whom it was issued for, exactly as long. Method: issue one and
// move the clock to both sides of each edge.
func TestIssuedTokenLivesItsLife(t *testing.T) {
	t.Parallel()
	s, _, clock := open()
	ctx := t.Context()
	want := room.Caller{ID: "cus_1", Role: room.Customer()}
	token, err := s.Issue(ctx, want, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is remembered
		if got, err := s.Verify(ctx, token); err != nil || got != want {
			t.Fatalf("verify: %v, %v", got, err)
		}
	}
	clock.pass(time.Hour + identity.Leeway - time.Second)
	if _, err := s.Verify(ctx, token); err != nil {
		t.Fatalf("within the leeway: %v", err)
	}
	clock.pass(time.Second)
	if _, err := s.Verify(ctx, token); shop.CodeOf(err) != shop.Unauthorised {
		t.Fatalf("after expiry: %v", err)
	}
	clock.pass(-3 * time.Hour)
	if _, err := s.Verify(ctx, token); shop.CodeOf(err) != shop.Unauthorised {
		t.Fatalf("before it was issued: %v", err)
	}
}

// Goal: nothing but our own header and signature is accepted. Method: the forgeries of RFC 8725
// and their relatives, each made from a good token.
func TestForgedTokensAreRefused(t *testing.T) {
	t.Parallel()
	s, keys, _ := open()
	ctx := t.Context()
	good, err := s.Issue(ctx, room.Caller{ID: "cus_1", Role: room.Customer()}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	claims := string(payload)
	admin := strings.Replace(claims, `"customer"`, `"admin"`, 1)
	b64 := base64.RawURLEncoding.EncodeToString
	keys.add("k2")
	other := keys.private["k2"]
	keys.retire("k2")
	keys.add("k1")
	message := parts[0] + "." + parts[1]
	vectors := map[string]string{
		"empty":              "",
		"one part":           parts[0],
		"no signature":       message + ".",
		"stripped":           message,
		"four parts":         good + ".x",
		"claims changed":     parts[0] + "." + b64([]byte(admin)) + "." + parts[2],
		"zero signature":     message + "." + b64(make([]byte, ed25519.SignatureSize)),
		"short signature":    message + "." + b64([]byte("short")),
		"other key, our kid": message + "." + b64(ed25519.Sign(other, []byte(message))),
		"padded base64":      good + "==",
		"line break":         parts[0] + "." + parts[1] + ".\n" + parts[2],
		"trailing bits":      flipTail(good),
		"too long":           good + strings.Repeat("A", identity.MaxToken),
	}
	for name, header := range map[string]string{
		"alg none":        `{"alg":"none","kid":"k1","typ":"JWT"}`,
		"alg nOnE":        `{"alg":"nOnE","kid":"k1","typ":"JWT"}`,
		"alg HS256":       `{"alg":"HS256","kid":"k1","typ":"JWT"}`,
		"no alg":          `{"kid":"k1","typ":"JWT"}`,
		"no kid":          `{"alg":"EdDSA","typ":"JWT"}`,
		"unknown kid":     `{"alg":"EdDSA","kid":"k9","typ":"JWT"}`,
		"path in kid":     `{"alg":"EdDSA","kid":"../k1","typ":"JWT"}`,
		"other typ":       `{"alg":"EdDSA","kid":"k1","typ":"JWE"}`,
		"embedded key":    `{"alg":"EdDSA","kid":"k1","typ":"JWT","jwk":{"kty":"OKP"}}`,
		"jku":             `{"alg":"EdDSA","kid":"k1","typ":"JWT","jku":"https://evil.example"}`,
		"crit":            `{"alg":"EdDSA","crit":["x"],"kid":"k1","typ":"JWT","x":1}`,
		"duplicate alg":   `{"alg":"none","alg":"EdDSA","kid":"k1","typ":"JWT"}`,
		"another spacing": `{"alg": "EdDSA","kid":"k1","typ":"JWT"}`,
	} {
		vectors[name] = forge(t, keys, "k1", header, claims)
	}
	refuseAll(t, s, vectors)
	if _, err := s.Verify(ctx, forge(t, keys, "k1", ourHeader, claims)); err != nil {
		t.Errorf("the same method with nothing wrong is refused: %v", err)
	}
}

const ourHeader = `{"alg":"EdDSA","kid":"k1","typ":"JWT"}`

// Goal: what a key of ours signed is still checked. Method: one wrong claim at a time.
func TestWrongClaimsAreRefused(t *testing.T) {
	t.Parallel()
	s, keys, clock := open()
	vectors := make(map[string]string)
	now := clock.Now().Unix()
	claim := func(iss, sub, aud, role, rest string) string {
		return fmt.Sprintf(`{"iss":%q,"sub":%q,"aud":%s,"role":%q,%s}`, iss, sub, aud, role, rest)
	}
	lives := func(format string, a ...any) string {
		return claim("souk-test", "cus_1", `"souk"`, "customer", fmt.Sprintf(format, a...))
	}
	life := fmt.Sprintf(`"iat":%d,"exp":%d`, now, now+60)
	for name, c := range map[string]string{
		"wrong issuer":    claim("evil", "cus_1", `"souk"`, "customer", life),
		"wrong audience":  claim("souk-test", "cus_1", `"other"`, "customer", life),
		"audience list":   claim("souk-test", "cus_1", `["souk"]`, "customer", life),
		"no subject":      claim("souk-test", "", `"souk"`, "customer", life),
		"subject a path":  claim("souk-test", "a/b", `"souk"`, "customer", life),
		"no role":         claim("souk-test", "cus_1", `"souk"`, "", life),
		"unknown role":    claim("souk-test", "cus_1", `"souk"`, "root", life),
		"no expiry":       lives(`"iat":%d`, now),
		"expired":         lives(`"iat":%d,"exp":%d`, now-100, now-40),
		"huge life":       lives(`"iat":%d,"exp":%d`, now, int64(1)<<60),
		"float expiry":    lives(`"iat":%d,"exp":%d.5`, now, now+60),
		"string expiry":   lives(`"iat":%d,"exp":"%d"`, now, now+60),
		"negative expiry": lives(`"iat":%d,"exp":-1`, now),
		"issued later":    lives(`"iat":%d,"exp":%d`, now+31, now+60),
		"not before":      lives(`"iat":%d,"exp":%d,"nbf":%d`, now, now+60, now+31),
		"not JSON":        "cus_1",
	} {
		vectors[name] = forge(t, keys, "k1", ourHeader, c)
	}
	refuseAll(t, s, vectors)
	good := forge(t, keys, "k1", ourHeader, lives("%s", life))
	if _, err := s.Verify(t.Context(), good); err != nil {
		t.Errorf("the same method with nothing wrong is refused: %v", err)
	}
}

func refuseAll(t *testing.T, s *identity.Service, vectors map[string]string) {
	t.Helper()
	for name, token := range vectors {
		if got, err := s.Verify(t.Context(), token); shop.CodeOf(err) != shop.Unauthorised {
			t.Errorf("%s: accepted as %v (%v)", name, got, err)
		}
	}
}

// flipTail changes only bits of the last character that no byte uses.
func flipTail(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	at := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + string(alphabet[at^1])
}

// Goal: keys can be exchanged without a gap, and a retired key ends, also for tokens that are
// remembered. Method: add a key, then retire the first, and let the minute pass.
func TestKeysRotate(t *testing.T) {
	t.Parallel()
	s, keys, clock := open()
	ctx := t.Context()
	who := room.Caller{ID: "dlr_1", Role: room.Dealer()}
	first, err := s.Issue(ctx, who, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Verify(ctx, first); err != nil {
		t.Fatal(err)
	}
	keys.add("k2")
	clock.pass(2 * time.Second)
	second, err := s.Issue(ctx, who, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{first, second} {
		if _, err := s.Verify(ctx, token); err != nil {
			t.Fatalf("both keys are good: %v", err)
		}
	}
	jwks, err := s.GetJWKS(ctx, nil)
	if err != nil || len(jwks.Body.Keys) != 2 || jwks.Body.Keys[0].ID != "k1" {
		t.Fatalf("jwks: %+v, %v", jwks, err)
	}
	keys.retire("k1")
	clock.pass(time.Minute)
	if _, err := s.Verify(ctx, first); shop.CodeOf(err) != shop.Unauthorised {
		t.Fatalf("the retired key is still accepted: %v", err)
	}
	if _, err := s.Verify(ctx, second); err != nil {
		t.Fatalf("the other key: %v", err)
	}
}

// Goal: a flood of unknown keys does not become a flood of reads. Method: count the reads.
func TestUnknownKeysAreNotAmplified(t *testing.T) {
	t.Parallel()
	s, keys, _ := open()
	for i := range 100 {
		token := forge(t, keys, "k1", fmt.Sprintf(`{"kid":"x%d"}`, i), `{}`)
		if _, err := s.Verify(t.Context(), token); shop.CodeOf(err) != shop.Unauthorised {
			t.Fatal(err)
		}
	}
	if keys.reads > 2 {
		t.Fatalf("the keys were read %d times", keys.reads)
	}
}

// Goal: Issue refuses what Verify would. Method: each bad argument.
func TestIssueRefuses(t *testing.T) {
	t.Parallel()
	s, _, _ := open()
	for name, f := range map[string]struct {
		who  room.Caller
		life time.Duration
	}{
		"nobody":    {life: time.Hour},
		"no role":   {who: room.Caller{ID: "a"}, life: time.Hour},
		"too long":  {who: room.Caller{ID: "a", Role: room.Admin()}, life: identity.MaxLife + 1},
		"too short": {who: room.Caller{ID: "a", Role: room.Admin()}, life: time.Millisecond},
	} {
		if _, err := s.Issue(t.Context(), f.who, f.life); shop.CodeOf(err) != shop.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzVerify: whatever comes, Verify answers with a refusal, and never with a caller.
func FuzzVerify(f *testing.F) {
	s, keys, _ := open()
	keys.add("k1")
	f.Add("a.b.c")
	f.Add(forge(f, keys, "k1", `{"alg":"EdDSA","kid":"k9","typ":"JWT"}`, `{"role":"admin"}`))
	f.Fuzz(func(t *testing.T, token string) {
		if who, err := s.Verify(t.Context(), token); err == nil {
			t.Fatalf("%q speaks for %v", token, who)
		}
	})
}

// BenchmarkVerifyRemembered is the cost of a token on the hot path.
func BenchmarkVerifyRemembered(b *testing.B) {
	s, _, _ := open()
	token, err := s.Issue(b.Context(), room.Caller{ID: "cus_1", Role: room.Customer()}, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

// Example shows a token made, read and published.
func Example() {
	s, _, _ := open()
	ctx := context.Background()
	token, _ := s.Issue(ctx, room.Caller{ID: "cus_1", Role: room.Customer()}, time.Hour)
	who, _ := s.Verify(ctx, token)
	fmt.Println(who.ID, who.Role)
	jwks, _ := s.GetJWKS(ctx, nil)
	fmt.Println(jwks.Body.Keys[0].ID, jwks.Body.Keys[0].Curve)
	// Output:
	// cus_1 customer
	// k1 Ed25519
}
