package deploy_test

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/platform/aws/deploy"
)

// Goal: the same source makes the same bytes, whatever the folder and the clock. Method: a small
// program for two roles, packaged from two copies of its source into two folders.
func TestPackagesAreTheSameTwice(t *testing.T) {
	t.Parallel()
	house := deploy.House{Queues: []deploy.Queue{{Name: "intake"}}}
	var first map[string][]byte
	for range 2 {
		source, into := program(t), t.TempDir()
		made, err := deploy.Package(t.Context(), house, deploy.Build{
			Source: source, Main: "./functions", Into: into,
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(made.Zips) != 5 || len(made.Parameters) != 6 {
			t.Fatalf("made %+v", made)
		}
		got := make(map[string][]byte)
		for _, z := range made.Zips {
			raw, err := os.ReadFile(filepath.Join(into, z.File))
			if err != nil || int64(len(raw)) != z.Bytes {
				t.Fatalf("%s: %d bytes, %v", z.File, len(raw), err)
			}
			got[z.File] = raw
			looksLikeAFunction(t, raw)
		}
		if first == nil {
			first = got
			continue
		}
		for name, raw := range first {
			if !bytes.Equal(got[name], raw) {
				t.Errorf("%s is not the same twice", name)
			}
		}
	}
}

// looksLikeAFunction checks what Lambda needs: one executable file of the right name and machine.
func looksLikeAFunction(t *testing.T, raw []byte) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if len(z.File) != 1 || z.File[0].Name != "bootstrap" || z.File[0].Mode() != 0o755 {
		t.Fatalf("it holds %+v", z.File[0].FileHeader)
	}
	f, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 20)
	if _, err := f.Read(head); err != nil {
		t.Fatal(err)
	}
	const arm64 = 0xb7 // of ELF's machines
	if string(head[:4]) != "\x7fELF" || head[18] != arm64 {
		t.Errorf("bootstrap begins with % x", head)
	}
}

// Goal: what does not compile is not packaged, and the error says why. Method: a broken program.
func TestBrokenSourceIsNotPackaged(t *testing.T) {
	t.Parallel()
	source := program(t)
	broken := filepath.Join(source, "functions", "api", "main.go")
	text := []byte("package main\n\nfunc main() { nothing() }\n")
	if err := os.WriteFile(broken, text, 0o644); err != nil {
		t.Fatal(err)
	}
	made, err := deploy.Package(t.Context(), deploy.House{}, deploy.Build{
		Source: source, Main: "./functions", Into: t.TempDir(),
	})
	if err == nil || !strings.Contains(err.Error(), "undefined: nothing") || len(made.Zips) > 0 {
		t.Errorf("%v, %+v", err, made)
	}
}

// program writes a module with a function for every role and one for the api alone.
func program(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                "module example.test/functions\n\ngo 1.26\n",
		"functions/main.go":     "package main\n\nfunc main() { println(\"any\") }\n",
		"functions/api/main.go": "package main\n\nfunc main() { println(\"api\") }\n",
	} {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
