package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/souk-commerce/souk/app/importer"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop"
)

// importCommand brings the orders of another shop in.
type importCommand struct {
	File     string `arg:"" help:"The file, plain or gzipped."`
	Format   string `required:"" enum:"uci-online-retail" help:"What the file is: ${enum}."`
	Data     string `default:"./data" help:"Data directory, made if need be; mem: keeps it in memory."`
	Report   string `help:"Write every refused line, with its reason, to this file, as JSON lines." type:"path"`
	Fulfil   bool   `help:"Pack, dispatch and deliver what was placed and not cancelled."`
	InFlight int    `default:"64" help:"Orders that are under way at once, 1 to 1024."`
	Profile  string `help:"Write a CPU profile of the whole run to this file." type:"path"`
}

// Validate refuses what would fail only after the market was opened.
func (c *importCommand) Validate() error {
	if c.InFlight < 1 || c.InFlight > 1024 {
		return fmt.Errorf("--in-flight is 1 to 1024, not %d", c.InFlight)
	}
	return nil
}

// importPolicy takes orders as they were: nothing comes on top of the goods.
func importPolicy() policyFlags {
	return policyFlags{Deadline: 10 * time.Minute, Returns: 14 * 24 * time.Hour}
}

// Run implements the command.
func (c *importCommand) Run(e *env) (err error) {
	if c.Profile != "" {
		stop, err := profileTo(c.Profile)
		if err != nil {
			return err
		}
		defer stop()
	}
	if err := importer.Look(c.File); err != nil { // before a data directory is made for nothing
		return fmt.Errorf("nothing was imported: %w", err)
	}
	var refused io.Writer
	var done func(error) error
	if refused, done, err = c.openReport(); err != nil {
		return fmt.Errorf("nothing was imported: %w", err)
	}
	w, err := openWorld(e, c.Data, importPolicy())
	if err != nil {
		return done(err)
	}
	r, err := c.bring(e, w, refused)
	if err = done(errors.Join(err, w.close())); err != nil {
		return c.explain(e.ctx, r, err)
	}
	if e.json {
		return e.print(r)
	}
	return c.tell(e.out, r)
}

// bring runs the import while delivery runs, and shows how far it is.
func (c *importCommand) bring(e *env, w *world, refused io.Writer) (importer.Report, error) {
	// What was begun is delivered to its end, whatever ends the import.
	if err := w.app.Start(context.WithoutCancel(e.ctx)); err != nil {
		return importer.Report{}, err
	}
	im := importer.New(importer.Config{
		App: w.app, Delivery: w.platform.Delivery(), Clock: embedded.SystemClock{},
		Open:    func() (io.ReadCloser, error) { return importer.Open(c.File) },
		Refused: refused, InFlight: c.InFlight, Fulfil: c.Fulfil,
	})
	done := make(chan struct{})
	shown := make(chan struct{})
	go func() { // ends with the import
		defer close(shown)
		watchImport(e.err, im, done)
	}()
	r, err := im.Run(e.ctx)
	close(done)
	<-shown
	return r, err
}

// openReport begins the report beside its place. done is given how the import ended: a whole report
// takes the place, what there is of another is removed, since running the command again makes it
// anew.
func (c *importCommand) openReport() (w io.Writer, done func(error) error, err error) {
	if c.Report == "" {
		return nil, func(err error) error { return err }, nil
	}
	part := c.Report + ".part"
	f, err := os.Create(part)
	if err != nil {
		return nil, nil, fmt.Errorf("write the report: %w", err)
	}
	buffered := bufio.NewWriter(f)
	return buffered, func(failed error) error {
		err := errors.Join(buffered.Flush(), f.Close())
		if failed != nil {
			return errors.Join(failed, os.Remove(part))
		}
		if err = errors.Join(err, os.Rename(part, c.Report)); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		return nil
	}, nil
}

// explain says what an import that broke off has done, and how to go on.
func (c *importCommand) explain(ctx context.Context, r importer.Report, err error) error {
	again := "run the same command again: it goes on where it was, and does nothing twice"
	if ctx.Err() != nil {
		return shop.Errorf(shop.Unavailable, "the import was stopped after %s; nothing is lost",
			howMany(r.Orders, "order", "orders")).WithHint("%s", again)
	}
	if hint := hintFor(err); hint != "" {
		return err
	}
	return shop.Errorf(shop.CodeOf(err), "the import broke off after %s: %w",
		howMany(r.Orders, "order", "orders"), err).WithHint("%s", again)
}

// tell prints what became of the file.
func (c *importCommand) tell(out io.Writer, r importer.Report) error {
	t := &text{w: out}
	t.line("imported %s into %s", filepath.Base(c.File), c.Data)
	n := func(n int64) string { return strconv.FormatInt(n, 10) }
	rate := func(n int64) string { return fmt.Sprintf("%.0f/s", float64(n)/max(r.Seconds, 0.001)) }
	rows := [][]string{
		{"lines", n(r.Lines), "in " + howMany(r.Invoices, "invoice", "invoices")},
		{"ordered", n(r.Ordered), "in " + howMany(r.Orders, "order", "orders") + ", " +
			n(r.Guests) + " by guests, " + n(r.Before) + " there before"},
		{"cancelled", n(r.Cancelled), howMany(r.Cancellations, "order", "orders")},
		{"refused", n(r.Refused), reasonsText(r.Reasons)},
		{"worth", moneyText(r.Worth), "of the orders, before cancellations"},
		{"listings", n(r.Listings), "a thing has one for each of its prices"},
		{"units", n(r.Units), "put on the shelf"},
	}
	if c.Fulfil {
		rows = append(rows, []string{"delivered", n(r.Delivered),
			"parcels; " + n(r.Undelivered) + " did not arrive"})
	}
	rows = append(rows,
		[]string{"dead letters", n(r.DeadLetters), "and " + n(r.Waiting) + " deliveries open"},
		[]string{"time", fmt.Sprintf("%.1f s", r.Seconds),
			rate(r.Lines) + " lines, " + rate(r.Orders) + " orders"})
	t.table([]string{"", ">", ""}, rows)
	if c.Report != "" {
		t.line("  every refused line is in %s", c.Report)
	}
	if c.Data != inMemory {
		t.line("  check it: souk verify --data %s", c.Data)
	}
	return t.err
}

// reasonsText lists the reasons, the commonest first.
func reasonsText(reasons map[importer.Reason]int64) string {
	type count struct {
		reason importer.Reason
		n      int64
	}
	list := make([]count, 0, len(reasons))
	for reason, n := range reasons {
		list = append(list, count{reason, n})
	}
	slices.SortFunc(list, func(a, b count) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.reason, b.reason))
	})
	parts := make([]string, len(list))
	for i, c := range list {
		parts[i] = fmt.Sprintf("%d %s", c.n, c.reason)
	}
	return strings.Join(parts, ", ")
}

// How often progress is shown.
const (
	showLive  = 200 * time.Millisecond // on a terminal, in place
	showLines = 5 * time.Second        // elsewhere, a line each
)

// watchImport shows how far an import is until done is closed.
func watchImport(out io.Writer, im *importer.Importer, done <-chan struct{}) {
	every, before, after := showLines, "import: ", "\n"
	live := isTerminal(out)
	if live {
		every, before, after = showLive, "\r\x1b[K", ""
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			fmt.Fprint(out, before+progressText(im.Progress())+after)
		case <-done:
			if live {
				fmt.Fprint(out, before)
			}
			return
		}
	}
}

func progressText(p importer.Progress) string {
	s := p.Phase.String()
	switch {
	case p.Of > 0:
		s += fmt.Sprintf(" %d of %d (%d%%)", p.Done, p.Of, 100*p.Done/p.Of)
	case p.Done > 0:
		s += fmt.Sprintf(" %d lines", p.Done)
	}
	if p.Orders > 0 {
		s += fmt.Sprintf(", %d orders", p.Orders)
	}
	return s
}

// isTerminal reports whether somebody looks at what is written.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
