package workflow

import (
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"strings"
)

// readerSpec is a compiled ItemReader (states-language.net, "ItemReader"): where the items of a
// distributed Map come from, and in what form.
type readerSpec struct {
	resource   string
	parameters *tmpl
	inputType  string
	location   string // of CSV headers: FIRST_ROW or GIVEN
	headers    []string
	delimiter  rune
	maxItems   *integer
	pointer    string // ItemsPointer, into a JSON document
}

// batcherSpec is a compiled ItemBatcher.
type batcherSpec struct {
	maxItems *integer
	maxBytes *integer
	input    *tmpl
}

// writerSpec is a compiled ResultWriter.
type writerSpec struct {
	resource   string
	parameters *tmpl
}

// What one read may bring at most, as the service has it.
const maxItems = 100_000_000

func (c *compiler) reader(f *fields) *readerSpec {
	o, ok := f.object("ItemReader")
	if !ok {
		return nil
	}
	g := c.fields(o, f.at+"/ItemReader")
	r := &readerSpec{delimiter: ','}
	if r.resource, ok = g.text("Resource"); !ok {
		c.bad(g.at, "", "These fields are required: [Resource]")
	}
	r.parameters = c.argumentsOf(g)
	config, ok := g.object("ReaderConfig")
	g.rest("of ItemReader in " + languageName(c.jsonata))
	if !ok {
		return r
	}
	h := c.fields(config, g.at+"/ReaderConfig")
	r.inputType, _ = h.text("InputType")
	switch r.inputType {
	case "CSV", "JSON", "JSONL", "MANIFEST", "PARQUET", "":
	default:
		c.bad(h.at+"/InputType", "", "InputType must be CSV, JSON, JSONL, MANIFEST or PARQUET, not %q",
			shorten(r.inputType))
	}
	r.location, _ = h.text("CSVHeaderLocation")
	if v, ok := h.value("CSVHeaders"); ok {
		list, _ := v.(Array)
		for _, item := range list {
			name, _ := item.(string)
			r.headers = append(r.headers, name)
		}
	}
	if d, ok := h.text("CSVDelimiter"); ok {
		runes := map[string]rune{"COMMA": ',', "PIPE": '|', "SEMICOLON": ';', "SPACE": ' ', "TAB": '\t'}
		if r.delimiter, ok = runes[d]; !ok {
			c.bad(h.at+"/CSVDelimiter", "", "CSVDelimiter must be COMMA, PIPE, SEMICOLON, SPACE or TAB")
			r.delimiter = ','
		}
	}
	r.maxItems = h.integer("MaxItems", intField{least: 0, most: maxItems})
	r.pointer, _ = h.text("ItemsPointer")
	h.text("Transformation")
	h.text("ManifestType")
	h.rest("of ReaderConfig")
	return r
}

// argumentsOf reads Arguments, or in JSONPath Parameters.
func (c *compiler) argumentsOf(f *fields) *tmpl {
	if c.jsonata {
		return f.template("Arguments")
	}
	return f.template("Parameters")
}

func (c *compiler) batcher(f *fields) *batcherSpec {
	o, ok := f.object("ItemBatcher")
	if !ok {
		return nil
	}
	g := c.fields(o, f.at+"/ItemBatcher")
	b := &batcherSpec{
		maxItems: g.integer("MaxItemsPerBatch", intField{least: 1, most: maxItems}),
		maxBytes: g.integer("MaxInputBytesPerBatch", intField{least: 1, most: maxPayload}),
		input:    g.template("BatchInput"),
	}
	if b.maxItems == nil && b.maxBytes == nil {
		c.bad(g.at, "give MaxItemsPerBatch or MaxInputBytesPerBatch", "ItemBatcher must limit a batch")
	}
	g.rest("of ItemBatcher")
	return b
}

func (c *compiler) writer(f *fields) *writerSpec {
	o, ok := f.object("ResultWriter")
	if !ok {
		return nil
	}
	g := c.fields(o, f.at+"/ResultWriter")
	w := &writerSpec{}
	w.resource, _ = g.text("Resource")
	w.parameters = c.argumentsOf(g)
	if config, ok := g.object("WriterConfig"); ok {
		h := c.fields(config, g.at+"/WriterConfig")
		h.text("OutputType")
		h.text("Transformation")
		h.rest("of WriterConfig")
	}
	g.rest("of ResultWriter in " + languageName(c.jsonata))
	return w
}

// items takes the items out of what was read: the text of an object, or a list that the caller has
// already made of it. limit is the most that are taken, 0 for all.
func (r *readerSpec) items(v Value, limit int64) (Array, error) {
	text, isText := v.(string)
	var list Array
	var err error
	switch {
	case !isText:
		list, err = r.pointed(v)
	case r.inputType == "CSV":
		return r.csv(text, limit)
	case r.inputType == "JSONL":
		list, err = jsonLines(text)
	default:
		var doc Value
		if doc, err = ParseValue([]byte(text)); err == nil {
			list, err = r.pointed(doc)
		}
	}
	if err != nil {
		return nil, err
	}
	if limit > 0 && int64(len(list)) > limit {
		list = list[:limit]
	}
	return list, nil
}

// pointed is the array in a document, at ItemsPointer if there is one (RFC 6901).
func (r *readerSpec) pointed(doc Value) (Array, error) {
	for _, name := range strings.Split(r.pointer, "/")[min(1, len(r.pointer)):] {
		if r.pointer == "" {
			break
		}
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		var ok bool
		switch parent := doc.(type) {
		case *Object:
			doc, ok = parent.Get(name)
		case Array:
			i, err := strconv.Atoi(name)
			doc, ok = item(parent, max(i, 0))
			ok = ok && err == nil
		}
		if !ok {
			return nil, errors.New("ItemsPointer '" + r.pointer + "' points at nothing")
		}
	}
	list, ok := doc.(Array)
	if !ok {
		return nil, errors.New("Attempting to map over non-iterable node.")
	}
	return list, nil
}

func jsonLines(text string) (Array, error) {
	list := Array{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		v, err := ParseValue([]byte(line))
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// csv makes an object of each row: columns beyond the headers are dropped, missing ones are empty.
func (r *readerSpec) csv(text string, limit int64) (Array, error) {
	d := csv.NewReader(strings.NewReader(text))
	d.Comma, d.LazyQuotes, d.FieldsPerRecord = r.delimiter, true, -1
	headers := r.headers
	if r.location != "GIVEN" {
		var err error
		if headers, err = d.Read(); err != nil {
			return nil, errors.New("the file has no header row")
		}
	}
	seen := make(map[string]bool)
	for _, h := range headers {
		if seen[h] {
			return nil, errors.New("CSV headers cannot contain duplicates.")
		}
		seen[h] = true
	}
	list := Array{}
	for limit <= 0 || int64(len(list)) < limit {
		row, err := d.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		o := &Object{}
		for i, h := range headers {
			cell := ""
			if i < len(row) {
				cell = row[i]
			}
			o.put(h, cell)
		}
		list = append(list, o)
	}
	return list, nil
}

// batches groups items: at most so many to a batch, at most so many bytes, 0 for no limit.
func batches(list Array, most, bytes int64, input *Value) Array {
	var groups Array
	var group Array
	used := int64(0)
	flush := func() {
		if len(group) == 0 {
			return
		}
		o := &Object{}
		if input != nil {
			o.put("BatchInput", *input)
		}
		o.put("Items", group)
		groups, group, used = append(groups, o), nil, 0
	}
	for _, v := range list {
		n := int64(sizeOf(v))
		if most > 0 && int64(len(group)) >= most || bytes > 0 && len(group) > 0 && used+n > bytes {
			flush()
		}
		group, used = append(group, v), used+n
	}
	flush()
	if groups == nil {
		return Array{}
	}
	return groups
}
