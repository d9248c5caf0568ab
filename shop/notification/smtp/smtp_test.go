package smtp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	server "github.com/emersion/go-smtp"

	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/notification/smtp"
)

const to = "ada@example.org"

func letterOf() notification.Letter {
	return notification.Letter{
		Key: "msg_order_delivered_a/mail", Message: "msg_order_delivered_a", To: to,
		Title: "Ihr Paket ist da: schön", Text: "Zeile eins.\n.Zeile zwei mit Punkt.",
		HTML: "<p>Zeile <strong>eins</strong>.</p>", Language: "de",
		At:    time.Date(2026, 11, 5, 9, 30, 0, 0, time.UTC),
		Leave: "https://shop.example/v1/messages/msg_order_delivered_a/leave/lv_1",
	}
}

// carrier makes one for the server; change may say what else is decided.
func carrier(
	t *testing.T, p *post, security smtp.Security, change func(*smtp.Options),
) *smtp.Carrier {
	t.Helper()
	o := smtp.Options{
		Address: p.addr, Security: security, From: "Souk <shop@example.com>",
		TLS: &tls.Config{RootCAs: p.roots, MinVersion: tls.VersionTLS12},
	}
	if change != nil {
		change(&o)
	}
	c, err := smtp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func signIn(o *smtp.Options) { o.User, o.Password = "shop", "secret" }

// Goal: a letter arrives as it was given, with what a mail program needs to show it, to thread it
// and to leave its topic, over each kind of connection. Method: a real server; the letter is read
// with another reader than wrote it.
func TestLettersArrive(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		security         smtp.Security
		implicit, secure bool
		change           func(*smtp.Options)
		user             string
	}{
		{smtp.TLS, true, false, signIn, "shop"},
		{smtp.StartTLS, false, true, signIn, "shop"},
		{smtp.StartTLS, false, true, nil, ""},
		{smtp.Plain, false, false, nil, ""},
	} {
		p := new(post).start(t, tc.implicit, tc.secure)
		out := carrier(t, p, tc.security, tc.change).Send(t.Context(), letterOf())
		if out.Verdict != notification.Taken {
			t.Errorf("%s: %+v", tc.security, out)
			continue
		}
		if strings.Join(p.users, " ") != tc.user {
			t.Errorf("%s: signed in: %v", tc.security, p.users)
		}
		all := p.letters()
		if len(all) != 1 || all[0].from != "shop@example.com" || all[0].to != to {
			t.Errorf("%s: it has %d letters", tc.security, len(all))
		}
		readLetter(t, all[0].data)
	}
}

func readLetter(t *testing.T, data []byte) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != "Ihr Paket ist da: schön" {
		t.Errorf("the subject is %q, %v", subject, err)
	}
	for name, want := range map[string]string{
		"To": "<" + to + ">", "From": `"Souk" <shop@example.com>`, "Content-Language": "de",
		"Date":                  "Thu, 05 Nov 2026 09:30:00 +0000",
		"List-Unsubscribe":      "<" + letterOf().Leave + ">",
		"List-Unsubscribe-Post": "List-Unsubscribe=One-Click", smtp.Header: "msg_order_delivered_a",
		"Auto-Submitted": "auto-generated",
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if id := m.Header.Get("Message-ID"); !strings.HasSuffix(id, "@example.com>") ||
		strings.Contains(id, "ada") {
		t.Errorf("it is named %s", id)
	}
	media, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || media != "multipart/alternative" {
		t.Fatalf("it is %s, %v", media, err)
	}
	var texts []string
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, p.Header.Get("Content-Type"), string(text))
	}
	want := []string{
		"text/plain; charset=utf-8", letterOf().Text + "\n",
		"text/html; charset=utf-8", letterOf().HTML,
	}
	got := strings.ReplaceAll(strings.Join(texts, "|"), "\r\n", "\n")
	if got != strings.Join(want, "|") {
		t.Errorf("it says %q", got)
	}
}

// Goal: what the carrier says of a letter is certain: refused only where the server certainly does
// not have it, taken only where it said so, and unknown otherwise. Method: a server in every mood;
// its own count of what it took.
func TestWeather(t *testing.T) {
	t.Parallel()
	answer := func(code int) error {
		return &server.SMTPError{Code: code, Message: "no <" + to + "> here"}
	}
	refused := func(reason string, final bool) notification.Outcome {
		return notification.Outcome{Verdict: notification.Refused, Reason: reason, Final: final}
	}
	silent := &post{hang: make(chan struct{})}
	for name, tc := range map[string]struct {
		p    *post
		want notification.Outcome
		took int
	}{
		"no such sender":   {&post{mail: answer(550)}, refused("sender_refused", false), 0},
		"no sender yet":    {&post{mail: answer(451)}, refused("throttled", false), 0},
		"no such box":      {&post{rcpt: answer(550)}, refused("bad_address", true), 0},
		"a full box":       {&post{rcpt: answer(452)}, refused("throttled", false), 0},
		"a bad letter":     {&post{data: answer(554)}, refused("rejected", true), 0},
		"no letter yet":    {&post{data: answer(451)}, refused("throttled", false), 0},
		"taken in silence": {silent, notification.Outcome{}, 1},
		"taken, then cut":  {&post{cut: true}, notification.Outcome{}, 1},
	} {
		p := tc.p.start(t, false, false)
		limit := 20 * time.Second
		if p.hang != nil {
			limit = 300 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		out := carrier(t, p, smtp.Plain, nil).Send(ctx, letterOf())
		cancel()
		if out != tc.want || len(p.letters()) != tc.took {
			t.Errorf("%s: %+v, want %+v; it took %d", name, out, tc.want, len(p.letters()))
		}
	}
}

// Goal: a server that is not there, does not speak, or does not offer what was required takes
// nothing, and nobody's password is shown to it. Method: one of each.
func TestNothingIsSent(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mute := &post{addr: l.Addr().String()} // it accepts, and says nothing
	defer func() { _ = l.Close() }()
	bare := new(post).start(t, false, false)
	stranger := new(post).start(t, false, true)
	stranger.roots = nil
	wrong := func(o *smtp.Options) { o.User, o.Password = "shop", "wrong" }
	for name, tc := range map[string]struct {
		p        *post
		security smtp.Security
		change   func(*smtp.Options)
		reason   string
	}{
		"nobody is there": {&post{addr: "127.0.0.1:1"}, smtp.Plain, nil, "unreachable"},
		"it says nothing": {mute, smtp.Plain, nil, "timeout"},
		"it has no TLS":   {bare, smtp.StartTLS, signIn, "no_tls"},
		"nobody knows it": {stranger, smtp.StartTLS, signIn, "unreachable"},
		"wrong password": {
			new(post).start(t, true, false), smtp.TLS, wrong, "not_authorised",
		},
	} {
		limit := 20 * time.Second
		if tc.p == mute {
			limit = 200 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		out := carrier(t, tc.p, tc.security, tc.change).Send(ctx, letterOf())
		cancel()
		if out.Verdict != notification.Refused || out.Reason != tc.reason || out.Final {
			t.Errorf("%s: %+v, want %s", name, out, tc.reason)
		}
		if len(tc.p.letters())+len(tc.p.users) != 0 {
			t.Errorf("%s: something was sent", name)
		}
	}
}

// Goal: an address or a title breaks no header, and options that cannot work are refused. Method:
// some of each.
func TestBadInput(t *testing.T) {
	t.Parallel()
	p := new(post).start(t, false, false)
	c := carrier(t, p, smtp.Plain, nil)
	for _, bad := range []string{
		"", "ada", "ada@", "a b@example.org", "ada@example.org\r\nBcc: eve@example.org",
	} {
		l := letterOf()
		l.To = bad
		if out := c.Send(t.Context(), l); out.Reason != "bad_address" || !out.Final {
			t.Errorf("%q: %+v", bad, out)
		}
	}
	l := letterOf()
	l.Title = "Hello\r\nBcc: eve@example.org"
	if out := c.Send(t.Context(), l); out.Verdict != notification.Taken {
		t.Errorf("a title of two lines: %+v", out)
	}
	m, err := mail.ReadMessage(bytes.NewReader(p.letters()[0].data))
	if err != nil || m.Header.Get("Bcc") != "" {
		t.Errorf("a title became a header: %v, %v", m.Header, err)
	}
	for _, o := range []smtp.Options{
		{Address: "mail", Security: smtp.TLS, From: "shop@example.com"},
		{Address: "mail:25", Security: "none", From: "shop@example.com"},
		{Address: "mail:25", Security: smtp.Plain, From: ""},
		{Address: "mail:25", Security: smtp.Plain, From: "shop@example.com", User: "shop"},
	} {
		if _, err := smtp.New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
