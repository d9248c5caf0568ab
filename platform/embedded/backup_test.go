package embedded

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/souk-commerce/souk/platform"
)

const clerks, allMoney = 4, 1000

// clerk moves money between accounts. Each move is one commit: two counters, an event, and the
// clerk's own record, which names a stored file and holds a sealed text.
type clerk struct {
	p    *Platform
	name string
	seq  atomic.Int64 // of the last move that was acknowledged
}

// note is what a clerk writes in its record and in its event.
type note struct {
	Seq    int64  `json:"seq"`
	Digest string `json:"digest"`
	Box    []byte `json:"box"`
}

func accountKey(i int64) platform.Key { return platform.Key{Part: fmt.Sprint("account", i%clerks)} }

// fund fills the first account.
func fund(ctx context.Context, p *Platform) error {
	return p.Store("bank").Commit(ctx, platform.Batch{Writes: []platform.Write{{
		Kind: platform.Add, Key: accountKey(0),
		Moves: []platform.Move{{Counter: "money", Delta: allMoney}},
	}}})
}

func (c *clerk) move(ctx context.Context) error {
	seq := c.seq.Load() + 1
	text := fmt.Sprint(c.name, seq)
	digest, err := c.p.Files().Put(ctx, strings.NewReader(text))
	if err != nil {
		return err
	}
	box, err := c.p.Keys().Seal(ctx, text, []byte(text)) // somebody new each time
	if err != nil {
		return err
	}
	value, err := json.Marshal(note{Seq: seq, Digest: digest, Box: box})
	if err != nil {
		return err
	}
	move := func(at, delta int64) platform.Write {
		return platform.Write{
			Kind: platform.Add, Key: accountKey(at), Expect: platform.Any,
			Moves: []platform.Move{{Counter: "money", Delta: delta, Floor: platform.NoFloor}},
		}
	}
	err = c.p.Store("bank").Commit(ctx, platform.Batch{
		Writes: []platform.Write{move(seq, -seq), move(seq+1, seq), {
			Kind: platform.Put, Key: platform.Key{Part: c.name}, Expect: seq - 1, Value: value,
		}},
		Events: []platform.Event{{
			ID: text, Type: "souk.bank.moved.v1", Subject: c.name, Sequence: seq, Data: value,
		}},
	})
	if err == nil {
		c.seq.Store(seq)
	}
	return err
}

// audit checks that a platform shows one moment: money is neither made nor lost, each clerk's
// record is its last event, and what the record names can be read. It returns the clerks' moves.
func audit(ctx context.Context, p *Platform) (moves map[string]int64, err error) {
	moves = map[string]int64{}
	money := int64(0)
	err = p.History().Records(ctx, "bank/", func(r platform.Record) error {
		if len(r.Value) == 0 {
			money += r.Counters["money"]
			return nil
		}
		var n note
		if err := json.Unmarshal(r.Value, &n); err != nil {
			return err
		}
		name := strings.TrimPrefix(r.Key.Part, "bank/")
		moves[name] = n.Seq
		text := fmt.Sprint(name, n.Seq)
		if plain, err := p.Keys().Open(ctx, text, n.Box); err != nil || string(plain) != text {
			return fmt.Errorf("opened %q: %w", plain, err)
		}
		file, err := p.Files().Open(ctx, n.Digest)
		if err != nil {
			return err
		}
		content, err := io.ReadAll(file)
		if err := errors.Join(err, file.Close()); err != nil || string(content) != text {
			return fmt.Errorf("read %q: %w", content, err)
		}
		events, err := p.History().Subject(ctx, name, n.Seq-1, 10)
		if err != nil || len(events) != 1 || !bytes.Equal(events[0].Data, r.Value) {
			return fmt.Errorf("%s says %d, its log %d events: %w", name, n.Seq, len(events), err)
		}
		return nil
	})
	if err == nil && money != allMoney && (money != 0 || len(moves) > 0) {
		err = fmt.Errorf("there is %d of %d", money, allMoney)
	}
	return moves, err
}

// auditAt opens a directory, audits it, and proves that it can be written.
func auditAt(ctx context.Context, fs vfs.FS, dir string) (moves map[string]int64, err error) {
	p, err := Open(Options{Dir: dir, FS: fs})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if moves, err = audit(ctx, p); err != nil {
		return nil, err
	}
	c := &clerk{p: p, name: "clerk0"}
	c.seq.Store(moves[c.name])
	return moves, c.move(ctx)
}

// bankWithBackup makes a bank with some moves in d and a backup of it in b.
func bankWithBackup(t *testing.T, fs vfs.FS) {
	t.Helper()
	p, err := Open(Options{Dir: "d", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	c := &clerk{p: p, name: "clerk0"}
	for err = fund(t.Context(), p); err == nil && c.seq.Load() < 3; {
		err = c.move(t.Context())
	}
	if err == nil {
		err = p.Backup(t.Context(), "b")
	}
	if err = errors.Join(err, p.Close()); err != nil {
		t.Fatal(err)
	}
}

// Goal: a backup taken while the shop is busy is the shop at one moment that is not before the
// backup was asked for, and later writes do not change it. Method: clerks move money on a real disk
// during two backups and after them, through a flush of the store; each backup is restored and
// audited.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	ctx, root := t.Context(), t.TempDir()
	p := openTest(t, Options{Dir: filepath.Join(root, "d")})
	if err := fund(ctx, p); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	team := make([]*clerk, clerks)
	for i := range team {
		team[i] = &clerk{p: p, name: fmt.Sprint("clerk", i)}
		if err := team[i].move(ctx); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if err := team[i].move(ctx); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	least := make([]map[string]int64, 2)
	for i := range least {
		least[i] = map[string]int64{}
		for _, c := range team {
			least[i][c.name] = c.seq.Load()
		}
		if err := p.Backup(ctx, filepath.Join(root, fmt.Sprint("b", i))); err != nil {
			t.Fatal(err)
		}
		if err := p.db.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
	for i := range least {
		restoreAndAudit(t, root, fmt.Sprint(i), least[i])
	}
	info, err := os.Stat(filepath.Join(root, "r0", "data", "keys", keyringName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the restored keys: %v, %v", info.Mode().Perm(), err)
	}
}

// restoreAndAudit restores one backup and checks that no clerk has fewer moves than before it.
func restoreAndAudit(t *testing.T, root, i string, least map[string]int64) {
	t.Helper()
	ctx, from, to := t.Context(), filepath.Join(root, "b"+i), filepath.Join(root, "r"+i, "data")
	m, err := ReadBackup(from)
	if err != nil || m.Position == 0 || len(m.Files) < 10 || m.Bytes == 0 {
		t.Errorf("the manifest says position %d, %d files: %v", m.Position, len(m.Files), err)
	}
	if err := Restore(ctx, from, to); err != nil {
		t.Fatal(err)
	}
	moves, err := auditAt(ctx, vfs.Default, to)
	if err != nil {
		t.Errorf("backup %s: %v", i, err)
	}
	total := int64(0)
	for name, n := range least {
		if moves[name] < n {
			t.Errorf("backup %s: %s has %d moves, had %d before it", i, name, moves[name], n)
		}
		total += moves[name]
	}
	if uint64(total) != m.Position {
		t.Errorf("backup %s: %d moves at position %d", i, total, m.Position)
	}
}

// Goal: a store that has written nothing since it was opened can be backed up, also where a crash
// has left no log to recover. Method: restore, which leaves tables only; remove the empty logs;
// open, back up, restore.
func TestBackupBeforeTheFirstWrite(t *testing.T) {
	t.Parallel()
	fs, ctx := vfs.NewMem(), t.Context()
	bankWithBackup(t, fs)
	if err := restore(ctx, fs, "b", "r"); err != nil {
		t.Fatal(err)
	}
	names, err := fs.List("r/db")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".log") {
			if err := fs.Remove("r/db/" + name); err != nil {
				t.Fatal(err)
			}
		}
	}
	p, err := Open(Options{Dir: "r", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	err = p.Backup(ctx, "b2")
	if err := errors.Join(err, p.Close()); err != nil {
		t.Fatal(err)
	}
	if err := restore(ctx, fs, "b2", "r2"); err != nil {
		t.Fatal(err)
	}
	if moves, err := auditAt(ctx, fs, "r2"); err != nil || moves["clerk0"] != 3 {
		t.Errorf("restored %v, %v", moves, err)
	}
}
