package cognito_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/identity"
	"github.com/souk-commerce/souk/shop/identity/cognito"
	"github.com/souk-commerce/souk/shop/room"
)

const (
	issuer = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_pool"
	client = "client-1"
	person = "3f2b6f0e-8f6d-4b6e-9d2c-0a1b2c3d4e5f"
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

func (*held) After(time.Duration) <-chan time.Time { return nil }

// userPool publishes keys as Cognito does, and signs.
type userPool struct {
	t     *testing.T
	clock *held
	pool  *cognito.Pool
	url   string

	mu        sync.Mutex
	published map[string]*rsa.PrivateKey
	asked     int
	broken    bool
	body      []byte // published in place of the keys
}

// pair makes a key of a size.
func pair(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func open(t *testing.T) *userPool {
	t.Helper()
	u := &userPool{
		t: t, clock: &held{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		published: map[string]*rsa.PrivateKey{"k1": pair(t, 2048)},
	}
	server := httptest.NewServer(u)
	t.Cleanup(server.Close)
	u.url = server.URL
	var err error
	u.pool, err = cognito.New(cognito.Options{
		Issuer: issuer, Client: client, Keys: server.URL, Clock: u.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// ServeHTTP publishes the set of keys.
func (u *userPool) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.asked++
	switch {
	case u.broken:
		http.Error(w, "down", http.StatusServiceUnavailable)
	case u.body != nil:
		_, _ = w.Write(u.body)
	default:
		_, _ = w.Write(setOf(u.published))
	}
}

func setOf(keys map[string]*rsa.PrivateKey) []byte {
	type jwk = map[string]string
	list := []jwk{{"kty": "OKP", "kid": "other"}}
	for id, key := range keys {
		list = append(list, jwk{"kty": "RSA", "kid": id, "use": "sig", "alg": "RS256",
			"n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes())})
	}
	raw, err := json.Marshal(map[string]any{"keys": list})
	if err != nil {
		panic("a set of keys has no JSON: " + err.Error())
	}
	return raw
}

func b64(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// change makes a change while nobody is asking.
func (u *userPool) change(fn func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	fn()
}

func (u *userPool) times() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.asked
}

// claims are those of a good access token, with changes; a nil removes.
func (u *userPool) claims(changes map[string]any) []byte {
	u.t.Helper()
	now := u.clock.Now().Unix()
	c := map[string]any{"iss": issuer, "sub": person, "token_use": "access", "client_id": client,
		"iat": now, "exp": now + 900, "scope": "aws.cognito.signin.user.admin"}
	maps.Copy(c, changes)
	for name, v := range c {
		if v == nil {
			delete(c, name)
		}
	}
	raw, err := json.Marshal(c)
	if err != nil {
		u.t.Fatal(err)
	}
	return raw
}

// sign makes a token of any header and claims.
func (u *userPool) sign(key *rsa.PrivateKey, header string, claims []byte) string {
	u.t.Helper()
	message := b64([]byte(header)) + "." + b64(claims)
	sum := sha256.Sum256([]byte(message))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		u.t.Fatal(err)
	}
	return message + "." + b64(signature)
}

func headerOf(kid string) string { return fmt.Sprintf(`{"kid":%q,"alg":"RS256"}`, kid) }

func (u *userPool) good(changes map[string]any) string {
	return u.sign(u.published["k1"], headerOf("k1"), u.claims(changes))
}

func (u *userPool) refused(name, token string) {
	u.t.Helper()
	who, err := u.pool.Verify(u.t.Context(), token)
	if shop.CodeOf(err) != shop.Unauthorised || who != (room.Caller{}) {
		u.t.Errorf("%s: accepted as %v, %v", name, who, err)
	}
}

// Goal: access and ID tokens of the pool speak for the person, in the role of its group, exactly as
// long as they live. Method: each group, both kinds, and the clock on both sides of each edge.
func TestTokensSpeakForTheirPerson(t *testing.T) {
	t.Parallel()
	u := open(t)
	id := map[string]any{"token_use": "id", "aud": client, "client_id": nil}
	for _, one := range []struct {
		groups any
		want   room.Role
	}{
		{nil, room.Customer()}, {[]string{"customer"}, room.Customer()},
		{[]string{"dealer"}, room.Dealer()}, {[]string{"admin"}, room.Admin()},
		{[]string{"service"}, room.ServiceRole()},
	} {
		for _, kind := range []map[string]any{{}, id} {
			changes := maps.Clone(kind)
			changes["cognito:groups"] = one.groups
			got, err := u.pool.Verify(t.Context(), u.good(changes))
			if err != nil || got != (room.Caller{ID: person, Role: one.want}) {
				t.Errorf("groups %v, %v: %v, %v", one.groups, kind, got, err)
			}
		}
	}
	token := u.good(nil)
	u.clock.pass(15*time.Minute + identity.Leeway - time.Second)
	if _, err := u.pool.Verify(t.Context(), token); err != nil {
		t.Errorf("within the leeway: %v", err)
	}
	u.clock.pass(time.Second)
	u.refused("expired", token)
	u.clock.pass(-time.Hour)
	u.refused("before it was issued", token)
}

// Goal: nothing but the pool's own signature is accepted, whatever the header says. Method: the
// forgeries of RFC 8725, each made from a good token.
func TestForgedTokensAreRefused(t *testing.T) {
	t.Parallel()
	u := open(t)
	key, stranger := u.published["k1"], pair(t, 2048)
	claims := u.claims(map[string]any{"cognito:groups": []string{"admin"}})
	good := u.sign(key, headerOf("k1"), claims)
	if _, err := u.pool.Verify(t.Context(), good); err != nil {
		t.Fatalf("the same method with nothing wrong is refused: %v", err)
	}
	parts := strings.Split(good, ".")
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	hs := func(secret []byte) string {
		message := b64([]byte(`{"kid":"k1","alg":"HS256"}`)) + "." + b64(claims)
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(message))
		return message + "." + b64(mac.Sum(nil))
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ed := b64([]byte(`{"kid":"k1","alg":"EdDSA"}`)) + "." + b64(claims)
	for name, token := range map[string]string{
		"empty": "", "one part": parts[0], "stripped": parts[0] + "." + parts[1],
		"no signature": parts[0] + "." + parts[1] + ".", "four parts": good + ".x",
		"claims changed": parts[0] + "." + b64(u.claims(nil)) + "." + parts[2],
		"padded":         good + "==", "line break": good[:len(good)-9] + "\n" + good[len(good)-9:],
		"too long":               good + strings.Repeat("A", cognito.MaxToken),
		"a stranger's key":       u.sign(stranger, headerOf("k1"), claims),
		"an unknown key":         u.sign(stranger, headerOf("k9"), claims),
		"HS256 of the PEM":       hs(text),
		"HS256 of the DER":       hs(public),
		"HS256 of the modulus":   hs(key.N.Bytes()),
		"EdDSA":                  ed + "." + b64(ed25519.Sign(edwards, []byte(ed))),
		"alg none":               u.sign(key, `{"kid":"k1","alg":"none"}`, claims),
		"alg none, no signature": b64([]byte(`{"kid":"k1","alg":"none"}`)) + "." + parts[1] + ".",
		"alg RS512":              u.sign(key, `{"kid":"k1","alg":"RS512"}`, claims),
		"alg PS256":              u.sign(key, `{"kid":"k1","alg":"PS256"}`, claims),
		"no alg":                 u.sign(key, `{"kid":"k1"}`, claims),
		"no kid":                 u.sign(key, `{"alg":"RS256"}`, claims),
		"critical":               u.sign(key, `{"kid":"k1","alg":"RS256","crit":["x"]}`, claims),
		"an embedded key": u.sign(stranger, `{"kid":"k1","alg":"RS256","jwk":{"kty":"RSA","n":"`+
			b64(stranger.N.Bytes())+`","e":"AQAB"}}`, claims),
		"its own address": u.sign(stranger,
			`{"kid":"k9","alg":"RS256","jku":"`+u.url+`"}`, claims),
		"a key of another kind": u.sign(key, headerOf("other"), claims),
		"header no JSON":        u.sign(key, `k1`, claims),
		"claims no JSON":        u.sign(key, headerOf("k1"), nil),
	} {
		u.refused(name, token)
	}
}

// Goal: what the pool signed is still checked. Method: one wrong claim at a time.
func TestWrongClaimsAreRefused(t *testing.T) {
	t.Parallel()
	u := open(t)
	now := u.clock.Now().Unix()
	for name, changes := range map[string]map[string]any{
		"another pool":          {"iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x"},
		"another region":        {"iss": strings.ReplaceAll(issuer, "west", "east")},
		"no issuer":             {"iss": nil},
		"another client":        {"client_id": "client-2"},
		"no client":             {"client_id": nil},
		"audience, not client":  {"client_id": nil, "aud": client},
		"ID token of a client":  {"token_use": "id"},
		"ID token of another":   {"token_use": "id", "aud": "client-2", "client_id": client},
		"a refresh token":       {"token_use": "refresh"},
		"no use":                {"token_use": nil},
		"nobody":                {"sub": ""},
		"a path":                {"sub": "../admin"},
		"an unknown group":      {"cognito:groups": []string{"root"}},
		"two groups":            {"cognito:groups": []string{"dealer", "admin"}},
		"groups no list":        {"cognito:groups": "admin"},
		"no expiry":             {"exp": nil},
		"no issue":              {"iat": nil},
		"expired":               {"iat": now - 1000, "exp": now - 31},
		"issued later":          {"iat": now + 31},
		"not before":            {"nbf": now + 31},
		"lives for a month":     {"exp": now + 31*24*3600},
		"expiry before issue":   {"exp": now - 1},
		"expiry no number":      {"exp": fmt.Sprint(now + 900)},
		"a number far too high": {"exp": 1e300},
	} {
		u.refused(name, u.good(changes))
	}
}

// Goal: the pool's tokens are accepted beside ours at the same door, and neither is taken for the
// other. Method: identity with a trusted pool, and without.
func TestBesideOurs(t *testing.T) {
	t.Parallel()
	u := open(t)
	keys := &signing{}
	ours, alone := identity.New(keys, u.clock, "souk"), identity.New(keys, u.clock, "souk")
	ours.Trust(u.pool)
	token, err := ours.Issue(t.Context(), room.Caller{ID: "dlr_1", Role: room.Dealer()}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if who, err := ours.Verify(t.Context(), token); err != nil || who.ID != "dlr_1" {
		t.Errorf("our own: %v, %v", who, err)
	}
	if who, err := ours.Verify(t.Context(), u.good(nil)); err != nil || who.ID != person {
		t.Errorf("the pool's: %v, %v", who, err)
	}
	if _, err := alone.Verify(t.Context(), u.good(nil)); shop.CodeOf(err) != shop.Unauthorised {
		t.Errorf("without trust: %v", err)
	}
	u.refused("ours, at the pool", token)
}

// Goal: a pool that cannot be right is refused when it is opened. Method: each option missing.
func TestNewRefuses(t *testing.T) {
	t.Parallel()
	clock := &held{}
	for _, o := range []cognito.Options{
		{}, {Issuer: issuer, Clock: clock}, {Client: client, Clock: clock},
		{Issuer: issuer, Client: client},
		{Issuer: "http://pool", Client: client, Clock: clock},
		{Issuer: issuer + "/", Client: client, Clock: clock},
	} {
		if _, err := cognito.New(o); shop.CodeOf(err) != shop.Invalid {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
