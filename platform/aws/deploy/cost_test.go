package deploy_test

import (
	"math"
	"testing"

	"github.com/souk-commerce/souk/platform/aws/deploy"
)

// Goal: the formula is the one that was agreed on. Method: the worked example, line by line, to a
// millionth of a dollar for 1,000 orders.
func TestCostOfTheWorkedExample(t *testing.T) {
	t.Parallel()
	u := deploy.Usage{
		Requests: 4, Invocations: 7, MemoryMB: 256, BilledMS: 50, Writes: 60, Reads: 20,
		Events: 6, Messages: 18, LogKB: 14,
	}
	b := deploy.Cost(u)
	for _, line := range []struct {
		name      string
		got, want float64
	}{
		{"api", b.API, 0.004000}, {"requests", b.Requests, 0.001400},
		{"duration", b.Duration, 0.001167}, {"writes", b.Writes, 0.037500},
		{"reads", b.Reads, 0.002500}, {"bus", b.Bus, 0.006000}, {"queues", b.Queues, 0.007200},
		{"logs", b.Logs, 0.006676}, {"total", b.Total(), 0.066442},
	} {
		if math.Abs(line.got-line.want) > 1e-6 {
			t.Errorf("%s: %.6f, want %.6f", line.name, line.got, line.want)
		}
	}
	u.Transitions = 8
	if got := deploy.Cost(u).Total(); math.Abs(got-0.266442) > 1e-6 {
		t.Errorf("with a workflow of eight steps: %.6f, want 0.266442", got)
	}
}

// Goal: use follows from the declarations. Method: a house of three subscriptions and a story of
// two events, counted by hand.
func TestUseFollowsFromTheDeclarations(t *testing.T) {
	t.Parallel()
	h := deploy.House{Subscriptions: []deploy.Subscription{
		{Name: "a.x", Types: []string{"s.b.made.v1"}},
		{Name: "b.y", Types: []string{"s.b.made.v1"}},
		{Name: "c.z", Types: []string{"s.b.sold.v1"}},
	}}
	got := h.Use(deploy.Story{
		Doors: 1, Types: []string{"s.b.made.v1", "s.b.sold.v1"},
		Writes: []int{100, 1025}, Reads: []int{0, 5000},
	})
	want := deploy.Usage{
		Requests: 1, Events: 2, Messages: 9, Invocations: 6, Writes: 6, Reads: 6,
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
