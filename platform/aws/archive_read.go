package aws

import (
	"context"
	"fmt"
)

// view is the log as it was at one moment: the segments in the bucket, and what was not there yet.
// It stays the same while others write.
type view struct {
	archiver *archiver
	stored   int64     // segments in the bucket
	tail     []segment // behind them; none unless the platform is read-only
}

// view shows the log as it was drained last.
func (a *archiver) view() view {
	a.mu.Lock()
	defer a.mu.Unlock()
	return view{archiver: a, stored: a.head.Number - int64(len(a.tail)), tail: a.tail}
}

func (v view) end() int64 { return v.stored + int64(len(v.tail)) }

// read reads a segment, from 1 to end.
func (v view) read(ctx context.Context, n int64) (segment, error) {
	if n > v.stored {
		return v.tail[n-v.stored-1], nil
	}
	return v.archiver.read(ctx, n)
}

// forget begins anew behind the last segment that is known to be in the bucket: what a platform
// that writes nothing has read behind it may have been archived since, by somebody else and in
// other segments.
func (a *archiver) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.head, a.tail = a.stored.merge(header{}), nil
	for _, r := range a.readers {
		r.rewind()
	}
}

// remember marks the end of what is in the bucket.
func (a *archiver) remember() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stored = a.head.merge(header{})
}

// keep takes a segment into the tail, in the place of writing it.
func (a *archiver) keep(s segment) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.head = a.head.merge(s.head)
	a.tail = append(a.tail, s)
}

// Unarchived is how many events of the log, as it was read last, are in no segment of the archive
// yet. It is 0 unless the platform was opened read-only: others archive what they read.
func (p *Platform) Unarchived() (events int) {
	for _, s := range p.archiver.view().tail {
		events += len(s.events)
	}
	return events
}

// CheckArchive reads the archive to its present end and calls broken for every segment that does
// not follow from the one before it, with its number and what is wrong. It returns how many
// segments it looked at. A segment that cannot be read at all is broken too, and is not an error;
// an error says that the archive could not be looked at.
func (p *Platform) CheckArchive(
	ctx context.Context, broken func(segment int64, what string),
) (segments int64, err error) {
	if err := p.refuse(); err != nil {
		return 0, err
	}
	if err := p.archiver.find(ctx); err != nil {
		return 0, fmt.Errorf("find the end of the archive: %w", err)
	}
	v := p.archiver.view()
	var last header
	for n := int64(1); n <= v.stored; n++ {
		s, err := p.archiver.read(ctx, n)
		if isCorrupt(err) {
			broken(n, err.Error())
			last = header{}
			continue
		}
		if err != nil {
			return n - 1, err
		}
		if last.Number > 0 || n == 1 {
			if what := s.head.follows(last); what != "" {
				broken(n, what)
			}
		}
		last = s.head
	}
	return v.stored, nil
}

// follows says why a segment cannot have been written behind another one, or "".
func (h header) follows(before header) string {
	if h.Before != before.digest {
		return fmt.Sprintf("it follows a segment with digest %.12q, and the one before has %.12q",
			h.Before, before.digest)
	}
	for shard, number := range before.At {
		if laterNumber(number, h.At[shard]) {
			return fmt.Sprintf("it knows shard %s up to %.40q, and the one before it up to %.40q",
				shard, h.At[shard], number)
		}
	}
	return ""
}
