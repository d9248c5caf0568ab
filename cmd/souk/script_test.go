package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"souk": main})
}

// Goal: every command does what it says on real directories and real servers, refuses wrong input
// with the exit code and the words that were promised, and prints one JSON document when asked to.
// Method: the scripts in testdata, each in a directory of its own, with the binary itself. Besides
// testscript's own commands they have those of scriptCommands.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata", Cmds: scriptCommands(), RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Values[serverKey{}] = &scriptServer{}
			return nil
		},
	})
}

type command = func(ts *testscript.TestScript, neg bool, args []string)

// scriptCommands are what the scripts can do besides running souk:
//
//	start DATA [flag…]           start a server on a directory, and wait until it serves: $API
//	drain                        end it with SIGINT; it must drain and exit 0
//	crash                        end it with SIGKILL
//	ask STATUS METHOD PATH TOKEN [BODY]   send a request; BODY may be @file; the answer is stdout
//	until PATH TOKEN REGEXP      ask until the answer matches
//	let NAME REGEXP              set a variable to what the first group of stdout matched
//	exits CODE souk ARG…         run souk; it must exit with that code
//	onejson                      stdout is one JSON document
//	forget DATA                  do to a ledger what restoring does, looking at all of it
func scriptCommands() map[string]command {
	return map[string]command{
		"start": scriptStart, "drain": scriptDrain, "crash": scriptCrash, "ask": scriptAsk,
		"until": scriptUntil, "let": scriptLet, "exits": scriptExits, "onejson": scriptJSON,
		"forget": scriptForget,
	}
}

type serverKey struct{}

// scriptServer is the server of one script, and the number of its last request.
type scriptServer struct {
	cmd   *exec.Cmd
	log   *bytes.Buffer
	ended chan error
	asked int
}

func serverOf(ts *testscript.TestScript) *scriptServer {
	return ts.Value(serverKey{}).(*scriptServer)
}

// serveTime bounds what a script waits for a server.
const serveTime = 20 * time.Second

func scriptStart(ts *testscript.TestScript, neg bool, args []string) {
	s := serverOf(ts)
	if neg || len(args) < 1 || s.cmd != nil {
		ts.Fatalf("usage: start DATA [flag…], once")
	}
	args = append([]string{
		"serve", "--data", ts.MkAbs(args[0]), "--listen", "127.0.0.1:0", "--admin", "",
		"--patience=-1s", // a slow machine is not what is tested here
	}, args[1:]...)
	s.cmd, s.log, s.ended = exec.Command("souk", args...), &bytes.Buffer{}, make(chan error, 1)
	s.cmd.Dir = ts.MkAbs(".")
	pipe, err := s.cmd.StderrPipe()
	ts.Check(err)
	ts.Check(s.cmd.Start())
	ts.Defer(func() {
		if s.cmd != nil {
			_ = s.cmd.Process.Kill() // it may have ended
			<-s.ended
		}
	})
	serves := make(chan string, 1)
	go func() { // ends with the server
		lines := bufio.NewScanner(pipe)
		for lines.Scan() {
			s.log.WriteString(lines.Text() + "\n")
			var line struct{ Msg, API string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
				serves <- line.API
			}
		}
		s.ended <- s.cmd.Wait()
	}()
	select {
	case api := <-serves:
		ts.Setenv("API", "http://"+api)
	case err := <-s.ended:
		s.cmd = nil
		ts.Fatalf("the server ended: %v\n%s", err, s.log)
	case <-time.After(serveTime):
		ts.Fatalf("the server does not serve")
	}
}

func scriptDrain(ts *testscript.TestScript, _ bool, _ []string) {
	if err := serverOf(ts).end(ts, os.Interrupt); err != nil {
		ts.Fatalf("the server ended with %v", err)
	}
}

func scriptCrash(ts *testscript.TestScript, _ bool, _ []string) {
	if err := serverOf(ts).end(ts, syscall.SIGKILL); err == nil {
		ts.Fatalf("the server ended by itself")
	}
}

func (s *scriptServer) end(ts *testscript.TestScript, signal os.Signal) error {
	if s.cmd == nil {
		ts.Fatalf("there is no server")
	}
	ts.Check(s.cmd.Process.Signal(signal))
	select {
	case err := <-s.ended:
		s.cmd = nil
		ts.Logf("%s", s.log)
		return err
	case <-time.After(serveTime):
		ts.Fatalf("the server does not end")
	}
	return nil
}

func scriptAsk(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 || len(args) > 5 {
		ts.Fatalf("usage: ask STATUS METHOD PATH TOKEN [BODY]")
	}
	body := ""
	if len(args) == 5 {
		body = args[4]
		if name, ok := strings.CutPrefix(body, "@"); ok {
			body = ts.ReadFile(name)
		}
	}
	status, answer := send(ts, args[1], args[2], args[3], body)
	if fmt.Sprint(status) != args[0] {
		ts.Fatalf("%s %s answered %d: %s", args[1], args[2], status, answer)
	}
	_, err := ts.Stdout().Write(answer)
	ts.Check(err)
}

// send sends one request with a key of its own and waits for a decision.
func send(ts *testscript.TestScript, method, path, token, body string) (int, []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), serveTime)
	defer cancel()
	url := ts.Getenv("API") + path
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	ts.Check(err)
	s := serverOf(ts)
	s.asked++
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Idempotency-Key", "key-"+strconv.Itoa(s.asked))
	req.Header.Set("Prefer", "wait=10")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	ts.Check(errors.Join(err, resp.Body.Close()))
	return resp.StatusCode, answer
}

func scriptUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: until PATH TOKEN REGEXP")
	}
	want, err := regexp.Compile(args[2])
	ts.Check(err)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	late := time.After(serveTime)
	for {
		_, answer := send(ts, "GET", args[0], args[1], "")
		if want.Match(answer) {
			return
		}
		select {
		case <-again.C:
		case <-late:
			ts.Fatalf("%s still answers %s", args[0], answer)
		}
	}
}

func scriptLet(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: let NAME REGEXP")
	}
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("stdout has no group that matches %s", args[1])
	}
	ts.Setenv(args[0], found[1])
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE souk ARG…")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		failed, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		code = failed.ExitCode()
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("%s exited with %d", args[1:], code)
	}
}

func scriptJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: onejson")
	}
	var doc map[string]any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &doc); err != nil {
		ts.Fatalf("stdout is not one JSON document: %v", err)
	}
}

func scriptForget(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: forget DATA")
	}
	e := &env{ctx: context.Background(), log: slog.New(slog.DiscardHandler)}
	cut, err := forgetLater(e, ts.MkAbs(args[0]), time.Time{})
	ts.Check(err)
	_, err = fmt.Fprintf(ts.Stdout(), "%d forgotten\n", cut)
	ts.Check(err)
}
