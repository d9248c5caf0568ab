package aws

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/keying"
)

// dataKeys is the part of KMS that keys need; *kms.Client has it.
type dataKeys interface {
	GenerateDataKey(
		ctx context.Context, in *kms.GenerateDataKeyInput, opts ...func(*kms.Options),
	) (*kms.GenerateDataKeyOutput, error)
	Decrypt(
		ctx context.Context, in *kms.DecryptInput, opts ...func(*kms.Options),
	) (*kms.DecryptOutput, error)
}

// keysOptions opens keys.
type keysOptions struct {
	KMS    dataKeys
	KeyID  string
	Table  table
	Clock  platform.Clock
	Closed func() error // why nothing may be used any more, or nil
}

// keys is platform.Keys: one AES-256-GCM key a person, made by KMS and stored wrapped, with the
// person as encryption context. Erasing a person replaces the wrapped key by a tombstone, so that
// the key is gone and no new one is ever made.
//
// Other processes that hold an unwrapped key forget it within keyMemory; a box that one of them
// seals in that time can be opened by nobody later.
//
// A nonce is 96 random bits, which is safe for the 2³² values that one key will ever seal.
type keys struct {
	keying.Persons
	o     keysOptions
	cache personCache

	ringMu sync.Mutex
	ring   *signingRing // under ringMu; nil before the first use
	ringAt time.Time    // under ringMu: when it was read
}

var _ platform.Keys = (*keys)(nil)

const (
	keyMemory     = 5 * time.Minute // how long an unwrapped key, or the signing keys, are believed
	maxCachedKeys = 10_000
	keyRounds     = 50 // attempts to agree with concurrent first uses and rotations

	personPart = "~platform/person/" // of the partition of a person's row
	personSort = "key"
)

func newKeys(o keysOptions) *keys {
	k := &keys{o: o, cache: personCache{clock: o.Clock, known: make(map[string]cachedKey)}}
	k.Find = k.person
	return k
}

// Erase implements platform.Keys. Once begun it is not broken off by ctx: an erasure whose outcome
// nobody knows would leave the cache in doubt.
func (k *keys) Erase(ctx context.Context, person string) error {
	if err := errors.Join(k.o.Closed(), keying.CheckPerson(person), ctx.Err()); err != nil {
		return err
	}
	err := k.o.Table.putRow(context.WithoutCancel(ctx), row{
		PK: personPart + person, SK: personSort, Value: keying.Tombstone(),
	}, platform.Any)
	k.cache.forget(person)
	if err != nil {
		return fmt.Errorf("erase %s: %w", person, err)
	}
	return nil
}

// person returns a person's key: from the cache, from the table, or, if create is set, a new one
// that is durable. Concurrent first uses agree because the row is made only if absent.
func (k *keys) person(ctx context.Context, person string, create bool) (tink.AEAD, error) {
	if err := errors.Join(k.o.Closed(), keying.CheckPerson(person)); err != nil {
		return nil, err
	}
	key, era := k.cache.get(person)
	if key != nil {
		return key, nil
	}
	key, err := keying.Agree(person, create, keyRounds, func() (tink.AEAD, error) {
		r, err := k.o.Table.getRow(ctx, personPart+person, personSort)
		if err != nil {
			return nil, fmt.Errorf("find the key of %s: %w", person, err)
		}
		return k.unwrap(ctx, person, r.Value)
	}, func() (tink.AEAD, error) { return k.newPerson(ctx, person) })
	if err != nil {
		return nil, err
	}
	k.cache.put(person, key, era)
	return key, nil
}

func (k *keys) newPerson(ctx context.Context, person string) (tink.AEAD, error) {
	key, wrapped, err := k.generate(ctx, personContext(person))
	if err != nil {
		return nil, fmt.Errorf("make a key for %s: %w", person, err)
	}
	err = k.o.Table.putRow(ctx, row{
		PK: personPart + person, SK: personSort, Value: keying.Stored(wrapped),
	}, platform.Absent)
	if err != nil {
		return nil, fmt.Errorf("store the key of %s: %w", person, err)
	}
	return key, nil
}

// unwrap opens a person's row.
func (k *keys) unwrap(ctx context.Context, person string, value []byte) (tink.AEAD, error) {
	wrapped, err := keying.Wrapped(person, value)
	if err != nil {
		return nil, err
	}
	key, err := k.decrypt(ctx, wrapped, personContext(person))
	if err != nil {
		return nil, fmt.Errorf("unwrap the key of %s: %w", person, err)
	}
	return key, nil
}

func personContext(person string) map[string]string { return map[string]string{"person": person} }

// generate has KMS make a key that is wrapped for one purpose.
func (k *keys) generate(
	ctx context.Context, purpose map[string]string,
) (key tink.AEAD, wrapped []byte, err error) {
	out, err := k.o.KMS.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId: aws.String(k.o.KeyID), KeySpec: types.DataKeySpecAes256, EncryptionContext: purpose,
	})
	if err != nil {
		return nil, nil, mapThrottle(err)
	}
	key, err = subtle.NewAESGCM(out.Plaintext)
	return key, out.CiphertextBlob, err
}

// decrypt has KMS unwrap a key. ErrCorrupt if it was not wrapped for this purpose, or was changed.
func (k *keys) decrypt(
	ctx context.Context, wrapped []byte, purpose map[string]string,
) (tink.AEAD, error) {
	out, err := k.o.KMS.Decrypt(ctx, &kms.DecryptInput{
		KeyId: aws.String(k.o.KeyID), CiphertextBlob: wrapped, EncryptionContext: purpose,
	})
	var invalid *types.InvalidCiphertextException
	if errors.As(err, &invalid) {
		return nil, fmt.Errorf("the wrapped key was changed: %w", platform.ErrCorrupt)
	}
	if err != nil {
		return nil, mapThrottle(err)
	}
	return subtle.NewAESGCM(out.Plaintext)
}

// personCache keeps keys that were unwrapped lately. An erasure begins a new era; a key that was
// read in an era before is not kept, because it may be the one that was erased.
type personCache struct {
	clock platform.Clock

	mu    sync.Mutex
	era   int64
	known map[string]cachedKey
}

type cachedKey struct {
	key   tink.AEAD
	until time.Time
}

// get returns a person's key, or nil, and the era to put one with.
func (c *personCache) get(person string) (key tink.AEAD, era int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.known[person]
	if !ok || !c.clock.Now().Before(k.until) {
		return nil, c.era
	}
	return k.key, c.era
}

func (c *personCache) put(person string, key tink.AEAD, era int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if era != c.era {
		return
	}
	for other := range c.known { // any one will do: whoever is missed is unwrapped again
		if len(c.known) < maxCachedKeys {
			break
		}
		delete(c.known, other)
	}
	c.known[person] = cachedKey{key: key, until: c.clock.Now().Add(keyMemory)}
}

func (c *personCache) forget(person string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.era++
	delete(c.known, person)
}
