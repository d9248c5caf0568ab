package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"sync"
	"testing"
)

// trigger calls once when something is written for the first time.
type trigger struct {
	once sync.Once
	call func()
}

func (t *trigger) Write(p []byte) (int, error) {
	t.once.Do(t.call)
	return len(p), nil
}

// Goal: a demo that is stopped says so, fails, and takes its directory away. Method: stop it when
// it tells its first line, with a place for temporary directories of its own.
func TestDemoStoppedLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	code := run(ctx, []string{"demo", "--length", "1h"}, &out, &trigger{call: cancel})
	if code != exitFailed || out.Len() > 0 {
		t.Errorf("exit %d, and it printed %q", code, out.String())
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("it left %v behind, %v", left, err)
	}
}

// Goal: with --keep the market stays open for a customer, a dealer and an admin until it is
// stopped, and that is a success. Method: ask with the tokens of its document, then stop it.
func TestDemoKeepsTheMarketOpen(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	ended := make(chan int, 1)
	go func() { // ends with the demo, which the end of ctx stops
		code := run(ctx, []string{
			"--json", "demo", "--keep", "--shoppers", "20", "--rush", "5", "--length", "0s",
			"--deadline", "2s", "--data", t.TempDir(),
		}, in, io.Discard)
		_ = in.Close() // a pipe's Close does not fail
		ended <- code
	}()
	var said struct {
		Balanced bool
		Open     openMarket
	}
	if err := json.NewDecoder(out).Decode(&said); err != nil || !said.Balanced {
		t.Fatalf("it said %+v, %v", said, err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // whatever it says yet; ends with the pipe
	for path, token := range map[string]string{
		"/v1/orders": said.Open.Customer, "/v1/shipments": said.Open.Dealer,
		"/v1/ops/ledger/trial-balance": said.Open.Admin,
	} {
		if status := askStatus(t, said.Open.URL+path, token); status != http.StatusOK {
			t.Errorf("%s answered %d", path, status)
		}
	}
	cancel()
	if code := <-ended; code != exitOK {
		t.Errorf("exit %d", code)
	}
}

func askStatus(t *testing.T, url, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close() // only the status is of interest
	return resp.StatusCode
}
