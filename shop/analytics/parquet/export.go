package parquet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// The bounds of a run's memory.
const (
	maxOpen  = 64        // files at once; what was used least lately is closed
	maxRows  = 1_000_000 // in a file
	rowGroup = 20_000    // rows that are held in memory
)

// stateFile says what the finished runs wrote. DuckDB and Spark skip names that begin with "_".
const stateFile = "_souk.json"

// state is the content of stateFile.
type state struct {
	Format int    `json:"format"` // 1
	First  string `json:"first"`  // id of the log's first event: which log this is
	Run    int    `json:"run"`    // the last finished one, from 1
	Cursor string `json:"cursor"` // of the last event that was written
	Events int64  `json:"events"` // in all files
}

// Export is one run. It is for one goroutine; only one run may write to a folder at a time.
type Export struct {
	dir    string
	cat    *event.Catalogue
	state  state // as it will be when the run is finished
	tables map[string]*table
	open   map[string]*part
	parts  map[string]int // how many files of this run a folder has
	clock  int64          // counts events: for who was used last
	files  int
	events int64
}

// Open begins a run that goes on where the last finished run in dir ended; dir may be new. It
// removes what an interrupted run left.
func Open(dir string, cat *event.Catalogue) (*Export, error) {
	x := &Export{
		dir: dir, cat: cat, tables: make(map[string]*table), open: make(map[string]*part),
		parts: make(map[string]int),
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the folder of the export: %w", err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, stateFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("read what was exported so far: %w", err)
	default:
		if err := json.Unmarshal(raw, &x.state); err != nil || x.state.Format != 1 {
			return nil, shop.Errorf(shop.Invalid,
				"%s is not of this version; nothing was written", filepath.Join(dir, stateFile)).
				WithHint("export into a new folder")
		}
	}
	x.state.Format = 1
	x.state.Run++
	return x, x.sweep()
}

// sweep removes the files of a run that was not finished.
func (x *Export) sweep() error {
	mine := fmt.Sprintf("part-%06d-", x.state.Run)
	return filepath.WalkDir(x.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if strings.HasPrefix(d.Name(), mine) || strings.HasSuffix(path, unfinished) {
			return os.Remove(path)
		}
		return nil
	})
}

// Cursor is where the log is to be read from; "" is its beginning.
func (x *Export) Cursor() string { return x.state.Cursor }

// Of refuses a log that is not the one in the folder. first is the id of its first event.
func (x *Export) Of(first string) error {
	if x.state.First == "" {
		x.state.First = first
	}
	if x.state.First != first {
		return shop.Errorf(shop.Conflict,
			"%s holds the events of another log; nothing was written", x.dir).
			WithHint("export into a new folder")
	}
	return nil
}

// Write adds the event that stands at a cursor of the log. Events come in the log's order.
func (x *Export) Write(at string, e platform.Event) error {
	t := x.tables[e.Type]
	if t == nil {
		k, ok := x.cat.Kind(e.Type)
		if !ok {
			return shop.Errorf(shop.Invalid,
				"event %s has the type %q, which this version does not know", e.ID, e.Type).
				WithHint("use the version of souk that wrote it")
		}
		var err error
		if t, err = newTable(k); err != nil {
			return err
		}
		x.tables[e.Type] = t
	}
	folder := filepath.Join(x.dir, "day="+e.Time.UTC().Format("2006-01-02"), "type="+e.Type)
	p, err := x.part(folder, t)
	if err != nil {
		return err
	}
	if err := p.write(&e); err != nil {
		return err
	}
	x.clock++
	p.used = x.clock
	x.state.Cursor = at
	x.state.Events++
	x.events++
	if p.rows == maxRows {
		return x.shut(folder)
	}
	return nil
}

// part returns the open file of a folder.
func (x *Export) part(folder string, t *table) (*part, error) {
	if p := x.open[folder]; p != nil {
		return p, nil
	}
	if len(x.open) == maxOpen {
		oldest := ""
		for name, p := range x.open {
			if oldest == "" || p.used < x.open[oldest].used {
				oldest = name
			}
		}
		if err := x.shut(oldest); err != nil {
			return nil, err
		}
	}
	x.parts[folder]++
	p, err := create(folder, fmt.Sprintf("part-%06d-%04d", x.state.Run, x.parts[folder]), t)
	if err != nil {
		return nil, err
	}
	x.open[folder] = p
	x.files++
	return p, nil
}

func (x *Export) shut(folder string) error {
	p := x.open[folder]
	delete(x.open, folder)
	return p.finish()
}

// Written is what a run wrote.
type Written struct {
	Events int64 `json:"events"`
	Files  int   `json:"files"`
	InAll  int64 `json:"inAll"` // events in the folder, with those of earlier runs
}

// Finish ends the run: from now on its events are exported. Without it, the next run removes what
// this one wrote and writes it again.
func (x *Export) Finish() (Written, error) {
	for folder := range x.open {
		if err := x.shut(folder); err != nil {
			return Written{}, errors.Join(err, x.Abandon())
		}
	}
	w := Written{Events: x.events, Files: x.files, InAll: x.state.Events}
	if x.events == 0 {
		return w, nil
	}
	raw, err := json.MarshalIndent(x.state, "", "  ")
	if err != nil {
		return w, err
	}
	return w, replace(filepath.Join(x.dir, stateFile), append(raw, '\n'))
}

// Abandon closes what is open and removes it.
func (x *Export) Abandon() error {
	var all error
	for folder, p := range x.open {
		delete(x.open, folder)
		all = errors.Join(all, p.abandon())
	}
	return all
}
