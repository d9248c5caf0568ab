// Package awstest is AWS in process, as far as the aws adapter uses it: small fakes that speak the
// services' own protocols as http.Handlers, so that the official SDK runs against them unchanged,
// and a transport that breaks what passes through it.
//
// A fake refuses what it does not know instead of guessing: an unknown parameter, function or type
// is an error. It keeps the limits and outcomes that the adapter relies on, and counts capacity as
// the service bills it. It promises nothing about speed, and nothing survives it. Tests use it, and
// the adapter never does.
package awstest
