package function

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// askForSignals has the service send SIGTERM before it ends the process. It does so only where an
// extension is registered, so this process registers one that wants no events. The wait for one,
// which never comes, tells the service that the extension is ready; it ends with ctx.
func (r *runtime) askForSignals(ctx context.Context, host string) error {
	const name = "souk-sigterm"
	base := "http://" + host + "/2020-01-01/extension"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/register",
		strings.NewReader(`{"events":[]}`))
	if err != nil {
		return fmt.Errorf("ask for signals: %w", err)
	}
	req.Header.Set("Lambda-Extension-Name", name)
	resp, err := r.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask for signals: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return fmt.Errorf("ask for signals: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask for signals: the service says %s", resp.Status)
	}
	id := resp.Header.Get("Lambda-Extension-Identifier")
	go r.waitForNothing(ctx, base+"/event/next", id) // ends with ctx
	return nil
}

func (r *runtime) waitForNothing(ctx context.Context, url, id string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	req.Header.Set("Lambda-Extension-Identifier", id)
	if resp, err := r.client.Do(req); err == nil {
		_ = resp.Body.Close() // there was nothing to wait for
	}
}
