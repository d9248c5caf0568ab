package aws

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/platform"
)

// forbidden is S3's answer to a role that may not write.
func forbidden(r *http.Request, _ http.RoundTripper) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusForbidden, Request: r, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(`<Error><Code>AccessDenied</Code></Error>`)),
	}, nil
}

// Goal: nothing is on the bus that is not in the archive. Method: a relay function whose archive is
// broken, and then well; what is archived is read by a process that drains nothing itself.
func TestArchiveComesFirst(t *testing.T) {
	t.Parallel()
	s := newStage(t, false)
	w := s.declare(t, "all", false, quickly(1), func(context.Context, platform.Event) error {
		return nil
	})
	events := []platform.Event{happened("a", 1), happened("b", 1)}
	s.announce(t, events...)
	s.c.faults.Plan(http.MethodPut, forbidden)
	failed, err := s.Relay().Handle(t.Context(), events)
	if !slices.Equal(failed, []int{0, 1}) || err == nil || codeOf(err) != "AccessDenied" {
		t.Errorf("failed: %v, %v; want both", failed, err)
	}
	if n := len(s.receive(t, w.place.URL)); n != 0 {
		t.Errorf("%d events were published without being archived", n)
	}
	if failed, err = s.Relay().Handle(t.Context(), events); len(failed) != 0 || err != nil {
		t.Errorf("failed: %v, %v", failed, err)
	}
	o := s.o
	o.Functions = true
	reader, err := open(t.Context(), o, s.c.services)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for n := int64(1); ; n++ {
		segment, err := reader.archiver.read(t.Context(), n)
		if errors.Is(err, platform.ErrCorrupt) {
			break // there is no such segment
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range segment.events {
			kept = append(kept, e.ID)
		}
	}
	slices.Sort(kept)
	n := len(s.receive(t, w.place.URL))
	if n != 2 || !slices.Equal(kept, []string{"a-1", "b-1"}) {
		t.Errorf("%d were published, archived: %v", n, kept)
	}
}
