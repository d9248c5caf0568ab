// Package notification is the room that tells: people what concerns them, by a mailbox for every
// customer, dealer and the market's office, in which each message stands once, and by carriers that
// take messages out of the system, by mail and by SMS; and machines, by webhooks.
//
// It promises one message for each fact that somebody is told of, however often that arrives, in
// their language and by the channels that they want; that a message leaves at most once on each
// channel, and what may have left or not is shown as unknown; that neither title nor text nor a
// webhook holds personal data; that a webhook comes at least once, always under the same id and
// with the same body; and that an endpoint which does not answer delays no other.
// Without a carrier it sends nothing out of the system. The address that a message is for stays
// sealed, and is opened only for the customer, for administrators and for the carrier. Only the app
// and the carriers' packages import it.
package notification
