package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/souk-commerce/souk/platform/embedded"
	carrier "github.com/souk-commerce/souk/shop/fulfilment/sandbox"
	"github.com/souk-commerce/souk/shop/fulfilment/sandbox/post"
	payer "github.com/souk-commerce/souk/shop/ledger/sandbox"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// sandboxCommand serves the sandboxes of money and parcels to whoever shares them: a shop whose
// functions are processes of their own.
type sandboxCommand struct {
	Data   string `default:"./sandbox" help:"Directory of the ledgers, made if need be; mem: keeps them in memory."`
	Listen string `default:"127.0.0.1:8090" help:"Address. It checks no caller: let only the shop come to it."`
	Shop   string `help:"Where the shop answers, to tell it where parcels are; empty tells nobody." placeholder:"URL"`
	Secret string `name:"carrier-secret-file" help:"File with the secret that the carrier signs its words with." type:"path"`
}

// vendors are the sandboxes of one process.
type vendors struct {
	takes  *sandbox.Sandbox
	pays   *payer.Sandbox
	parcel *carrier.Sandbox
}

// Run implements the command.
func (c *sandboxCommand) Run(e *env) error {
	v, err := c.open()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return errors.Join(fmt.Errorf("listen on %s: %w", c.Listen, err), v.close())
	}
	server := &http.Server{Handler: v.handler(), ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout: 15 * time.Second, WriteTimeout: 5 * time.Minute, IdleTimeout: time.Minute}
	ctx, stop := context.WithCancel(e.ctx)
	defer stop()
	var parcels sync.WaitGroup
	if c.Shop != "" {
		parcels.Go(func() { v.tell(ctx, strings.TrimSuffix(c.Shop, "/")) })
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }() // ends with Shutdown
	if !e.json {
		fmt.Fprintf(e.err, "the sandboxes are at http://%s; stop with ctrl-c\n", listener.Addr())
	}
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	stop()
	parcels.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), drainTime)
	defer cancel()
	return errors.Join(err, server.Shutdown(last), v.close())
}

func (c *sandboxCommand) open() (*vendors, error) {
	var secret []byte
	if c.Secret != "" {
		all, err := webhookSecrets(c.Secret)
		if err != nil {
			return nil, err
		}
		secret = all[0]
	}
	ledger, payouts := "", ""
	if c.Data != inMemory {
		if err := os.MkdirAll(c.Data, 0o700); err != nil {
			return nil, fmt.Errorf("make the directory of the ledgers: %w", err)
		}
		ledger, payouts = filepath.Join(c.Data, ledgerFile), filepath.Join(c.Data, payoutsFile)
	}
	clock := embedded.SystemClock{}
	v := &vendors{parcel: carrier.New(clock, secret)}
	var err error
	v.takes, err = sandbox.Open(sandbox.Options{
		Clock: clock, Path: ledger, Remember: rememberPayments,
	})
	if err != nil {
		return nil, err
	}
	if v.pays, err = payer.Open(payer.Options{Clock: clock, Path: payouts}); err != nil {
		return nil, errors.Join(err, v.takes.Close())
	}
	return v, nil
}

func (v *vendors) close() error { return errors.Join(v.takes.Close(), v.pays.Close()) }

// handler is where all of them answer.
func (v *vendors) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", sandbox.Handler(v.takes))
	mux.Handle(sandbox.PagePath, v.takes.Pages())
	mux.Handle("/payouts", payer.Handler(v.pays))
	mux.Handle("/payouts/", payer.Handler(v.pays))
	mux.Handle("/labels", post.Handler(v.parcel))
	return mux
}

// tell brings the carrier's words to a shop until ctx ends. What is refused comes again later.
func (v *vendors) tell(ctx context.Context, shop string) {
	client := &http.Client{Timeout: postRound}
	clock := embedded.SystemClock{}
	for {
		v.parcel.Deliver(ctx, func(ctx context.Context, h carrier.Webhook) error {
			return postWord(ctx, client, shop+"/v1/carriers/"+post.Name+"/webhooks", h)
		})
		select {
		case <-ctx.Done():
			return
		case <-clock.After(postRound):
		}
	}
}

// postWord posts one word.
func postWord(ctx context.Context, client *http.Client, url string, h carrier.Webhook) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(h.Body))
	if err != nil {
		return fmt.Errorf("tell the shop of a parcel: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("webhook-id", h.ID)
	req.Header.Set("webhook-timestamp", h.Timestamp)
	req.Header.Set("webhook-signature", h.Signature)
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("tell the shop of a parcel: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10)) // so that the connection is kept
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the shop did not take the word of a parcel: it says %d", resp.StatusCode)
	}
	return nil
}
