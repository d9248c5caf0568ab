// Package deploy turns what a shop declares into AWS CloudFormation: plain values in, templates
// out. It knows no business: a room is a name that begins keys, a subscription a name with event
// types.
//
// It promises that the same declarations make the same bytes; that every function has a role of its
// own, which allows what its rooms declare and nothing else; and that no statement allows any
// action or any resource, except at the places that Wide lists with their reasons. It calls nobody:
// whoever deploys sends the templates. The command line imports it, adapters do not.
//
// Read it from generate.go: it lists the house from the foundations to the doors, one file each.
package deploy
