package main

import "errors"

// showCommand is being written.
type showCommand struct{}

// Run implements the command.
func (c *showCommand) Run(*env) error { return errors.New("being written") }
