package main_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Goal: a real disk that runs full stops nothing but writing, and writing goes on by itself; one
// that fills up faster than anybody can look ends the process at worst, and a new one goes on with
// everything that was acknowledged. Method: the binary on a small file system in memory, in a mount
// namespace of its own; a file takes the room and gives it back, slowly first, then at once under
// load.
func TestSmallDisk(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds the binary; make test runs it")
	}
	v := newVictim(t, build(t))
	d := &smallDisk{t: t, v: v, root: mountSmall(t)}
	v.dir = d.path("data")
	v.start()
	p := newPerson(t, v, 0, 1)
	p.listAll()
	p.must(p.checkout("before", "tok_visa"), 201)
	d.take(30 << 20)
	d.until(p, 503)
	if a, err := p.ask(&call{token: p.buyer, method: "GET", path: "/v1/orders"}); !a.ok() {
		t.Errorf("reading on a full disk: %d %v", a.status, err)
	}
	d.giveBack()
	d.until(p, 201)
	p.askAgain(p.calls)
	d.atOnce(p)
}

// smallDisk is the file system under a server.
type smallDisk struct {
	t     *testing.T
	v     *victim
	root  string
	tries int
}

// mountSmall makes a small file system in memory that ends with the test, and returns a path to it:
// through a process that sleeps in a mount namespace of its own.
func mountSmall(t *testing.T) string {
	t.Helper()
	where := t.TempDir()
	holder := exec.Command("unshare", "-m", "sh", "-c",
		`mount -t tmpfs -o size=400m tmpfs "$0" && echo mounted && exec sleep 600`, where)
	out, err := holder.StdoutPipe()
	if err == nil {
		err = holder.Start()
	}
	if err != nil {
		t.Skipf("a small file system needs Linux and unshare (util-linux): %v", err)
	}
	t.Cleanup(func() {
		_ = holder.Process.Kill() // it may have ended by itself
		_ = holder.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "mounted\n" {
		t.Skipf("no right to mount a small file system; run it as root: %v", err)
	}
	return fmt.Sprintf("/proc/%d/root%s", holder.Process.Pid, where)
}

func (d *smallDisk) path(name string) string { return filepath.Join(d.root, name) }

// take fills the room, up to about what is left.
func (d *smallDisk) take(left uint64) {
	d.t.Helper()
	f, err := os.Create(d.path("ballast"))
	if err != nil {
		d.t.Fatal(err)
	}
	chunk := make([]byte, 1<<20)
	for err == nil && d.free() > left {
		_, err = f.Write(chunk) // fails when there is no room at all
	}
	if err := f.Close(); err != nil {
		d.t.Fatal(err)
	}
}

// free is how much room there is.
func (d *smallDisk) free() uint64 {
	d.t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(d.root, &st); err != nil {
		d.t.Fatal(err)
	}
	return st.Bavail * uint64(st.Bsize)
}

func (d *smallDisk) giveBack() {
	d.t.Helper()
	if err := os.Remove(d.path("ballast")); err != nil {
		d.t.Fatal(err)
	}
}

// until checks out until it is answered so.
func (d *smallDisk) until(p *person, status int) {
	d.t.Helper()
	for until := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		d.tries++
		c := p.checkout(fmt.Sprint("try-", d.tries), "tok_visa")
		if !p.do(c) {
			d.t.Fatalf("no answer: %s", d.v.said.tail())
		}
		if c.answer.status == status {
			return
		}
		if time.Now().After(until) {
			d.t.Fatalf("it is never answered with %d: %d", status, c.answer.status)
		}
	}
}

// atOnce takes all the room under load.
func (d *smallDisk) atOnce(p *person) {
	d.t.Helper()
	stop, ended := make(chan struct{}), make(chan struct{})
	from := p.progress.Load()
	go func() { // ends with stop
		p.live(stop)
		close(ended)
	}()
	for p.progress.Load() < from+20 {
		time.Sleep(time.Millisecond)
	}
	d.take(0)
	gone, err := d.v.ended(2 * time.Second)
	close(stop)
	<-ended
	d.giveBack()
	if gone {
		d.t.Logf("the process ended by itself: %v\n%s", err, d.v.said.tail())
		if err == nil {
			d.t.Error("the process gave up without saying so in its exit code")
		}
		d.v.start()
	}
	d.t.Logf("%d requests asked again", p.askAgain(p.calls))
	d.v.quiet(p)
	d.v.terminate()
	verifyDir(d.t, d.v.dir, true)
}

// must sends a request that is answered so.
func (p *person) must(c *call, status int) {
	p.t.Helper()
	if !p.do(c) || c.answer.status != status {
		p.t.Fatalf("%s %s: %d %s", c.method, c.path, c.answer.status, c.answer.body)
	}
}
