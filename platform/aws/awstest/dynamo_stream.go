package awstest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// shard is a piece of a table's stream. A closed shard gets no more records.
type shard struct {
	id, parent string
	closed     bool
	records    []streamRecord
	first      int // records before it were trimmed
}

type streamRecord struct {
	EventID   string `json:"eventID"`
	EventName string `json:"eventName"`
	Change    struct {
		ApproximateCreationDateTime float64
		Keys                        item
		NewImage                    item `json:",omitempty"`
		SequenceNumber              string
		SizeBytes                   int
		StreamViewType              string
	} `json:"dynamodb"`
}

func (t *table) streamARN() string {
	return "arn:aws:dynamodb:eu-west-1:123456789012:table/" + t.name + "/stream/2026"
}

// announce puts a change into the shard of its partition.
func (d *DynamoDB) announce(c *change) {
	open := openShards(c.t.shards)
	if len(open) == 0 {
		return
	}
	s := open[hashOf(c.key[c.t.hash].text)%uint64(len(open))]
	d.serial++
	r := streamRecord{EventID: fmt.Sprintf("%032x", d.serial), EventName: "MODIFY"}
	switch {
	case c.next == nil:
		r.EventName = "REMOVE"
	case c.old == nil:
		r.EventName = "INSERT"
	}
	r.Change.ApproximateCreationDateTime = float64(time.Now().Unix())
	r.Change.Keys, r.Change.NewImage = c.key, c.next
	r.Change.SequenceNumber = fmt.Sprintf("1%020d", d.serial)
	r.Change.SizeBytes, r.Change.StreamViewType = c.next.size(), "NEW_IMAGE"
	s.records = append(s.records, r)
}

func openShards(all []*shard) []*shard {
	return slices.DeleteFunc(slices.Clone(all), func(s *shard) bool { return s.closed })
}

// Reshard closes every shard of a table's stream and opens two children of each, as the service
// does by itself every few hours. A partition's later records go to one of the children.
func (d *DynamoDB) Reshard(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.tables[name]
	if t == nil {
		return
	}
	for _, s := range openShards(t.shards) {
		s.closed = true
		for i := range 2 {
			d.serial++
			t.shards = append(t.shards, &shard{
				id: fmt.Sprintf("shardId-%020d-%08d", d.serial, i), parent: s.id,
			})
		}
	}
}

// Trim forgets all that is in a table's stream now, as the service does after a day.
func (d *DynamoDB) Trim(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.tables[name]; t != nil {
		for _, s := range t.shards {
			s.first = len(s.records)
		}
		t.shards = openShards(t.shards)
	}
}

func (d *DynamoDB) stream(arn string) (*table, error) {
	for _, t := range d.tables {
		if t.shards != nil && t.streamARN() == arn {
			return t, nil
		}
	}
	return nil, &apiError{code: "ResourceNotFoundException", message: "no stream " + arn}
}

func (d *DynamoDB) describeStream(r *request) (any, error) {
	t, err := d.stream(r.StreamArn)
	if err != nil {
		return nil, err
	}
	shards := []map[string]any{}
	for _, s := range t.shards {
		span := map[string]string{"StartingSequenceNumber": "100000000000000000000"}
		if s.closed {
			span["EndingSequenceNumber"] = "199999999999999999999"
		}
		desc := map[string]any{"ShardId": s.id, "SequenceNumberRange": span}
		if s.parent != "" {
			desc["ParentShardId"] = s.parent
		}
		shards = append(shards, desc)
	}
	return map[string]any{"StreamDescription": map[string]any{
		"StreamArn": r.StreamArn, "StreamStatus": "ENABLED", "StreamViewType": "NEW_IMAGE",
		"Shards": shards,
	}}, nil
}

func (t *table) shard(id string) (*shard, error) {
	for _, s := range t.shards {
		if s.id == id {
			return s, nil
		}
	}
	return nil, &apiError{code: "ResourceNotFoundException", message: "no shard " + id}
}

func (d *DynamoDB) getShardIterator(r *request) (any, error) {
	t, err := d.stream(r.StreamArn)
	if err != nil {
		return nil, err
	}
	s, err := t.shard(r.Shard)
	if err != nil {
		return nil, err
	}
	at := s.first
	switch r.ShardIteratorType {
	case "TRIM_HORIZON":
	case "AFTER_SEQUENCE_NUMBER":
		at = slices.IndexFunc(s.records, func(rec streamRecord) bool {
			return rec.Change.SequenceNumber > r.SequenceNumber
		})
		if at < 0 {
			at = len(s.records)
		}
		if at < s.first {
			return nil, &apiError{
				code: "TrimmedDataAccessException", message: "the sequence number was trimmed",
			}
		}
	default:
		return nil, invalid("the fake knows no iterator of type %s", r.ShardIteratorType)
	}
	return map[string]any{"ShardIterator": fmt.Sprintf("%s|%s|%d", r.StreamArn, s.id, at)}, nil
}

func (d *DynamoDB) getRecords(r *request) (any, error) {
	parts := strings.Split(r.ShardIterator, "|")
	if len(parts) != 3 {
		return nil, invalid("no iterator: %q", r.ShardIterator)
	}
	t, err := d.stream(parts[0])
	if err != nil {
		return nil, err
	}
	s, err := t.shard(parts[1])
	if err != nil {
		return nil, err
	}
	at, err := strconv.Atoi(parts[2])
	if err != nil {
		return nil, invalid("no iterator: %q", r.ShardIterator)
	}
	if r.Limit < 1 || r.Limit > 1000 {
		r.Limit = 1000
	}
	records, size := []streamRecord{}, 0
	for ; at < len(s.records) && len(records) < r.Limit && size < maxPage; at++ {
		records = append(records, s.records[at])
		size += s.records[at].Change.SizeBytes
	}
	answer := map[string]any{"Records": records}
	if !s.closed || at < len(s.records) {
		answer["NextShardIterator"] = fmt.Sprintf("%s|%s|%d", parts[0], s.id, at)
	}
	return answer, nil
}
