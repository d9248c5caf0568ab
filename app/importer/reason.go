package importer

// Reason says why a line was refused. The set is closed; reports and their readers rely on it.
type Reason string

// The reasons, in the order in which a line is looked at.
const (
	Malformed   Reason = "malformed"        // not the eight fields, or one that cannot be read
	TooLong     Reason = "invoice_too_long" // beyond any order
	NotAnOrder  Reason = "not_an_order"     // neither an order nor a cancellation: bookkeeping
	NotGoods    Reason = "not_goods"        // postage, fees, discounts, vouchers
	BadCode     Reason = "bad_code"         // a stock code that no listing can have
	Correction  Reason = "stock_correction" // a negative quantity that is no cancellation
	BadQuantity Reason = "bad_quantity"     // none, too many, or a cancellation of less than none
	FreeOfPrice Reason = "no_price"         // nothing, less than nothing, or a fraction of a penny
	Mixed       Reason = "mixed_customers"  // its invoice began with another customer

	Refused   Reason = "refused_by_shop" // the checkout refused the order; the detail says why
	NotPlaced Reason = "not_placed"      // the order ended for want of stock or money

	NoCustomer  Reason = "no_customer"    // nobody knows whose order is cancelled
	NoSuchOrder Reason = "no_such_order"  // no earlier order of the customer has all of this
	PartOfOrder Reason = "part_of_order"  // an earlier order has all of this, and more: a return
	OrderMoved  Reason = "order_moved_on" // the order cannot be cancelled any more
)
