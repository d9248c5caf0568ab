package batch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/cmd/souk-lambda/batch"
	"github.com/souk-commerce/souk/platform"
)

// Goal: a worker is given what the source says of each message, and only what it names comes again.
// Method: a batch of two, with every answer that a worker can give.
func TestMessages(t *testing.T) {
	t.Parallel()
	const raw = `{"Records":[
		{"messageId":"a","receiptHandle":"r-a","body":"one","attributes":
			{"ApproximateReceiveCount":"3","SentTimestamp":"1700000000000"},
		 "messageAttributes":{"type":{"stringValue":"souk.order.placed.v2","dataType":"String"}}},
		{"messageId":"b","receiptHandle":"r-b","body":"two"}]}`
	for _, one := range []struct {
		failed []string
		err    error
		want   string // "": the whole batch comes again
	}{
		{nil, nil, `{"batchItemFailures":[]}`},
		{[]string{"b"}, nil, `{"batchItemFailures":[{"itemIdentifier":"b"}]}`},
		{[]string{"c"}, nil, ""},
		{nil, errors.New("no table"), ""},
	} {
		out, err := batch.Messages(t.Context(), []byte(raw),
			func(_ context.Context, list []batch.Message) ([]string, error) {
				a := list[0]
				if len(list) != 2 || a.ID != "a" || a.Receipt != "r-a" || a.Body != "one" ||
					a.Attempts != 3 || !a.Sent.Equal(time.UnixMilli(1700000000000)) ||
					a.Attributes["type"] != "souk.order.placed.v2" || list[1].Attempts != 0 {
					t.Errorf("the batch: %+v", list)
				}
				return one.failed, one.err
			})
		if string(out) != one.want || (err != nil) != (one.want == "") {
			t.Errorf("%v, %v: %s, %v", one.failed, one.err, out, err)
		}
	}
	for _, raw := range []string{``, `{}`, `[]`, `{"Records":[{}]}`} {
		if _, err := batch.Messages(t.Context(), []byte(raw), nil); err == nil {
			t.Errorf("%s was a batch", raw)
		}
	}
}

// Goal: events leave a stream in order, and what follows the first that did not comes again; a
// record that cannot be read lets nothing overtake it. Method: four records, one of which is no
// event, with a bus that stops at each place and a record that is broken.
func TestStream(t *testing.T) {
	t.Parallel()
	record := func(sequence int, body string) string {
		return fmt.Sprintf(`{"eventName":"INSERT","dynamodb":{"SequenceNumber":"s%d",`+
			`"NewImage":{"e":{"S":%q}}}}`, sequence, body)
	}
	decode := func(r batch.Record) (e platform.Event, ok bool, err error) {
		switch body := *r.Image["e"].S; body {
		case "broken":
			return e, false, errors.New("it is broken")
		case "row":
			return e, false, nil
		default:
			return platform.Event{ID: body}, true, nil
		}
	}
	for _, one := range []struct {
		records string
		done    int // events that the bus takes
		carried string
		stop    string
	}{
		{"a row b c", 9, "a b c", ""},
		{"a row b c", 0, "", "s0"},
		{"a row b c", 1, "a", "s2"},
		{"a row b c", 2, "a b", "s3"},
		{"a broken b c", 9, "a", "s1"},
		{"broken a", 9, "", "s0"},
		{"a b broken", 1, "a", "s1"},
		{"row row", 9, "", ""},
	} {
		var records, carried []string
		for i, body := range strings.Fields(one.records) {
			records = append(records, record(i, body))
		}
		out, err := batch.Stream(t.Context(),
			[]byte(`{"Records":[`+strings.Join(records, ",")+`]}`), decode,
			func(_ context.Context, events []platform.Event) (int, error) {
				done := min(one.done, len(events))
				for _, e := range events[:done] {
					carried = append(carried, e.ID)
				}
				if done < len(events) {
					return done, errors.New("the bus refuses")
				}
				return done, nil
			}, func(string, ...any) {})
		want := `{"batchItemFailures":[]}`
		if one.stop != "" {
			want = `{"batchItemFailures":[{"itemIdentifier":"` + one.stop + `"}]}`
		}
		if err != nil || string(out) != want || strings.Join(carried, " ") != one.carried {
			t.Errorf("%s with %d: %s %v, carried %v", one.records, one.done, out, err, carried)
		}
	}
}

// Goal: a sweep ends in time and says that there is more. Method: a clock that moves with each
// sweep.
func TestSweepEndsInTime(t *testing.T) {
	t.Parallel()
	end := time.Now().Add(time.Hour)
	ctx, cancel := context.WithDeadline(t.Context(), end)
	defer cancel()
	now, sweeps := end.Add(-12*time.Second), 0
	out, err := batch.Sweep(ctx, func() time.Time { return now },
		func(context.Context) (int, error) {
			sweeps++
			now = now.Add(4 * time.Second)
			return 10, nil
		})
	if err != nil || string(out) != `{"fired":20,"more":true}` || sweeps != 2 {
		t.Errorf("%s %v after %d sweeps", out, err, sweeps)
	}
}
