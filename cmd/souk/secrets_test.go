package main

import (
	"encoding/base64"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
)

// secretFile writes a file of secrets that only its owner can read.
func secretFile(t *testing.T, lines ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Goal: while secrets change, webhooks signed with the old or the new one are taken, and no other
// is. Method: the shop with a file of two secrets, one of them as Standard Webhooks spells it;
// notices at the door.
func TestWebhookSecretsRotate(t *testing.T) {
	t.Parallel()
	newest, old := []byte("a secret of twenty-odd bytes"), strings.Repeat("o", 32)
	secrets, err := webhookSecrets(secretFile(t, "# ours",
		secretPrefix+base64.StdEncoding.EncodeToString(newest), "", old+" "))
	if err != nil {
		t.Fatal(err)
	}
	e := &env{
		ctx: t.Context(), out: io.Discard, err: io.Discard, log: slog.New(slog.DiscardHandler),
	}
	w, err := openWorld(e, inMemory, policyFlags{Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	}()
	if err := w.app.Start(e.ctx); err != nil {
		t.Fatal(err)
	}
	const body = `{"type":"something.else","timestamp":"2026-01-01T00:00:00Z","data":{}}`
	for id, c := range map[string]struct {
		secret string
		want   int
	}{
		"new": {string(newest), 204}, "old": {old, 204}, "none": {strings.Repeat("x", 32), 401},
		"comment": {"# ours", 401}, "empty": {"", 401},
	} {
		now := time.Now()
		r := httptest.NewRequestWithContext(e.ctx, "POST", "/v1/webhooks/sandbox",
			strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("webhook-id", id)
		r.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
		r.Header.Set("webhook-signature", payment.Sign([]byte(c.secret), id, now, []byte(body)))
		rec := httptest.NewRecorder()
		w.app.Handler().ServeHTTP(rec, r)
		if rec.Code != c.want {
			t.Errorf("signed with the secret %s: %d %s", id, rec.Code, rec.Body)
		}
	}
}

// Goal: a file of secrets that is not safe or not right is refused, with what to do about it and
// without a word of what is in it. Method: one file for each fault.
func TestWebhookSecretFilesAreRefused(t *testing.T) {
	t.Parallel()
	const secret = "sesame-sesame-sesame"
	open := secretFile(t, secret)
	if err := os.Chmod(open, 0o604); err != nil {
		t.Fatal(err)
	}
	for what, path := range map[string]string{
		"everybody can read it": open,
		"it is not there":       filepath.Join(t.TempDir(), "nothing"),
		"it is a directory":     t.TempDir(),
		"it is empty":           secretFile(t, "", "# nothing yet"),
		"one is too short":      secretFile(t, secret, "sesame"),
		"one is too long":       secretFile(t, strings.Repeat(secret, 100)),
		"one is no base64":      secretFile(t, secretPrefix+secret+"!"),
		"there are too many":    secretFile(t, strings.Repeat(secret+"\n", 9)),
		"a line has no end":     secretFile(t, strings.Repeat(secret, 10_000)),
	} {
		_, err := webhookSecrets(path)
		if shop.CodeOf(err) != shop.Invalid || hintFor(err) == "" {
			t.Errorf("%s: %v; next: %q", what, err, hintFor(err))
		} else if strings.Contains(err.Error()+hintFor(err), "sesame") {
			t.Errorf("%s: the secret is in the error: %v", what, err)
		}
	}
}
