package embedded

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/souk-commerce/souk/platform"
)

// Recovery takes damage at the end of Pebble's log for a write that a crash has cut off, and drops
// what follows without a word. The mark tells one from the other: whenever a directory is opened or
// closed, the last thing that is written to the store is a number, and the same number is then
// written to a file beside it. A store that knows a lower number than the file has lost its end.
const markFile = "MARK"

// mark is the content of the file.
type mark struct {
	Number   uint64 `json:"number"`
	Position uint64 `json:"position"` // of the log's last event, for people
}

// checkMark refuses a store that has lost its end, and sets the next mark.
func (p *Platform) checkMark() error {
	number, err := p.markOfStore()
	if err != nil {
		return err
	}
	var m mark
	raw, err := readAll(p.fs, p.path(markFile), 1024)
	switch {
	case isNotExist(err): // new, restored, or of a time before marks
	case err != nil:
		return fmt.Errorf("read the mark: %w", err)
	case json.Unmarshal(raw, &m) != nil:
		return fmt.Errorf("%s is not what was written; restore a backup: %w",
			p.path(markFile), platform.ErrCorrupt)
	case m.Number > number:
		return fmt.Errorf(
			"the log in %s ends at position %d and went on to %d; restore a backup: %w",
			p.dir, p.head, m.Position, platform.ErrCorrupt)
	}
	p.marked = number
	return p.setMark(p.head)
}

func (p *Platform) markOfStore() (uint64, error) {
	raw, closer, err := p.db.Get([]byte{tableMark})
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the store's mark: %w", explain(err))
	}
	defer func() { _ = closer.Close() }()
	if len(raw) != 8 {
		return 0, fmt.Errorf("the store's mark: %w", platform.ErrCorrupt)
	}
	return decode64(raw), nil
}

// setMark writes the next mark. Nothing else may be written to the store meanwhile.
func (p *Platform) setMark(head uint64) error {
	if p.readOnly || p.dir == "" {
		return nil
	}
	next := p.marked + 1
	err := p.guard(func() error {
		return p.db.Set([]byte{tableMark}, be64(nil, next), pebble.Sync)
	})
	if err != nil {
		return fmt.Errorf("mark the end of the log: %w", err)
	}
	raw, err := json.Marshal(mark{Number: next, Position: head})
	if err == nil {
		err = replacePrivate(p.fs, p.path(""), markFile, raw)
	}
	if err != nil { // the file's older mark is as true
		p.log.Warn("the end of the log was not marked", "error", err)
	}
	p.marked = next
	return nil
}

// explain gives Pebble's words for damage our name.
func explain(err error) error {
	if err == nil || !pebble.IsCorruptionError(err) || errors.Is(err, platform.ErrCorrupt) {
		return err
	}
	return fmt.Errorf("%w: %w", platform.ErrCorrupt, err)
}
