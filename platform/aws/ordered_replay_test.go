package aws

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// Goal: a replay to an ordered subscription brings each subject's events again in order, from the
// moment on. Method: three subjects, all handled, replay from the middle.
func TestOrderedReplay(t *testing.T) {
	t.Parallel()
	s := newStage(t, true)
	in := &record{}
	s.declare(t, "ordered", true, quickly(1), func(_ context.Context, e platform.Event) error {
		in.add(e.ID)
		return nil
	})
	s.start(t)
	var middle time.Time
	for seq := range int64(10) {
		if seq == 5 {
			s.clock.Advance(time.Hour)
			middle = s.clock.Now()
		}
		for _, subject := range []string{"a", "b", "c"} {
			s.announce(t, happened(subject, seq+1))
		}
	}
	s.until(t, "everything", soon, func() bool { return len(in.all()) >= 30 })
	n, err := s.d.Replay(t.Context(), "ordered", middle, false)
	if n != 15 || err != nil {
		t.Fatalf("replayed %d, %v; want 15", n, err)
	}
	s.until(t, "the second half again", soon, func() bool { return len(in.all()) >= 45 })
	again := in.all()[30:]
	for _, subject := range []string{"a", "b", "c"} {
		var have []string
		for _, id := range again {
			if strings.HasPrefix(id, subject) {
				have = append(have, id)
			}
		}
		want := []string{"6", "7", "8", "9", "10"}
		for i := range want {
			want[i] = subject + "-" + want[i]
		}
		if !slices.Equal(have, want) {
			t.Errorf("again: %v, want %v", have, want)
		}
	}
}

// Goal: a replay that meets a walk under way brings what was asked for again and nothing older, in
// order, though the cursor that is stored is where the walk began. Method: a walk over ten events
// that stands at the last one while a replay asks for the sixth and those behind it.
func TestReplayMeetsAWalk(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	in, standing, goOn := &record{}, make(chan struct{}), make(chan struct{})
	w := s.declare(t, "ordered", true, quickly(1), func(_ context.Context, e platform.Event) error {
		if in.add(e.ID) == 1 && e.Sequence == 10 {
			close(standing)
			<-goOn
		}
		return nil
	})
	for seq := range int64(5) {
		s.announce(t, happened("thing", seq+1))
	}
	s.clock.Advance(time.Hour)
	var later []platform.Event
	for seq := range int64(5) {
		later = append(later, happened("thing", seq+6))
	}
	log := s.committed(t, later...)
	if failed, err := s.d.o.Relay.Handle(t.Context(), log[:1]); len(failed) > 0 || err != nil {
		t.Fatal(failed, err)
	}
	ended, batch := make(chan []string, 1), s.receive(t, w.place.URL)
	go func() { ended <- w.Handle(t.Context(), batch) }()
	<-standing
	n, err := s.d.Replay(t.Context(), "ordered", s.clock.Now(), false)
	if n != 5 || err != nil {
		t.Fatalf("replayed %d, %v; want 5", n, err)
	}
	close(goOn)
	if failed := <-ended; len(failed) > 0 {
		t.Fatalf("failed: %v", failed)
	}
	batch = s.receive(t, w.place.URL) // the wake-up
	if failed := w.Handle(t.Context(), batch); len(batch) != 1 || len(failed) > 0 {
		t.Fatalf("%d messages, failed: %v", len(batch), failed)
	}
	var want []string
	for _, seq := range []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 6, 7, 8, 9, 10} {
		want = append(want, happened("thing", seq).ID)
	}
	if have := in.all(); !slices.Equal(have, want) {
		t.Errorf("handled: %v, want %v", have, want)
	}
}
