package inventory

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Owners says whose listing a SKU is. The catalogue answers; when rooms run apart it is answered by
// read-only keys.
type Owners interface {
	// Owner returns the dealer of a SKU, or an error with the code shop.UnknownSKU.
	Owner(ctx context.Context, sku shop.SKU) (shop.ID, error)
}

// Service is the room: its use cases, reactions and doors. It is safe for concurrent use.
type Service struct {
	desk   *room.Desk
	owners Owners
	split  *allotments
	most   int // stock and chunk records that one commit writes; tests make it small
}

// New opens the room at a desk, whose Apply becomes the room's own.
func New(desk *room.Desk, owners Owners) *Service {
	s := &Service{desk: desk, owners: owners, split: newAllotments(desk.Store), most: maxTakes}
	desk.Apply = s.Apply
	return s
}

// Name implements room.Room.
func (s *Service) Name() string { return "inventory" }

// Level is how much there is of a SKU, over all its allotments. Available = OnHand - Reserved -
// Safety, and 0 while that is less.
type Level struct {
	SKU        shop.SKU `json:"sku"`
	OnHand     int64    `json:"onHand"`
	Reserved   int64    `json:"reserved"`
	Available  int64    `json:"available" doc:"units that orders can have"`
	Allotments int      `json:"allotments"` // 0 when no unit of it was ever received
	Safety     int64    `json:"safety,omitempty" doc:"units that are never promised to orders"`
	Short      int64    `json:"short,omitempty" doc:"units promised to orders that are not there"`
	Low        bool     `json:"low,omitempty" doc:"it was told that the SKU runs low"`
}

// Level returns how much there is of a SKU; all zero for one that was never received. While the
// stock is split and moving, the parts may be of slightly different moments.
func (s *Service) Level(ctx context.Context, sku shop.SKU) (Level, error) {
	l := Level{SKU: sku}
	records, err := s.stock(ctx, sku)
	if err != nil {
		return l, err
	}
	for _, r := range records {
		if r.Key.Sort == careSort {
			var c Care
			if err := room.Decode(r.Value, &c); err != nil {
				return l, shop.Errorf(shop.Internal, "decode the care of %s: %w", sku, err)
			}
			l.Safety, l.Short, l.Low = c.Safety, c.Short, c.Low
			continue
		}
		l.Allotments++
		l.OnHand += r.Counters[OnHand]
		l.Reserved += r.Counters[Reserved]
	}
	l.Available = max(0, l.OnHand-l.Reserved-l.Safety)
	return l, nil
}

// Reasons of a movement.
const (
	reasonReceive  = "receive"
	reasonAdjust   = "adjust"
	reasonCount    = "count"    // the shelf was counted: onHand became a number
	reasonAllot    = "allot"    // units changed allotments
	reasonReturn   = "return"   // a customer sent them back, as good as new
	reasonDispatch = "dispatch" // a parcel left although its hold had been given back
)

// Receive puts quantity units (1 to MaxUnits) of a SKU on the shelf. The same movement again
// changes nothing; the same id with another SKU or quantity is refused with shop.KeyReused.
func (s *Service) Receive(
	ctx context.Context, movement shop.ID, sku shop.SKU, quantity int64,
) error {
	if quantity < 1 {
		return shop.Errorf(shop.Invalid, "cannot receive %d units", quantity)
	}
	return s.move(ctx, room.RequestCause(ctx), event.StockMoved{
		Movement: movement, SKU: sku, Quantity: quantity, Reason: reasonReceive,
	})
}

// Adjust corrects the units of a SKU by a difference that is not 0, under the rules of Receive. It
// refuses to take more than are available with shop.Conflict.
func (s *Service) Adjust(
	ctx context.Context, movement shop.ID, sku shop.SKU, difference int64,
) error {
	return s.move(ctx, room.RequestCause(ctx), event.StockMoved{
		Movement: movement, SKU: sku, Quantity: difference, Reason: reasonAdjust,
	})
}

// maxMoves bounds how often a movement looks for its units anew.
const maxMoves = 4

// move announces a movement once. Its spread over allotments is decided here.
func (s *Service) move(ctx context.Context, cause room.Cause, m event.StockMoved) error {
	if m.Quantity == 0 || m.Quantity > MaxUnits || m.Quantity < -MaxUnits {
		return shop.Errorf(shop.Invalid,
			"a movement has 1 to %d units, not %d", MaxUnits, m.Quantity)
	}
	var err error
	for range maxMoves {
		err = s.desk.Do(ctx, cause, func(ctx context.Context, tx *room.Tx) error {
			return s.moveOnce(ctx, tx, m)
		})
		if !errors.Is(err, platform.ErrBound) {
			return err
		}
	}
	return &shop.Error{
		Code: shop.Conflict, Err: err,
		Message: "fewer than " + strconv.FormatInt(-m.Quantity, 10) + " units of " + string(m.SKU) +
			" are available; nothing was moved",
		Hint: "units that are reserved for orders cannot be taken away",
	}
}

func (s *Service) moveOnce(ctx context.Context, tx *room.Tx, m event.StockMoved) error {
	had, err := room.Get[Movement](ctx, tx, MovementKey(m.Movement))
	if err != nil {
		return err
	}
	if had != nil {
		return had.same(m)
	}
	care, err := room.Get[Care](ctx, tx, CareKey(m.SKU))
	if err != nil {
		return err
	}
	if care != nil {
		return moveCared(ctx, tx, m)
	}
	available, err := availableIn(ctx, tx, m.SKU)
	if err != nil {
		return err
	}
	switch {
	case len(available) == 1:
	case m.Quantity > 0:
		m.Spread = spreadEvenly(m.Quantity, len(available))
	default:
		var ok bool
		if m.Spread, ok = takeOut(-m.Quantity, available); !ok {
			return &platform.BoundError{
				Key: StockKey(m.SKU, 0), Counter: Available,
				Have: sum(available), Delta: m.Quantity,
			}
		}
	}
	return tx.Announce(ctx, &m, 1)
}

// moveCared moves units of a SKU with a care, and announces what that means to it. Whatever is not
// promised to orders can be taken away, units that are kept back too.
func moveCared(ctx context.Context, tx *room.Tx, m event.StockMoved) error {
	k, _, err := keeping(ctx, tx, m.SKU)
	if err != nil {
		return err
	}
	if free := k.onHand - k.reserved; m.Quantity < 0 && free+m.Quantity < 0 {
		return &platform.BoundError{
			Key: StockKey(m.SKU, 0), Counter: Available, Have: free, Delta: m.Quantity,
		}
	}
	if err := tx.Announce(ctx, &m, 1); err != nil {
		return err
	}
	return k.settle(ctx, tx, m.Quantity, 0, byStock)
}

// same says whether a movement that happened is the one that is asked for.
func (m *Movement) same(f event.StockMoved) error {
	if *m == (Movement{f.SKU, f.Quantity, f.Reason}) {
		return nil
	}
	return shop.Errorf(shop.KeyReused,
		"movement %s was used for another change; nothing was moved", f.Movement)
}

// availableIn returns the available units of each allotment of a SKU. For a SKU that is not split
// it reads no counter and returns one 0: the store's floor decides.
func availableIn(ctx context.Context, tx *room.Tx, sku shop.SKU) ([]int64, error) {
	p, err := room.Get[policy](ctx, tx, policyKey(sku))
	if err != nil || p == nil {
		return []int64{0}, err
	}
	available := make([]int64, p.Allotments)
	for i := range available {
		counters, err := tx.Counters(ctx, StockKey(sku, i))
		if err != nil {
			return nil, err
		}
		available[i] = counters[Available]
	}
	return available, nil
}

// stock reads all allotments of a SKU, and behind them its care if it has one.
func (s *Service) stock(ctx context.Context, sku shop.SKU) ([]platform.Record, error) {
	return s.desk.Store.List(ctx, platform.Query{Part: stockPart(sku), Limit: MaxAllotments + 1})
}

// stockAtOnce reads all allotments of a SKU as they were at one moment: twice, until nothing
// changed in between. It reports false if they changed every time.
func (s *Service) stockAtOnce(ctx context.Context, sku shop.SKU) ([]int64, bool, error) {
	before, err := s.stock(ctx, sku)
	for range maxMoves {
		if err != nil {
			return nil, false, err
		}
		var after []platform.Record
		after, err = s.stock(ctx, sku)
		if err == nil && slices.EqualFunc(before, after, sameVersion) {
			return availableOf(after), true, nil
		}
		before = after
	}
	return availableOf(before), false, err
}

func sameVersion(a, b platform.Record) bool { return a.Key == b.Key && a.Version == b.Version }

func availableOf(records []platform.Record) []int64 {
	available := make([]int64, len(records))
	for i, r := range records {
		available[i] = r.Counters[Available]
	}
	return available
}

func sum(list []int64) int64 {
	var n int64
	for _, v := range list {
		n += v
	}
	return n
}
