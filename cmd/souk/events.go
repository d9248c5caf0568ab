package main

import (
	"encoding/json"
	"io"
	"os"

	"github.com/souk-commerce/souk/platform/pattern"
)

// eventsCommand works with events and their patterns.
type eventsCommand struct {
	Test eventsTest `cmd:"" help:"Say whether a pattern matches an event. Exit 0 with the answer, 2 if the pattern is refused."`
}

// eventsTest is the test of one event against one pattern, as aws events test-event-pattern does.
type eventsTest struct {
	Pattern string `required:"" help:"File with the event pattern; - is standard input." placeholder:"FILE"`
	Event   string `required:"" help:"File with the event; - is standard input." placeholder:"FILE"`
}

// Run implements the command.
func (c *eventsTest) Run(e *env) error {
	text, err := readInput(c.Pattern)
	if err != nil {
		return err
	}
	event, err := readInput(c.Event)
	if err != nil {
		return err
	}
	p, err := pattern.Compile(text)
	if err != nil {
		return &exitError{code: exitRefused, err: err}
	}
	matches, err := p.Matches(event)
	if err != nil {
		return misused("read %s: %w", c.Event, err)
	}
	return json.NewEncoder(e.out).Encode(struct{ Result bool }{matches})
}

// readInput reads a file that the command line names, or standard input.
func readInput(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(os.Stdin)
	}
	return readFile(name)
}
