package platformtest

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/souk-commerce/souk/platform"
)

// faultyQueue loses acknowledgements. It forgets only a message's first deletion, so that a message
// is not driven to its dead letters by it.
type faultyQueue struct {
	platform.Queue
	name string
	w    *Faulty

	mu    sync.Mutex
	first map[string]string // receipt to id, of messages in hand for the first time
}

func newFaultyQueue(q platform.Queue, name string, w *Faulty) *faultyQueue {
	return &faultyQueue{Queue: q, name: name, w: w, first: make(map[string]string)}
}

// Send implements platform.Queue.
func (q *faultyQueue) Send(ctx context.Context, m platform.Message, delay time.Duration) error {
	if !q.w.hits(ctx, queueSend, q.w.faults.QueueSend, q.name, m.ID) {
		return q.Queue.Send(ctx, m, delay)
	}
	// Half of the failures had their effect.
	if q.w.dice.value(queueSend, []string{q.name, m.ID, "effect"}) < 0.5 {
		if err := q.Queue.Send(ctx, m, delay); err != nil {
			return err
		}
	}
	return fmt.Errorf("send %s: %w: %w", m.ID, ErrInjected, context.DeadlineExceeded)
}

// Receive implements platform.Queue.
func (q *faultyQueue) Receive(
	ctx context.Context, limit int, visibility, wait time.Duration,
) ([]platform.Received, error) {
	got, err := q.Queue.Receive(ctx, limit, visibility, wait)
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.first) >= maxAsked {
		clear(q.first)
	}
	for _, r := range got {
		if r.Attempts == 1 {
			q.first[r.Receipt] = r.ID
		}
	}
	return got, err
}

// Delete implements platform.Queue.
func (q *faultyQueue) Delete(ctx context.Context, receipt string) error {
	q.mu.Lock()
	id, first := q.first[receipt]
	delete(q.first, receipt)
	q.mu.Unlock()
	if first && q.w.dice.roll(queueForget, q.w.faults.QueueForget, q.name, id) {
		return nil
	}
	return q.Queue.Delete(ctx, receipt)
}

type faultyFiles struct {
	platform.Files
	w *Faulty
}

// Put implements platform.Files. A failed Put may have stored the file.
func (f *faultyFiles) Put(ctx context.Context, r io.Reader) (string, error) {
	digest, err := f.Files.Put(ctx, r)
	if err == nil && f.w.hits(ctx, files, f.w.faults.Files, "put", digest) {
		return "", fmt.Errorf("put a file: %w", ErrInjected)
	}
	return digest, err
}

// Open implements platform.Files.
func (f *faultyFiles) Open(ctx context.Context, digest string) (io.ReadCloser, error) {
	if f.w.hits(ctx, files, f.w.faults.Files, "open", digest) {
		return nil, fmt.Errorf("open file %s: %w", digest, ErrInjected)
	}
	return f.Files.Open(ctx, digest)
}

type faultyKeys struct {
	platform.Keys
	w *Faulty
}

// Seal implements platform.Keys.
func (k *faultyKeys) Seal(ctx context.Context, person string, plain []byte) ([]byte, error) {
	if k.w.hits(ctx, keys, k.w.faults.Keys, "seal", person) {
		return nil, fmt.Errorf("seal: %w", ErrInjected)
	}
	return k.Keys.Seal(ctx, person, plain)
}

// Open implements platform.Keys.
func (k *faultyKeys) Open(ctx context.Context, person string, box []byte) ([]byte, error) {
	if k.w.hits(ctx, keys, k.w.faults.Keys, "open", person) {
		return nil, fmt.Errorf("open: %w", ErrInjected)
	}
	return k.Keys.Open(ctx, person, box)
}

// Sign implements platform.Keys.
func (k *faultyKeys) Sign(ctx context.Context, message []byte) ([]byte, string, error) {
	if k.w.hits(ctx, keys, k.w.faults.Keys, "sign") {
		return nil, "", fmt.Errorf("sign: %w", ErrInjected)
	}
	return k.Keys.Sign(ctx, message)
}
