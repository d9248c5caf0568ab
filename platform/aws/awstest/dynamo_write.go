package awstest

import (
	"encoding/json"
	"fmt"
	"time"
)

// change is an action that was examined: what becomes of an item if all goes well.
type change struct {
	t         *table
	r         *request
	key       item
	old, next item // next is nil for nothing
	write     bool // false for a condition check
}

// examine evaluates one write of any kind. Nothing is changed.
func (d *DynamoDB) examine(r *request, kind string) (*change, error) {
	t, err := d.table(r.TableName)
	if err != nil {
		return nil, err
	}
	c := &change{t: t, r: r, key: r.Key, write: kind != "ConditionCheck"}
	if kind == "Put" {
		if err := t.checkKeyOf(r.Item); err != nil {
			return nil, err
		}
		c.key = t.keyOf(r.Item)
	} else if err := t.checkKey(r.Key); err != nil {
		return nil, err
	}
	c.old = t.find(c.key)
	used := make(map[string]bool)
	holds := condition(func(item) bool { return true })
	if r.ConditionExpression != "" {
		if holds, err = parse(r, r.ConditionExpression, used).condition(); err != nil {
			return nil, err
		}
	} else if kind == "ConditionCheck" {
		return nil, invalid("a condition check without a condition")
	}
	change := update(func(item) error { return nil })
	if kind == "Update" {
		if change, err = parse(r, r.UpdateExpression, used).update(); err != nil {
			return nil, err
		}
	}
	if err := r.checkUsed(used); err != nil {
		return nil, err
	}
	if !holds(c.old) {
		failed := &apiError{
			code: "ConditionalCheckFailedException", message: "The conditional request failed",
		}
		if r.ReturnValuesOnConditionCheckFailure == "ALL_OLD" {
			failed.item = c.old
		}
		return nil, failed
	}
	return c, c.compute(kind, change)
}

func (c *change) compute(kind string, change update) error {
	switch kind {
	case "Put":
		c.next = clone(c.r.Item)
	case "Update":
		c.next = clone(c.old)
		for name, v := range c.key {
			c.next[name] = v
		}
		if err := change(c.next); err != nil {
			return err
		}
		if !same(c.t.keyOf(c.next), c.key) {
			return invalid("Cannot update a key attribute")
		}
	}
	if c.next.size() > maxItemSize {
		return invalid("Item size to update has exceeded the maximum allowed size")
	}
	return nil
}

// apply makes an examined change.
func (d *DynamoDB) apply(c *change) {
	if c.write && c.t.store(c.key, c.next) {
		d.announce(c)
	}
}

// units is what a write costs: of the table, twice in a transaction, and once of its indexes, which
// follow later.
func (c *change) units(times float64) float64 {
	kb := func(i item) float64 { return float64((i.size() + 1023) / 1024) }
	n := times * max(kb(c.old), kb(c.next), 1)
	for _, x := range c.t.shape.GlobalSecondaryIndexes {
		was, is := c.old.in(x), c.next.in(x)
		if was || is {
			n++ // the adapter's index projects keys, which are under 1 KB and change with the item
		}
	}
	return n
}

// in reports whether an item is in an index.
func (i item) in(x indexShape) bool {
	for _, e := range x.KeySchema {
		if _, ok := i[e.AttributeName]; !ok {
			return false
		}
	}
	return true
}

func (d *DynamoDB) updateItem(r *request) (any, error) { return d.writeOne(r, "Update") }
func (d *DynamoDB) deleteItem(r *request) (any, error) { return d.writeOne(r, "Delete") }

func (d *DynamoDB) writeOne(r *request, kind string) (any, error) {
	c, err := d.examine(r, kind)
	if err != nil {
		return nil, err
	}
	d.apply(c)
	answer := make(map[string]any)
	if cost := consumed(r, c.t, c.units(1), true); cost != nil {
		answer["ConsumedCapacity"] = cost
	}
	switch r.ReturnValues {
	case "", "NONE":
	case "ALL_NEW":
		answer["Attributes"] = c.next
	default:
		return nil, invalid("the fake returns no %s", r.ReturnValues)
	}
	return answer, nil
}

func (d *DynamoDB) transactWriteItems(r *request) (any, error) {
	if n := len(r.TransactItems); n < 1 || n > maxActions {
		return nil, invalid("%d actions in a transaction", n)
	}
	content, err := json.Marshal(r.TransactItems)
	if err != nil {
		return nil, fmt.Errorf("marshal the actions: %w", err)
	}
	if done, err := d.remembered(r.ClientRequestToken, string(content)); done || err != nil {
		return map[string]any{}, err
	}
	changes, err := d.examineAll(r)
	if err != nil {
		return nil, err
	}
	costs := make(map[*table]float64)
	for _, c := range changes {
		d.apply(c)
		costs[c.t] += c.units(2)
	}
	if r.ClientRequestToken != "" {
		d.tokens[r.ClientRequestToken] = token{content: string(content), at: time.Now().Add(d.Age)}
	}
	answer := make(map[string]any)
	if r.ReturnConsumedCapacity == "TOTAL" {
		var all []map[string]any
		for t, units := range costs {
			all = append(all, consumed(r, t, units, true))
		}
		answer["ConsumedCapacity"] = all
	}
	return answer, nil
}

// remembered reports whether a transaction of this token succeeded within the window.
func (d *DynamoDB) remembered(id, content string) (bool, error) {
	old, ok := d.tokens[id]
	if id == "" || !ok || time.Now().Add(d.Age).Sub(old.at) > tokenWindow {
		return false, nil
	}
	if old.content != content {
		return false, &apiError{
			code:    "IdempotentParameterMismatchException",
			message: "the token came with other actions",
		}
	}
	return true, nil
}

// examineAll evaluates every action against the same moment.
func (d *DynamoDB) examineAll(r *request) ([]*change, error) {
	var changes []*change
	reasons, cancelled, size := make([]reason, len(r.TransactItems)), false, 0
	keys := make(map[string]bool)
	for i, a := range r.TransactItems {
		reasons[i].Code = "None"
		for kind, one := range map[string]*request{
			"Put": a.Put, "Update": a.Update, "Delete": a.Delete,
			"ConditionCheck": a.ConditionCheck,
		} {
			if one == nil || cancelled && d.FirstReasonOnly {
				continue
			}
			c, err := d.examine(one, kind)
			if err != nil {
				if reasons[i], err = reasonFor(err); err != nil {
					return nil, err
				}
				cancelled = true
				continue
			}
			key, err := json.Marshal([]any{c.t.name, c.key[c.t.hash], c.key[c.t.sort]})
			if err != nil || keys[string(key)] {
				return nil, invalid("a transaction with two operations on one item")
			}
			keys[string(key)] = true
			size += max(c.next.size(), c.old.size())
			changes = append(changes, c)
		}
	}
	switch {
	case cancelled:
		return nil, &apiError{
			code: "TransactionCanceledException", message: "cancelled", reasons: reasons,
		}
	case size > maxTransaction:
		return nil, invalid("a transaction of %d bytes", size)
	}
	return changes, nil
}

// reasonFor turns what is wrong with one action into its reason. A mistake stays an error.
func reasonFor(err error) (reason, error) {
	e, ok := err.(*apiError)
	switch {
	case !ok:
		return reason{}, err
	case e.code == "ConditionalCheckFailedException":
		return reason{Code: "ConditionalCheckFailed", Message: e.message, Item: e.item}, nil
	case e.message == "Item size to update has exceeded the maximum allowed size":
		return reason{Code: "ValidationError", Message: e.message}, nil
	}
	return reason{}, err
}
