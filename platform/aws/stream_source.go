package aws

import (
	"context"
	"errors"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// pollEvery is how long a source waits for news of other processes, unless its field every says
// otherwise. News of this one wake it.
const pollEvery = 500 * time.Millisecond

// published is the row that holds how far a source was acknowledged.
const publishedPart = "~platform/published"

// follower yields committed events from the archive, after it has brought the archive up to the end
// of the streams. How far it was acknowledged is a row, so what was not comes again, in this
// process or another. It is what a relay reads.
type follower struct {
	p     *Platform
	rows  *rows
	name  string
	every time.Duration
}

// newSource returns a source whose place is kept under a name.
func (p *Platform) newSource(name string) *follower {
	return &follower{p: p, rows: p.rows, name: name, every: pollEvery}
}

// read blocks until there are events after what was acknowledged, or ctx ends. They are those of
// one segment, each subject's in order. ack makes the next read go on after them; it must be called
// before that, by the same reader.
func (f *follower) read(
	ctx context.Context,
) (events []platform.Event, ack func(context.Context) error, err error) {
	for {
		news := f.p.news() // taken before looking, so that nothing is missed in between
		at, version, err := f.place(ctx)
		if err != nil {
			return nil, nil, err
		}
		if f.p.archiver.end() < at.segment {
			if err := f.p.archiver.drain(ctx); err != nil {
				return nil, nil, err
			}
		}
		if f.p.archiver.end() >= at.segment {
			s, err := f.p.archiver.read(ctx, at.segment)
			if err != nil {
				return nil, nil, err
			}
			return s.events, func(ctx context.Context) error {
				return f.acknowledge(ctx, position{segment: at.segment + 1}, version)
			}, nil
		}
		if err := f.await(ctx, news); err != nil {
			return nil, nil, err
		}
	}
}

func (f *follower) await(ctx context.Context, news <-chan struct{}) error {
	t := time.NewTimer(f.every)
	defer t.Stop()
	select {
	case <-news:
	case <-t.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func (f *follower) place(ctx context.Context) (position, int64, error) {
	r, err := f.rows.getRow(ctx, publishedPart, f.name)
	if errors.Is(err, platform.ErrNotFound) {
		return position{segment: 1}, platform.Absent, nil
	}
	if err != nil {
		return position{}, 0, err
	}
	at, err := parsePosition(string(r.Value))
	return at, r.Version, err
}

// acknowledge moves the place. If another reader moved it meanwhile, both have yielded the same
// events, and the other's place stands.
func (f *follower) acknowledge(ctx context.Context, at position, version int64) error {
	err := f.rows.putRow(ctx, row{
		PK: publishedPart, SK: f.name, Value: []byte(at.String()),
	}, version)
	if errors.Is(err, platform.ErrConflict) {
		return nil
	}
	return err
}

// maxLag is how many segments a source looks at to tell how far behind it is.
const maxLag = 1000

// lag returns every event that is committed and was not acknowledged; of more than maxLag segments,
// the first of them. Where nobody ever acknowledged anything, somebody who only looks on takes it
// that functions relay, which publish what they archive. It must not run beside ack.
func (f *follower) lag(ctx context.Context) (events []platform.Event, err error) {
	at, version, err := f.place(ctx)
	if err == nil {
		err = f.p.archiver.drain(ctx)
	}
	if err != nil {
		return nil, err
	}
	v := f.p.archiver.view()
	if f.p.o.ReadOnly && version == platform.Absent {
		at.segment = v.stored + 1
	}
	for n := at.segment; n <= min(v.end(), at.segment+maxLag); n++ {
		s, err := v.read(ctx, n)
		if err != nil {
			return nil, err
		}
		events = append(events, s.events...)
	}
	return events, nil
}
