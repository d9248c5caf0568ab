// Package fulfilment is the room that brings parcels to doors: one shipment per dealer of a placed
// order, packed by the dealer, cleared when its money was taken, dispatched and delivered.
//
// It promises that nothing is dispatched before its money was taken, that no parcel of an order on
// hold is packed or dispatched, that an order which was cancelled never gets an open shipment, both
// in whatever order the facts arrive, and that doing a step twice is doing it once. It refuses
// steps out of order, and it shows an address only to the dealer of the shipment, its customer and
// an administrator. Only the app imports it.
package fulfilment
