// Package demo plays a day in a small market: a few dealers, a few hundred shoppers over HTTP, and
// everything that goes wrong on such a day. Then it waits until all is quiet and checks the books.
//
// It promises that the players use nothing but the API, with a real client and real tokens; that
// what the shoppers want follows from the seed alone; that it ends within bounds whatever the shop
// does; and that the summary says exactly what does not balance. It refuses to start or to stop the
// shop: it is given one that serves, and an empty one. Only cmd imports it, and its tests.
//
// The files in the order of the story: bazaar.go is what is sold, cast.go who comes and why,
// play.go the day, shoppers.go and dealers.go the players, watch.go, tally.go and story.go who
// looks on, quiet.go and books.go the evening, summary.go what is printed, panel.go what is shown
// meanwhile.
package demo
