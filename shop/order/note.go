package order

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// The bounds of notes.
const (
	MaxNotes = 100  // of one order
	maxNote  = 1000 // characters of one
)

// Who reads a note. Its author and administrators always do.
const (
	forStaff    = "staff"
	forCustomer = "customer" // and the dealers of the order
)

// note is what somebody wrote down about an order. It never changes.
type note struct {
	Note     int64               `json:"note"`
	Text     shop.Sealed[string] `json:"text"`
	By       shop.ID             `json:"by"`
	Dealer   bool                `json:"dealer,omitempty"`
	Audience string              `json:"audience"`
	At       time.Time           `json:"at"`
}

// notes counts them: two that are written at once follow each other.
type notes struct {
	Notes int64 `json:"notes"`
}

func notesKey(id shop.ID) platform.Key { return platform.Key{Part: string(id), Sort: "notes"} }

func noteKey(id shop.ID, n int64) platform.Key {
	return platform.Key{Part: string(id), Sort: fmt.Sprintf("note/%03d", n)}
}

func applyNoted(tx *room.Tx, f *event.OrderNoted) {
	room.Put(tx, notesKey(f.Order), &notes{Notes: f.Note})
	room.Put(tx, noteKey(f.Order, f.Note), &note{
		Note: f.Note, Text: f.Text, By: f.By, Dealer: f.Dealer, Audience: f.Audience, At: f.At,
	})
}

// NoteBody is something to be written down.
type NoteBody struct {
	Text     string `json:"text" minLength:"1" maxLength:"1000" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*$"`
	Audience string `json:"audience,omitempty" enum:",staff,customer" doc:"staff if left out: its author and administrators"`
}

// PostNoteIn is POST /v1/orders/{id}/notes.
type PostNoteIn struct {
	ID   string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Key  string `header:"Idempotency-Key" maxLength:"255"`
	Body NoteBody
}

// NoteView is a note. Its text is only in the answer to a GET, and is gone with the customer.
type NoteView struct {
	Note     int64     `json:"note"`
	By       shop.ID   `json:"by"`
	Dealer   bool      `json:"dealer,omitempty" doc:"a dealer of the order wrote it"`
	Audience string    `json:"audience" enum:"staff,customer"`
	At       time.Time `json:"at"`
	Text     string    `json:"text,omitempty" doc:"missing when the customer was erased"`
}

func viewNote(n *note) NoteView {
	return NoteView{
		Note: n.Note, By: n.By, Dealer: n.Dealer, Audience: n.Audience, At: n.At,
	}
}

// PostNote writes a note about an order: POST /v1/orders/{id}/notes. An administrator, a machine of
// the operator's or a dealer of the order may; to everybody else the order does not exist, and its
// customer is refused.
func (s *Service) PostNote(ctx context.Context, in *PostNoteIn) (*AnswerOut, error) {
	by := room.CallerOf(ctx)
	fingerprint, err := room.Fingerprint([]any{in.ID, in.Body})
	if err != nil {
		return nil, err
	}
	once, err := newOnce(by, "POST /v1/orders/{id}/notes", in.Key, fingerprint)
	if err != nil {
		return nil, err
	}
	f, err := s.noted(ctx, shop.ID(in.ID), by, in.Body)
	if err != nil {
		return nil, err
	}
	err = s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		if found, err := once.recall(ctx, tx); err != nil || found {
			return err
		}
		count, err := room.Get[notes](ctx, tx, notesKey(f.Order))
		if err != nil {
			return err
		}
		f.Note = 1
		if count != nil {
			f.Note = count.Notes + 1
		}
		if f.Note > MaxNotes {
			return shop.Errorf(shop.Conflict, "an order has at most %d notes", MaxNotes)
		}
		if err := tx.Announce(ctx, f, f.Note); err != nil {
			return err
		}
		raw, err := room.Encode(viewNote(&note{ // without the text, since it is stored
			Note: f.Note, By: f.By, Dealer: f.Dealer, Audience: f.Audience, At: f.At,
		}))
		if err != nil {
			return err
		}
		once.answer = room.Answer{Status: http.StatusCreated, Body: raw}
		once.Remember(tx, once.answer, tx.Now())
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := once.out(once.answer)
	out.Location = ""
	return out, nil
}

// noted checks and seals a note.
func (s *Service) noted(
	ctx context.Context, id shop.ID, by room.Caller, in NoteBody,
) (*event.OrderNoted, error) {
	o, err := s.readable(ctx, id, by)
	if err != nil {
		return nil, err
	}
	if by.May(room.Customer()) {
		return nil, shop.Errorf(shop.Forbidden, "only the market and its dealers write notes")
	}
	if err := shop.CheckText("text", in.Text, 1, maxNote); err != nil {
		return nil, err
	}
	if shop.LooksLikeCard(in.Text) {
		return nil, shop.Errorf(shop.Invalid,
			"the text holds what looks like a card number; nothing was kept")
	}
	audience := in.Audience
	switch audience {
	case "":
		audience = forStaff
	case forStaff, forCustomer:
	default:
		return nil, shop.Errorf(shop.Invalid,
			"a note is for staff or customer, not for %q", audience)
	}
	text, err := shop.Seal(ctx, s.desk.Keys, o.Customer, in.Text)
	switch {
	case errors.Is(err, platform.ErrErased):
		return nil, shop.Errorf(shop.Conflict,
			"customer %s was erased: nothing is written down about them any more", o.Customer)
	case err != nil:
		return nil, err
	}
	return &event.OrderNoted{
		Order: o.ID, Text: text, By: by.ID, Dealer: by.May(room.Dealer()), Audience: audience,
		At: s.now(),
	}, nil
}

// readable returns an order whose notes by may see at all: find, and the dealers of its lines.
func (s *Service) readable(
	ctx context.Context, id shop.ID, by room.Caller,
) (*Order, error) {
	tx := s.desk.Begin(room.Cause{})
	if !by.May(room.Dealer()) {
		return find(ctx, tx, id, by)
	}
	o, err := load(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	if o == nil {
		return nil, noSuch(id)
	}
	b, err := loadBody(ctx, tx, o)
	if err != nil {
		return nil, err
	}
	for _, l := range b.Lines {
		if l.Dealer == by.ID {
			return o, nil
		}
	}
	return nil, noSuch(id)
}

// GetNotesIn asks for the notes of an order.
type GetNotesIn struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
}

// GetNotesOut is what was written down about an order.
type GetNotesOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Items []NoteView `json:"items" maxItems:"100"`
	}
}

// GetNotes lists the notes of an order that the caller may read, oldest first:
// GET /v1/orders/{id}/notes.
func (s *Service) GetNotes(ctx context.Context, in *GetNotesIn) (*GetNotesOut, error) {
	by, id := room.CallerOf(ctx), shop.ID(in.ID)
	if _, err := s.readable(ctx, id, by); err != nil {
		return nil, err
	}
	recs, err := s.desk.Store.List(ctx, platform.Query{
		Part: string(id), After: "note/", Limit: MaxNotes,
	})
	if err != nil {
		return nil, fmt.Errorf("list the notes of %s: %w", id, err)
	}
	out := &GetNotesOut{CacheControl: "private, no-store"}
	out.Body.Items = make([]NoteView, 0, len(recs))
	for _, rec := range recs {
		if rec.Key.Sort >= "note0" { // the records behind them, '0' comes after '/'
			break
		}
		var n note
		if err := room.Decode(rec.Value, &n); err != nil {
			return nil, fmt.Errorf("decode %s/%s: %w", rec.Key.Part, rec.Key.Sort, err)
		}
		if !n.seenBy(by) {
			continue
		}
		v := viewNote(&n)
		v.Text, err = n.Text.Open(ctx, s.desk.Keys)
		if err != nil && !errors.Is(err, platform.ErrErased) {
			return nil, fmt.Errorf("open note %d of %s: %w", n.Note, id, err)
		}
		out.Body.Items = append(out.Body.Items, v)
	}
	return out, nil
}

// seenBy reports whether somebody who may see the order may read the note.
func (n *note) seenBy(by room.Caller) bool {
	return n.Audience == forCustomer || by.May(room.Admin(), room.ServiceRole()) || n.By == by.ID
}
