package aws

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/souk-commerce/souk/platform"
)

// fileObjects is the part of S3 that files need; *s3.Client has it.
type fileObjects interface {
	PutObject(
		ctx context.Context, in *s3.PutObjectInput, opts ...func(*s3.Options),
	) (*s3.PutObjectOutput, error)
	GetObject(
		ctx context.Context, in *s3.GetObjectInput, opts ...func(*s3.Options),
	) (*s3.GetObjectOutput, error)
}

// filesOptions opens files.
type filesOptions struct {
	S3     fileObjects
	Bucket string
	Prefix string       // of every key, such as "files/"
	Temp   string       // directory for what does not fit into memory; "" is the machine's
	Closed func() error // why nothing may be used any more, or nil
}

// files is platform.Files in a bucket: one object per content, named after its SHA-256. S3 makes an
// object visible only when it is whole and has the checksum that was sent with it.
type files struct{ o filesOptions }

var _ platform.Files = (*files)(nil)

// spoolBytes is how much of a file is held in memory on its way to the bucket.
const spoolBytes = 1 << 20

func newFiles(o filesOptions) *files { return &files{o: o} }

// Put implements platform.Files. Content that is there already is not written again.
func (f *files) Put(ctx context.Context, r io.Reader) (digest string, err error) {
	if err := f.o.Closed(); err != nil {
		return "", err
	}
	sum := sha256.New()
	body, done, err := f.spool(ctx, io.TeeReader(r, sum))
	defer func() { err = errors.Join(err, done()) }()
	if err != nil {
		return "", fmt.Errorf("store a file: %w", err)
	}
	raw := sum.Sum(nil)
	digest = hex.EncodeToString(raw)
	_, err = f.o.S3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(f.o.Bucket), Key: aws.String(f.key(digest)), Body: body,
		IfNoneMatch:    aws.String("*"),
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(raw)),
	})
	if err != nil && codeOf(err) != "PreconditionFailed" {
		return "", fmt.Errorf("store file %s: %w", digest, mapThrottle(err))
	}
	return digest, nil
}

// spool reads r to its end, so that a reader that breaks stores nothing: a little in memory, more
// in a temporary file that done removes.
func (f *files) spool(
	ctx context.Context, r io.Reader,
) (body io.ReadSeeker, done func() error, err error) {
	done = func() error { return nil }
	small := make([]byte, spoolBytes)
	n, err := io.ReadFull(r, small)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return bytes.NewReader(small[:n]), done, nil
	case err != nil:
		return nil, done, fmt.Errorf("read the content: %w", err)
	}
	file, err := os.CreateTemp(f.o.Temp, "souk-*")
	if err != nil {
		return nil, done, err
	}
	done = func() error { return errors.Join(file.Close(), os.Remove(file.Name())) }
	rest := io.LimitReader(r, platform.MaxFileBytes-spoolBytes+1)
	size, err := io.Copy(file, io.MultiReader(bytes.NewReader(small), whileAlive{ctx, rest}))
	if err != nil {
		return nil, done, fmt.Errorf("read the content: %w", err)
	}
	if size > platform.MaxFileBytes {
		return nil, done, fmt.Errorf("over %d bytes: %w", platform.MaxFileBytes,
			platform.ErrTooLarge)
	}
	_, err = file.Seek(0, io.SeekStart)
	return file, done, err
}

// whileAlive reads until its context ends.
type whileAlive struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (a whileAlive) Read(p []byte) (int, error) {
	if err := a.ctx.Err(); err != nil {
		return 0, err
	}
	return a.r.Read(p)
}

// Open implements platform.Files. A digest that is none is not found.
func (f *files) Open(ctx context.Context, digest string) (io.ReadCloser, error) {
	if err := f.o.Closed(); err != nil {
		return nil, err
	}
	if !isDigest(digest) {
		return nil, fmt.Errorf("open file %.80q: %w", digest, platform.ErrNotFound)
	}
	out, err := f.o.S3.GetObject(ctx, &s3.GetObjectInput{
		Bucket: aws.String(f.o.Bucket), Key: aws.String(f.key(digest)),
	})
	var absent *types.NoSuchKey
	if errors.As(err, &absent) {
		return nil, fmt.Errorf("open file %s: %w", digest, platform.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("open file %s: %w", digest, mapThrottle(err))
	}
	return &verifiedObject{body: out.Body, digest: digest, sum: sha256.New()}, nil
}

// key spreads objects over prefixes by the first two digits.
func (f *files) key(digest string) string {
	return f.o.Prefix + digest[:2] + "/" + digest[2:]
}

// verifiedObject ends with ErrCorrupt instead of io.EOF if its content was not what its name says.
type verifiedObject struct {
	body   io.ReadCloser
	digest string
	sum    hash.Hash
	err    error // what every further Read answers
}

// Read implements io.Reader.
func (v *verifiedObject) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	n, err := v.body.Read(p)
	v.sum.Write(p[:n])
	if errors.Is(err, io.EOF) && hex.EncodeToString(v.sum.Sum(nil)) != v.digest {
		err = fmt.Errorf("read file %s: its content has changed: %w", v.digest, platform.ErrCorrupt)
	}
	v.err = err
	return n, err
}

// Close implements io.Closer.
func (v *verifiedObject) Close() error { return v.body.Close() }

// isDigest reports whether s is a SHA-256 in lower-case hex; only such a name becomes a key.
func isDigest(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == sha256.Size && hex.EncodeToString(raw) == s
}
