package faults_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/platform/embedded/crashtest"
	"github.com/souk-commerce/souk/platform/platformtest"
	payer "github.com/souk-commerce/souk/shop/ledger/sandbox"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// soak reports whether the long campaigns are asked for.
func soak() bool { return os.Getenv("SOUK_SOAK") != "" }

// outside is what a crash of the market leaves alone.
type outside struct {
	now    time.Time
	ledger []sandbox.Entry
	paid   []payer.Entry
}

// Goal: the power may go at any write, whatever the shop is doing: whoever keeps trying ends where
// nobody had to, with the same bytes for whatever was acknowledged, each effect once, and books
// that agree. Method: every script; before each write the file system as a crash would leave it,
// with nothing, half or all of what was not synced (without SOUK_SOAK a sample, and nothing),
// together with the provider's books of that moment; then the shop is opened again and the script
// run again.
func TestCrashAtEveryWrite(t *testing.T) {
	t.Parallel()
	contracts := compiled(t)
	for _, s := range scripts() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			crashAll(t, s, contracts)
		})
	}
}

// crashAll crashes a script at every n-th write, or at all of them in slices that fit into memory.
func crashAll(t *testing.T, s script, contracts verify.Contracts) {
	t.Helper()
	every, percents := 15, []int{0}
	if s.name == "longest" {
		every = 100
	}
	base, books, now := s.base(t)
	first := &campaign{t: t, script: s, books: books, now: now, contracts: contracts}
	want := first.calm(t, base)
	if s.old {
		likeNew(t, want)
	}
	offsets := []int{every / 2}
	if soak() {
		every, offsets, percents = 16, nil, []int{0, 50, 100}
		for i := range every {
			offsets = append(offsets, i)
		}
	}
	for _, offset := range offsets {
		c := &campaign{
			t: t, script: s, want: want, books: books, now: now, contracts: contracts,
		}
		o := crashtest.Options{
			Every: every, Offset: offset, Percents: percents, Seed: uint64(offset),
			Beside: c.beside,
		}
		mem := base.CrashClone(vfs.CrashCloneCfg{})
		crashtest.Over(t, mem, o, func(fs vfs.FS, log *crashtest.Log) {
			c.play(t, fs, log)
		}, c.check)
	}
}

// campaign is one run of a script with everything that is outside.
type campaign struct {
	t      testing.TB
	script script
	want   string
	books  []sandbox.Entry
	now    time.Time

	clock *platformtest.Clock
	bank  *sandbox.Sandbox
	payer *payer.Sandbox

	contracts verify.Contracts // of all campaigns
}

// base is the file system, the provider's books and the time when the faults begin.
func (s script) base(t *testing.T) (*vfs.MemFS, []sandbox.Entry, time.Time) {
	t.Helper()
	if s.old {
		return s.oldBase(t)
	}
	mem := vfs.NewCrashableMem()
	clock := platformtest.NewClock(platformtest.Start())
	if s.prepare == nil {
		return mem, nil, clock.Now()
	}
	m, err := openMarket(t, world{fs: mem, clock: clock, bank: openBank(t, clock)})
	if err == nil {
		err = s.prepare(&client{t: t, m: m})
	}
	if err == nil {
		err = m.settle()
	}
	if err != nil {
		t.Fatal(err)
	}
	books := ledgerOf(t, m.bank)
	if err := m.close(); err != nil {
		t.Fatal(err)
	}
	return mem.CrashClone(vfs.CrashCloneCfg{}), books, clock.Now()
}

// calm runs the script without a fault and returns where it leads.
func (c *campaign) calm(t *testing.T, base *vfs.MemFS) string {
	t.Helper()
	c.play(t, base.CrashClone(vfs.CrashCloneCfg{}), &crashtest.Log{})
	if t.Failed() {
		t.Fatal("the script fails without a fault")
	}
	return c.want
}

// play runs the script on a file system that may fail, and acknowledges what it was told. Without
// an error, where it led becomes what is wanted, unless that is known already.
func (c *campaign) play(t *testing.T, fs vfs.FS, log *crashtest.Log) {
	t.Helper()
	c.clock = platformtest.NewClock(c.now)
	c.bank, c.payer = reopenBank(t, c.clock, c.books), reopenPayer(t, c.clock, nil)
	m, err := openMarket(t, world{
		fs: fs, clock: c.clock, bank: c.bank, payer: c.payer, contracts: c.contracts,
	})
	if err != nil {
		t.Errorf("open: %v", err)
		return
	}
	one := &client{t: t, m: m, ack: func(name string, a answer) { log.Ack(a.encode(name)) }}
	if err := c.script.run(one); err != nil {
		t.Errorf("%s without a fault: %v", c.script.name, err)
	}
	got := c.script.outcome(m)
	if c.want == "" {
		c.want = got
		sameLines(t, c.script.effects, m.effects())
		m.audit()
	}
	if got != c.want {
		t.Errorf("%s leads to\n%s\nand the first time to\n%s", c.script.name, got, c.want)
	}
	if err := m.close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if c.script.old {
		mustHaveFormat(t, fs, pebble.FormatNewest)
	}
}

func (c *campaign) beside() any {
	return outside{c.clock.Now(), ledgerOf(c.t, c.bank), paidBy(c.t, c.payer)}
}

// check opens what a crash has left, and tries again.
func (c *campaign) check(t *testing.T, crash crashtest.Crash) {
	t.Helper()
	out := crash.Beside.(outside)
	if c.script.name == "backup" {
		c.restore(t, crash, out)
	}
	c.recover(t, crash.FS, dataDir, crash.Acked, out)
}

// restore makes a market of the backup, if there is one, and tries again there. A backup that was
// acknowledged must be there; one that is there must be whole.
func (c *campaign) restore(t *testing.T, crash crashtest.Crash, out outside) {
	t.Helper()
	acked := slices.ContainsFunc(crash.Acked, func(line string) bool {
		return strings.Contains(line, `"Name":"backup"`)
	})
	dir := t.TempDir()
	copied, err := vfs.Clone(crash.FS, vfs.Default, backupDir, filepath.Join(dir, "backup"))
	if err != nil || !copied {
		if acked || err != nil {
			t.Errorf("the backup is not there: %v", err)
		}
		return
	}
	to := filepath.Join(dir, "restored")
	if err := embedded.Restore(t.Context(), filepath.Join(dir, "backup"), to); err != nil {
		t.Errorf("restore: %v", err)
		return
	}
	c.recover(t, vfs.Default, to, crash.Acked, out)
}

// recover runs the script again on what is left, until it ends where it should have.
func (c *campaign) recover(
	t *testing.T, fs vfs.FS, dir string, acked []string, out outside,
) {
	t.Helper()
	clock := platformtest.NewClock(out.now)
	bank := reopenBank(t, clock, out.ledger)
	m, err := openMarket(t, world{
		fs: fs, dir: dir, clock: clock, bank: bank, payer: reopenPayer(t, clock, out.paid),
		contracts: c.contracts,
	})
	if err != nil {
		t.Errorf("open after the crash: %v", err)
		return
	}
	one := &client{t: t, m: m, had: remember(t, acked)}
	if err := m.settle(); err != nil {
		t.Errorf("settle after the crash: %v", err)
	}
	if err := c.script.run(one); err != nil {
		t.Errorf("%s after the crash: %v", c.script.name, err)
	}
	if got := c.script.outcome(m); got != c.want {
		t.Errorf("it should have led to\n%s\nand leads to\n%s", c.want, got)
	}
	m.audit()
	if err := m.close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if c.script.old {
		mustHaveFormat(t, fs, pebble.FormatNewest)
	}
}

// reopenBank opens the provider with the books that it had.
func reopenBank(
	t *testing.T, clock *platformtest.Clock, books []sandbox.Entry,
) *sandbox.Sandbox {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ledger")
	if err := os.WriteFile(file, encodeLedger(books), 0o600); err != nil {
		t.Fatal(err)
	}
	bank, err := sandbox.Open(sandbox.Options{Clock: clock, Path: file, Secret: secret()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bank.Close(); err != nil {
			t.Error(err)
		}
	})
	return bank
}

// reopenPayer opens whoever pays dealers with the books that it had.
func reopenPayer(
	t testing.TB, clock *platformtest.Clock, books []payer.Entry,
) *payer.Sandbox {
	t.Helper()
	file := filepath.Join(t.TempDir(), "payouts")
	var lines []byte
	for _, e := range books {
		lines = append(append(lines, encoded(t, e)...), '\n')
	}
	if err := os.WriteFile(file, lines, 0o600); err != nil {
		t.Fatal(err)
	}
	bank, err := payer.Open(payer.Options{Clock: clock, Path: file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bank.Close(); err != nil {
			t.Error(err)
		}
	})
	return bank
}

// outcome is where a market is, as far as the script decides it.
func (s script) outcome(m *market) string {
	if s.same == nil {
		return m.outcome()
	}
	return s.same(m.outcome())
}
