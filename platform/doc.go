// Package platform is the set of ports that the shop stands on: Store and History, Delivery, Queue,
// Files, Keys and Clock, with their limits, outcomes and sentinel errors.
//
// It promises nothing by itself; an adapter that passes platformtest promises all of it. The limits
// are those of the weakest backend that must be able to pass (DynamoDB: 100 items and 4 MB in a
// commit, 400 KB an item, no item twice, order only within a subject), so that code which runs on
// one adapter runs on all. What may differ is declared in Features.
//
// It knows no business and imports only the standard library. Rooms, the workflow runner and the
// app import it; adapters implement it.
package platform
