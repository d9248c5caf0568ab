package embedded

import (
	"encoding/json"
	"fmt"

	"github.com/souk-commerce/souk/platform"
)

// format is the content of the file that says what a directory is. It is written before anything
// else is made, and again when everything is there, so that a crash in between is recognised:
// Pebble itself cannot open a directory in which it was interrupted while making it.
type format struct {
	Souk   int  `json:"souk"`             // FormatVersion
	Making bool `json:"making,omitempty"` // the store is not complete yet
}

// formatFile is its name, and storeDir is where Pebble lives.
const (
	formatFile = "FORMAT"
	storeDir   = "db"
)

// prepare makes a new data directory, or refuses one that is of another version or not ours.
func (p *Platform) prepare(o Options) error {
	have, err := p.readFormat()
	switch {
	case isNotExist(err) && o.ReadOnly:
		return fmt.Errorf("%s is not a data directory of Souk: %w", p.dir, platform.ErrNotFound)
	case isNotExist(err):
		err = p.writeFormat(format{Souk: FormatVersion, Making: true})
		have.Making = true
	case err == nil && have.Souk != FormatVersion:
		return fmt.Errorf("%s has format %d, this Souk reads %d; use the Souk that wrote it: %w",
			p.dir, have.Souk, FormatVersion, platform.ErrVersion)
	case err == nil && have.Making && o.ReadOnly:
		return fmt.Errorf("%s was never completed: %w", p.dir, platform.ErrNotFound)
	}
	if err != nil || !have.Making {
		return err
	}
	if err := p.makeStore(o); err != nil {
		return err
	}
	return p.writeFormat(format{Souk: FormatVersion})
}

// makeStore makes an empty store under another name and moves it into place.
func (p *Platform) makeStore(o Options) error {
	dir, store := p.path(""), p.path(storeDir)
	if _, err := p.fs.Stat(store); err == nil {
		return nil // it was moved before the crash
	}
	temp := store + ".new"
	if err := p.fs.RemoveAll(temp); err != nil {
		return fmt.Errorf("make the store: %w", err)
	}
	db, err := p.openPebble(temp, p.pebbleOptions(o))
	if err == nil {
		err = p.guard(db.Close)
	}
	if err == nil {
		err = syncDir(p.fs, temp)
	}
	if err == nil {
		err = p.fs.Rename(temp, store)
	}
	if err == nil {
		err = syncDir(p.fs, dir)
	}
	if err != nil {
		return fmt.Errorf("make the store: %w", err)
	}
	return nil
}

func (p *Platform) readFormat() (format, error) {
	var f format
	raw, err := readAll(p.fs, p.path(formatFile), 1024)
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return f, fmt.Errorf("%s is not a data directory of Souk: %w", p.dir, platform.ErrCorrupt)
	}
	return f, nil
}

func (p *Platform) writeFormat(f format) error {
	dir := p.path("")
	if err := p.fs.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	raw, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if err := replacePrivate(p.fs, dir, formatFile, raw); err != nil {
		return fmt.Errorf("write %s: %w", p.path(formatFile), err)
	}
	return syncDir(p.fs, p.fs.PathDir(dir))
}
