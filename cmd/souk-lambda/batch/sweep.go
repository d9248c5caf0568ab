package batch

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Swept is what an invocation of a sweeper answers.
type Swept struct {
	Fired int  `json:"fired"`
	More  bool `json:"more"` // time was up before all that is due had fired
}

// reserve is the time that a sweep is given: another is begun only if there is as much left.
const reserve = 5 * time.Second

// Sweep sweeps until nothing is due any more, or until the time of ctx runs out. What one sweep
// fired stays fired when a later one fails.
func Sweep(
	ctx context.Context, now func() time.Time,
	sweep func(ctx context.Context) (fired int, err error),
) ([]byte, error) {
	var out Swept
	for {
		n, err := sweep(ctx)
		out.Fired += n
		if err != nil {
			return nil, fmt.Errorf("sweep after %d timers fired: %w", out.Fired, err)
		}
		if n == 0 {
			break
		}
		if end, ok := ctx.Deadline(); ok && end.Sub(now()) < reserve {
			out.More = true
			break
		}
	}
	return json.Marshal(out)
}
