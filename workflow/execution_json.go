package workflow

import (
	"strconv"
	"time"
)

// AppendJSON writes the execution as json.Marshal would, several times faster: whoever keeps
// executions writes one for every step.
func (x *Execution) AppendJSON(b []byte) ([]byte, error) {
	w := &jsonWriter{b: b}
	w.open()
	w.text("id", x.ID)
	w.text("name", x.Name)
	w.text("machineId", x.MachineID)
	w.text("machine", x.Machine)
	w.optional("role", x.Role)
	w.moment("started", x.Started)
	w.count("redrives", int64(x.Redrives))
	w.value("input", x.Input.Value)
	w.text("status", string(x.Status))
	if x.Output != nil {
		w.value("output", x.Output.Value)
	}
	if x.Failure != nil {
		w.name("failure")
		w.failure(x.Failure)
	}
	w.later("stopped", x.Stopped)
	w.number("entered", x.Entered)
	w.number("events", x.Events)
	w.later("due", x.Due)
	if x.Root != nil {
		w.name("root")
		w.frame(x.Root)
	}
	w.flag("yielded", x.Yielded)
	w.close()
	return w.b, w.err
}

// jsonWriter writes an object member by member.
type jsonWriter struct {
	b   []byte
	err error // the first
}

func (w *jsonWriter) open()  { w.b = append(w.b, '{') }
func (w *jsonWriter) close() { w.b = append(w.b, '}') }

// name begins a member.
func (w *jsonWriter) name(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

func (w *jsonWriter) text(name, s string) {
	w.name(name)
	w.b = appendString(w.b, s)
}

func (w *jsonWriter) optional(name, s string) {
	if s != "" {
		w.text(name, s)
	}
}

func (w *jsonWriter) number(name string, n int64) {
	w.name(name)
	w.b = strconv.AppendInt(w.b, n, 10)
}

func (w *jsonWriter) count(name string, n int64) {
	if n != 0 {
		w.number(name, n)
	}
}

func (w *jsonWriter) flag(name string, yes bool) {
	if yes {
		w.name(name)
		w.b = append(w.b, "true"...)
	}
}

func (w *jsonWriter) moment(name string, t time.Time) {
	w.name(name)
	w.b = append(w.b, '"')
	w.b = t.AppendFormat(w.b, time.RFC3339Nano)
	w.b = append(w.b, '"')
}

func (w *jsonWriter) later(name string, t time.Time) {
	if !t.IsZero() {
		w.moment(name, t)
	}
}

func (w *jsonWriter) value(name string, v Value) {
	w.name(name)
	w.bare(v)
}

func (w *jsonWriter) bare(v Value) {
	b, err := appendJSON(w.b, v, 0)
	if err != nil {
		if w.err == nil {
			w.err = err
		}
		b = append(w.b, "null"...)
	}
	w.b = b
}

func (w *jsonWriter) failure(f *Failure) {
	w.open()
	if f.Code != nil {
		w.text("error", *f.Code)
	}
	if f.Cause != nil {
		w.text("cause", *f.Cause)
	}
	w.close()
}

// list writes a list of n.
func (w *jsonWriter) list(name string, n int, write func(i int)) {
	if n == 0 {
		return
	}
	w.name(name)
	w.b = append(w.b, '[')
	for i := range n {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		write(i)
	}
	w.b = append(w.b, ']')
}

// held writes a value that may be missing.
func (w *jsonWriter) held(h *Held) {
	if h == nil {
		w.b = append(w.b, "null"...)
		return
	}
	w.b = append(w.b, '[')
	w.bare(h.Value)
	w.b = append(w.b, ']')
}

func (w *jsonWriter) frame(f *Frame) {
	w.open()
	w.text("state", f.State)
	w.number("step", int64(f.Step))
	w.number("attempt", int64(f.Attempt))
	w.text("phase", string(f.Phase))
	w.moment("entered", f.Entered)
	w.number("since", f.Since)
	w.value("input", f.Input.Value)
	if f.Own != nil {
		w.value("vars", f.Own)
	}
	if len(f.Retries) > 0 {
		w.name("retries")
		w.b = append(w.b, '[')
		for i, n := range f.Retries {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.b = strconv.AppendInt(w.b, n, 10)
		}
		w.b = append(w.b, ']')
	}
	w.optional("token", f.Token)
	w.later("due", f.Due)
	w.later("limit", f.Limit)
	w.count("beat", f.Beat)
	w.later("beatDue", f.BeatDue)
	w.list("items", len(f.Items), func(i int) { w.bare(f.Items[i].Value) })
	w.list("results", len(f.Results), func(i int) { w.held(f.Results[i]) })
	w.children("children", f.Children)
	w.children("halted", f.Halted)
	w.children("again", f.Again)
	w.count("started", int64(f.Started))
	w.count("width", int64(f.Width))
	w.count("bad", int64(f.Bad))
	w.flag("batched", f.Batched)
	w.count("index", int64(f.Index))
	if f.Item != nil {
		w.name("item")
		w.held(f.Item)
	}
	w.flag("alone", f.Alone)
	w.count("events", f.Events)
	w.close()
}

func (w *jsonWriter) children(name string, children map[int]*Frame) {
	if len(children) == 0 {
		return
	}
	w.name(name)
	w.open()
	for i, child := range children {
		w.name(strconv.Itoa(i))
		if child == nil {
			w.b = append(w.b, "null"...)
			continue
		}
		w.frame(child)
	}
	w.close()
}
