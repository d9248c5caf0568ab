package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"time"
)

// lean is an HTTP/1.1 client for one kept connection that costs little next to the server it
// measures: the standard client would take as much of the machine as the shop. It is not safe for
// concurrent use.
type lean struct {
	conn net.Conn
	r    *bufio.Reader
	buf  []byte
	body []byte
}

// dial opens a connection to a host and port.
func dial(address string) (*lean, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to the server under test: %w", err)
	}
	return &lean{conn: conn, r: bufio.NewReaderSize(conn, 8192)}, nil
}

func (l *lean) close() { _ = l.conn.Close() }

// call is one request.
type call struct {
	method, path, token, key, prefer string
	body                             []byte
}

// callTimeout bounds one call; the bench stops at the first that takes longer.
const callTimeout = 60 * time.Second

// do sends a request and returns the status and the body, which is valid until the next call.
func (l *lean) do(c call) (status int, body []byte, err error) {
	b := l.buf[:0]
	b = append(b, c.method...)
	b = append(b, ' ')
	b = append(b, c.path...)
	b = append(b, " HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer "...)
	b = append(b, c.token...)
	if c.key != "" {
		b = append(b, "\r\nIdempotency-Key: "...)
		b = append(b, c.key...)
	}
	if c.prefer != "" {
		b = append(b, "\r\nPrefer: "...)
		b = append(b, c.prefer...)
	}
	if c.body != nil {
		b = append(b, "\r\nContent-Type: application/json\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(c.body)), 10)
	}
	b = append(append(b, "\r\n\r\n"...), c.body...)
	l.buf = b
	if err := l.conn.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return 0, nil, err
	}
	if _, err := l.conn.Write(b); err != nil {
		return 0, nil, err
	}
	return l.answer()
}

// answer reads a response.
func (l *lean) answer() (status int, body []byte, err error) {
	line, err := l.r.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if len(line) < 12 {
		return 0, nil, fmt.Errorf("not an HTTP answer: %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, fmt.Errorf("not an HTTP answer: %q", line)
	}
	length, chunked := -1, false
	for {
		line, err := l.r.ReadSlice('\n')
		if err != nil {
			return 0, nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(v)); err != nil {
				return 0, nil, err
			}
		}
		chunked = chunked || string(line) == "Transfer-Encoding: chunked"
	}
	l.body = l.body[:0]
	switch {
	case chunked:
		err = l.chunks()
	case length < 0:
		err = errors.New("an answer without a length")
	default:
		err = l.more(length)
	}
	return status, l.body, err
}

// maxAnswer bounds what is read of one answer.
const maxAnswer = 1 << 20

// more reads n bytes to the end of the body.
func (l *lean) more(n int) error {
	have := len(l.body)
	if n < 0 || have+n > maxAnswer {
		return fmt.Errorf("an answer of more than %d bytes", maxAnswer)
	}
	l.body = slices.Grow(l.body, n)[:have+n]
	_, err := io.ReadFull(l.r, l.body[have:])
	return err
}

// chunks reads a body whose length was not known beforehand.
func (l *lean) chunks() error {
	for {
		line, err := l.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(bytes.TrimRight(line, "\r\n")), 16, 32)
		if err != nil {
			return fmt.Errorf("not a chunk: %w", err)
		}
		if err := l.more(int(n)); err != nil {
			return err
		}
		if _, err := l.r.Discard(len("\r\n")); err != nil || n == 0 {
			return err
		}
	}
}
