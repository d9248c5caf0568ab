package main

import "errors"

// rebuildCommand is being written.
type rebuildCommand struct{}

// Run implements the command.
func (c *rebuildCommand) Run(*env) error { return errors.New("being written") }
