package main

import "errors"

// importCommand is being written.
type importCommand struct{}

// Run implements the command.
func (c *importCommand) Run(*env) error { return errors.New("being written") }
