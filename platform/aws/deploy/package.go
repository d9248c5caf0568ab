package deploy

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Build says what is packaged. Main is the folder of the functions, below Source: a package of its
// own for each role, or one for all roles.
type Build struct{ Source, Main, Into string }

// Packaged is what was made.
type Packaged struct {
	Zips       []Zip    `json:"zips"`
	Parameters []string `json:"parameters"` // of the root template, as "Name=value"
}

// Zip is one function's package. The same source and toolchain make the same bytes.
type Zip struct {
	Role   string `json:"role"`
	File   string `json:"file"` // named after its content
	Bytes  int64  `json:"bytes"`
	Digest string `json:"digest"` // SHA-256 in base64, as Lambda tells it
}

// Package builds every role's function for Lambda (Linux on arm64, nothing but the binary) and
// writes its zip. It needs the Go toolchain. What was written before a failure stays.
func Package(ctx context.Context, h House, b Build) (Packaged, error) {
	var made Packaged
	binaries := make(map[string][]byte) // by main package
	for _, role := range h.roles() {
		pkg := b.packageOf(role)
		if binaries[pkg] == nil {
			raw, err := b.binary(ctx, pkg)
			if err != nil {
				return made, err
			}
			binaries[pkg] = raw
		}
		z, err := b.zip(role, binaries[pkg])
		if err != nil {
			return made, err
		}
		made.Zips = append(made.Zips, z)
		made.Parameters = append(made.Parameters, codeParameter(role)+"="+z.File)
		if role == "api" {
			made.Parameters = append(made.Parameters, "ApiDigest="+z.Digest)
		}
	}
	return made, nil
}

// packageOf is a role's own main package, or the one that all share.
func (b Build) packageOf(role string) string {
	if own := filepath.Join(b.Main, role); isFolder(filepath.Join(b.Source, own)) {
		return "./" + filepath.ToSlash(own)
	}
	return b.Main
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// binary builds a main package so that its bytes depend on nothing but source and toolchain.
func (b Build) binary(ctx context.Context, pkg string) (raw []byte, err error) {
	dir, err := os.MkdirTemp("", "souk-build-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err2 := os.RemoveAll(dir); err == nil {
			err = err2
		}
	}()
	out := filepath.Join(dir, "bootstrap")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w -buildid=", "-tags", "lambda.norpc", "-o", out, pkg)
	cmd.Dir = b.Source
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s; nothing was packaged: %w\n%s", pkg, err, text)
	}
	return os.ReadFile(out)
}

func (b Build) zip(role string, binary []byte) (Zip, error) {
	raw, err := zipped(binary)
	if err != nil {
		return Zip{}, fmt.Errorf("zip the function %s: %w", role, err)
	}
	sum := sha256.Sum256(raw)
	z := Zip{
		Role: role, File: role + "-" + hex.EncodeToString(sum[:8]) + ".zip",
		Bytes: int64(len(raw)), Digest: base64.StdEncoding.EncodeToString(sum[:]),
	}
	return z, os.WriteFile(filepath.Join(b.Into, z.File), raw, 0o644)
}

// zipped holds one executable file, of a time that is always the same.
func zipped(binary []byte) ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	head := &zip.FileHeader{
		Name: "bootstrap", Method: zip.Deflate,
		Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	head.SetMode(0o755)
	w, err := z.CreateHeader(head)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(binary); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
