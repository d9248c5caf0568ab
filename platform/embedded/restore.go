package embedded

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/platform"
)

// Restore makes a data directory at to, which must not exist or be empty, from the backup at from.
// Every file is compared with the backup's manifest while it is copied, and the result is opened
// once before it gets its name; the backup is not changed. Nothing appears at to unless all of it
// is right.
//
// ErrNotFound when from holds no finished backup, ErrVersion when another version of Souk wrote it,
// ErrCorrupt, naming the file, when anything is missing or is not what was written, ErrInvalid when
// to has something in it.
//
// Restoring goes back in time. Events after the subscriptions' cursors are delivered again, and
// what the world saw after the backup, such as charges, is unknown to the restored data: verify it
// against the provider before it is opened to customers.
func Restore(ctx context.Context, from, to string) error {
	return restore(ctx, vfs.Default, from, to)
}

func restore(ctx context.Context, fs vfs.FS, from, to string) error {
	m, err := readManifest(fs, from)
	if err != nil {
		return fmt.Errorf("restore %s: %w", from, err)
	}
	err = makeWhole(fs, to, func(work string) error {
		for _, f := range m.Files {
			if err := f.restore(ctx, fs, from, work); err != nil {
				return err
			}
		}
		if err := syncTree(fs, work); err != nil {
			return err
		}
		position, err := openedPosition(fs, work)
		if err != nil {
			return fmt.Errorf("the restored data cannot be opened: %w", err)
		}
		if position != m.Position {
			return fmt.Errorf("the restored log ends at %d, the backup's at %d: %w",
				position, m.Position, platform.ErrCorrupt)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("restore %s: %w", from, err)
	}
	return nil
}

// ReadBackup returns the manifest of the backup at dir, checked against its digest. The files
// themselves are not read.
func ReadBackup(dir string) (BackupManifest, error) {
	m, err := readManifest(vfs.Default, dir)
	if err != nil {
		return BackupManifest{}, fmt.Errorf("read the backup %s: %w", dir, err)
	}
	return *m, nil
}

// readManifest reads and checks what a backup says of itself.
func readManifest(fs vfs.FS, dir string) (*BackupManifest, error) {
	if strings.HasSuffix(strings.TrimRight(dir, "/"), unfinished) {
		return nil, fmt.Errorf("the backup was interrupted, make another: %w", platform.ErrNotFound)
	}
	raw, err := readAll(fs, fs.PathJoin(dir, backupName), maxBackupDoc)
	if isNotExist(err) {
		return nil, fmt.Errorf("there is no %s, so this is no finished backup: %w",
			backupName, platform.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	sum, err := readAll(fs, fs.PathJoin(dir, backupSum), int64(len(sumLine(nil))))
	if err != nil && !isNotExist(err) {
		return nil, err
	}
	if !bytes.Equal(sum, sumLine(raw)) {
		return nil, fmt.Errorf("%s is not what was written: %w", backupName, platform.ErrCorrupt)
	}
	var version struct {
		Backup int `json:"backup"`
		Souk   int `json:"souk"`
	}
	if err := json.Unmarshal(raw, &version); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", backupName, platform.ErrCorrupt, err)
	}
	if version.Backup != BackupVersion || version.Souk != FormatVersion {
		return nil, fmt.Errorf(
			"version %d of data version %d, this Souk reads %d and %d; use one that can: %w",
			version.Backup, version.Souk, BackupVersion, FormatVersion, platform.ErrVersion)
	}
	var m BackupManifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", backupName, platform.ErrCorrupt, err)
	}
	for _, f := range m.Files {
		if !f.valid() {
			return nil, fmt.Errorf("%s names %.100q: %w", backupName, f.Path, platform.ErrCorrupt)
		}
	}
	return &m, nil
}

// valid reports whether a file belongs where a data directory has files, and nowhere else.
func (f BackupFile) valid() bool {
	top, _, below := strings.Cut(f.Path, "/")
	known := !below && (top == formatFile || mayStandBeside(top)) ||
		below && (top == storeDir || top == keysDir || top == contentDir)
	return known && path.Clean(f.Path) == f.Path && !strings.Contains(f.Path, `\`) && f.Size >= 0
}

// restore copies one file and compares it.
func (f BackupFile) restore(ctx context.Context, fs vfs.FS, from, work string) error {
	target := fs.PathJoin(work, f.Path)
	if err := fs.MkdirAll(fs.PathDir(target), 0o700); err != nil {
		return err
	}
	var size int64
	var sum string
	err := writeSynced(fs, target, func(w io.Writer) (err error) {
		size, sum, err = transfer(ctx, fs, fs.PathJoin(from, f.Path), w)
		return err
	})
	if isNotExist(err) {
		return fmt.Errorf("%s is missing: %w", f.Path, platform.ErrCorrupt)
	}
	if err != nil {
		return fmt.Errorf("copy %s: %w", f.Path, err)
	}
	if size != f.Size || sum != f.SHA256 {
		return fmt.Errorf("%s is not what was written: %d bytes, %d were; digest %s, it was %s: %w",
			f.Path, size, f.Size, sum, f.SHA256, platform.ErrCorrupt)
	}
	return nil
}

// syncTree makes every name below a directory durable.
func syncTree(fs vfs.FS, root string) error {
	return walk(fs, root, "", func(name string, isDir bool) error {
		if !isDir {
			return nil
		}
		return syncDir(fs, fs.PathJoin(root, name))
	})
}
