package aws

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/aws/awstest"
	"github.com/souk-commerce/souk/platform/keying"
)

func (s *stage) queue(t *testing.T) *queue {
	t.Helper()
	q, err := s.Queue("q", platform.QueuePolicy{MaxReceives: 3, Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return q.(*queue)
}

func (s *stage) take(t *testing.T, q *queue) []platform.Received {
	t.Helper()
	got, err := q.Receive(t.Context(), 10, time.Minute, 0)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Goal: every event comes out of its message as it went in, and the message is one that SQS takes.
// Method: random events, also with data that encoders like to change.
func TestEventsSurviveTheirMessage(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 40, 200)
		e := platform.Event{
			ID: rapid.StringN(1, 40, 200).Draw(t, "id"), Type: kindA,
			Subject: text.Draw(t, "subject"), Sequence: rapid.Int64Range(0, 1<<40).Draw(t, "seq"),
			Time:        time.Unix(0, rapid.Int64Range(0, 1<<62).Draw(t, "time")).UTC(),
			Correlation: text.Draw(t, "correlation"), Causation: text.Draw(t, "causation"),
			Idempotency: text.Draw(t, "idempotency"), TraceParent: text.Draw(t, "trace"),
			Data: []byte(rapid.SampledFrom([]string{
				`{"a":1}`, `{ "a" : 1.0 }`, `"<&>\u2028"`, "\"\u2028\uFFFE\"", "null", "1e400",
				`{"b":1,"a":2,"b":3}`, "not JSON", "\x00\xff", "[]\n",
			}).Draw(t, "data")),
		}
		again := rapid.Bool().Draw(t, "again")
		wire, err := packEvent(ctx, s.f, e, again)
		if err != nil {
			t.Fatal(err)
		}
		if !isMessageText([]byte(wire)) {
			t.Fatalf("SQS would refuse %q", wire)
		}
		have, haveAgain, err := unpackEvent(ctx, s.f, wire)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have.Data, e.Data) {
			t.Fatalf("data %q became %q", e.Data, have.Data)
		}
		have.Data = e.Data
		if haveAgain != again || !sameFields(have, e) {
			t.Fatalf("%+v became %+v", e, have)
		}
	})
}

func sameFields(a, b platform.Event) bool {
	return a.ID == b.ID && a.Type == b.Type && a.Subject == b.Subject &&
		a.Sequence == b.Sequence && a.Time.Equal(b.Time) && a.Correlation == b.Correlation &&
		a.Causation == b.Causation && a.Idempotency == b.Idempotency &&
		a.TraceParent == b.TraceParent
}

// Goal: any body comes back whole, however large. Method: the largest text, the largest of bytes
// that are no text, which no message can carry, and line ends.
func TestQueueBodies(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	q := s.queue(t)
	bodies := map[string][]byte{
		"text":  bytes.Repeat([]byte("ä"), platform.MaxMessageBytes/2),
		"bytes": bytes.Repeat([]byte{0, 0xff}, platform.MaxMessageBytes/2),
		"lines": []byte("a\r\nb\nc\uFFFF"), "empty": nil,
	}
	for id, body := range bodies {
		m := platform.Message{ID: id, Body: body}
		if err := q.Send(t.Context(), m, 0); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
	}
	got := s.take(t, q)
	for _, r := range got {
		if !bytes.Equal(r.Body, bodies[r.ID]) {
			t.Errorf("%s came back changed", r.ID)
		}
	}
	if len(got) != len(bodies) || len(s.c.s3.Keys()) != 1 {
		t.Errorf("%d messages, %d files; want %d and 1", len(got), len(s.c.s3.Keys()), len(bodies))
	}
}

// Goal: a send that is throttled has no effect and says so; one that crashed before SQS had the
// message is made good by the next; a message is in hand once, whatever SQS doubles. Method: each.
func TestQueueSendBreaks(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	q := s.queue(t)
	m := platform.Message{ID: "a", Body: []byte("body")}
	fault := func(op string) func(string) error {
		return func(have string) error {
			if have == op {
				return awstest.Throttled()
			}
			return nil
		}
	}
	s.c.sqs.SetFaults(awstest.SQSFaults{Call: fault("SendMessage")})
	if err := q.Send(t.Context(), m, 0); !errors.Is(err, platform.ErrThrottled) {
		t.Errorf("a throttled send: %v", err)
	}
	s.c.sqs.SetFaults(awstest.SQSFaults{})
	if got := s.take(t, q); len(got) != 0 {
		t.Fatalf("received %v", got)
	}
	// A crash after the row: nobody withdraws it, and SQS has nothing.
	crashed := newEntry("a", s.clock.Now(), time.Hour)
	if err := q.put(t.Context(), crashed, platform.Absent); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second finds it confirmed
		if err := q.Send(t.Context(), m, 0); err != nil {
			t.Fatal(err)
		}
	}
	// The crashed one had reached SQS after all: twice the same message.
	if _, err := s.c.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: aws.String(q.o.URL), MessageBody: aws.String("=body"),
		MessageAttributes: crashed.attributes(),
	}); err != nil {
		t.Fatal(err)
	}
	got := slices.Concat(s.take(t, q), s.take(t, q))
	if len(got) != 1 || string(got[0].Body) != "body" {
		t.Fatalf("received %+v, want one", got)
	}
	// SQS forgets the deletion; the message is void all the same.
	s.c.sqs.SetFaults(awstest.SQSFaults{Call: fault("DeleteMessage")})
	if err := q.Delete(t.Context(), got[0].Receipt); err != nil {
		t.Errorf("delete: %v", err)
	}
	s.c.sqs.SetFaults(awstest.SQSFaults{})
	s.clock.Advance(2 * time.Minute)
	if got := s.take(t, q); len(got) != 0 {
		t.Errorf("a deleted message came again: %+v", got)
	}
	if d, err := q.Depth(t.Context()); err != nil || d != (platform.QueueDepth{}) {
		t.Errorf("depth: %+v, %v", d, err)
	}
}

// Goal: eight that send the same id at once leave one message. Method: as said, ten times.
func TestQueueSameID(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	q := s.queue(t)
	for range 10 {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				m := platform.Message{ID: "same", Body: []byte("body")}
				if err := q.Send(t.Context(), m, 0); err != nil {
					t.Errorf("send: %v", err)
				}
			})
		}
		all.Wait()
		got := slices.Concat(s.take(t, q), s.take(t, q))
		if len(got) != 1 {
			t.Fatalf("received %d messages, want one", len(got))
		}
		if err := q.Delete(t.Context(), got[0].Receipt); err != nil {
			t.Fatal(err)
		}
	}
}

// Goal: a file whose bytes changed is not handed out as if they had not, a throttled bucket says
// so, and healing needs no more than putting it again after the damage was removed. Method: damage
// and faults in the bucket.
func TestDamagedFile(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	content := strings.Repeat("content ", 300_000)
	digest, err := s.f.Put(t.Context(), strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if !s.c.s3.Damage(s.f.key(digest), []byte(content[1:])) {
		t.Fatal("the object is not where it is looked for")
	}
	r, err := s.f.Open(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = io.Copy(io.Discard, r); !errors.Is(err, platform.ErrCorrupt) {
		t.Errorf("read: %v, want that it is corrupt", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	s.c.s3.SetFault(func(op, _ string) error {
		return &smithy.GenericAPIError{Code: "SlowDown", Message: op}
	})
	_, err = s.f.Put(t.Context(), strings.NewReader("x"))
	if !errors.Is(err, platform.ErrThrottled) {
		t.Errorf("put: %v, want that it is throttled", err)
	}
	if _, err = s.f.Open(t.Context(), digest); !errors.Is(err, platform.ErrThrottled) {
		t.Errorf("open: %v, want that it is throttled", err)
	}
}

// Goal: an erased person's key is forgotten by other processes too, in time; a wrapped key opens
// for its person only. Method: two sets of keys over the same rows; rows that are swapped.
func TestKeysOfTwoProcesses(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	other := newKeys(s.k.o)
	box, err := s.k.Seal(t.Context(), "ann", []byte("of ann"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := other.Open(t.Context(), "ann", box); string(plain) != "of ann" {
		t.Fatal(err)
	}
	before := s.c.kms.Calls.Load()
	for range 10 {
		if _, err := other.Open(t.Context(), "ann", box); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.c.kms.Calls.Load() - before; n != 0 {
		t.Errorf("ten boxes of one person cost %d calls of KMS, want none", n)
	}
	if err := s.k.Erase(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(keyMemory)
	for _, k := range []*keys{s.k, other} {
		if _, err := k.Open(t.Context(), "ann", box); !errors.Is(err, platform.ErrErased) {
			t.Errorf("open after erasing: %v", err)
		}
	}
	if _, err := s.k.Seal(t.Context(), "bob", nil); err != nil {
		t.Fatal(err)
	}
	r, err := s.rows.getRow(t.Context(), personPart+"bob", personSort)
	if err != nil {
		t.Fatal(err)
	}
	r.PK = personPart + "mallory"
	if err := s.rows.putRow(t.Context(), r, platform.Absent); err != nil {
		t.Fatal(err)
	}
	_, err = s.k.Seal(t.Context(), "mallory", nil)
	if !errors.Is(err, platform.ErrCorrupt) {
		t.Errorf("a row of another person: %v, want that it is corrupt", err)
	}
	s.c.kms.SetFault(func(string) error { return awstest.Throttled() })
	_, err = s.k.Seal(t.Context(), "carl", nil)
	if !errors.Is(err, platform.ErrThrottled) {
		t.Errorf("a throttled KMS: %v", err)
	}
}

// Goal: signing keys are rotated and retired by any process, and others see it in time. Method: two
// sets of keys over the same rows; more rotations than keys are kept.
func TestSigningKeysRotate(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	other := newKeys(s.k.o)
	message := []byte("a token")
	signature, first, err := s.k.Sign(t.Context(), message)
	if err != nil {
		t.Fatal(err)
	}
	second, err := other.Rotate(t.Context())
	if err != nil || second == first {
		t.Fatalf("rotate: %q after %q, %v", second, first, err)
	}
	s.clock.Advance(keyMemory)
	if _, id, err := s.k.Sign(t.Context(), message); err != nil || id != second {
		t.Errorf("signed with %s, want %s: %v", id, second, err)
	}
	public, err := s.k.PublicKeys(t.Context())
	if err != nil || !ed25519.Verify(public[first], message, signature) {
		t.Errorf("the old signature does not verify: %v", err)
	}
	if err := s.k.Retire(t.Context(), second); !errors.Is(err, platform.ErrInvalid) {
		t.Errorf("retire the current key: %v", err)
	}
	if err := s.k.Retire(t.Context(), first); err != nil {
		t.Error(err)
	}
	if err := s.k.Retire(t.Context(), first); !errors.Is(err, platform.ErrNotFound) {
		t.Errorf("retire twice: %v", err)
	}
	var all sync.WaitGroup
	for _, k := range []*keys{s.k, other} {
		all.Go(func() {
			for range keying.MaxSigning {
				if _, err := k.Rotate(t.Context()); err != nil {
					t.Errorf("rotate: %v", err)
				}
			}
		})
	}
	all.Wait()
	public, err = newKeys(s.k.o).PublicKeys(t.Context())
	if err != nil || len(public) != keying.MaxSigning || public[second] != nil {
		t.Errorf("%d keys, want %d without the oldest: %v", len(public), keying.MaxSigning, err)
	}
}

// Goal: a message that SQS hands out twice at once is in one hand, and gone when that deletes it.
// Method: a queue that leaves every message visible at its first receipt.
func TestQueueDoubles(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	q := s.queue(t)
	seen := &record{}
	s.c.sqs.SetFaults(awstest.SQSFaults{Double: func(body string) bool {
		return seen.add(body) == 1
	}})
	for _, id := range []string{"a", "b", "c"} {
		m := platform.Message{ID: id, Body: []byte("of " + id)}
		if err := q.Send(t.Context(), m, 0); err != nil {
			t.Fatal(err)
		}
	}
	got := slices.Concat(s.take(t, q), s.take(t, q))
	if len(got) != 3 || len(seen.all()) != 6 {
		t.Fatalf("%d in hand, SQS handed out %d; want 3 of 6", len(got), len(seen.all()))
	}
	for _, r := range got {
		if err := q.Delete(t.Context(), r.Receipt); err != nil {
			t.Errorf("delete %s: %v", r.ID, err)
		}
	}
	s.clock.Advance(2 * time.Minute)
	if got := s.take(t, q); len(got) != 0 {
		t.Errorf("deleted messages came again: %+v", got)
	}
}
