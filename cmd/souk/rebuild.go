package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/analytics"
	"github.com/souk-commerce/souk/shop/room"
)

// rebuildCommand makes a read model anew from the log.
type rebuildCommand struct {
	Name string `arg:"" help:"The read model: analytics."`
	Data string `default:"./data" help:"Data directory; no server may have it open." type:"path"`
}

// readModels are what can be made anew: what is counted from other rooms' facts, and nothing else.
// The records of the other rooms are made in the same commit as the facts, so there is nothing that
// could differ; souk verify compares them with the log.
func readModels() []string { return []string{"analytics"} }

// rebuilt says what a rebuild did.
type rebuilt struct {
	Name    string             `json:"name"`
	Events  int64              `json:"events"` // read from the log
	Seconds float64            `json:"seconds"`
	Same    bool               `json:"same"` // every record is what it was
	Before  *analytics.Summary `json:"before,omitempty"`
	After   *analytics.Summary `json:"after"`
	Records int64              `json:"records"`
}

// Validate refuses what cannot be made anew.
func (c *rebuildCommand) Validate() error {
	if !slices.Contains(readModels(), c.Name) {
		return fmt.Errorf("there is no read model %q; these can be made anew: %s",
			c.Name, strings.Join(readModels(), ", "))
	}
	return nil
}

// Run implements the command.
func (c *rebuildCommand) Run(e *env) error {
	p, err := openOffline(e, c.Data, true) // refuses what is no data directory, and makes none
	if err == nil {
		err = p.Close()
	}
	if err != nil {
		return rebuildInUse(err)
	}
	w, err := openWorld(e, c.Data, policyFlags{})
	if err != nil {
		return rebuildInUse(err)
	}
	res, err := c.rebuild(e, w)
	if err := errors.Join(err, w.close()); err != nil {
		return err
	}
	if e.json {
		return e.print(res)
	}
	t := &text{w: e.out}
	res.write(t)
	return t.err
}

// rebuild counts again and compares. Nothing is delivered meanwhile.
func (c *rebuildCommand) rebuild(e *env, w *world) (*rebuilt, error) {
	res := &rebuilt{Name: c.Name}
	before, err := w.app.Analytics.Summary(e.ctx)
	switch {
	case err == nil:
		res.Before = &before
	case shop.CodeOf(err) != shop.Unavailable: // an earlier rebuild was interrupted: no numbers yet
		return nil, err
	}
	_, was, err := digest(e, w.platform, c.Name)
	if err != nil {
		return nil, err
	}
	began, told := time.Now(), time.Now()
	err = w.app.Analytics.Rebuild(e.ctx, func(n int64) {
		res.Events = n
		if time.Since(told) > time.Second {
			told = time.Now()
			fmt.Fprintf(e.err, "%d events read\n", n)
		}
	})
	if err != nil {
		return nil, &shop.Error{
			Code: shop.CodeOf(err), Err: err,
			Message: "the rebuild is not finished: " + err.Error(),
			Hint:    "run it again; until then the numbers are not shown",
		}
	}
	res.Seconds = time.Since(began).Seconds()
	after, err := w.app.Analytics.Summary(e.ctx)
	if err != nil {
		return nil, err
	}
	res.After = &after
	n, is, err := digest(e, w.platform, c.Name)
	res.Records, res.Same = n, was == is && res.Before != nil
	return res, err
}

// digest is the SHA-256 of a room's domain records, values and counters, in the order of keys.
func digest(e *env, p platform.Platform, name string) (int64, string, error) {
	var n int64
	sum := sha256.New()
	err := p.History().Records(e.ctx, name+"/", func(r platform.Record) error {
		if room.IsAux(r.Key) {
			return nil
		}
		n++
		raw, err := room.Encode([]any{r.Key, r.Value, r.Counters})
		if err != nil {
			return err
		}
		_, err = sum.Write(raw)
		return err
	})
	return n, hex.EncodeToString(sum.Sum(nil)), err
}

func (res *rebuilt) write(t *text) {
	t.line("%s: %s read in %.1fs", res.Name, howMany(res.Events, "event", "events"), res.Seconds)
	switch {
	case res.Before == nil:
		t.line("  an earlier rebuild was interrupted; now there are %s",
			howMany(res.Records, "record", "records"))
	case res.Same:
		t.line("  all %s are what they were", howMany(res.Records, "record", "records"))
	default:
		t.line("  the records differ from what they were")
	}
	rows := [][]string{}
	for _, f := range figures(res.After) {
		was := ""
		if res.Before != nil {
			was = "0"
			for _, b := range figures(res.Before) {
				if b[0] == f[0] {
					was = b[1]
				}
			}
		}
		rows = append(rows, []string{f[0], was, f[1]})
	}
	t.table([]string{"", ">before", ">after"}, rows)
}

// figures are the totals of a summary, by name.
func figures(s *analytics.Summary) [][2]string {
	o := s.Orders
	list := [][2]string{
		{"orders created", fmt.Sprint(o.Created)}, {"placed", fmt.Sprint(o.Placed)},
		{"cancelled", fmt.Sprint(o.Cancelled)}, {"expired", fmt.Sprint(o.Expired)},
		{"parcels delivered", fmt.Sprint(o.Delivered)},
	}
	for _, t := range s.Takings {
		c := string(t.Currency)
		list = append(list,
			[2]string{"ordered " + c, amountText(t.Ordered, t.Currency)},
			[2]string{"captured " + c, amountText(t.Captured, t.Currency)},
			[2]string{"refunded " + c, amountText(t.Refunded, t.Currency)})
	}
	return list
}

func rebuildInUse(err error) error {
	if !errors.Is(err, platform.ErrInUse) {
		return err
	}
	return (&shop.Error{Code: shop.Conflict, Message: err.Error(), Err: err}).
		WithHint("stop the server first: nothing may be counted while everything is counted anew")
}
