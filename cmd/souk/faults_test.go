package main_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"
)

// rounds is how often a server is killed: a few times, or as often as the long campaigns ask.
func rounds() (lives, kills int) {
	if os.Getenv("SOUK_SOAK") != "" {
		return 40, 5
	}
	return 1, 5
}

// Goal: a server that is killed in the middle of its work loses nothing that it acknowledged, does
// nothing twice, and is back at once. Method: the binary itself with its data on the disk, killed
// with SIGKILL at random moments under load; the clients, who are not killed, remember every
// request and every answer. After each kill the directory is verified as it lies there, together
// with the provider's ledger; after each restart every request of the round is sent again: what was
// acknowledged must be answered with the same bytes. Each life of a directory ends with all of its
// requests sent again, everything handled, and a whole verify.
func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds the binary and kills it; make test runs it")
	}
	bin := build(t)
	lives, kills := rounds()
	sum := &tally{}
	for life := range lives {
		seed := uint64(life)
		if os.Getenv("SOUK_SOAK") != "" {
			seed = uint64(time.Now().UnixNano()) //nolint:gosec // any number will do
		}
		t.Logf("life %d, seed %d", life, seed)
		l := &liveThrough{
			t: t, sum: sum, chance: rand.New(rand.NewPCG(seed, 1)),
			v: newVictim(t, bin), kills: kills,
		}
		l.run()
		if t.Failed() {
			t.Fatalf("after %d kills: %s", sum.kills, sum)
		}
	}
	t.Log(sum)
	if sum.acked < 100*sum.kills/5 || sum.unknown == 0 {
		t.Errorf("too little was going on for this to mean anything: %s", sum)
	}
}

// tally is what a campaign amounts to.
type tally struct {
	kills, acked, unknown, again int
	restarts                     []time.Duration
	events, effects              int64
}

// String is the line for docs/faults.md.
func (s *tally) String() string {
	slices.Sort(s.restarts)
	n := len(s.restarts)
	if n == 0 {
		return "nothing happened"
	}
	return fmt.Sprintf("%d kills; %d requests acknowledged, %d cut off; %d asked again; %d events "+
		"and %d effects of the provider verified; restart median %s, longest %s", s.kills, s.acked,
		s.unknown, s.again, s.events, s.effects, s.restarts[n/2].Round(time.Millisecond),
		s.restarts[n-1].Round(time.Millisecond))
}

// liveThrough is the life of one data directory.
type liveThrough struct {
	t      *testing.T
	sum    *tally
	chance *rand.Rand
	v      *victim
	kills  int
}

// clients is how many people use the server at once.
const clients = 8

func (l *liveThrough) run() {
	l.t.Helper()
	l.v.start()
	people := make([]*person, clients)
	for i := range people {
		people[i] = newPerson(l.t, l.v, i, l.chance.Uint64())
	}
	people[0].listAll()
	for range l.kills {
		l.round(people)
		if l.t.Failed() {
			return
		}
	}
	for _, p := range people {
		l.sum.again += p.askAgain(p.calls)
		l.sum.acked += p.acked()
	}
	l.v.quiet(people[0])
	l.v.terminate()
	events, effects := verifyDir(l.t, l.v.dir, true)
	l.sum.events, l.sum.effects = l.sum.events+events, l.sum.effects+effects
}

// round is load, a kill, a look at what is left, a restart, and every question of the round again.
func (l *liveThrough) round(people []*person) {
	l.t.Helper()
	stop := make(chan struct{})
	from := make([]int, len(people))
	ended := make(chan struct{})
	for i, p := range people {
		from[i] = len(p.calls)
		go func() { // ends with stop
			p.live(stop)
			ended <- struct{}{}
		}()
	}
	const least, most = 150, 1000 // milliseconds
	timer := time.NewTimer(time.Duration(least+l.chance.IntN(most-least)) * time.Millisecond)
	<-timer.C
	l.v.kill()
	close(stop)
	for range people {
		<-ended
	}
	l.sum.kills++
	verifyDir(l.t, l.v.dir, false)
	l.sum.restarts = append(l.sum.restarts, l.v.start())
	for i, p := range people {
		l.sum.unknown += p.cutOff(from[i])
		l.sum.again += p.askAgain(p.calls[from[i]:])
	}
}

// Goal: SIGTERM is not a fault: whoever is being answered gets the answer, nothing that was
// accepted is lost, and the exit code is 0. Method: checkouts that wait for a decision which does
// not come, so that they are certainly in flight, and load beside them; SIGTERM; then the answers,
// the exit code, and everything asked again after a restart.
func TestDrainLosesNothing(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds the binary; make test runs it")
	}
	v := newVictim(t, build(t))
	v.start()
	people := make([]*person, clients)
	for i := range people {
		people[i] = newPerson(t, v, i, uint64(i))
	}
	people[0].listAll()
	waiting := people[0].waitForNothing(t, 16)
	stop, ended := make(chan struct{}), make(chan struct{})
	for _, p := range people[1:] {
		go func() { // ends with stop
			p.live(stop)
			ended <- struct{}{}
		}()
	}
	for people[1].progress.Load() < 20 {
		time.Sleep(time.Millisecond)
	}
	v.terminate()
	close(stop)
	for range people[1:] {
		<-ended
	}
	for _, status := range waiting() {
		if status != 202 {
			t.Errorf("a checkout that was in flight was answered with %d", status)
		}
	}
	v.start()
	n := 0
	for _, p := range people {
		n += p.askAgain(p.calls)
	}
	t.Logf("%d requests asked again", n)
	v.terminate()
	verifyDir(t, v.dir, false)
}
