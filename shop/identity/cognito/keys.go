package cognito

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
)

const (
	// freshFor bounds how long a key that the pool withdrew is still accepted.
	freshFor = 15 * time.Minute
	// graceFor is how long keys are believed while the pool does not answer.
	graceFor = 6 * time.Hour
	// askAgain bounds how often the pool is asked, whatever tokens name; afterFault, while it does
	// not answer.
	askAgain   = 30 * time.Second
	afterFault = 2 * time.Second

	fetchTimeout = 5 * time.Second
	maxSet       = 64 << 10 // bytes of the published set
	maxKeys      = 16
	minBits      = 2048
	maxBits      = 8192
)

// keys are the public keys of one pool. Safe for concurrent use.
type keys struct {
	url   string
	http  *http.Client
	clock platform.Clock
	turn  chan struct{} // holds a token while nobody has what is below

	known map[string]*rsa.PublicKey
	had   time.Time // when known was fetched; zero: never
	asked time.Time // when the pool was asked last
	err   error     // of that
}

func newKeys(url string, client *http.Client, clock platform.Clock) *keys {
	k := &keys{url: url, http: client, clock: clock, turn: make(chan struct{}, 1)}
	k.turn <- struct{}{}
	return k
}

// find returns a key by its id. It asks the pool when what it knows is old, or lacks the key.
func (k *keys) find(ctx context.Context, id string) (*rsa.PublicKey, error) {
	select {
	case <-k.turn:
	case <-ctx.Done():
		return nil, shop.Errorf(shop.Unavailable, "wait for the user pool's keys: %w",
			context.Cause(ctx))
	}
	defer func() { k.turn <- struct{}{} }()
	now := k.clock.Now()
	age := now.Sub(k.had)
	if key := k.known[id]; key != nil && age >= 0 && age < freshFor {
		return key, nil
	}
	pause := askAgain
	if k.err != nil {
		pause = afterFault
	}
	if since := now.Sub(k.asked); k.asked.IsZero() || since < 0 || since >= pause {
		k.fetch(ctx, now)
	}
	if k.had.IsZero() || k.err != nil && now.Sub(k.had) >= graceFor {
		return nil, shop.Errorf(shop.Unavailable, "read the user pool's keys: %w", k.err)
	}
	if key := k.known[id]; key != nil {
		return key, nil
	}
	return nil, refuse("the token was not signed with a key of the user pool")
}

// fetch asks the pool, for everybody who comes: also when the caller has gone. What is known stays
// where the pool does not answer.
func (k *keys) fetch(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	k.asked = now
	known, err := k.ask(ctx)
	if k.err = err; err == nil {
		k.known, k.had = known, now
	}
}

func (k *keys) ask(ctx context.Context) (map[string]*rsa.PublicKey, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := k.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d", k.url, answer.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(answer.Body, maxSet+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxSet {
		return nil, fmt.Errorf("%s is larger than %d bytes", k.url, maxSet)
	}
	return parseSet(raw)
}

// parseSet reads the keys of a JWK set that sign with RS256. Others are none of ours.
func parseSet(raw []byte) (map[string]*rsa.PublicKey, error) {
	var set struct {
		Keys []struct {
			Kind      string `json:"kty"`
			ID        string `json:"kid"`
			Use       string `json:"use"`
			Algorithm string `json:"alg"`
			N         string `json:"n"`
			E         string `json:"e"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, fmt.Errorf("the set of keys: %w", err)
	}
	known := make(map[string]*rsa.PublicKey)
	for _, one := range set.Keys {
		if one.Kind != "RSA" || one.ID == "" || one.Use != "sig" || one.Algorithm != "RS256" {
			continue
		}
		n, errN := decode(one.N)
		e, errE := decode(one.E)
		key := &rsa.PublicKey{N: new(big.Int).SetBytes(n)}
		if len(e) <= 4 {
			key.E = int(new(big.Int).SetBytes(e).Int64())
		}
		bits := key.N.BitLen()
		if errN != nil || errE != nil || bits < minBits || bits > maxBits || key.E < 3 ||
			key.E%2 == 0 || key.E > 1<<31-1 {
			return nil, fmt.Errorf("key %.40q of the set is no key of RSA that is safe", one.ID)
		}
		known[one.ID] = key
	}
	if n := len(known); n == 0 || n > maxKeys {
		return nil, fmt.Errorf("the set has %d keys of RS256, want 1 to %d", n, maxKeys)
	}
	return known, nil
}
