package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/platform"
)

// BackupVersion is the layout of a backup that this code writes and restores.
const BackupVersion = 1

const (
	backupName   = "BACKUP.json"
	backupSum    = "BACKUP.sha256" // of backupName, in the form that sha256sum checks
	unfinished   = ".unfinished"   // is appended to a directory's name while it is being made
	stageDir     = "db.stage"      // of a data directory: the store while it is being backed up
	keysDir      = "keys"          // of a data directory
	contentDir   = "files"         // of a data directory
	maxBackupDoc = 256 << 20       // bytes of backupName: some two million files
)

// BackupManifest says what a backup holds: the data as they were at one moment, and the digest of
// every file.
type BackupManifest struct {
	Backup   int          `json:"backup"`   // BackupVersion
	Souk     int          `json:"souk"`     // FormatVersion of the data
	Time     time.Time    `json:"time"`     // when it was begun, by the platform's clock
	Position uint64       `json:"position"` // of the last event in it; 0 when there is none
	Bytes    int64        `json:"bytes"`    // of all files
	Files    []BackupFile `json:"files"`
}

// BackupFile is one file of a backup. Path is relative and uses slashes.
type BackupFile struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Backup writes everything to dir, which must not exist or be empty, while the platform is in use:
// the store as it is at one moment, not before the call, and the keys and files that belong to it.
// Files that never change are linked where the file system can do so, so that a backup on the same
// disk costs little room, but must be copied to another machine to be worth its name. The backup
// holds the keys, so it is as secret as the data directory; it does not hold the key of a person
// who was erased before it was begun.
//
// While it runs, and after a crash until the next backup, db.stage in the data directory holds on
// to the store's files as they were.
//
// Dir appears complete or not at all: what is being written is called dir.unfinished, which Restore
// refuses and the next Backup to dir replaces. ErrInvalid for a platform in memory or a dir that is
// in use; ErrInUse while another backup is being made. It stops early when ctx ends.
func (p *Platform) Backup(ctx context.Context, dir string) error {
	if p.dir == "" {
		return fmt.Errorf("back up a platform in memory: %w", platform.ErrInvalid)
	}
	m := &BackupManifest{Backup: BackupVersion, Souk: FormatVersion, Time: p.clock.Now().UTC()}
	err := makeWhole(p.fs, dir, func(work string) error { return p.backup(ctx, work, m) })
	if err != nil {
		return fmt.Errorf("back up to %s: %w", dir, err)
	}
	return nil
}

// backup fills a directory. Keys and files come after the store: what a record speaks of was stored
// before the record and is never removed.
func (p *Platform) backup(ctx context.Context, work string, m *BackupManifest) error {
	if err := p.copyStore(ctx, p.fs.PathJoin(work, storeDir)); err != nil {
		return err
	}
	if err := copyFile(ctx, p.fs, p.path(formatFile), p.fs.PathJoin(work, formatFile)); err != nil {
		return err
	}
	for _, part := range []string{keysDir, contentDir} {
		if err := copyTree(ctx, p.fs, p.path(part), p.fs.PathJoin(work, part)); err != nil {
			return err
		}
	}
	for _, name := range p.beside {
		if err := p.copyBeside(ctx, name, work); err != nil {
			return err
		}
	}
	position, err := openedPosition(p.fs, work)
	if err != nil {
		return fmt.Errorf("the backup cannot be opened: %w", err)
	}
	m.Position = position
	parts := append([]string{storeDir, keysDir, contentDir, formatFile}, p.beside...)
	for _, part := range parts {
		if err := m.add(ctx, p.fs, work, part); err != nil {
			return err
		}
	}
	return m.save(p.fs, work)
}

// copyStore copies the store as it is at one moment. Pebble makes its copy beside the store, in an
// instant where it can link, and that is then copied: Pebble stops for good when a disk fails under
// it, and the backup's disk may fail.
func (p *Platform) copyStore(ctx context.Context, to string) (err error) {
	stage := p.path(stageDir)
	lock, err := p.fs.Lock(stage + ".lock")
	if err != nil {
		return fmt.Errorf("another backup is being made: %w: %w", platform.ErrInUse, err)
	}
	defer func() {
		err = errors.Join(err, p.fs.RemoveAll(stage), lock.Close())
	}()
	if err := p.fs.RemoveAll(stage); err != nil && !isNotExist(err) {
		return err // a crash has left it
	}
	if err := p.checkpoint(stage); err != nil {
		return err
	}
	if err := scrubCopy(ctx, p.fs, stage); err != nil {
		return err
	}
	return copyTree(ctx, p.fs, stage, to)
}

// checkpoint makes a copy of the store at one moment, on the same disk.
func (p *Platform) checkpoint(dir string) error {
	if !p.enter() {
		return platform.ErrClosed
	}
	defer p.leave()
	return p.guard(func() error {
		if err := flushAll(p.db); err != nil {
			return err
		}
		return p.db.Checkpoint(dir, pebble.WithFlushedWAL())
	})
}

// flushAll writes the memtable out, also an empty one. Pebble begins a manifest of its own with the
// first table that it writes; of a store without one, where a crash had left no log to recover, its
// checkpoint would copy an empty manifest.
func flushAll(db *pebble.DB) error {
	if err := db.Delete([]byte{0}, pebble.NoSync); err != nil { // no table has this key
		return err
	}
	return db.Flush()
}

// copyTree copies a folder, linking what can be linked.
func copyTree(ctx context.Context, fs vfs.FS, from, to string) error {
	return walk(fs, from, "", func(name string, isDir bool) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if name == filesTemp || name == keyringName+".tmp" {
			return errSkip // being written, or left by a crash
		}
		source, target := fs.PathJoin(from, name), fs.PathJoin(to, name)
		if isDir {
			return fs.MkdirAll(target, 0o700)
		}
		if err := fs.Link(source, target); err == nil {
			return nil
		}
		return copyFile(ctx, fs, source, target)
	})
}

// openedPosition opens a data directory as a checker would and returns its last position. It proves
// that the store can be recovered and that the keys are those of the store.
func openedPosition(fs vfs.FS, dir string) (position uint64, err error) {
	p, err := Open(Options{Dir: dir, FS: fs, ReadOnly: true})
	if err != nil {
		return 0, err
	}
	position = p.head
	if err := p.Close(); err != nil {
		return 0, err
	}
	lock := fs.PathJoin(dir, storeDir, "LOCK")
	if err := fs.Remove(lock); err != nil && !isNotExist(err) {
		return 0, err
	}
	return position, nil
}

// add lists a file, or all files below a folder, with their digests, and makes the names durable.
func (m *BackupManifest) add(ctx context.Context, fs vfs.FS, work, part string) error {
	return walk(fs, work, part, func(name string, isDir bool) error {
		path := fs.PathJoin(work, name)
		if isDir {
			return syncDir(fs, path)
		}
		size, sum, err := transfer(ctx, fs, path, io.Discard)
		if err != nil {
			return err
		}
		m.Files = append(m.Files, BackupFile{Path: name, Size: size, SHA256: sum})
		m.Bytes += size
		return nil
	})
}

// save writes the manifest and its digest. They come last: a directory that has them is whole.
func (m *BackupManifest) save(fs vfs.FS, work string) error {
	raw, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return fmt.Errorf("encode the manifest: %w", err)
	}
	if len(raw) > maxBackupDoc {
		return fmt.Errorf("%d files are too many for one backup: %w",
			len(m.Files), platform.ErrTooLarge)
	}
	if err := replacePrivate(fs, work, backupName, raw); err != nil {
		return err
	}
	return replacePrivate(fs, work, backupSum, sumLine(raw))
}

func sumLine(raw []byte) []byte {
	sum := sha256.Sum256(raw)
	return []byte(hex.EncodeToString(sum[:]) + "  " + backupName + "\n")
}

// makeWhole lets fill write a directory under another name and gives it its own when it is whole
// and durable. Whatever goes wrong, nothing appears at dir, and what was half-made is removed.
func makeWhole(fs vfs.FS, dir string, fill func(work string) error) (err error) {
	if dir == "" {
		return fmt.Errorf("no directory was given: %w", platform.ErrInvalid)
	}
	dir = fs.PathJoin(dir) // without a slash at the end
	work, parent := dir+unfinished, fs.PathDir(dir)
	if err := makeDir(fs, parent); err != nil {
		return err
	}
	lock, err := fs.Lock(dir + ".lock")
	if err != nil {
		return fmt.Errorf("somebody else is writing %s: %w: %w", dir, platform.ErrInUse, err)
	}
	defer func() {
		err = errors.Join(err, fs.Remove(dir+".lock"), lock.Close())
	}()
	if err := checkFree(fs, dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = fs.RemoveAll(work) // the first error is the one to report
		}
	}()
	if err := fs.RemoveAll(work); err != nil && !isNotExist(err) {
		return err
	}
	if err := makeDir(fs, work); err != nil {
		return err
	}
	if err := fill(work); err != nil {
		return err
	}
	if err := syncDir(fs, work); err != nil {
		return err
	}
	if err := fs.Remove(dir); err != nil && !isNotExist(err) { // it is empty
		return err
	}
	if err := fs.Rename(work, dir); err != nil {
		return err
	}
	return syncDir(fs, parent)
}

// makeDir makes a folder and those above it, durably.
func makeDir(fs vfs.FS, dir string) error {
	if _, err := fs.Stat(dir); !isNotExist(err) {
		return err
	}
	parent := fs.PathDir(dir)
	if parent != dir {
		if err := makeDir(fs, parent); err != nil {
			return err
		}
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDir(fs, parent)
}

// checkFree refuses a directory that has something in it.
func checkFree(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	switch {
	case err == nil && len(names) > 0:
		return fmt.Errorf("%s is not empty: %w", dir, platform.ErrInvalid)
	case err != nil && !isNotExist(err):
		return err
	}
	return nil
}

// errSkip makes walk pass over a name and what is in it.
var errSkip = errors.New("skip this")

// walk calls fn for name below root and everything in it, a folder before its content, with paths
// relative to root that use slashes. A folder that does not exist is empty.
func walk(fs vfs.FS, root, name string, fn func(name string, isDir bool) error) error {
	path := fs.PathJoin(root, name)
	info, err := fs.Stat(path)
	if isNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := fn(name, info.IsDir()); err != nil || !info.IsDir() {
		if errors.Is(err, errSkip) {
			return nil
		}
		return err
	}
	names, err := fs.List(path)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, child := range names {
		if name != "" {
			child = name + "/" + child
		}
		if err := walk(fs, root, child, fn); err != nil {
			return err
		}
	}
	return nil
}

// copyFile makes a durable copy that only its owner may read.
func copyFile(ctx context.Context, fs vfs.FS, from, to string) error {
	return writeSynced(fs, to, func(w io.Writer) error {
		_, _, err := transfer(ctx, fs, from, w)
		return err
	})
}

// transfer reads a file to its end into w and returns its size and SHA-256.
func transfer(ctx context.Context, fs vfs.FS, from string, w io.Writer) (int64, string, error) {
	file, err := fs.Open(from, vfs.SequentialReadsOption)
	if err != nil {
		return 0, "", err
	}
	sum, size, buf := sha256.New(), int64(0), make([]byte, copyBytes)
	for err == nil {
		if err = ctx.Err(); err != nil {
			break
		}
		var n int
		n, err = file.Read(buf)
		size += int64(n)
		sum.Write(buf[:n])
		if n > 0 {
			if _, werr := w.Write(buf[:n]); werr != nil {
				err = werr
			}
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return size, hex.EncodeToString(sum.Sum(nil)), errors.Join(err, file.Close())
}
