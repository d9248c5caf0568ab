package importer

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"

	"github.com/souk-commerce/souk/shop"
)

// Open opens a file of the format from its beginning, plain or gzipped, as its first bytes say.
func Open(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	head := bufio.NewReaderSize(f, 1<<16)
	magic, err := head.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, f.Close())
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return content{head, f}, nil
	}
	z, err := gzip.NewReader(head)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("unpack %s: %w", path, err), f.Close())
	}
	return content{z, f}, nil
}

// Look refuses a file that cannot be opened, or is of another format, by its beginning alone.
func Look(path string) error {
	f, err := Open(path)
	if err != nil {
		return err
	}
	_, err = readLines(f)
	return errors.Join(err, f.Close())
}

// content reads one thing and closes another.
type content struct {
	io.Reader
	io.Closer
}

// maxLine bounds one line of the file, in bytes.
const maxLine = 64 << 10

// lines reads a file line by line, whatever is in it, in bounded memory.
type lines struct {
	in    *bufio.Reader
	sum   hash.Hash
	count int64 // lines that were read, the header included
	err   error // what ended the file, io.EOF if it was its end
}

// readLines begins a file, and refuses one of another format.
func readLines(in io.Reader) (*lines, error) {
	sum := sha256.New()
	l := &lines{in: bufio.NewReaderSize(io.TeeReader(in, sum), maxLine), sum: sum}
	first, whole, ok := l.next()
	switch {
	case l.err != nil && !errors.Is(l.err, io.EOF):
		return nil, fmt.Errorf("read the file: %w", l.err)
	case !ok || !whole || !strings.EqualFold(strings.TrimPrefix(first, "\ufeff"), header):
		return nil, shop.Errorf(shop.Invalid, "the file is not of the format uci-online-retail").
			WithHint("its first line must be %s", header)
	}
	return l, nil
}

// next returns the next line without its end; whole is false for one that is too long, of which
// only the beginning is returned. ok is false at the end of the file.
func (l *lines) next() (text string, whole, ok bool) {
	if l.err != nil {
		return "", false, false
	}
	raw, err := l.in.ReadSlice('\n')
	whole = !errors.Is(err, bufio.ErrBufferFull)
	if len(raw) > 0 {
		text = string(bytes.TrimRight(raw, "\r\n"))
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = l.in.ReadSlice('\n')
	}
	l.err = err
	if len(raw) == 0 && err != nil {
		return "", false, false
	}
	l.count++
	return text, whole, true
}

// digest names what was read. It is of the whole content once next has returned false.
func (l *lines) digest() string { return hex.EncodeToString(l.sum.Sum(nil)) }
