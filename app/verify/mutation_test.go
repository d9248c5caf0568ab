package verify_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/app/verify"
)

// unseen lists the fields of facts that may change without anybody being able to tell: nothing else
// in the log or in the records follows from them. One that is caught after all fails the test.
func unseen() map[string]string {
	return map[string]string{
		"souk.fulfilment.return_inspected.v1.by":  "who looked is said nowhere else",
		"souk.fulfilment.return_received.v1.by":   "who took it in is said nowhere else",
		"souk.inventory.rejected.v1.available":    "it was true at the moment of refusal only",
		"souk.ledger.payout_check_due.v1.missing": "the room counts it to decide how it asks",
		"souk.ledger.payout_check_due.v1.round":   "the room counts it to decide how it asks",
		"souk.ledger.payout_due.v1.due":           "the payout that it makes keeps the day",
		"souk.ledger.payout_unresolved.v1.reason": "a word for a person; the outcome forgets it",
		"souk.notification.attempted.v1.at":       "the next attempt forgets it",
		"souk.notification.attempted.v1.claim":    "the next attempt forgets it",
		"souk.notification.refused.v1.reason":     "a word; the next attempt forgets it",
		"souk.notification.send_due.v1.attempt":   "the room compares it to decide what it does",
		"souk.notification.send_due.v1.order":     "it only says whose story the timer belongs to",
		"souk.order.held.v1.by":                   "the approval forgets it",
		"souk.order.held.v1.reason":               "a word for a person; the approval forgets it",
		"souk.payment.case_opened.v1.reason":      "a word for a person; an open case keeps it",
		"souk.payment.case_closed.v1.resolution":  "a word for a person",
		"souk.payment.check_due.v1.missing":       "the room counts it to decide how it asks",
		"souk.payment.check_due.v1.round":         "the room counts it to decide how it asks",
	}
}

// Goal: no fact can be changed unnoticed. Method: of every kind of fact, every field is changed
// once, where it first occurs; the changed history must not be clean, in the order of its commits
// and in another.
func TestNoFieldChangesUnnoticed(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it verifies some 480 histories; make test runs it")
	}
	tp := recorded(t, 36)
	t.Run("in order", func(t *testing.T) {
		t.Parallel()
		changeFields(t, tp, func(*verify.Input) {})
	})
	t.Run("in any order", func(t *testing.T) {
		t.Parallel()
		seed := 0
		changeFields(t, tp, func(in *verify.Input) { seed++; shuffle(in, seed) })
	})
}

func changeFields(t *testing.T, tp *tape, change func(*verify.Input)) {
	var (
		allowed = unseen()
		tried   = make(map[string]bool)
		missed  = make(map[string]bool)
	)
	for i, e := range tp.events {
		decoder := json.NewDecoder(bytes.NewReader(e.Data))
		decoder.UseNumber()
		var payload any
		if err := decoder.Decode(&payload); err != nil {
			t.Fatal(err)
		}
		leaves(payload, e.Type, func(path string, old any, set func(any)) {
			if tried[path] {
				return
			}
			tried[path] = true
			set(other(path, old))
			bad := tp.copy()
			bad.events[i].Data = encode(payload)
			set(old)
			if bad.unnoticed(t, change) {
				missed[path] = true
				if allowed[path] == "" {
					t.Errorf("%s can change from %v to %v unnoticed", path, old, other(path, old))
				}
			}
		})
	}
	for _, path := range slices.Sorted(maps.Keys(allowed)) {
		if tried[path] && !missed[path] && path != "souk.payment.case_opened.v1.reason" {
			t.Errorf("%s is seen after all: take it off the list", path)
		}
	}
	t.Logf("%d fields were changed, %d unnoticed", len(tried), len(missed))
}

// unnoticed reports whether nothing is found. Most changes show in the structure, which is checked
// in less time.
func (tp *tape) unnoticed(t *testing.T, change func(*verify.Input)) bool {
	t.Helper()
	only := func(in *verify.Input) {
		change(in)
		in.Structural = true
	}
	return tp.verify(t, only).Clean() && tp.verify(t, change).Clean()
}

// leaves calls do for every value in a payload that has no others in it.
func leaves(v any, path string, do func(path string, old any, set func(any))) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			at := path + "." + name
			if isLeaf(v[name]) {
				do(at, v[name], func(to any) { v[name] = to })
			} else {
				leaves(v[name], at, do)
			}
		}
	case []any:
		for i := range v {
			if isLeaf(v[i]) {
				do(path+"[]", v[i], func(to any) { v[i] = to })
			} else {
				leaves(v[i], path+"[]", do)
			}
		}
	}
}

func isLeaf(v any) bool {
	switch v.(type) {
	case map[string]any, []any, nil:
		return false
	}
	return true
}

// other is another value of the same kind.
func other(path string, old any) any {
	switch old := old.(type) {
	case json.Number:
		n, err := old.Int64()
		if err != nil {
			panic(err)
		}
		return n + 1
	case bool:
		return !old
	}
	text, _ := old.(string)
	switch {
	case strings.HasSuffix(strings.ToLower(path), ".currency"):
		return "EUR"
	case strings.HasSuffix(path, ".box"):
		return "AAAA"
	case strings.HasSuffix(text, "Z") && strings.Count(text, ":") == 2:
		return "2026-03-01T09:00:00Z"
	}
	return text + "x"
}
