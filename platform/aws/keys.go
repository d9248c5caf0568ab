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
	sealOverhead  = subtle.AESGCMIVSize + subtle.AESGCMTagSize

	personPart   = "~platform/person/" // of the partition of a person's row
	personSort   = "key"
	personAES    = 1 // first byte of a row: a wrapped AES-256-GCM key follows
	personErased = 2 // nothing follows, for ever
)

func newKeys(o keysOptions) *keys {
	return &keys{o: o, cache: personCache{
		clock: o.Clock, known: make(map[string]cachedKey),
	}}
}

// Seal implements platform.Keys.
func (k *keys) Seal(ctx context.Context, person string, plain []byte) ([]byte, error) {
	if len(plain) > platform.MaxSealBytes {
		return nil, fmt.Errorf("seal %d bytes, at most %d: %w",
			len(plain), platform.MaxSealBytes, platform.ErrTooLarge)
	}
	key, err := k.person(ctx, person, true)
	if err != nil {
		return nil, err
	}
	box, err := key.Encrypt(plain, []byte(person))
	if err != nil {
		return nil, fmt.Errorf("seal for %s: %w", person, err)
	}
	return box, nil
}

// Open implements platform.Keys. It never makes a key.
func (k *keys) Open(ctx context.Context, person string, box []byte) ([]byte, error) {
	if len(box) > platform.MaxSealBytes+sealOverhead {
		return nil, fmt.Errorf("open a box of %d bytes: %w", len(box), platform.ErrInvalid)
	}
	key, err := k.person(ctx, person, false)
	if err != nil {
		return nil, err
	}
	plain, err := key.Decrypt(box, []byte(person))
	if err != nil {
		return nil, fmt.Errorf("open a box of %s: it was changed, or sealed for another: %w",
			person, platform.ErrInvalid)
	}
	return plain, nil
}

// Erase implements platform.Keys. Once begun it is not broken off by ctx: an erasure whose outcome
// nobody knows would leave the cache in doubt.
func (k *keys) Erase(ctx context.Context, person string) error {
	if err := errors.Join(k.o.Closed(), checkPerson(person), ctx.Err()); err != nil {
		return err
	}
	err := k.o.Table.putRow(context.WithoutCancel(ctx), row{
		PK: personPart + person, SK: personSort, Value: []byte{personErased},
	}, platform.Any)
	k.cache.forget(person)
	if err != nil {
		return fmt.Errorf("erase %s: %w", person, err)
	}
	return nil
}

// person returns a person's key: from the cache, from the table, or, if make is set, a new one that
// is durable. Concurrent first uses agree because the row is made only if absent.
func (k *keys) person(ctx context.Context, person string, make bool) (tink.AEAD, error) {
	if err := errors.Join(k.o.Closed(), checkPerson(person)); err != nil {
		return nil, err
	}
	key, era := k.cache.get(person)
	if key != nil {
		return key, nil
	}
	for range keyRounds {
		r, err := k.o.Table.getRow(ctx, personPart+person, personSort)
		switch {
		case err == nil:
			key, err = k.unwrap(ctx, person, r.Value)
		case !errors.Is(err, platform.ErrNotFound):
			err = fmt.Errorf("find the key of %s: %w", person, err)
		case !make:
			err = fmt.Errorf("nothing was ever sealed for %s: %w", person, platform.ErrInvalid)
		default:
			key, err = k.newPerson(ctx, person)
			if errors.Is(err, platform.ErrConflict) {
				continue // somebody else was first
			}
		}
		if err != nil {
			return nil, err
		}
		k.cache.put(person, key, era)
		return key, nil
	}
	return nil, fmt.Errorf("make a key for %s: %w", person, platform.ErrConflict)
}

func (k *keys) newPerson(ctx context.Context, person string) (tink.AEAD, error) {
	key, wrapped, err := k.generate(ctx, personContext(person))
	if err != nil {
		return nil, fmt.Errorf("make a key for %s: %w", person, err)
	}
	err = k.o.Table.putRow(ctx, row{
		PK: personPart + person, SK: personSort, Value: append([]byte{personAES}, wrapped...),
	}, platform.Absent)
	if err != nil {
		return nil, fmt.Errorf("store the key of %s: %w", person, err)
	}
	return key, nil
}

// unwrap opens a person's row.
func (k *keys) unwrap(ctx context.Context, person string, value []byte) (tink.AEAD, error) {
	switch {
	case len(value) == 1 && value[0] == personErased:
		return nil, fmt.Errorf("%s: %w", person, platform.ErrErased)
	case len(value) == 0 || value[0] != personAES:
		return nil, fmt.Errorf("the key of %s is of an unknown kind: %w",
			person, platform.ErrCorrupt)
	}
	key, err := k.decrypt(ctx, value[1:], personContext(person))
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

func checkPerson(person string) error {
	if person == "" || len(person) > platform.MaxSubjectBytes {
		return fmt.Errorf("a person's name of %d bytes, allowed are 1 to %d: %w",
			len(person), platform.MaxSubjectBytes, platform.ErrInvalid)
	}
	return nil
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
