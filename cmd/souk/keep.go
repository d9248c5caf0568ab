package main

import (
	"fmt"

	"github.com/souk-commerce/souk/platform/embedded"
)

// backupCommand copies a data directory.
type backupCommand struct {
	Data string `default:"./data" help:"Data directory." type:"path"`
	To   string `arg:"" help:"Directory to make; it must not exist." type:"path"`
}

// Run implements the command.
func (c *backupCommand) Run(e *env) error {
	p, err := openOffline(e, c.Data, false)
	if err != nil {
		return fmt.Errorf("%w\n  a running server backs itself up: POST /v1/ops/backups", err)
	}
	err = p.Backup(e.ctx, c.To)
	if cerr := p.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if e.json {
		return e.print(map[string]string{"backup": c.To})
	}
	e.say("backed up %s to %s\n  it holds the keys of all persons: keep it as safe as the data itself",
		c.Data, c.To)
	return nil
}

// restoreCommand makes a data directory from a backup.
type restoreCommand struct {
	From string `arg:"" help:"The backup." type:"path"`
	To   string `arg:"" help:"Data directory to make; it must not exist." type:"path"`
}

// Run implements the command.
func (c *restoreCommand) Run(e *env) error {
	if err := embedded.Restore(e.ctx, c.From, c.To); err != nil {
		return err
	}
	if e.json {
		return e.print(map[string]string{"restored": c.To})
	}
	e.say("restored %s to %s; every checksum agreed\n  look: souk verify --data %s",
		c.From, c.To, c.To)
	return nil
}
