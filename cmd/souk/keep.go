package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop"
)

// backupCommand copies a data directory that no server has open.
type backupCommand struct {
	Data string `default:"./data" help:"Data directory." type:"path"`
	To   string `arg:"" help:"Directory to make; it must not exist." type:"path"`
}

// Run implements the command.
func (c *backupCommand) Run(e *env) error {
	p, err := openOffline(e, c.Data, false)
	if errors.Is(err, platform.ErrInUse) {
		return c.useTheDoor(err)
	}
	if err != nil {
		return err
	}
	err = p.Backup(e.ctx, c.To)
	if err := errors.Join(err, p.Close()); err != nil {
		return err
	}
	m, err := embedded.ReadBackup(c.To)
	if err != nil {
		return err
	}
	if e.json {
		return e.print(map[string]any{
			"backup": c.To, "position": m.Position, "files": len(m.Files), "bytes": m.Bytes,
		})
	}
	e.say("backed up %s to %s: %s up to event %d", c.Data, c.To,
		howMany(int64(len(m.Files)), "file", "files"), m.Position)
	e.say("  it holds the keys of all persons: keep it as safe as the data itself")
	return nil
}

// useTheDoor says how to back up what a server has open.
func (c *backupCommand) useTheDoor(err error) error {
	return (&shop.Error{
		Code: shop.Conflict, Err: err,
		Message: fmt.Sprintf("a server has %s open; nothing was backed up", c.Data),
	}).WithHint(`the server backs itself up, into %s-backups:
    curl -H "Authorization: Bearer $(souk token --data %s --role admin adm_1)" \
      -H 'Content-Type: application/json' -d '{"name":"%s"}' \
      http://127.0.0.1:8080/v1/ops/backups`, c.Data, c.Data, "monday")
}

// backer is what the app backs this world up with; nil in memory.
func (w *world) backer() func(ctx context.Context, name string) error {
	if w.dir == "" {
		return nil
	}
	return w.backUp
}

// backUp copies the running world under a name.
func (w *world) backUp(ctx context.Context, name string) error {
	dir := filepath.Join(w.backups, name)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		return shop.Errorf(shop.Conflict, "there is a backup %q already; nothing was done", name)
	}
	return w.platform.Backup(ctx, dir)
}

// restoreCommand makes a data directory from a backup.
type restoreCommand struct {
	From string `arg:"" help:"The backup." type:"path"`
	To   string `arg:"" help:"Data directory to make; it must not exist." type:"path"`
}

// Run implements the command.
func (c *restoreCommand) Run(e *env) error {
	m, err := embedded.ReadBackup(c.From)
	if err != nil {
		return err
	}
	if err := embedded.Restore(e.ctx, c.From, c.To); err != nil {
		return err
	}
	cut, err := forgetLater(e, c.To, m.Time)
	if err != nil {
		return fmt.Errorf("%s is restored, but the sandbox's ledger may know more than it: %w",
			c.To, err)
	}
	if e.json {
		return e.print(map[string]any{
			"restored": c.To, "position": m.Position, "taken": m.Time, "forgotten": cut,
		})
	}
	e.say("restored %s to %s as of %s; every checksum agreed", c.From, c.To, timeText(m.Time))
	if cut > 0 {
		e.say("  %s that the sandbox provider had after that moment are forgotten",
			howMany(int64(cut), "effect", "effects"))
	}
	e.say("  look: souk verify --data %s", c.To)
	return nil
}
