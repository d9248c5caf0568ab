package embedded

import (
	"container/list"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/keying"
)

// keys is platform.Keys: a keyring in a file, and one AES-256-GCM key a person in a record, wrapped
// under the ring's master key with the person as associated data. Erasing a person replaces the
// record by a tombstone, so that the key is gone and no new one is ever made.
//
// A nonce is 96 random bits, which is safe for the 2³² values that one person's key, or the master
// key, will ever seal.
type keys struct {
	keying.Persons
	fs    vfs.FS
	dir   string
	store platform.Store

	sealed bool // the ring stays as it is; set before the first use

	chanceMu sync.Mutex
	chance   io.Reader // under chanceMu: key material; nonces come from Tink

	mu     sync.RWMutex
	ring   *keyring // under mu
	marked bool     // under mu: the store names the ring that its keys are wrapped under

	cache personCache
}

var _ platform.Keys = (*keys)(nil)

const (
	maxCachedKeys  = 10_000    // about 1 KiB each
	keysPrefix     = "~keys/"  // of the keys' own store: no room has such a name
	personPrefix   = "person/" // of a person's partition in it
	personKeyBytes = 32
	maxKeyRounds   = 8 // attempts to agree with concurrent first uses of one person
)

// newKeys opens the keys whose ring is in dir, making dir and the ring if needed. The records of
// persons go to store. It refuses with ErrCorrupt a ring that is damaged, or that is not the one
// under which the store's keys were wrapped: a new ring would make all personal data unreadable.
func newKeys(fs vfs.FS, dir string, store platform.Store, chance io.Reader) (*keys, error) {
	k := &keys{fs: fs, dir: dir, store: store, chance: chance, cache: newPersonCache(maxCachedKeys)}
	k.Find = k.person
	mark, err := store.Get(context.Background(), markKey())
	if err != nil && !errors.Is(err, platform.ErrNotFound) {
		return nil, fmt.Errorf("open the keys: %w", err)
	}
	k.marked = err == nil
	k.ring, err = loadKeyring(fs, dir)
	switch {
	case err == nil && k.marked:
		if _, err := k.ring.master.Decrypt(mark.Value, []byte(markText)); err != nil {
			return nil, fmt.Errorf("%s holds the keys of other data; restore the right ones: %w",
				dir, platform.ErrCorrupt)
		}
		return k, nil
	case err == nil:
		return k, nil
	case errors.Is(err, platform.ErrNotFound) && k.marked:
		return nil, fmt.Errorf("the keys in %s are missing; restore them from a backup: %w",
			dir, platform.ErrCorrupt)
	case errors.Is(err, platform.ErrNotFound):
		return k, k.create()
	}
	return nil, err
}

// create makes the ring. A crash before it is durable loses nothing: no key was wrapped under it.
func (k *keys) create() error {
	ring, err := newKeyring(k.chance)
	if err != nil {
		return err
	}
	if err := k.fs.MkdirAll(k.dir, 0o700); err != nil {
		return fmt.Errorf("make the directory for keys: %w", err)
	}
	if err := ring.save(k.fs, k.dir); err != nil {
		return err
	}
	if err := syncDir(k.fs, k.fs.PathDir(k.dir)); err != nil {
		return fmt.Errorf("make the directory for keys: %w", err)
	}
	k.ring = ring
	return nil
}

// Erase implements platform.Keys. Once begun it is not broken off by ctx: an erasure whose outcome
// nobody knows would leave the cache in doubt.
func (k *keys) Erase(ctx context.Context, person string) error {
	if err := keying.CheckPerson(person); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err := k.store.Commit(context.WithoutCancel(ctx), platform.Batch{Writes: []platform.Write{{
		Kind: platform.Put, Key: personKey(person), Expect: platform.Any,
		Value: keying.Tombstone(),
	}}})
	k.cache.forget(person)
	if err != nil {
		return fmt.Errorf("erase %s: %w", person, err)
	}
	return nil
}

// Sign implements platform.Keys.
func (k *keys) Sign(_ context.Context, message []byte) (signature []byte, keyID string, err error) {
	ring := k.keyring()
	signature, err = ring.Signer.Sign(message)
	if err != nil {
		return nil, "", fmt.Errorf("sign: %w", err)
	}
	return signature, ring.Current, nil
}

// PublicKeys implements platform.Keys.
func (k *keys) PublicKeys(_ context.Context) (map[string]ed25519.PublicKey, error) {
	return maps.Clone(k.keyring().Public), nil
}

// Rotate makes a new signing key the current one, durably, and returns its id. Signatures of the
// keys before it are still accepted, until they are retired or eight newer keys exist.
func (k *keys) Rotate(_ context.Context) (keyID string, err error) {
	ring, err := k.replaceRing(func(r *keyring) (*keyring, error) {
		k.chanceMu.Lock()
		defer k.chanceMu.Unlock()
		return r.rotated(k.chance)
	})
	if err != nil {
		return "", err
	}
	return ring.Current, nil
}

// Retire stops accepting the signatures of a key. ErrNotFound for an unknown key, ErrInvalid for
// the current one.
func (k *keys) Retire(_ context.Context, keyID string) error {
	_, err := k.replaceRing(func(r *keyring) (*keyring, error) { return r.retired(keyID) })
	return err
}

// replaceRing makes the next ring durable and then uses it.
func (k *keys) replaceRing(next func(*keyring) (*keyring, error)) (*keyring, error) {
	if k.sealed {
		return nil, platform.ErrReadOnly
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	ring, err := next(k.ring)
	if err != nil {
		return nil, err
	}
	if err := ring.save(k.fs, k.dir); err != nil {
		return nil, err
	}
	k.ring = ring
	return ring, nil
}

func (k *keys) keyring() *keyring {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.ring
}

// person returns a person's key: from the cache, from the store, or, if create is set, a new one
// that is durable. Concurrent first uses agree because the record is made only if absent.
func (k *keys) person(ctx context.Context, person string, create bool) (tink.AEAD, error) {
	if err := keying.CheckPerson(person); err != nil {
		return nil, err
	}
	key, era := k.cache.get(person)
	if key != nil {
		return key, nil
	}
	key, err := keying.Agree(person, create, maxKeyRounds, func() (tink.AEAD, error) {
		rec, err := k.store.Get(ctx, personKey(person))
		if err != nil {
			return nil, fmt.Errorf("find the key of %s: %w", person, err)
		}
		return k.unwrap(person, rec.Value)
	}, func() (tink.AEAD, error) { return k.newPerson(ctx, person) })
	if err != nil {
		return nil, err
	}
	k.cache.put(person, key, era)
	return key, nil
}

// newPerson makes a key and stores it. The first of all carries a mark that names the ring.
func (k *keys) newPerson(ctx context.Context, person string) (tink.AEAD, error) {
	raw := make([]byte, personKeyBytes)
	k.chanceMu.Lock()
	_, err := io.ReadFull(k.chance, raw)
	k.chanceMu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("draw a key for %s: %w", person, err)
	}
	key, err := subtle.NewAESGCM(raw)
	if err != nil {
		return nil, fmt.Errorf("make a key for %s: %w", person, err)
	}
	ring := k.keyring()
	wrapped, err := ring.master.Encrypt(raw, []byte(person))
	if err != nil {
		return nil, fmt.Errorf("wrap the key of %s: %w", person, err)
	}
	batch := platform.Batch{Writes: []platform.Write{{
		Kind: platform.Put, Key: personKey(person), Expect: platform.Absent,
		Value: keying.Stored(wrapped),
	}}}
	marked, err := k.addMark(ring, &batch)
	if err != nil {
		return nil, err
	}
	if err := k.store.Commit(ctx, batch); err != nil {
		return nil, fmt.Errorf("store the key of %s: %w", person, err)
	}
	if marked {
		k.mu.Lock()
		k.marked = true
		k.mu.Unlock()
	}
	return key, nil
}

// addMark adds the mark to a batch if no commit of this store has carried it.
func (k *keys) addMark(ring *keyring, b *platform.Batch) (added bool, err error) {
	k.mu.RLock()
	marked := k.marked
	k.mu.RUnlock()
	if marked {
		return false, nil
	}
	mark, err := ring.master.Encrypt(nil, []byte(markText))
	if err != nil {
		return false, fmt.Errorf("mark the keys: %w", err)
	}
	b.Writes = append(b.Writes, platform.Write{
		Kind: platform.Put, Key: markKey(), Expect: platform.Any, Value: mark,
	})
	return true, nil
}

// unwrap opens a person's record.
func (k *keys) unwrap(person string, value []byte) (tink.AEAD, error) {
	wrapped, err := keying.Wrapped(person, value)
	if err != nil {
		return nil, err
	}
	raw, err := k.keyring().master.Decrypt(wrapped, []byte(person))
	if err != nil {
		return nil, fmt.Errorf("the key of %s cannot be unwrapped: %w", person, platform.ErrCorrupt)
	}
	key, err := subtle.NewAESGCM(raw)
	if err != nil {
		return nil, fmt.Errorf("the key of %s: %w", person, platform.ErrCorrupt)
	}
	return key, nil
}

// markText is what a store's mark seals: it opens only under the ring that made it.
const markText = "souk key ring"

func markKey() platform.Key { return platform.Key{Part: "ring", Sort: "mark"} }

func personKey(person string) platform.Key {
	return platform.Key{Part: personPrefix + person, Sort: "key"}
}

// personCache keeps the keys that were used last. An erasure begins a new era; a key that was read
// in an era before is not kept, because it may be the one that was erased.
type personCache struct {
	mu    sync.Mutex
	most  int
	era   int64
	byKey map[string]*list.Element
	used  *list.List // of cachedKey, the last used first
}

type cachedKey struct {
	person string
	key    tink.AEAD
}

func newPersonCache(most int) personCache {
	return personCache{most: most, byKey: make(map[string]*list.Element), used: list.New()}
}

// get returns a person's key, or nil, and the era to put one with.
func (c *personCache) get(person string) (key tink.AEAD, era int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[person]
	if e == nil {
		return nil, c.era
	}
	c.used.MoveToFront(e)
	return e.Value.(cachedKey).key, c.era
}

func (c *personCache) put(person string, key tink.AEAD, era int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if era != c.era || c.byKey[person] != nil {
		return
	}
	c.byKey[person] = c.used.PushFront(cachedKey{person: person, key: key})
	if c.used.Len() > c.most {
		oldest := c.used.Back()
		c.used.Remove(oldest)
		delete(c.byKey, oldest.Value.(cachedKey).person)
	}
}

func (c *personCache) forget(person string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.era++
	if e := c.byKey[person]; e != nil {
		c.used.Remove(e)
		delete(c.byKey, person)
	}
}
