package faults_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/platform/embedded/crashtest"
	"github.com/souk-commerce/souk/platform/platformtest"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
)

// Goal: no error of the disk is swallowed anywhere in the shop: whatever operation fails, nothing
// that was acknowledged is lost, no effect happens twice, and whoever keeps trying gets there.
// Method: an order on an empty disk, once for every file operation (a sample, without SOUK_SOAK),
// with that operation failing; then everything that was not synced is lost, the shop is opened
// again, and the script is run again. The provider lives on.
func TestEveryFileOperationFails(t *testing.T) {
	t.Parallel()
	contracts := compiled(t)
	for _, reads := range []bool{false, true} {
		t.Run(map[bool]string{false: "writes", true: "all"}[reads], func(t *testing.T) {
			t.Parallel()
			o := crashtest.Failures{Every: 23, Offset: 7, Reads: reads}
			if soak() {
				o.Every, o.Offset = 1, 0
			}
			b := &broken{t: t, contracts: contracts}
			b.want = calmPlace(t)
			crashtest.FailingSome(t, o, b.play, b.check)
		})
	}
}

// calmPlace is where the script leads without a fault.
func calmPlace(t *testing.T) string {
	t.Helper()
	clock := platformtest.NewClock(platformtest.Start())
	m, err := openMarket(t, world{fs: vfs.NewMem(), clock: clock, bank: openBank(t, clock)})
	if err == nil {
		err = place(&client{t: t, m: m})
	}
	if err != nil {
		t.Fatal(err)
	}
	want := m.outcome()
	if err := m.close(); err != nil {
		t.Fatal(err)
	}
	return want
}

// broken is a campaign of failing operations.
type broken struct {
	t    *testing.T
	want string

	clock *platformtest.Clock
	bank  *sandbox.Sandbox

	contracts verify.Contracts // of all campaigns
}

// play tries to sell something. What fails is tolerated; what is acknowledged is kept.
func (b *broken) play(fs vfs.FS, log *crashtest.Log) {
	b.clock = platformtest.NewClock(platformtest.Start())
	b.bank = openBank(b.t, b.clock)
	m, err := openMarket(b.t, world{fs: fs, clock: b.clock, bank: b.bank})
	if err != nil {
		return
	}
	c := &client{t: b.t, m: m, ack: func(name string, a answer) { log.Ack(a.encode(name)) }}
	if err := place(c); err == nil {
		if got := m.outcome(); got != b.want {
			b.t.Errorf("a failure was not noticed, and led to\n%s\ninstead of\n%s", got, b.want)
		}
	}
	_ = m.close() // after a failure closing may fail as well
}

// check tries again on what a power cut after the failure leaves.
func (b *broken) check(t *testing.T, crash crashtest.Crash) {
	t.Helper()
	m, err := openMarket(t, world{
		fs: crash.FS, clock: b.clock, bank: b.bank, contracts: b.contracts,
	})
	if err != nil {
		t.Errorf("open again: %v", err)
		return
	}
	c := &client{t: t, m: m, had: remember(t, crash.Acked)}
	if err := place(c); err != nil {
		t.Errorf("place again: %v", err)
	}
	if got := m.outcome(); got != b.want {
		t.Errorf("it should have led to\n%s\nand leads to\n%s", b.want, got)
	}
	m.audit()
	if err := m.close(); err != nil {
		t.Errorf("close: %v", err)
	}
}
