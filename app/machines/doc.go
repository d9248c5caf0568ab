// Package machines runs the shop's state machines: it opens workflow/durable on the shop's
// platform, gives the machines that the rooms own their use cases, starts them because of facts,
// and has the doors through which operators watch and steer them.
//
// A machine is a file in the Amazon States Language beside the room that owns it. What it calls
// stands there as ${payment.refund}; tasks.go is the whole list of what that may be. A use case is
// called with the key that belongs to the attempt, so it has its effect once, however often it is
// asked.
//
// It opens only where all rooms are open. It decides nothing about the shop: what may be refunded,
// and whether a parcel has arrived, the rooms say.
package machines
