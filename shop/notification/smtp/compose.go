package smtp

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"

	"github.com/souk-commerce/souk/shop/notification"
)

// Header is the header by which every mail tells which message it is.
const Header = "X-Souk-Message"

// compose writes a letter as MIME: plain text, and the same as a page. The same letter is the same
// bytes, but for the date, so that every attempt bears the same Message-ID.
func (c *Carrier) compose(l notification.Letter, to *mail.Address) ([]byte, error) {
	var b bytes.Buffer
	name := fingerprint(l.Key)
	domain := c.from.Address[strings.LastIndexByte(c.from.Address, '@')+1:]
	field := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	field("From", c.from.String())
	field("To", to.String())
	field("Subject", mime.QEncoding.Encode("utf-8", oneLine(l.Title)))
	if !l.At.IsZero() {
		field("Date", stamp(l.At))
	}
	field("Message-ID", "<"+name+"@"+domain+">")
	field(Header, string(l.Message))
	field("Auto-Submitted", "auto-generated")
	if l.Language != "" {
		field("Content-Language", l.Language)
	}
	if l.Leave != "" {
		field("List-Unsubscribe", "<"+l.Leave+">")
		field("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	}
	field("MIME-Version", "1.0")
	parts := multipart.NewWriter(&b)
	if err := parts.SetBoundary("souk-" + name); err != nil {
		return nil, fmt.Errorf("compose %s: %w", l.Message, err)
	}
	field("Content-Type", `multipart/alternative; boundary="`+parts.Boundary()+`"`)
	b.WriteString("\r\n")
	for _, p := range []struct{ media, text string }{
		{"text/plain; charset=utf-8", l.Text + "\n"}, {"text/html; charset=utf-8", l.HTML},
	} {
		if p.text == "" {
			continue
		}
		if err := part(parts, p.media, p.text); err != nil {
			return nil, fmt.Errorf("compose %s: %w", l.Message, err)
		}
	}
	if err := parts.Close(); err != nil {
		return nil, fmt.Errorf("compose %s: %w", l.Message, err)
	}
	return b.Bytes(), nil
}

func part(parts *multipart.Writer, media, text string) error {
	w, err := parts.CreatePart(textproto.MIMEHeader{
		"Content-Type":              {media},
		"Content-Transfer-Encoding": {"quoted-printable"},
	})
	if err != nil {
		return err
	}
	q := quotedprintable.NewWriter(w)
	if _, err := q.Write([]byte(text)); err != nil {
		return err
	}
	return q.Close()
}

// fingerprint is a name for a letter that tells nothing of it.
func fingerprint(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:12])
}

// oneLine keeps a header to itself.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
