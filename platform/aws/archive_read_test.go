package aws

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/souk-commerce/souk/platform"
)

// looking opens a read-only platform in a cloud.
func looking(t *testing.T, s *stage) *Platform {
	t.Helper()
	o := s.o
	o.ReadOnly = true
	p, err := open(t.Context(), o, s.c.services)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// Goal: whoever looks on sees all that is committed, each event once, archived or not and while
// others archive it, and says how much was not. Method: events that are archived, more
// that are not; then they are archived in other segments than the onlooker made, and more come.
func TestLookingOnSeesWhatIsNotArchived(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	announce(t, s.Platform, "alpha", "thing/1", 1, 3)
	wantWhole(t, s.Platform, map[string]int64{"thing/1": 3})
	before := s.archiver.end()
	p := looking(t, s)
	for n := int64(4); n <= 6; n++ {
		announce(t, s.Platform, "alpha", "thing/1", n, n)
		announce(t, s.Platform, "gamma", "other/1", n-3, n-3)
		wantWhole(t, p, map[string]int64{"thing/1": n, "other/1": n - 3})
		if have, want := p.Unarchived(), int(2*(n-3)); have != want {
			t.Errorf("%d events are said not to be archived, want %d", have, want)
		}
	}
	cursor, err := p.History().Seek(t.Context(), time.Unix(1<<40, 0))
	if err != nil || cursor == "" {
		t.Errorf("the end of the log: %q, %v", cursor, err)
	}
	if err := s.archiver.drain(t.Context()); err != nil || s.archiver.end() == before {
		t.Fatalf("segment %d after %d, %v", s.archiver.end(), before, err)
	}
	announce(t, s.Platform, "alpha", "thing/1", 7, 7)
	wantWhole(t, p, map[string]int64{"thing/1": 7, "other/1": 3})
	if have := p.Unarchived(); have != 1 {
		t.Errorf("%d events are said not to be archived, want 1", have)
	}
}

// Goal: whoever looks on is told what is on its way to a subscription, and not what functions have
// relayed. Method: the state of a subscription with events that are archived and some that are not.
func TestLookingOnCountsWhatIsNotRelayed(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	announce(t, s.Platform, "alpha", "thing/1", 1, 3)
	wantWhole(t, s.Platform, map[string]int64{"thing/1": 3}) // archived, as by a function
	announce(t, s.Platform, "alpha", "thing/1", 4, 5)
	p := looking(t, s)
	sub := platform.Subscription{
		Name: "listens", Types: []string{"souk.alpha.done.v1"}, Retry: quickly(1),
		Handle: func(context.Context, platform.Event) error { return nil },
	}
	if err := s.c.subscribe(t.Context(), sub); err != nil {
		t.Fatal(err)
	}
	if err := p.Delivery().Subscribe(sub); err != nil {
		t.Fatal(err)
	}
	all, err := p.Delivery().Status(t.Context())
	if err != nil || len(all) != 1 || all[0].Pending != 2 {
		t.Errorf("the state is %+v, %v; want 2 pending", all, err)
	}
}

// Goal: whoever looks on changes nothing, whatever they call. Method: everything that writes, at a
// read-only platform, and the requests that left.
func TestLookingOnChangesNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	announce(t, s.Platform, "alpha", "thing/1", 1, 1)
	sub := platform.Subscription{
		Name: "listens", Types: []string{"t"}, Retry: quickly(1),
		Handle: func(context.Context, platform.Event) error { return nil },
	}
	err := errors.Join(s.c.subscribe(t.Context(), sub),
		s.c.makeQueue(t.Context(), "work", 3, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	p := looking(t, s)
	if err := p.Delivery().Subscribe(sub); err != nil {
		t.Fatal(err)
	}
	q, err := p.Queue("work", platform.QueuePolicy{MaxReceives: 3, Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	writes := []string{"TransactWriteItems", "UpdateItem", "DeleteItem", "PUT"}
	count := func() (n int) {
		for _, op := range writes {
			n += len(s.c.faults.Seen(op))
		}
		return n
	}
	was := count()
	wantWhole(t, p, map[string]int64{"thing/1": 1})
	for what, err := range map[string]error{
		"commit": p.Store("alpha").Commit(t.Context(), platform.Batch{Writes: []platform.Write{{
			Kind: platform.Put, Key: platform.Key{Part: "a"}, Value: []byte("v"),
		}}}),
		"pause": p.Delivery().Pause(t.Context(), sub.Name, true),
		"start": p.Delivery().Start(t.Context()),
		"send":  q.Send(t.Context(), platform.Message{ID: "1", Body: []byte("x")}, 0),
		"seal": func() error {
			_, err := p.Keys().Seal(t.Context(), "cus_1", []byte("x"))
			return err
		}(),
		"erase": p.Keys().Erase(t.Context(), "cus_1"),
		"file": func() error {
			_, err := p.Files().Put(t.Context(), bytes.NewReader([]byte("x")))
			return err
		}(),
	} {
		if !errors.Is(err, platform.ErrReadOnly) {
			t.Errorf("%s: %v, want %v", what, err, platform.ErrReadOnly)
		}
	}
	if n := count(); n != was {
		t.Errorf("%d writes left", n-was)
	}
}

// Goal: no segment of the archive can be changed, replaced or taken away without a trace. Method:
// an archive of five segments, written by two processes by turns; then each kind of damage to the
// second.
func TestTheArchiveIsChained(t *testing.T) {
	t.Parallel()
	p, _ := newPlatform(t, nil)
	two := []*Platform{p, another(t, p)}
	for n := int64(1); n <= 5; n++ {
		announce(t, p, "alpha", "thing/1", n, n)
		if err := two[n%2].archiver.drain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	look := func() (broken []int64) {
		n, err := another(t, p).CheckArchive(t.Context(), func(segment int64, _ string) {
			broken = append(broken, segment)
		})
		if err != nil || n != 5 {
			t.Fatalf("%d segments, %v; want 5", n, err)
		}
		return broken
	}
	if broken := look(); broken != nil {
		t.Errorf("a whole archive is broken at %v", broken)
	}
	client := s3.NewFromConfig(p.o.Config, func(o *s3.Options) { o.UsePathStyle = true })
	out, err := client.GetObject(t.Context(), &s3.GetObjectInput{
		Bucket: &p.o.Bucket, Key: segmentKey(2),
	})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, damage := range []struct {
		what string
		body []byte
		want []int64 // segments that tell
	}{
		{"data changed", bytes.Replace(whole, []byte("true"), []byte("null"), 1), []int64{3}},
		{"an event less", whole[:bytes.IndexByte(whole, '\n')+1], []int64{3}},
		{"another's number", bytes.Replace(whole, []byte(`"segment":2`), []byte(`"segment":4`), 1),
			[]int64{2}},
		{"other ancestors", bytes.Replace(whole, []byte(`"before":"`), []byte(`"before":"00`), 1),
			[]int64{2, 3}},
		{"none of it", []byte("{"), []int64{2}},
		{"as it was", whole, nil},
	} {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: &p.o.Bucket, Key: segmentKey(2), Body: bytes.NewReader(damage.body),
			ContentLength: awssdk.Int64(int64(len(damage.body))),
		})
		if err != nil {
			t.Fatal(err)
		}
		if have := look(); !slices.Equal(have, damage.want) {
			t.Errorf("%s: broken at %v, want %v", damage.what, have, damage.want)
		}
	}
}
