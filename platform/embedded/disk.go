package embedded

import (
	"bytes"
	"errors"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// writeSynced makes a new file that only its owner may read, lets fill write it, and forces it to
// disk. Its name is durable only after syncDir of its directory.
func writeSynced(fs vfs.FS, name string, fill func(w io.Writer) error) (err error) {
	file, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := file.Close(); err == nil {
			err = cerr
		}
	}()
	if file.Fd() != vfs.InvalidFd {
		// A file of the operating system; vfs has no word for its permissions.
		if err := os.Chmod(name, 0o600); err != nil {
			return err
		}
	}
	if err := fill(file); err != nil {
		return err
	}
	return file.Sync()
}

// replacePrivate puts content at dir/name, which either appears whole and durable or stays as it
// was. Only the owner may read it.
func replacePrivate(fs vfs.FS, dir, name string, content []byte) error {
	temp := fs.PathJoin(dir, name+".tmp")
	err := writeSynced(fs, temp, func(w io.Writer) error {
		// The file system may use the slice as scratch space, so it gets its own.
		_, err := w.Write(bytes.Clone(content))
		return err
	})
	if err == nil {
		err = fs.Rename(temp, fs.PathJoin(dir, name))
	}
	if err != nil {
		_ = fs.Remove(temp) // the first error is the one to report
		return err
	}
	return syncDir(fs, dir)
}

// readAll returns the content of a file of at most limit bytes; a longer one is cut at limit+1, so
// that the caller can tell.
func readAll(fs vfs.FS, name string, limit int64) ([]byte, error) {
	file, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	return content, errors.Join(err, file.Close())
}

// isNotExist reports whether err says that there is no such file or directory.
func isNotExist(err error) bool { return errors.Is(err, os.ErrNotExist) }

// syncDir makes the names in a directory durable.
func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
