// Package aws is the platform on Amazon Web Services: records, events and timers in DynamoDB
// tables, history in an archive on S3 that is filled from the tables' streams, delivery over
// EventBridge or SNS to a queue of SQS for each subscription, files in S3, keys wrapped by KMS.
//
// It promises what package platform promises; what Features declares, and docs/platforms.md
// explains, differs from other platforms. One commit is one TransactWriteItems, so state, events
// and timers happen together or not at all. Every event is archived before it is published, and
// published until the bus has it; what a handler could not do is a row, so that nothing is lost
// with a process. A room's items all begin with its name, so a role can be confined to them by
// leading keys; a room may have a table of its own.
//
// It refuses to guess: a commit whose answer was lost is sent again only while DynamoDB remembers
// its token, and is otherwise reported as unknown. It knows no business, imports only package
// platform of ours, and is imported by commands alone. It reads no environment and makes no queue,
// rule or topic: the configuration comes in as a value, and a deployment makes what it names.
//
// Open gives a process everything. Functions take a part of it: the Relay, a Sweep, a Worker of one
// subscription. README.md lists rows and rights by role.
package aws
