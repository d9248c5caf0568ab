package souk

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// source is one parsed Go file of the tree.
type source struct {
	path  string // from the root, with slashes
	pkg   string // directory from the root; "" is the root
	test  bool
	text  string
	file  *ast.File
	files *token.FileSet
}

// sources parses every Go file below the root that git would keep.
func sources(t *testing.T) []source {
	t.Helper()
	var list []source
	walk(t, func(name string) {
		if !strings.HasSuffix(name, ".go") {
			return
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, raw, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		dir := path.Dir(name)
		if dir == "." {
			dir = ""
		}
		list = append(list, source{
			path: name, pkg: dir, test: strings.HasSuffix(name, "_test.go"), text: string(raw),
			file: file, files: files,
		})
	})
	return list
}

// walk calls fn for every file of the tree, without hidden folders, test data and build output.
func walk(t *testing.T, fn func(name string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		switch {
		case d.IsDir() && name != "." &&
			(strings.HasPrefix(base, ".") || base == "testdata" || base == "bin" || base == "data"):
			return filepath.SkipDir
		case !d.IsDir():
			fn(filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (s source) imports() []string {
	list := make([]string, 0, len(s.file.Imports))
	for _, i := range s.file.Imports {
		if p, err := strconv.Unquote(i.Path.Value); err == nil {
			list = append(list, p)
		}
	}
	return list
}

func (s source) line(p token.Pos) int { return s.files.Position(p).Line }
