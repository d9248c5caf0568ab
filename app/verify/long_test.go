package verify_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/platform"
)

// tight verifies a tape as if it were a long one: its ids do not fit into one reading, nor what
// differs into one comparison.
func (tp *tape) tight(t testing.TB) *verify.Report {
	t.Helper()
	var r *verify.Report
	tp.verify(t, func(in *verify.Input) {
		var err error
		if r, err = verify.RunWithin(t.Context(), *in, int64(len(tp.events)/4), 60); err != nil {
			t.Fatal(err)
		}
	})
	return r
}

// saying is what a report says, but for how long it took. Two findings at one place are in no
// order, and nor is what a schema says of several members.
func saying(r *verify.Report) string {
	var b strings.Builder
	for _, i := range r.Invariants {
		fmt.Fprintln(&b, i.ID, i.Checked, i.Broken, i.Open)
	}
	var all []string
	for _, f := range r.Findings() {
		if f.Invariant == "I6" {
			f.Message = ""
		}
		all = append(all, fmt.Sprintf("%+v", f))
	}
	slices.Sort(all)
	fmt.Fprintln(&b, strings.Join(all, "\n"), r.Money, r.Events, r.Records, r.Orders, r.Payments,
		r.Shipments, r.Notes)
	return b.String()
}

// Goal: a long log is judged as a short one is. Method: every corruption of the log and of the
// records, with the usual room and with little; both must say the same.
func TestLongLogsAreReadInParts(t *testing.T) {
	t.Parallel()
	tp := recorded(t, 36)
	if a, b := saying(tp.verify(t, nil)), saying(tp.tight(t)); a != b {
		t.Errorf("nothing is wrong:\n%s\nin parts:\n%s", a, b)
	}
	for _, c := range corruptLog() {
		bad := tp.copy()
		c.change(bad)
		if a, b := saying(bad.verify(t, nil)), saying(bad.tight(t)); a != b {
			t.Errorf("%s %s:\n%s\nin parts:\n%s", c.law, c.name, a, b)
		}
	}
}

// Goal: nothing is kept of an order that has ended. Method: count what is kept when the last event
// was read.
func TestOrdersAreLetGo(t *testing.T) {
	t.Parallel()
	tp := recorded(t, 36)
	tp.verify(t, func(in *verify.Input) {
		kept, err := verify.Kept(t.Context(), *in)
		if err != nil {
			t.Fatal(err)
		}
		if kept > 0 {
			t.Errorf("of %d orders something is kept for no reason", kept)
		}
	})
}

// Goal: records count for what they say. Method: every record is written with other white space,
// as another version may do, and with little room to compare them; then one says something else.
func TestRecordsMayBeWrittenDifferently(t *testing.T) {
	t.Parallel()
	tp := recorded(t, 36).copy()
	for i := range tp.records {
		var b bytes.Buffer
		if r := &tp.records[i]; json.Indent(&b, r.Value, "", "\t") == nil {
			r.Value = b.Bytes()
		}
	}
	if r := tp.tight(t); !r.Clean() || len(r.Notes) > 0 {
		t.Errorf("nothing is wrong:\n%s", r)
	}
	tp.edits("payment/", func(r *platform.Record) bool {
		return field(r, "customer", func(json.RawMessage) any { return "cus_x" })
	})
	r := tp.tight(t)
	i := slices.IndexFunc(r.Invariants, func(i verify.Invariant) bool { return i.Broken > 0 })
	if i < 0 || r.Invariants[i].ID != "I5" || r.Invariants[i].Broken != 1 {
		t.Errorf("a customer was changed:\n%s", r)
	}
}
