package function

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Env reads the environment, and collects everything that is wrong with it, so that who deploys
// learns all of it at once. It is not safe for concurrent use.
type Env struct {
	get   func(name string) string
	wrong []string
}

// NewEnv reads through get, which is os.Getenv in a process.
func NewEnv(get func(name string) string) *Env { return &Env{get: get} }

// Wrong notes what is wrong with a variable, and what to do.
func (e *Env) Wrong(name, format string, args ...any) {
	e.wrong = append(e.wrong, name+" "+fmt.Sprintf(format, args...))
}

// Err says everything that is wrong, or nil.
func (e *Env) Err() error {
	if len(e.wrong) == 0 {
		return nil
	}
	return fmt.Errorf("the environment is wrong, nothing was started: %s",
		strings.Join(e.wrong, "; "))
}

// Text returns a variable, or what it is when it is not set.
func (e *Env) Text(name, otherwise string) string {
	if v := e.get(name); v != "" {
		return v
	}
	return otherwise
}

// Need returns a variable that must be set; what says to what.
func (e *Env) Need(name, what string) string {
	v := e.get(name)
	if v == "" {
		e.Wrong(name, "is not set: set it to %s", what)
	}
	return v
}

// Number returns a whole number from least to most.
func (e *Env) Number(name string, otherwise, least, most int64) int64 {
	v := e.get(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < least || n > most {
		e.Wrong(name, "is %q: set it to a whole number from %d to %d", v, least, most)
		return otherwise
	}
	return n
}

// Span returns a duration from least to most, as in 10m or 336h.
func (e *Env) Span(name string, otherwise, least, most time.Duration) time.Duration {
	v := e.get(name)
	if v == "" {
		return otherwise
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < least || d > most {
		e.Wrong(name, "is %q: set it to a duration from %s to %s, as in 10m", v, least, most)
		return otherwise
	}
	return d
}
