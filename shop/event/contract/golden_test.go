package contract_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/shop/event/contract"
)

// root is the source tree, seen from this package.
const root = "../../.."

// Goal: the committed schemas, AsyncAPI document and events page are what the code says now.
// Method: generate twice, compare the two runs with each other and with the files.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	t.Parallel()
	files, err := contract.Generate()
	if err != nil {
		t.Fatal(err)
	}
	again, err := contract.Generate()
	if err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(files, again, bytes.Equal) {
		t.Error("two runs of Generate differ")
	}
	if asked("update") {
		rewrite(t, contract.Folder, files)
	}
	compare(t, contract.Folder, files, "-update")
}

// Goal: no change since the last release breaks a reader or a log.
// Method: compare the present contracts with those that the release carried. With -release the
// present ones become the released ones first, which is right only when a release is made.
func TestNothingReleasedIsBroken(t *testing.T) {
	t.Parallel()
	current, err := contract.Current()
	if err != nil {
		t.Fatal(err)
	}
	if asked("release") {
		files, err := contract.Release()
		if err != nil {
			t.Fatal(err)
		}
		rewrite(t, contract.ReleasedDir, files)
		return // this build still carries the former ones
	}
	released, err := contract.Released()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range contract.Check(released, current) {
		t.Error(b)
	}
}

// rewrite makes folder hold the generated files and no others of their kind.
func rewrite(t *testing.T, folder string, files map[string][]byte) {
	t.Helper()
	for _, path := range stale(t, folder, files) {
		if err := os.Remove(filepath.Join(root, path)); err != nil {
			t.Fatal(err)
		}
	}
	for path, data := range files {
		full := filepath.Join(root, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func compare(t *testing.T, folder string, files map[string][]byte, flag string) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(files)) {
		have, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
		if err != nil {
			t.Errorf("%s is missing; run go test ./shop/event/contract %s", path, flag)
		} else if !bytes.Equal(have, files[path]) {
			t.Errorf("%s is stale; run go test ./shop/event/contract %s", path, flag)
		}
	}
	for _, path := range stale(t, folder, files) {
		t.Errorf("%s is no longer generated; run go test ./shop/event/contract %s", path, flag)
	}
}

// stale lists the JSON files in folder that are not generated.
func stale(t *testing.T, folder string, files map[string][]byte) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, filepath.FromSlash(folder)))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var paths []string
	for _, e := range entries {
		path := folder + "/" + e.Name()
		if _, ok := files[path]; !ok && strings.HasSuffix(path, ".json") {
			paths = append(paths, path)
		}
	}
	return paths
}
