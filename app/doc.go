// Package app builds the rooms on the platform that it is given, lets them ask each other through
// the seams that they declare, and opens the doors: HTTP with JSON.
//
// One table (routes.go) is the router, the OpenAPI document and the policy of who may do what; a
// test holds the three against each other. In front of every route stands the same door: it names
// the request, bounds it, sheds it when the shop is behind, checks the token and the role, turns
// every refusal into problem+json with a stable code, and measures.
//
// It promises that a refusal had no effect unless its code is "unknown", that no panic and no
// internal text reaches a client, and that everything it started has ended when Close returns. It
// refuses to choose a platform or a payment provider: cmd does.
package app
