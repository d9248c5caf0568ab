package fulfilment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// Of labels the room keeps:
//
//	label/<for>          label              the Label of a shipment or a return
//	tracking/<carrier>   <tracking>         whose parcel it is
//	~notice/<carrier>    <webhook id>       a word of the carrier's that was dealt with
//	~counts              carrier            how many words of each kind

// tracked says whose parcel a carrier's number means.
type tracked struct {
	For shop.ID `json:"for"`
}

func labelKey(of shop.ID) platform.Key {
	return platform.Key{Part: "label/" + string(of), Sort: "label"}
}

func trackingKey(carrier, tracking string) platform.Key {
	return platform.Key{Part: "tracking/" + carrier, Sort: tracking}
}

func labelTimer(of shop.ID) string { return "label/" + string(of) }

// labelFor is the label of a shipment or a return, or nil.
func labelFor(ctx context.Context, tx *room.Tx, of shop.ID) (*Label, error) {
	return room.Get[Label](ctx, tx, labelKey(of))
}

// aboutLabel names what the label of a fact is for; "" for every other fact.
func aboutLabel(f event.Fact) shop.ID {
	switch f := f.(type) {
	case *event.LabelWanted:
		return f.For
	case *event.LabelBought:
		return f.For
	case *event.LabelRefused:
		return f.For
	case *event.LabelUnresolved:
		return f.For
	case *event.ParcelTracked:
		return f.For
	}
	return ""
}

func applyLabel(
	ctx context.Context, tx *room.Tx, f event.Fact, of shop.ID, m room.Meta,
) error {
	l, err := labelFor(ctx, tx, of)
	if err != nil {
		return err
	}
	if _, first := f.(*event.LabelWanted); l == nil && !first {
		return shop.Errorf(shop.Internal, "%s of %s, for which no label was wanted", f.Type(), of)
	}
	if l == nil {
		l = &Label{}
	}
	l.follow(f, m.Sequence)
	room.Put(tx, labelKey(of), l)
	if b, ok := f.(*event.LabelBought); ok {
		room.Put(tx, trackingKey(b.Carrier, b.Tracking), &tracked{For: of})
	}
	return nil
}

// wantLabel intends to buy a label, unless it is there or on its way.
func (s *Service) wantLabel(
	ctx context.Context, tx *room.Tx, f event.LabelWanted,
) (*Label, error) {
	if s.opt.Carrier == nil {
		return nil, shop.Errorf(shop.Unavailable, "no carrier makes labels here; nothing was done").
			WithHint("dispatch the parcel with the tracking number of your own carrier")
	}
	f.Carrier = s.opt.Carrier.Name()
	l, err := labelFor(ctx, tx, f.For)
	if err != nil {
		return nil, err
	}
	facts, err := want(l, f)
	if err != nil {
		return nil, err
	}
	var last int64
	if l != nil {
		last = l.Seq
	}
	if err := announce(ctx, tx, last, facts); err != nil {
		return nil, err
	}
	return labelFor(ctx, tx, f.For)
}

// labelReactions are the reactions that are about labels.
func (s *Service) labelReactions() []room.Reaction {
	return []room.Reaction{
		room.On("fulfilment.buy-on-label-wanted", platform.Standard, s.buyOnLabelWanted).Calling(),
		room.On("fulfilment.check-on-label-due", platform.Standard, s.checkOnLabelDue).Calling(),
	}
}

func (s *Service) buyOnLabelWanted(
	ctx context.Context, f *event.LabelWanted, c room.Cause,
) error {
	return s.buy(ctx, c, event.LabelCheckDue{For: f.For, Order: f.Order, Key: f.Key})
}

func (s *Service) checkOnLabelDue(
	ctx context.Context, f *event.LabelCheckDue, c room.Cause,
) error {
	return s.buy(ctx, c, *f)
}

// buy brings a label one step further. The carrier is always asked first what it knows of the key,
// so it does not matter whether this is the first call: labels are few, and one question more is
// cheaper than a second label.
func (s *Service) buy(ctx context.Context, c room.Cause, due event.LabelCheckDue) error {
	l, err := labelFor(ctx, s.desk.Begin(room.Cause{}), due.For)
	if err != nil {
		return err
	}
	switch {
	case l == nil:
		return platform.ErrNotYet
	case l.Key != due.Key || !l.pending():
		return nil
	case s.opt.Carrier == nil || s.opt.Carrier.Name() != l.Carrier:
		return shop.Errorf(shop.Unavailable,
			"there is no carrier %q here to ask for the label of %s", l.Carrier, l.For)
	}
	out, err := s.call(ctx, l)
	if errors.Is(err, platform.ErrErased) {
		out, err = Bought{Verdict: Rejected, Reason: "person_erased"}, nil
	}
	if err != nil {
		return err
	}
	return s.conclude(ctx, c, due, l, out)
}

// call asks the carrier, with nothing held. A call without an answer is Unheard, and no error.
func (s *Service) call(ctx context.Context, l *Label) (Bought, error) {
	address, err := l.Address.Open(ctx, s.desk.Keys)
	if err != nil {
		return Bought{}, fmt.Errorf("open the address of %s: %w", l.For, err)
	}
	limited, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := s.opt.Carrier.Find(limited, l.Key)
	if err != nil || out.Verdict != Missing {
		return heard(out, err), nil
	}
	o := LabelOrder{Key: l.Key, For: l.For, From: s.opt.Depot, To: address, Back: l.Back}
	if l.Back {
		o.From, o.To = o.To, o.From
	}
	return heard(s.opt.Carrier.Buy(limited, o)), nil
}

// heard makes an answer of what a call ended with. A label that cannot be kept, or is without its
// number, is none.
func heard(out Bought, err error) Bought {
	if err != nil || out.Verdict == Missing {
		return Bought{}
	}
	_, odd := shop.ParseID(out.Tracking)
	if out.Verdict == Taken && (odd != nil || len(out.PDF) == 0 || len(out.PDF) > maxPaper) {
		return Bought{}
	}
	return out
}

// conclude commits what the carrier answered. The label is in the files before the fact names it.
func (s *Service) conclude(
	ctx context.Context, c room.Cause, due event.LabelCheckDue, l *Label, out Bought,
) error {
	var fact event.Fact
	switch out.Verdict {
	case Taken:
		paper, err := s.keep(ctx, l.Customer, out.PDF)
		if err != nil {
			return fmt.Errorf("keep the label of %s: %w", l.For, err)
		}
		fact = &event.LabelBought{
			For: l.For, Order: l.Order, Carrier: l.Carrier, Key: l.Key, Tracking: out.Tracking,
			Digest: paper.Digest, Secret: paper.Secret,
		}
	case Rejected:
		fact = &event.LabelRefused{
			For: l.For, Order: l.Order, Carrier: l.Carrier, Key: l.Key, Reason: word(out.Reason),
		}
	default:
		fact = &event.LabelUnresolved{
			For: l.For, Order: l.Order, Carrier: l.Carrier, Key: l.Key,
		}
	}
	return s.desk.Do(ctx, c, func(ctx context.Context, tx *room.Tx) error {
		now, err := labelFor(ctx, tx, l.For)
		if err != nil || now == nil || now.Key != l.Key || !now.pending() {
			return err
		}
		_, open := fact.(*event.LabelUnresolved)
		if !open || now.State == labelWanted {
			if err := tx.Announce(ctx, fact, now.Seq+1); err != nil {
				return err
			}
		}
		if !open {
			tx.CancelTimer(labelTimer(l.For))
			return nil
		}
		wait := min(firstCheck<<min(due.Round, 20), lastCheck)
		next := due
		next.Round++
		return tx.SetTimer(labelTimer(l.For), tx.Now().Add(wait), &next)
	})
}

// overtakes is how long a carrier's word may be ahead of its answer to the purchase of the label.
const overtakes = time.Hour

// kindOf keeps the name of a kind of webhook, if it is a name.
func kindOf(s string) string {
	if _, err := shop.ParseID(s); err != nil {
		return "other"
	}
	return s
}

// word keeps a carrier's word when it is one: whatever else it writes may hold an address.
func word(s string) string {
	if _, err := shop.ParseID(s); err != nil {
		return "refused"
	}
	return s
}

// noticed marks a carrier's webhook as dealt with.
type noticed struct {
	Kind string    `json:"kind"`
	At   time.Time `json:"at"`
	As   string    `json:"as"` // "tracked", "stale", "unknown" or "unmatched"
}

func noticeKey(carrier, id string) platform.Key {
	return platform.Key{Part: room.AuxPrefix + "notice/" + carrier, Sort: id}
}

func countsKey() platform.Key {
	return platform.Key{Part: room.AuxPrefix + "counts", Sort: "carrier"}
}

// Hear deals with a carrier's webhook: it checks the signature, drops what came before, and
// announces what is news. It refuses a wrong signature (Unauthorised) and what is no word of the
// carrier's (Invalid). What is of a kind that nobody knows, or about a parcel that is not ours, is
// kept and counted; a word that may only have overtaken the label's purchase is refused with
// Unavailable, so that it comes again.
func (s *Service) Hear(ctx context.Context, carrier string, w room.Signed) error {
	if s.opt.Carrier == nil || s.opt.Carrier.Name() != carrier {
		return shop.Errorf(shop.NotFound, "there is no such carrier")
	}
	now := s.now()
	if err := w.Verify(s.opt.Secrets, now); err != nil {
		return err
	}
	n, known, err := s.opt.Carrier.Read(w.Body)
	if err != nil {
		return shop.Errorf(shop.Invalid, "this is no webhook of the carrier's")
	}
	return s.desk.Do(ctx, room.RequestCause(ctx), func(ctx context.Context, tx *room.Tx) error {
		key := noticeKey(carrier, w.ID)
		seen, err := room.Get[noticed](ctx, tx, key)
		if err != nil {
			return err
		}
		as := "duplicate"
		if seen == nil {
			if as, err = s.heed(ctx, tx, carrier, n, known, w.ID); err != nil {
				return err
			}
			if as == "unmatched" && now.Sub(n.At) < overtakes {
				return shop.Errorf(shop.Unavailable, "this parcel is not known here, or not yet").
					WithHint("it will be sent again; the label's own answer may be on its way")
			}
			room.Put(tx, key, &noticed{Kind: kindOf(n.Kind), At: now, As: as})
		}
		tx.Add(countsKey(), platform.Move{Counter: as, Delta: 1, Floor: platform.NoFloor})
		return nil
	})
}

// heed announces what is news in a carrier's word, and says what it counts as. A word from the
// future counts as of now, or nothing after it would be news.
func (s *Service) heed(
	ctx context.Context, tx *room.Tx, carrier string, n Notice, known bool, id string,
) (string, error) {
	if !known {
		return "unknown", nil
	}
	if _, err := shop.ParseID(n.Tracking); err != nil {
		return "unmatched", nil
	}
	whose, err := room.Get[tracked](ctx, tx, trackingKey(carrier, n.Tracking))
	if err != nil || whose == nil {
		return "unmatched", err
	}
	l, err := labelFor(ctx, tx, whose.For)
	if err != nil || l == nil {
		return "unmatched", err
	}
	if now := s.now(); n.At.After(now) {
		n.At = now
	}
	facts := l.track(n, id)
	if len(facts) == 0 {
		return "stale", nil
	}
	if err := announce(ctx, tx, l.Seq, facts); err != nil {
		return "", err
	}
	if l.Back {
		return "tracked", nil
	}
	return "tracked", s.moveTracked(ctx, tx, l, n)
}

// moveTracked moves a shipment to where its carrier saw it, if that is a step that may be taken:
// what is paid and not stopped leaves, and what has left arrives, or turns up. That it is lost is
// decided by people, or by a machine that asks them.
func (s *Service) moveTracked(
	ctx context.Context, tx *room.Tx, l *Label, n Notice,
) error {
	sh, err := room.Get[Shipment](ctx, tx, shipmentKey(l.For))
	if err != nil || sh == nil {
		return err
	}
	stop, err := stopOf(ctx, tx, sh.Order)
	if err != nil {
		return err
	}
	left := n.Status == "picked_up" || n.Status == "in_transit" ||
		n.Status == "out_for_delivery" || n.Status == "delivered"
	if left && sh.State == Cleared() && !stop.On {
		facts, err := sh.Dispatch(stop, l.Tracking)
		if err != nil {
			return err
		}
		tx.Pin(stopKey(sh.Order))
		if err := announce(ctx, tx, sh.Seq, facts); err != nil {
			return err
		}
	}
	if n.Status != "delivered" || sh.State != Dispatched() && sh.State != Lost() {
		return nil
	}
	facts, err := sh.Deliver(n.At)
	if err != nil {
		return err
	}
	return announce(ctx, tx, sh.Seq, facts)
}

// Notices counts the webhooks that were dealt with: "tracked", "stale", "unknown", "unmatched" and
// "duplicate".
func (s *Service) Notices(ctx context.Context) (map[string]int64, error) {
	return s.desk.Begin(room.Cause{}).Counters(ctx, countsKey())
}
