package workflow

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// task reads what only a Task has (states-language.net, "Task State").
func (c *compiler) task(f *fields, s *state) {
	t := &taskSpec{}
	s.task = t
	resource, ok := f.text("Resource")
	switch {
	case !ok:
		c.bad(f.at, "", "These fields are required: [Resource]")
	case s.jsonata && isExpression(resource):
		t.resourceOf = c.expression(resource, "Resource", f.at+"/Resource")
	default:
		t.resource = resource
		c.resource(resource, f.at+"/Resource")
	}
	t.timeout = f.integer("TimeoutSeconds", intField{least: 1, most: 99999999})
	t.heartbeat = f.integer("HeartbeatSeconds", intField{least: 1, most: 99999999})
	if t.timeout != nil && t.heartbeat != nil && t.timeout.literal != nil && t.heartbeat.literal != nil &&
		compareNumbers(*t.heartbeat.literal, *t.timeout.literal) >= 0 {
		c.bad(f.at+"/HeartbeatSeconds", "", "HeartbeatSeconds must be smaller than TimeoutSeconds")
	}
	if o, ok := f.object("Credentials"); ok {
		_, plain := o.Get("RoleArn")
		_, computed := o.Get("RoleArn.$")
		if !plain && !computed {
			c.bad(f.at+"/Credentials", "", "The field 'RoleArn' is required but was missing")
		}
		t.credentials = f.template("Credentials")
	}
}

// choice reads Choices and Default (states-language.net, "Choice State").
func (c *compiler) choice(f *fields, s *state) {
	n, given := f.list("Choices", func(r *fields) { s.choices = append(s.choices, c.topRule(r)) })
	switch {
	case !given:
		c.bad(f.at, "", "These fields are required: [Choices]")
	case n == 0:
		c.bad(f.at+"/Choices", "add a rule, or use a Pass state", "Choices must have at least one rule")
	}
	s.fallback, _ = f.text("Default")
}

// wait reads the one field that says how long (states-language.net, "Wait State").
func (c *compiler) wait(f *fields) *waitSpec {
	w := &waitSpec{
		seconds:   f.integer("Seconds", intField{least: 0, most: 99999999}),
		timestamp: f.dynamicText("Timestamp"),
	}
	given := 0
	for _, name := range []string{"Seconds", "SecondsPath", "Timestamp", "TimestampPath"} {
		if _, ok := f.o.Get(name); ok {
			given++
		}
	}
	if given != 1 {
		c.bad(f.at, "give Seconds, SecondsPath, Timestamp or TimestampPath",
			"a Wait state needs exactly one field that says how long, not %d", given)
	}
	t := w.timestamp
	if t == nil || t.path != nil || t.expression != nil || t.call != nil {
		return w
	}
	if _, err := parseTimestamp(t.literal); err != nil {
		c.bad(f.at+"/Timestamp", "write it as 2026-01-31T12:00:00Z",
			"Value %q is not a timestamp: %v", shorten(t.literal), err)
	}
	return w
}

// parseTimestamp reads an ISO-8601 date and time with an offset, as the service does: the seconds
// may be missing, their fraction may have up to nine digits.
func parseTimestamp(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil && !strings.Contains(s, ",") {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("it must be an ISO-8601 extended offset date-time")
}

// parallel reads Branches (states-language.net, "Parallel State").
func (c *compiler) parallel(f *fields, s *state) {
	n, given := f.list("Branches", func(b *fields) {
		p := &program{}
		c.program(b, p)
		b.text("Comment")
		b.rest("")
		s.branches = append(s.branches, p)
	})
	switch {
	case !given:
		c.bad(f.at, "", "These fields are required: [Branches]")
	case n == 0:
		c.bad(f.at+"/Branches", "", "Branches must have at least one branch")
	}
}

// retry reads the retriers (states-language.net, "Retrying after error").
func (c *compiler) retry(f *fields, s *state) {
	f.list("Retry", func(r *fields) {
		one := &retrier{errors: c.errorEquals(r), interval: 1, attempts: 3, backoff: 2}
		whole := func(name string, least int64, to *int64) {
			was := c.jsonata
			c.jsonata = false // a retrier takes literals only
			n := r.integer(name, intField{least: least, most: 99999999, noPath: true})
			c.jsonata = was
			if n != nil {
				*to, _ = n.literal.Int64()
			}
		}
		whole("IntervalSeconds", 1, &one.interval)
		whole("MaxAttempts", 0, &one.attempts)
		whole("MaxDelaySeconds", 1, &one.maxDelay)
		if v, ok := r.value("BackoffRate"); ok {
			n, isNumber := v.(Number)
			x, _ := n.Float64()
			if !isNumber || x < 1 {
				c.bad(r.at+"/BackoffRate", "", "BackoffRate must be a number of 1.0 or more")
			}
			one.backoff = x
		}
		if one.maxDelay > 0 && one.maxDelay <= one.interval {
			c.bad(r.at+"/MaxDelaySeconds", "", "MaxDelaySeconds must be greater than IntervalSeconds")
		}
		if j, ok := r.text("JitterStrategy"); ok {
			if j != "FULL" && j != "NONE" {
				c.bad(r.at+"/JitterStrategy", "", "JitterStrategy must be FULL or NONE, not %q", shorten(j))
			}
			one.jitter = j == "FULL"
		}
		r.text("Comment")
		r.rest("of a retrier")
		s.retry = append(s.retry, one)
	})
	for i, r := range s.retry {
		c.wildcard(r.errors, i == len(s.retry)-1, fmt.Sprintf("%s/Retry[%d]", f.at, i))
	}
}

// catch reads the catchers (states-language.net, "Fallback states").
func (c *compiler) catch(f *fields, s *state) {
	f.list("Catch", func(k *fields) {
		one := &catcher{errors: c.errorEquals(k)}
		var ok bool
		if one.next, ok = k.text("Next"); !ok {
			c.bad(k.at, "", "These fields are required: [Next]")
		}
		if c.jsonata {
			one.output = k.template("Output")
		} else {
			one.resultPath = k.referenceOrNull("ResultPath")
		}
		one.assign = k.assign()
		k.text("Comment")
		k.rest("of a catcher in " + languageName(c.jsonata))
		s.catch = append(s.catch, one)
	})
	for i, k := range s.catch {
		c.wildcard(k.errors, i == len(s.catch)-1, fmt.Sprintf("%s/Catch[%d]", f.at, i))
	}
}

func (c *compiler) errorEquals(f *fields) []string {
	v, ok := f.value("ErrorEquals")
	list, isList := v.(Array)
	switch {
	case !ok:
		c.bad(f.at, "", "These fields are required: [ErrorEquals]")
	case !isList || len(list) == 0:
		c.bad(f.at+"/ErrorEquals", "", "ErrorEquals must be an array of at least one error name")
	}
	var names []string
	for i, item := range list {
		name, ok := item.(string)
		if !ok {
			c.bad(fmt.Sprintf("%s/ErrorEquals[%d]", f.at, i), "", "an error name must be a string")
			continue
		}
		names = append(names, name)
	}
	return names
}

// wildcard holds States.ALL to its rule: alone, and last.
func (c *compiler) wildcard(names []string, last bool, at string) {
	if slices.Contains(names, ErrorAll) && (len(names) > 1 || !last) {
		c.bad(at+"/ErrorEquals", "give it a last element of its own",
			"States.ALL must appear alone and in the last element")
	}
}

// mapState reads what only a Map has (states-language.net, "Map State").
func (c *compiler) mapState(f *fields, s *state) {
	m := &mapSpec{}
	s.maps = m
	if s.jsonata {
		if m.items = f.template("Items"); m.items != nil && m.items.expression == nil && m.items.list == nil {
			c.bad(f.at+"/Items", "", "Items must be an array or a JSONata expression")
		}
	} else {
		m.itemsPath = f.path("ItemsPath")
	}
	m.selector = f.template("ItemSelector")
	if !s.jsonata {
		if legacy := f.template("Parameters"); legacy != nil {
			if m.selector != nil {
				c.bad(f.at, "remove Parameters, the older name", "a Map has ItemSelector or Parameters, not both")
			}
			m.selector = legacy
		}
	}
	c.processor(f, m)
	m.concurrency = f.integer("MaxConcurrency", intField{least: 0, most: 99999999})
	m.tolerate = f.integer("ToleratedFailureCount", intField{least: 0, most: 1 << 53})
	m.percentage = f.integer("ToleratedFailurePercentage", intField{least: 0, most: 100, float: true})
	m.label, _ = f.text("Label")
	c.label(m.label, f.at+"/Label")
	m.reader, m.batcher, m.writer = c.reader(f), c.batcher(f), c.writer(f)
	if !m.distributed && (m.reader != nil || m.batcher != nil || m.writer != nil) {
		c.bad(f.at, `set "Mode": "DISTRIBUTED" in ProcessorConfig`,
			"ItemReader, ItemBatcher and ResultWriter need a distributed Map")
	}
}

// processor reads ItemProcessor, or Iterator, its older name.
func (c *compiler) processor(f *fields, m *mapSpec) {
	name := "ItemProcessor"
	o, ok := f.object(name)
	if legacy, old := f.object("Iterator"); old {
		if ok {
			c.bad(f.at, "remove Iterator, the older name", "a Map has ItemProcessor or Iterator, not both")
		}
		name, o, ok = "Iterator", legacy, true
	}
	if !ok {
		c.bad(f.at, "", "These fields are required: [ItemProcessor]")
		return
	}
	p := c.fields(o, f.at+"/"+name)
	if config, ok := p.object("ProcessorConfig"); ok {
		g := c.fields(config, p.at+"/ProcessorConfig")
		mode, given := g.text("Mode")
		if given && mode != "INLINE" && mode != "DISTRIBUTED" {
			c.bad(g.at+"/Mode", "", "Mode must be INLINE or DISTRIBUTED, not %q", shorten(mode))
		}
		m.distributed = mode == "DISTRIBUTED"
		kind, given := g.text("ExecutionType")
		switch {
		case given && kind != string(Standard) && kind != string(Express):
			c.bad(g.at+"/ExecutionType", "", "ExecutionType must be STANDARD or EXPRESS, not %q", shorten(kind))
		case m.distributed && !given:
			c.bad(g.at, "", "These fields are required: [ExecutionType]")
		}
		m.express = kind == string(Express)
		g.rest("of ProcessorConfig")
	}
	if m.distributed && c.options.Type == Express {
		c.bad(p.at, "", "Express state machine does not support distributed Map states")
	}
	p.text("Comment")
	m.processor = &program{}
	outer := c.options.Type
	if m.express {
		c.options.Type = Express
	}
	c.program(p, m.processor)
	c.options.Type = outer
	p.rest("")
}

// label judges the name of a Map's runs: at most 40 characters, none that a resource name forbids.
func (c *compiler) label(s, at string) {
	const most = 40
	if n := utf8.RuneCountInString(s); n > most {
		c.bad(at, "", "Label cannot exceed %d characters, and has %d", most, n)
	}
	for _, r := range s {
		if strings.ContainsRune(" ?*<>{}[]:;,\\|^~$#%&`\"/", r) || unicode.IsControl(r) || unicode.IsSpace(r) {
			c.bad(at, "", "Label contains invalid character: '%c'", r)
			return
		}
	}
}
