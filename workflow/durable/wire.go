package durable

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/souk-commerce/souk/workflow"
)

// An event holds values as texts of JSON, as the service's own histories do. So a contract can say
// what an event is without saying what machines may carry. Events are written by hand, since every
// step writes one, and read seldom: who runs in the process is handed the page itself.

func (p *advanced) encode() []byte {
	b := make([]byte, 0, 512)
	b = append(b, `{"execution":`...)
	b = appendText(b, p.Execution)
	for i := range p.History {
		b = append(b, separator(i, `,"history":[`)...)
		b = p.History[i].append(b)
	}
	if len(p.History) > 0 {
		b = append(b, ']')
	}
	for i := range p.Calls {
		b = append(b, separator(i, `,"calls":[`)...)
		b = p.Calls[i].append(b)
	}
	if len(p.Calls) > 0 {
		b = append(b, ']')
	}
	return append(b, '}')
}

// separator is what stands before the i-th element of a list.
func separator(i int, open string) string {
	if i == 0 {
		return open
	}
	return ","
}

func (e *Entry) append(b []byte) []byte {
	b = append(b, `{"number":`...)
	b = strconv.AppendInt(b, e.Number, 10)
	b = appendMember(b, "type", e.Type)
	b = appendTime(append(b, `,"at":`...), e.At.UTC())
	b = appendOptional(b, "id", e.ID)
	b = appendOptional(b, "state", e.State)
	if e.Input != nil {
		b = appendMember(b, "input", workflow.Text(e.Input.Value))
	}
	if e.Output != nil {
		b = appendMember(b, "output", workflow.Text(e.Output.Value))
	}
	if e.Variables != nil {
		b = appendMember(b, "variables", workflow.Text(e.Variables))
	}
	if e.Failure != nil {
		b = appendMember(b, "failure", failureText(e.Failure))
	}
	return append(appendNumber(b, "index", int64(e.Index)), '}')
}

func (c *announced) append(b []byte) []byte {
	b = append(b, `{"kind":`...)
	b = appendText(b, string(c.Kind))
	b = appendMember(b, "id", c.ID)
	b = appendOptional(b, "state", c.State)
	b = appendNumber(b, "attempt", int64(c.Attempt))
	b = appendOptional(b, "resource", c.Resource)
	b = appendOptional(b, "token", c.Token)
	b = appendMember(b, "input", workflow.Text(c.Input.Value))
	return append(appendNumber(b, "timeoutNs", int64(c.Timeout)), '}')
}

func failureText(f *workflow.Failure) string {
	b := []byte{'{'}
	if f.Code != nil {
		b = appendText(append(b, `"error":`...), *f.Code)
	}
	if f.Cause != nil {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = appendText(append(b, `"cause":`...), *f.Cause)
	}
	return string(append(b, '}'))
}

func appendMember(b []byte, name, value string) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return appendText(b, value)
}

func appendOptional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendMember(b, name, value)
}

func appendNumber(b []byte, name string, n int64) []byte {
	if n == 0 {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return strconv.AppendInt(b, n, 10)
}

// appendText writes a JSON string. Bytes that are no UTF-8 become U+FFFD.
func appendText(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[from:i]...), "\uFFFD"...)
				from = i + 1
			}
			i += size
			continue
		}
		b = append(b, s[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		from = i
	}
	return append(append(b, s[from:]...), '"')
}

// encode writes a state as its tags say, by hand: every step writes one.
func (st *state) encode() ([]byte, error) {
	b := make([]byte, 0, 1024)
	b, err := st.Execution.AppendJSON(append(b, `{"execution":`...))
	if err != nil {
		return nil, err
	}
	b = append(b, `,"version":`...)
	b = strconv.AppendInt(b, int64(st.Version), 10)
	b = appendMember(b, "definition", st.Definition)
	b = appendOptional(b, "chain", st.Chain)
	b = append(b, `,"sequence":`...)
	b = strconv.AppendInt(b, st.Sequence, 10)
	b = append(b, `,"records":`...)
	b = strconv.AppendInt(b, st.Records, 10)
	open := `,"calls":{`
	for id, c := range st.Calls {
		b = appendText(append(b, open...), id)
		b = append(b, `:{"kind":`...)
		b = appendText(b, string(c.Kind))
		b = appendMember(b, "resource", c.Resource)
		b = appendMember(b, "state", c.State)
		b = appendOptional(b, "token", c.Token)
		if c.Handed {
			b = append(b, `,"handed":true`...)
		}
		b, open = append(b, '}'), ","
	}
	if len(st.Calls) > 0 {
		b = append(b, '}')
	}
	open = `,"alarms":{`
	for id, at := range st.Alarms {
		b = append(appendText(append(b, open...), id), ':')
		b, open = appendTime(b, at), ","
	}
	if len(st.Alarms) > 0 {
		b = append(b, '}')
	}
	if !st.Timer.IsZero() {
		b = appendTime(append(b, `,"timer":`...), st.Timer)
	}
	return append(b, '}'), nil
}

func appendTime(b []byte, t time.Time) []byte {
	return append(t.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

// wirePage is a page as an event has it.
type wirePage struct {
	Execution string      `json:"execution"`
	History   []wireEntry `json:"history"`
	Calls     []wireCall  `json:"calls"`
}

type wireEntry struct {
	Number    int64     `json:"number"`
	Type      string    `json:"type"`
	At        time.Time `json:"at"`
	ID        string    `json:"id"`
	State     string    `json:"state"`
	Input     string    `json:"input"`
	Output    string    `json:"output"`
	Variables string    `json:"variables"`
	Failure   string    `json:"failure"`
	Index     int       `json:"index"`
}

type wireCall struct {
	Kind     workflow.CommandKind `json:"kind"`
	ID       string               `json:"id"`
	State    string               `json:"state"`
	Attempt  int                  `json:"attempt"`
	Resource string               `json:"resource"`
	Token    string               `json:"token"`
	Input    string               `json:"input"`
	Timeout  time.Duration        `json:"timeoutNs"`
}

// decodePage reads what encode wrote.
func decodePage(raw []byte) (*advanced, error) {
	var w wirePage
	if err := json.Unmarshal(raw, &w); err != nil {
		return nil, err
	}
	p := &advanced{Execution: w.Execution}
	for i := range w.History {
		e, err := w.History[i].entry()
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", w.History[i].Number, err)
		}
		p.History = append(p.History, e)
	}
	for _, c := range w.Calls {
		input, err := dataOf(c.Input)
		if err != nil {
			return nil, fmt.Errorf("call %s: %w", c.ID, err)
		}
		call := announced{
			Kind: c.Kind, ID: c.ID, State: c.State, Attempt: c.Attempt, Resource: c.Resource,
			Token: c.Token, Timeout: c.Timeout,
		}
		if input != nil {
			call.Input = *input
		}
		p.Calls = append(p.Calls, call)
	}
	return p, nil
}

func (w *wireEntry) entry() (Entry, error) {
	e := Entry{
		Number: w.Number, Type: w.Type, At: w.At, ID: w.ID, State: w.State, Index: w.Index,
	}
	var err error
	if e.Input, err = dataOf(w.Input); err != nil {
		return e, err
	}
	if e.Output, err = dataOf(w.Output); err != nil {
		return e, err
	}
	if w.Variables != "" {
		e.Variables = &workflow.Object{}
		if err := e.Variables.UnmarshalJSON([]byte(w.Variables)); err != nil {
			return e, err
		}
	}
	if w.Failure != "" {
		e.Failure = &workflow.Failure{}
		if err := json.Unmarshal([]byte(w.Failure), e.Failure); err != nil {
			return e, err
		}
	}
	return e, nil
}

// dataOf reads a value; nil where there is none.
func dataOf(text string) (*workflow.Data, error) {
	if text == "" {
		return nil, nil
	}
	v, err := workflow.ParseValue([]byte(text))
	if err != nil {
		return nil, err
	}
	return &workflow.Data{Value: v}, nil
}
