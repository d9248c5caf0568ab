package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/identity"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// build makes the binary that is going to be killed.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "souk")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

// victim is a server in a process of its own.
type victim struct {
	t     *testing.T
	bin   string
	dir   string
	flags []string

	cmd  *exec.Cmd
	api  string // host:port
	said *said
}

func newVictim(t *testing.T, bin string, flags ...string) *victim {
	t.Helper()
	v := &victim{t: t, bin: bin, dir: filepath.Join(t.TempDir(), "data"), flags: flags}
	t.Cleanup(func() {
		if v.cmd != nil {
			v.kill()
		}
	})
	return v
}

// start runs the server and returns how long it took until it served.
func (v *victim) start() time.Duration {
	v.t.Helper()
	began := time.Now()
	args := append([]string{
		"--json", "serve", "--data", v.dir, "--listen", "127.0.0.1:0", "--admin", "",
		"--patience", "1m",
	}, v.flags...)
	v.cmd = exec.Command(v.bin, args...)
	v.said = &said{serving: make(chan string, 1)}
	out, err := v.cmd.StderrPipe()
	if err != nil {
		v.t.Fatal(err)
	}
	if err := v.cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	v.said.ended.Go(func() { v.said.listen(out) })
	select {
	case v.api = <-v.said.serving:
	case <-time.After(time.Minute):
		v.t.Fatalf("the server does not start: %s", v.said.tail())
	}
	if v.api == "" {
		v.t.Fatalf("the server ended: %s", v.said.tail())
	}
	return time.Since(began)
}

// kill ends the server at once.
func (v *victim) kill() {
	v.t.Helper()
	if err := v.cmd.Process.Kill(); err != nil {
		v.t.Errorf("kill: %v", err)
	}
	v.said.ended.Wait()
	_ = v.cmd.Wait() // it says that it was killed
	v.cmd = nil
}

// terminate ends the server as an operator does. It must exit with 0.
func (v *victim) terminate() {
	v.t.Helper()
	if err := v.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		v.t.Errorf("terminate: %v", err)
	}
	v.said.ended.Wait()
	if err := v.cmd.Wait(); err != nil {
		v.t.Errorf("the server did not end well: %v\n%s", err, v.said.tail())
	}
	v.cmd = nil
}

// ended reports whether the server has ended by itself, and with what.
func (v *victim) ended(within time.Duration) (bool, error) {
	v.t.Helper()
	gone := make(chan struct{})
	go func() { // ends with the server
		v.said.ended.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return true, v.cmd.Wait()
	case <-time.After(within):
		return false, nil
	}
}

// said is what a server logs.
type said struct {
	serving chan string // the address; "" if it ends before it serves
	ended   sync.WaitGroup

	mu   sync.Mutex
	last []string
}

// listen reads until the server ends.
func (s *said) listen(out io.Reader) {
	defer close(s.serving)
	in := bufio.NewScanner(out)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var line struct{ Msg, API string }
		if json.Unmarshal(in.Bytes(), &line) == nil && line.Msg == "serving" {
			s.serving <- line.API
		}
		if line.Msg == "request" {
			continue // refusals are many, and their clients know of them
		}
		s.mu.Lock()
		s.last = append(s.last, in.Text())
		s.last = s.last[max(0, len(s.last)-20):]
		s.mu.Unlock()
	}
}

func (s *said) tail() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.last, "\n")
}

// token speaks for somebody. The keys are read beside the server, as souk token does.
func (v *victim) token(id shop.ID, role room.Role) string {
	v.t.Helper()
	keys, err := embedded.OpenSigner(v.dir)
	if err != nil {
		v.t.Fatal(err)
	}
	issuer := identity.New(keys, embedded.SystemClock{}, "souk")
	token, err := issuer.Issue(v.t.Context(), room.Caller{ID: id, Role: role}, 12*time.Hour)
	if err != nil {
		v.t.Fatal(err)
	}
	return token
}

// quiet waits until everything is handled. Nothing may have been given up on.
func (v *victim) quiet(p *person) {
	v.t.Helper()
	until := time.Now().Add(2 * time.Minute)
	for calm := 0; calm < 3; {
		a, err := p.ask(&call{
			token: v.token("root", room.Admin()), method: "GET", path: "/v1/ops/subscriptions",
		})
		var subs struct {
			Items []struct {
				Name                          string
				Pending, Waiting, DeadLetters int
			}
		}
		if err != nil || json.Unmarshal(a.body, &subs) != nil || len(subs.Items) == 0 {
			v.t.Fatalf("ask for the subscriptions: %v %d %s", err, a.status, a.body)
		}
		left := 0
		for _, s := range subs.Items {
			left += s.Pending + s.Waiting
			if s.DeadLetters > 0 {
				v.t.Errorf("%s has %d dead letters", s.Name, s.DeadLetters)
			}
		}
		if calm++; left > 0 {
			calm = 0
		}
		if time.Now().After(until) {
			v.t.Fatalf("it does not come to rest: %+v", subs.Items)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// verifyDir checks a directory that nobody has open, with the provider's ledger in it.
func verifyDir(t *testing.T, dir string, quiescent bool) (events, effects int64) {
	t.Helper()
	cat := event.NewCatalogue()
	p, err := embedded.Open(embedded.Options{Dir: dir, ReadOnly: true})
	if err != nil {
		t.Fatalf("open what is left: %v", err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	report, err := verify.Run(context.Background(), verify.Input{
		History: p.History(), Rooms: rooms(t, p, cat), Catalogue: cat, Quiescent: quiescent,
		Provider: func(fn func(verify.Effect) error) error {
			file := filepath.Join(dir, "sandbox-ledger.jsonl")
			return sandbox.ReadLedger(file, func(e sandbox.Entry) error {
				effects++
				return fn(verify.Effect{
					Key: e.Key, Payment: e.Payment, Order: e.Order, Kind: e.Kind,
					Amount: e.Amount, Currency: e.Currency, At: e.At, Ref: e.Ref,
				})
			})
		},
	})
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	if !report.Clean() {
		t.Errorf("%s", report)
	}
	return report.Events, effects
}

// rooms opens the rooms only to fold with them.
func rooms(t *testing.T, p *embedded.Platform, cat *event.Catalogue) []room.Room {
	t.Helper()
	clock := embedded.SystemClock{}
	provider, err := sandbox.Open(sandbox.Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.Open(app.Config{
		Platform: p, Catalogue: cat, Clock: clock, Log: slog.New(slog.DiscardHandler),
		IDs:     shop.RandomIDs{Now: time.Now, Chance: bytes.NewReader(nil)},
		Payment: payment.Options{Name: sandbox.Name, Provider: provider},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a.Rooms()
}

// pick chooses one of a list.
func pick[T any](chance *rand.Rand, of []T) T { return of[chance.IntN(len(of))] }
