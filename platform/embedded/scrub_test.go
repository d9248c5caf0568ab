package embedded

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Goal: a backup does not hold the key of a person who was erased before it, and after Scrub the
// store does not either, except in logs. Method: look for the bytes of the wrapped key in every
// file; a backup from before the erasure shows that they can be found.
func TestErasedKeysLeaveTheDisk(t *testing.T) {
	t.Parallel()
	fs, ctx := vfs.NewMem(), t.Context()
	p := openTest(t, Options{Dir: "d", FS: fs})
	mustSeal(t, p.Keys(), "ann", "x")
	mustSeal(t, p.Keys(), "ben", "x")
	rec, err := (&store{p: p, prefix: keysPrefix}).Get(ctx, personKey("ann"))
	if err != nil {
		t.Fatal(err)
	}
	find := func(dir string, logs bool) (found []string) {
		err := walk(fs, dir, "", func(name string, isDir bool) error {
			if isDir || !logs && strings.HasSuffix(name, ".log") {
				return nil
			}
			content, err := readAll(fs, dir+"/"+name, 1<<30)
			if bytes.Contains(content, rec.Value[len(rec.Value)-16:]) {
				found = append(found, name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if err := p.Backup(ctx, "before"); err != nil {
		t.Fatal(err)
	}
	// Now the key is in a table, which the erasure leaves alone.
	if err := p.db.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := p.Keys().Erase(ctx, "ann"); err != nil {
		t.Fatal(err)
	}
	if err := p.Backup(ctx, "after"); err != nil {
		t.Fatal(err)
	}
	if found := find("before", true); len(found) == 0 {
		t.Error("the key is not found even where it must be: the method is wrong")
	}
	if found := find("after", true); len(found) > 0 {
		t.Errorf("the backup holds the key in %v", found)
	}
	if found := find("d", false); len(found) == 0 {
		t.Error("the store dropped the key by itself: Scrub is not tried here")
	}
	if err := p.Scrub(ctx); err != nil {
		t.Fatal(err)
	}
	if found := find("d", false); len(found) > 0 {
		t.Errorf("the store holds the key in %v", found)
	}
}
