// Command souk is the whole market in one binary: a server, a demo, an importer, a checker and the
// tools of whoever runs it. It is the only place that knows which world the shop stands on.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
)

// The exit codes: what a script may rely on.
const (
	exitOK      = 0
	exitFailed  = 1  // it was tried and did not succeed, or a check found something
	exitRefused = 2  // a definition cannot be used
	exitMisused = 64 // the command line is wrong
)

// commands is the command line.
type commands struct {
	JSON bool `name:"json" help:"Print one JSON document instead of text."`

	Demo      demoCommand      `cmd:"" help:"Run a small market on a fresh directory, live, and check its books."`
	Serve     serveCommand     `cmd:"" help:"Serve the shop."`
	Import    importCommand    `cmd:"" help:"Bring real orders in through the same use cases as HTTP."`
	Token     tokenCommand     `cmd:"" help:"Make an access token."`
	Show      showCommand      `cmd:"" help:"Show an order, a SKU or an account, now or as of any moment."`
	Statement statementCommand `cmd:"" help:"Print what happened to a dealer's money in a term, with every line."`
	Verify    verifyCommand    `cmd:"" help:"Check every invariant of a data directory. Exit 1 if one is broken."`
	Replay    replayCommand    `cmd:"" help:"Deliver the events since a moment to a subscription again."`
	Rebuild   rebuildCommand   `cmd:"" help:"Make a read model anew from the log."`
	Export    exportCommand    `cmd:"" help:"Write the log as Parquet files, or the numbers as CSV."`
	Contracts contractsCommand `cmd:"" help:"Check or write what is generated from the event contracts."`
	Bench     benchCommand     `cmd:"" help:"Measure orders a second, latencies, fsyncs, bytes and CPU."`
	Backup    backupCommand    `cmd:"" help:"Copy a data directory, with every checksum; a running server does it by POST /v1/ops/backups."`
	Deploy    deployCommand    `cmd:"" help:"Make what a cloud is told to run the shop."`
	Restore   restoreCommand   `cmd:"" help:"Make a data directory from a backup."`
	Sandbox   sandboxCommand   `cmd:"" help:"Serve the sandboxes of payment, payouts and parcels to a shop in other processes."`
	Events    eventsCommand    `cmd:"" help:"Try event patterns."`
	Workflow  workflowCommand  `cmd:"" help:"Run, check, test and draw state machines in the Amazon States Language."`
}

// env is what every command is given.
type env struct {
	ctx  context.Context
	out  io.Writer
	err  io.Writer
	json bool
	log  *slog.Logger
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run parses and runs one command line and returns its exit code.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	var c commands
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("souk"), kong.Writers(out, errs), kong.Exit(func(code int) { exited = code }),
		kong.Description("An event-driven marketplace engine: cart to doorstep, exactly once."),
		kong.UsageOnError())
	if err != nil {
		fmt.Fprintln(errs, "souk:", err)
		return exitFailed
	}
	k, err := parser.Parse(args)
	switch {
	case exited >= 0: // --help was printed
		return exited
	case err != nil:
		fmt.Fprintf(errs, "souk: %v\n  see: souk --help\n", err)
		return exitMisused
	}
	e := &env{
		ctx: ctx, out: out, err: errs, json: c.JSON,
		log: slog.New(slog.NewJSONHandler(errs, &slog.HandlerOptions{Level: slog.LevelInfo})),
	}
	if err := k.Run(e); err != nil {
		return e.complain(err)
	}
	return exitOK
}

// errFound ends a command whose own report already says what is wrong.
var errFound = errors.New("a check found something")

// exitError is an error with an exit code of its own. Without an error, the command's own report
// already says what is wrong.
type exitError struct {
	code int
	err  error
}

// Error is the error inside.
func (e *exitError) Error() string { return fmt.Sprint(e.err) }

// Unwrap is the error inside.
func (e *exitError) Unwrap() error { return e.err }

// complain prints an error with what to do next, and returns the exit code.
func (e *env) complain(err error) int {
	if errors.Is(err, errFound) {
		return exitFailed
	}
	if coded, ok := errors.AsType[*exitError](err); ok {
		if coded.err != nil {
			fmt.Fprintf(e.err, "souk: %v\n", coded.err)
		}
		return coded.code
	}
	hint := hintFor(err)
	if e.json {
		_ = e.print(map[string]string{
			"error": err.Error(), "code": string(shop.CodeOf(err)), "hint": hint,
		})
		return exitFailed
	}
	fmt.Fprintf(e.err, "souk: %v\n", err)
	if hint != "" {
		fmt.Fprintf(e.err, "  next: %s\n", hint)
	}
	return exitFailed
}

func hintFor(err error) string {
	if se, ok := errors.AsType[*shop.Error](err); ok && se.Hint != "" {
		return se.Hint
	}
	switch {
	case errors.Is(err, platform.ErrInUse):
		return "stop the process that has the directory open, or name another with --data"
	case errors.Is(err, platform.ErrVersion):
		return "use the version of souk that wrote the directory"
	case errors.Is(err, platform.ErrCorrupt):
		return "restore a backup with: souk restore"
	case errors.Is(err, platform.ErrReadOnly):
		return "free some disk space; writing resumes by itself"
	}
	return ""
}

// print writes v as one indented JSON document.
func (e *env) print(v any) error {
	enc := json.NewEncoder(e.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// say writes a line for people.
func (e *env) say(format string, args ...any) {
	fmt.Fprintf(e.out, format+"\n", args...)
}
