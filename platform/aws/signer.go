package aws

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/keying"
)

const (
	signingPart = "~platform/signing"
	signingSort = "keyset"
)

func signingContext() map[string]string { return map[string]string{"purpose": "signing"} }

// signingRing holds the keys that sign tokens. It is immutable; rotation makes another.
type signingRing struct {
	keying.Ring
	version int64 // of the row that it was read from
}

// Sign implements platform.Keys.
func (k *keys) Sign(
	ctx context.Context, message []byte,
) (signature []byte, keyID string, err error) {
	ring, err := k.signing(ctx)
	if err != nil {
		return nil, "", err
	}
	signature, err = ring.Signer.Sign(message)
	if err != nil {
		return nil, "", fmt.Errorf("sign: %w", err)
	}
	return signature, ring.Current, nil
}

// PublicKeys implements platform.Keys. What another process rotated is seen within keyMemory.
func (k *keys) PublicKeys(ctx context.Context) (map[string]ed25519.PublicKey, error) {
	ring, err := k.signing(ctx)
	if err != nil {
		return nil, err
	}
	return maps.Clone(ring.Public), nil
}

// Rotate makes a new signing key the current one, durably, and returns its id. Signatures of the
// keys before it are still accepted, until they are retired or eight newer keys exist.
func (k *keys) Rotate(ctx context.Context) (keyID string, err error) {
	ring, err := k.replaceRing(ctx, func(r *signingRing) (*keyset.Handle, error) {
		return r.Rotated(withSigningKey)
	})
	if err != nil {
		return "", fmt.Errorf("rotate the signing key: %w", err)
	}
	return ring.Current, nil
}

// Retire stops accepting the signatures of a key. ErrNotFound for an unknown key, ErrInvalid for
// the current one.
func (k *keys) Retire(ctx context.Context, keyID string) error {
	_, err := k.replaceRing(ctx, func(r *signingRing) (*keyset.Handle, error) {
		return r.Retired(keyID)
	})
	return err
}

// replaceRing makes the next ring durable and then uses it.
func (k *keys) replaceRing(
	ctx context.Context, next func(*signingRing) (*keyset.Handle, error),
) (*signingRing, error) {
	k.ringMu.Lock()
	defer k.ringMu.Unlock()
	for range keyRounds {
		ring, err := k.readRing(ctx)
		if err != nil {
			return nil, err
		}
		handle, err := next(ring)
		if err != nil {
			return nil, err
		}
		ring, err = k.writeRing(ctx, handle, ring.version)
		if errors.Is(err, platform.ErrConflict) {
			continue
		}
		return ring, err
	}
	return nil, platform.ErrConflict
}

// signing returns the ring: the one at hand if it is fresh, otherwise what is stored. The first use
// of all makes it.
func (k *keys) signing(ctx context.Context) (*signingRing, error) {
	if err := k.o.Closed(); err != nil {
		return nil, err
	}
	k.ringMu.Lock()
	defer k.ringMu.Unlock()
	if k.ring != nil && k.o.Clock.Now().Sub(k.ringAt) < keyMemory {
		return k.ring, nil
	}
	return k.readRing(ctx)
}

// readRing reads or makes the ring. The caller holds ringMu.
func (k *keys) readRing(ctx context.Context) (*signingRing, error) {
	for range keyRounds {
		r, err := k.o.Table.getRow(ctx, signingPart, signingSort)
		if err == nil {
			return k.openRing(ctx, r)
		}
		if !errors.Is(err, platform.ErrNotFound) {
			return nil, fmt.Errorf("find the signing keys: %w", err)
		}
		handle, err := withSigningKey(keyset.NewManager())
		if err != nil {
			return nil, fmt.Errorf("make a signing key: %w", err)
		}
		ring, err := k.writeRing(ctx, handle, platform.Absent)
		if !errors.Is(err, platform.ErrConflict) {
			return ring, err
		}
	}
	return nil, fmt.Errorf("make the signing keys: %w", platform.ErrConflict)
}

// writeRing seals a keyset under a fresh data key and stores both in one row: the length of the
// wrapped key, the wrapped key, the sealed keyset. The caller holds ringMu.
func (k *keys) writeRing(
	ctx context.Context, handle *keyset.Handle, expect int64,
) (*signingRing, error) {
	key, wrapped, err := k.generate(ctx, signingContext())
	if err != nil {
		return nil, fmt.Errorf("seal the signing keys: %w", err)
	}
	var sealed bytes.Buffer
	err = handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&sealed), key, []byte(signingPart))
	if err != nil {
		return nil, fmt.Errorf("seal the signing keys: %w", err)
	}
	value := binary.AppendUvarint(nil, uint64(len(wrapped)))
	value = append(append(value, wrapped...), sealed.Bytes()...)
	err = k.o.Table.putRow(ctx, row{PK: signingPart, SK: signingSort, Value: value}, expect)
	if err != nil {
		return nil, fmt.Errorf("store the signing keys: %w", err)
	}
	return k.useRing(handle, expect+1)
}

// openRing opens what writeRing stored. The caller holds ringMu.
func (k *keys) openRing(ctx context.Context, r row) (*signingRing, error) {
	n, head := binary.Uvarint(r.Value)
	if head <= 0 || n > uint64(len(r.Value)-head) {
		return nil, fmt.Errorf("the signing keys are cut short: %w", platform.ErrCorrupt)
	}
	wrapped, sealed := r.Value[head:head+int(n)], r.Value[head+int(n):]
	key, err := k.decrypt(ctx, wrapped, signingContext())
	if err != nil {
		return nil, fmt.Errorf("open the signing keys: %w", err)
	}
	handle, err := keyset.ReadWithAssociatedData(
		keyset.NewBinaryReader(bytes.NewReader(sealed)), key, []byte(signingPart))
	if err != nil {
		// The cause is not passed on: it could quote a key.
		return nil, fmt.Errorf("the signing keys were changed: %w", platform.ErrCorrupt)
	}
	return k.useRing(handle, r.Version)
}

// useRing prepares a keyset and keeps it at hand. The caller holds ringMu.
func (k *keys) useRing(handle *keyset.Handle, version int64) (*signingRing, error) {
	ring, err := keying.OpenRing(handle)
	if err != nil {
		return nil, err
	}
	r := &signingRing{ring, version}
	k.ring, k.ringAt = r, k.o.Clock.Now()
	return r, nil
}

// withSigningKey adds a new Ed25519 key, whose signatures are plain as JSON Web Tokens want them,
// and makes it the one in use.
func withSigningKey(m *keyset.Manager) (*keyset.Handle, error) {
	params, err := keying.Parameters()
	if err != nil {
		return nil, err
	}
	id, err := m.AddNewKeyFromParameters(params)
	if err != nil {
		return nil, err
	}
	if err := m.SetPrimary(id); err != nil {
		return nil, err
	}
	return m.Handle()
}
