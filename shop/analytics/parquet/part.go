package parquet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	pq "github.com/parquet-go/parquet-go"

	"github.com/souk-commerce/souk/platform"
)

// unfinished ends the name of a file that is being written.
const unfinished = ".unfinished"

// part is a file that is being written. It has its name only when it is whole and on disk.
type part struct {
	path  string
	file  *os.File
	w     *pq.Writer
	table *table
	row   pq.Row
	rows  int
	used  int64
}

func create(folder, name string, t *table) (*part, error) {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return nil, fmt.Errorf("make a folder of the export: %w", err)
	}
	path := filepath.Join(folder, name+".parquet")
	f, err := os.Create(path + unfinished)
	if err != nil {
		return nil, fmt.Errorf("make a file of the export: %w", err)
	}
	return &part{path: path, file: f, table: t, w: pq.NewWriter(f, t.schema)}, nil
}

func (p *part) write(e *platform.Event) error {
	row, err := p.table.row(p.row, e)
	if err != nil {
		return err
	}
	p.row = row
	if _, err := p.w.WriteRows([]pq.Row{row}); err != nil {
		return fmt.Errorf("write %s: %w", p.path, err)
	}
	if p.rows++; p.rows%rowGroup == 0 {
		if err := p.w.Flush(); err != nil {
			return fmt.Errorf("write %s: %w", p.path, err)
		}
	}
	return nil
}

// finish makes the file whole, durable and visible, in this order.
func (p *part) finish() error {
	err := errors.Join(p.w.Close(), p.file.Sync(), p.file.Close())
	if err == nil {
		err = os.Rename(p.path+unfinished, p.path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(p.path))
	}
	if err != nil {
		return fmt.Errorf("finish %s: %w", p.path, err)
	}
	return nil
}

func (p *part) abandon() error {
	return errors.Join(p.file.Close(), os.Remove(p.path+unfinished))
}

// replace writes a file so that there is always either the old one or the new.
func replace(path string, content []byte) error {
	f, err := os.Create(path + unfinished)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(path+unfinished, path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	return err
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
