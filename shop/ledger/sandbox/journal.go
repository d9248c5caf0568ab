package sandbox

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	"github.com/souk-commerce/souk/shop"
)

// The kinds of entry.
const (
	KindPayout = "payout" // money was sent
	KindReturn = "return" // it came back
)

// Entry is one line of the provider's ledger: an effect.
type Entry struct {
	Seq      int64         `json:"seq"`
	Key      string        `json:"key"`
	Payout   shop.ID       `json:"payout"`
	Dealer   shop.ID       `json:"dealer"`
	Kind     string        `json:"kind"`
	Amount   int64         `json:"amount"`
	Currency shop.Currency `json:"currency"`
	At       time.Time     `json:"at"`
	Ref      string        `json:"ref"`
	Fate     string        `json:"fate,omitempty"` // what the account's token makes of it
}

// journal keeps entries, in a file if there is one. Its owner sees to it that one call comes after
// the other.
type journal struct {
	entries []Entry
	file    *os.File // nil in memory
}

func openJournal(path string) (*journal, error) {
	j := &journal{}
	if path == "" {
		return j, nil
	}
	whole, err := readLedger(path, func(e Entry) error {
		j.entries = append(j.entries, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	j.file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, shop.Errorf(shop.Unavailable, "open the sandbox's ledger of payouts: %w", err)
	}
	// A last line that a crash cut off is no entry, and is written over.
	if err = j.file.Truncate(whole); err == nil {
		_, err = j.file.Seek(whole, io.SeekStart)
	}
	if err != nil {
		err = shop.Errorf(shop.Unavailable, "mend the sandbox's ledger of payouts: %w", err)
		return nil, errors.Join(err, j.file.Close())
	}
	return j, nil
}

// append gives an entry its place and its reference, and hands it to the operating system.
func (j *journal) append(e *Entry) error {
	e.Seq = int64(len(j.entries)) + 1
	if e.Kind == KindPayout {
		e.Ref = reference(e.Seq)
	}
	if j.file != nil {
		line, err := json.Marshal(e)
		if err != nil {
			return shop.Errorf(shop.Internal, "encode an entry of the sandbox: %w", err)
		}
		if _, err := j.file.Write(append(line, '\n')); err != nil {
			return shop.Errorf(shop.Unavailable, "write the sandbox's ledger of payouts: %w", err)
		}
	}
	j.entries = append(j.entries, *e)
	return nil
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

// ReadLedger calls fn for every entry of the ledger at path, in order. A ledger that does not exist
// is empty, and a last line that was cut off is left out. It stops at fn's first error. It needs no
// running provider.
func ReadLedger(path string, fn func(Entry) error) error {
	_, err := readLedger(path, fn)
	return err
}

// readLedger also tells how long the whole lines are together.
func readLedger(path string, fn func(Entry) error) (whole int64, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, shop.Errorf(shop.Unavailable, "open the sandbox's ledger of payouts: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	in := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		if err != nil {
			return whole, shop.Errorf(shop.Internal,
				"read line %d of the sandbox's ledger of payouts: %w", n, err)
		}
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return whole, shop.Errorf(shop.Internal,
				"line %d of the sandbox's ledger of payouts is no entry: %w", n, err)
		}
		if err := fn(e); err != nil {
			return whole, err
		}
		whole += int64(len(line))
	}
}
