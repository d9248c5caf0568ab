package main

import "errors"

// contractsCommand is being written.
type contractsCommand struct{}

// Run implements the command.
func (c *contractsCommand) Run(*env) error { return errors.New("being written") }
