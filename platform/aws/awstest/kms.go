package awstest

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// KMS is one symmetric key in memory. What it encrypts opens only under the same encryption
// context. Safe for concurrent use.
type KMS struct {
	id   string
	aead cipher.AEAD
	// Calls counts the calls that reached the key.
	Calls atomic.Int64

	mu   sync.Mutex
	call func(op string) error
}

// NewKMS returns a key of its own, by an id that calls must name.
func NewKMS(id string) (*KMS, error) {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &KMS{id: id, aead: aead}, nil
}

// SetFault replaces what is asked before every call; its error is answered.
func (k *KMS) SetFault(call func(op string) error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.call = call
}

func (k *KMS) begin(op, key string) error {
	k.mu.Lock()
	call := k.call
	k.mu.Unlock()
	if call != nil {
		if err := call(op); err != nil {
			return err
		}
	}
	k.Calls.Add(1)
	if key != "" && key != k.id {
		return &types.NotFoundException{Message: aws.String(key)}
	}
	return nil
}

// bind makes an encryption context into associated data.
func bind(c map[string]string) []byte {
	var b []byte
	for _, name := range slices.Sorted(maps.Keys(c)) {
		b = fmt.Appendf(b, "%d:%s=%d:%s;", len(name), name, len(c[name]), c[name])
	}
	return b
}

func (k *KMS) seal(plain []byte, c map[string]string) ([]byte, error) {
	nonce := make([]byte, k.aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return k.aead.Seal(nonce, nonce, plain, bind(c)), nil
}

// GenerateDataKey implements the client's method for AES-256 keys.
func (k *KMS) GenerateDataKey(
	_ context.Context, in *kms.GenerateDataKeyInput, _ ...func(*kms.Options),
) (*kms.GenerateDataKeyOutput, error) {
	if err := k.begin("GenerateDataKey", aws.ToString(in.KeyId)); err != nil {
		return nil, err
	}
	plain := make([]byte, 32)
	if _, err := rand.Read(plain); err != nil {
		return nil, err
	}
	box, err := k.seal(plain, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &kms.GenerateDataKeyOutput{
		KeyId: aws.String(k.id), Plaintext: plain, CiphertextBlob: box,
	}, nil
}

// Decrypt implements the client's method.
func (k *KMS) Decrypt(
	_ context.Context, in *kms.DecryptInput, _ ...func(*kms.Options),
) (*kms.DecryptOutput, error) {
	if err := k.begin("Decrypt", aws.ToString(in.KeyId)); err != nil {
		return nil, err
	}
	n := k.aead.NonceSize()
	if len(in.CiphertextBlob) < n {
		return nil, &types.InvalidCiphertextException{}
	}
	plain, err := k.aead.Open(nil, in.CiphertextBlob[:n], in.CiphertextBlob[n:],
		bind(in.EncryptionContext))
	if err != nil {
		return nil, &types.InvalidCiphertextException{}
	}
	return &kms.DecryptOutput{KeyId: aws.String(k.id), Plaintext: plain}, nil
}
