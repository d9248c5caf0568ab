package awstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// S3 is one bucket in memory, with conditional writes, checksums and listing. Safe for concurrent
// use.
type S3 struct {
	mu      sync.Mutex
	objects map[string][]byte
	call    func(op, key string) error
}

// NewS3 returns an empty bucket.
func NewS3() *S3 { return &S3{objects: make(map[string][]byte)} }

// SetFault replaces what is asked before every call, with its name and key; its error is answered.
func (s *S3) SetFault(call func(op, key string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.call = call
}

// Damage replaces an object's bytes, as a broken disk would. It reports whether there was one.
func (s *S3) Damage(key string, content []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.objects[key]
	s.objects[key] = bytes.Clone(content)
	return ok
}

// Keys lists the keys of all objects in order.
func (s *S3) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys()
}

func (s *S3) keys() []string {
	list := make([]string, 0, len(s.objects))
	for key := range s.objects {
		list = append(list, key)
	}
	slices.Sort(list)
	return list
}

// PutObject implements the client's method.
func (s *S3) PutObject(
	_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options),
) (*s3.PutObjectOutput, error) {
	content, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := aws.ToString(in.Key)
	if s.call != nil {
		if err := s.call("PutObject", key); err != nil {
			return nil, err
		}
	}
	sum := sha256.Sum256(content)
	if want := aws.ToString(in.ChecksumSHA256); want != "" &&
		want != base64.StdEncoding.EncodeToString(sum[:]) {
		return nil, &smithy.GenericAPIError{Code: "BadDigest", Message: key}
	}
	if _, there := s.objects[key]; there && aws.ToString(in.IfNoneMatch) == "*" {
		return nil, &smithy.GenericAPIError{Code: "PreconditionFailed", Message: key}
	}
	s.objects[key] = content
	return &s3.PutObjectOutput{}, nil
}

// GetObject implements the client's method.
func (s *S3) GetObject(
	_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options),
) (*s3.GetObjectOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := aws.ToString(in.Key)
	if s.call != nil {
		if err := s.call("GetObject", key); err != nil {
			return nil, err
		}
	}
	content, ok := s.objects[key]
	if !ok {
		return nil, &types.NoSuchKey{Message: in.Key}
	}
	return &s3.GetObjectOutput{
		Body:          io.NopCloser(bytes.NewReader(content)),
		ContentLength: aws.Int64(int64(len(content))),
	}, nil
}

// ListObjectsV2 implements the client's method for Prefix, StartAfter and MaxKeys.
func (s *S3) ListObjectsV2(
	_ context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options),
) (*s3.ListObjectsV2Output, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prefix := aws.ToString(in.Prefix)
	if s.call != nil {
		if err := s.call("ListObjectsV2", prefix); err != nil {
			return nil, err
		}
	}
	most := int(aws.ToInt32(in.MaxKeys))
	if most <= 0 || most > 1000 {
		most = 1000
	}
	after := max(aws.ToString(in.StartAfter), aws.ToString(in.ContinuationToken))
	out := &s3.ListObjectsV2Output{IsTruncated: aws.Bool(false)}
	for _, key := range s.keys() {
		if key <= after || !strings.HasPrefix(key, prefix) {
			continue
		}
		if len(out.Contents) == most {
			out.IsTruncated = aws.Bool(true)
			out.NextContinuationToken = out.Contents[most-1].Key
			break
		}
		out.Contents = append(out.Contents, types.Object{
			Key: aws.String(key), Size: aws.Int64(int64(len(s.objects[key]))),
		})
	}
	return out, nil
}
