package awstest

import (
	"slices"
	"strings"
)

func (d *DynamoDB) getItem(r *request) (any, error) {
	t, err := d.table(r.TableName)
	if err != nil {
		return nil, err
	}
	if err := t.checkKey(r.Key); err != nil {
		return nil, err
	}
	names, err := projection(r)
	if err != nil {
		return nil, err
	}
	answer := make(map[string]any)
	found := t.find(r.Key)
	if found != nil {
		answer["Item"] = found.only(names)
	}
	if cost := consumed(r, t, readUnits(found.size(), r.ConsistentRead), false); cost != nil {
		answer["ConsumedCapacity"] = cost
	}
	return answer, nil
}

func readUnits(bytes int, consistent bool) float64 {
	units := float64(max((bytes+4095)/4096, 1))
	if !consistent {
		units /= 2
	}
	return units
}

func projection(r *request) ([]string, error) {
	if r.ProjectionExpression == "" {
		return nil, nil
	}
	p := parse(r, r.ProjectionExpression, make(map[string]bool))
	var names []string
	for p.at < len(p.words) {
		names = append(names, p.name(p.next()))
		p.accept(",")
	}
	return names, p.err
}

func (d *DynamoDB) batchGetItem(r *request) (any, error) {
	found := make(map[string][]item)
	var costs []map[string]any
	for name, of := range r.RequestItems {
		t, err := d.table(name)
		if err != nil {
			return nil, err
		}
		if len(of.Keys) > maxActions {
			return nil, invalid("%d keys in a batch", len(of.Keys))
		}
		names, err := projection(&request{ProjectionExpression: of.ProjectionExpression})
		if err != nil {
			return nil, err
		}
		units := 0.0
		for _, key := range of.Keys {
			if err := t.checkKey(key); err != nil {
				return nil, err
			}
			i := t.find(key)
			if i != nil {
				found[name] = append(found[name], i.only(names))
			}
			units += readUnits(i.size(), of.ConsistentRead)
		}
		if c := consumed(r, t, units, false); c != nil {
			costs = append(costs, c)
		}
	}
	return map[string]any{
		"Responses": found, "UnprocessedKeys": map[string]any{}, "ConsumedCapacity": costs,
	}, nil
}

func (d *DynamoDB) query(r *request) (any, error) {
	t, err := d.table(r.TableName)
	if err != nil {
		return nil, err
	}
	used := make(map[string]bool)
	matches, err := parse(r, r.KeyConditionExpression, used).condition()
	if err != nil {
		return nil, err
	}
	hash, candidates := t.hash, t.partitions[hashAsked(r, t.hash)]
	if r.IndexName != "" {
		if hash, candidates, err = t.index(r); err != nil {
			return nil, err
		}
	}
	var chosen []item
	for _, i := range candidates {
		if i[hash].text == hashAsked(r, hash) && matches(i) {
			chosen = append(chosen, i)
		}
	}
	if r.ScanIndexForward != nil && !*r.ScanIndexForward {
		chosen = slices.Clone(chosen)
		slices.Reverse(chosen)
	}
	return t.page(r, chosen, used)
}

// after reports whether an item comes after a key in the order of a scan.
func (t *table) after(i, key item) bool {
	a, b := i[t.hash].text, key[t.hash].text
	if x, y := hashOf(a), hashOf(b); a != b {
		return x > y || x == y && a > b
	}
	n, _ := order(i[t.sort], key[t.sort])
	return n > 0
}

// hashAsked finds the value that a key condition "name = :value" asks for.
func hashAsked(r *request, hash string) string {
	words := parse(r, r.KeyConditionExpression, make(map[string]bool)).words
	for i := 0; i+2 < len(words); i++ {
		name := words[i]
		if strings.HasPrefix(name, "#") {
			name = r.ExpressionAttributeNames[name]
		}
		if name == hash && words[i+1] == "=" {
			return r.ExpressionAttributeValues[words[i+2]].text
		}
	}
	return ""
}

// index lists the items of an index in its order.
func (t *table) index(r *request) (hash string, all []item, err error) {
	for _, x := range t.shape.GlobalSecondaryIndexes {
		if x.IndexName != r.IndexName {
			continue
		}
		if r.ConsistentRead {
			return "", nil, invalid("Consistent reads are not supported on indexes")
		}
		hash = x.KeySchema[0].AttributeName
		sorted := x.KeySchema[1].AttributeName
		for _, items := range t.partitions {
			for _, i := range items {
				if i.in(x) {
					all = append(all, i.only([]string{t.hash, t.sort, hash, sorted}))
				}
			}
		}
		slices.SortFunc(all, func(a, b item) int {
			n, _ := order(a[sorted], b[sorted])
			if n == 0 {
				n = strings.Compare(a[t.hash].text, b[t.hash].text)
			}
			return n
		})
		return hash, all, nil
	}
	return "", nil, invalid("The table does not have the index %s", r.IndexName)
}

func (d *DynamoDB) scan(r *request) (any, error) {
	t, err := d.table(r.TableName)
	if err != nil {
		return nil, err
	}
	var all []item
	for _, hash := range t.scanOrder() {
		all = append(all, t.partitions[hash]...)
	}
	return t.page(r, all, make(map[string]bool))
}

// page cuts one answer from what was chosen: after the start, up to the limit and a megabyte, and
// then filtered.
func (t *table) page(r *request, chosen []item, used map[string]bool) (any, error) {
	passes := condition(func(item) bool { return true })
	if r.FilterExpression != "" {
		var err error
		if passes, err = parse(r, r.FilterExpression, used).condition(); err != nil {
			return nil, err
		}
	}
	if err := r.checkUsed(used); err != nil {
		return nil, err
	}
	if len(r.ExclusiveStartKey) > 0 {
		start := t.keyOf(r.ExclusiveStartKey)
		at := slices.IndexFunc(chosen, func(i item) bool { return same(t.keyOf(i), start) })
		if at < 0 && r.IndexName == "" && len(chosen) > 0 { // it was deleted meanwhile
			back := r.ScanIndexForward != nil && !*r.ScanIndexForward
			beyond := func(i item) bool { return t.after(i, start) != back }
			at = slices.IndexFunc(chosen, beyond) - 1
			if at < -1 {
				at = len(chosen) - 1
			}
		} else if at < 0 {
			return nil, invalid("the fake goes on in an index only after an item that is there")
		}
		chosen = chosen[at+1:]
	}
	items, size, last := []item{}, 0, -1
	for n, i := range chosen {
		if r.Limit > 0 && n == r.Limit || n > 0 && size+i.size() > maxPage {
			last = n - 1
			break
		}
		size += i.size()
		if passes(i) {
			items = append(items, i)
		}
	}
	answer := map[string]any{"Items": items, "Count": len(items)}
	if last >= 0 {
		key := t.keyOf(chosen[last])
		for _, x := range t.shape.GlobalSecondaryIndexes {
			if x.IndexName == r.IndexName {
				for _, e := range x.KeySchema {
					key[e.AttributeName] = chosen[last][e.AttributeName]
				}
			}
		}
		answer["LastEvaluatedKey"] = key
	}
	if cost := consumed(r, t, readUnits(size, r.ConsistentRead), false); cost != nil {
		answer["ConsumedCapacity"] = cost
	}
	return answer, nil
}
