package parquet

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	pq "github.com/parquet-go/parquet-go"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// table is how the events of one type become rows. Its columns are the envelope's, which begin with
// "event_" and are always there, and one for each field of the payload, which may be null. Text,
// whole numbers, truth values and times are columns of that kind; money is two columns, NAME in
// minor units and NAME_currency; everything else is the field's JSON.
type table struct {
	schema  *pq.Schema
	columns []column // in the order of the schema's leaves
}

// column is one leaf. read takes its value from an event; null: the field is not there.
type column struct {
	name     string
	optional bool
	read     func(e *platform.Event, data map[string]json.RawMessage) (pq.Value, error)
}

// newTable makes the table of a kind of events.
func newTable(k event.Kind) (*table, error) {
	group := make(pq.Group)
	t := &table{}
	add := func(name string, node pq.Node, c column) {
		if c.optional {
			node = pq.Optional(node)
		}
		c.name = name
		group[name] = pq.Compressed(node, &pq.Zstd)
		t.columns = append(t.columns, c)
	}
	envelope(add)
	fact := reflect.TypeOf(k.New()).Elem()
	for i := range fact.NumField() {
		f := fact.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if _, taken := group[name]; taken || name == "" {
			return nil, fmt.Errorf("the field %q of %s cannot be a column", name, k.Type)
		}
		payload(add, name, f.Type)
	}
	t.schema = pq.NewSchema(k.Type, group)
	place := make(map[string]int)
	for i, path := range t.schema.Columns() {
		place[path[0]] = i
	}
	slices.SortFunc(t.columns, func(a, b column) int { return place[a.name] - place[b.name] })
	return t, nil
}

type adder func(name string, node pq.Node, c column)

// envelope adds what every event has.
func envelope(add adder) {
	words := func(name string, of func(e *platform.Event) string) {
		add(name, pq.String(), column{read: func(
			e *platform.Event, _ map[string]json.RawMessage,
		) (pq.Value, error) {
			return pq.ByteArrayValue([]byte(of(e))), nil
		}})
	}
	words("event_id", func(e *platform.Event) string { return e.ID })
	words("event_subject", func(e *platform.Event) string { return e.Subject })
	words("event_correlation", func(e *platform.Event) string { return e.Correlation })
	words("event_causation", func(e *platform.Event) string { return e.Causation })
	add("event_sequence", pq.Int(64), column{read: func(
		e *platform.Event, _ map[string]json.RawMessage,
	) (pq.Value, error) {
		return pq.Int64Value(e.Sequence), nil
	}})
	add("event_time", pq.Timestamp(pq.Microsecond), column{read: func(
		e *platform.Event, _ map[string]json.RawMessage,
	) (pq.Value, error) {
		return pq.Int64Value(e.Time.UnixMicro()), nil
	}})
}

// payload adds the columns of one field.
func payload(add adder, name string, t reflect.Type) {
	switch {
	case t == reflect.TypeFor[shop.Money]():
		add(name, pq.Int(64), of(name, func(m shop.Money) pq.Value {
			return pq.Int64Value(m.Amount)
		}))
		add(name+"_currency", pq.String(), of(name, func(m shop.Money) pq.Value {
			return pq.ByteArrayValue([]byte(m.Currency))
		}))
	case t == reflect.TypeFor[time.Time]():
		add(name, pq.Timestamp(pq.Microsecond), of(name, func(at time.Time) pq.Value {
			return pq.Int64Value(at.UnixMicro())
		}))
	case t.Kind() == reflect.String:
		add(name, pq.String(), of(name, func(s string) pq.Value {
			return pq.ByteArrayValue([]byte(s))
		}))
	case t.Kind() == reflect.Int64, t.Kind() == reflect.Int:
		add(name, pq.Int(64), of(name, pq.Int64Value))
	case t.Kind() == reflect.Bool:
		add(name, pq.Leaf(pq.BooleanType), of(name, pq.BooleanValue))
	default:
		add(name, pq.JSON(), of(name, func(raw json.RawMessage) pq.Value {
			return pq.ByteArrayValue(raw)
		}))
	}
}

// of is the column that a field of the payload fills, read as a T.
func of[T any](name string, value func(T) pq.Value) column {
	return column{optional: true, read: func(
		_ *platform.Event, data map[string]json.RawMessage,
	) (pq.Value, error) {
		raw, ok := data[name]
		if !ok || string(raw) == "null" {
			return pq.NullValue(), nil
		}
		var v T
		if err := json.Unmarshal(raw, &v); err != nil {
			return pq.NullValue(), fmt.Errorf("read the field %q: %w", name, err)
		}
		return value(v), nil
	}}
}

// row makes one event's row into buf.
func (t *table) row(buf pq.Row, e *platform.Event) (pq.Row, error) {
	var data map[string]json.RawMessage
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return nil, fmt.Errorf("read the payload of %s: %w", e.ID, err)
	}
	buf = buf[:0]
	for i, c := range t.columns {
		v, err := c.read(e, data)
		if err != nil {
			return nil, fmt.Errorf("event %s: %w", e.ID, err)
		}
		level := 0
		if c.optional && !v.IsNull() {
			level = 1
		}
		buf = append(buf, v.Level(0, level, i))
	}
	return buf, nil
}
