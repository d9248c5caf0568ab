package fulfilment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// MaxPage bounds one page of a list.
const MaxPage = 100

// Orders is what this room asks of the order room: the lines of an order as they were frozen at
// checkout, NotFound if there is no such order. Between processes it is answered by read-only keys.
type Orders interface {
	Priced(ctx context.Context, order shop.ID) ([]Priced, error)
}

// Policy is what the operator decides about returns. A zero field has the value of DefaultPolicy.
type Policy struct {
	ReturnWindow time.Duration // from the arrival of a parcel, to ask for a return of it
	Answer       time.Duration // for the dealer to answer; then silence approves
	Arrival      time.Duration // from the approval, for the goods to arrive
}

// DefaultPolicy gives a return 14 days to be asked for, 7 to be answered, 30 to arrive.
func DefaultPolicy() Policy {
	const day = 24 * time.Hour
	return Policy{ReturnWindow: 14 * day, Answer: 7 * day, Arrival: 30 * day}
}

func (p Policy) orDefault() Policy {
	d := DefaultPolicy()
	return Policy{
		ReturnWindow: cmp.Or(p.ReturnWindow, d.ReturnWindow), Answer: cmp.Or(p.Answer, d.Answer),
		Arrival: cmp.Or(p.Arrival, d.Arrival),
	}
}

// Options is what the app decides for the room. Orders is required; without a Carrier and a Printer
// there are no labels and no packing slips, and with one of them Files and Chance are required.
type Options struct {
	Orders  Orders
	Policy  Policy
	Carrier Carrier
	Secrets [][]byte     // that the carrier's webhooks may be signed with; none refuses all
	Depot   shop.Address // where parcels begin, and returns end
	Printer Printer
	Files   Files
	Chance  io.Reader // makes the keys of papers
}

// Service is the room. It is safe for concurrent use.
type Service struct {
	desk *room.Desk
	opt  Options
}

var _ room.Room = (*Service)(nil)

// New opens the room at its desk, whose Apply it sets to its own.
func New(desk *room.Desk, opt Options) *Service {
	opt.Policy = opt.Policy.orDefault()
	s := &Service{desk: desk, opt: opt}
	desk.Apply = s.Apply
	return s
}

// now is the time of a fact: milliseconds are enough, and shorter.
func (s *Service) now() time.Time { return s.desk.Clock.Now().UTC().Truncate(time.Millisecond) }

// Name implements room.Room.
func (*Service) Name() string { return "fulfilment" }

// Get returns a shipment that who may see: its dealer, its customer, an administrator or a machine
// of the operator's. To everybody else it does not exist (NotFound).
func (s *Service) Get(ctx context.Context, who room.Caller, id shop.ID) (*Shipment, error) {
	return find(ctx, s.desk.Begin(room.Cause{}), who, id)
}

// Address opens the address of a shipment for its dealer, its customer or an administrator; to
// everybody else it is NotFound. It is nil, without an error, when the person was erased.
func (s *Service) Address(
	ctx context.Context, who room.Caller, sh *Shipment,
) (*shop.Address, error) {
	if !sees(who, sh) || who.May(room.ServiceRole()) {
		return nil, noSuch(sh.ID)
	}
	a, err := sh.ShipTo.Open(ctx, s.desk.Keys)
	if errors.Is(err, platform.ErrErased) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the address of %s: %w", sh.ID, err)
	}
	return &a, nil
}

// List returns a dealer's shipments, newest order first, at most limit (1 to MaxPage), after the
// shipment that the page before ended with; "" begins. A dealer sees only the own ones.
func (s *Service) List(
	ctx context.Context, who room.Caller, dealer, after shop.ID, limit int,
) ([]*Shipment, error) {
	if err := checkPage(who, dealer, after, limit); err != nil {
		return nil, err
	}
	rows, err := s.desk.Store.List(ctx, platform.Query{
		Part: dealerPart(dealer), After: string(after), Limit: limit, Reverse: true,
	})
	if err != nil {
		return nil, fmt.Errorf("list the shipments of %s: %w", dealer, err)
	}
	tx := s.desk.Begin(room.Cause{})
	list := make([]*Shipment, 0, len(rows))
	for _, row := range rows {
		sh, err := room.Get[Shipment](ctx, tx, shipmentKey(shop.ID(row.Key.Sort)))
		if err != nil {
			return nil, err
		}
		if sh != nil {
			list = append(list, sh)
		}
	}
	return list, nil
}

// checkPage refuses a page of a dealer's things that who may not see, or that is none.
func checkPage(who room.Caller, dealer, after shop.ID, limit int) error {
	own := who.May(room.Dealer()) && who.ID == dealer
	if !own && !who.May(room.Admin(), room.ServiceRole()) {
		return shop.Errorf(shop.NotFound, "there is no dealer %q for you", dealer)
	}
	if limit < 1 || limit > MaxPage {
		return shop.Errorf(shop.Invalid, "a page has 1 to %d entries, not %d", MaxPage, limit)
	}
	if _, err := shop.ParseID(string(after)); err != nil && after != "" {
		return shop.Errorf(shop.Invalid, "this is not the cursor of a page")
	}
	return nil
}

// Pack says that the parcel is ready; its money is taken because of it. Only the dealer of the
// shipment, an administrator or a machine of the operator's may. Doing it again changes nothing.
// It refuses a cancelled shipment (Illegal) and one of an order that is on hold (OnHold).
func (s *Service) Pack(ctx context.Context, who room.Caller, id shop.ID) (*Shipment, error) {
	return s.step(ctx, who, id, (*Shipment).Pack)
}

// Dispatch says that the parcel left, under the same rules as Pack. tracking is the carrier's name
// for the parcel, at most 100 characters, and may be empty. It refuses a shipment that is not
// cleared, and one of an order that is on hold (OnHold).
func (s *Service) Dispatch(
	ctx context.Context, who room.Caller, id shop.ID, tracking string,
) (*Shipment, error) {
	decide, err := dispatching(tracking)
	if err != nil {
		return nil, err
	}
	return s.step(ctx, who, id, decide)
}

// Deliver says that the parcel arrived, under the same rules as Pack. It refuses a shipment that
// was not dispatched.
func (s *Service) Deliver(ctx context.Context, who room.Caller, id shop.ID) (*Shipment, error) {
	return s.step(ctx, who, id, s.delivering())
}

// Lose says that a parcel which has left is lost and will not arrive. No money moves because of it:
// refund it first, or see to it. Only an administrator or a machine of the operator's may. It
// refuses a shipment that was not dispatched, and one that arrived (Illegal). Doing it again
// changes nothing.
func (s *Service) Lose(ctx context.Context, who room.Caller, id shop.ID) (*Shipment, error) {
	return s.step(ctx, who, id, s.losing(who))
}

// decision is what a step of a shipment announces, or why it may not be taken.
type decision func(*Shipment, Stop) ([]event.Fact, error)

func dispatching(tracking string) (decision, error) {
	if err := shop.CheckText("tracking", tracking, 0, 100); err != nil {
		return nil, err
	}
	return func(sh *Shipment, stop Stop) ([]event.Fact, error) {
		return sh.Dispatch(stop, tracking)
	}, nil
}

// delivering notes when the parcel arrived: its return window is counted from then.
func (s *Service) delivering() decision {
	at := s.now()
	return func(sh *Shipment, _ Stop) ([]event.Fact, error) { return sh.Deliver(at) }
}

// losing notes who gave the parcel up: its dealer has been paid for it, so it is not theirs to say.
func (s *Service) losing(who room.Caller) decision {
	at := s.now()
	return func(sh *Shipment, _ Stop) ([]event.Fact, error) {
		if !who.May(room.Admin(), room.ServiceRole()) {
			return nil, shop.Errorf(shop.Forbidden,
				"only an administrator says that %s is lost; nothing was done", sh.ID)
		}
		return sh.Lose(who.ID, at)
	}
}

func (s *Service) step(
	ctx context.Context, who room.Caller, id shop.ID, decide decision,
) (sh *Shipment, err error) {
	err = s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		sh, err = take(ctx, tx, who, id, decide)
		return err
	})
	if err != nil {
		return nil, err
	}
	return sh, nil
}

// take is one step inside a unit of work, which holds only as long as the order is stopped or not
// as it was when the step was decided. It returns the shipment after it.
func take(
	ctx context.Context, tx *room.Tx, who room.Caller, id shop.ID, decide decision,
) (*Shipment, error) {
	sh, err := find(ctx, tx, who, id)
	if err != nil {
		return nil, err
	}
	if who.May(room.Customer()) {
		return nil, shop.Errorf(shop.Forbidden, "only the dealer of %s moves it", id)
	}
	stop, err := stopOf(ctx, tx, sh.Order)
	if err != nil {
		return nil, err
	}
	facts, err := decide(sh, stop)
	if err != nil {
		return nil, err
	}
	if len(facts) > 0 {
		tx.Pin(stopKey(sh.Order))
	}
	return sh, announce(ctx, tx, sh.Seq, facts)
}

// find reads a shipment that who may see.
func find(ctx context.Context, tx *room.Tx, who room.Caller, id shop.ID) (*Shipment, error) {
	if _, err := shop.ParseID(string(id)); err != nil {
		return nil, shop.Errorf(shop.NotFound, "there is no such shipment")
	}
	sh, err := room.Get[Shipment](ctx, tx, shipmentKey(id))
	if err != nil {
		return nil, err
	}
	if sh == nil || !sees(who, sh) {
		return nil, noSuch(id)
	}
	return sh, nil
}

func sees(who room.Caller, sh *Shipment) bool {
	switch {
	case who.May(room.Admin(), room.ServiceRole()):
		return true
	case who.May(room.Dealer()):
		return who.ID == sh.Dealer
	}
	return who.May(room.Customer()) && who.ID == sh.Customer
}

func noSuch(id shop.ID) error {
	return shop.Errorf(shop.NotFound, "there is no shipment %q", id)
}
