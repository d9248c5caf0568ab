// Package awstest is AWS in process, as far as the aws adapter uses it. DynamoDB with its streams
// is a fake that speaks the services' own protocol as an http.Handler, so that the official SDK
// runs against it unchanged, with a transport that breaks what passes through. SQS, EventBridge,
// SNS, S3 and KMS are smaller: they stand behind the methods of the SDK's own clients.
//
// A fake refuses what it does not know instead of guessing: an unknown parameter, function or type
// is an error. It keeps the limits and outcomes that the adapter relies on, and promises to be as
// unkind as the services document: queues shuffle, deliver again and hide messages for a time,
// batches fail in part, calls are throttled when a test says so. Time is a platform.Clock, so that
// it stands still until a test moves it. It promises nothing about speed, and nothing survives it.
// Tests use it, and the adapter never does.
package awstest
