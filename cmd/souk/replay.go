package main

import "errors"

// replayCommand is being written.
type replayCommand struct{}

// Run implements the command.
func (c *replayCommand) Run(*env) error { return errors.New("being written") }
