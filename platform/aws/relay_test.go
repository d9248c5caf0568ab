package aws

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/souk-commerce/souk/platform"
)

// shelf is an archive in memory, which may be broken.
type shelf struct {
	ids []string
	err error
}

func (s *shelf) archive(_ context.Context, events []platform.Event) error {
	if s.err != nil {
		return s.err
	}
	for _, e := range events {
		s.ids = append(s.ids, e.ID)
	}
	return nil
}

// Goal: nothing is on the bus that is not in the archive. Method: an archive that is broken, and
// then well.
func TestArchiveComesFirst(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	w := s.declare(t, "all", false, quickly(1), func(context.Context, platform.Event) error {
		return nil
	})
	log := s.committed(t, happened("a", 1), happened("b", 1))
	broken := errors.New("the bucket is gone")
	kept := &shelf{err: broken}
	o := s.d.o.Relay.o
	o.Archive = kept
	relay := newRelay(o)
	failed, err := relay.Handle(t.Context(), log)
	if !slices.Equal(failed, []int{0, 1}) || !errors.Is(err, broken) {
		t.Errorf("failed: %v, %v; want both", failed, err)
	}
	if n := len(s.receive(t, w.place.URL)); n != 0 {
		t.Errorf("%d events were published without being archived", n)
	}
	kept.err = nil
	if failed, err = relay.Handle(t.Context(), log); len(failed) != 0 || err != nil {
		t.Errorf("failed: %v, %v", failed, err)
	}
	n := len(s.receive(t, w.place.URL))
	if n != 2 || !slices.Equal(kept.ids, []string{"a-1", "b-1"}) {
		t.Errorf("%d were published, archived: %v", n, kept.ids)
	}
}
