package awstest

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	emulator   = "moto[server]==5.2.5"
	command    = "awscli==1.46.3"
	exitNoTool = 3 // there is nothing to test against, which says nothing about the adapter
)

// StartEmulator starts moto on a free port of loopback until the test ends, and returns its URL. It
// is installed once, into the user's cache. Where it cannot be, the process ends with exit code 3.
func StartEmulator(t testing.TB) (endpoint string) {
	t.Helper()
	tool := emulatorTool(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "emulator.log"))
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(address, ":")
	process := exec.Command(tool, "-H", host, "-p", port)
	process.Env = append(os.Environ(), "MOTO_ALLOW_NONEXISTENT_REGION=true")
	process.Stdout, process.Stderr = log, log
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait() // it was killed
		_ = log.Close()
		if raw, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("the emulator's last words: %s", raw[max(0, len(raw)-1500):])
		}
	})
	const patience = time.Minute
	for end := time.Now().Add(patience); ; {
		answer, err := http.Get("http://" + address + "/moto-api/")
		if err == nil {
			_ = answer.Body.Close()
			return "http://" + address
		}
		if time.Now().After(end) {
			t.Fatalf("the emulator does not answer (%v); its log is %s", err, log.Name())
		}
		<-time.After(50 * time.Millisecond)
	}
}

// CommandLine installs AWS's own command line, and returns the folder of the program aws. Where it
// cannot be installed, the process ends with exit code 3.
func CommandLine(t testing.TB) (dir string) {
	t.Helper()
	return filepath.Dir(tool(t, command, "awscli-1.46.3", "aws", "--version"))
}

// emulatorTool installs the emulator and returns its path.
func emulatorTool(t testing.TB) string {
	t.Helper()
	return tool(t, emulator, "moto-5.2.5", "moto_server", "--help")
}

// tool installs a program of a package of PyPI into the user's cache, unless it is there and runs
// with a flag that does nothing. It returns its path.
func tool(t testing.TB, requirement, name, program, flag string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "souk", name)
	path := filepath.Join(dir, "bin", program)
	if exec.Command(path, flag).Run() == nil {
		return path
	}
	for _, step := range [][]string{
		{"python3", "-m", "venv", "--clear", dir},
		{filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--retries", "1",
			"--timeout", "20", "--disable-pip-version-check", requirement},
	} {
		out, err := exec.Command(step[0], step[1:]...).CombinedOutput()
		if err == nil {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s\nNOT TESTED: %s could not be installed (%v).\n"+
			"It needs python3 with venv, and the registry that pip is configured for.\n"+
			"Nothing was tried, so this says nothing about the adapter: exit code %d.\n",
			out, requirement, err, exitNoTool)
		os.Exit(exitNoTool)
	}
	return path
}
