package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event/contract"
)

// contractsCommand checks and writes what is generated from the event contracts.
type contractsCommand struct {
	Check contractsCheck `cmd:"" help:"Compare this build's events with the last release. Exit 1 if something breaks."`
	Write contractsWrite `cmd:"" help:"Write the schemas, the AsyncAPI and OpenAPI documents and docs/events.md."`
	Docs  contractsDocs  `cmd:"" help:"Print the page of all events, or the contract of one."`
}

// contractsCheck finds changes that would surprise somebody who reads the events.
type contractsCheck struct {
	Released string `help:"Directory with the contracts of another release; the last one's if empty." type:"path"`
	Dir      string `help:"Source tree whose generated files must be current as well." type:"path"`
}

// checked is the answer to a check.
type checked struct {
	Events int              `json:"events"` // in this build
	Breaks []contract.Break `json:"breaks"`
	Stale  []string         `json:"stale"` // generated files that are missing, old or left over
}

// Run implements the command.
func (c *contractsCheck) Run(e *env) error {
	current, err := contract.Current()
	if err != nil {
		return err
	}
	released, err := contract.Released()
	if c.Released != "" {
		released, err = readContracts(c.Released)
	}
	if err != nil {
		return err
	}
	res := checked{Events: len(current), Breaks: []contract.Break{}, Stale: []string{}}
	res.Breaks = append(res.Breaks, contract.Check(released, current)...)
	if c.Dir != "" {
		if res.Stale, err = stale(c.Dir); err != nil {
			return err
		}
	}
	if e.json {
		if err := e.print(res); err != nil {
			return err
		}
	} else if err := res.write(&text{w: e.out}); err != nil {
		return err
	}
	if len(res.Breaks)+len(res.Stale) > 0 {
		return errFound
	}
	return nil
}

func (res checked) write(t *text) error {
	for _, b := range res.Breaks {
		where := b.Event
		if b.Field != "" {
			where += "  " + b.Field
		}
		t.line("%s", where)
		t.line("  what  %s", b.What)
		t.line("  fix   %s", b.Fix)
	}
	for _, s := range res.Stale {
		t.line("%s is not what the code says", s)
		t.line("  fix   souk contracts write")
	}
	if len(res.Breaks)+len(res.Stale) == 0 {
		t.line("%d events keep their contracts", res.Events)
	}
	return t.err
}

// maxContracts bounds the files that a directory of contracts may have.
const maxContracts = 10_000

// readContracts reads the contracts of a release from a directory.
func readContracts(dir string) (contract.Set, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 || len(names) > maxContracts {
		return nil, shop.Errorf(shop.Invalid, "%s holds %d contracts; nothing was compared",
			dir, len(names)).WithHint("name a directory like %s", contract.ReleasedDir)
	}
	set := make(contract.Set, len(names))
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		c, err := contract.Parse(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		set[c.Title] = c
	}
	return set, nil
}

// contractsWrite writes the generated files into a source tree.
type contractsWrite struct {
	Dir     string `default:"." help:"Source tree." type:"path"`
	Release bool   `help:"Make this build's contracts the released ones as well. Only when a release is made."`
}

// Run implements the command.
func (c *contractsWrite) Run(e *env) error {
	files, err := generated()
	if err != nil {
		return err
	}
	if c.Release {
		more, err := contract.Release()
		if err != nil {
			return err
		}
		maps.Copy(files, more)
	}
	var wrote, removed []string
	for _, path := range slices.Sorted(maps.Keys(files)) {
		full := filepath.Join(c.Dir, filepath.FromSlash(path))
		if have, err := os.ReadFile(full); err == nil && bytes.Equal(have, files[path]) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(full, files[path], 0o644); err != nil {
			return err
		}
		wrote = append(wrote, path)
	}
	left, err := leftOver(c.Dir, files)
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := os.Remove(filepath.Join(c.Dir, filepath.FromSlash(path))); err != nil {
			return err
		}
		removed = append(removed, path)
	}
	if e.json {
		return e.print(map[string]any{
			"files": len(files), "wrote": orNone(wrote), "removed": orNone(removed),
		})
	}
	for _, path := range wrote {
		e.say("wrote %s", path)
	}
	for _, path := range removed {
		e.say("removed %s", path)
	}
	e.say("%d files are current", len(files))
	return nil
}

// contractsDocs prints.
type contractsDocs struct {
	Event string `arg:"" optional:"" help:"As in souk.order.placed.v2; all events if empty."`
}

// Run implements the command.
func (c *contractsDocs) Run(e *env) error {
	files, err := contract.Generate()
	if err != nil {
		return err
	}
	path := contract.Page
	switch {
	case c.Event != "":
		path = contract.Folder + "/" + c.Event + ".json"
	case e.json:
		path = contract.AsyncAPI
	}
	raw, ok := files[path]
	if !ok {
		return shop.Errorf(shop.NotFound, "there is no event %q", c.Event).
			WithHint("souk contracts docs lists them all")
	}
	_, err = e.out.Write(raw)
	return err
}

// openAPIFile is where the OpenAPI document stands in the source tree.
const openAPIFile = "docs/openapi.json"

// generated returns every generated file by its path: the contracts', and the document of the
// doors, which a market in memory tells.
func generated() (map[string][]byte, error) {
	files, err := contract.Generate()
	if err != nil {
		return nil, err
	}
	w, err := openWorld(&env{log: slog.New(slog.DiscardHandler)}, inMemory, policyFlags{})
	if err != nil {
		return nil, err
	}
	doc, err := w.app.Document()
	if err != nil {
		return nil, err
	}
	files[openAPIFile] = append(doc, '\n')
	return files, w.close()
}

// stale lists the generated files of a source tree that are not what the code says.
func stale(dir string) ([]string, error) {
	files, err := generated()
	if err != nil {
		return nil, err
	}
	list := []string{}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		have, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
		if err != nil && !os.IsNotExist(err) {
			return nil, err
		}
		if !bytes.Equal(have, files[path]) {
			list = append(list, path)
		}
	}
	left, err := leftOver(dir, files)
	return append(list, left...), err
}

// leftOver lists the schemas in a source tree that are no longer generated.
func leftOver(dir string, files map[string][]byte) ([]string, error) {
	folder := filepath.Join(dir, filepath.FromSlash(contract.Folder))
	entries, err := os.ReadDir(folder)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	var list []string
	for _, entry := range entries {
		path := contract.Folder + "/" + entry.Name()
		if _, ok := files[path]; !ok && strings.HasSuffix(path, ".json") {
			list = append(list, path)
		}
	}
	return list, nil
}

// orNone is list, or an empty one that JSON shows as [].
func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
