// Package notification is the room that tells people what became of their orders: a mailbox for
// every customer, in which each message stands once, and carriers that take messages out of the
// system, by mail and by SMS.
//
// It promises one message for each topic of an order (one for each parcel that leaves), however
// often the fact behind it arrives; that a message leaves at most once on each channel, and what
// may have left or not is shown as unknown; and that neither title nor text holds personal data.
// Without a carrier it sends nothing out of the system. The address that a message is for stays
// sealed, and is opened only for the customer, for administrators and for the carrier. Only the app
// and the carriers' packages import it.
package notification
