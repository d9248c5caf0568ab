package main

import "errors"

// demoCommand is being written.
type demoCommand struct{}

// Run implements the command.
func (c *demoCommand) Run(*env) error { return errors.New("being written") }
