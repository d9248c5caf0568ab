package shop

import (
	"context"
	"encoding/json"
)

// Sealed is personal data of type T that only the key of its person opens. It is what events and
// records carry; plain T never reaches the store. Copying a Sealed copies the ciphertext, so a room
// passes on what it may not read. Destroying the person's key erases every copy.
//
// Its JSON form is {"person": ID, "box": base64}.
type Sealed[T any] struct {
	Person ID     `json:"person"`
	Box    []byte `json:"box"`
}

// Sealer seals and opens under a person's own key. platform.Keys satisfies it.
type Sealer interface {
	// Seal encrypts plain under person's key, making the key if this is the first time. It refuses
	// a person who was erased.
	Seal(ctx context.Context, person string, plain []byte) ([]byte, error)
	// Open decrypts. After the person was erased it fails for ever.
	Open(ctx context.Context, person string, box []byte) ([]byte, error)
}

// Seal encrypts v for person.
func Seal[T any](ctx context.Context, s Sealer, person ID, v T) (Sealed[T], error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return Sealed[T]{}, Errorf(Internal, "seal personal data: %w", err)
	}
	box, err := s.Seal(ctx, string(person), plain)
	if err != nil {
		return Sealed[T]{}, err
	}
	return Sealed[T]{Person: person, Box: box}, nil
}

// Open decrypts s. The error says so when the person was erased.
func (s Sealed[T]) Open(ctx context.Context, k Sealer) (T, error) {
	var v T
	plain, err := k.Open(ctx, string(s.Person), s.Box)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(plain, &v); err != nil {
		return v, Errorf(Internal, "open personal data: %w", err)
	}
	return v, nil
}
