package embedded

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/key"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	tinked25519 "github.com/tink-crypto/tink-go/v2/signature/ed25519"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/keying"
)

const (
	keyringName    = "master.json"
	keyringFormat  = 1
	maxKeyringSize = 256 << 10
)

// keyring holds the secrets that protect everything else: the master key, under which the keys of
// persons are wrapped, and the signing keys. It is immutable; rotation makes another.
type keyring struct {
	keying.Ring // the keys that sign

	sealing *keyset.Handle
	master  tink.AEAD
}

// keyringFile is the keyring on disk: two Tink keysets in the clear, which only the owner of the
// data directory may read, and a checksum, so that a damaged key is refused instead of used.
type keyringFile struct {
	Format  int             `json:"format"`
	Sealing json.RawMessage `json:"sealing"`
	Signing json.RawMessage `json:"signing"`
	SHA256  string          `json:"sha256"`
}

// newKeyring makes a keyring with one key of each kind from chance.
func newKeyring(chance io.Reader) (*keyring, error) {
	raw, err := secret(chance, masterKeyBytes)
	if err != nil {
		return nil, err
	}
	id, err := keyID(chance)
	if err != nil {
		return nil, err
	}
	params, err := aesgcm.NewParameters(aesgcm.ParametersOpts{
		KeySizeInBytes: masterKeyBytes, IVSizeInBytes: 12, TagSizeInBytes: 16,
		Variant: aesgcm.VariantTink,
	})
	if err != nil {
		return nil, fmt.Errorf("make a master key: %w", err)
	}
	master, err := aesgcm.NewKey(raw, id, params)
	if err != nil {
		return nil, fmt.Errorf("make a master key: %w", err)
	}
	sealing, err := withKey(keyset.NewManager(), master)
	if err != nil {
		return nil, fmt.Errorf("make a master key: %w", err)
	}
	signer, err := newSigningKey(chance)
	if err != nil {
		return nil, err
	}
	signing, err := withKey(keyset.NewManager(), signer)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	return openKeyring(sealing, signing)
}

// masterKeyBytes is the length of an AES-256 key and of an Ed25519 seed.
const masterKeyBytes = 32

// openKeyring prepares two keysets for use.
func openKeyring(sealing, signing *keyset.Handle) (*keyring, error) {
	r := &keyring{sealing: sealing}
	var err error
	if r.master, err = aead.New(sealing); err != nil {
		return nil, fmt.Errorf("open the master key: %w", err)
	}
	if r.Ring, err = keying.OpenRing(signing); err != nil {
		return nil, err
	}
	return r, nil
}

// rotated returns a keyring that signs with a new key and still publishes the others.
func (r *keyring) rotated(chance io.Reader) (*keyring, error) {
	fresh, err := newSigningKey(chance)
	if err != nil {
		return nil, err
	}
	signing, err := r.Rotated(func(m *keyset.Manager) (*keyset.Handle, error) {
		return withKey(m, fresh)
	})
	if err != nil {
		return nil, err
	}
	return openKeyring(r.sealing, signing)
}

// retired returns a keyring without the signing key id. The current key cannot be retired.
func (r *keyring) retired(id string) (*keyring, error) {
	signing, err := r.Retired(id)
	if err != nil {
		return nil, err
	}
	return openKeyring(r.sealing, signing)
}

// save makes the keyring the one in dir, durably and at one instant.
func (r *keyring) save(fs vfs.FS, dir string) error {
	var file keyringFile
	var err error
	file.Format = keyringFormat
	if file.Sealing, err = keysetJSON(r.sealing); err != nil {
		return err
	}
	if file.Signing, err = keysetJSON(r.Handle); err != nil {
		return err
	}
	if file.SHA256, err = file.checksum(); err != nil {
		return err
	}
	content, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the keys: %w", err)
	}
	if err := replacePrivate(fs, dir, keyringName, append(content, '\n')); err != nil {
		return fmt.Errorf("write the keys: %w", err)
	}
	return nil
}

// loadKeyring reads the keyring of dir. ErrNotFound if there is none; ErrCorrupt if it is not what
// was written; ErrVersion if a newer Souk wrote it.
func loadKeyring(fs vfs.FS, dir string) (*keyring, error) {
	name := fs.PathJoin(dir, keyringName)
	content, err := readAll(fs, name, maxKeyringSize)
	if isNotExist(err) {
		return nil, fmt.Errorf("no keys at %s: %w", name, platform.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	var file keyringFile
	if err := json.Unmarshal(content, &file); err != nil {
		// The cause is not passed on: it could quote a key.
		return nil, fmt.Errorf("%s is not a key file: %w", name, platform.ErrCorrupt)
	}
	if file.Format != keyringFormat {
		return nil, fmt.Errorf("%s has format %d, this Souk reads %d; use one that can: %w",
			name, file.Format, keyringFormat, platform.ErrVersion)
	}
	if sum, err := file.checksum(); err != nil || sum != file.SHA256 {
		return nil, fmt.Errorf("%s was changed; restore it from a backup: %w",
			name, platform.ErrCorrupt)
	}
	sealing, err1 := parseKeyset(file.Sealing)
	signing, err2 := parseKeyset(file.Signing)
	if err1 != nil || err2 != nil {
		return nil, fmt.Errorf("%s holds no usable keys: %w", name, platform.ErrCorrupt)
	}
	return openKeyring(sealing, signing)
}

// checksum covers format and keysets, without regard to white space.
func (f *keyringFile) checksum() (string, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d\n", f.Format)
	for _, part := range []json.RawMessage{f.Sealing, f.Signing} {
		if err := json.Compact(&b, part); err != nil {
			return "", fmt.Errorf("checksum of the keys: %w", platform.ErrCorrupt)
		}
		b.WriteByte('\n')
	}
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:]), nil
}

func keysetJSON(h *keyset.Handle) (json.RawMessage, error) {
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b)); err != nil {
		return nil, fmt.Errorf("encode the keys: %w", err)
	}
	return b.Bytes(), nil
}

func parseKeyset(raw json.RawMessage) (*keyset.Handle, error) {
	return insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(raw)))
}

// newSigningKey makes an Ed25519 key whose signatures are plain, as JSON Web Tokens want them.
func newSigningKey(chance io.Reader) (key.Key, error) {
	seed, err := secret(chance, ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	params, err := keying.Parameters()
	if err != nil {
		return nil, err
	}
	k, err := tinked25519.NewPrivateKey(seed, 0, *params)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	return k, nil
}

// withKey adds a key to a keyset and makes it the one in use.
func withKey(m *keyset.Manager, k key.Key) (*keyset.Handle, error) {
	id, err := m.AddKey(k)
	if err != nil {
		return nil, err
	}
	if err := m.SetPrimary(id); err != nil {
		return nil, err
	}
	return m.Handle()
}

// secret draws n bytes of key material.
func secret(chance io.Reader, n int) (secretdata.Bytes, error) {
	raw := make([]byte, n)
	if _, err := io.ReadFull(chance, raw); err != nil {
		return secretdata.Bytes{}, fmt.Errorf("draw a key: %w", err)
	}
	return secretdata.NewBytesFromData(raw, insecuresecretdataaccess.Token{}), nil
}

// keyID draws a number that is not 0, which Tink reserves.
func keyID(chance io.Reader) (uint32, error) {
	var raw [4]byte
	if _, err := io.ReadFull(chance, raw[:]); err != nil {
		return 0, fmt.Errorf("draw a key id: %w", err)
	}
	return binary.BigEndian.Uint32(raw[:]) | 1, nil
}
