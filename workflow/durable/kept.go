package durable

import (
	"sync"

	"github.com/souk-commerce/souk/workflow"
)

// maxKept is how many executions are kept decoded.
const maxKept = 4096

// kept holds executions as the last step left them, to save decoding. Who takes one owns it.
type kept struct {
	mu     sync.Mutex
	states map[string]keptState
}

type keptState struct {
	version int64
	state   *state
}

func (k *kept) take(id string, version int64) *state {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.states[id]
	if !ok {
		return nil
	}
	delete(k.states, id)
	if s.version != version {
		return nil
	}
	return s.state
}

// peek lets look at an execution that is kept, and reports whether it is.
func (k *kept) peek(id string, version int64, look func(*state)) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.states[id]
	if ok = ok && s.version == version; ok {
		look(s.state)
	}
	return ok
}

// put keeps an execution that still runs. When there are too many, some other one goes.
func (k *kept) put(id string, version int64, st *state) {
	if st.Execution.Status != workflow.Running {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.states == nil {
		k.states = make(map[string]keptState)
	}
	for other := range k.states {
		if len(k.states) < maxKept {
			break
		}
		delete(k.states, other)
	}
	k.states[id] = keptState{version, st}
}

// ends tells who waits for the end of an execution.
type ends struct {
	mu   sync.Mutex
	wait map[string]*waiting
}

type waiting struct {
	ended chan struct{}
	n     int  // who wait
	told  bool // ended is closed
}

func (w *ends) watch(id string) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wait == nil {
		w.wait = make(map[string]*waiting)
	}
	if w.wait[id] == nil {
		w.wait[id] = &waiting{ended: make(chan struct{})}
	}
	w.wait[id].n++
	return w.wait[id].ended
}

func (w *ends) leave(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if one := w.wait[id]; one != nil {
		if one.n--; one.n == 0 {
			delete(w.wait, id)
		}
	}
}

func (w *ends) tell(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if one := w.wait[id]; one != nil && !one.told {
		close(one.ended)
		one.told = true
	}
}
