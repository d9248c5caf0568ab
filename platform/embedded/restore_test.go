package embedded

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded/crashtest"
)

// Goal: a backup of which anything is changed, cut off, lengthened or missing is refused as
// corrupt, and nothing appears where it was to be restored. Method: spoil each file in turn, each
// in every way, and restore; put it right again.
func TestRestoreRefusesDamage(t *testing.T) {
	t.Parallel()
	fs, ctx := vfs.NewMem(), t.Context()
	bankWithBackup(t, fs)
	m, err := readManifest(fs, "b")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{backupName, backupSum}
	for _, f := range m.Files {
		names = append(names, f.Path)
	}
	for _, name := range names {
		good, err := readAll(fs, "b/"+name, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		flipped := bytes.Clone(good)
		if len(good) > 0 {
			flipped[len(good)/2] ^= 4
		}
		for what, bad := range map[string][]byte{
			"changed": flipped, "cut": good[:max(1, len(good))-1],
			"longer": append(bytes.Clone(good), 0), "missing": nil,
		} {
			if what != "missing" && bytes.Equal(bad, good) {
				continue // an empty file cannot be changed or cut
			}
			if err := fs.Remove("b/" + name); err != nil {
				t.Fatal(err)
			}
			if what != "missing" {
				put(t, fs, "b/"+name, bad)
			}
			err := restore(ctx, fs, "b", "r")
			gone := what == "missing" && name == backupName && errors.Is(err, platform.ErrNotFound)
			if !errors.Is(err, platform.ErrCorrupt) && !gone {
				t.Errorf("%s %s: %v", name, what, err)
			}
			wantNothing(t, fs, "r")
			put(t, fs, "b/"+name, good)
		}
	}
	if err := restore(ctx, fs, "b", "r"); err != nil {
		t.Fatal(err)
	}
	if moves, err := auditAt(ctx, fs, "r"); err != nil || moves["clerk0"] != 3 {
		t.Errorf("restored %v, %v", moves, err)
	}
}

func put(t *testing.T, fs vfs.FS, name string, content []byte) {
	t.Helper()
	err := writeSynced(fs, name, func(w io.Writer) error {
		_, err := w.Write(bytes.Clone(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// wantNothing checks that neither a directory nor a half-made one, nor a lock, is left.
func wantNothing(t *testing.T, fs vfs.FS, dir string) {
	t.Helper()
	for _, name := range []string{dir, dir + unfinished, dir + ".lock"} {
		if _, err := fs.Stat(name); !isNotExist(err) {
			t.Errorf("%s is there: %v", name, err)
		}
	}
}

// Goal: every other reason to refuse is told apart, and leaves things as they are. Method: one case
// each, with manifests that are rewritten together with their digest.
func TestBackupAndRestoreRefuse(t *testing.T) {
	t.Parallel()
	fs, ctx := vfs.NewMem(), t.Context()
	bankWithBackup(t, fs)
	rewrite := func(dir string, change func(m *BackupManifest)) {
		m, err := readManifest(fs, "b")
		if err == nil {
			change(m)
			err = errors.Join(fs.MkdirAll(dir, 0o700), m.save(fs, dir))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	rewrite("newer", func(m *BackupManifest) { m.Backup++ })
	rewrite("newer-data", func(m *BackupManifest) { m.Souk++ })
	rewrite("outside", func(m *BackupManifest) { m.Files[0].Path = "db/../../escaped" })
	rewrite("elsewhere", func(m *BackupManifest) { m.Files[0].Path = "etc/passwd" })
	rewrite("b"+unfinished, func(*BackupManifest) {})
	for name, c := range map[string]struct {
		from, to string
		want     error
	}{
		"newer backup": {"newer", "r", platform.ErrVersion},
		"newer data":   {"newer-data", "r", platform.ErrVersion},
		"outside":      {"outside", "r", platform.ErrCorrupt},
		"elsewhere":    {"elsewhere", "r", platform.ErrCorrupt},
		"interrupted":  {"b" + unfinished, "r", platform.ErrNotFound},
		"absent":       {"nowhere", "r", platform.ErrNotFound},
		"not a backup": {"d", "r", platform.ErrNotFound},
		"onto data":    {"b", "d", platform.ErrInvalid},
		"no name":      {"b", "", platform.ErrInvalid},
	} {
		if err := restore(ctx, fs, c.from, c.to); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		wantNothing(t, fs, "r")
	}
	p := openTest(t, Options{Dir: "d", FS: fs})
	if err := p.Backup(ctx, "b"); !errors.Is(err, platform.ErrInvalid) {
		t.Errorf("onto a backup: %v", err)
	}
	if err := openTest(t, Options{}).Backup(ctx, "c"); !errors.Is(err, platform.ErrInvalid) {
		t.Errorf("of memory: %v", err)
	}
	lock, err := fs.Lock("c.lock")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Backup(ctx, "c"); !errors.Is(err, platform.ErrInUse) {
		t.Errorf("two at once: %v", err)
	}
	if err := errors.Join(lock.Close(), fs.Remove("c.lock")); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := p.Backup(cancelled, "c"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	wantNothing(t, fs, "c")
	if err := p.Backup(ctx, "c/"); err != nil {
		t.Errorf("with a slash: %v", err)
	}
	if err := restore(ctx, fs, "c", "r"); err != nil {
		t.Error(err)
	}
}

// Goal: a crash while backing up or restoring leaves a whole directory or one that is refused,
// never a wrong one; what was said to be done is there; and trying again succeeds. Method: cut the
// power at every write of a script that does both.
func TestBackupCrash(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	crashtest.Everywhere(t, crashtest.Options{Seed: 7, Percents: []int{0, 50}},
		func(fs vfs.FS, log *crashtest.Log) {
			bankWithBackup(t, fs)
			log.Ack("backup")
			if err := restore(ctx, fs, "b", "r"); err != nil {
				t.Error(err)
			}
			log.Ack("restore")
			put(t, fs, "after", nil) // so that there is a moment after everything was done
		},
		func(t *testing.T, c crashtest.Crash) {
			acked := strings.Join(c.Acked, " ")
			err := restore(ctx, c.FS, "b", "again")
			switch {
			case err == nil:
				if moves, err := auditAt(ctx, c.FS, "again"); err != nil || moves["clerk0"] != 3 {
					t.Errorf("%v: restored %v, %v", c, moves, err)
				}
			case strings.Contains(acked, "backup") || !errors.Is(err, platform.ErrNotFound):
				t.Errorf("%v: %v", c, err)
			}
			if err != nil {
				return
			}
			if _, err := c.FS.Stat("r"); isNotExist(err) && !strings.Contains(acked, "restore") {
				if err := restore(ctx, c.FS, "b", "r"); err != nil {
					t.Errorf("%v: once more: %v", c, err)
				}
			}
			if moves, err := auditAt(ctx, c.FS, "r"); err != nil || moves["clerk0"] != 3 {
				t.Errorf("%v: restored %v, %v", c, moves, err)
			}
		})
}
