// Package awstest holds small AWS services that live in the process: what a test needs of SQS,
// EventBridge, SNS, S3 and KMS, behind the methods of the SDK's own clients.
//
// It promises to be as unkind as the services document: queues shuffle, deliver again and hide
// messages for a time, batches fail in part, calls are throttled when a test says so. Time is a
// platform.Clock, so that it stands still until a test moves it. It refuses to know more of a
// service than the adapter uses. Only tests import it.
package awstest
