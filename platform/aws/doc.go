// Package aws is the platform on Amazon Web Services: records, events and timers in DynamoDB
// tables, history in an archive on S3 that is filled from the tables' streams.
//
// It promises what package platform promises; what Features declares, and docs/platforms.md
// explains, differs from other platforms. One commit is one TransactWriteItems, so state, events
// and timers happen together or not at all. A room's items all begin with its name, so a role can
// be confined to them by leading keys; a room may have a table of its own.
//
// It refuses to guess: a commit whose answer was lost is sent again only while DynamoDB remembers
// its token, and is otherwise reported as unknown. It knows no business, imports only package
// platform of ours, and is imported by commands alone. It reads no environment: the configuration
// comes in as a value.
package aws
