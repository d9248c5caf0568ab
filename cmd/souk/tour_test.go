package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Goal: the tour and the README tell the truth. Method: build the binary, run the blocks marked "sh
// tour" of a page in one bash, in order, against free ports, and compare what each prints with the
// block of text that follows it.
func TestTour(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds the binary and waits for a return window; make test runs it")
	}
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the tour needs %s on the path: install it from the system's packages", tool)
		}
	}
	bin := filepath.Join(t.TempDir(), "souk")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the binary: %v\n%s", err, out)
	}
	for page, least := range map[string]int{"../../docs/tour.md": 12, "../../README.md": 2} {
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			steps := tourOf(string(raw))
			if len(steps) < least {
				t.Fatalf("there are %d steps that can be run, expected %d", len(steps), least)
			}
			compareTour(t, steps, runTour(t, filepath.Dir(bin), steps))
		})
	}
}

func compareTour(t *testing.T, steps []step, outs []string) {
	t.Helper()
	for i, s := range steps {
		if i >= len(outs) {
			t.Fatalf("line %d was never reached:\n%s", s.line, s.script)
		}
		if problem := differ(s.want, outs[i]); problem != "" {
			t.Errorf("line %d:\n%s%s\n\nit printed:\n%s", s.line, s.script, problem, outs[i])
		}
	}
}

// step is one block of commands and what it should print.
type step struct {
	line   int
	script string
	want   string
}

// tourOf reads the blocks of a page. A block of text belongs to the commands before it.
func tourOf(page string) []step {
	var steps []step
	var block *string
	for i, line := range strings.Split(page, "\n") {
		switch {
		case block != nil && line == "```":
			block = nil
		case block != nil:
			*block += line + "\n"
		case line == "```sh tour":
			steps = append(steps, step{line: i + 1})
			block = &steps[len(steps)-1].script
		case line == "```text" && len(steps) > 0:
			block = &steps[len(steps)-1].want
		case strings.HasPrefix(line, "```"):
			block = new(string) // for people only
		}
	}
	return steps
}

// endOfStep ends what one step prints.
const endOfStep = "\x1eend of step"

// runTour runs the steps in one shell, and returns what each that was reached printed.
func runTour(t *testing.T, bin string, steps []step) []string {
	t.Helper()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-u")
	shell.Dir, shell.WaitDelay = dir, 10*time.Second
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that its servers end with it
	shell.Cancel = func() error { return syscall.Kill(-shell.Process.Pid, syscall.SIGKILL) }
	shell.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "LC_ALL=C.UTF-8")
	shell.Stdin = strings.NewReader(tourScript(t, steps))
	var out, errs bytes.Buffer
	shell.Stdout, shell.Stderr = &out, &errs
	if err := shell.Run(); err != nil {
		server, _ := os.ReadFile(filepath.Join(dir, "server.log"))
		t.Errorf("the shell: %v\n%s\nthe server:\n%s",
			err, tail(errs.String()), tail(string(server)))
	}
	list := strings.Split(out.String(), endOfStep+"\n")
	return list[:len(list)-1]
}

// tourScript joins the steps. The ports of the page become free ones, and no server outlives the
// shell.
func tourScript(t *testing.T, steps []step) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintln(&b, `trap 'kill -9 $(jobs -p) 2> /dev/null' EXIT`)
	api, admin := freePort(t), freePort(t)
	for _, s := range steps {
		script := strings.ReplaceAll(s.script, "souk serve ",
			fmt.Sprintf("souk serve --listen 127.0.0.1:%s --admin 127.0.0.1:%s ", api, admin))
		b.WriteString(strings.ReplaceAll(script, "127.0.0.1:8080", "127.0.0.1:"+api))
		fmt.Fprintf(&b, "printf '%s\\n'\n", endOfStep)
	}
	return b.String()
}

// freePort finds a port that nobody listens on, below those that the system gives out by itself:
// otherwise any connection of a test beside this one may have it a moment later.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(15_000 + rand.IntN(15_000))
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
	t.Fatal("there is no free port between 15000 and 30000")
	return ""
}

// differ says where what was printed is not what was wanted, or "". Names, times and the spaces of
// columns are not compared. An ellipsis within a line stands for any text, on a line of its own for
// any lines. A text without one is complete, but its lines may come in another order, since what
// happens at the same time does.
func differ(want, have string) string {
	lines, wanted := plainLines(have), plainLines(want)
	if !strings.Contains(strings.Join(wanted, ""), "…") {
		slices.Sort(lines)
		slices.Sort(wanted)
	}
	anywhere := false
	for _, w := range wanted {
		if w == "…" {
			anywhere = true
			continue
		}
		pattern := strings.ReplaceAll(regexp.QuoteMeta(w), "…", ".*")
		found := slices.IndexFunc(lines, regexp.MustCompile("^"+pattern+"$").MatchString)
		if found < 0 || found > 0 && !anywhere {
			return "\nthis line did not come: " + w
		}
		lines, anywhere = lines[found+1:], false
	}
	if !anywhere && len(lines) > 0 {
		return "\nthis was not expected: " + strings.Join(lines, "\n")
	}
	return ""
}

// plainLines returns the lines of a text without what differs from run to run.
func plainLines(text string) []string {
	for _, p := range []struct{ pattern, with string }{
		{`shp_(…|[0-9a-v]{26})_`, "shp_NAME_"},
		{`_[0-9a-v]{26}`, "_NAME"},
		{`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z`, "TIME"},
		{`\+\d+(\.\d+)?m?s`, "SINCE"},
		{`[├└│─]`, ""},
		{`sbx-\d+-\d+`, "REFERENCE"},
		{`[ \t]+`, " "},
	} {
		text = regexp.MustCompile(p.pattern).ReplaceAllString(text, p.with)
	}
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
