package function

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

// The roles: what a function does, and which binary it is.
const (
	API       = "api"       // answers HTTP
	Relay     = "relay"     // carries committed events from the stream to the bus
	Worker    = "worker"    // runs one subscription
	Sweeper   = "sweeper"   // commits the events of timers that are due
	Purchases = "purchases" // takes orders from the purchase queue
)

// Start is what a role is opened with.
type Start struct {
	Env *Env
	Log *slog.Logger
}

// Opened is a role ready to be invoked.
type Opened struct {
	Handle Handler
	Close  func() error // after the last invocation
}

// closing bounds Close: the service kills the process soon after SIGTERM.
const closing = 300 * time.Millisecond

// Main runs a process of one role until it is told to stop, and returns its exit code. open must do
// only what every invocation needs: it is paid for by whoever meets a cold start.
func Main(
	role string, get func(name string) string, errs io.Writer,
	open func(ctx context.Context, s Start) (Opened, error),
) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	log := newLog(errs, role, get("AWS_LAMBDA_FUNCTION_NAME"), get("AWS_LAMBDA_FUNCTION_VERSION"))
	env := NewEnv(get)
	host := env.Need("AWS_LAMBDA_RUNTIME_API",
		"the address of the Runtime API; the service does so by itself, a test must")
	if have := env.Need("SOUK_ROLE", role+", which is what this binary does"); have != "" &&
		have != role {
		env.Wrong("SOUK_ROLE", "is %q and this binary does %q: deploy the package of the role, "+
			"or set the role of the package", have, role)
	}
	usual := debug.SetGCPercent(-1) // what is made now stays: collecting it would only take time
	o, err := open(ctx, Start{Env: env, Log: log})
	debug.SetGCPercent(usual)
	err = errors.Join(env.Err(), err)
	if host == "" {
		log.Error("cannot start", "cause", err)
		return 1
	}
	r := newRuntime(host, log)
	if err != nil {
		log.Error("cannot start", "cause", err)
		if err := r.post(ctx, "/init/error", describe(err)); err != nil {
			log.Error("cannot say so", "cause", err)
		}
		return 1
	}
	if err := r.askForSignals(ctx, host); err != nil {
		log.Warn("the end will come without a word", "cause", err)
	}
	err = r.serve(ctx, o.Handle)
	if err := closed(o.Close); err != nil {
		log.Warn("closed badly", "cause", err)
	}
	if err != nil {
		log.Error("cannot go on", "cause", err)
		return 1
	}
	log.Info("ended")
	return 0
}

// errSlowClose says that what was open did not close in time.
var errSlowClose = errors.New("it took too long")

func closed(shut func() error) error {
	if shut == nil {
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- shut() }() // is left behind if it takes too long: the process ends
	select {
	case err := <-done:
		return err
	case <-time.After(closing):
		return errSlowClose
	}
}
