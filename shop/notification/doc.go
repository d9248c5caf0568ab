// Package notification is the room that tells people what became of their orders: a mailbox for
// every customer, in which each message stands once.
//
// It promises one message for each topic of an order (one for each parcel that leaves), however
// often the fact behind it arrives, and that neither title nor text holds personal data. It sends
// nothing out of the system by itself. The address that a message is for stays sealed, and is
// opened only for the customer and for administrators. Only the app imports it.
package notification
