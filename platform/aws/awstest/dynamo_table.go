package awstest

import (
	"fmt"
	"hash/fnv"
	"slices"
	"sort"
)

// table holds items in partitions, each in the order of its sort key.
type table struct {
	name       string
	shape      *request // of its creation
	hash, sort string   // names of the key attributes
	kinds      map[string]string
	partitions map[string][]item
	shards     []*shard // of its stream; nil without one
	ttl        string
}

func (d *DynamoDB) createTable(r *request) (any, error) {
	if d.tables[r.TableName] != nil {
		return nil, &apiError{code: "ResourceInUseException", message: "table exists"}
	}
	t := &table{
		name: r.TableName, shape: r, kinds: make(map[string]string),
		partitions: make(map[string][]item),
	}
	for _, a := range r.AttributeDefinitions {
		t.kinds[a.AttributeName] = a.AttributeType
	}
	var err error
	if t.hash, t.sort, err = keyNames(r.KeySchema, t.kinds); err != nil {
		return nil, err
	}
	for _, x := range r.GlobalSecondaryIndexes {
		if _, _, err := keyNames(x.KeySchema, t.kinds); err != nil {
			return nil, err
		}
	}
	if s := r.StreamSpecification; s != nil && s.StreamEnabled {
		if s.StreamViewType != "NEW_IMAGE" {
			return nil, invalid("the fake has no stream of %s", s.StreamViewType)
		}
		for i := range max(d.Shards, 1) {
			t.shards = append(t.shards, &shard{id: fmt.Sprintf("shardId-%020d-%08d", 1, i)})
		}
	}
	if d.tables == nil {
		d.tables, d.tokens = make(map[string]*table), make(map[string]token)
	}
	d.tables[t.name] = t
	return map[string]any{"TableDescription": t.describe()}, nil
}

// keyNames reads a key schema of a hash and a range key whose attributes are defined.
func keyNames(schema []keyElement, kinds map[string]string) (hash, sort string, err error) {
	if len(schema) != 2 || schema[0].KeyType != "HASH" || schema[1].KeyType != "RANGE" {
		return "", "", invalid("the fake knows keys of a hash and a range only")
	}
	for _, e := range schema {
		if !slices.Contains([]string{"S", "B", "N"}, kinds[e.AttributeName]) {
			return "", "", invalid("key attribute %s is not defined", e.AttributeName)
		}
	}
	return schema[0].AttributeName, schema[1].AttributeName, nil
}

func (t *table) describe() map[string]any {
	desc := map[string]any{
		"TableName": t.name, "TableStatus": "ACTIVE", "KeySchema": t.shape.KeySchema,
		"AttributeDefinitions": t.shape.AttributeDefinitions,
		"TableArn":             "arn:aws:dynamodb:eu-west-1:123456789012:table/" + t.name,
	}
	if t.shards != nil {
		desc["LatestStreamArn"] = t.streamARN()
		desc["StreamSpecification"] = t.shape.StreamSpecification
	}
	return desc
}

func (d *DynamoDB) describeTable(r *request) (any, error) {
	t, err := d.table(r.TableName)
	if err != nil {
		return nil, err
	}
	return map[string]any{"Table": t.describe()}, nil
}

func (d *DynamoDB) updateTimeToLive(r *request) (any, error) {
	t, err := d.table(r.TableName)
	if err != nil {
		return nil, err
	}
	if s := r.TimeToLiveSpecification; s != nil && s.Enabled {
		t.ttl = s.AttributeName
	}
	return map[string]any{}, nil
}

func (d *DynamoDB) table(name string) (*table, error) {
	if t := d.tables[name]; t != nil {
		return t, nil
	}
	return nil, &apiError{
		code: "ResourceNotFoundException", message: "Requested resource not found",
	}
}

// checkKey requires exactly the table's key, in its kinds and sizes.
func (t *table) checkKey(key item) error {
	if len(key) != 2 {
		return invalid("The provided key element does not match the schema")
	}
	return t.checkKeyOf(key)
}

func (t *table) checkKeyOf(i item) error {
	for name, most := range map[string]int{t.hash: 2048, t.sort: 1024} {
		v, ok := i[name]
		switch {
		case !ok:
			return invalid("Missing the key %s in the item", name)
		case v.kind != t.kinds[name]:
			return invalid("Type mismatch for key %s", name)
		case v.kind != "N" && v.text == "":
			return invalid("The key %s is empty", name)
		case v.size() > most:
			return invalid("Size of key %s has exceeded %d bytes", name, most)
		}
	}
	return nil
}

func (t *table) keyOf(i item) item { return item{t.hash: i[t.hash], t.sort: i[t.sort]} }

// find returns an item by its key, or nil.
func (t *table) find(key item) item {
	items := t.partitions[key[t.hash].text]
	if i, ok := t.place(items, key); ok {
		return items[i]
	}
	return nil
}

func (t *table) place(items []item, key item) (int, bool) {
	return sort.Find(len(items), func(i int) int {
		n, _ := order(key[t.sort], items[i][t.sort])
		return n
	})
}

// store replaces an item by another, which is nil to remove it, and tells the stream.
func (t *table) store(key, next item) (changed bool) {
	hash := key[t.hash].text
	items := t.partitions[hash]
	i, ok := t.place(items, key)
	var old item
	if ok {
		old = items[i]
	}
	switch {
	case next == nil && !ok, next != nil && ok && same(old, next):
		return false
	case next == nil:
		items = slices.Delete(items, i, i+1)
	case ok:
		items[i] = next
	default:
		items = slices.Insert(items, i, next)
	}
	if t.partitions[hash] = items; len(items) == 0 {
		delete(t.partitions, hash)
	}
	return true
}

// scanOrder lists the partitions in the order of a hash of their keys, as the service does.
func (t *table) scanOrder() []string {
	all := make([]string, 0, len(t.partitions))
	for hash := range t.partitions {
		all = append(all, hash)
	}
	slices.SortFunc(all, func(a, b string) int {
		if x, y := hashOf(a), hashOf(b); x != y {
			if x < y {
				return -1
			}
			return 1
		}
		if a < b {
			return -1
		}
		return 1
	})
	return all
}

func hashOf(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // cannot fail
	return h.Sum64()
}

// Items returns how many items of a table have a hash key that begins with a prefix.
func (d *DynamoDB) Items(table, prefix string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	if t := d.tables[table]; t != nil {
		for hash, items := range t.partitions {
			if len(hash) >= len(prefix) && hash[:len(prefix)] == prefix {
				n += len(items)
			}
		}
	}
	return n
}
