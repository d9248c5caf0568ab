package verify

import (
	"context"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// maxDead bounds the dead letters of one subscription that are looked at one by one.
const maxDead = 1000

// askDelivery checks that what was announced was handled, is waiting, or is a dead letter that
// somebody has to look at. An order that a dead letter is about is excused from what must have
// followed: it is open, not broken.
func (r *run) askDelivery(ctx context.Context) error {
	behind, left := make(map[string]bool), 0 // rooms that have not handled everything, and how much
	if r.in.Delivery != nil {
		all, err := r.in.Delivery.Status(ctx)
		if err != nil {
			return err
		}
		for _, s := range all {
			name, _, _ := strings.Cut(s.Name, ".")
			behind[name] = behind[name] || s.Pending+s.Waiting+s.DeadLetters > 0
			left += s.Pending + s.Waiting
			if r.books == nil {
				continue
			}
			if err := r.subscription(ctx, s); err != nil {
				return err
			}
		}
	} else if r.books != nil {
		r.note("nothing is known of deliveries: dead letters and what is pending were not counted")
	}
	if left > 0 {
		r.note("%d deliveries are not handled yet: what follows from them was not checked", left)
	}
	for _, f := range r.folds {
		if f.owner {
			continue
		}
		if behind[f.room.Name()] || r.in.Delivery == nil && !r.in.Quiescent {
			f.skip = "it counts what was delivered, and not everything was"
		}
	}
	return nil
}

func (r *run) subscription(ctx context.Context, s platform.SubscriptionStatus) error {
	sheet := r.books.sheet
	sheet.check(subscribers)
	if left := s.Pending + s.Waiting; left > 0 && r.in.Quiescent {
		sheet.broken(subscribers, place{}, "events are left although all should be handled",
			"subscription", s.Name, "pending", s.Pending, "waiting", s.Waiting)
	}
	if s.DeadLetters == 0 {
		return nil
	}
	dead, err := r.in.Delivery.DeadLetters(ctx, s.Name, "", maxDead)
	if err != nil {
		return err
	}
	for _, d := range dead {
		if f, err := room.FactOf(r.in.Catalogue, d.Event); err == nil {
			r.books.excuse(orderOf(f))
		}
	}
	pairs := []any{"subscription", s.Name, "deadLetters", s.DeadLetters}
	if len(dead) > 0 {
		pairs = append(pairs, "event", dead[0].Event.ID, "error", dead[0].LastError)
	}
	sheet.open(subscribers, place{}, "a subscription gave up on events: look, then redrive",
		pairs...)
	return nil
}

// orderOf names the order that a fact is about, or "".
func orderOf(f event.Fact) shop.ID {
	switch f := f.(type) {
	case *event.OrderCreated:
		return f.Order
	case *event.OrderPlaced:
		return f.Order
	case *event.OrderCancelled:
		return f.Order
	case *event.OrderExpired:
		return f.Order
	case *event.OrderHeld:
		return f.Order
	case *event.OrderApproved:
		return f.Order
	case *event.OrderProgressed:
		return f.Order
	case *event.OrderCompleted:
		return f.Order
	case *event.OrderDeadline:
		return f.Order
	case *event.OrderReturnWindowClosed:
		return f.Order
	case *event.OrderReturnMoved:
		return f.Order
	case *event.OrderTracked:
		return f.Order
	case *event.OrderReduced:
		return f.Order
	case *event.OrderEditBegun:
		return f.Order
	case *event.OrderEditClosed:
		return f.Order
	case *event.OrderNoted:
		return f.Order
	}
	return orderOfOthers(f)
}

// orderOfOthers is orderOf for the facts of the other rooms.
func orderOfOthers(f event.Fact) shop.ID {
	switch f := f.(type) {
	case *event.StockGathered:
		return f.Order
	case *event.StockHeld:
		return f.Order
	case *event.StockRejected:
		return f.Order
	case *event.StockCommitted:
		return f.Order
	case *event.StockReleased:
		return f.Order
	case *event.StockConsumed:
		return f.Order
	case *event.StockMoved:
		return f.Order
	case *event.ShipmentRequested:
		return f.Order
	case *event.ShipmentSplit:
		return f.Order
	case *event.ShipmentReduced:
		return f.Order
	case *event.StockFreed:
		return f.Order
	case *event.ShipmentPacked:
		return f.Order
	case *event.ShipmentCleared:
		return f.Order
	case *event.ShipmentDispatched:
		return f.Order
	case *event.ShipmentDelivered:
		return f.Order
	case *event.ShipmentLost:
		return f.Order
	case *event.ShipmentTurnedUp:
		return f.Order
	case *event.ShipmentCancelled:
		return f.Order
	case *event.ParcelsStopped:
		return f.Order
	case *event.ParcelsResumed:
		return f.Order
	case *event.LedgerPosted:
		return f.Order
	}
	return orderOfReturn(f)
}

// orderOfReturn is orderOf for what is about returns.
func orderOfReturn(f event.Fact) shop.ID {
	switch f := f.(type) {
	case *event.ReturnRequested:
		return f.Order
	case *event.ReturnApproved:
		return f.Order
	case *event.ReturnDeclined:
		return f.Order
	case *event.ReturnCancelled:
		return f.Order
	case *event.ReturnReceived:
		return f.Order
	case *event.ReturnInspected:
		return f.Order
	case *event.ReturnRefunded:
		return f.Order
	case *event.ReturnUnpaid:
		return f.Order
	case *event.ReturnLapsed:
		return f.Order
	case *event.ReturnClosed:
		return f.Order
	case *event.ReturnDue:
		return f.Order
	}
	return orderOfLabel(f)
}

// orderOfLabel is orderOf for what is about labels.
func orderOfLabel(f event.Fact) shop.ID {
	switch f := f.(type) {
	case *event.LabelWanted:
		return f.Order
	case *event.LabelBought:
		return f.Order
	case *event.LabelRefused:
		return f.Order
	case *event.LabelUnresolved:
		return f.Order
	case *event.LabelCheckDue:
		return f.Order
	case *event.ParcelTracked:
		return f.Order
	}
	return orderOfMessage(f)
}

// orderOfMessage is orderOf for what notification announces.
func orderOfMessage(f event.Fact) shop.ID {
	switch f := f.(type) {
	case *event.MessageSent:
		return f.Order
	case *event.MessageAttempted:
		return f.Order
	case *event.MessageHandedOver:
		return f.Order
	case *event.MessageRefused:
		return f.Order
	case *event.MessageUnresolved:
		return f.Order
	case *event.MessageSendDue:
		return f.Order
	}
	return orderOfPayment(f)
}

// orderOfPayment is orderOf for what payment announces.
func orderOfPayment(f event.Fact) shop.ID {
	switch f := f.(type) {
	case *event.PaymentIntended:
		return f.Order
	case *event.PaymentAuthorized:
		return f.Order
	case *event.PaymentRequiresAction:
		return f.Order
	case *event.PaymentFailed:
		return f.Order
	case *event.PaymentUnresolved:
		return f.Order
	case *event.PaymentCaptured:
		return f.Order
	case *event.PaymentCaptureFailed:
		return f.Order
	case *event.PaymentVoided:
		return f.Order
	case *event.PaymentRefunded:
		return f.Order
	case *event.PaymentRefundFailed:
		return f.Order
	case *event.PaymentCaseOpened:
		return f.Order
	case *event.PaymentCaseClosed:
		return f.Order
	case *event.PaymentReduced:
		return f.Order
	case *event.PaymentAttemptVoided:
		return f.Order
	case *event.PaymentRefundReturned:
		return f.Order
	case *event.PaymentDisputed:
		return f.Order
	case *event.PaymentEvidenceWarned:
		return f.Order
	case *event.PaymentEvidenceIntended:
		return f.Order
	case *event.PaymentEvidenceSubmitted:
		return f.Order
	case *event.PaymentEvidenceFailed:
		return f.Order
	case *event.PaymentDisputeMoved:
		return f.Order
	case *event.PaymentDisputeClosed:
		return f.Order
	case *event.PaymentDisputeDue:
		return shop.ID("ord_" + strings.TrimPrefix(string(f.Payment), "pay_"))
	case *event.PaymentCheckDue:
		return shop.ID("ord_" + strings.TrimPrefix(string(f.Payment), "pay_"))
	}
	return ""
}
