package lambdatest_test

import (
	"context"
	"time"

	"github.com/souk-commerce/souk/cmd/souk-lambda/lambdatest"
	"github.com/souk-commerce/souk/platform"
)

// intake is the platform's purchase queue as a poller sees it, with a message before the first
// that nobody can read.
type intake struct{ m *market }

// ReceiveMessages implements lambdatest.Queue.
func (q *intake) ReceiveMessages(
	ctx context.Context, most int, visibility time.Duration,
) ([]lambdatest.Message, error) {
	queue, err := q.m.p.Queue("purchases", platform.QueuePolicy{
		MaxReceives: 15, Retention: 4 * 24 * time.Hour,
	})
	if err != nil {
		return nil, err
	}
	received, err := queue.Receive(ctx, most, max(visibility, time.Minute), 0)
	if err != nil {
		return nil, err
	}
	list := []lambdatest.Message{{ID: "junk", Receipt: "junk", Body: "not a purchase"}}
	for _, r := range received {
		list = append(list, lambdatest.Message{
			ID: r.ID, Receipt: r.Receipt, Body: string(r.Body), Receives: r.Attempts, Sent: r.Sent,
		})
	}
	return list, nil
}

// DeleteMessages implements lambdatest.Queue: the function has done so by itself.
func (*intake) DeleteMessages(context.Context, []string) error { return nil }

// ChangeVisibility implements lambdatest.Queue.
func (*intake) ChangeVisibility(context.Context, string, time.Duration) error { return nil }
