package embedded

import (
	"sync"
	"time"
)

// crew lends goroutines to handlers. A goroutine that has worked before has a stack of the right
// size; making one for each event costs more than many handlers do.
type crew struct {
	jobs chan func()
	stop chan struct{}
	all  sync.WaitGroup
}

// restAfter is how long an idle goroutine is kept.
const restAfter = 5 * time.Second

func newCrew() *crew {
	return &crew{jobs: make(chan func()), stop: make(chan struct{})}
}

// do runs job on an idle goroutine, or on a new one. It does not wait for the job. Callers bound
// how many jobs there are.
func (c *crew) do(job func()) {
	select {
	case c.jobs <- job:
	default:
		c.all.Add(1)
		go c.work(job)
	}
}

// work ends when it has had nothing to do for a while, or when the crew is dismissed.
func (c *crew) work(job func()) {
	defer c.all.Done()
	idle := time.NewTimer(restAfter)
	defer idle.Stop()
	for {
		job()
		idle.Reset(restAfter)
		select {
		case job = <-c.jobs:
		case <-idle.C:
			return
		case <-c.stop:
			return
		}
	}
}

// dismiss ends idle goroutines and waits for those at work. No job may follow.
func (c *crew) dismiss() {
	close(c.stop)
	c.all.Wait()
}
