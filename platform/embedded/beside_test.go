package embedded_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
)

// Goal: a file that others keep beside the data goes into a backup and comes back with it; one that
// is not there is no error; a name that could be mistaken for the data's own is refused.
// Method: back up with one such file of two, append to it, restore, compare.
func TestFilesBesideTheDataAreBackedUp(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	p, err := embedded.Open(embedded.Options{Dir: dir, Beside: []string{"book.jsonl", "none"}})
	if err != nil {
		t.Fatal(err)
	}
	book := filepath.Join(dir, "book.jsonl")
	if err := os.WriteFile(book, []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	backup, restored := dir+"-backup", dir+"-restored"
	if err := p.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(book, []byte("one\ntwo\nthree\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := embedded.Restore(t.Context(), backup, restored); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(restored, "book.jsonl"))
	if err != nil || string(got) != "one\ntwo\n" {
		t.Errorf("restored %q, %v", got, err)
	}
	for _, name := range []string{"", "keys", "db", "db.copy", "FORMAT", "../x", "a/b", ".lock"} {
		_, err := embedded.Open(embedded.Options{Beside: []string{name}})
		if !errors.Is(err, platform.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
