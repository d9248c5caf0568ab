// Package smtp carries messages by mail to an SMTP server (RFC 5321).
//
// It promises one delivery to the server for each call and never a second by itself, and that it
// says what is certain: until the last line of a letter is on its way the server cannot have taken
// it; from then on only its answer tells, and without one the outcome is unknown. A password is
// only sent over TLS. No word of the server's is passed on but its code. cmd makes it and gives it
// to the notification room.
package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/notification"
)

// Security says how the connection to the server is kept secret.
type Security string

// The securities.
const (
	TLS      Security = "tls"      // from the first byte, usually at port 465
	StartTLS Security = "starttls" // from the server's word on, usually at 587; refused without
	Plain    Security = "plain"    // not at all: only for a server on the same machine or network
)

// Options is what the operator decides. Address, Security and From are required.
type Options struct {
	Address  string // "host:port"
	Security Security
	User     string // "": nobody signs in
	Password string
	From     string // as in "Souk <shop@example.org>"
	TLS      *tls.Config
	// Connections bounds how many letters are handed over at once; 0 is 8.
	Connections int
}

// Carrier is a notification.Carrier. It is safe for concurrent use.
type Carrier struct {
	opt  Options
	host string
	from *mail.Address
	room chan struct{}
}

var _ notification.Carrier = (*Carrier)(nil)

// New makes a carrier. It connects to nobody yet.
func New(opt Options) (*Carrier, error) {
	host, _, err := net.SplitHostPort(opt.Address)
	if err != nil {
		return nil, shop.Errorf(shop.Invalid, "the mail server is no host:port: %w", err).
			WithHint("write it as in mail.example.org:587")
	}
	from, err := mail.ParseAddress(opt.From)
	if err != nil {
		return nil, shop.Errorf(shop.Invalid, "mail needs the address that it comes from: %w", err).
			WithHint("write it as in Souk <shop@example.org>")
	}
	switch {
	case opt.Security != TLS && opt.Security != StartTLS && opt.Security != Plain:
		return nil, shop.Errorf(shop.Invalid, "mail goes by tls, starttls or plain, not by %q",
			opt.Security)
	case opt.Security == Plain && opt.User != "":
		return nil, shop.Errorf(shop.Invalid, "a password is only sent over TLS").
			WithHint("choose tls or starttls, or leave the user out")
	}
	if opt.Connections == 0 {
		opt.Connections = 8
	}
	return &Carrier{
		opt: opt, host: host, from: from, room: make(chan struct{}, opt.Connections),
	}, nil
}

// Send implements notification.Carrier.
func (c *Carrier) Send(ctx context.Context, l notification.Letter) notification.Outcome {
	to, err := mail.ParseAddress(l.To)
	if err != nil || strings.ContainsAny(to.Address, "\r\n") {
		return refused("bad_address", true)
	}
	data, err := c.compose(l, to)
	if err != nil {
		return refused("not_sendable", true)
	}
	select {
	case c.room <- struct{}{}:
		defer func() { <-c.room }()
	case <-ctx.Done():
		return refused("busy", false)
	}
	client, err := c.connect(ctx)
	if err != nil {
		return c.unsent(err, "unreachable")
	}
	defer func() { _ = client.Close() }() // whatever mattered was said before
	if err := c.greet(client); err != nil {
		return c.unsent(err, "not_authorised")
	}
	out := c.hand(client, to.Address, data)
	if out.Verdict == notification.Taken {
		_ = client.Quit() // the letter is taken, however they part
	}
	return out
}

// connect opens the connection. All of it ends when ctx does.
func (c *Carrier) connect(ctx context.Context) (*smtp.Client, error) {
	var conn net.Conn
	var err error
	if c.opt.Security == TLS {
		d := &tls.Dialer{Config: c.tls()}
		conn, err = d.DialContext(ctx, "tcp", c.opt.Address)
	} else {
		var d net.Dialer
		conn, err = d.DialContext(ctx, "tcp", c.opt.Address)
	}
	if err != nil {
		return nil, err
	}
	if until, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(until); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	client, err := smtp.NewClient(conn, c.host)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return client, nil
}

func (c *Carrier) tls() *tls.Config {
	cfg := &tls.Config{}
	if c.opt.TLS != nil {
		cfg = c.opt.TLS.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = c.host
	}
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12)
	return cfg
}

// errNoTLS says that the server does not offer what the operator requires.
var errNoTLS = errors.New("the server does not offer STARTTLS")

// greet says who we are, over TLS.
func (c *Carrier) greet(client *smtp.Client) error {
	name := c.from.Address[strings.LastIndexByte(c.from.Address, '@')+1:]
	if err := client.Hello(name); err != nil {
		return err
	}
	if c.opt.Security == StartTLS {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return errNoTLS
		}
		if err := client.StartTLS(c.tls()); err != nil {
			return err
		}
	}
	if c.opt.User == "" {
		return nil
	}
	return client.Auth(smtp.PlainAuth("", c.opt.User, c.opt.Password, c.host))
}

// hand gives the letter over. Only the end of it can have it taken.
func (c *Carrier) hand(client *smtp.Client, to string, data []byte) notification.Outcome {
	if err := client.Mail(c.from.Address); err != nil {
		return c.unsent(err, "sender_refused")
	}
	if err := client.Rcpt(to); err != nil {
		return judged(err, "bad_address")
	}
	w, err := client.Data()
	if err != nil {
		return judged(err, "rejected")
	}
	if _, err := w.Write(data); err != nil {
		return c.unsent(err, "unreachable")
	}
	err = w.Close() // the last line, and the server's answer
	if err == nil {
		return notification.Outcome{Verdict: notification.Taken}
	}
	if _, answered := errors.AsType[*textproto.Error](err); answered {
		return judged(err, "rejected")
	}
	return notification.Outcome{Verdict: notification.Unknown}
}

// judged is what a server's refusal of this very letter means: 5xx for ever, 4xx for now. A
// connection that broke before the letter's end is for now as well.
func judged(err error, forEver string) notification.Outcome {
	answer, ok := errors.AsType[*textproto.Error](err)
	switch {
	case !ok:
		return refused("unreachable", false)
	case answer.Code >= 500:
		return refused(forEver, true)
	}
	return refused("throttled", false)
}

// unsent is what a failure means that the letter has nothing to do with: the operator, or time, may
// mend it.
func (*Carrier) unsent(err error, word string) notification.Outcome {
	var slow net.Error
	answer, answered := errors.AsType[*textproto.Error](err)
	switch {
	case errors.Is(err, errNoTLS):
		return refused("no_tls", false)
	case answered && answer.Code < 500:
		return refused("throttled", false)
	case answered:
		return refused(word, false)
	case errors.As(err, &slow) && slow.Timeout():
		return refused("timeout", false)
	}
	return refused("unreachable", false)
}

func refused(reason string, final bool) notification.Outcome {
	return notification.Outcome{Verdict: notification.Refused, Reason: reason, Final: final}
}

// stamp is how a mail's header writes a time.
func stamp(at time.Time) string { return at.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700") }
