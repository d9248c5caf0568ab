package keying

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/signature"
	tinked25519 "github.com/tink-crypto/tink-go/v2/signature/ed25519"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/souk-commerce/souk/platform"
)

// MaxSigning is how many signing keys are kept: the oldest is retired when there would be more.
const MaxSigning = 8

// Ring holds the keys that sign. It is immutable.
type Ring struct {
	Handle  *keyset.Handle
	Signer  tink.Signer
	Current string                       // id of the key that signs
	Public  map[string]ed25519.PublicKey // of all that are accepted, by id
}

// OpenRing reads a keyset. ErrCorrupt if a key of it is not Ed25519.
func OpenRing(handle *keyset.Handle) (Ring, error) {
	r := Ring{Handle: handle, Public: make(map[string]ed25519.PublicKey)}
	var err error
	if r.Signer, err = signature.NewSigner(handle); err != nil {
		return Ring{}, fmt.Errorf("open the signing keys: %w", err)
	}
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return Ring{}, fmt.Errorf("open the signing keys: %w", err)
		}
		public, err := publicOf(entry)
		if err != nil {
			return Ring{}, err
		}
		id := idOf(public)
		r.Public[id] = public
		if entry.IsPrimary() {
			r.Current = id
		}
	}
	return r, nil
}

// Rotated returns the keyset with what add adds, and without the oldest keys over MaxSigning.
func (r Ring) Rotated(
	add func(m *keyset.Manager) (*keyset.Handle, error),
) (*keyset.Handle, error) {
	m := keyset.NewManagerFromHandle(r.Handle)
	for i := range max(0, r.Handle.Len()+1-MaxSigning) {
		oldest, err := r.Handle.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("retire a signing key: %w", err)
		}
		if err := m.Delete(oldest.KeyID()); err != nil && !oldest.IsPrimary() {
			return nil, fmt.Errorf("retire a signing key: %w", err)
		}
	}
	handle, err := add(m)
	if err != nil {
		return nil, fmt.Errorf("add a signing key: %w", err)
	}
	return handle, nil
}

// Retired returns the keyset without a key. ErrNotFound for an unknown one, ErrInvalid for the one
// that signs.
func (r Ring) Retired(id string) (*keyset.Handle, error) {
	switch {
	case r.Public[id] == nil:
		return nil, fmt.Errorf("retire signing key %.40q: %w", id, platform.ErrNotFound)
	case id == r.Current:
		return nil, fmt.Errorf("retire signing key %s: it is the current one, rotate first: %w",
			id, platform.ErrInvalid)
	}
	m := keyset.NewManagerFromHandle(r.Handle)
	for i := range r.Handle.Len() {
		entry, err := r.Handle.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("retire a signing key: %w", err)
		}
		public, err := publicOf(entry)
		if err != nil {
			return nil, err
		}
		if idOf(public) != id {
			continue
		}
		if err := m.Delete(entry.KeyID()); err != nil {
			return nil, fmt.Errorf("retire a signing key: %w", err)
		}
	}
	handle, err := m.Handle()
	if err != nil {
		return nil, fmt.Errorf("retire a signing key: %w", err)
	}
	return handle, nil
}

// Parameters are those of a signing key: signatures are plain, as JSON Web Tokens want them.
func Parameters() (*tinked25519.Parameters, error) {
	p, err := tinked25519.NewParameters(tinked25519.VariantNoPrefix)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	return &p, nil
}

func publicOf(entry *keyset.Entry) (ed25519.PublicKey, error) {
	private, ok := entry.Key().(*tinked25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("a signing key is not Ed25519: %w", platform.ErrCorrupt)
	}
	public, err := private.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("open a signing key: %w", err)
	}
	typed, ok := public.(*tinked25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("a public key is not Ed25519: %w", platform.ErrCorrupt)
	}
	return typed.KeyBytes(), nil
}

// idOf names a signing key after itself, so that equal ids mean equal keys everywhere.
func idOf(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:8])
}
