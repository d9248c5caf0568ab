package importer

import (
	"context"
	"time"
)

const (
	// quietStep is how long to wait between two looks at the deliveries.
	quietStep = 20 * time.Millisecond
	// quietMost is after how many looks without any movement they are taken to be stuck: what waits
	// then waits for somebody else, and an operator sees it.
	quietMost = 1500
)

// pulse is one look at the deliveries.
type pulse struct {
	open, dead int64
	moved      int64 // handlers that ran, ever
}

// quiet waits until everything that was announced is delivered and handled. Two looks in a row must
// agree, since one does not see all subscriptions at the same moment.
func (im *Importer) quiet(ctx context.Context) error {
	im.enter(PhaseQuiet, 0)
	last, calm, still := pulse{moved: -1}, 0, 0
	for calm < 2 && still < quietMost {
		now, err := im.look(ctx)
		if err != nil {
			return err
		}
		if still++; now.moved != last.moved {
			calm, still = 0, 0
		}
		if calm++; now.open > 0 {
			calm = 0
		}
		last = now
		if err := im.pause(ctx, quietStep); err != nil {
			return err
		}
	}
	im.report.DeadLetters, im.report.Waiting = last.dead, last.open
	return nil
}

func (im *Importer) look(ctx context.Context) (pulse, error) {
	var p pulse
	all, err := im.cfg.Delivery.Status(ctx)
	for _, s := range all {
		p.dead += int64(s.DeadLetters)
		p.moved += s.Done + s.Failed
		if !s.Paused {
			p.open += int64(s.Pending + s.Waiting)
		}
	}
	return p, err
}
