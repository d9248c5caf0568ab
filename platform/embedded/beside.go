package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// copyBeside copies a file that others append to: what it holds now, and not what comes meanwhile.
func (p *Platform) copyBeside(ctx context.Context, name, work string) error {
	info, err := p.fs.Stat(p.path(name))
	if isNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	file, err := p.fs.Open(p.path(name), vfs.SequentialReadsOption)
	if err != nil {
		return err
	}
	err = writeSynced(p.fs, p.fs.PathJoin(work, name), func(w io.Writer) error {
		for left := info.Size(); left > 0; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n, err := io.CopyN(w, file, min(left, copyBytes))
			if err != nil {
				return fmt.Errorf("copy %s: %w", name, err)
			}
			left -= n
		}
		return nil
	})
	return errors.Join(err, file.Close())
}

// mayStandBeside reports whether a file of that name may lie in a data directory and in a backup
// beside what they hold themselves: letters, digits, "-" and "." in lower case.
func mayStandBeside(name string) bool {
	if name == keysDir || name == contentDir || strings.HasPrefix(name, storeDir) {
		return false
	}
	for i := range len(name) {
		c := name[i]
		lower := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !lower && (i == 0 || c != '-' && c != '.') {
			return false
		}
	}
	return name != "" && len(name) <= 64
}
