package workflow

import (
	"math"
	"slices"
	"time"
)

// task calls its resource (states-language.net, "Task State").
func (a *advance) task(f *Frame, s *state) error {
	resource := s.task.resource
	if s.task.resourceOf != nil {
		v, err := s.task.resourceOf.eval(a.scope(f, f.Input.Value))
		if err != nil {
			return err
		}
		var ok bool
		if resource, ok = v.(string); !ok {
			return s.task.resourceOf.want("string", v)
		}
	}
	called, pattern := PatternOf(resource)
	if pattern != RequestResponse || isActivity(resource) {
		f.Token = a.env.UUID()
	}
	input, parameters, err := a.parametersOf(f, s)
	if err != nil {
		return err
	}
	scope := a.scope(f, input)
	c := Command{
		Kind: Call, ID: f.id(), State: s.name, Path: s.location, Attempt: f.Attempt,
		Resource: called, Pattern: pattern, Input: parameters, Token: f.Token,
	}
	if c.Timeout, err = duration(s.task.timeout, scope); err != nil {
		return err
	}
	if c.Heartbeat, err = duration(s.task.heartbeat, scope); err != nil {
		return err
	}
	if s.task.credentials != nil {
		if c.Credentials, err = s.task.credentials.eval(scope); err != nil {
			return err
		}
	}
	if size := sizeOf(parameters); size > maxPayload {
		return failf(ErrorDataLimitExceeded, "The state/task '%s' was given an input with a size "+
			"exceeding the maximum number of bytes service limit.", s.name)
	}
	f.Phase = phaseTask
	if c.Timeout > 0 {
		f.Limit = a.env.Now.Add(c.Timeout)
	}
	if c.Heartbeat > 0 {
		f.Beat = int64(c.Heartbeat / time.Second)
		f.BeatDue = a.env.Now.Add(c.Heartbeat)
	}
	a.record(Record{Type: "TaskScheduled", ID: c.ID, State: s.name, Input: parameters})
	a.command(c)
	a.alarm(f)
	return nil
}

func duration(n *integer, s *scope) (time.Duration, error) {
	if n == nil {
		return 0, nil
	}
	i, err := n.atLeast(1, s)
	return time.Duration(min(i, 99999999)) * time.Second, err
}

// matches reports whether an ErrorEquals list names an error (states-language.net, "Error
// representation"; docs.aws.amazon.com, "Handling errors in Step Functions workflows").
func matches(names []string, failure *Failure) bool {
	code := failure.code()
	return slices.ContainsFunc(names, func(name string) bool {
		switch name {
		case ErrorAll:
			return true
		case ErrorTaskFailed: // any error of a task but its time-outs
			return code != ErrorTimeout && code != ErrorHeartbeatTimeout
		case ErrorTimeout:
			return code == ErrorTimeout || code == ErrorHeartbeatTimeout
		}
		return name == code && failure.Code != nil
	})
}

// retryIn answers after what time a failure is to be tried again, by the first retrier that names it
// (states-language.net, "Retrying after error"). Each retrier counts for itself; the counts last
// until the state is left.
func (a *advance) retryIn(f *Frame, s *state, failure *Failure) (time.Duration, bool) {
	for i, r := range s.retry {
		if !matches(r.errors, failure) {
			continue
		}
		if f.Retries == nil {
			f.Retries = make([]int64, len(s.retry))
		}
		if f.Retries[i] >= r.attempts {
			return 0, false
		}
		delay := r.delay(f.Retries[i])
		f.Retries[i]++
		if r.jitter {
			delay = time.Duration(float64(delay) * a.env.Random())
		}
		return delay, true
	}
	return 0, false
}

// delay is the time before the n-th retry, from 0: the interval times the rate to the power of n,
// no longer than MaxDelaySeconds.
func (r *retrier) delay(n int64) time.Duration {
	seconds := float64(r.interval) * math.Pow(r.backoff, float64(n))
	if r.maxDelay > 0 {
		seconds = math.Min(seconds, float64(r.maxDelay))
	}
	const longest = 31_622_400 // a year, longer than any execution
	return time.Duration(math.Min(seconds, longest) * float64(time.Second))
}

// catch hands a failure to the first catcher that names it (states-language.net, "Fallback states").
func (a *advance) catch(f *Frame, s *state, failure *Failure) (bool, error) {
	i := slices.IndexFunc(s.catch, func(k *catcher) bool { return matches(k.errors, failure) })
	if i < 0 {
		return false, nil
	}
	k := s.catch[i]
	thrown := failure.output()
	if s.jsonata {
		scope := a.scope(f, f.Input.Value)
		scope.failed = thrown
		return true, a.leaveWith(f, s, k.next, k.output, k.assign, thrown, scope)
	}
	assigned, err := a.assigned(k.assign, a.scope(f, thrown))
	if err != nil {
		return false, err
	}
	output, err := placed(k.resultPath, f.Input.Value, thrown)
	if err != nil {
		return false, err
	}
	return true, a.leave(f, s, k.next, output, assigned)
}

// sizeOf is how many bytes a value takes as JSON, near enough for the limits, without writing it.
// It stops counting where every limit is passed.
func sizeOf(v Value) int {
	switch v := v.(type) {
	case nil:
		return 4
	case bool:
		return 5
	case string:
		return len(v) + 2
	case Number:
		return len(v)
	case Array:
		n := 2
		for _, item := range v {
			if n += sizeOf(item) + 1; n > maxVariables {
				break
			}
		}
		return n
	case *Object:
		n := 2
		for i := range v.Len() {
			name, member := v.At(i)
			if n += len(name) + 4 + sizeOf(member); n > maxVariables {
				break
			}
		}
		return n
	}
	return 0
}
