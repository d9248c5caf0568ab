package platformtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/souk-commerce/souk/platform"
)

func runFiles(t *testing.T, a Adapter) {
	runTrials(t, a, []trial{
		{"RoundTrip", testFiles}, {"Absent", testFilesAbsent}, {"BrokenReader", testFilesBroken},
		{"Concurrent", testFilesConcurrent}, {"Limit", testFilesLimit},
	})
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func (w *world) wantFile(t *testing.T, digest string, want []byte) {
	t.Helper()
	r, err := w.p.Files().Open(t.Context(), digest)
	if err != nil {
		t.Errorf("open %s: %v", digest, err)
		return
	}
	have, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(have, want) {
		t.Errorf("read %s: %d bytes, %v; want %d", digest, len(have), err, len(want))
	}
	if err := r.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// Goal: content comes back under its SHA-256 in lower-case hex, as often as it was put. Method:
// nothing, a little, bytes of every value, a megabyte that is read in small pieces.
func testFiles(t *testing.T, w *world) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for _, content := range [][]byte{{}, []byte("a"), every, bytes.Repeat(every, 4096)} {
		for range 2 {
			digest, err := w.p.Files().Put(t.Context(), iotest.HalfReader(bytes.NewReader(content)))
			if err != nil || digest != digestOf(content) {
				t.Fatalf("put %d bytes: %q, %v; want %s",
					len(content), digest, err, digestOf(content))
			}
			w.wantFile(t, digest, content)
		}
	}
}

// Goal: what was never put is ErrNotFound, and no digest leads out of the store. Method: a digest
// of something else, and names that are no digests.
func testFilesAbsent(t *testing.T, w *world) {
	if _, err := w.p.Files().Put(t.Context(), strings.NewReader("a")); err != nil {
		t.Fatal(err)
	}
	for _, digest := range []string{
		digestOf([]byte("b")), "", "..", "../FORMAT", "/etc/passwd", digestOf([]byte("a"))[:63],
		strings.ToUpper(digestOf([]byte("a"))), digestOf([]byte("a")) + "0",
		strings.Repeat("z", 64),
		digestOf([]byte("a"))[:2] + "/" + digestOf([]byte("a"))[3:],
	} {
		r, err := w.p.Files().Open(t.Context(), digest)
		if err == nil {
			_ = r.Close()
		}
		wantError(t, fmt.Sprintf("open %q", digest), err, platform.ErrNotFound, platform.ErrInvalid)
	}
}

// Goal: what could not be read to its end is not stored. Method: a reader that fails half way, and
// then the digest of what it had yielded.
func testFilesBroken(t *testing.T, w *world) {
	cause := errors.New("the reader broke")
	half := bytes.Repeat([]byte("x"), 100_000)
	breaks := io.MultiReader(bytes.NewReader(half), iotest.ErrReader(cause))
	_, err := w.p.Files().Put(t.Context(), breaks)
	if !errors.Is(err, cause) {
		t.Errorf("put from a broken reader: %v", err)
	}
	_, err = w.p.Files().Open(t.Context(), digestOf(half))
	wantError(t, "open half a file", err, platform.ErrNotFound)
}

// Goal: the same content may be put by many at once. Method: sixteen writers, two contents, readers
// among them.
func testFilesConcurrent(t *testing.T, w *world) {
	contents := [][]byte{bytes.Repeat([]byte("a"), 200_000), bytes.Repeat([]byte("b"), 300_000)}
	together(16, func(i int) {
		content := contents[i%2]
		digest, err := w.p.Files().Put(t.Context(), bytes.NewReader(content))
		if err != nil {
			t.Errorf("put: %v", err)
			return
		}
		w.wantFile(t, digest, content)
	})
}

// Goal: MaxFileBytes bounds a file. Method: exactly that many bytes, and one more.
func testFilesLimit(t *testing.T, w *world) {
	zeros := func(n int64) io.Reader { return io.LimitReader(nothing{}, n) }
	_, err := w.p.Files().Put(t.Context(), zeros(platform.MaxFileBytes+1))
	wantError(t, "one byte over the limit", err, platform.ErrTooLarge)
	digest, err := w.p.Files().Put(t.Context(), zeros(platform.MaxFileBytes))
	if err != nil {
		t.Fatalf("a file at the limit: %v", err)
	}
	r, err := w.p.Files().Open(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, r)
	if err := errors.Join(err, r.Close()); err != nil || n != platform.MaxFileBytes {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

// nothing yields zeros for ever.
type nothing struct{}

// Read implements io.Reader.
func (nothing) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
