package embedded

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/souk-commerce/souk/platform"
)

// errDisk is what a failing disk answers in these tests.
var errDisk = errors.New("the backup's disk failed")

// Goal: whatever fails on the disk of a backup, the backup is whole or not there, and the shop goes
// on. Method: fail each operation below the backup's name in turn, until one run meets no failure.
func TestBackupSurvivesItsDisk(t *testing.T) {
	t.Parallel()
	var left atomic.Int64
	ctx, mem := t.Context(), vfs.NewMem()
	p := openTest(t, Options{Dir: "d", FS: errorfs.Wrap(mem, errorfs.InjectorFunc(
		func(op errorfs.Op) error {
			backup := strings.HasPrefix(op.Path, "backup/")
			if backup && op.Kind.ReadOrWrite() != errorfs.OpIsRead && left.Add(-1) == 0 {
				return errDisk
			}
			return nil
		}))})
	c := &clerk{p: p, name: "clerk0"}
	if err := errors.Join(fund(ctx, p), c.move(ctx)); err != nil {
		t.Fatal(err)
	}
	for k := int64(1); ; k++ {
		if k > 10_000 {
			t.Fatal("a backup does not need so many operations")
		}
		left.Store(k)
		err := p.Backup(ctx, "backup/b")
		hit := left.Load() <= 0
		left.Store(0)
		if err != nil && !errors.Is(err, errDisk) {
			t.Fatalf("failure %d: %v", k, err)
		}
		switch again := restore(ctx, mem, "backup/b", "r"); {
		case again == nil:
			if moves, err := auditAt(ctx, mem, "r"); err != nil || moves["clerk0"] != 1 {
				t.Fatalf("failure %d: restored %v, %v", k, moves, err)
			}
		case err == nil || !errors.Is(again, platform.ErrNotFound):
			t.Fatalf("failure %d: the backup said %v, restoring it %v", k, err, again)
		}
		if err := errors.Join(mem.RemoveAll("r"), mem.RemoveAll("backup")); err != nil {
			t.Fatal(err)
		}
		if err := p.Store("shop").Commit(ctx, platform.Batch{Writes: []platform.Write{{
			Kind: platform.Put, Key: platform.Key{Part: "open"}, Expect: k - 1,
		}}}); err != nil {
			t.Fatalf("the shop stopped after failure %d: %v", k, err)
		}
		if !hit {
			t.Logf("%d operations were made to fail", k-1)
			return
		}
	}
}
