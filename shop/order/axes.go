package order

import (
	"slices"

	"github.com/souk-commerce/souk/shop"
)

// Status is where an order stands. The set is closed; the zero Status is of an order that does
// not exist. Carts become orders at checkout, so there is no draft.
type Status struct{ n uint8 }

func statusNames() []string {
	return []string{
		"", "pending_payment", "placed", "on_hold", "completed", "cancelled", "expired",
	}
}

// PendingPayment waits for stock and money, until the deadline.
func PendingPayment() Status { return Status{1} }

// Placed will be fulfilled: stock is held and money is authorised.
func Placed() Status { return Status{2} }

// OnHold is placed, but no parcel is packed or dispatched until somebody approves.
func OnHold() Status { return Status{3} }

// Completed was delivered, or lost, and the return window is closed.
func Completed() Status { return Status{4} }

// Cancelled ended before it was fulfilled.
func Cancelled() Status { return Status{5} }

// Expired passed its deadline.
func Expired() Status { return Status{6} }

// Statuses lists all of them in the order of an order's life.
func Statuses() []Status {
	return []Status{PendingPayment(), Placed(), OnHold(), Completed(), Cancelled(), Expired()}
}

// Ended reports whether nothing can change the status any more.
func (s Status) Ended() bool { return s == Completed() || s == Cancelled() || s == Expired() }

// String is the name in the API and in records.
func (s Status) String() string { return statusNames()[s.n] }

// MarshalText implements encoding.TextMarshaler.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText refuses a name outside the set.
func (s *Status) UnmarshalText(text []byte) (err error) {
	s.n, err = numberOf("status", statusNames(), text)
	return err
}

// PaymentStatus is how the money of an order stands. It is derived from what payment announced.
type PaymentStatus struct{ n uint8 }

func paymentNames() []string {
	return []string{
		"none", "requires_action", "authorized", "partially_captured", "captured",
		"partially_refunded", "refunded", "voided", "failed", "disputed",
	}
}

// PaymentNone is before anything was authorised; it is the zero PaymentStatus.
func PaymentNone() PaymentStatus { return PaymentStatus{0} }

// PaymentRequiresAction waits for the customer to confirm with their bank.
func PaymentRequiresAction() PaymentStatus { return PaymentStatus{1} }

// PaymentAuthorized has the whole total kept for us.
func PaymentAuthorized() PaymentStatus { return PaymentStatus{2} }

// PaymentPartlyCaptured had some parcels paid.
func PaymentPartlyCaptured() PaymentStatus { return PaymentStatus{3} }

// PaymentCaptured had the whole total taken.
func PaymentCaptured() PaymentStatus { return PaymentStatus{4} }

// PaymentPartlyRefunded gave some of what was taken back.
func PaymentPartlyRefunded() PaymentStatus { return PaymentStatus{5} }

// PaymentRefunded gave all of what was taken back.
func PaymentRefunded() PaymentStatus { return PaymentStatus{6} }

// PaymentVoided gave the authorisation back before anything was taken.
func PaymentVoided() PaymentStatus { return PaymentStatus{7} }

// PaymentFailed ended without money.
func PaymentFailed() PaymentStatus { return PaymentStatus{8} }

// PaymentDisputed is contested at the bank. No door leads there until disputes are handled.
func PaymentDisputed() PaymentStatus { return PaymentStatus{9} }

// String is the name in the API and in records.
func (s PaymentStatus) String() string { return paymentNames()[s.n] }

// MarshalText implements encoding.TextMarshaler.
func (s PaymentStatus) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText refuses a name outside the set.
func (s *PaymentStatus) UnmarshalText(text []byte) (err error) {
	s.n, err = numberOf("payment status", paymentNames(), text)
	return err
}

// FulfilmentStatus is how far the parcels of an order are. It is derived from their shipments.
type FulfilmentStatus struct{ n uint8 }

func fulfilmentNames() []string {
	return []string{"unfulfilled", "partially_fulfilled", "fulfilled", "delivered"}
}

// Unfulfilled has no parcel on its way; it is the zero FulfilmentStatus.
func Unfulfilled() FulfilmentStatus { return FulfilmentStatus{0} }

// PartlyFulfilled has some parcels on their way.
func PartlyFulfilled() FulfilmentStatus { return FulfilmentStatus{1} }

// Fulfilled has all parcels on their way.
func Fulfilled() FulfilmentStatus { return FulfilmentStatus{2} }

// Delivered has all parcels at the address, but for those that were lost.
func Delivered() FulfilmentStatus { return FulfilmentStatus{3} }

// String is the name in the API and in records.
func (s FulfilmentStatus) String() string { return fulfilmentNames()[s.n] }

// MarshalText implements encoding.TextMarshaler.
func (s FulfilmentStatus) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText refuses a name outside the set.
func (s *FulfilmentStatus) UnmarshalText(text []byte) (err error) {
	s.n, err = numberOf("fulfilment status", fulfilmentNames(), text)
	return err
}

// ReturnStatus is what comes back. It is derived from the returns of the order's parcels.
type ReturnStatus struct{ n uint8 }

func returnNames() []string {
	return []string{"none", "requested", "in_progress", "partially_returned", "returned"}
}

// NoReturn is the zero ReturnStatus: nothing comes back.
func NoReturn() ReturnStatus { return ReturnStatus{0} }

// ReturnRequested has a return that waits for its dealer's answer, and none that was approved.
func ReturnRequested() ReturnStatus { return ReturnStatus{1} }

// ReturnInProgress has goods on their way back.
func ReturnInProgress() ReturnStatus { return ReturnStatus{2} }

// PartlyReturned had some units come back.
func PartlyReturned() ReturnStatus { return ReturnStatus{3} }

// Returned had every unit come back.
func Returned() ReturnStatus { return ReturnStatus{4} }

// String is the name in the API and in records.
func (s ReturnStatus) String() string { return returnNames()[s.n] }

// MarshalText implements encoding.TextMarshaler.
func (s ReturnStatus) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText refuses a name outside the set.
func (s *ReturnStatus) UnmarshalText(text []byte) (err error) {
	s.n, err = numberOf("return status", returnNames(), text)
	return err
}

func numberOf(axis string, names []string, text []byte) (uint8, error) {
	if i := slices.Index(names, string(text)); i >= 0 {
		return uint8(i), nil
	}
	return 0, shop.Errorf(shop.Internal, "there is no %s %q", axis, text)
}
