package embedded

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"maps"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Signer signs with a data directory's keys without opening its store, so that a token can be made
// while a server has the directory open.
type Signer struct{ ring *keyring }

// OpenSigner reads the keyring of a data directory on disk. It fails if there is none yet.
func OpenSigner(dir string) (*Signer, error) {
	ring, err := loadKeyring(vfs.Default, vfs.Default.PathJoin(dir, "keys"))
	if err != nil {
		return nil, fmt.Errorf("read the keys of %s: %w", dir, err)
	}
	return &Signer{ring: ring}, nil
}

// Sign signs with the current key and names it.
func (s *Signer) Sign(
	_ context.Context, message []byte,
) (signature []byte, keyID string, err error) {
	signature, err = s.ring.Signer.Sign(message)
	return signature, s.ring.Current, err
}

// PublicKeys returns every key whose signatures are accepted.
func (s *Signer) PublicKeys(context.Context) (map[string]ed25519.PublicKey, error) {
	return maps.Clone(s.ring.Public), nil
}
