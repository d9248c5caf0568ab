//go:build awsemulated

package aws

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/aws/awstest"
	"github.com/souk-commerce/souk/platform/platformtest"
)

const (
	emulator   = "moto[server]==5.2.5"
	exitNoTool = 3 // there is nothing to test against, which says nothing about the adapter
)

// oneByOne sends one request at a time: the emulator's transactions are not safe for more.
type oneByOne struct {
	mu   sync.Mutex
	next http.RoundTripper
}

func (o *oneByOne) RoundTrip(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.next.RoundTrip(r)
}

// Goal: the adapter keeps its promises over an emulator that we did not write. Method: the suite of
// all adapters over HTTP on loopback, each world in a region of its own. SOUK_AWS_ENDPOINT names
// another emulator, with DynamoDB, its streams and S3 behind one address; otherwise moto is
// installed, started and stopped.
func TestConformanceEmulated(t *testing.T) {
	endpoint := os.Getenv("SOUK_AWS_ENDPOINT")
	if endpoint == "" {
		endpoint = startEmulator(t)
	}
	// A connection that the emulator closed between two requests would make one be sent again.
	through := &oneByOne{next: &http.Transport{DisableKeepAlives: true}}
	var mu sync.Mutex
	regions := make(map[string]string)
	platformtest.RunSections(t, platformtest.Adapter{
		Features: features(),
		Open: func(t *testing.T, o platformtest.Options) platform.Platform {
			t.Helper()
			mu.Lock()
			if regions[o.Place] == "" {
				regions[o.Place] = fmt.Sprint("test-region-", len(regions)+1)
			}
			region := regions[o.Place]
			mu.Unlock()
			cfg := awstest.Config(through)
			cfg.Region, cfg.BaseEndpoint = region, &endpoint
			opts := options(cfg, "souk-"+region)
			opts.Clock, opts.Check = o.Clock, o.Check
			p := openWorld(t, opts)
			p.patience = time.Minute // it is slow, and forgets tokens: no request may be sent twice
			return p
		},
	}, emulatedSections()...)
}

// emulatedSections are all but two trials, which another emulator runs. moto takes 20 seconds for a
// transaction of a hundred timers in a table that has hundreds, so Timers/Many, which fires 700,
// waits longer than the suite does. And after a transaction that was cancelled the iterators of
// moto show nothing new any more, which Reopening/Records trips over.
func emulatedSections() []string {
	if os.Getenv("SOUK_AWS_ENDPOINT") != "" {
		return sections()
	}
	list := slices.DeleteFunc(sections(), func(s string) bool {
		return s == "Timers" || s == "Reopening/Records"
	})
	for _, trial := range []string{
		"Once", "Never early", "Past", "Replace", "Cancel", "Refused", "WithoutSubscription",
	} {
		list = append(list, "Timers/"+trial)
	}
	return list
}

// startEmulator starts the emulator on a free port of loopback, until the test ends.
func startEmulator(t *testing.T) string {
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
	})
	platformtest.Poll(t, func() bool {
		answer, err := http.Get("http://" + address + "/moto-api/")
		if err == nil {
			_ = answer.Body.Close()
		}
		return err == nil
	}, func() string { return "the emulator does not answer; its log is " + log.Name() })
	return "http://" + address
}

// emulatorTool installs the emulator into the user's cache, once, and returns its path.
func emulatorTool(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "souk", "moto-5.2.5")
	tool := filepath.Join(dir, "bin", "moto_server")
	if exec.Command(tool, "--help").Run() == nil {
		return tool
	}
	for _, step := range [][]string{
		{"python3", "-m", "venv", "--clear", dir},
		{filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--retries", "1",
			"--timeout", "20", "--disable-pip-version-check", emulator},
	} {
		out, err := exec.Command(step[0], step[1:]...).CombinedOutput()
		if err == nil {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s\nNOT TESTED: %s could not be installed (%v).\n"+
			"It needs python3 with venv, and the registry that pip is configured for.\n"+
			"Nothing was tried, so this says nothing about the adapter: exit code %d.\n",
			out, emulator, err, exitNoTool)
		os.Exit(exitNoTool)
	}
	return tool
}
