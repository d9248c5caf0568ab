package aws

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/souk-commerce/souk/platform"
)

// history reads events from their partitions, the log from the archive, and records from the
// tables.
type history struct{ p *Platform }

var _ platform.History = history{}

// History implements platform.Platform.
func (p *Platform) History() platform.History { return history{p} }

// Subject implements platform.History. A subject belongs to one room, but its name does not say to
// which: every room's partition is asked, at once.
func (h history) Subject(
	ctx context.Context, subject string, after int64, limit int,
) ([]platform.Event, error) {
	found := make([][]platform.Event, len(h.p.o.Rooms))
	errs := make([]error, len(h.p.o.Rooms))
	var all sync.WaitGroup
	for i, r := range h.p.o.Rooms {
		all.Go(func() {
			found[i], errs[i] = h.subjectOf(ctx, r.Name, subject, after, limit)
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	events := slices.Concat(found...)
	slices.SortStableFunc(events, func(a, b platform.Event) int {
		return cmp.Compare(a.Sequence, b.Sequence)
	})
	return events[:min(limit, len(events))], nil
}

// subjectOf is Subject where the room is known, such as from an event's type.
func (h history) subjectOf(
	ctx context.Context, room, subject string, after int64, limit int,
) ([]platform.Event, error) {
	if limit < 1 || limit > platform.MaxList || after < 0 {
		return nil, fmt.Errorf("a list of %d events after %d: %w", limit, after,
			platform.ErrInvalid)
	}
	table, ok := h.p.tableOf[room]
	if !ok {
		return nil, undeclared{room}.refuse()
	}
	items, err := h.p.list(ctx, span{
		table: table, part: room + "/" + wide(subject), mark: markEvent,
		after: sequencePlace(after), limit: limit,
	})
	if err != nil {
		return nil, err
	}
	events := make([]platform.Event, len(items))
	for i := range items {
		if events[i], _, err = decodeEvent(items[i]); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// follow returns the events of an event's subject. Its type names the room that it is in, so a
// role needs no other room's rights.
func (h history) follow(
	ctx context.Context, e platform.Event, after int64, limit int,
) ([]platform.Event, error) {
	_, rest, _ := strings.Cut(e.Type, ".")
	room, _, _ := strings.Cut(rest, ".")
	return h.subjectOf(ctx, room, e.Subject, after, limit)
}

// Log implements platform.History. It first brings the archive up to the end of the streams, and
// then reads the archive to that end. A cursor is the number of a segment and of an event in it.
func (h history) Log(
	ctx context.Context, after string, fn func(cursor string, e platform.Event) error,
) error {
	at, err := parsePosition(after)
	if err != nil {
		return err
	}
	if h.p.closed.Load() {
		return platform.ErrClosed
	}
	if err := h.p.archiver.drain(ctx); err != nil {
		return err
	}
	v := h.p.archiver.view()
	for ; at.segment <= v.end(); at = (position{segment: at.segment + 1}) {
		s, err := v.read(ctx, at.segment)
		if err != nil {
			return err
		}
		for i, e := range s.events {
			if i < at.events {
				continue
			}
			if err := fn(position{at.segment, i + 1}.String(), e); err != nil {
				return err
			}
		}
	}
	return nil
}

// Seek implements platform.History.
func (h history) Seek(ctx context.Context, t time.Time) (string, error) {
	if h.p.closed.Load() {
		return "", platform.ErrClosed
	}
	if err := h.p.archiver.drain(ctx); err != nil {
		return "", err
	}
	at, err := h.p.archiver.view().seek(ctx, t)
	return at.String(), err
}

// Records implements platform.History. It scans every table that may hold the prefix, whole: a scan
// reads partitions in the order of a digest of their names, and costs as a whole table does.
func (h history) Records(
	ctx context.Context, prefix string, fn func(r platform.Record) error,
) error {
	for _, table := range h.tables(prefix) {
		if err := h.scan(ctx, table, prefix, fn); err != nil {
			return err
		}
	}
	return nil
}

// tables lists the tables that may hold records with a prefix.
func (h history) tables(prefix string) []string {
	room, _, whole := strings.Cut(prefix, "/")
	if !whole {
		return h.p.tables
	}
	if table, ok := h.p.tableOf[room]; ok {
		return []string{table}
	}
	return nil
}

func (h history) scan(
	ctx context.Context, table, prefix string, fn func(r platform.Record) error,
) error {
	in := &dynamodb.ScanInput{
		TableName: &table, ConsistentRead: aws.Bool(true),
		FilterExpression:       aws.String("attribute_exists(v)"), // events and timers have none
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	}
	if prefix != "" {
		in.FilterExpression = aws.String("attribute_exists(v) AND begins_with(pk, :prefix)")
		in.ExpressionAttributeValues = item{":prefix": text(wide(prefix))}
	}
	for {
		if h.p.closed.Load() {
			return platform.ErrClosed
		}
		out, err := h.p.db.Scan(ctx, in)
		if err != nil {
			return explain("scan", err)
		}
		h.p.usage.add("dynamodb:Scan", false, out.ConsumedCapacity)
		for _, i := range out.Items {
			if sort := valueOf(i[attrSort]); len(sort) > 0 && sort[0] == markRow {
				continue // the platform's own
			}
			rec, err := decodeRecord(i)
			if err == nil {
				err = fn(rec)
			}
			if err != nil {
				return err
			}
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return nil
		}
	}
}
