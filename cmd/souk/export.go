package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop/analytics"
	"github.com/souk-commerce/souk/shop/analytics/parquet"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
)

// exportCommand writes what happened for people who ask questions of it elsewhere.
type exportCommand struct {
	Format string `arg:"" enum:"parquet,csv" help:"parquet: every event, by day and type; csv: the numbers of analytics."`
	To     string `required:"" help:"Folder. Parquet goes on where the last run into it ended." type:"path"`
	Data   string `default:"./data" help:"Data directory; no server may have it open: of a running one, restore a backup." type:"path"`
}

// exported is what an export wrote.
type exported struct {
	Format  string           `json:"format"`
	To      string           `json:"to"`
	Seconds float64          `json:"seconds"`
	Parquet *parquet.Written `json:"parquet,omitempty"`
	Sheets  []string         `json:"sheets,omitempty"`
}

// Run implements the command.
func (c *exportCommand) Run(e *env) error {
	p, err := openOffline(e, c.Data, true)
	if err != nil {
		return err
	}
	began := time.Now()
	res := &exported{Format: c.Format, To: c.To}
	if c.Format == "csv" {
		res.Sheets, err = c.sheets(e, p)
	} else {
		res.Parquet, err = c.log(e, p)
	}
	if err := errors.Join(err, p.Close()); err != nil {
		return err
	}
	res.Seconds = time.Since(began).Seconds()
	if e.json {
		return e.print(res)
	}
	t := &text{w: e.out}
	res.write(t)
	return t.err
}

// log writes the events since the last run.
func (c *exportCommand) log(e *env, p platform.Platform) (*parquet.Written, error) {
	x, err := parquet.Open(c.To, event.NewCatalogue())
	if err != nil {
		return nil, err
	}
	if err := sameLog(e, p, x); err != nil {
		return nil, err
	}
	told := time.Now()
	var n int64
	err = p.History().Log(e.ctx, x.Cursor(), func(at string, ev platform.Event) error {
		if n++; time.Since(told) > progressEvery {
			told = time.Now()
			fmt.Fprintf(e.err, "%d events written\n", n)
		}
		return x.Write(at, ev)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the export is not finished; run it again: %w", err),
			x.Abandon())
	}
	w, err := x.Finish()
	return &w, err
}

// errSeen ends a reading of the log after its first event.
var errSeen = errors.New("seen")

// sameLog refuses a folder that holds another log.
func sameLog(e *env, p platform.Platform, x *parquet.Export) error {
	first := ""
	err := p.History().Log(e.ctx, "", func(_ string, ev platform.Event) error {
		first = ev.ID
		return errSeen
	})
	if err != nil && !errors.Is(err, errSeen) {
		return err
	}
	return x.Of(first)
}

// sheets writes the numbers, each sheet to a file of its own.
func (c *exportCommand) sheets(e *env, p platform.Platform) ([]string, error) {
	a, err := app.Open(app.Config{
		Platform: p, Catalogue: event.NewCatalogue(), Clock: embedded.SystemClock{}, Log: e.log,
		IDs:     noIDs{},
		Payment: payment.Options{Name: "sandbox", Provider: noProvider{}},
	})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.To, 0o750); err != nil {
		return nil, fmt.Errorf("make the folder of the export: %w", err)
	}
	var names []string
	for _, sheet := range analytics.Sheets() {
		name := filepath.Join(c.To, sheet+".csv")
		if err := writeSheet(e, a, sheet, name); err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
		names = append(names, name)
	}
	return names, nil
}

// writeSheet replaces a file only by a whole one.
func writeSheet(e *env, a *app.App, sheet, name string) error {
	f, err := os.Create(name + ".unfinished")
	if err != nil {
		return err
	}
	err = a.Analytics.CSV(e.ctx, sheet, f)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), name)
}

func (x *exported) write(t *text) {
	if x.Parquet != nil {
		t.line("%s in %s under %s, in %.1fs; %s in all",
			howMany(x.Parquet.Events, "event", "events"),
			howMany(int64(x.Parquet.Files), "file", "files"), x.To, x.Seconds,
			howMany(x.Parquet.InAll, "event", "events"))
		if x.Parquet.InAll > 0 {
			t.line("  next: duckdb -c \"SELECT type, count(*) FROM read_parquet("+
				"'%s/*/*/*.parquet', hive_partitioning=true, union_by_name=true)"+
				" GROUP BY type\"", x.To)
		}
		return
	}
	for _, name := range x.Sheets {
		t.line("%s", name)
	}
}
