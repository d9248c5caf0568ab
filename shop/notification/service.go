package notification

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync/atomic"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/notification/internal/wording"
	"github.com/souk-commerce/souk/shop/room"
)

// MaxPage bounds one page of a mailbox.
const MaxPage = 100

// Service is the room. It is safe for concurrent use.
type Service struct {
	desk *room.Desk
	opt  Options
	nums numbers
	book *wording.Book
	dir  directory // of endpoints
	gate gate      // for what is on its way to them

	musts map[string]bool     // topics that nobody can leave; never changed
	kinds map[string]hookKind // by the type of their event; never changed

	hooks hookNumbers
}

var _ room.Room = (*Service)(nil)

// New opens the room at its desk, whose Apply it sets to its own.
func New(desk *room.Desk, opt Options) *Service {
	opt.Policy = opt.Policy.orDefault()
	if opt.Jitter == nil {
		opt.Jitter = anyWait
	}
	opt.Hooks = opt.Hooks.orDefault()
	if opt.Chance == nil {
		opt.Chance = rand.Reader
	}
	s := &Service{
		desk: desk, opt: opt, book: new(wording.Book), musts: make(map[string]bool),
		kinds: hookKindsByType(),
	}
	for _, t := range Topics() {
		s.musts[t.Name] = t.Must
	}
	desk.Apply = s.Apply
	return s
}

// Name implements room.Room.
func (*Service) Name() string { return "notification" }

// carrier returns who takes messages out on a channel, or nil.
func (s *Service) carrier(channel string) Carrier {
	if channel == SMS {
		return s.opt.SMS
	}
	return s.opt.Mail
}

// numbers counts since the process started.
type numbers struct{ taken, refused, unknown atomic.Int64 }

func (n *numbers) count(v Verdict) {
	switch v {
	case Taken:
		n.taken.Add(1)
	case Refused, Missing:
		n.refused.Add(1)
	default:
		n.unknown.Add(1)
	}
}

// hookNumbers counts attempts since the process started.
type hookNumbers struct{ taken, failed atomic.Int64 }

func (n *hookNumbers) count(taken bool) {
	if taken {
		n.taken.Add(1)
	} else {
		n.failed.Add(1)
	}
}

// Numbers are what to watch: attempts and questions that ended with the letter taken, certainly not
// taken, and with nobody knowing. Since the process started.
type Numbers struct {
	Taken   int64 `json:"taken"`
	Refused int64 `json:"refused"`
	Unknown int64 `json:"unknown"`
	// Webhooks: attempts that the endpoint took, and that failed.
	HooksTaken  int64 `json:"hooksTaken"`
	HooksFailed int64 `json:"hooksFailed"`
}

// Numbers returns the numbers to watch.
func (s *Service) Numbers() Numbers {
	return Numbers{
		Taken: s.nums.taken.Load(), Refused: s.nums.refused.Load(),
		Unknown: s.nums.unknown.Load(), HooksTaken: s.hooks.taken.Load(),
		HooksFailed: s.hooks.failed.Load(),
	}
}

// Page is a part of a mailbox.
type Page struct {
	Messages []*Message // newest first
	Next     string     // where the next page begins; "" when there is none
}

// Mailbox returns a page of a customer's messages, newest first: at most limit (1 to MaxPage),
// after the Next of the page before ("" begins). Only the customer and administrators may read it;
// to everybody else it does not exist (NotFound).
func (s *Service) Mailbox(
	ctx context.Context, who room.Caller, customer shop.ID, after string, limit int,
) (Page, error) {
	if customer == "" || !who.May(room.Admin()) && (who.ID != customer || customer == Office) {
		return Page{}, shop.Errorf(shop.NotFound, "there is no mailbox %q for you", customer)
	}
	if after != "" && !isPlace(after) {
		return Page{}, shop.Errorf(shop.Invalid, "this is not the cursor of a page")
	}
	if limit < 1 || limit > MaxPage {
		return Page{}, shop.Errorf(shop.Invalid,
			"a page has 1 to %d messages, not %d", MaxPage, limit)
	}
	rows, err := s.desk.Store.List(ctx, platform.Query{
		Part: customerPart(customer), After: after, Limit: limit, Reverse: true,
	})
	if err != nil {
		return Page{}, fmt.Errorf("list the messages of %s: %w", customer, err)
	}
	tx := s.desk.Begin(room.Cause{})
	page := Page{Messages: make([]*Message, 0, len(rows))}
	for _, row := range rows {
		m, err := room.Get[Message](ctx, tx, messageKey(shop.ID(row.Key.Sort[placeWidth:])))
		if err != nil {
			return Page{}, err
		}
		if m != nil {
			page.Messages = append(page.Messages, m)
		}
	}
	if len(rows) == limit {
		page.Next = rows[limit-1].Key.Sort
	}
	return page, nil
}

// Email opens the address that a message is for, for those who may read its mailbox. It is "",
// without an error, when the person was erased.
func (s *Service) Email(ctx context.Context, who room.Caller, m *Message) (string, error) {
	if !who.May(room.Admin()) && (who.ID != m.Customer || m.Customer == Office) {
		return "", shop.Errorf(shop.NotFound, "there is no message %q for you", m.ID)
	}
	c, err := s.contact(ctx, m.Contact)
	return c.Email, err
}
