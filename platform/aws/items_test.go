package aws

import (
	"bytes"
	"cmp"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/platform"
)

// Goal: every string of bytes can be a partition: it is UTF-8 in the table, comes back, keeps its
// order, is at most doubled, and is itself when it is ASCII. Method: pairs at random.
func TestWideKeepsBytesAndTheirOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(name string) string {
			return string(rapid.SliceOf(rapid.Byte()).Draw(rt, name))
		}
		a, b := draw("a"), draw("b")
		back, err := narrow(wide(a))
		if err != nil || back != a || !utf8.ValidString(wide(a)) || len(wide(a)) > 2*len(a) {
			rt.Fatalf("%q becomes %q, and then %q: %v", a, wide(a), back, err)
		}
		if cmp.Compare(wide(a), wide(b)) != cmp.Compare(a, b) {
			rt.Fatalf("%q and %q change places", a, b)
		}
		if strings.IndexFunc(a, func(r rune) bool { return r > 0x7F }) < 0 && wide(a) != a {
			rt.Fatalf("%q is ASCII, and becomes %q", a, wide(a))
		}
	})
	if _, err := narrow("€"); err == nil {
		t.Error("a key that no bytes make was read")
	}
}

// Goal: an event comes back from the archive as it went in, byte for byte, whatever its data is.
// Method: data that JSON encoders like to change, and times and numbers at their ends.
func TestSegmentsKeepEventsAsTheyAre(t *testing.T) {
	t.Parallel()
	s := segment{head: header{Number: 7, Until: 9, At: map[string]string{"souk/shard": "12"}}}
	for _, data := range []string{
		"", "{}", `{"a": 1}`, " {}", "{}\n", "{\n}", "null", `"<&>"`, "not JSON", "\x00\xff",
		"\"\xff\"", `{"a":1,"a":2}`, `"\u2028"`, "1e400", `"` + strings.Repeat("x", 70_000) + `"`,
	} {
		s.events = append(s.events, platform.Event{
			ID: "<id>", Type: "souk.alpha.done.v1", Subject: "a\x00ä\n", Sequence: math.MaxInt64,
			Time: time.Unix(0, math.MaxInt64).UTC(), Correlation: "c", Causation: "d",
			Idempotency: "e", TraceParent: "f", Data: []byte(data),
		})
	}
	body, err := s.encode()
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(body, []byte("\n")); n != len(s.events)+1 {
		t.Errorf("%d lines for %d events and a header", n, len(s.events))
	}
	back, err := decodeSegment(body)
	if err != nil || back.head.Number != 7 || back.head.Until != 9 ||
		back.head.At["souk/shard"] != "12" || len(back.events) != len(s.events) {
		t.Fatalf("header %+v with %d events: %v", back.head, len(back.events), err)
	}
	for i, e := range back.events {
		want := s.events[i]
		if !bytes.Equal(e.Data, want.Data) {
			t.Errorf("data %q became %q", want.Data, e.Data)
		}
		e.Data, want.Data = nil, nil
		if e.ID != want.ID || e.Subject != want.Subject || e.Sequence != want.Sequence ||
			!e.Time.Equal(want.Time) || e.Correlation != want.Correlation ||
			e.Causation != want.Causation || e.Idempotency != want.Idempotency ||
			e.TraceParent != want.TraceParent || e.Type != want.Type {
			t.Errorf("event\n have %+v\n want %+v", e, want)
		}
	}
	for name, bad := range map[string][]byte{
		"empty": nil, "cut": body[:len(body)-3], "no header": []byte("x\n"),
	} {
		if _, err := decodeSegment(bad); err == nil {
			t.Errorf("a segment that is %s was read", name)
		}
	}
}

// Goal: Options that cannot work are refused before anything is asked. Method: one fault each.
func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(o *Options){
		"no table":        func(o *Options) { o.Table = "" },
		"no bucket":       func(o *Options) { o.Bucket = "" },
		"no rooms":        func(o *Options) { o.Rooms = nil },
		"a room twice":    func(o *Options) { o.Rooms = append(o.Rooms, o.Rooms[0]) },
		"a bad name":      func(o *Options) { o.Rooms[0].Name = "al/pha" },
		"a long name":     func(o *Options) { o.Rooms[0].Name = strings.Repeat("a", 41) },
		"no sweep":        func(o *Options) { o.SweepEvery = -1 },
		"no shards":       func(o *Options) { o.TimerShards = -1 },
		"a nameless room": func(o *Options) { o.Rooms[0].Name = "" },
	} {
		o := options(newCloud(t).cfg, "souk")
		change(&o)
		if _, err := openStore(t.Context(), o); err == nil {
			t.Errorf("options with %s were taken", name)
		}
	}
	p, _ := newPlatform(t, nil)
	err := p.Store("nobody").Commit(t.Context(), platform.Batch{})
	if err == nil || !platform.Known(err) {
		t.Errorf("a room that nobody declared commits: %v", err)
	}
}
