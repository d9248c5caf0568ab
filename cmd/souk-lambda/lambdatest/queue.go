package lambdatest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Queue is what a poller needs of a queue: the service's own operations, with its words. A real
// client is put behind it in three short methods.
type Queue interface {
	// ReceiveMessages takes up to most (1 to 10) visible messages and hides them.
	ReceiveMessages(ctx context.Context, most int, visibility time.Duration) ([]Message, error)
	// DeleteMessages removes messages that were received.
	DeleteMessages(ctx context.Context, receipts []string) error
	// ChangeVisibility makes a received message visible again after a while.
	ChangeVisibility(ctx context.Context, receipt string, after time.Duration) error
}

// Message is one message in a poller's hands.
type Message struct {
	ID       string
	Receipt  string
	Body     string
	Receives int
	Sent     time.Time
}

// MemoryQueue is a queue of the test's: at least once, and in no order that anybody may rely on. A
// hidden message becomes visible when Lapse is called, so that tests need no clock. A message that
// was received MaxReceives times and not deleted is dead. Safe for concurrent use.
type MemoryQueue struct {
	MaxReceives int

	mu      sync.Mutex
	made    int
	visible []*held
	hidden  map[string]*held // by receipt
	dead    []Message
}

type held struct{ Message }

// NewMemoryQueue returns an empty queue.
func NewMemoryQueue(maxReceives int) *MemoryQueue {
	return &MemoryQueue{MaxReceives: maxReceives, hidden: make(map[string]*held)}
}

// Send puts a body into the queue, at the front: the newest comes first.
func (q *MemoryQueue) Send(body string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.made++
	m := &held{Message{ID: fmt.Sprintf("msg-%d", q.made), Body: body}}
	q.visible = slices.Insert(q.visible, 0, m)
}

// ReceiveMessages implements Queue.
func (q *MemoryQueue) ReceiveMessages(
	_ context.Context, most int, _ time.Duration,
) ([]Message, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []Message
	for len(q.visible) > 0 && len(out) < most {
		m := q.visible[0]
		q.visible = q.visible[1:]
		if m.Receives >= q.MaxReceives {
			q.dead = append(q.dead, m.Message)
			continue
		}
		m.Receives++
		m.Receipt = fmt.Sprintf("%s/%d", m.ID, m.Receives)
		q.hidden[m.Receipt] = m
		out = append(out, m.Message)
	}
	return out, nil
}

// DeleteMessages implements Queue.
func (q *MemoryQueue) DeleteMessages(_ context.Context, receipts []string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range receipts {
		delete(q.hidden, r)
	}
	return nil
}

// ChangeVisibility implements Queue: the message is visible at the next Lapse, as all are.
func (q *MemoryQueue) ChangeVisibility(context.Context, string, time.Duration) error { return nil }

// Lapse makes every hidden message visible.
func (q *MemoryQueue) Lapse() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for receipt, m := range q.hidden {
		delete(q.hidden, receipt)
		q.visible = append(q.visible, m)
	}
}

// Left counts messages that are neither deleted nor dead.
func (q *MemoryQueue) Left() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.visible) + len(q.hidden)
}

// Dead lists what was given up.
func (q *MemoryQueue) Dead() []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.dead)
}
