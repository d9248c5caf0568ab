package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/platform"
)

const (
	filesTemp = "tmp" // beside the shelves: what is being written; emptied before the first Put
	copyBytes = 64 << 10
)

// files is platform.Files in a directory: one file per content, named after its SHA-256. A file
// appears under its name only when it is whole and on disk, so a crash leaves at most rubbish in
// the directory for temporary files, which is emptied before the next use.
type files struct {
	fs      vfs.FS
	root    string
	temp    string
	next    atomic.Uint64    // names temporary files
	shelves [256]atomic.Bool // the directories of two hex digits that are known to be on disk
	sealed  bool             // nothing is written; set before the first use

	mu    sync.Mutex
	ready bool // under mu: the directory for temporary files is there and was emptied
}

var _ platform.Files = (*files)(nil)

// newFiles opens the content in dir as dir/ab/cdef…. Nothing is written before the first Put. The
// caller has made sure that no other process uses dir.
func newFiles(fs vfs.FS, dir string) (*files, error) {
	if dir == "" {
		return nil, fmt.Errorf("files without a directory: %w", platform.ErrInvalid)
	}
	return &files{fs: fs, root: dir, temp: fs.PathJoin(dir, filesTemp)}, nil
}

// Put implements platform.Files. Content that is there already is written once more in its place:
// that is how a damaged file is healed.
func (f *files) Put(ctx context.Context, r io.Reader) (digest string, err error) {
	if err := f.prepare(); err != nil {
		return "", fmt.Errorf("store a file: %w", err)
	}
	name := f.fs.PathJoin(f.temp, strconv.FormatUint(f.next.Add(1), 10))
	defer func() {
		if err != nil {
			// The first error is the one to report; what stays is removed after a restart.
			_ = f.fs.Remove(name)
		}
	}()
	sum := sha256.New()
	err = writeSynced(f.fs, name, func(w io.Writer) error {
		return copyBounded(ctx, io.MultiWriter(sum, w), r)
	})
	if err != nil {
		return "", fmt.Errorf("store a file: %w", err)
	}
	raw := sum.Sum(nil)
	digest = hex.EncodeToString(raw)
	if err := f.publish(name, digest, raw[0]); err != nil {
		return "", fmt.Errorf("store a file: %w", err)
	}
	return digest, nil
}

// prepare makes the directories and removes what a crash left half-written, once.
func (f *files) prepare() error {
	if f.sealed {
		return platform.ErrReadOnly
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ready {
		return nil
	}
	if err := f.fs.RemoveAll(f.temp); err != nil && !isNotExist(err) {
		return err
	}
	if err := f.fs.MkdirAll(f.temp, 0o700); err != nil {
		return err
	}
	for _, dir := range []string{f.root, f.fs.PathDir(f.root)} {
		if err := syncDir(f.fs, dir); err != nil {
			return err
		}
	}
	f.ready = true
	return nil
}

// publish moves a whole, synced temporary file to its place and makes the move durable.
func (f *files) publish(name, digest string, first byte) error {
	shelf, path := f.place(digest)
	known := f.shelves[first].Load()
	if !known {
		if err := f.fs.MkdirAll(shelf, 0o700); err != nil {
			return err
		}
	}
	if err := f.fs.Rename(name, path); err != nil {
		return err
	}
	if err := syncDir(f.fs, shelf); err != nil {
		return err
	}
	if known {
		return nil
	}
	if err := syncDir(f.fs, f.root); err != nil {
		return err
	}
	f.shelves[first].Store(true)
	return nil
}

// Open implements platform.Files. A digest that is none is not found.
func (f *files) Open(ctx context.Context, digest string) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !isDigest(digest) {
		return nil, fmt.Errorf("open file %.80q: %w", digest, platform.ErrNotFound)
	}
	_, path := f.place(digest)
	file, err := f.fs.Open(path, vfs.SequentialReadsOption)
	if isNotExist(err) {
		return nil, fmt.Errorf("open file %s: %w", digest, platform.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("open file %s: %w", digest, err)
	}
	return &verified{ctx: ctx, file: file, digest: digest, sum: sha256.New()}, nil
}

// place returns the directory and the path of a digest's content.
func (f *files) place(digest string) (shelf, path string) {
	shelf = f.fs.PathJoin(f.root, digest[:2])
	return shelf, f.fs.PathJoin(shelf, digest[2:])
}

// verified reads a file and ends with ErrCorrupt instead of io.EOF if it was not what its name
// says.
type verified struct {
	ctx    context.Context // of Open: reading stops when it ends
	file   vfs.File
	digest string
	sum    hash.Hash
	err    error // what every further Read answers
}

// Read implements io.Reader.
func (v *verified) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	if err := v.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := v.file.Read(p)
	v.sum.Write(p[:n])
	if errors.Is(err, io.EOF) {
		v.err = io.EOF
		if hex.EncodeToString(v.sum.Sum(nil)) != v.digest {
			v.err = fmt.Errorf("read file %s: its content has changed: %w",
				v.digest, platform.ErrCorrupt)
		}
		err = v.err
	}
	return n, err
}

// Close implements io.Closer.
func (v *verified) Close() error { return v.file.Close() }

// isDigest reports whether s is a SHA-256 in lower-case hex; only such a name becomes a path.
func isDigest(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// copyBounded copies r to w until it ends, ctx ends, or it proves to be over MaxFileBytes.
func copyBounded(ctx context.Context, w io.Writer, r io.Reader) error {
	buf := make([]byte, copyBytes)
	for total := 0; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(buf)
		total += n
		if total > platform.MaxFileBytes {
			return fmt.Errorf("over %d bytes: %w", platform.MaxFileBytes, platform.ErrTooLarge)
		}
		if n > 0 {
			if _, werr := w.Write(buf[:n]); werr != nil {
				return werr
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the content: %w", err)
		}
	}
}
