package aws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/souk-commerce/souk/platform"
)

// The archive is one sequence of segments, numbered from 1 without gaps. A segment is written only
// if nobody wrote that number, so whoever archives does it in one order, once: every segment also
// says how far each shard was read when it was written, and a writer that lost the race reads that
// before it tries the next number.

// objects is what the archive calls of S3.
type objects interface {
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options),
	) (*s3.PutObjectOutput, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options),
	) (*s3.GetObjectOutput, error)
	HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options),
	) (*s3.HeadObjectOutput, error)
}

// position is a place in the log: after so many events of a segment.
type position struct {
	segment int64
	events  int
}

// String is the cursor that users of the log are given.
func (p position) String() string { return fmt.Sprintf("%d.%d", p.segment, p.events) }

func parsePosition(s string) (position, error) {
	if s == "" {
		return position{segment: 1}, nil
	}
	a, b, ok := strings.Cut(s, ".")
	segment, errA := strconv.ParseInt(a, 10, 64)
	events, errB := strconv.Atoi(b)
	if !ok || errA != nil || errB != nil || segment < 1 || events < 0 {
		return position{}, fmt.Errorf("cursor %.60q: %w", s, platform.ErrInvalid)
	}
	return position{segment: segment, events: events}, nil
}

// archiver brings events from the streams into the archive. Safe for concurrent use; several of
// them, in any number of processes, write one archive.
type archiver struct {
	p       *Platform
	readers []*reader

	turn chan struct{} // held by the one that drains

	mu     sync.Mutex
	head   header    // of the last known segment
	stored header    // with Options.ReadOnly: of the last one in the bucket that is known
	tail   []segment // with Options.ReadOnly: what would be written behind it
}

func newArchiver(p *Platform, readers []*reader) *archiver {
	a := &archiver{p: p, readers: readers, turn: make(chan struct{}, 1)}
	a.head.At = make(map[string]string)
	return a
}

func segmentKey(n int64) *string { return aws.String(fmt.Sprintf("log/%019d.jsonl", n)) }

// end is the number of the last known segment.
func (a *archiver) end() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.head.Number
}

// drain archives everything that the streams show now.
func (a *archiver) drain(ctx context.Context) error {
	select {
	case a.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-a.turn }()
	if a.p.o.ReadOnly {
		a.forget()
	}
	if err := a.find(ctx); err != nil {
		return fmt.Errorf("find the end of the archive: %w", err)
	}
	if a.p.o.ReadOnly {
		a.remember()
	}
	for _, r := range a.readers {
		if err := r.drain(ctx, a.archived, a.take); err != nil {
			return err
		}
	}
	return nil
}

// archived is the sequence number up to which a shard is known to be in the archive.
func (a *archiver) archived(shard string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.head.At[shard]
}

// take archives what is new in a batch. Records of other things only move the shard's place, which
// the next segment carries.
func (a *archiver) take(ctx context.Context, b batch) error {
	for {
		a.mu.Lock()
		next := a.head.next(b)
		a.mu.Unlock()
		if len(next.events) == 0 {
			a.adopt(header{Number: a.end(), At: map[string]string{b.shard: b.last}})
			return nil
		}
		if a.p.o.ReadOnly {
			a.keep(next)
			return nil
		}
		written, err := a.write(ctx, &next)
		if err != nil {
			return fmt.Errorf("archive segment %d: %w", next.head.Number, err)
		}
		if written {
			a.adopt(next.head)
			return nil
		}
		theirs, err := a.read(ctx, next.head.Number)
		if err != nil {
			return err
		}
		a.adopt(theirs.head)
	}
}

// adopt moves what is known of the archive's end forward, never back.
func (a *archiver) adopt(h header) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.head = a.head.merge(h)
}

// find looks for the last segment: from the last known one in steps that double, then by halves.
func (a *archiver) find(ctx context.Context) error {
	low := a.end()
	step := int64(1)
	for {
		exists, err := a.exists(ctx, low+step)
		if err != nil {
			return err
		}
		if !exists {
			break
		}
		low, step = low+step, step*2
	}
	var failed error
	low += int64(sort.Search(int(step-1), func(i int) bool {
		exists, err := a.exists(ctx, low+int64(i)+1)
		failed = errors.Join(failed, err)
		return err != nil || !exists
	}))
	if failed != nil || low == a.end() {
		return failed
	}
	s, err := a.read(ctx, low)
	if err != nil {
		return err
	}
	a.adopt(s.head)
	return nil
}

func (a *archiver) exists(ctx context.Context, n int64) (bool, error) {
	_, err := a.p.objects.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: &a.p.o.Bucket, Key: segmentKey(n),
	})
	a.p.usage.add("s3:GetObject", false) // what IAM calls it
	if isMissing(err) {
		return false, nil
	}
	return err == nil, explain("look into the archive", err)
}

// write writes a segment unless its number is taken. One that this very call wrote before its
// answer was lost looks taken; reading it shows then that all of it is archived.
func (a *archiver) write(ctx context.Context, s *segment) (bool, error) {
	body, err := s.encode()
	if err != nil {
		return false, err
	}
	s.head.digest = digestOf(body)
	_, err = a.p.objects.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &a.p.o.Bucket, Key: segmentKey(s.head.Number), Body: bytes.NewReader(body),
		ContentType: aws.String("application/x-ndjson"), IfNoneMatch: aws.String("*"),
	})
	a.p.usage.add("s3:PutObject", false)
	switch codeOf(err) {
	case "PreconditionFailed", "ConditionalRequestConflict":
		return false, nil
	}
	return err == nil, explain("write", err)
}

// read reads a segment.
func (a *archiver) read(ctx context.Context, n int64) (segment, error) {
	out, err := a.p.objects.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &a.p.o.Bucket, Key: segmentKey(n),
	})
	a.p.usage.add("s3:GetObject", false)
	if isMissing(err) {
		return segment{}, fmt.Errorf("archive segment %d is gone: %w", n, platform.ErrCorrupt)
	}
	if err != nil {
		return segment{}, explain(fmt.Sprintf("read archive segment %d", n), err)
	}
	body, err := io.ReadAll(out.Body)
	if err = errors.Join(err, out.Body.Close()); err != nil {
		return segment{}, fmt.Errorf("read archive segment %d: %w", n, err)
	}
	s, err := decodeSegment(body)
	if err == nil && s.head.Number != n {
		err = fmt.Errorf("it says that it is segment %d: %w", s.head.Number, platform.ErrCorrupt)
	}
	if err != nil {
		return s, fmt.Errorf("archive segment %d: %w", n, err)
	}
	return s, nil
}

// isMissing reports whether S3 says that there is no such object.
func isMissing(err error) bool {
	code := codeOf(err)
	return code == "NoSuchKey" || code == "NotFound"
}

// seek finds the position before the first event of a moment or later. The greatest time up to each
// segment never falls along the log, so it searches by halves.
func (v view) seek(ctx context.Context, t time.Time) (position, error) {
	var failed error
	end := v.end()
	n := int64(sort.Search(int(end), func(i int) bool {
		s, err := v.read(ctx, int64(i)+1)
		failed = errors.Join(failed, err)
		return err != nil || s.head.Until >= t.UnixNano()
	})) + 1
	if failed != nil || n > end {
		return position{segment: n}, failed
	}
	s, err := v.read(ctx, n)
	if err != nil {
		return position{}, err
	}
	for i, e := range s.events {
		if !e.Time.Before(t) {
			return position{segment: n, events: i}, nil
		}
	}
	return position{segment: n}, nil
}

// merge is the header that knows what both know.
func (h header) merge(other header) header {
	if other.Number > h.Number {
		h.Number, h.Before, h.digest = other.Number, other.Before, other.digest
	}
	h.Until = max(h.Until, other.Until)
	at := maps.Clone(h.At)
	for shard, number := range other.At {
		if at == nil || laterNumber(number, at[shard]) {
			if at == nil {
				at = make(map[string]string)
			}
			at[shard] = number
		}
	}
	h.At = at
	return h
}

// laterNumber compares sequence numbers, which are decimal and of any length.
func laterNumber(a, b string) bool {
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a > b
}
