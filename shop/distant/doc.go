// Package distant has the sandboxes of vendors called from other processes: JSON over HTTP. It is
// what their own handlers and clients have in common.
//
// It promises that a call without a whole and readable answer is an error, which no caller takes
// for a refusal, and that no error repeats what was sent or answered. It knows no secrets and
// checks no caller: a sandbox is for a network where everybody may play. Only sandboxes import it.
package distant
