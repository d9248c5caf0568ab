// Package webhook posts webhooks over HTTP, to public addresses only.
//
// It promises one request for each Post; that a connection is made to the very address that was
// checked, so that a name which means another address a moment later is no way in; that no redirect
// is followed and no proxy of the environment asked; and that nothing of an answer is kept but its
// status. It knows no endpoint and signs nothing. cmd makes it and gives it to the notification
// room.
package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/souk-commerce/souk/shop/notification"
)

// The bounds of an answer. Nobody reads more of it.
const (
	maxHeader = 16 << 10 // bytes
	maxBody   = 4 << 10  // bytes that are read so that the connection can be used again
)

// Options is what the operator decides. The zero value posts to public addresses over HTTPS.
type Options struct {
	// Private lets webhooks go to private addresses, and without TLS: for a market and a receiver
	// on one machine. Whoever may register an endpoint then reaches everything that it can.
	Private bool
	Roots   *x509.CertPool // whose certificates are believed; nil: the system's
}

// Poster is a notification.Poster. It is safe for concurrent use.
type Poster struct {
	opt    Options
	client *http.Client
}

var _ notification.Poster = (*Poster)(nil)

// New makes a poster.
func New(opt Options) *Poster {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	if !opt.Private {
		dialer.Control = onlyPublic
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Poster{opt: opt, client: &http.Client{
		CheckRedirect: stay,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true, DisableCompression: true,
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: opt.Roots},
			TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: 30 * time.Second,
			MaxIdleConns: 1000, MaxIdleConnsPerHost: 8, MaxResponseHeaderBytes: maxHeader,
		},
	}}
}

// onlyPublic refuses to connect to an address that is not public. It is called with the address
// that was resolved, just before the connection is made.
func onlyPublic(_, address string, _ syscall.RawConn) error {
	if !publicAddress(address) {
		return errPrivate
	}
	return nil
}

// Post implements notification.Poster.
func (p *Poster) Post(ctx context.Context, post notification.Post) notification.Answer {
	if err := p.Check(post.URL); err != nil {
		return notification.Answer{Reason: "bad_address"}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, post.URL,
		strings.NewReader(post.Body))
	if err != nil {
		return notification.Answer{Reason: "bad_address"}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Souk-Webhooks/1")
	r.Header.Set("Webhook-Id", post.ID)
	r.Header.Set("Webhook-Timestamp", strconv.FormatInt(post.At.Unix(), 10))
	r.Header.Set("Webhook-Signature", post.Signature)
	answer, err := p.client.Do(r)
	if err != nil {
		return notification.Answer{Reason: reasonOf(err)}
	}
	defer func() { _ = answer.Body.Close() }() // it was read, or is of no interest
	_, _ = io.CopyN(io.Discard, answer.Body, maxBody)
	return notification.Answer{
		Status: answer.StatusCode, RetryAfter: retryAfter(answer.Header),
	}
}

// retryAfter is how long the receiver asks to be left alone: in seconds, or until a date by its own
// clock.
func retryAfter(h http.Header) time.Duration {
	asked := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(asked, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(asked)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return max(until.Sub(now), 0)
}

// reasonOf is a word for why there was no answer.
func reasonOf(err error) string {
	var slow net.Error
	_, unknown := errors.AsType[*net.DNSError](err)
	_, cert := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case errors.Is(err, errPrivate):
		return "private_address"
	case errors.As(err, &slow) && slow.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case unknown:
		return "no_such_host"
	case cert:
		return "bad_certificate"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	}
	return "broken"
}
