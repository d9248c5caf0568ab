package order_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/order"
	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// write writes a note about ord_1, as a good client does: until it knows.
func (s *stage) write(t roomtest.T, ctx context.Context, key, text, audience string) error {
	return s.Persist(func() error {
		_, err := s.orders.PostNote(ctx, &order.PostNoteIn{
			ID: "ord_1", Key: key, Body: order.NoteBody{Text: text, Audience: audience},
		})
		return err
	})
}

// read lists the texts that somebody may read.
func (s *stage) read(t *testing.T, ctx context.Context) string {
	t.Helper()
	var all []string
	if err := s.Persist(func() error {
		out, err := s.orders.GetNotes(ctx, &order.GetNotesIn{ID: "ord_1"})
		if err != nil {
			return err
		}
		all = nil
		for _, n := range out.Body.Items {
			all = append(all, n.Text)
		}
		return nil
	}); err != nil {
		t.Fatalf("read notes: %v", err)
	}
	return strings.Join(all, ", ")
}

// Goal: administrators and the order's dealers write notes, once a request; each reads what is for
// them, the customer only what is marked so; the text stands in no record or event in clear, and
// goes with the person. Method: one note of each kind, every request twice; default faults; the
// whole log and all records are searched; then the customer is erased.
func TestNotesAreReadByWhomTheyAreFor(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.place(t, "ord_1")
	admin, buyer := s.As(t, "adm_1", room.Admin()), s.buyer(t)
	ann, bob := s.As(t, "dlr_a", room.Dealer()), s.As(t, "dlr_b", room.Dealer())
	version := s.get(t, "ord_1").Version
	for i, n := range []struct {
		by             context.Context
		text, audience string
	}{
		{admin, "watch-this-one", ""}, {ann, "anns-own", "staff"}, {bob, "bobs-own", ""},
		{ann, "for-everybody", "customer"},
	} {
		for range 2 {
			if err := s.write(t, n.by, fmt.Sprint("n", i), n.text, n.audience); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, want := range map[string]struct {
		by    context.Context
		texts string
	}{
		"admin":  {admin, "watch-this-one, anns-own, bobs-own, for-everybody"},
		"dealer": {ann, "anns-own, for-everybody"},
		"other":  {bob, "bobs-own, for-everybody"},
		"buyer":  {buyer, "for-everybody"},
	} {
		if have := s.read(t, want.by); have != want.texts {
			t.Errorf("%s reads %q, want %q", name, have, want.texts)
		}
	}
	if s.get(t, "ord_1").Version != version {
		t.Errorf("a note changes the order's version")
	}
	for _, e := range s.EventsOf(t, "notes/ord_1") {
		if raw, err := room.Encode(e.Fact); err != nil || strings.Contains(string(raw), "-own") {
			t.Errorf("an event shows the text: %s, %v", raw, err)
		}
	}
	s.FoldEqualsState(t, s.orders)
	if err := s.Raw.Keys().Erase(t.Context(), "cus_1"); err != nil {
		t.Fatal(err)
	}
	if have := s.read(t, admin); have != ", , , " {
		t.Errorf("after the person was erased: %q", have)
	}
	if err := s.write(t, admin, "late", "x", ""); shop.CodeOf(err) != shop.Conflict {
		t.Errorf("a note about an erased person: %v", err)
	}
}

// Goal: what is no note is refused, nobody else learns that there is an order, and there is a last
// one. Method: each refusal; then a hundred and five, three at once.
func TestNotesAreBounded(t *testing.T) {
	t.Parallel()
	s := newStage(t, roomtest.Calm())
	s.place(t, "ord_1")
	admin := s.As(t, "adm_1", room.Admin())
	for i, r := range []struct {
		by             context.Context
		text, audience string
		code           shop.Code
	}{
		{s.As(t, "dlr_c", room.Dealer()), "x", "", shop.NotFound},
		{s.As(t, "cus_2", room.Customer()), "x", "", shop.NotFound},
		{s.buyer(t), "x", "customer", shop.Forbidden},
		{admin, "", "", shop.Invalid},
		{admin, strings.Repeat("x", 1001), "", shop.Invalid},
		{admin, "a\nb", "", shop.Invalid},
		{admin, "x", "dealers", shop.Invalid},
		{admin, "card 4242 4242 4242 4242", "", shop.Invalid},
	} {
		if err := s.write(t, r.by, fmt.Sprint("r", i), r.text, r.audience); shop.CodeOf(err) !=
			r.code {
			t.Errorf("refusal %d: %v, want %s", i, err, r.code)
		}
	}
	var (
		all     sync.WaitGroup
		mu      sync.Mutex
		refused int
	)
	slots := make(chan struct{}, 3) // more would wait for each other by a clock that stands still
	for i := range order.MaxNotes + 5 {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			err := s.write(t, admin, fmt.Sprint("n", i), "x", "")
			mu.Lock()
			defer mu.Unlock()
			if shop.CodeOf(err) == shop.Conflict && err != nil {
				refused++
			} else if err != nil {
				t.Errorf("note %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if n := len(s.EventsOf(t, "notes/ord_1")); n != order.MaxNotes || refused != 5 {
		t.Errorf("%d notes, %d refused", n, refused)
	}
	s.FoldEqualsState(t, s.orders)
}
