package embedded

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/keying"
)

// openTest opens a platform and closes it after the test.
func openTest(tb testing.TB, o Options) *Platform {
	tb.Helper()
	p, err := Open(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Close(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

func mustSeal(t *testing.T, k platform.Keys, person, plain string) []byte {
	t.Helper()
	box, err := k.Seal(t.Context(), person, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	return box
}

// Goal: what is sealed for a person opens for that person only, unchanged, and after a restart.
// Method: one platform in a file system in memory, opened twice.
func TestKeysSealAndOpen(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	p, err := Open(Options{Dir: "d", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	box := mustSeal(t, p.Keys(), "ann", "12 High Street")
	other := mustSeal(t, p.Keys(), "ben", "1 Low Street")
	if again := mustSeal(t, p.Keys(), "ann", "12 High Street"); bytes.Equal(box, again) {
		t.Error("sealing twice gave the same box: the nonce is not fresh")
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	k := openTest(t, Options{Dir: "d", FS: fs}).Keys()
	if plain, err := k.Open(ctx, "ann", box); err != nil || string(plain) != "12 High Street" {
		t.Errorf("opened %q, %v", plain, err)
	}
	changed := bytes.Clone(box)
	changed[len(changed)/2] ^= 1
	for name, c := range map[string]struct {
		person string
		box    []byte
	}{
		"for another person": {"ann", other}, "changed": {"ann", changed}, "empty": {"ann", nil},
		"never sealed for": {"carl", box}, "no person": {"", box},
		"too long":    {"ann", make([]byte, platform.MaxSealBytes+100)},
		"a long name": {strings.Repeat("x", 201), box},
	} {
		if _, err := k.Open(ctx, c.person, c.box); !errors.Is(err, platform.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := k.Seal(ctx, "ann", make([]byte, platform.MaxSealBytes)); err != nil {
		t.Errorf("the longest text: %v", err)
	}
	_, err = k.Seal(ctx, "ann", make([]byte, platform.MaxSealBytes+1))
	if !errors.Is(err, platform.ErrTooLarge) {
		t.Errorf("one byte more: %v", err)
	}
}

// Goal: an erased person stays erased, whatever was cached and after a restart, and nobody else is.
// Method: erase a person who has a key, and one who never had.
func TestKeysErase(t *testing.T) {
	t.Parallel()
	fs, ctx := vfs.NewMem(), t.Context()
	p, err := Open(Options{Dir: "d", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	box, kept := mustSeal(t, p.Keys(), "ann", "x"), mustSeal(t, p.Keys(), "ben", "y")
	for _, person := range []string{"ann", "ann", "never seen"} {
		if err := p.Keys().Erase(ctx, person); err != nil {
			t.Fatal(err)
		}
	}
	check := func(k platform.Keys) {
		for _, person := range []string{"ann", "never seen"} {
			if _, err := k.Seal(ctx, person, nil); !errors.Is(err, platform.ErrErased) {
				t.Errorf("seal for %s: %v", person, err)
			}
			if _, err := k.Open(ctx, person, box); !errors.Is(err, platform.ErrErased) {
				t.Errorf("open for %s: %v", person, err)
			}
		}
		if plain, err := k.Open(ctx, "ben", kept); err != nil || string(plain) != "y" {
			t.Errorf("the other person: %q, %v", plain, err)
		}
	}
	check(p.Keys())
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	check(openTest(t, Options{Dir: "d", FS: fs}).Keys())
}

// Goal: concurrent first uses of a person agree on one key, and once Erase has returned no Seal
// succeeds. Method: many goroutines seal for few persons who are new; then some are erased while
// others seal for them, again and again.
func TestKeysConcurrent(t *testing.T) {
	t.Parallel()
	p, ctx := openTest(t, Options{}), t.Context()
	boxes := make([][]byte, 64)
	var wg sync.WaitGroup
	for i := range boxes {
		wg.Go(func() { boxes[i], _ = p.Keys().Seal(ctx, fmt.Sprint(i%3), []byte{byte(i)}) })
	}
	wg.Wait()
	for i, box := range boxes {
		plain, err := p.Keys().Open(ctx, fmt.Sprint(i%3), box)
		if err != nil || len(plain) != 1 || plain[0] != byte(i) {
			t.Fatalf("box %d: %v, %v", i, plain, err)
		}
	}
	for round := range 20 {
		person := fmt.Sprint("p", round)
		erased := make(chan struct{})
		for range 4 {
			wg.Go(func() {
				for {
					select {
					case <-erased: // then the next answer must be a refusal
						_, err := p.Keys().Seal(ctx, person, nil)
						if !errors.Is(err, platform.ErrErased) {
							t.Errorf("sealed after the erasure: %v", err)
						}
						return
					default:
						_, err := p.Keys().Seal(ctx, person, nil)
						if err != nil && !errors.Is(err, platform.ErrErased) {
							t.Error(err)
						}
					}
				}
			})
		}
		wg.Go(func() {
			defer close(erased)
			if err := p.Keys().Erase(ctx, person); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
	}
}

// Goal: the cache is bounded and forgetting one person keeps the others. Method: put more than fit.
func TestPersonCacheIsBounded(t *testing.T) {
	t.Parallel()
	p := openTest(t, Options{})
	p.keys.cache = newPersonCache(3)
	var boxes [][]byte
	for i := range 10 {
		boxes = append(boxes, mustSeal(t, p.Keys(), fmt.Sprint(i), "x"))
	}
	if n, m := p.keys.cache.used.Len(), len(p.keys.cache.byKey); n != 3 || m != 3 {
		t.Errorf("%d and %d are cached", n, m)
	}
	for i, box := range boxes {
		if _, err := p.Keys().Open(t.Context(), fmt.Sprint(i), box); err != nil {
			t.Error(err)
		}
	}
}

// Goal: signatures verify under the published key they name, through rotation and a restart;
// retired keys are no longer published, and there are never more than eight. Method: rotate ten
// times.
func TestKeysSignAndRotate(t *testing.T) {
	t.Parallel()
	fs, ctx, message := vfs.NewMem(), t.Context(), []byte("token")
	p, err := Open(Options{Dir: "d", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	signed := map[string][]byte{}
	var order []string
	for range 10 {
		sig, id, err := p.Keys().Sign(ctx, message)
		if err != nil {
			t.Fatal(err)
		}
		signed[id] = sig
		order = append(order, id)
		next, err := p.keys.Rotate(ctx)
		if err != nil || signed[next] != nil {
			t.Fatalf("rotated to %s: %v", next, err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p = openTest(t, Options{Dir: "d", FS: fs})
	public, err := p.Keys().PublicKeys(ctx)
	if err != nil || len(public) != keying.MaxSigning {
		t.Fatalf("%d public keys, %v", len(public), err)
	}
	for _, id := range order[len(order)-keying.MaxSigning+1:] {
		if !ed25519.Verify(public[id], message, signed[id]) {
			t.Errorf("the signature of %s does not verify", id)
		}
	}
	_, current, err := p.Keys().Sign(ctx, message)
	if err != nil || public[current] == nil {
		t.Errorf("current key %s is not published, %v", current, err)
	}
	last := order[len(order)-1]
	if err := p.keys.Retire(ctx, last); err != nil {
		t.Error(err)
	}
	if err := p.keys.Retire(ctx, last); !errors.Is(err, platform.ErrNotFound) {
		t.Errorf("retired twice: %v", err)
	}
	if err := p.keys.Retire(ctx, current); !errors.Is(err, platform.ErrInvalid) {
		t.Errorf("retired the current one: %v", err)
	}
	if public, _ := p.Keys().PublicKeys(ctx); public[last] != nil || public[current] == nil {
		t.Error("the wrong key was retired")
	}
}

// Goal: a ring that is missing, damaged, newer, or another's is refused with the right error and is
// not replaced. Method: spoil the file of a platform that has sealed something.
func TestKeysRefuseWrongRing(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	p, err := Open(Options{Dir: "d", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	mustSeal(t, p.Keys(), "ann", "x")
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := readAll(fs, "d/keys/"+keyringName, maxKeyringSize)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := newKeyring(rand.Reader)
	if err == nil {
		err = fs.MkdirAll("other", 0o700)
	}
	if err == nil {
		err = ring.save(fs, "other")
	}
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := readAll(fs, "other/"+keyringName, maxKeyringSize)
	if err != nil {
		t.Fatal(err)
	}
	newer := bytes.Replace(good, []byte(`"format": 1`), []byte(`"format": 2`), 1)
	for name, c := range map[string]struct {
		content []byte
		want    error
	}{
		"missing": {nil, platform.ErrCorrupt}, "foreign": {foreign, platform.ErrCorrupt},
		"truncated": {good[:len(good)/2], platform.ErrCorrupt},
		"newer":     {newer, platform.ErrVersion},
	} {
		writeTest(t, fs, "d/keys/", c.content)
		if _, err := Open(Options{Dir: "d", FS: fs}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := 0; i < len(good); i += 7 {
		flipped := bytes.Clone(good)
		flipped[i] ^= 1
		writeTest(t, fs, "d/keys/", flipped)
		if k, err := loadKeyring(fs, "d/keys"); err == nil && !sameJSON(good, flipped) {
			t.Errorf("byte %d was changed and the keys were accepted: %v", i, k.Current)
		}
	}
	writeTest(t, fs, "d/keys/", good)
	openTest(t, Options{Dir: "d", FS: fs})
}

// sameJSON reports whether two texts differ in white space or the case of a name only, which do not
// change what is read.
func sameJSON(a, b []byte) bool {
	fold := func(s []byte) string {
		return strings.ToLower(strings.Join(strings.Fields(string(s)), ""))
	}
	return fold(a) == fold(b)
}

// writeTest puts a ring in place, or removes it.
func writeTest(t *testing.T, fs vfs.FS, dir string, content []byte) {
	t.Helper()
	name := dir + keyringName
	if err := fs.Remove(name); err != nil && !isNotExist(err) {
		t.Fatal(err)
	}
	if content == nil {
		return
	}
	if err := replacePrivate(fs, dir, keyringName, content); err != nil {
		t.Fatal(err)
	}
}

// Goal: on a disk, nobody but the owner may read the ring or stored files. Method: look at the
// permissions in a real directory.
func TestSecretsAreReadableByTheOwnerOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := openTest(t, Options{Dir: dir})
	digest, err := p.Files().Put(t.Context(), strings.NewReader("label"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{
		"keys": 0o700, "keys/" + keyringName: 0o600,
		"files": 0o700, "files/" + digest[:2] + "/" + digest[2:]: 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode().Perm(), err)
		}
	}
}

// BenchmarkSeal measures sealing an address of 200 bytes for somebody who is known, and for
// somebody new, with 256 sealing at once as in a busy checkout.
func BenchmarkSeal(b *testing.B) {
	plain := make([]byte, 200)
	b.Run("known", func(b *testing.B) {
		p := openTest(b, Options{})
		for b.Loop() {
			if _, err := p.Keys().Seal(context.Background(), "ann", plain); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("new", func(b *testing.B) {
		p := openTest(b, Options{Dir: b.TempDir()})
		b.SetParallelism(128)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := p.Keys().Seal(context.Background(), rand.Text(), plain); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
