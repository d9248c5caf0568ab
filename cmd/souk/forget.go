package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// The sandboxes' ledgers are copied after the store, so a backup of a running market has every
// effect that its log knows of, and may have some more: of intents that came after the moment of
// the backup. A real provider would keep those, and somebody would have to look at them. The
// sandboxes are part of what is restored, so they go back to the same moment and forget them.

// line is what both ledgers have in every line.
type line struct {
	Key     string
	Payment shop.ID // of who takes money
	Payout  shop.ID // of who pays dealers
	At      time.Time
}

// forgetLater removes from restored ledgers the effects whose intent is not in the restored log. An
// intent is committed before its effect, so only effects since the backup began are in doubt. It
// returns how many it removed.
func forgetLater(e *env, dir string, began time.Time) (cut int, err error) {
	for _, file := range besides() {
		n, err := forgetIn(e, dir, file, began)
		if err != nil {
			return cut, err
		}
		cut += n
	}
	return cut, nil
}

func forgetIn(e *env, dir, file string, began time.Time) (cut int, err error) {
	name := filepath.Join(dir, file)
	from, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = from.Close() }() // it was only read
	r, err := openReading(e, dir, time.Time{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	to, err := os.OpenFile(name+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	cut, err = r.copyKnown(e.ctx, to, from, began)
	if err == nil {
		err = to.Sync()
	}
	if err := errors.Join(err, to.Close()); err != nil || cut == 0 {
		return 0, errors.Join(err, os.Remove(name+".tmp"))
	}
	return cut, os.Rename(name+".tmp", name)
}

// copyKnown copies the lines of a ledger without the effects that the log knows nothing of.
func (r *reading) copyKnown(
	ctx context.Context, to io.Writer, from io.Reader, began time.Time,
) (cut int, err error) {
	out := bufio.NewWriter(to)
	lines := bufio.NewScanner(from)
	for n := 1; lines.Scan(); n++ {
		var entry line
		if err := json.Unmarshal(lines.Bytes(), &entry); err != nil {
			if !lines.Scan() { // the last line was cut off in the middle, as after a crash
				break
			}
			return 0, fmt.Errorf("line %d of the ledger: %w: %w", n, platform.ErrCorrupt, err)
		}
		known := entry.At.Before(began)
		if !known {
			if known, err = r.intended(ctx, entry); err != nil {
				return 0, err
			}
		}
		if !known {
			cut++
			continue
		}
		if _, err := out.Write(append(bytes.Clone(lines.Bytes()), '\n')); err != nil {
			return 0, err
		}
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("read the ledger: %w", err)
	}
	return cut, out.Flush()
}

// intended reports whether the log has the intent of an operation.
func (r *reading) intended(ctx context.Context, of line) (bool, error) {
	subject := "payment/" + string(of.Payment)
	if of.Payout != "" {
		subject = "payout/" + string(of.Payout)
	}
	events, err := r.subject(ctx, subject)
	if err != nil {
		return false, err
	}
	for _, e := range events {
		f, err := room.FactOf(r.cat, e)
		if err != nil {
			return false, err
		}
		switch i := f.(type) {
		case *event.PaymentIntended:
			if i.Key == of.Key {
				return true, nil
			}
		case *event.PayoutIntended:
			if i.Key == of.Key {
				return true, nil
			}
		}
	}
	return false, nil
}
