package answer_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/cmd/souk-lambda/answer"
	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/workflow"
	"github.com/souk-commerce/souk/workflow/durable"
)

const question = `{"shipment": "shp_1", "attempt": {"execution": "arn:x:1", "state": "Refund",
	"entered": "2026-11-27T10:00:00.123Z"}}`

// keyOf is the key with which a question is passed on.
func keyOf(t *testing.T, payload string) (key string) {
	t.Helper()
	h := answer.With("payment.refund", func(
		_ context.Context, c durable.Call,
	) (workflow.Value, error) {
		key = c.Key
		return workflow.NewObject("refund", "rfn_1"), nil
	})
	if out, err := h(t.Context(), []byte(payload)); err != nil ||
		string(out) != `{"refund":"rfn_1"}` {
		t.Fatalf("%s, %v", out, err)
	}
	return key
}

// Goal: one attempt has one key, however often and in whatever order it is written, and every other
// attempt another. Method: the same question twice, and with each part of its attempt changed.
func TestOneKeyForOneAttempt(t *testing.T) {
	t.Parallel()
	first := keyOf(t, question)
	for _, c := range first {
		if c < '!' || c > '~' {
			t.Errorf("no door takes the key %q", first)
		}
	}
	for _, same := range []string{question, strings.Replace(question, "shp_1", "shp_2", 1),
		`{"attempt": {"entered": "2026-11-27T10:00:00.123Z", "state": "Refund",
			"execution": "arn:x:1"}}`} {
		if key := keyOf(t, same); key != first {
			t.Errorf("%s has another key", same)
		}
	}
	for old, changed := range map[string]string{
		"arn:x:1": "arn:x:2", `"Refund"`: `"Refund again"`, "00.123Z": "00.124Z",
		`"state"`: `"item": 7, "state"`,
	} {
		if keyOf(t, strings.Replace(question, old, changed, 1)) == first {
			t.Errorf("with %s it has the same key", changed)
		}
	}
}

// Goal: a machine sees a refusal by its code, and everything else as something that it has to ask
// again; what has no attempt is not done. Method: a task that fails, and questions that lack parts.
func TestFailuresAreTold(t *testing.T) {
	t.Parallel()
	ask := func(payload string, fails error) (string, bool) {
		called := false
		h := answer.With("payment.refund", func(
			context.Context, durable.Call,
		) (workflow.Value, error) {
			called = true
			return nil, fails
		})
		_, err := h(t.Context(), []byte(payload))
		if f, ok := errors.AsType[*function.Failure](err); ok {
			return f.Type, called
		}
		if err == nil {
			t.Fatal("it did not fail")
		}
		return "", called
	}
	if code, _ := ask(question, workflow.NewFailure("conflict", "no")); code != "conflict" {
		t.Errorf("a refusal is %q", code)
	}
	if code, _ := ask(question, errors.New("the store is away")); code != "" {
		t.Errorf("what nobody knows is %q", code)
	}
	for _, part := range []string{`"execution"`, `"state"`, `"entered"`, `"attempt"`} {
		code, called := ask(strings.Replace(question, part, `"other"`, 1), errors.New("called"))
		if code != "invalid" || called {
			t.Errorf("without %s: %q, called %v", part, code, called)
		}
	}
	if code, called := ask(`[]`, errors.New("called")); code != "invalid" || called {
		t.Errorf("a list: %q, called %v", code, called)
	}
}

// Goal: a person learns the question and the token. Method: what the log has after one, and that a
// question without a token is refused.
func TestAskingTellsTheToken(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := answer.Asking(slog.New(slog.NewJSONHandler(&log, nil)))
	out, err := h(t.Context(), []byte(`{"question": "refund?", "token": "AQC4"}`))
	if err != nil || string(out) != "null" {
		t.Errorf("%s, %v", out, err)
	}
	for _, want := range []string{answer.Asked, "refund?", "AQC4"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q: %s", want, log.String())
		}
	}
	if _, err := h(t.Context(), []byte(`{"question": "refund?"}`)); err == nil {
		t.Error("a question that nobody can answer was taken")
	}
}
