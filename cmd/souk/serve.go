package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"sync"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// serveCommand serves the shop until it is told to stop.
type serveCommand struct {
	Data    string       `default:"./data" help:"Data directory, made if need be; mem: keeps everything in memory."`
	Listen  string       `default:"127.0.0.1:8080" help:"Address of the API."`
	Admin   string       `default:"127.0.0.1:8081" help:"Address of /metrics, /healthz and /readyz; empty for none."`
	Backups string       `help:"Directory for backups of the running server; beside --data if empty." type:"path"`
	Profile string       `help:"Write a CPU profile of the whole run to this file, and what was allocated beside it." type:"path"`
	Secrets string       `name:"webhook-secret-file" help:"File with the secrets of webhooks, one a line, newest first; a random one if empty." type:"path"`
	Mail    messageFlags `embed:""`
	Policy  policyFlags  `embed:""`

	Providers providerFlags `embed:""`
}

// drainTime bounds the time that requests in flight are given at the end.
const drainTime = 10 * time.Second

// Run implements the command.
func (c *serveCommand) Run(e *env) (err error) {
	if c.Profile != "" {
		stop, err := profileTo(c.Profile)
		if err != nil {
			return err
		}
		defer stop()
	}
	if c.Secrets != "" {
		if c.Policy.Secrets, err = webhookSecrets(c.Secrets); err != nil {
			return err
		}
	}
	c.Policy.Providers = c.Providers
	if c.Policy.Messages, err = c.Mail.options(); err != nil {
		return err
	}
	w, err := openWorld(e, c.Data, c.Policy)
	if err != nil {
		return err
	}
	if c.Backups != "" {
		w.backups = c.Backups
	}
	s, err := w.serve(e, c.Listen, c.Admin)
	if err != nil {
		return errors.Join(err, w.close())
	}
	debug.FreeOSMemory() // what drawing up the doors and their document took
	e.log.Info("serving", "api", s.api, "admin", s.admin, "data", c.Data)
	if !e.json {
		operators := ""
		if s.admin != "" {
			operators = " (operators: http://" + s.admin + "/metrics)"
		}
		fmt.Fprintf(e.err, "souk serves http://%s%s; stop with ctrl-c\n", s.api, operators)
	}
	var failed error
	select {
	case <-e.ctx.Done():
	case failed = <-s.failed:
	case <-w.platform.Failed():
		failed = &shop.Error{
			Code: shop.Unavailable, Message: "the disk failed; all that was acknowledged is safe",
			Hint: "look at the disk, then start the server again: it recovers what is on it",
		}
	}
	e.log.Info("draining: no new work, finishing what is under way")
	return errors.Join(failed, s.stop(), w.close())
}

// servers are the listeners of one world.
type servers struct {
	w      *world
	api    string
	admin  string
	list   []*http.Server
	failed chan error

	parcels sync.WaitGroup // brings the carrier's words, until park
	park    context.CancelFunc
}

// serve starts delivery and opens the listeners.
func (w *world) serve(e *env, listen, admin string) (*servers, error) {
	// Deliveries go on while requests drain, so they do not end with the signal but with close.
	if err := w.app.Start(context.WithoutCancel(e.ctx)); err != nil {
		return nil, err
	}
	s := &servers{w: w, failed: make(chan error, 2)}
	carrying, park := context.WithCancel(context.WithoutCancel(e.ctx))
	s.park = park
	s.parcels.Go(func() { w.carry(carrying) })
	var err error
	if s.api, err = s.open(listen, w.withPages(w.app.Handler())); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if admin != "" {
		if s.admin, err = s.open(admin, w.app.AdminHandler()); err != nil {
			return nil, errors.Join(err, s.stop())
		}
	}
	return s, nil
}

// withPages puts the sandbox's page, on which customers confirm, in front of the doors.
func (w *world) withPages(doors http.Handler) http.Handler {
	pages := w.provider.Pages()
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, sandbox.PagePath) {
			pages.ServeHTTP(rw, r)
			return
		}
		doors.ServeHTTP(rw, r)
	})
}

func (s *servers) open(address string, h http.Handler) (string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("listen on %s: %w", address, err)
	}
	server := s.w.app.Server(h)
	s.list = append(s.list, server)
	go func() { // ends with Shutdown
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
	return l.Addr().String(), nil
}

// stop answers what is in flight and closes the listeners.
func (s *servers) stop() error {
	s.w.app.Drain()
	s.park()
	s.parcels.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	var all error
	for _, server := range s.list {
		if err := server.Shutdown(ctx); err != nil {
			all = errors.Join(all, fmt.Errorf("drain: %w", err), server.Close())
		}
	}
	return all
}

// profileTo writes a CPU profile until stop is called.
func profileTo(file string) (stop func(), err error) {
	f, err := os.Create(file)
	if err != nil {
		return nil, fmt.Errorf("write a profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("write a profile: %w", err), f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close() // the profile is a diagnostic; the run's own error matters
		if a, err := os.Create(file + ".allocs"); err == nil {
			_ = pprof.Lookup("allocs").WriteTo(a, 0)
			_ = a.Close()
		}
	}, nil
}
