package workflow

import (
	"container/heap"
	"errors"
	"fmt"
	"time"
)

// Runner runs one execution in memory, from beginning to end: the smallest loop around
// [Machine.Advance]. It does one thing at a time and keeps nothing, so it is for tests, for trying
// machines out, and for work that may start anew when the process ends.
type Runner struct {
	Machine *Machine
	// Do carries out the commands Call, Read and Write. A [*Failure] becomes the failure of the
	// state; any other error ends the run.
	Do func(c Command) (Value, error)
	// Env is asked before each event. Its time is taken as it is when there is a Sleep, and
	// otherwise only at the beginning.
	Env func() Env
	// Sleep waits. Without it nothing waits: time jumps to the next thing that is due.
	Sleep func(d time.Duration)
	// Observe is given every record of the history, in order, if it is set.
	Observe func(r Record)
}

// alarms are the wake-ups to come, the earliest first, and of the same time the one asked for first.
type alarms []alarm

type alarm struct {
	at time.Time
	n  int
	id string
}

func (a alarms) Len() int { return len(a) }
func (a alarms) Less(i, j int) bool {
	return a[i].at.Before(a[j].at) || a[i].at.Equal(a[j].at) && a[i].n < a[j].n
}
func (a alarms) Swap(i, j int) { a[i], a[j] = a[j], a[i] }

// Push implements heap.Interface.
func (a *alarms) Push(v any) { *a = append(*a, v.(alarm)) }

// Pop implements heap.Interface.
func (a *alarms) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// run is the state of a Runner's loop.
type run struct {
	*Runner
	x        *Execution
	now      time.Time
	commands []Command
	alarms   alarms
	asked    int
	dropped  map[string]bool // IDs whose answers nobody waits for
}

// Run runs an execution; who says its name and input, as for [Machine.NewExecution].
func (r *Runner) Run(who Execution) (*Execution, error) {
	env := r.Env()
	l := &run{Runner: r, now: env.Now, dropped: make(map[string]bool)}
	x, p := r.Machine.NewExecution(who, env)
	l.x = x
	l.take(p)
	for x.Status == Running {
		e, err := l.next()
		if err != nil {
			return x, err
		}
		env := r.Env()
		if r.Sleep == nil {
			env.Now = l.now
		}
		p, err := r.Machine.Advance(x, e, env)
		if err != nil {
			return x, err
		}
		l.take(p)
	}
	return x, nil
}

func (l *run) take(p Progress) {
	if l.Observe != nil {
		for _, r := range p.History {
			l.Observe(r)
		}
	}
	for _, c := range p.Commands {
		switch c.Kind {
		case Wake:
			l.asked++
			heap.Push(&l.alarms, alarm{c.At, l.asked, c.ID})
		case Cancel:
			l.dropped[c.ID] = true
		default:
			l.commands = append(l.commands, c)
		}
	}
}

// next carries out the oldest command, or waits for the next alarm.
func (l *run) next() (Event, error) {
	for len(l.commands) > 0 {
		c := l.commands[0]
		l.commands = l.commands[1:]
		if l.dropped[c.ID] {
			continue
		}
		if c.Kind == Continue {
			return Event{Kind: Resume}, nil
		}
		v, err := l.Do(c)
		if f, ok := errors.AsType[*Failure](err); ok {
			return Event{Kind: TaskFailed, ID: c.ID, Failure: f}, nil
		}
		if err != nil {
			return Event{}, err
		}
		return Event{Kind: TaskSucceeded, ID: c.ID, Output: v}, nil
	}
	for len(l.alarms) > 0 {
		a := heap.Pop(&l.alarms).(alarm)
		if l.dropped[a.id] {
			continue
		}
		if l.Sleep != nil {
			if d := a.at.Sub(l.Env().Now); d > 0 {
				l.Sleep(d)
			}
		} else if a.at.After(l.now) {
			l.now = a.at
		}
		return Event{Kind: Woken, ID: a.id}, nil
	}
	return Event{}, fmt.Errorf("workflow: the execution waits for something that nobody will send")
}
