package workflow

import (
	"errors"
	"fmt"
)

// The error names that the language itself uses (states-language.net, "Appendix A: Predefined Error
// Codes"; the service adds those for Maps, limits and expressions).
const (
	ErrorAll                    = "States.ALL"
	ErrorTimeout                = "States.Timeout"
	ErrorHeartbeatTimeout       = "States.HeartbeatTimeout"
	ErrorTaskFailed             = "States.TaskFailed"
	ErrorPermissions            = "States.Permissions"
	ErrorRuntime                = "States.Runtime"
	ErrorQueryEvaluation        = "States.QueryEvaluationError"
	ErrorIntrinsicFailure       = "States.IntrinsicFailure"
	ErrorNoChoiceMatched        = "States.NoChoiceMatched"
	ErrorParameterPathFailure   = "States.ParameterPathFailure"
	ErrorResultPathMatchFailure = "States.ResultPathMatchFailure"
	ErrorBranchFailed           = "States.BranchFailed"
	ErrorDataLimitExceeded      = "States.DataLimitExceeded"
	ErrorItemReaderFailed       = "States.ItemReaderFailed"
	ErrorResultWriterFailed     = "States.ResultWriterFailed"
	ErrorExceedTolerated        = "States.ExceedToleratedFailureThreshold"
)

// Failure is why a state or an execution failed. Both parts may be missing: a task may fail without
// a name, and a Fail state need not say anything.
type Failure struct {
	Code  *string `json:"error,omitempty"`
	Cause *string `json:"cause,omitempty"`

	// Broken says how much of the language's own rules a failure breaks: an execution that cannot
	// go on ends there, whatever is caught.
	fatal bool
}

// NewFailure is a failure with both its parts.
func NewFailure(code, cause string) *Failure { return &Failure{Code: &code, Cause: &cause} }

// Error is the failure as text: its code and its cause.
func (f *Failure) Error() string {
	switch {
	case f.Code == nil && f.Cause == nil:
		return "failed without an error name"
	case f.Code == nil:
		return *f.Cause
	case f.Cause == nil || *f.Cause == "":
		return *f.Code
	}
	return *f.Code + ": " + *f.Cause
}

// code is the error name, empty if there is none.
func (f *Failure) code() string {
	if f.Code == nil {
		return ""
	}
	return *f.Code
}

// output is the Error Output: the object that a catcher hands on (states-language.net, "Error
// Output"). A part that is missing is null.
func (f *Failure) output() *Object {
	text := func(s *string) Value {
		if s == nil {
			return nil
		}
		return *s
	}
	return NewObject("Error", text(f.Code), "Cause", text(f.Cause))
}

// failf is a failure with a cause of ours.
func failf(code, format string, args ...any) *Failure {
	return NewFailure(code, fmt.Sprintf(format, args...))
}

// runtimef is a States.Runtime failure: the definition and the data do not fit, nothing that the
// execution could handle.
func runtimef(format string, args ...any) *Failure {
	f := failf(ErrorRuntime, format, args...)
	f.fatal = true
	return f
}

// failureOf is the failure in an error, or a States.Runtime one that tells it.
func failureOf(err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	return runtimef("%v", err)
}
