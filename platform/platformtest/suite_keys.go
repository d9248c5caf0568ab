package platformtest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/platform"
)

func runKeys(t *testing.T, a Adapter) {
	runTrials(t, a, []trial{
		{"Seal", testSeal}, {"Tampered", testTampered}, {"Erase", testErase},
		{"FirstUse", testFirstUse}, {"Limit", testSealLimit}, {"Sign", testSign},
	})
}

func seal(t *testing.T, k platform.Keys, person, plain string) []byte {
	t.Helper()
	box, err := k.Seal(t.Context(), person, []byte(plain))
	if err != nil {
		t.Fatalf("seal for %s: %v", person, err)
	}
	return box
}

func wantOpen(t *testing.T, k platform.Keys, person string, box []byte, want string) {
	t.Helper()
	plain, err := k.Open(t.Context(), person, box)
	if err != nil || string(plain) != want {
		t.Errorf("open for %s: %.40q, %v; want %.40q", person, plain, err, want)
	}
}

// Goal: what was sealed for a person opens for that person only, shows nothing of itself, and is
// never the same box twice. Method: several people, several texts.
func testSeal(t *testing.T, w *world) {
	k := w.p.Keys()
	secret := "221B Baker Street, London"
	ann, ann2 := seal(t, k, "ann", secret), seal(t, k, "ann", secret)
	bob := seal(t, k, "bob", secret)
	if bytes.Equal(ann, ann2) || bytes.Equal(ann, bob) {
		t.Error("two boxes are equal")
	}
	for _, box := range [][]byte{ann, ann2} {
		wantOpen(t, k, "ann", box, secret)
		if bytes.Contains(box, []byte("Baker")) {
			t.Error("the box shows what is in it")
		}
	}
	wantOpen(t, k, "ann", seal(t, k, "ann", ""), "")
	for _, person := range []string{"bob", "nobody", "an", "ann2"} {
		_, err := k.Open(t.Context(), person, ann)
		wantError(t, "open ann's for "+person, err, platform.ErrInvalid)
	}
}

// Goal: a box that was changed does not open. Method: flip a bit of every byte, cut it, add to it.
func testTampered(t *testing.T, w *world) {
	k := w.p.Keys()
	box := seal(t, k, "ann", "some text")
	var bad [][]byte
	for i := range box {
		changed := bytes.Clone(box)
		changed[i] ^= 1
		bad = append(bad, changed)
	}
	bad = append(bad, nil, []byte{}, box[:len(box)-1], box[1:], append(bytes.Clone(box), 0))
	for i, b := range bad {
		if plain, err := k.Open(t.Context(), "ann", b); err == nil {
			t.Errorf("changed box %d opens as %q", i, plain)
		} else {
			wantError(t, fmt.Sprint("changed box ", i), err, platform.ErrInvalid)
		}
	}
	wantOpen(t, k, "ann", box, "some text")
}

// Goal: an erased person's boxes never open again and no new one can be made; others notice
// nothing; erasing twice or before the first use is no error. Method: erase one of two, and one
// who never was.
func testErase(t *testing.T, w *world) {
	k := w.p.Keys()
	ann, bob := seal(t, k, "ann", "of ann"), seal(t, k, "bob", "of bob")
	for _, person := range []string{"ann", "ann", "never seen"} {
		if err := k.Erase(t.Context(), person); err != nil {
			t.Errorf("erase %s: %v", person, err)
		}
	}
	_, err := k.Open(t.Context(), "ann", ann)
	wantError(t, "open after erasing", err, platform.ErrErased)
	for _, person := range []string{"ann", "never seen"} {
		_, err = k.Seal(t.Context(), person, []byte("new"))
		wantError(t, "seal after erasing "+person, err, platform.ErrErased)
	}
	wantOpen(t, k, "bob", bob, "of bob")
}

// Goal: a person who is met by many at once gets one key. Method: sixteen first boxes of each of
// ten people at the same time; all must open.
func testFirstUse(t *testing.T, w *world) {
	k := w.p.Keys()
	together(16, func(i int) {
		for p := range 10 {
			person, text := fmt.Sprint("person ", p), fmt.Sprint(i, " of ", p)
			box, err := k.Seal(t.Context(), person, []byte(text))
			if err != nil {
				t.Errorf("seal: %v", err)
				continue
			}
			plain, err := k.Open(t.Context(), person, box)
			if err != nil || string(plain) != text {
				t.Errorf("open: %q, %v; want %q", plain, err, text)
			}
		}
	})
}

// Goal: MaxSealBytes bounds what is sealed. Method: exactly that many bytes, and one more.
func testSealLimit(t *testing.T, w *world) {
	k := w.p.Keys()
	most := strings.Repeat("x", platform.MaxSealBytes)
	wantOpen(t, k, "ann", seal(t, k, "ann", most), most)
	_, err := k.Seal(t.Context(), "ann", []byte(most+"x"))
	wantError(t, "one byte over the limit", err, platform.ErrTooLarge, platform.ErrInvalid)
}

// Goal: a signature verifies under the public key that it names, and under no other message.
// Method: sign several messages and verify with the standard library.
func testSign(t *testing.T, w *world) {
	for _, message := range []string{"", "a message", strings.Repeat("long ", 10_000)} {
		verify(t, w.p.Keys(), message)
	}
}

func verify(t *testing.T, k platform.Keys, message string) (signature []byte, id string) {
	t.Helper()
	signature, id, err := k.Sign(t.Context(), []byte(message))
	if err != nil {
		t.Fatalf("sign: %v", err)
	}
	public := publicKey(t.Context(), t, k, id)
	if !ed25519.Verify(public, []byte(message), signature) {
		t.Errorf("the signature of %.20q does not verify", message)
	}
	if ed25519.Verify(public, []byte(message+"!"), signature) {
		t.Errorf("the signature of %.20q verifies another message", message)
	}
	return signature, id
}

func publicKey(ctx context.Context, t *testing.T, k platform.Keys, id string) ed25519.PublicKey {
	t.Helper()
	all, err := k.PublicKeys(ctx)
	if err != nil {
		t.Fatalf("public keys: %v", err)
	}
	public, ok := all[id]
	if !ok || len(public) != ed25519.PublicKeySize {
		t.Fatalf("no public key %q among %d", id, len(all))
	}
	return public
}
