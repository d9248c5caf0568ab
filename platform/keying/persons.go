package keying

import (
	"context"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/souk-commerce/souk/platform"
)

// Overhead is by how many bytes a box is longer than what it holds.
const Overhead = subtle.AESGCMIVSize + subtle.AESGCMTagSize

// Persons seals and opens under keys of persons. It is safe for concurrent use if Find is.
type Persons struct {
	// Find returns a person's key. If create is set and there never was one, it makes one, durably.
	Find func(ctx context.Context, person string, create bool) (tink.AEAD, error)
}

// Seal implements platform.Keys.
func (p Persons) Seal(ctx context.Context, person string, plain []byte) ([]byte, error) {
	if len(plain) > platform.MaxSealBytes {
		return nil, fmt.Errorf("seal %d bytes, at most %d: %w",
			len(plain), platform.MaxSealBytes, platform.ErrTooLarge)
	}
	key, err := p.Find(ctx, person, true)
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
func (p Persons) Open(ctx context.Context, person string, box []byte) ([]byte, error) {
	if len(box) > platform.MaxSealBytes+Overhead {
		return nil, fmt.Errorf("open a box of %d bytes: %w", len(box), platform.ErrInvalid)
	}
	key, err := p.Find(ctx, person, false)
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

// CheckPerson refuses a name that no person can have.
func CheckPerson(person string) error {
	if person == "" || len(person) > platform.MaxSubjectBytes {
		return fmt.Errorf("a person's name of %d bytes, allowed are 1 to %d: %w",
			len(person), platform.MaxSubjectBytes, platform.ErrInvalid)
	}
	return nil
}

// Agree returns the key that read finds. Where read says ErrNotFound and create is set, it is the
// one that make makes; make says ErrConflict if somebody else has made one first, and then that is
// read, at most rounds times. So concurrent first uses agree.
func Agree(
	person string, create bool, rounds int, read, make func() (tink.AEAD, error),
) (tink.AEAD, error) {
	for range rounds {
		key, err := read()
		switch {
		case err == nil:
			return key, nil
		case !errors.Is(err, platform.ErrNotFound):
			return nil, err
		case !create:
			return nil, fmt.Errorf("nothing was ever sealed for %s: %w", person,
				platform.ErrInvalid)
		}
		key, err = make()
		if err == nil || !errors.Is(err, platform.ErrConflict) {
			return key, err
		}
	}
	return nil, fmt.Errorf("make a key for %s: %w", person, platform.ErrConflict)
}

// The first byte of what is stored of a person.
const (
	kindAES    = 1 // a wrapped AES-256-GCM key follows
	kindErased = 2 // nothing follows, for ever
)

// Stored is what is stored of a person's wrapped key.
func Stored(wrapped []byte) []byte { return append([]byte{kindAES}, wrapped...) }

// Tombstone is what is stored of a person who was erased.
func Tombstone() []byte { return []byte{kindErased} }

// Wrapped returns a person's wrapped key of what is stored: ErrErased of a tombstone.
func Wrapped(person string, stored []byte) ([]byte, error) {
	switch {
	case len(stored) == 1 && stored[0] == kindErased:
		return nil, fmt.Errorf("%s: %w", person, platform.ErrErased)
	case len(stored) == 0 || stored[0] != kindAES:
		return nil, fmt.Errorf("the key of %s is of an unknown kind: %w",
			person, platform.ErrCorrupt)
	}
	return stored[1:], nil
}
