package main

import "errors"

// verifyCommand is being written.
type verifyCommand struct{}

// Run implements the command.
func (c *verifyCommand) Run(*env) error { return errors.New("being written") }
