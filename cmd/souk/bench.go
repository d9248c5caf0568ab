package main

import "errors"

// benchCommand is being written.
type benchCommand struct{}

// Run implements the command.
func (c *benchCommand) Run(*env) error { return errors.New("being written") }
