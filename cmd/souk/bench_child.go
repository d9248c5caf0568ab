package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/identity"
	"github.com/souk-commerce/souk/shop/room"
)

// child is a server in a process of its own, so that what it costs can be told from what the load
// generator costs.
type child struct {
	cmd    *exec.Cmd
	api    string
	admin  string
	dir    string
	log    *spoken
	issuer *identity.Service
	lean   *lean // for the bench's own questions
	boss   string
}

// readyTime bounds how long a server may take to become ready.
const readyTime = 60 * time.Second

// startChild runs `souk serve` on dir and waits until it is ready.
func startChild(ctx context.Context, dir string, extra ...string) (*child, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the souk binary: %w", err)
	}
	c := &child{dir: dir, log: &spoken{}}
	const anyPort = "127.0.0.1:0" // a port that is looked for before may be another's by then
	args := append([]string{"serve", "--data", dir, "--listen", anyPort, "--admin", anyPort},
		extra...)
	c.cmd = exec.CommandContext(ctx, exe, args...)
	c.cmd.Stderr = c.log
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) }
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the server under test: %w", err)
	}
	if err := c.ready(ctx); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

func (c *child) ready(ctx context.Context) error {
	until := time.Now().Add(readyTime)
	for {
		if c.answers() {
			break
		}
		if ctx.Err() != nil || time.Now().After(until) {
			return fmt.Errorf("the server under test did not become ready: %s",
				tail(c.log.String()))
		}
		time.Sleep(2 * time.Millisecond)
	}
	keys, err := embedded.OpenSigner(c.dir)
	if err != nil {
		return err
	}
	c.issuer = identity.New(keys, embedded.SystemClock{}, tokenIssuer)
	c.boss, err = c.token(ctx, "bench_admin", room.Admin())
	return err
}

// answers reports whether the server has said where it listens, and is ready there.
func (c *child) answers() bool {
	const line = "souk serves http://%s (operators: http://%s"
	_, said, ok := strings.Cut(c.log.String(), "souk serves ")
	if !ok {
		return false
	}
	_, err := fmt.Sscanf("souk serves "+said, line, &c.api, &c.admin)
	if c.admin, ok = strings.CutSuffix(c.admin, "/metrics);"); err != nil || !ok {
		return false
	}
	l, err := dial(c.api)
	if err != nil {
		return false
	}
	status, _, err := l.do(call{method: "GET", path: "/readyz"})
	if err != nil || status != http.StatusOK {
		l.close()
		return false
	}
	c.lean = l
	return true
}

// spoken keeps what a process writes while it runs. It is safe for concurrent use.
type spoken struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// String is all that was written so far.
func (s *spoken) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (c *child) token(ctx context.Context, id shop.ID, role room.Role) (string, error) {
	return c.issuer.Issue(ctx, room.Caller{ID: id, Role: role}, 12*time.Hour)
}

// stop ends the server as an operator would.
func (c *child) stop() error {
	if c.lean != nil {
		c.lean.close()
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("the server under test ended badly: %w: %s", err, tail(c.log.String()))
	}
	return nil
}

// quiet waits until no subscription has anything left to do.
func (c *child) quiet(ctx context.Context) error {
	for {
		n, err := c.pending()
		if err != nil || n == 0 {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (c *child) pending() (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet,
		"http://"+c.api+"/v1/ops/subscriptions", http.NoBody)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+c.boss)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the server does not tell what is pending: %s %s", resp.Status, body)
	}
	var answer struct {
		Items []struct {
			Pending int `json:"pending"`
			Waiting int `json:"waiting"`
		} `json:"items"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, err
	}
	n := 0
	for _, s := range answer.Items {
		n += s.Pending + s.Waiting
	}
	return n, nil
}

// usage is what the server has cost so far.
type usage struct {
	cpu    time.Duration
	rss    int64 // bytes
	fsyncs float64
	bytes  float64
	fsync  time.Duration // median
}

func (c *child) usage() (usage, error) {
	u := usage{}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		return u, fmt.Errorf("read what the server costs: %w", err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	for _, i := range []int{11, 12} { // utime and stime, in ticks of 10 ms
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return u, err
		}
		u.cpu += time.Duration(n) * 10 * time.Millisecond
	}
	pages, err := strconv.ParseInt(fields[21], 10, 64)
	if err != nil {
		return u, err
	}
	u.rss = pages * int64(os.Getpagesize())
	m, err := c.metrics()
	if err != nil {
		return u, err
	}
	u.fsyncs, u.bytes = m["souk_store_fsyncs_total"], m["souk_store_written_bytes_total"]
	u.fsync = time.Duration(m["souk_store_fsync_seconds_median"] * float64(time.Second))
	return u, nil
}

// metrics reads the plain samples, those without labels.
func (c *child) metrics() (map[string]float64, error) {
	l, err := net.Dial("tcp", c.admin)
	if err != nil {
		return nil, err
	}
	defer func() { _ = l.Close() }()
	if _, err := fmt.Fprint(l, "GET /metrics HTTP/1.0\r\n\r\n"); err != nil {
		return nil, err
	}
	m := make(map[string]float64)
	for s := bufio.NewScanner(l); s.Scan(); {
		name, value, ok := strings.Cut(s.Text(), " ")
		if n, err := strconv.ParseFloat(value, 64); ok && err == nil {
			m[name] = n
		}
	}
	return m, nil
}

// diskBytes adds up a directory.
func diskBytes(dir string) (n int64, err error) {
	err = filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			n += info.Size()
		}
		return nil // a file that compaction removed meanwhile does not count
	})
	return n, err
}

func tail(s string) string {
	const most = 2000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}
