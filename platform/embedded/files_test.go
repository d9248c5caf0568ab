package embedded

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/platform"
)

func openFiles(t *testing.T) (*files, *vfs.MemFS) {
	t.Helper()
	fs := vfs.NewMem()
	if err := fs.MkdirAll("d", 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := newFiles(fs, "d/files")
	if err != nil {
		t.Fatal(err)
	}
	return f, fs
}

func readFile(t *testing.T, f platform.Files, digest string) (string, error) {
	t.Helper()
	r, err := f.Open(t.Context(), digest)
	if err != nil {
		return "", err
	}
	content, err := io.ReadAll(r)
	return string(content), errors.Join(err, r.Close())
}

// Goal: content comes back under its SHA-256, once, however it was read in and by whomever. Method:
// store the same few contents concurrently from readers that dribble.
func TestFilesKeepContentUnderItsDigest(t *testing.T) {
	t.Parallel()
	f, fs := openFiles(t)
	contents := []string{"", "a", strings.Repeat("souk", 100_000)}
	var wg sync.WaitGroup
	for _, c := range contents {
		for range 4 {
			wg.Go(func() {
				digest, err := f.Put(t.Context(), iotest.HalfReader(strings.NewReader(c)))
				sum := sha256.Sum256([]byte(c))
				if err != nil || digest != hex.EncodeToString(sum[:]) {
					t.Errorf("stored as %s: %v", digest, err)
				}
			})
		}
	}
	wg.Wait()
	for _, c := range contents {
		sum := sha256.Sum256([]byte(c))
		if got, err := readFile(t, f, hex.EncodeToString(sum[:])); err != nil || got != c {
			t.Errorf("read %d bytes of %d: %v", len(got), len(c), err)
		}
	}
	if left, err := fs.List("d/files/tmp"); err != nil || len(left) != 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
}

// Goal: what is not there, or is no digest, is not found; no name leaves the directory. Method: ask
// for strange names.
func TestFilesNotFound(t *testing.T) {
	t.Parallel()
	f, _ := openFiles(t)
	digest, err := f.Put(t.Context(), strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"", "ab", strings.Repeat("0", 64), strings.ToUpper(digest), digest[:63], digest + "0",
		"../" + digest[:61], strings.Repeat("../", 21) + "x",
	} {
		if _, err := f.Open(t.Context(), name); !errors.Is(err, platform.ErrNotFound) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Goal: a changed file is never read to its end as if it were right, and storing it again heals it.
// Method: change a byte, cut the end off, add one.
func TestFilesNoticeDamage(t *testing.T) {
	t.Parallel()
	f, fs := openFiles(t)
	good := strings.Repeat("label ", 1000)
	digest, err := f.Put(t.Context(), strings.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	_, path := f.place(digest)
	for name, bad := range map[string]string{
		"changed": "L" + good[1:], "cut": good[:len(good)-1], "longer": good + " ", "empty": "",
	} {
		err := writeSynced(fs, path, func(w io.Writer) error {
			_, err := io.WriteString(w, bad)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readFile(t, f, digest); !errors.Is(err, platform.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := f.Put(t.Context(), strings.NewReader(good)); err != nil {
			t.Fatal(err)
		}
		if got, err := readFile(t, f, digest); err != nil || got != good {
			t.Errorf("%s: not healed: %v", name, err)
		}
	}
}

// Goal: too much content, a broken reader and a cancelled context leave nothing behind. Method: one
// of each; the limit is met to the byte.
func TestFilesRefuse(t *testing.T) {
	t.Parallel()
	f, fs := openFiles(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	broken := errors.New("the line went dead")
	breaks := io.MultiReader(strings.NewReader("x"), iotest.ErrReader(broken))
	tooLong := io.LimitReader(zeros{}, platform.MaxFileBytes+1)
	for name, c := range map[string]struct {
		ctx  context.Context
		r    io.Reader
		want error
	}{
		"too large": {t.Context(), tooLong, platform.ErrTooLarge},
		"broken":    {t.Context(), breaks, broken},
		"cancelled": {cancelled, strings.NewReader("x"), context.Canceled},
	} {
		if _, err := f.Put(c.ctx, c.r); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left, err := fs.List("d/files"); err != nil || len(left) != 1 || left[0] != "tmp" {
		t.Errorf("left are %v, %v", left, err)
	}
	if left, err := fs.List("d/files/tmp"); err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
	if _, err := f.Put(t.Context(), io.LimitReader(zeros{}, platform.MaxFileBytes)); err != nil {
		t.Errorf("the greatest file: %v", err)
	}
}

// zeros reads as zeros for ever.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Goal: what a crash left half-written is removed before the next use. Method: leave something.
func TestFilesClearRubbish(t *testing.T) {
	t.Parallel()
	f, fs := openFiles(t)
	if _, err := f.Put(t.Context(), bytes.NewReader(nil)); err != nil {
		t.Fatal(err)
	}
	err := writeSynced(fs, "d/files/tmp/7", func(io.Writer) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	f, err = newFiles(fs, "d/files")
	if err == nil {
		_, err = f.Put(t.Context(), strings.NewReader("x"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if left, err := fs.List("d/files/tmp"); err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}
